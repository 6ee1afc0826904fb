//! Processing records of this participant, and those about one person.

use serde_json::json;
use verbond_agreement::IdentifierKind;
use verbond_application::{OpContext, database_problem, limits::Limits};
use verbond_domain::Problem;
use verbond_store::{
    Page,
    processing::{ProcessingFilter, ProcessingRow},
};

/// Longest number by which somebody is looked for, in bytes.
const LONGEST: usize = 256;

/// Somebody, by a number. Shows nothing of it.
#[derive(Clone)]
pub struct Person {
    /// Which kind of number.
    pub identifies: IdentifierKind,
    /// The number.
    pub identifier: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Person({:?})", self.identifies)
    }
}

/// Records, the oldest first.
///
/// # Errors
/// A problem with the database or the cursor.
pub async fn processing_records(
    context: &OpContext,
    filter: &ProcessingFilter,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<ProcessingRow>, Problem> {
    context.store.processing_records(filter, cursor, limit).await.map_err(database_problem)
}

/// Records about one person, under whatever key of pseudonyms they were written, the oldest first. That somebody was looked for
/// is journalled first, by pseudonym.
///
/// # Errors
/// `PERSON_UNUSABLE`, `PSEUDONYM_KEYS_MISSING`; a problem with the database or the cursor.
pub async fn about_person(
    context: &OpContext,
    limits: &Limits,
    person: &Person,
    filter: ProcessingFilter,
    cursor: Option<&str>,
    limit: i64,
) -> Result<Page<ProcessingRow>, Problem> {
    if person.identifier.is_empty() || person.identifier.len() > LONGEST {
        return Err(unusable());
    }
    let pseudonyms = limits.pseudonyms(person.identifies, &person.identifier);
    let data_subjects = pseudonyms.ok_or_else(verbond_application::processing::no_keys)?;
    let newest = data_subjects.last().cloned().unwrap_or_default();
    context.record_alone("account.person", &newest, json!({})).await?;
    processing_records(context, &ProcessingFilter { data_subjects, ..filter }, cursor, limit).await
}

fn unusable() -> Problem {
    Problem::new("PERSON_UNUSABLE", 422, "Het nummer is leeg of te lang.", "the number is empty or too long")
        .next("Geef het nummer zoals het in de afspraak staat.", "give the number as the agreement has it")
}
