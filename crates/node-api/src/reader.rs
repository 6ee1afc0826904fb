//! Reads what other participants publish, as anybody would, and has their nodes read what this one publishes.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use async_trait::async_trait;
use axum::http::{Method, Request, header};
use bytes::Bytes;
use verbond_agreement::ActivityReference;
use verbond_application::{
    Managers,
    agreements::{Fetched, Reader, Seen, Speaks},
};
use verbond_domain::ParticipantId;
use verbond_transport::{Client, Protocol, Target};

use crate::{
    call::{Call, call},
    probe,
    routes::{Readings, ReadingsAsked},
};

/// Time for reading one address.
const READING: Duration = Duration::from_secs(5);
/// Time for asking one participant, which reads several addresses before it answers.
const ASKING: Duration = Duration::from_secs(30);
/// Most bytes that are read at one address, or of an answer.
const MAXIMUM_BYTES: usize = 1024 * 1024;

/// The reader of a node.
pub struct NodeReader {
    /// Without credentials, and to hosts that others choose ([`verbond_transport::Hosts::chosen_by_others`]).
    open: Client,
    peers: Client,
    managers: OnceLock<Weak<dyn Managers>>,
}

impl NodeReader {
    /// With one client that shows no certificate, and one for participants.
    pub fn new(open: Client, peers: Client) -> Arc<Self> {
        Arc::new(Self { open, peers, managers: OnceLock::new() })
    }

    /// Says, once, who knows where managers are. Until then no participant is asked.
    pub fn knows(&self, managers: Weak<dyn Managers>) {
        if self.managers.set(managers).is_err() {
            tracing::error!("who knows where managers are was said twice; the first stays");
        }
    }

    async fn manager_of(&self, participant: &ParticipantId) -> Result<String, String> {
        let managers = self.managers.get().and_then(Weak::upgrade).ok_or("the node is not ready")?;
        managers.manager_of(participant).await.ok_or_else(|| "its manager is not known".to_owned())
    }
}

#[async_trait]
impl Reader for NodeReader {
    async fn read(&self, url: &str) -> Result<Fetched, String> {
        let target = Target::server(url, Protocol::Http1).map_err(|error| error.to_string())?;
        let request = Request::builder()
            .method(Method::GET)
            .uri(url)
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        let answer = self.open.call(&target, request, MAXIMUM_BYTES, READING).await;
        let answer = answer.map_err(|error| error.to_string())?;
        Ok(Fetched { status: answer.status().as_u16(), body: answer.into_body().into() })
    }

    async fn speaks(&self, participant: &ParticipantId) -> Result<Speaks, String> {
        let manager = self.manager_of(participant).await?;
        probe::shared(&self.peers, participant, &manager).await.map(|(speaks, _)| speaks)
    }

    async fn ask(
        &self,
        participant: &ParticipantId,
        activities: &[ActivityReference],
    ) -> Result<Vec<Seen>, String> {
        let manager = self.manager_of(participant).await?;
        let body = serde_json::to_vec(&ReadingsAsked { activities: activities.to_vec() });
        let body = Bytes::from(body.map_err(|error| error.to_string())?);
        let (method, path) = (Method::POST, "/verbond/v1/readings");
        let asked = Call { method, path, body, most: MAXIMUM_BYTES, within: ASKING };
        let (status, answer) = call(&self.peers, participant, &manager, asked).await?;
        if !status.is_success() {
            return Err(crate::courier::told(status, &answer));
        }
        let readings: Readings =
            serde_json::from_slice(&answer).map_err(|_| "its answer cannot be read".to_owned())?;
        Ok(readings.items)
    }
}
