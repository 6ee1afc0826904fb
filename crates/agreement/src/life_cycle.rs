//! The life of one version of an agreement: which step may follow which. Pure; the moments are handed in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use verbond_domain::{ParticipantId, Timestamp};

/// How far a version is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Written at one party; may still be changed.
    Draft,
    /// Sent to the other parties, as it is; signatures are awaited.
    Offered,
    /// Signed by all; in force from the first moment of its term on.
    Signed,
    /// A party has said no; ended.
    Refused,
    /// Taken back before all had signed; ended.
    Withdrawn,
    /// A party holds it up; nothing is exchanged until the same party lets go.
    Suspended,
    /// A party has ended it.
    Revoked,
    /// A later version has taken its place.
    Replaced,
    /// Its term is over.
    Expired,
}

/// How a party is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureMark {
    /// Its signatory has signed the document, and its certificate vouches for the signatory.
    Signed,
    /// It has accepted the wire contract that names the document's hash. No person of it is known to have signed.
    AcceptedOnTheWire,
}

/// That a party is bound, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PartySignature {
    /// How.
    pub mark: SignatureMark,
    /// Since when.
    pub at: Timestamp,
}

/// A step that may not follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransition {
    /// The version is not in a stage in which this can be done.
    #[error("it is {stage:?}, and {step} is possible only when it is {needed}")]
    Stage {
        /// The stage that it is in.
        stage: Stage,
        /// What was tried.
        step: &'static str,
        /// When it would be possible.
        needed: &'static str,
    },
    /// Whoever does it is no party.
    #[error("{0} is no party")]
    NoParty(ParticipantId),
    /// The party has signed before.
    #[error("{0} has signed already")]
    SignedBefore(ParticipantId),
    /// Another party holds it up.
    #[error("only {0} can let go")]
    HeldByAnother(ParticipantId),
    /// A wire contract binds nobody before those who sign the document have done so.
    #[error("{0} has not signed, and what a foreign participant accepts on the wire comes last")]
    OthersFirst(ParticipantId),
    /// What a party says on the wire counts only where it is bound there.
    #[error("{0} has not accepted it on the wire")]
    NotOnTheWire(ParticipantId),
}

/// The life of one version so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifeCycle {
    parties: BTreeSet<ParticipantId>,
    from: Timestamp,
    until: Timestamp,
    signatures: BTreeMap<ParticipantId, PartySignature>,
    held_by: BTreeSet<ParticipantId>,
    successor_from: Option<Timestamp>,
    stage: Stage,
}

impl LifeCycle {
    /// A draft between these parties, for a term from the first moment to before the second.
    pub fn draft(
        parties: impl IntoIterator<Item = ParticipantId>,
        from: Timestamp,
        until: Timestamp,
    ) -> Self {
        Self {
            parties: parties.into_iter().collect(),
            from,
            until,
            signatures: BTreeMap::new(),
            held_by: BTreeSet::new(),
            successor_from: None,
            stage: Stage::Draft,
        }
    }

    /// The draft is sent to the others; from now on it is not changed.
    ///
    /// # Errors
    /// [`InvalidTransition::Stage`] unless it is a draft.
    pub fn offer(mut self) -> Result<Self, InvalidTransition> {
        self.must("offering", "a draft", &[Stage::Draft])?;
        self.stage = Stage::Offered;
        Ok(self)
    }

    /// A party is bound. The last one brings the version to [`Stage::Signed`].
    ///
    /// # Errors
    /// Unless it is offered and the party has not signed.
    pub fn sign(
        mut self,
        party: &ParticipantId,
        signature: PartySignature,
    ) -> Result<Self, InvalidTransition> {
        self.must("signing", "offered", &[Stage::Offered])?;
        self.party(party)?;
        if self.signatures.insert(party.clone(), signature).is_some() {
            return Err(InvalidTransition::SignedBefore(party.clone()));
        }
        if self.signatures.len() == self.parties.len() {
            self.stage = Stage::Signed;
        }
        Ok(self)
    }

    /// A foreign participant is bound: it has accepted the wire contracts that follow. It comes last, when all others
    /// have signed, and so brings the version to [`Stage::Signed`].
    ///
    /// # Errors
    /// Unless it is offered, the party is bound by nothing yet, and all others have signed.
    pub fn accept_on_the_wire(self, party: &ParticipantId, at: Timestamp) -> Result<Self, InvalidTransition> {
        self.must("accepting on the wire", "offered", &[Stage::Offered])?;
        self.party(party)?;
        if let Some(other) = self.awaited().find(|other| *other != party) {
            return Err(InvalidTransition::OthersFirst(other.clone()));
        }
        self.sign(party, PartySignature { mark: SignatureMark::AcceptedOnTheWire, at })
    }

    /// A contract that names no version is to count as one by which a foreign participant is bound to this one. Changes
    /// nothing by itself.
    ///
    /// # Errors
    /// Unless it is offered and nothing but the foreign participant's accept is awaited.
    pub fn bind_contract(self, party: &ParticipantId) -> Result<Self, InvalidTransition> {
        self.clone().accept_on_the_wire(party, self.from).map(|_| self)
    }

    /// A foreign participant has refused the wire contract that follows.
    ///
    /// # Errors
    /// Unless it is offered and nothing but the foreign participant's accept is awaited.
    pub fn refuse_on_the_wire(self, party: &ParticipantId) -> Result<Self, InvalidTransition> {
        self.must("refusing", "offered", &[Stage::Offered])?;
        if let Some(other) = self.awaited().find(|other| *other != party) {
            return Err(InvalidTransition::OthersFirst(other.clone()));
        }
        self.refuse(party)
    }

    /// A foreign participant has ended the wire contract by which it was bound.
    ///
    /// # Errors
    /// Unless it is signed or held up, and that party is bound on the wire.
    pub fn revoke_on_the_wire(self, party: &ParticipantId) -> Result<Self, InvalidTransition> {
        match self.signatures.get(party).map(|signature| signature.mark) {
            Some(SignatureMark::AcceptedOnTheWire) => self.revoke(party),
            Some(SignatureMark::Signed) | None => Err(InvalidTransition::NotOnTheWire(party.clone())),
        }
    }

    /// A party says no.
    ///
    /// # Errors
    /// Unless it is offered.
    pub fn refuse(mut self, party: &ParticipantId) -> Result<Self, InvalidTransition> {
        self.must("refusing", "offered", &[Stage::Offered])?;
        self.party(party)?;
        self.stage = Stage::Refused;
        Ok(self)
    }

    /// Who drafted it takes it back before all have signed.
    ///
    /// # Errors
    /// Unless it is a draft or offered.
    pub fn withdraw(mut self) -> Result<Self, InvalidTransition> {
        self.must("taking back", "a draft, or offered", &[Stage::Draft, Stage::Offered])?;
        self.stage = Stage::Withdrawn;
        Ok(self)
    }

    /// A party holds it up; several may.
    ///
    /// # Errors
    /// Unless it is signed, or held up already.
    pub fn suspend(mut self, party: &ParticipantId) -> Result<Self, InvalidTransition> {
        self.must("holding up", "signed", &[Stage::Signed, Stage::Suspended])?;
        self.party(party)?;
        self.held_by.insert(party.clone());
        self.stage = Stage::Suspended;
        Ok(self)
    }

    /// A party that held it up lets go. Exchanges go on when nobody holds it any more.
    ///
    /// # Errors
    /// Unless this party holds it up.
    pub fn resume(mut self, party: &ParticipantId) -> Result<Self, InvalidTransition> {
        self.must("letting go", "held up", &[Stage::Suspended])?;
        if !self.held_by.remove(party) {
            let holder = self.held_by.first().unwrap_or(party).clone();
            return Err(InvalidTransition::HeldByAnother(holder));
        }
        if self.held_by.is_empty() {
            self.stage = Stage::Signed;
        }
        Ok(self)
    }

    /// A party ends it: by itself, for all.
    ///
    /// # Errors
    /// Unless it is signed, or held up.
    pub fn revoke(mut self, party: &ParticipantId) -> Result<Self, InvalidTransition> {
        self.must("revoking", "signed, or held up", &[Stage::Signed, Stage::Suspended])?;
        self.party(party)?;
        self.stage = Stage::Revoked;
        Ok(self)
    }

    /// All have signed a later version, which takes over at this moment; of several the first. Until then this one stays
    /// what it is. It follows from the versions and is no step of a party: whoever knows both says so.
    #[must_use]
    pub fn replaced_from(mut self, moment: Timestamp) -> Self {
        self.successor_from = Some(self.successor_from.map_or(moment, |before| before.min(moment)));
        self
    }

    /// The moment at which a later version takes over, if one does.
    pub const fn successor_from(&self) -> Option<Timestamp> {
        self.successor_from
    }

    /// Where it stands at a moment: terms end and successors take over by themselves.
    pub fn stage_at(&self, now: Timestamp) -> Stage {
        let open = matches!(self.stage, Stage::Draft | Stage::Offered | Stage::Signed);
        if (open || self.stage == Stage::Suspended) && now >= self.until {
            return Stage::Expired;
        }
        // One that is held up stays so: what was broken off under it does not go on because it has a successor.
        if open && self.successor_from.is_some_and(|moment| now >= moment) {
            return Stage::Replaced;
        }
        self.stage
    }

    /// Whether exchanges may rest on it at a moment.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now >= self.from && self.stage_at(now) == Stage::Signed
    }

    /// Who has signed, and how.
    pub const fn signatures(&self) -> &BTreeMap<ParticipantId, PartySignature> {
        &self.signatures
    }

    /// Who has not signed yet.
    pub fn awaited(&self) -> impl Iterator<Item = &ParticipantId> {
        self.parties.iter().filter(|party| !self.signatures.contains_key(*party))
    }

    fn must(
        &self,
        step: &'static str,
        needed: &'static str,
        stages: &[Stage],
    ) -> Result<(), InvalidTransition> {
        match stages.contains(&self.stage) {
            true => Ok(()),
            false => Err(InvalidTransition::Stage { stage: self.stage, step, needed }),
        }
    }

    fn party(&self, party: &ParticipantId) -> Result<(), InvalidTransition> {
        match self.parties.contains(party) {
            true => Ok(()),
            false => Err(InvalidTransition::NoParty(party.clone())),
        }
    }
}
