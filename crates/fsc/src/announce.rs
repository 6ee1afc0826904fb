//! This participant makes itself known: to every directory at the start and daily, and to those it shares contracts
//! with when its address has changed (FSC Core 2.0.0 §4.4.2).

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde_json::json;
use verbond_application::database_problem;
use verbond_domain::{Actor, ParticipantId, Problem};
use verbond_fail_points::fail_point;

use crate::FscNode;

const DAILY: Duration = Duration::from_secs(86_400);
/// Time until the next try when the database fails.
const RETRY: Duration = Duration::from_secs(10);

impl FscNode {
    /// Announces until it is aborted. The messages lie in the outbox, so that a directory that is down gets its own
    /// when it is back.
    pub(crate) async fn keep_announced(self: Arc<Self>) {
        if self.rules.manager_address.is_empty() {
            return;
        }
        loop {
            fail_point!("task::announcements");
            let pause = match self.announce(&Actor::Node { rule: "announce".to_owned() }).await {
                Ok(_) => DAILY,
                Err(_) => RETRY,
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Puts announcements in the outbox and returns for whom. Whoever has one waiting gets no second.
    pub async fn announce(&self, actor: &Actor) -> Result<Vec<ParticipantId>, Problem> {
        let failed = database_problem;
        let (own, address) = (&self.rules.own, self.rules.manager_address.as_str());
        let before = self.peer_row(own).await.map_err(failed)?;
        let moved = before.is_some_and(|row| row.manager_address != address);
        let mut to: HashSet<ParticipantId> = self.directories().map(|directory| directory.id).collect();
        if moved {
            to.extend(self.counterparts().await.map_err(failed)?);
        }
        let waiting = self.store.outbox().await.map_err(failed)?;
        for message in waiting.iter().filter(|message| message.kind == "announce") {
            to.remove(&message.peer);
        }
        let now = self.ambient.now();
        let name = self.identity.current().certificate.organisation.clone();
        let mut transaction = self.store.begin().await.map_err(failed)?;
        // Our own row keeps the address that was announced last: that is how a change is seen after a restart.
        transaction.put_peer(own, &name, address, now).await.map_err(failed)?;
        for peer in &to {
            let id = self.ambient.uuid_v7();
            transaction.put_outbox(id, peer, "announce", address, "", now).await.map_err(failed)?;
        }
        if !to.is_empty() {
            let detail = json!({ "to": to, "address_changed": moved });
            self.put_act(&mut transaction, actor.clone(), "node.announce", address, detail).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(to.into_iter().collect())
    }
}
