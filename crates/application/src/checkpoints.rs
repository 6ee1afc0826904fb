//! The journal's own checkpoints: its key certified in the journal, its head signed, and what others hold of it compared.

use std::sync::{Arc, PoisonError, RwLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use tokio::sync::watch;
use verbond_domain::{ParticipantId, Problem, Timestamp};
use verbond_journal::{
    Checkpoint, Entry, KeyCertificate, KeyStatement, Origin, SignedCheckpoint, VerifierKey,
};
use verbond_store::{
    Transaction,
    checkpoints::{CheckpointRow, JournalKeyRow},
    tree::JournalHead,
};
use verbond_trust::{
    CertificateDer, IdentityHandle, JournalSigner, SignatureAlgorithm, Signer, TrustStore, Usage,
    jws::{self, Jws},
};

use crate::{OpContext, context::database_problem};

/// Longest chain of certificates under a key's statement.
const LONGEST_CHAIN: usize = 8;
/// Acts that are read at once.
const PAGE: i64 = 1000;
/// Seconds that a statement may be ahead of this node's clock.
const AHEAD: i64 = 300;

/// A checkpoint as a counterpart tells that it holds it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct HeldCheckpoint {
    /// The signed note.
    pub note: String,
    /// The key that signed it.
    pub verifier_key: String,
    /// By what that key is its journal's.
    pub key: KeyCertificate,
}

/// What a counterpart showed: this journal has lost what it once signed.
#[derive(Clone, Debug)]
pub struct Lost {
    /// What is wrong.
    pub problem: Problem,
    /// The checkpoint that shows it.
    pub note: String,
}

/// How a journal goes on after entries were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continued {
    /// The epoch that was opened.
    pub epoch: u32,
    /// How many entries there were.
    pub size: u64,
    /// How many there are known to have been.
    pub last_known: u64,
}

/// The journal's checkpoints, in one process. Those of a process without the key are read from the database.
pub struct Checkpoints {
    own: ParticipantId,
    identity: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    signer: Option<JournalSigner>,
    shown: RwLock<Option<Arc<str>>>,
    lost: watch::Sender<Option<Lost>>,
}

impl Checkpoints {
    /// Of this participant; with the journal's key in the process that signs.
    pub fn new(
        own: ParticipantId,
        identity: Arc<IdentityHandle>,
        trust: Arc<TrustStore>,
        signer: Option<JournalSigner>,
    ) -> Self {
        let (lost, _) = watch::channel(None);
        Self { own, identity, trust, signer, shown: RwLock::default(), lost }
    }

    /// The newest checkpoint for counterparts, as it travels with exchanges: the signed note in base64url.
    pub fn shown(&self) -> Option<Arc<str>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows this checkpoint to counterparts from now on.
    pub fn show(&self, row: &CheckpointRow) {
        let encoded = URL_SAFE_NO_PAD.encode(&row.note).into();
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(encoded);
    }

    /// Tells when a counterpart has shown that this journal has lost what it once signed: the node must stop.
    pub fn lost(&self) -> watch::Receiver<Option<Lost>> {
        self.lost.subscribe()
    }

    /// Certifies the journal's key in the journal, unless it is already: the first entry of a journal, and one more whenever key
    /// or epoch are others.
    ///
    /// # Errors
    /// When the statement cannot be signed, or a failing database.
    pub async fn certify(&self, context: &OpContext) -> Result<(), Problem> {
        let Some(signer) = &self.signer else { return Ok(()) };
        let failed = database_problem;
        let head = context.store.journal_head().await.map_err(failed)?;
        let key = self.key(signer, head.epoch).to_string();
        let known = context.store.journal_keys().await.map_err(failed)?;
        if known.iter().rfind(|row| row.epoch == head.epoch).is_some_and(|row| row.verifier_key == key) {
            return Ok(());
        }
        let mut transaction = context.store.begin().await.map_err(failed)?;
        self.certify_in(context, &mut transaction, signer, head.epoch).await?;
        transaction.commit().await.map_err(failed)
    }

    async fn certify_in(
        &self,
        context: &OpContext,
        transaction: &mut Transaction,
        signer: &JournalSigner,
        epoch: u32,
    ) -> Result<(), Problem> {
        let origin = self.origin(epoch).to_string();
        let verifier_key = self.key(signer, epoch).to_string();
        let now = context.ambient.now();
        let statement = KeyStatement::new(now, &self.own, origin.clone(), verifier_key.clone());
        let payload = statement.canonical().map_err(|error| unsigned(&error.to_string()))?;
        let identity = self.identity.current();
        let statement = jws::sign(&identity, &payload).await.map_err(|error| unsigned(&error.to_string()))?;
        let chain = identity.chain.iter().map(|der| URL_SAFE_NO_PAD.encode(der)).collect();
        let certificate = KeyCertificate { statement, chain };
        let row = JournalKeyRow {
            verifier_key: verifier_key.clone(),
            epoch,
            certificate: serde_json::to_string(&certificate).unwrap_or_default(),
            certified_at: now,
        };
        transaction.note_journal_key(&row).await.map_err(database_problem)?;
        let detail = json!({
            "origin": origin, "verifier_key": verifier_key,
            "statement": certificate.statement, "chain": certificate.chain,
        });
        context.record(transaction, "journal.key", &origin, detail).await
    }

    /// Signs the head of the journal if it has grown since the newest checkpoint; keeps and returns it.
    ///
    /// # Errors
    /// When it cannot be signed, or a failing database.
    pub async fn sign(&self, context: &OpContext) -> Result<Option<CheckpointRow>, Problem> {
        let Some(signer) = &self.signer else { return Ok(None) };
        let (store, failed) = (&context.store, database_problem);
        let head = store.journal_head().await.map_err(failed)?;
        let newest = store.newest_checkpoint().await.map_err(failed)?;
        let is_signed = newest.as_ref().is_some_and(|row| (row.epoch, row.size) >= (head.epoch, head.size));
        let signed_until = newest.map_or((1, 0), |row| (row.epoch, row.size));
        if head.size == 0 || is_signed || !self.begins(context, head, signed_until).await? {
            return Ok(None);
        }
        let root = store.journal_root(head.size).await.map_err(failed)?;
        let checkpoint = Checkpoint { origin: self.origin(head.epoch), size: head.size, root };
        let text = checkpoint.text();
        let signature = signer.sign(SignatureAlgorithm::Ed25519, text.as_bytes()).await;
        let signature = signature.map_err(|error| unsigned(&error.to_string()))?;
        let note = self.key(signer, head.epoch).note(&checkpoint, &signature);
        let signed_at = context.ambient.now();
        let row = CheckpointRow { epoch: head.epoch, size: head.size, signed_at, note };
        store.keep_checkpoint(&row).await.map_err(failed)?;
        Ok(Some(row))
    }

    /// Whether the tree holds the certification of the key that signs for the epoch: what opens an epoch gets its place after the epoch
    /// has begun, and the first checkpoint must be over it.
    async fn begins(
        &self,
        context: &OpContext,
        head: JournalHead,
        (epoch, mut from): (u32, u64),
    ) -> Result<bool, Problem> {
        if epoch >= head.epoch {
            return Ok(true);
        }
        let origin = self.origin(head.epoch).to_string();
        loop {
            let page = context.store.tree_entries_of("act", from, PAGE).await.map_err(database_problem)?;
            let Some(last) = page.last() else { return Ok(false) };
            from = last.index.saturating_add(1);
            let mut placed = page.iter().filter(|entry| entry.index < head.size);
            if placed.any(|entry| certifies(&entry.content, &origin)) {
                return Ok(true);
            }
        }
    }

    /// Looks whether a checkpoint that this node once signed, and that has been kept elsewhere, still is of this journal.
    ///
    /// # Errors
    /// `JOURNAL_BEHIND` when it is over more entries than there are, or over others; a failing database.
    pub async fn compare(&self, context: &OpContext, kept: &SignedCheckpoint) -> Result<(), Problem> {
        let (store, failed) = (&context.store, database_problem);
        let head = store.journal_head().await.map_err(failed)?;
        let length = store.journal_length().await.map_err(failed)?;
        let Checkpoint { origin, size, root } = &kept.checkpoint;
        if origin.epoch < head.epoch {
            // What an earlier epoch lost was said when this one began.
            return Ok(());
        }
        if origin.epoch > head.epoch || *size > length.max(head.size) {
            return Err(behind(*size, head.size, &kept.note));
        }
        if *size <= head.size && store.journal_root(*size).await.map_err(failed)? != *root {
            return Err(another_history(*size));
        }
        Ok(())
    }

    /// As [`Checkpoints::compare`], for what a counterpart holds. Whatever is not shown to be this participant's by its own
    /// certificate says nothing. When it shows that entries have been lost, the node is told to stop.
    ///
    /// # Errors
    /// As [`Checkpoints::compare`].
    pub async fn compare_held(&self, context: &OpContext, held: &HeldCheckpoint) -> Result<(), Problem> {
        let Some(kept) = self.verified(&self.own, held, context.ambient.now()) else { return Ok(()) };
        self.compare_or_stop(context, &kept).await
    }

    /// As [`Checkpoints::compare_held`], for what stands where this node publishes its journal: of what a key of this journal signed
    /// nobody else's word is needed. Returns whether one did; if not, it says nothing.
    ///
    /// # Errors
    /// As [`Checkpoints::compare`].
    pub async fn compare_published(
        &self,
        context: &OpContext,
        note: &SignedCheckpoint,
    ) -> Result<bool, Problem> {
        let known = context.store.journal_keys().await.map_err(database_problem)?;
        let mut keys = known.iter().filter_map(|row| row.verifier_key.parse::<VerifierKey>().ok());
        if !keys.any(|key| note.is_signed_by(&key)) {
            return Ok(false);
        }
        self.compare_or_stop(context, note).await.map(|()| true)
    }

    async fn compare_or_stop(&self, context: &OpContext, kept: &SignedCheckpoint) -> Result<(), Problem> {
        let compared = self.compare(context, kept).await;
        if let Err(problem) = &compared
            && matches!(problem.code, "JOURNAL_BEHIND" | "JOURNAL_DIFFERS")
        {
            self.lost.send_replace(Some(Lost { problem: problem.clone(), note: kept.note.clone() }));
        }
        compared
    }

    /// The checkpoint, if it is of this participant's journal and signed by a key that the participant's certificate vouches for.
    fn verified(
        &self,
        participant: &ParticipantId,
        held: &HeldCheckpoint,
        now: Timestamp,
    ) -> Option<SignedCheckpoint> {
        let note = SignedCheckpoint::parse(&held.note).ok()?;
        let key = held.verifier_key.parse::<VerifierKey>().ok()?;
        let is_good = note.checkpoint.origin.participant == *participant
            && note.is_signed_by(&key)
            && self.vouched(participant, &key, &held.key, now);
        is_good.then_some(note)
    }

    /// Whether the participant's certificate vouches for this key of its journal.
    pub(crate) fn vouched(
        &self,
        participant: &ParticipantId,
        key: &VerifierKey,
        certificate: &KeyCertificate,
        now: Timestamp,
    ) -> bool {
        let stated = || {
            let jws = Jws::parse(&certificate.statement).ok()?;
            let statement = KeyStatement::parse(jws.payload())?;
            let chain = chain(certificate)?;
            let ahead = statement.at() > now.plus_seconds(AHEAD);
            let signer = self.trust.judge_at(&chain, Usage::Client, statement.at(), now).ok()?;
            let is_signed = jws.certificate_thumbprint() == Some(signer.thumbprint)
                && jws.verify(&signer.public_key).is_ok();
            let is_theirs = signer.participant == *participant && statement.participant == *participant;
            let is_of_key = statement.verifier_key == key.to_string() && statement.origin == key.name();
            Some(is_signed && is_theirs && is_of_key && !ahead)
        };
        stated().unwrap_or(false)
    }

    /// The newest of the checkpoints of this journal that are known: what was kept, and what counterparts hold and can show to be
    /// this participant's by its own certificate.
    pub fn newest_known(
        &self,
        kept: Option<SignedCheckpoint>,
        held: &[HeldCheckpoint],
        now: Timestamp,
    ) -> Option<SignedCheckpoint> {
        let held = held.iter().filter_map(|held| self.verified(&self.own, held, now));
        held.chain(kept).max_by_key(|known| (known.checkpoint.origin.epoch, known.checkpoint.size))
    }

    /// Goes on after entries were lost, or after the database was put back from a backup, when nobody knows whether some were:
    /// opens the next epoch, which names the last checkpoint that is known of the one before. Everything that is there must be
    /// integrated.
    ///
    /// # Errors
    /// When the checkpoint is not of this journal's present epoch, nothing is missing, or a failing database.
    pub async fn continue_after(
        &self,
        context: &OpContext,
        last_known: &SignedCheckpoint,
        reason: &str,
    ) -> Result<Continued, Problem> {
        let Some(signer) = &self.signer else { return Err(unsigned("the journal's key is not here")) };
        let failed = database_problem;
        while context.store.integrate(1000).await.map_err(failed)? > 0 {}
        let head = context.store.journal_head().await.map_err(failed)?;
        let previous = self.origin(head.epoch.max(last_known.checkpoint.origin.epoch));
        if last_known.checkpoint.origin.participant != self.own || last_known.checkpoint.origin != previous {
            return Err(not_of_this_journal(&previous));
        }
        let is_whole = self.compare(context, last_known).await.is_ok();
        if is_whole && context.store.restored().await.map_err(failed)?.is_none() {
            return Err(nothing_missing());
        }
        let last_known = match is_whole && last_known.checkpoint.size < head.size {
            true => self.over_all(context, signer, head).await?,
            false => last_known.clone(),
        };
        let next = previous.epoch.saturating_add(1);
        let origin = self.origin(next).to_string();
        let mut transaction = context.store.begin().await.map_err(failed)?;
        transaction.open_epoch(head.epoch, next).await.map_err(failed)?;
        transaction.forget_restored().await.map_err(failed)?;
        let detail = json!({
            "origin": origin, "previous_origin": previous.to_string(), "size": head.size,
            "last_known": last_known.note, "reason": reason,
        });
        context.record(&mut transaction, "journal.continue", &origin, detail).await?;
        self.certify_in(context, &mut transaction, signer, next).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Continued { epoch: next, size: head.size, last_known: last_known.checkpoint.size })
    }

    /// A checkpoint over everything that is there, when none is known over as much: what an epoch ends with has to be named.
    async fn over_all(
        &self,
        context: &OpContext,
        signer: &JournalSigner,
        head: JournalHead,
    ) -> Result<SignedCheckpoint, Problem> {
        let failed = database_problem;
        let key = self.key(signer, head.epoch).to_string();
        let known = context.store.journal_keys().await.map_err(failed)?;
        if !known.iter().any(|row| row.epoch == head.epoch && row.verifier_key == key) {
            return Err(not_over_all(head.size));
        }
        self.sign(context).await?;
        let newest = context.store.newest_checkpoint().await.map_err(failed)?;
        let newest = newest.and_then(|row| SignedCheckpoint::parse(&row.note).ok());
        newest.filter(|newest| newest.checkpoint.size >= head.size).ok_or_else(|| not_over_all(head.size))
    }

    /// The key that signs now, with the statement by which it is this participant's, for counterparts.
    ///
    /// # Errors
    /// A failing database.
    pub async fn certificates(&self, context: &OpContext) -> Result<Vec<(String, KeyCertificate)>, Problem> {
        let keys = context.store.journal_keys().await.map_err(database_problem)?;
        Ok(keys
            .into_iter()
            .filter_map(|row| Some((row.verifier_key, serde_json::from_str(&row.certificate).ok()?)))
            .collect())
    }

    fn origin(&self, epoch: u32) -> Origin {
        Origin { participant: self.own.clone(), epoch }
    }

    fn key(&self, signer: &JournalSigner, epoch: u32) -> VerifierKey {
        VerifierKey::new(&self.origin(epoch), signer.raw_public_key())
    }
}

/// Whether an entry certifies the key of a journal.
fn certifies(content: &Option<(Vec<u8>, Vec<u8>)>, origin: &str) -> bool {
    let read = content.as_ref().and_then(|(_, payload)| serde_json::from_slice(payload).ok());
    matches!(read, Some(Entry::Act(act)) if act.action == "journal.key" && act.subject == origin)
}

fn chain(certificate: &KeyCertificate) -> Option<Vec<CertificateDer<'static>>> {
    let certificates = certificate.chain.iter().map(|der| URL_SAFE_NO_PAD.decode(der).ok().map(Into::into));
    (certificate.chain.len() <= LONGEST_CHAIN).then(|| certificates.collect())?
}

fn unsigned(why: &str) -> Problem {
    Problem::new(
        "CHECKPOINT_UNSIGNED",
        503,
        format!("Het controlepunt van het journaal kan niet worden ondertekend: {why}"),
        format!("the journal's checkpoint cannot be signed: {why}"),
    )
    .next(
        "Controleer `journal-key.pem` en het certificaat met `verbond doctor`.",
        "check `journal-key.pem` and the certificate with `verbond doctor`",
    )
}

fn behind(known: u64, present: u64, note: &str) -> Problem {
    Problem::new(
        "JOURNAL_BEHIND",
        503,
        format!(
            "Het journaal heeft {present} regels, maar er is een ondertekend controlepunt over {known} regels: er zijn regels \
             verdwenen. Het controlepunt: {note}"
        ),
        format!(
            "the journal has {present} entries, but a checkpoint was signed over {known}: entries have been lost. \
             The checkpoint: {note}"
        ),
    )
    .next(
        "Zet de nieuwste database terug; is die er niet meer, verklaar het gat dan met `verbond journal continue`.",
        "put the newest database back; if it is gone, declare the gap with `verbond journal continue`",
    )
}

fn another_history(size: u64) -> Problem {
    Problem::new(
        "JOURNAL_DIFFERS",
        503,
        format!("De eerste {size} regels van het journaal zijn andere dan die waarover eerder een controlepunt is ondertekend."),
        format!("the first {size} entries of the journal are others than those over which a checkpoint was signed before"),
    )
    .next(
        "Zet de database terug zoals zij was, en laat onderzoeken wie haar heeft gewijzigd; is het een teruggezette kopie die verder is gegaan, verklaar dat dan met `verbond journal continue`.",
        "put the database back as it was, and have it looked into who changed it; if it is a restored copy that went on, declare that with `verbond journal continue`",
    )
}

fn not_of_this_journal(origin: &Origin) -> Problem {
    Problem::new(
        "CHECKPOINT_OF_ANOTHER_JOURNAL",
        422,
        format!("Het controlepunt is niet van {origin}."),
        format!("the checkpoint is not of {origin}"),
    )
    .next(
        "Geef het nieuwste controlepunt van dit journaal: uit `journal-head`, of van een andere deelnemer.",
        "give the newest checkpoint of this journal: from `journal-head`, or from another participant",
    )
}

fn not_over_all(size: u64) -> Problem {
    Problem::new(
        "CHECKPOINT_TOO_SMALL",
        422,
        format!(
            "Er zijn {size} regels, en geen bekend controlepunt is over zoveel; `journal-key.pem` is niet de sleutel van dit tijdperk, zodat er geen kan worden ondertekend."
        ),
        format!(
            "there are {size} entries, and no known checkpoint is over as many; `journal-key.pem` is not the key of this epoch, so that none can be signed"
        ),
    )
    .next(
        "Zet de `journal-key.pem` van voor het verlies terug, of geef met --checkpoint een nieuwer controlepunt.",
        "put the `journal-key.pem` of before the loss back, or give a newer checkpoint with --checkpoint",
    )
}

fn nothing_missing() -> Problem {
    Problem::new(
        "NOTHING_MISSING",
        409,
        "Volgens dit controlepunt ontbreekt er niets: het journaal gaat gewoon verder.",
        "by this checkpoint nothing is missing: the journal simply goes on",
    )
    .next("Start het knooppunt met `verbond serve`.", "start the node with `verbond serve`")
}
