//! Evidence: the journal, or one exchange, in a file that anybody can check (docs/formats/evidence.md).

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use verbond_application::{OpContext, agreements::Envelope, database_problem, decisions::agreement_hash};
use verbond_domain::{ParticipantId, Problem, Timestamp, TransactionId};
use verbond_journal::{Bytes32, Entry, RecordedDecision, Showing, TILE_WIDTH, TileId, TreeHash};
use verbond_store::{checkpoints::CheckpointRow, tree::TreeEntry};
use verbond_trust::TrustStore;

use crate::{
    acts::{Needed, TakenIn},
    half::Telling,
    reconcile::Period,
    revocations::Certificates,
};

/// Name and version of the format.
pub(crate) const FORMAT: &str = "verbond-evidence/1";
/// Entries that are read at once: whole tiles.
pub(crate) const PAGE: i64 = 1000;

/// What evidence is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceOf {
    /// The whole journal; with a period payloads of that period only.
    Journal(Option<(Timestamp, Timestamp)>),
    /// One exchange.
    Exchange(TransactionId),
}

/// That the half of another party was asked for and is not there.
#[derive(Clone, Debug, Serialize)]
pub struct NotGiven {
    /// Of whom.
    pub participant: ParticipantId,
    /// When it was asked for, in milliseconds since 1970.
    pub at: i64,
    /// Why it is not there: the code of a problem.
    pub code: String,
}

/// Sends evidence piece by piece, each of whole lines: everything is proved against the newest checkpoint. `trust`: by whose lists of
/// revoked certificates it can be judged.
///
/// # Errors
/// `NO_CHECKPOINT_YET`; `EXCHANGE_UNKNOWN`; a problem with the database; nobody takes the lines any more. What has been taken by then has
/// no end, so that nobody takes it for whole.
pub async fn evidence(
    context: &OpContext,
    own: &ParticipantId,
    trust: &TrustStore,
    of: EvidenceOf,
    not_given: &[NotGiven],
    pieces: &mpsc::Sender<Result<Vec<u8>, Problem>>,
) -> Result<(), Problem> {
    let newest = newest_checkpoint(context).await?;
    let mut lines = Lines::new(pieces, None);
    match of {
        EvidenceOf::Journal(period) => {
            lines.begin(context, own, &newest, period).await?;
            lines.journal(context, &newest, period).await?;
        }
        EvidenceOf::Exchange(transaction) => {
            lines.exchange(context, own, &newest, transaction).await?;
        }
    }
    lines.not_given(not_given).await?;
    lines.agreements(context, &newest).await?;
    lines.revocation_lists(trust).await?;
    lines.end().await
}

pub(crate) async fn newest_checkpoint(context: &OpContext) -> Result<CheckpointRow, Problem> {
    context.store.newest_checkpoint().await.map_err(database_problem)?.ok_or_else(no_checkpoint_yet)
}

/// Lines on their way.
pub(crate) struct Lines<'a> {
    pieces: &'a mpsc::Sender<Result<Vec<u8>, Problem>>,
    count: u64,
    /// Hashes of versions that entries name.
    agreements: BTreeSet<String>,
    /// Whose signatures it holds.
    certificates: Certificates,
    /// What the acts among the entries took in.
    taken_in: TakenIn,
    /// To whom it is handed over, where that is the other party.
    telling: Option<Telling<'a>>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(
        pieces: &'a mpsc::Sender<Result<Vec<u8>, Problem>>,
        telling: Option<Telling<'a>>,
    ) -> Self {
        Self {
            pieces,
            count: 0,
            agreements: BTreeSet::new(),
            certificates: Certificates::default(),
            taken_in: TakenIn::default(),
            telling,
        }
    }

    async fn not_given(&mut self, halves: &[NotGiven]) -> Result<(), Problem> {
        let line = |half: &NotGiven| {
            let NotGiven { participant, at, code } = half;
            json!({ "type": "not_given", "participant": participant, "at": at, "code": code })
        };
        self.put(halves.iter().map(line).collect()).await
    }

    async fn put(&mut self, lines: Vec<Value>) -> Result<(), Problem> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, &line).map_err(|error| unwritten(&error.to_string()))?;
            text.push(b'\n');
            self.count = self.count.saturating_add(1);
        }
        self.pieces.send(Ok(text)).await.map_err(|_| unwritten("nobody takes it"))
    }

    async fn begin(
        &mut self,
        context: &OpContext,
        own: &ParticipantId,
        newest: &CheckpointRow,
        period: Option<(Timestamp, Timestamp)>,
    ) -> Result<(), Problem> {
        let mut line = json!({
            "type": "evidence", "format": FORMAT, "participant": own, "made_at": context.ambient.now().millis(),
            "scope": "journal", "size": newest.size,
        });
        if let (Some((from, until)), Some(line)) = (period, line.as_object_mut()) {
            line.insert("period".to_owned(), json!({ "from": from.millis(), "until": until.millis() }));
        }
        self.put(vec![line]).await?;
        let mut last = None;
        loop {
            let rows =
                context.store.checkpoints(last.as_ref(), newest.size).await.map_err(database_problem)?;
            let Some(end) = rows.last().cloned() else { return Ok(()) };
            self.put(rows.iter().map(checkpoint).collect()).await?;
            last = Some(end);
        }
    }

    async fn journal(
        &mut self,
        context: &OpContext,
        newest: &CheckpointRow,
        period: Option<(Timestamp, Timestamp)>,
    ) -> Result<(), Problem> {
        let mut from = 0;
        while from < newest.size {
            let mut entries = context.store.tree_entries(from, PAGE).await.map_err(database_problem)?;
            entries.retain(|entry| entry.index < newest.size);
            if entries.is_empty() {
                break;
            }
            from = from.saturating_add(u64::try_from(entries.len()).unwrap_or(u64::MAX));
            let leaves = self.leaves(context, &entries).await?;
            let given = |entry: &TreeEntry| {
                let always = matches!(entry.kind.as_str(), "act" | "witness");
                always || period.is_none_or(|(from, until)| entry.at >= from && entry.at < until)
            };
            let told = entries.iter().zip(leaves).map(|(entry, leaf)| self.entry(entry, leaf, given(entry)));
            let told: Result<Vec<Value>, Problem> = told.collect();
            self.put(told?).await?;
        }
        Ok(())
    }

    /// The hashes of leaves as they stand in the tree.
    async fn leaves(&self, context: &OpContext, entries: &[TreeEntry]) -> Result<Vec<TreeHash>, Problem> {
        let wanted: BTreeSet<TileId> =
            entries.iter().map(|entry| TileId { level: 0, index: entry.index / TILE_WIDTH }).collect();
        let tiles = context.store.tiles(wanted).await.map_err(database_problem)?;
        let leaf = |entry: &TreeEntry| {
            let tile = tiles.get(&TileId { level: 0, index: entry.index / TILE_WIDTH })?;
            tile.get(usize::try_from(entry.index % TILE_WIDTH).ok()?).copied()
        };
        let leaves: Option<Vec<TreeHash>> = entries.iter().map(leaf).collect();
        leaves.ok_or_else(|| unwritten("a tile of the journal's tree is missing"))
    }

    /// An entry, with what may be told of it in a line behind it where the other party may not have all of it.
    async fn shown(
        &mut self,
        context: &OpContext,
        entry: &TreeEntry,
        leaf: TreeHash,
    ) -> Result<Vec<Value>, Problem> {
        let told = self.telling.as_ref().and_then(|telling| telling.in_part(entry));
        let Some((telling, told)) = self.telling.as_ref().zip(told) else {
            return Ok(vec![self.entry(entry, leaf, true)?]);
        };
        let told = telling.line(context, entry, told).await?;
        if let Some(payload) =
            entry.content.as_ref().and_then(|(_, payload)| std::str::from_utf8(payload).ok())
        {
            self.note_agreement(&entry.kind, payload);
        }
        Ok(vec![self.entry(entry, leaf, false)?, told])
    }

    fn entry(&mut self, entry: &TreeEntry, leaf: TreeHash, given: bool) -> Result<Value, Problem> {
        let mut line = json!({
            "type": "entry", "index": entry.index, "id": entry.id, "at": entry.at.millis(), "kind": entry.kind,
            "commitment": Bytes32(entry.commitment), "leaf": Bytes32(leaf),
        });
        let Some(members) = line.as_object_mut() else { return Ok(line) };
        match &entry.content {
            Some((salt, payload)) if given => {
                let payload = std::str::from_utf8(payload).map_err(|_| unwritten("a payload is no text"))?;
                self.note_agreement(&entry.kind, payload);
                self.certificates.take_entry(&entry.kind, payload);
                self.taken_in.take_entry(&entry.kind, payload);
                members.insert("salt".to_owned(), URL_SAFE_NO_PAD.encode(salt).into());
                members.insert("payload".to_owned(), payload.into());
            }
            Some(_) => drop(members.insert("withheld".to_owned(), true.into())),
            None => {}
        }
        Ok(line)
    }

    /// Notes the version that an entry names.
    fn note_agreement(&mut self, kind: &str, payload: &str) {
        if !matches!(kind, "permit" | "refusal") {
            return;
        }
        self.agreements.extend(serde_json::from_str(payload).ok().and_then(version_of));
    }

    pub(crate) async fn exchange(
        &mut self,
        context: &OpContext,
        own: &ParticipantId,
        newest: &CheckpointRow,
        transaction: TransactionId,
    ) -> Result<(), Problem> {
        let about = self.about(context, newest, transaction).await?;
        if about.is_empty() {
            return Err(unknown_exchange());
        }
        let of = ("transaction_id", json!(transaction));
        self.single_entries(context, own, newest, of, about).await
    }

    /// Exchanges of a period, for the other party; perhaps none.
    pub(crate) async fn exchanges(
        &mut self,
        context: &OpContext,
        own: &ParticipantId,
        newest: &CheckpointRow,
        period: Period,
        transactions: BTreeSet<TransactionId>,
    ) -> Result<(), Problem> {
        let mut about = Vec::new();
        for transaction in transactions {
            about.extend(self.about(context, newest, transaction).await?);
        }
        about.sort_unstable_by_key(|entry| entry.index);
        let of = ("period", json!({ "from": period.from.millis(), "until": period.until.millis() }));
        self.single_entries(context, own, newest, of, about).await
    }

    /// What the reader may have of one exchange, in order.
    async fn about(
        &self,
        context: &OpContext,
        newest: &CheckpointRow,
        transaction: TransactionId,
    ) -> Result<Vec<TreeEntry>, Problem> {
        let mut about = context.store.tree_entries_about(transaction).await.map_err(database_problem)?;
        let concerns =
            |entry: &TreeEntry| self.telling.as_ref().is_none_or(|telling| telling.concerns(entry));
        about.retain(|entry| entry.index < newest.size && concerns(entry));
        Ok(about)
    }

    /// Entries with a proof each, and those that they need beside them.
    async fn single_entries(
        &mut self,
        context: &OpContext,
        own: &ParticipantId,
        newest: &CheckpointRow,
        (name, of): (&str, Value),
        about: Vec<TreeEntry>,
    ) -> Result<(), Problem> {
        let seen = match about.last() {
            Some(last) => self.first_seen(context, &about, last.index, newest.size).await?,
            None => None,
        };
        let acts = self.needed(context, own, &about).await?.acts(context, newest.size).await?;
        let mut line = json!({
            "type": "evidence", "format": FORMAT, "participant": own, "made_at": context.ambient.now().millis(),
            "scope": "exchange", "size": newest.size, name: of,
        });
        if let (Some(telling), Some(line)) = (&self.telling, line.as_object_mut()) {
            line.insert("for".to_owned(), json!(telling.receiver));
        }
        self.put(vec![line, checkpoint(newest)]).await?;
        let mut entries: Vec<TreeEntry> = acts.into_iter().chain(about).chain(seen).collect();
        entries.sort_unstable_by_key(|entry| entry.index);
        for entry in entries {
            let showing = Showing::inclusion(entry.index, newest.size).ok_or_else(unknown_exchange)?;
            let proof = context.store.show(&showing).await.map_err(database_problem)?;
            let leaf = self.leaves(context, std::slice::from_ref(&entry)).await?;
            let mut lines = self.shown(context, &entry, leaf.first().copied().unwrap_or_default()).await?;
            let hashes: Vec<Bytes32> = proof.into_iter().map(Bytes32).collect();
            lines.push(json!({ "type": "inclusion", "index": entry.index, "hashes": hashes }));
            self.put(lines).await?;
        }
        Ok(())
    }

    /// What acts are needed about; by those who are handed a half neither services nor people are judged.
    async fn needed(
        &self,
        context: &OpContext,
        own: &ParticipantId,
        about: &[TreeEntry],
    ) -> Result<Needed, Problem> {
        let mut needed = Needed::default();
        if self.telling.is_some() {
            return Ok(needed);
        }
        needed.take_entries(about);
        let versions: BTreeSet<String> =
            about.iter().filter_map(|entry| version_of(payload(entry)?)).collect();
        for hash in versions {
            let row = context.store.agreement(&hash).await.map_err(database_problem)?;
            row.iter().for_each(|row| needed.take_version(row, own));
        }
        Ok(needed)
    }

    /// The first checkpoint of the counterpart that was seen after the exchange: by then the counterpart's half stood.
    async fn first_seen(
        &self,
        context: &OpContext,
        about: &[TreeEntry],
        after: u64,
        size: u64,
    ) -> Result<Option<TreeEntry>, Problem> {
        let Some(counterpart) = about.iter().find_map(counterpart) else { return Ok(None) };
        let mut from = after;
        loop {
            let page =
                context.store.tree_entries_of("witness", from, PAGE).await.map_err(database_problem)?;
            let Some(last) = page.last().map(|entry| entry.index) else { return Ok(None) };
            from = last.saturating_add(1);
            let is_theirs = |entry: &TreeEntry| matches!(payload(entry), Some(Entry::Witness(seen)) if seen.counterpart == counterpart);
            if let Some(seen) = page.into_iter().find(|entry| entry.index < size && is_theirs(entry)) {
                return Ok(Some(seen));
            }
        }
    }

    /// The versions that entries name, with what had been stated about them below the checkpoint.
    pub(crate) async fn agreements(
        &mut self,
        context: &OpContext,
        newest: &CheckpointRow,
    ) -> Result<(), Problem> {
        for hash in std::mem::take(&mut self.agreements) {
            let Some(row) = context.store.agreement(&hash).await.map_err(database_problem)? else { continue };
            if self.telling.as_ref().is_some_and(|telling| !telling.is_party_to(&row)) {
                continue;
            }
            let mut statements = Vec::new();
            for step in &row.steps {
                let envelope: Envelope = serde_json::from_str(&step.detail)
                    .map_err(|_| unwritten("a statement about an agreement is damaged"))?;
                // In a half no acts about agreements stand.
                if self.telling.is_some() || self.taken_in.stands_below(newest, step, &envelope) {
                    statements.push(envelope);
                }
            }
            self.certificates.take_statements(&statements);
            self.put(vec![json!({
                "type": "agreement", "id": row.agreement, "version": row.version, "hash": row.hash,
                "document": row.document, "statements": statements,
            })])
            .await?;
        }
        Ok(())
    }

    async fn revocation_lists(&mut self, trust: &TrustStore) -> Result<(), Problem> {
        // One at a time: they may be long.
        for line in std::mem::take(&mut self.certificates).lists(trust) {
            self.put(vec![line]).await?;
        }
        Ok(())
    }

    pub(crate) async fn end(&mut self) -> Result<(), Problem> {
        let lines = self.count.saturating_add(1);
        self.put(vec![json!({ "type": "end", "lines": lines })]).await
    }
}

fn checkpoint(row: &CheckpointRow) -> Value {
    json!({ "type": "checkpoint", "at": row.signed_at.millis(), "note": row.note })
}

pub(crate) fn payload(entry: &TreeEntry) -> Option<Entry> {
    let (_, payload) = entry.content.as_ref()?;
    serde_json::from_slice(payload).ok()
}

/// The version that an entry names.
fn version_of(entry: Entry) -> Option<String> {
    let decision = match entry {
        Entry::Permit(permit) => permit.decision,
        Entry::Refusal(refusal) => refusal.decision,
        _ => None,
    };
    let decision = decision.map(RecordedDecision::into_value);
    decision.as_ref().and_then(agreement_hash).map(str::to_owned)
}

fn counterpart(entry: &TreeEntry) -> Option<ParticipantId> {
    match payload(entry)? {
        Entry::Permit(permit) => Some(permit.parties.counterpart(permit.direction).clone()),
        Entry::Refusal(refusal) => Some(refusal.parties.counterpart(refusal.direction).clone()),
        _ => None,
    }
}

/// A journal that has just begun has no checkpoint.
pub fn no_checkpoint_yet() -> Problem {
    Problem::new("NO_CHECKPOINT_YET", 409, "Er is nog geen controlepunt.", "there is no checkpoint yet")
        .next("Wacht enkele seconden.", "wait for some seconds")
}

pub(crate) fn unknown_exchange() -> Problem {
    Problem::new(
        "EXCHANGE_UNKNOWN",
        404,
        "Van deze uitwisseling staat niets in het journaal onder het nieuwste controlepunt.",
        "nothing of this exchange stands in the journal under the newest checkpoint",
    )
    .next(
        "Controleer het transactienummer met `verbond record list`; is de uitwisseling van zojuist, wacht dan enkele seconden.",
        "check the transaction id with `verbond record list`; if the exchange is of this moment, wait for some seconds",
    )
}

pub(crate) fn unwritten(why: &str) -> Problem {
    Problem::new(
        "EVIDENCE_UNWRITTEN",
        500,
        format!("Het bewijs kan niet worden geschreven: {why}"),
        format!("the evidence cannot be written: {why}"),
    )
    .next("Controleer de database met `verbond doctor`.", "check the database with `verbond doctor`")
}
