//! The other party's half of one exchange: asked for, judged as anybody would judge it, and read.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use verbond_application::{OpContext, database_problem, witnesses::Witnesses};
use verbond_domain::{ParticipantId, Problem, Timestamp, TransactionId};
use verbond_journal::Entry;
use verbond_store::exchanges::{Answered, ExchangeFilter};

use crate::{
    HalvesPage, NotGiven,
    evidence::{FORMAT, unwritten},
    reconcile::{Counterpart, Period},
};

/// Most lines of a half, and of a page of them.
const MOST_LINES: usize = 1_000;
const MOST_LINES_OF_A_PAGE: usize = 10_000;
/// Most pages of a period: whoever leads round in a circle is not followed for ever.
const MOST_PAGES: usize = 100_000;
/// Most exchanges under one transaction: an organisation that asks on behalf of another has two.
const MOST_EXCHANGES: i64 = 10;

/// Judges evidence by the published rules (docs/formats/verification.md).
#[async_trait]
pub trait Judge: Send + Sync {
    /// The codes of what is not as it must be; nothing when all is well. `held`: checkpoints of the same journal that were seen
    /// before, as signed notes.
    async fn alarms(&self, evidence: Vec<u8>, held: Vec<String>) -> Vec<String>;
}

/// Asks other parties for their halves.
pub struct Halves {
    /// This participant.
    pub own: ParticipantId,
    /// Reaches the others.
    pub counterparts: Arc<dyn Counterpart>,
    /// Judges what they give.
    pub judge: Arc<dyn Judge>,
    /// Looks at the checkpoint that comes with it as at those that exchanges bring along.
    pub witnesses: Witnesses,
}

/// A half that was judged and is good.
#[derive(Clone, Debug)]
pub struct ReceivedHalf {
    /// The section of evidence, byte for byte as it came.
    pub evidence: Vec<u8>,
    /// What it says of the exchange, and since when: permit or refusal, and completion, as far as they were told.
    pub entries: Vec<(Timestamp, Entry)>,
}

/// What came of asking one party.
#[derive(Clone, Debug)]
pub struct OtherHalf {
    /// Whom.
    pub participant: ParticipantId,
    /// When, in milliseconds since 1970.
    pub at_millis: i64,
    /// The half, or why it is not there.
    pub outcome: Result<ReceivedHalf, Problem>,
}

impl OtherHalf {
    /// That it is not there, if it is not.
    pub fn not_given(&self) -> Option<NotGiven> {
        let problem = self.outcome.as_ref().err()?;
        let code = problem.code.to_owned();
        Some(NotGiven { participant: self.participant.clone(), at: self.at_millis, code })
    }
}

impl Halves {
    /// The halves of everybody with whom this node had an exchange under this transaction. That they were asked is journalled.
    ///
    /// # Errors
    /// A problem with the own database. What is wrong with a half stands in its outcome.
    pub async fn asked_for(
        &self,
        context: &OpContext,
        transaction: TransactionId,
    ) -> Result<Vec<OtherHalf>, Problem> {
        let halves = self.of(context, transaction).await?;
        let asked: Vec<&ParticipantId> = halves.iter().map(|half| &half.participant).collect();
        let detail = json!({ "asked": asked });
        context.record_alone("account.ask", &transaction.to_string(), detail).await?;
        Ok(halves)
    }

    /// Sends the halves of a period that a participant gives, page by page, each when it has been judged. That they were asked for is
    /// journalled first. Gives why the rest is not there, if it is not.
    ///
    /// # Errors
    /// A problem with the own database; nobody takes the pieces any more.
    pub async fn of_period(
        &self,
        context: &OpContext,
        participant: &ParticipantId,
        period: Period,
        pieces: &mpsc::Sender<Result<Vec<u8>, Problem>>,
    ) -> Result<Option<NotGiven>, Problem> {
        let asked =
            json!({ "asked": [participant], "from": period.from.millis(), "until": period.until.millis() });
        context.record_alone("account.ask", "period", asked).await?;
        let missing = |problem: &Problem| NotGiven {
            participant: participant.clone(),
            at: context.ambient.now().millis(),
            code: problem.code.to_owned(),
        };
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let page = match self.page(context, participant, period, cursor.as_deref()).await {
                Ok(page) => page,
                Err(problem) => return Ok(Some(missing(&problem))),
            };
            pieces.send(Ok(page.section.into())).await.map_err(|_| unwritten("nobody takes it"))?;
            cursor = page.next;
            if cursor.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(missing(&unsound("it has no end"))))
    }

    async fn page(
        &self,
        context: &OpContext,
        from: &ParticipantId,
        period: Period,
        cursor: Option<&str>,
    ) -> Result<HalvesPage, Problem> {
        let page = self.counterparts.halves(from, period, cursor).await?;
        let reading = Reading { own: &self.own, from, of: Of::Period(period) };
        self.judged(context, from, &reading, page.section.as_bytes()).await?;
        Ok(page)
    }

    async fn of(&self, context: &OpContext, transaction: TransactionId) -> Result<Vec<OtherHalf>, Problem> {
        let mut halves = Vec::new();
        for participant in counterparts_of(context, transaction).await? {
            let outcome = self.received(context, &participant, transaction).await;
            halves.push(OtherHalf { participant, at_millis: context.ambient.now().millis(), outcome });
        }
        Ok(halves)
    }

    async fn received(
        &self,
        context: &OpContext,
        from: &ParticipantId,
        transaction: TransactionId,
    ) -> Result<ReceivedHalf, Problem> {
        let evidence = self.counterparts.half(from, transaction).await?;
        let reading = Reading { own: &self.own, from, of: Of::Exchange(transaction) };
        let entries = self.judged(context, from, &reading, &evidence).await?;
        Ok(ReceivedHalf { evidence, entries })
    }

    /// What a section says of exchanges, if it is sound.
    async fn judged(
        &self,
        context: &OpContext,
        from: &ParticipantId,
        reading: &Reading<'_>,
        evidence: &[u8],
    ) -> Result<Vec<(Timestamp, Entry)>, Problem> {
        let Said { entries, note } = reading.read(evidence).map_err(unsound)?;
        let held = context.store.witnessed(Some(from)).await.map_err(database_problem)?;
        let held = held.into_iter().map(|row| row.note).collect();
        // Whatever else is wrong: one that contradicts what was seen before is evidence by itself.
        self.witnesses.saw(from, &URL_SAFE_NO_PAD.encode(note));
        if let Some(alarm) = self.judge.alarms(evidence.to_vec(), held).await.first() {
            return Err(unsound(alarm));
        }
        Ok(entries)
    }
}

async fn counterparts_of(
    context: &OpContext,
    transaction: TransactionId,
) -> Result<Vec<ParticipantId>, Problem> {
    let filter = ExchangeFilter { transaction_id: Some(transaction), ..ExchangeFilter::default() };
    let page = context.store.exchanges(&filter, None, MOST_EXCHANGES).await.map_err(database_problem)?;
    let counterpart = |answered: Answered| match answered {
        Answered::Permitted(permit, _) => permit.parties.counterpart(permit.direction).clone(),
        Answered::Refused(refusal) => refusal.parties.counterpart(refusal.direction).clone(),
    };
    let mut all: Vec<ParticipantId> = page.items.into_iter().map(|row| counterpart(row.answered)).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// What a half must be of. Its form, signatures and proofs are judged by [`Judge`].
struct Reading<'a> {
    own: &'a ParticipantId,
    from: &'a ParticipantId,
    of: Of,
}

/// Of which exchanges.
#[derive(Clone, Copy)]
enum Of {
    Exchange(TransactionId),
    Period(Period),
}

impl Of {
    /// Most lines of the section.
    const fn most_lines(self) -> usize {
        match self {
            Self::Exchange(_) => MOST_LINES,
            Self::Period(_) => MOST_LINES_OF_A_PAGE,
        }
    }
}

/// First and last moment, in milliseconds.
#[derive(Deserialize)]
struct PeriodText {
    from: i64,
    until: i64,
}

/// Members that are read here; the judge refuses what is not of the format.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind_of_line: String,
    format: Option<String>,
    participant: Option<ParticipantId>,
    scope: Option<String>,
    transaction_id: Option<TransactionId>,
    period: Option<PeriodText>,
    #[serde(rename = "for")]
    receiver: Option<ParticipantId>,
    index: Option<u64>,
    at: Option<i64>,
    kind: Option<String>,
    payload: Option<String>,
    statement: Option<String>,
    note: Option<String>,
}

/// What a half says of the exchange, and its newest checkpoint.
struct Said {
    entries: Vec<(Timestamp, Entry)>,
    note: String,
}

#[derive(Deserialize)]
struct Statement {
    told: String,
}

impl Reading<'_> {
    /// What the half says of the exchange, and its newest checkpoint.
    fn read(&self, evidence: &[u8]) -> Result<Said, &'static str> {
        let text = std::str::from_utf8(evidence).map_err(|_| "no text")?;
        let mut lines = text.split_terminator('\n');
        let head = lines.next().and_then(line).ok_or("no evidence")?;
        if !self.is_headed(&head) {
            return Err("of another exchange, of another participant, or for somebody else");
        }
        let (mut entries, mut note, mut count, mut times) = (Vec::new(), None, 1_usize, HashMap::new());
        for text in lines {
            count = count.saturating_add(1);
            let line =
                line(text).filter(|_| count <= self.of.most_lines()).ok_or("a line that cannot be read")?;
            match line.kind_of_line.as_str() {
                "checkpoint" => note = line.note,
                "entry" => {
                    let at = line.at.map(Timestamp::from_millis).ok_or("an entry of no time")?;
                    times.insert(line.index, at);
                    entries.extend(self.entry(line)?.map(|entry| (at, entry)));
                }
                "told" => {
                    let at = times.get(&line.index).copied().ok_or("told of no entry")?;
                    entries.push((at, self.of_exchange(&told(line).ok_or("what is told cannot be read")?)?));
                }
                "inclusion" | "consistency" | "agreement" | "certificate" | "end" => {}
                _ => return Err("a line that does not belong there"),
            }
        }
        let is_of_one = matches!(self.of, Of::Exchange(_));
        if is_of_one
            && !entries.iter().any(|(_, entry)| matches!(entry, Entry::Permit(_) | Entry::Refusal(_)))
        {
            return Err("neither permit nor refusal");
        }
        Ok(Said { entries, note: note.ok_or("no checkpoint")? })
    }

    fn is_headed(&self, head: &Line) -> bool {
        let is_of_it = match (self.of, &head.transaction_id, &head.period) {
            (Of::Exchange(wanted), Some(transaction), None) => *transaction == wanted,
            (Of::Period(wanted), None, Some(period)) => {
                (period.from, period.until) == (wanted.from.millis(), wanted.until.millis())
            }
            _ => false,
        };
        is_of_it
            && head.kind_of_line == "evidence"
            && head.format.as_deref() == Some(FORMAT)
            && head.scope.as_deref() == Some("exchange")
            && head.participant.as_ref() == Some(self.from)
            && head.receiver.as_ref() == Some(self.own)
    }

    /// What an entry says of the exchange, if it is given and is of it.
    fn entry(&self, line: Line) -> Result<Option<Entry>, &'static str> {
        match (line.kind.as_deref(), line.payload) {
            (Some("permit" | "refusal" | "completion"), Some(payload)) => {
                self.of_exchange(&payload).map(Some)
            }
            (Some("permit" | "refusal" | "completion"), None) | (Some("act" | "witness"), _) => Ok(None),
            _ => Err("an entry that does not belong there"),
        }
    }

    fn of_exchange(&self, payload: &str) -> Result<Entry, &'static str> {
        let entry: Entry = serde_json::from_str(payload).map_err(|_| "an entry that cannot be read")?;
        let (transaction, counterpart) = match &entry {
            Entry::Permit(permit) => {
                (Some(permit.transaction_id), permit.parties.counterpart(permit.direction))
            }
            Entry::Refusal(refusal) => {
                (refusal.transaction_id, refusal.parties.counterpart(refusal.direction))
            }
            Entry::Completion(completion) => (Some(completion.transaction_id), &completion.counterpart),
            _ => return Err("an entry that does not belong there"),
        };
        let is_asked = match self.of {
            Of::Exchange(wanted) => transaction == Some(wanted),
            Of::Period(_) => transaction.is_some(),
        };
        let is_of_it = is_asked && counterpart == self.own;
        if is_of_it { Ok(entry) } else { Err("an entry of another exchange") }
    }
}

fn line(text: &str) -> Option<Line> {
    serde_json::from_str(text).ok()
}

fn told(line: Line) -> Option<String> {
    let statement = line.statement?;
    let payload = URL_SAFE_NO_PAD.decode(statement.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Statement>(&payload).ok().map(|statement| statement.told)
}

fn unsound(why: impl AsRef<str>) -> Problem {
    let why = why.as_ref();
    Problem::new(
        "COUNTERPART_HALF_UNSOUND",
        502,
        format!("De helft die de andere deelnemer gaf, deugt niet en is niet opgenomen ({why})."),
        format!("the half that the other participant gave is not sound, and was not put in ({why})"),
    )
    .next(
        "Vraag de beheerder daar ernaar; bewaar de eigen helft.",
        "ask the operator there about it; keep the own half",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    const TRANSACTION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn half(head: &str, payload: &str) -> String {
        format!(
            "{head}\n{{\"type\":\"checkpoint\",\"at\":1,\"note\":\"n\"}}\n\
             {{\"type\":\"entry\",\"index\":1,\"at\":1,\"kind\":\"permit\",\"payload\":{}}}\n",
            serde_json::Value::from(payload)
        )
    }

    fn read(evidence: &str) -> Result<usize, String> {
        let parsed = |text: &str| text.parse::<ParticipantId>().map_err(|error| error.to_string());
        let (own, from) = (parsed("oin:00000099000000010000")?, parsed("oin:00000099000000020000")?);
        let transaction = TRANSACTION.parse().map_err(|_| "no transaction")?;
        let reading = Reading { own: &own, from: &from, of: Of::Exchange(transaction) };
        reading.read(evidence.as_bytes()).map(|said| said.entries.len()).map_err(str::to_owned)
    }

    #[test]
    fn a_half_is_of_that_participant_that_exchange_and_for_us() -> TestResult {
        let head = format!(
            r#"{{"type":"evidence","format":"verbond-evidence/1","participant":"oin:00000099000000020000","scope":"exchange","size":3,"made_at":1,"transaction_id":"{TRANSACTION}","for":"oin:00000099000000010000"}}"#
        );
        let payload = format!(
            r#"{{"kind":"permit","transaction_id":"{TRANSACTION}","direction":"outgoing","consumer":"oin:00000099000000020000","provider":"oin:00000099000000010000","service":"incomes","wire":{{}}}}"#
        );
        assert_eq!(read(&half(&head, &payload))?, 1);
        let other = "01890a5d-ac96-774b-bcce-b302099a8058";
        for wrong in [
            half(&head.replace("00000099000000020000", "00000099000000030000"), &payload),
            half(&head.replace("00000099000000010000", "00000099000000030000"), &payload),
            half(&head.replace(TRANSACTION, other), &payload),
            half(&head.replace("\"exchange\"", "\"journal\""), &payload),
            half(&head, &payload.replace(TRANSACTION, other)),
            half(&head, &payload.replace("00000099000000010000", "00000099000000030000")),
            format!("{}{head}\n", half(&head, &payload)),
            head.clone(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_is_a_half_or_none(text in ".*") {
            prop_assert!(read(&text).is_err());
        }
    }
}
