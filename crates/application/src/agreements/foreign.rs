//! Participants that run another program: how that is learned, and what they do on the wire as a step in the life of a
//! version.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use verbond_agreement::{Agreement, Line, OnTheWire, Prose, Statement, StatementStep};
use verbond_domain::{Actor, ParticipantId, Problem, Timestamp};
use verbond_store::{
    Transaction,
    interfaces::{Interface, InterfaceRow},
};

use super::{AgreementOffice, AgreementVersion, office, refusals};
use crate::{OpContext, context::database_problem};

/// What an authenticated participant answered where nodes of this program speak to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// As a node of this program does.
    Verbond,
    /// That there is nothing (404).
    Nothing,
}

/// Judges by the group's protocol what shows that a foreign participant did something on the wire. Implemented by the face
/// that speaks that protocol.
pub trait WireJudge: Send + Sync {
    /// Whether the evidence shows what is stated: contracts that are connections of this version between the stating party
    /// and the foreign one (for an accept all of them), each with that participant's own signature of this kind, by a
    /// certificate that leads to an anchor.
    ///
    /// # Errors
    /// What does not hold, in words.
    fn judge(
        &self,
        version: &AgreementVersion,
        statement: &Statement,
        seen: &OnTheWire,
        now: Timestamp,
    ) -> Result<(), String>;
}

impl AgreementOffice {
    /// Asks the other parties whether they speak the interface among nodes, writes down what they answered, and gives
    /// those that do not. Of one that cannot be reached nothing is learned.
    ///
    /// # Errors
    /// When a party that has answered before says that there is nothing.
    pub(super) async fn foreign_parties(
        &self,
        context: &OpContext,
        document: &Agreement,
    ) -> Result<BTreeSet<ParticipantId>, Problem> {
        let others = document.parties.iter().map(|party| &party.participant).filter(|one| **one != self.own);
        let asked = others.map(|party| async move { (party, self.reader.speaks(party).await) });
        for (party, answer) in join_all(asked).await {
            match answer {
                Ok(speaks) => self.learned(context, party, speaks).await?,
                Err(reason) => tracing::info!(%party, reason, "a party does not say what it speaks"),
            }
        }
        let foreign = context.store.foreign_peers().await.map_err(database_problem)?;
        Ok(among(document, &foreign))
    }

    /// Writes down what a participant answered, if that was not known. One that was foreign and is so no more is brought the
    /// versions that it is a party to.
    ///
    /// # Errors
    /// When it has answered as a node of this program before and now says that there is nothing: it is not foreign until
    /// a steward says so.
    pub async fn learned(
        &self,
        context: &OpContext,
        peer: &ParticipantId,
        speaks: Speaks,
    ) -> Result<(), Problem> {
        let interface = match speaks {
            Speaks::Verbond => Interface::Verbond,
            Speaks::Nothing => Interface::Foreign,
        };
        let known = context.store.peer_interface(peer).await.map_err(database_problem)?;
        if known.is_some_and(|row| row.interface.is_foreign() == interface.is_foreign()) {
            return Ok(());
        }
        let context = OpContext { actor: Actor::Node { rule: "interface".to_owned() }, ..context.clone() };
        let shared = self.shared_with(&context, peer, context.ambient.now()).await?;
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        let known = transaction.lock_peer_interface(peer).await.map_err(database_problem)?;
        let before = known.map(|row| row.interface);
        match (before.map(Interface::is_foreign), interface.is_foreign()) {
            (Some(false), true) => return Err(refusals::answered_before(peer)),
            // Another process has learned it meanwhile.
            (Some(known), now) if known == now => return Ok(()),
            _ => {}
        }
        write(&context, &mut transaction, peer, interface, "what it answered", before).await?;
        // A foreign participant that has moved to this program knows nothing of what it accepted on the wire.
        if before.is_some_and(Interface::is_foreign) {
            for version in &shared {
                office::bring(&context, &mut transaction, version, peer).await?;
            }
        }
        transaction.commit().await.map_err(database_problem)
    }

    /// A steward says that a participant is foreign, also when it has answered as a node of this program before. It lasts
    /// until the participant answers so again.
    pub async fn declare_foreign(
        &self,
        context: &OpContext,
        peer: &ParticipantId,
        takes_properties: bool,
        reason: Prose,
    ) -> Result<InterfaceRow, Problem> {
        if *peer == self.own {
            return Err(refusals::not_foreign(peer));
        }
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        let before = transaction.lock_peer_interface(peer).await.map_err(database_problem)?;
        let before = before.map(|row| row.interface);
        let interface = match takes_properties {
            true => Interface::Foreign,
            false => Interface::ForeignWithoutProperties,
        };
        let row = write(context, &mut transaction, peer, interface, reason.as_str(), before).await?;
        transaction.commit().await.map_err(database_problem)?;
        Ok(row)
    }

    /// A steward has a contract that names no version count as one that follows from this one, since the foreign party
    /// takes no properties. Whoever calls has looked that the contract is the connection that is agreed.
    ///
    /// # Errors
    /// When the party has signed nothing elsewhere, is not foreign, or more than its accept is awaited.
    pub async fn bind_contract(
        &self,
        context: &OpContext,
        hash: &str,
        party: ParticipantId,
        contract: Line,
        reason: Prose,
    ) -> Result<AgreementVersion, Problem> {
        let version = self.get(context, hash).await?;
        let foreign = context.store.foreign_peers().await.map_err(database_problem)?;
        if !version.waits_for_the_wire(&foreign, context.ambient.now()).contains(&&party) {
            return Err(refusals::not_on_the_wire());
        }
        if !version.document.has_signed_elsewhere(&party) {
            return Err(refusals::signed_nowhere(&party));
        }
        self.seen_on_the_wire(context, hash, StatementStep::ContractBound { party, contract, reason }).await
    }

    /// Takes the step that a foreign participant has made on the wire, as this participant saw it.
    ///
    /// # Errors
    /// When the step may not follow, or is an accept of a participant that is not foreign.
    pub async fn seen_on_the_wire(
        &self,
        context: &OpContext,
        hash: &str,
        step: StatementStep,
    ) -> Result<AgreementVersion, Problem> {
        let _alone = self.deciding.lock().await;
        self.state(context, hash, step).await
    }
}

/// What another party tells of a foreign participant: it is not believed, it is shown. Only that something has ended goes
/// without, since whoever tells so could end it by itself.
pub(super) fn must_be_shown(
    judge: &dyn WireJudge,
    version: &AgreementVersion,
    statement: &Statement,
    now: Timestamp,
) -> Result<(), Problem> {
    if let StatementStep::ContractBound { party, .. } = &statement.step
        && !version.document.has_signed_elsewhere(party)
    {
        return Err(refusals::signed_nowhere(party));
    }
    let Some(seen) = statement.step.on_the_wire() else { return Ok(()) };
    let ends = !matches!(statement.step, StatementStep::AcceptedOnTheWire(_));
    match ends && seen.evidence.is_empty() {
        true => Ok(()),
        false => judge.judge(version, statement, seen, now).map_err(|reason| refusals::not_shown(&reason)),
    }
}

/// What another party tells that a participant accepted on the wire counts unless that participant had answered as a node
/// of this program by then; what was accepted before stays accepted.
pub(super) async fn was_foreign(
    transaction: &mut Transaction,
    own: &ParticipantId,
    statement: &Statement,
) -> Result<(), Problem> {
    let StatementStep::AcceptedOnTheWire(seen) = &statement.step else { return Ok(()) };
    let known = transaction.lock_peer_interface(&seen.party).await.map_err(database_problem)?;
    // A statement gives whole seconds.
    let since = known.filter(|row| !row.interface.is_foreign()).map(|row| row.at.seconds());
    match seen.party != *own && since.is_some_and(|since| since <= statement.at.timestamp().seconds()) {
        true => Err(refusals::not_shown("the participant had answered as a node of this program by then")),
        false => Ok(()),
    }
}

/// The parties that are foreign.
pub(super) fn among(document: &Agreement, foreign: &BTreeSet<ParticipantId>) -> BTreeSet<ParticipantId> {
    let parties = document.parties.iter().map(|party| &party.participant);
    parties.filter(|one| foreign.contains(*one)).cloned().collect()
}

/// Whoever is bound on the wire is foreign, at the moment at which that is written down.
pub(super) async fn must_be_foreign(
    transaction: &mut Transaction,
    peer: &ParticipantId,
) -> Result<(), Problem> {
    let known = transaction.lock_peer_interface(peer).await.map_err(database_problem)?;
    match known.is_some_and(|row| row.interface.is_foreign()) {
        true => Ok(()),
        false => Err(refusals::not_foreign(peer)),
    }
}

async fn write(
    context: &OpContext,
    transaction: &mut Transaction,
    peer: &ParticipantId,
    interface: Interface,
    reason: &str,
    before: Option<Interface>,
) -> Result<InterfaceRow, Problem> {
    let row = InterfaceRow {
        peer: peer.clone(),
        interface,
        reason: reason.to_owned(),
        author: serde_json::to_string(&context.actor).unwrap_or_default(),
        at: context.ambient.now(),
    };
    transaction.put_peer_interface(&row).await.map_err(database_problem)?;
    let detail =
        json!({ "reason": reason, "interface": interface.as_str(), "before": before.map(Interface::as_str) });
    let action = if interface.is_foreign() { "peer.foreign" } else { "peer.verbond" };
    context.record(transaction, action, &peer.to_string(), detail).await?;
    Ok(row)
}
