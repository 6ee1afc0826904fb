//! A version as stored: the document, the statements about it, and what follows from them.

use std::sync::Arc;

use verbond_agreement::{Agreement, LifeCycle, Stage, Statement, StatementStep};
use verbond_domain::{Actor, ParticipantId, Timestamp};
use verbond_store::{
    Store, StoreError,
    agreements::{AgreementRow, StepRow},
};

use super::Envelope;

/// One version with its life so far.
#[derive(Clone, Debug)]
pub struct AgreementVersion {
    /// Hash over the canonical form.
    pub hash: String,
    /// What is agreed.
    pub document: Arc<Agreement>,
    /// The canonical form, as it travels.
    pub canonical: String,
    /// Who brought it here.
    pub author: Actor,
    /// When it came here.
    pub created_at: Timestamp,
    /// What parties have stated, in the order in which it came here, each as it was signed.
    pub statements: Vec<(Statement, Envelope)>,
    /// How far it is.
    pub life: LifeCycle,
}

impl AgreementVersion {
    /// Reads a version back. Statements were verified when they were stored.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn read(row: AgreementRow) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("a version of an agreement: {what}"));
        let document =
            Agreement::parse_canonical(row.document.as_bytes()).map_err(|_| damaged("the document"))?;
        let mut life = LifeCycle::draft(
            document.parties.iter().map(|party| party.participant.clone()),
            document.term.from.timestamp(),
            document.term.until.timestamp(),
        );
        let mut statements = Vec::new();
        for step in &row.steps {
            let (statement, envelope) = read_step(step).ok_or_else(|| damaged("a statement"))?;
            life = statement.take(life).map_err(|_| damaged("a step that could not follow"))?;
            statements.push((statement, envelope));
        }
        Ok(Self {
            hash: row.hash,
            document: Arc::new(document),
            canonical: row.document,
            author: serde_json::from_str(&row.author).map_err(|_| damaged("its author"))?,
            created_at: row.created_at,
            statements,
            life,
        })
    }

    /// All versions whose term is not over at `now`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn running(store: &Store, now: Timestamp) -> Result<Vec<Self>, StoreError> {
        store.running_agreements(now).await?.into_iter().map(Self::read).collect()
    }

    /// Who has offered it; `None` for a draft.
    pub fn offered_by(&self) -> Option<&ParticipantId> {
        let offered = |statement: &&Statement| statement.step == StatementStep::Offered;
        self.statements.iter().map(|(statement, _)| statement).find(offered).map(|one| &one.participant)
    }

    /// How far it is at a moment.
    pub fn stage(&self, now: Timestamp) -> Stage {
        self.life.stage_at(now)
    }
}

fn read_step(step: &StepRow) -> Option<(Statement, Envelope)> {
    let envelope: Envelope = serde_json::from_str(&step.detail).ok()?;
    let statement = envelope.unverified()?;
    Some((statement, envelope))
}
