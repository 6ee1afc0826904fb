//! A version as stored: the document, the statements about it, and what follows from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use verbond_agreement::{Agreement, AgreementId, LifeCycle, Stage, Statement, StatementStep, Version};
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
    /// The hash of the later version that takes its place, once all have signed that one.
    pub successor: Option<String>,
    /// A party ended it before its term began, and that was known here before it began.
    ended_early: bool,
    /// When each of `statements` was taken in here.
    taken_in: Vec<Timestamp>,
}

impl AgreementVersion {
    /// Reads a version back, by itself: what its successors make of it is said by [`with_successors`]. Statements were
    /// verified when they were stored.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn read(row: AgreementRow) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("a version of an agreement: {what}"));
        let document =
            Agreement::parse_canonical(row.document.as_bytes()).map_err(|_| damaged("the document"))?;
        let mut life = document.life();
        let mut statements = Vec::new();
        let mut ended_early = false;
        for step in &row.steps {
            let (statement, envelope) = read_step(step).ok_or_else(|| damaged("a statement"))?;
            life = statement.take(life).map_err(|_| damaged("a step that could not follow"))?;
            // The moment at which it came here counts as well: a party that dates its statement back does not bring a
            // version back to life whose place had been taken.
            let begin = document.term.from.timestamp();
            let ends =
                matches!(statement.step, StatementStep::Revoked { .. } | StatementStep::RevokedOnTheWire(_));
            ended_early |= ends && statement.at.timestamp() < begin && step.at < begin;
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
            successor: None,
            ended_early,
            taken_in: row.steps.iter().map(|step| step.at).collect(),
        })
    }

    /// When each of the statements was taken in here, in their order: the moment from which on it provably existed.
    pub fn taken_in(&self) -> impl Iterator<Item = Timestamp> {
        self.taken_in.iter().copied()
    }

    /// All versions of agreements of which one has a term that is not over at `now`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn running(store: &Store, now: Timestamp) -> Result<Vec<Self>, StoreError> {
        let rows = store.running_agreements(now).await?;
        Ok(with_successors(rows.into_iter().map(Self::read).collect::<Result<_, _>>()?))
    }

    /// All versions of one agreement, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn of_agreement(store: &Store, agreement: &str) -> Result<Vec<Self>, StoreError> {
        let rows = store.agreement_versions(agreement).await?;
        Ok(with_successors(rows.into_iter().map(Self::read).collect::<Result<_, _>>()?))
    }

    /// The moment at which it takes the place of earlier versions: the first of its term, once all have signed it.
    fn takes_over(&self) -> Option<Timestamp> {
        let signed = self.offered_by().is_some() && self.life.awaited().next().is_none();
        (signed && !self.ended_early).then(|| self.document.term.from.timestamp())
    }

    /// Who has offered it; `None` for a draft.
    pub fn offered_by(&self) -> Option<&ParticipantId> {
        let offered = |statement: &&Statement| statement.step == StatementStep::Offered;
        self.statements.iter().map(|(statement, _)| statement).find(offered).map(|one| &one.participant)
    }

    /// Whether a contract of this party's that does not say so itself counts as one that follows: by an act of a steward of
    /// that party, and of no other.
    pub fn binds_contract(&self, of: &ParticipantId, contract: &str) -> bool {
        let own = self.statements.iter().map(|(statement, _)| statement).filter(|one| one.participant == *of);
        let mut bound = own.filter_map(|statement| statement.step.bound_contract());
        bound.any(|one| one.as_str() == contract)
    }

    /// The foreign participants whose steps on the wire count: those that have accepted there, and those that are waited for.
    pub fn on_the_wire(&self, foreign: &BTreeSet<ParticipantId>, now: Timestamp) -> BTreeSet<&ParticipantId> {
        self.life.on_the_wire().chain(self.waits_for_the_wire(foreign, now)).collect()
    }

    /// The foreign participants whose accept on the wire is all that is awaited: whoever signs has signed.
    pub fn waits_for_the_wire<'a>(
        &'a self,
        foreign: &BTreeSet<ParticipantId>,
        now: Timestamp,
    ) -> Vec<&'a ParticipantId> {
        let all_foreign = self.life.awaited().all(|party| foreign.contains(party));
        match self.stage(now) == Stage::Offered && all_foreign {
            true => self.life.awaited().collect(),
            false => Vec::new(),
        }
    }

    /// How far it is at a moment.
    pub fn stage(&self, now: Timestamp) -> Stage {
        self.life.stage_at(now)
    }
}

/// Says of each version from when on a later one takes its place: the first moment of the term of any later version that
/// all have signed. So of one agreement at most one version is in force, and a version that has taken over and was ended
/// since brings none back.
pub fn with_successors(mut versions: Vec<AgreementVersion>) -> Vec<AgreementVersion> {
    let mut successors: BTreeMap<AgreementId, Vec<(Timestamp, Version, String)>> = BTreeMap::new();
    for version in &versions {
        if let Some(moment) = version.takes_over() {
            let successor = (moment, version.document.version, version.hash.clone());
            successors.entry(version.document.id).or_default().push(successor);
        }
    }
    for version in &mut versions {
        let of_agreement = successors.get(&version.document.id).into_iter().flatten();
        let later = of_agreement.filter(|(_, number, _)| *number > version.document.version);
        if let Some((moment, _, hash)) = later.min() {
            version.life = version.life.clone().replaced_from(*moment);
            version.successor = Some(hash.clone());
        }
    }
    versions
}

fn read_step(step: &StepRow) -> Option<(Statement, Envelope)> {
    let envelope: Envelope = serde_json::from_str(&step.detail).ok()?;
    let statement = envelope.unverified()?;
    Some((statement, envelope))
}
