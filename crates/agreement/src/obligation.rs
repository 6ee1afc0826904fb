//! What a party still has to do with data when the agreement under which it came or went has ended.

use serde::Serialize;
use verbond_domain::{Bilingual, ParticipantId, ServiceReference, Timestamp};

use crate::{
    Agreement, Category, ClauseName, Day, DocumentError, DocumentHash, Line, Prose, RetentionPeriod, Side,
};

/// A duty that remains, with its day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Obligation {
    /// By which it is known; the same at every reading.
    pub id: String,
    /// From which clause.
    pub clause: ClauseName,
    /// Of which service.
    pub service: ServiceReference,
    /// The category of data.
    pub category: Category,
    /// What is to be done.
    pub what: Bilingual,
    /// The last day for it.
    pub due: Day,
    /// The day is the earliest: it is counted from something that this node does not know.
    pub at_the_earliest: bool,
    /// Category of the selection list from which the period comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_list: Option<Line>,
    /// What suspends destruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<Prose>,
}

/// A short name of something to do, the same at every reading: made of what tells it from all others.
pub fn task_id(known_by: &str) -> String {
    let hash = DocumentHash::of(known_by.as_bytes()).to_string();
    hash.trim_start_matches("sha256:").chars().take(16).collect()
}

/// What remains for a party of a version that ended at a moment: to delete what it has, each category by its own period.
///
/// # Errors
/// When the document cannot be hashed, which no agreement that was parsed brings about.
pub fn obligations(
    document: &Agreement,
    party: &ParticipantId,
    ended: Timestamp,
) -> Result<Vec<Obligation>, DocumentError> {
    let hash = document.hash()?;
    let mut found = Vec::new();
    for clause in &document.clauses {
        let provides = (clause.service.provider == *party).then_some(("provided", &clause.provider));
        let receivers = clause.receivers.iter().filter(|receiver| receiver.participant == *party);
        for (direction, side) in provides.into_iter().chain(receivers.map(|one| ("received", &one.side))) {
            for obligation in of_side(side, ended) {
                let (category, what, due, at_the_earliest, selection_list, legal_hold) = obligation;
                let known_by = format!("{hash} {} {direction} {category}", clause.name);
                found.push(Obligation {
                    id: task_id(&known_by),
                    clause: clause.name.clone(),
                    service: clause.service.clone(),
                    category,
                    what,
                    due,
                    at_the_earliest,
                    selection_list,
                    legal_hold,
                });
            }
        }
    }
    Ok(found)
}

type OfSide = (Category, Bilingual, Day, bool, Option<Line>, Option<Prose>);

fn of_side(side: &Side, ended: Timestamp) -> impl Iterator<Item = OfSide> + '_ {
    side.retention.iter().map(move |retention| {
        let after = |days: u32| Day::of(ended.plus_seconds(i64::from(days).saturating_mul(86_400)));
        let category = &retention.category;
        let (what, due, earliest) = match &retention.period {
            RetentionPeriod::NotKept => (
                Bilingual::new(
                    format!("Van `{category}` mag niets bewaard zijn: ga dat na, en verwijder wat er is."),
                    format!(
                        "nothing of `{category}` may have been kept: see to it, and delete what there is"
                    ),
                ),
                after(0),
                false,
            ),
            RetentionPeriod::Days { days } => (
                Bilingual::new(
                    format!("Verwijder `{category}`: hoogstens {days} dagen na ontvangst te bewaren."),
                    format!("delete `{category}`: to be kept {days} days after it was received at most"),
                ),
                after(*days),
                false,
            ),
            RetentionPeriod::AfterClosing { what, days } => (
                Bilingual::new(
                    format!("Verwijder `{category}` {days} dagen na het sluiten van: {what}."),
                    format!("delete `{category}` {days} days after this closes: {what}"),
                ),
                after(*days),
                true,
            ),
        };
        let (list, hold) = (retention.selection_list.clone(), retention.legal_hold.clone());
        (category.clone(), what, due, earliest, list, hold)
    })
}
