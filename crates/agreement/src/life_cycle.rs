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
    /// Whoever speaks for a foreign participant has signed the document first.
    #[error("{0} has not signed, and what a foreign participant accepts of it comes after that")]
    SignFirst(ParticipantId),
    /// Only who exchanges with a foreign participant sees what it does.
    #[error("{0} exchanges nothing with {1} under this agreement, so that it sees nothing of it on the wire")]
    NoConnection(ParticipantId, ParticipantId),
    /// The party has said before that the foreign participant accepted what is between them.
    #[error("{0} has said before what {1} accepted")]
    SeenBefore(ParticipantId, ParticipantId),
    /// What a party says on the wire counts only where it is bound there.
    #[error("{0} has not accepted it on the wire")]
    NotOnTheWire(ParticipantId),
}

/// The life of one version so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifeCycle {
    parties: BTreeSet<ParticipantId>,
    /// Between whom something is exchanged: of each party, the others.
    connections: BTreeMap<ParticipantId, BTreeSet<ParticipantId>>,
    from: Timestamp,
    until: Timestamp,
    signatures: BTreeMap<ParticipantId, PartySignature>,
    /// Of each foreign participant, those who saw it accept all that is between them.
    seen_by: BTreeMap<ParticipantId, BTreeSet<ParticipantId>>,
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
            connections: BTreeMap::new(),
            from,
            until,
            signatures: BTreeMap::new(),
            seen_by: BTreeMap::new(),
            held_by: BTreeSet::new(),
            successor_from: None,
            stage: Stage::Draft,
        }
    }

    /// Between whom something is exchanged. Without it nobody can be bound on the wire.
    #[must_use]
    pub fn connected(
        mut self,
        connections: impl IntoIterator<Item = (ParticipantId, ParticipantId)>,
    ) -> Self {
        for (one, other) in connections {
            self.connections.entry(one.clone()).or_default().insert(other.clone());
            self.connections.entry(other).or_default().insert(one);
        }
        self
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

    /// A party has seen that a foreign participant accepted the wire contracts between the two. The foreign participant is
    /// bound when all those with whom it exchanges have seen so: each sees its own contracts only.
    ///
    /// # Errors
    /// Unless it is offered, the foreign participant is bound by nothing yet, and the party has signed, exchanges with it,
    /// and has not said so before.
    pub fn accept_on_the_wire(
        mut self,
        foreign: &ParticipantId,
        seen_by: &ParticipantId,
        at: Timestamp,
    ) -> Result<Self, InvalidTransition> {
        self.must("accepting on the wire", "offered", &[Stage::Offered])?;
        self.may_speak_for(foreign, seen_by)?;
        if self.signatures.contains_key(foreign) {
            return Err(InvalidTransition::SignedBefore(foreign.clone()));
        }
        let witnesses = self.seen_by.entry(foreign.clone()).or_default();
        if !witnesses.insert(seen_by.clone()) {
            return Err(InvalidTransition::SeenBefore(seen_by.clone(), foreign.clone()));
        }
        match self.connections.get(foreign) == self.seen_by.get(foreign) {
            true => self.sign(foreign, PartySignature { mark: SignatureMark::AcceptedOnTheWire, at }),
            false => Ok(self),
        }
    }

    /// A contract that names no version is to count as one by which a foreign participant is bound to this one. Changes
    /// nothing by itself.
    ///
    /// # Errors
    /// Unless the accept of that participant could follow.
    pub fn bind_contract(
        self,
        foreign: &ParticipantId,
        by: &ParticipantId,
    ) -> Result<Self, InvalidTransition> {
        self.clone().accept_on_the_wire(foreign, by, self.from).map(|_| self)
    }

    /// A party has seen that a foreign participant refused a wire contract between the two, also one that it had accepted.
    ///
    /// # Errors
    /// Unless it is offered, the foreign participant has not signed, and the party has signed and exchanges with it.
    pub fn refuse_on_the_wire(
        self,
        foreign: &ParticipantId,
        seen_by: &ParticipantId,
    ) -> Result<Self, InvalidTransition> {
        self.must("refusing", "offered", &[Stage::Offered])?;
        self.may_speak_for(foreign, seen_by)?;
        match self.signatures.get(foreign).map(|signature| signature.mark) {
            Some(SignatureMark::Signed) => Err(InvalidTransition::NotOnTheWire(foreign.clone())),
            Some(SignatureMark::AcceptedOnTheWire) | None => self.refuse(foreign),
        }
    }

    /// A party has seen that a foreign participant ended a wire contract by which it was bound.
    ///
    /// # Errors
    /// Unless it is signed or held up, that participant is bound on the wire, and the party exchanges with it.
    pub fn revoke_on_the_wire(
        self,
        foreign: &ParticipantId,
        seen_by: &ParticipantId,
    ) -> Result<Self, InvalidTransition> {
        self.may_speak_for(foreign, seen_by)?;
        match self.signatures.get(foreign).map(|signature| signature.mark) {
            Some(SignatureMark::AcceptedOnTheWire) => self.revoke(foreign),
            Some(SignatureMark::Signed) | None => Err(InvalidTransition::NotOnTheWire(foreign.clone())),
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

    /// Those of whom a party has seen that they accepted on the wire, and who have signed nothing since.
    pub fn on_the_wire(&self) -> impl Iterator<Item = &ParticipantId> {
        let signed = |party: &ParticipantId| {
            self.signatures.get(party).is_some_and(|signature| signature.mark == SignatureMark::Signed)
        };
        self.seen_by.keys().filter(move |party| !signed(party))
    }

    /// Whether a party has said that a foreign participant accepted all that is between the two.
    pub fn has_seen(&self, party: &ParticipantId, foreign: &ParticipantId) -> bool {
        self.seen_by.get(foreign).is_some_and(|witnesses| witnesses.contains(party))
    }

    /// Whether a party may say what a foreign participant did on the wire: it has signed the document itself, and the two
    /// exchange something under it.
    fn may_speak_for(&self, foreign: &ParticipantId, party: &ParticipantId) -> Result<(), InvalidTransition> {
        self.party(foreign)?;
        self.party(party)?;
        if !self.connections.get(foreign).is_some_and(|others| others.contains(party)) {
            return Err(InvalidTransition::NoConnection(party.clone(), foreign.clone()));
        }
        match self.signatures.get(party).map(|signature| signature.mark) {
            Some(SignatureMark::Signed) => Ok(()),
            Some(SignatureMark::AcceptedOnTheWire) | None => Err(InvalidTransition::SignFirst(party.clone())),
        }
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
