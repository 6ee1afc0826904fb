//! Participants that run another program: how that is learned, and what they do on the wire as a step in the life of a
//! version.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use verbond_agreement::{Agreement, Line, Prose, StatementStep};
use verbond_domain::{Actor, ParticipantId, Problem};
use verbond_store::{
    Transaction,
    interfaces::{Interface, InterfaceRow},
};

use super::{AgreementOffice, AgreementVersion, refusals};
use crate::{OpContext, context::database_problem};

/// What an authenticated participant answered where nodes of this program speak to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// As a node of this program does.
    Verbond,
    /// That there is nothing (404).
    Nothing,
}

impl AgreementOffice {
    /// Asks the other parties whether they speak the interface among nodes, writes down what they answered, and gives
    /// those that do not. Of one that cannot be reached nothing is learned.
    ///
    /// # Errors
    /// When a party that has answered before says that there is nothing; when one of more than two parties is foreign.
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
        let foreign = among(document, &foreign);
        match foreign.is_empty() || document.parties.len() == 2 {
            true => Ok(foreign),
            false => Err(refusals::foreign_among_many()),
        }
    }

    /// Writes down what a participant answered, if that was not known.
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
        contract: Line,
        reason: Prose,
    ) -> Result<AgreementVersion, Problem> {
        let version = self.get(context, hash).await?;
        let foreign = context.store.foreign_peers().await.map_err(database_problem)?;
        let party = version.waits_for_the_wire(&foreign, context.ambient.now());
        let party = party.ok_or_else(refusals::not_on_the_wire)?.clone();
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
