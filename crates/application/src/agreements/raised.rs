//! Tasks that something raised while an agreement runs: each once, with its day.

use std::collections::HashSet;

use serde_json::json;
use verbond_agreement::{ClauseName, Day, task_id};
use verbond_domain::{Bilingual, ParticipantId, Problem, Timestamp};
use verbond_journal::RecordedDecision;
use verbond_store::{Transaction, owed::OwedRow, withdrawals::RaisedTaskRow};

use super::AgreementVersion;
use crate::{OpContext, absences::ENOUGH, context::database_problem, decisions::agreement_hash};

/// Days that people have for a task.
const DAYS: i64 = 14;

/// What raised a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The certificate of a party was compromised before it signed.
    Compromised,
    /// An agreed element came in none of a thousand responses.
    AbsentElement,
    /// The organisation's logbook refused a processing record.
    RefusedRecord,
    /// An application has not handed in the processing records that it owes.
    MissingRecord,
}

impl Cause {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Compromised => "compromised",
            Self::AbsentElement => "absent_element",
            Self::RefusedRecord => "refused_record",
            Self::MissingRecord => "missing_record",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Compromised, Self::AbsentElement, Self::RefusedRecord, Self::MissingRecord];
        all.into_iter().find(|cause| cause.as_str() == text)
    }
}

/// A task that something raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// By which it is known.
    pub id: String,
    /// Hash of the version.
    pub agreement: String,
    /// What raised it.
    pub cause: Cause,
    /// The clause, where it is about one.
    pub clause: Option<ClauseName>,
    /// What it is about: a party, operation and element, activity and day, or application, service and day.
    pub subject: String,
    /// When it was raised.
    pub at: Timestamp,
}

impl Raised {
    /// That the agreement ended because of this party's certificate.
    pub(super) fn compromised(version: &AgreementVersion, party: &ParticipantId, at: Timestamp) -> Self {
        Self::new(&version.hash, Cause::Compromised, None, party.to_string(), at)
    }

    /// That an agreed element never comes. The subject names operation and element.
    pub(crate) fn absent_element(
        agreement: &str,
        clause: ClauseName,
        subject: String,
        at: Timestamp,
    ) -> Self {
        Self::new(agreement, Cause::AbsentElement, Some(clause), subject, at)
    }

    /// That the logbook refused records of an activity on this day.
    fn refused_record(agreement: &str, activity: &str, at: Timestamp) -> Self {
        Self::new(agreement, Cause::RefusedRecord, None, format!("{activity} ({})", Day::of(at)), at)
    }

    /// That an application owes records of this service since this day.
    fn missing_record(agreement: &str, row: &OwedRow, at: Timestamp) -> Self {
        let OwedRow { application, provider, service, due, .. } = row;
        let subject = format!("{application} {provider}/{service} ({})", Day::of(*due));
        Self::new(agreement, Cause::MissingRecord, None, subject, at)
    }

    fn new(
        agreement: &str,
        cause: Cause,
        clause: Option<ClauseName>,
        subject: String,
        at: Timestamp,
    ) -> Self {
        let place = clause.as_ref().map(ToString::to_string).unwrap_or_default();
        let known_by = format!("{agreement} {} {place} {subject}", cause.as_str());
        Self { id: task_id(&known_by), agreement: agreement.to_owned(), cause, clause, subject, at }
    }

    pub(super) fn read(row: RaisedTaskRow) -> Option<Self> {
        let cause = Cause::parse(&row.cause)?;
        let clause = row.clause.map(|clause| clause.parse()).transpose().ok()?;
        Some(Self { id: row.task, agreement: row.agreement, cause, clause, subject: row.subject, at: row.at })
    }

    /// Writes it, once.
    pub(crate) async fn write(
        &self,
        context: &OpContext,
        transaction: &mut Transaction,
    ) -> Result<(), Problem> {
        let row = RaisedTaskRow {
            task: self.id.clone(),
            agreement: self.agreement.clone(),
            cause: self.cause.as_str().to_owned(),
            clause: self.clause.as_ref().map(ToString::to_string),
            subject: self.subject.clone(),
            at: self.at,
        };
        if transaction.put_raised_task(&row).await.map_err(database_problem)? {
            let detail = json!({ "agreement": row.agreement, "cause": row.cause, "clause": row.clause, "subject": row.subject });
            context.record(transaction, "task.raise", &self.id, detail).await?;
        }
        Ok(())
    }

    /// The last day for it.
    pub(super) fn due(&self) -> Day {
        Day::of(self.at.plus_seconds(DAYS * 86_400))
    }

    /// What is to be done.
    pub(super) fn what(&self) -> Bilingual {
        let subject = &self.subject;
        match self.cause {
            Cause::Compromised => Bilingual::new(
                format!(
                    "Het certificaat van {subject} was al onbetrouwbaar toen het tekende: ga na wat er onder de gegevensafspraak is \
                     uitgewisseld, meld het zo nodig (AVG art. 33), en sluit een nieuwe."
                ),
                format!(
                    "the certificate of {subject} was already not to be relied on when it signed: see what was exchanged under the \
                     agreement, report it where needed (GDPR art. 33), and conclude a new one"
                ),
            ),
            Cause::AbsentElement => Bilingual::new(
                format!(
                    "Het afgesproken gegeven {subject} kwam in geen van {ENOUGH} antwoorden: vraag de bron waarom, of neem het in een \
                     nieuwe versie uit de gegevensafspraak (AVG art. 5 lid 1 onder c)."
                ),
                format!(
                    "the agreed element {subject} came in none of {ENOUGH} responses: ask the source why, or take it out of the \
                     agreement in a new version (GDPR art. 5(1)(c))"
                ),
            ),
            Cause::RefusedRecord => Bilingual::new(
                format!(
                    "Het logboek van de organisatie weigerde verwerkingen van {subject}: ga bij de beheerder ervan na waarom. Zij staan                      hier wel (`verbond account records`)."
                ),
                format!(
                    "the organisation's logbook refused processing records of {subject}: find out why from whoever runs it. They do                      stand here (`verbond account records`)"
                ),
            ),
            Cause::MissingRecord => Bilingual::new(
                format!(
                    "Verwerkingen die een applicatie zelf vastlegt ontbreken: {subject}. Laat haar ze alsnog aanbieden; \
                     `verbond account exchanges` noemt van welke uitwisselingen."
                ),
                format!(
                    "processing records that an application writes itself are missing: {subject}. Have it hand them in after all; \
                     `verbond account exchanges` says of which exchanges"
                ),
            ),
        }
    }
}

/// Raises a task about records that the organisation's logbook refused, once for each activity and day.
///
/// # Errors
/// A problem with the database.
pub async fn raise_refused_record(
    context: &OpContext,
    transaction: &mut Transaction,
    agreement: &str,
    activity: &str,
) -> Result<(), Problem> {
    Raised::refused_record(agreement, activity, context.ambient.now()).write(context, transaction).await
}

/// Most exchanges that are looked at in one go.
const LOOKED_AT: i64 = 10_000;

/// Raises a task about records that applications have not handed in in time, once for each agreement, application, service and day.
///
/// # Errors
/// A problem with the database.
pub async fn raise_missing_records(context: &OpContext) -> Result<(), Problem> {
    let now = context.ambient.now();
    let overdue = context.store.overdue_records(now, LOOKED_AT).await.map_err(database_problem)?;
    let mut told = HashSet::new();
    for row in overdue {
        let OwedRow { application, provider, service, due, transaction_id, .. } = &row;
        if !told.insert((application.clone(), provider.clone(), service.clone(), Day::of(*due))) {
            continue;
        }
        let permit = context.store.outgoing_permit(*transaction_id).await.map_err(database_problem)?;
        let decision = permit.and_then(|(_, permit)| permit.decision).map(RecordedDecision::into_value);
        let Some(agreement) = decision.as_ref().and_then(agreement_hash) else { continue };
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        Raised::missing_record(agreement, &row, now).write(context, &mut transaction).await?;
        transaction.commit().await.map_err(database_problem)?;
    }
    Ok(())
}
