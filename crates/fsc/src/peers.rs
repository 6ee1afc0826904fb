//! Other participants: where their managers are, and what is remembered of them.

use async_trait::async_trait;
use serde_json::json;
use verbond_application::{Managers, database_problem};
use verbond_domain::{Actor, ParticipantId, Problem};
use verbond_journal::{Act, Entry};
use verbond_store::{SortOrder, StoreError, peers::PeerRow};
use verbond_trust::Certificate;

use crate::{
    FscNode,
    address::ManagerAddress,
    client::{Counterpart, cleaned},
};

impl FscNode {
    /// The address of a participant's manager: as our configuration says of a directory, as the participant told us
    /// itself, or as a directory of the group says.
    pub(crate) async fn manager_of(&self, id: &ParticipantId) -> Result<ManagerAddress, Problem> {
        let known = self.store.peer(id).await.map_err(database_problem)?;
        let told = known.iter().map(|peer| peer.manager_address.as_str());
        let configured =
            self.rules.directories.iter().filter(|it| it.id == *id).map(|it| it.manager_address.as_str());
        let address =
            configured.chain(told).find_map(|text| ManagerAddress::parse(text, &self.rules.ports).ok());
        match address {
            Some(address) => Ok(address),
            None => self.ask_directories(id).await.ok_or_else(|| unknown_peer(id)),
        }
    }

    /// The manager of a participant, ready to be called.
    pub(crate) async fn counterpart(&self, id: &ParticipantId) -> Result<Counterpart, Problem> {
        Ok(Counterpart { id: id.clone(), address: self.manager_of(id).await? })
    }

    /// The group's directories, apart from this node itself.
    pub(crate) fn directories(&self) -> impl Iterator<Item = Counterpart> + '_ {
        self.rules.directories.iter().filter(|directory| directory.id != self.rules.own).filter_map(
            |directory| {
                let address = ManagerAddress::parse(&directory.manager_address, &self.rules.ports).ok()?;
                Some(Counterpart { id: directory.id.clone(), address })
            },
        )
    }

    async fn ask_directories(&self, id: &ParticipantId) -> Option<ManagerAddress> {
        for directory in self.directories() {
            let listed = match self.client.peers(&directory, &[id]).await {
                Ok(peers) => peers.into_iter().find(|peer| peer.id == id.value()),
                Err(error) => {
                    tracing::warn!(directory = %directory.id, %error, "a directory cannot be asked for a participant");
                    continue;
                }
            };
            let Some(listed) = listed else { continue };
            let Ok(address) = ManagerAddress::parse(&listed.manager_address, &self.rules.ports) else {
                continue;
            };
            if let Err(error) = self.remember(id, &cleaned(&listed.name), &address).await {
                tracing::warn!(%id, %error, "a participant's address cannot be kept");
            }
            return Some(address);
        }
        None
    }

    async fn remember(
        &self,
        id: &ParticipantId,
        name: &str,
        address: &ManagerAddress,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        transaction.put_peer(id, name, address.as_str(), self.ambient.now()).await?;
        transaction.commit().await
    }

    /// A participant announces its manager (FSC Core 2.0.0 §4.4.2): name and address are kept, what waits for it is
    /// sent, and its contracts are compared with ours.
    pub(crate) async fn receive_announcement(
        &self,
        caller: &Certificate,
        address: &ManagerAddress,
    ) -> Result<(), Problem> {
        let failed = database_problem;
        let before = self.store.peer(&caller.participant).await.map_err(failed)?;
        let moved = before.is_none_or(|peer| peer.manager_address != address.as_str());
        let mut transaction = self.store.begin().await.map_err(failed)?;
        let now = self.ambient.now();
        transaction
            .put_peer(&caller.participant, &caller.organisation, address.as_str(), now)
            .await
            .map_err(failed)?;
        if moved {
            let act = Act {
                author: Actor::Participant { id: caller.participant.clone() },
                action: "peer.announce".to_owned(),
                subject: caller.participant.to_string(),
                detail: json!({ "manager_address": address.as_str() }),
            };
            transaction.append(&Entry::Act(act), &self.ambient).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        self.store.outbox_wake(&caller.participant, now).await.map_err(failed)?;
        self.reconciliation.ask(&caller.participant);
        Ok(())
    }

    /// The name of a participant, as its certificate or a directory told; empty if nobody did.
    pub(crate) async fn peer_row(&self, id: &ParticipantId) -> Result<Option<PeerRow>, StoreError> {
        self.store.peer(id).await
    }

    /// All participants that this node has met.
    pub(crate) async fn all_peers(&self) -> Result<Vec<PeerRow>, StoreError> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.store.peers(None, &[], cursor.as_deref(), 1000, SortOrder::Ascending).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }
}

#[async_trait]
impl Managers for FscNode {
    async fn manager_of(&self, participant: &ParticipantId) -> Option<String> {
        Self::manager_of(self, participant).await.ok().map(|address| address.as_str().to_owned())
    }
}

fn unknown_peer(id: &ParticipantId) -> Problem {
    Problem::new(
        "PEER_UNKNOWN",
        404,
        format!("Van {id} is geen manager bekend, ook niet bij de directory van de groep."),
        format!("no manager of {id} is known, nor does a directory of the group know one"),
    )
    .next(
        "Controleer het nummer, en of de andere partij zich bij de directory heeft aangemeld.",
        "check the number, and whether the other party has announced itself to the directory",
    )
}
