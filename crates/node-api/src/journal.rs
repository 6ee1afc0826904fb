//! What nodes tell each other of their journals: keys, proofs that one has only grown, and what each holds of the other's.

#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    Json,
    extract::{Query, State},
    http::Method,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};
use verbond_application::{
    Courier, Managers, OpContext, Undelivered,
    checkpoints::HeldCheckpoint,
    database_problem,
    witnesses::{self, CounterpartJournal},
};
use verbond_domain::{Actor, ParticipantId, Problem};
use verbond_journal::{Bytes32, KeyCertificate, Showing, TreeHash};
use verbond_store::outbox::OutboxRow;
use verbond_transport::Client;

use crate::{
    NodeApi,
    answer::Refused,
    call::{Call, call},
    caller::Caller,
    courier::told,
    routes,
};

/// Time for one call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes read of an answer.
const MAXIMUM_ANSWER: usize = 1024 * 1024;

/// A key of this participant's journal.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalKey {
    /// The key, as a signed note has it.
    verifier_key: String,
    /// By what it is this participant's.
    key: KeyCertificate,
}

/// The keys of this participant's journal.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalKeys {
    /// The earliest first.
    items: Vec<JournalKey>,
}

/// What this node holds of the caller's journal.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldCheckpoints {
    /// The newest of each epoch.
    items: Vec<HeldCheckpoint>,
}

/// From which size to which.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sizes {
    /// Entries of the smaller tree,
    from: u64,
    /// and of the larger one.
    to: u64,
}

/// A proof of RFC 9162.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consistency {
    /// Its hashes, in base64url.
    #[schema(value_type = Vec<String>)]
    hashes: Vec<Bytes32>,
}

/// The keys of this participant's journal, with its certificate's word for each.
#[utoipa::path(get, path = "/verbond/v1/journal/keys", responses(
    (status = 200, body = JournalKeys), (status = 401, description = "the certificate cannot be used"),
    (status = 429, description = "the caller has asked too often")))]
pub(crate) async fn keys(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
) -> Result<Json<JournalKeys>, Refused> {
    admitted(&node, &caller)?;
    let keys = node.checkpoints.certificates(&caller.context).await?;
    let items = keys.into_iter().map(|(verifier_key, key)| JournalKey { verifier_key, key }).collect();
    Ok(Json(JournalKeys { items }))
}

/// That this participant's journal has only grown between two sizes (RFC 9162 §2.1.4).
#[utoipa::path(get, path = "/verbond/v1/journal/consistency", params(Sizes), responses(
    (status = 200, body = Consistency), (status = 400, description = "not of the form asked"),
    (status = 401, description = "the certificate cannot be used"),
    (status = 404, description = "the journal is not that large"),
    (status = 429, description = "the caller has asked too often")))]
pub(crate) async fn consistency(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
    sizes: Result<Query<Sizes>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Consistency>, Refused> {
    let Query(sizes) = sizes.map_err(|rejection| Refused(routes::unreadable(&rejection.body_text())))?;
    admitted(&node, &caller)?;
    let head = node.store.journal_head().await.map_err(database_problem)?;
    let showing = Showing::consistency(sizes.from, sizes.to).filter(|_| sizes.to <= head.size);
    let hashes = node.store.show(&showing.ok_or_else(not_that_large)?).await.map_err(database_problem)?;
    Ok(Json(Consistency { hashes: hashes.into_iter().map(Bytes32).collect() }))
}

/// What this node holds of the caller's journal: a checkpoint that the caller has lost shows that it has lost entries.
#[utoipa::path(get, path = "/verbond/v1/journal/witnessed", responses(
    (status = 200, body = HeldCheckpoints), (status = 401, description = "the certificate cannot be used"),
    (status = 429, description = "the caller has asked too often")))]
pub(crate) async fn witnessed(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
) -> Result<Json<HeldCheckpoints>, Refused> {
    admitted(&node, &caller)?;
    let items = witnesses::held_of(&caller.context, &caller.participant).await?;
    Ok(Json(HeldCheckpoints { items }))
}

fn admitted(node: &NodeApi, caller: &Caller) -> Result<(), Refused> {
    match node.asked.admits(&caller.participant, 1) {
        true => Ok(()),
        false => Err(Refused(routes::too_often())),
    }
}

fn not_that_large() -> Problem {
    Problem::new(
        "JOURNAL_NOT_THAT_LARGE",
        404,
        "Zoveel regels heeft het journaal niet, of de eerste maat is groter dan de tweede.",
        "the journal has not so many entries, or the first size is larger than the second",
    )
    .next(
        "Vraag een bewijs tussen twee controlepunten die dit knooppunt heeft getoond.",
        "ask for a proof between two checkpoints that this node has shown",
    )
}

/// Asks other participants about their journals.
pub struct JournalReader {
    peers: Client,
    managers: Arc<dyn Managers>,
}

impl JournalReader {
    /// With a client for participants, and who knows where their managers are.
    pub fn new(peers: Client, managers: Arc<dyn Managers>) -> Self {
        Self { peers, managers }
    }

    async fn ask<T: DeserializeOwned>(&self, of: &ParticipantId, path: &str) -> Result<T, String> {
        let manager = self.managers.manager_of(of).await;
        ask(&self.peers, of, &manager.ok_or("its manager is not known")?, path).await
    }
}

async fn ask<T: DeserializeOwned>(
    peers: &Client,
    of: &ParticipantId,
    manager: &str,
    path: &str,
) -> Result<T, String> {
    let (method, body) = (Method::GET, Bytes::new());
    let asked = Call { method, path, body, most: MAXIMUM_ANSWER, within: TIMEOUT };
    let (status, answer) = call(peers, of, manager, asked).await?;
    match status.is_success() {
        true => serde_json::from_slice(&answer).map_err(|_| "what it tells cannot be read".to_owned()),
        false => Err(told(status, &answer)),
    }
}

/// What a participant holds of this one's journal; nothing, where it runs another program.
///
/// # Errors
/// Why it could not be asked.
pub async fn held_by(
    peers: &Client,
    participant: &ParticipantId,
    manager: &str,
) -> Result<Vec<HeldCheckpoint>, String> {
    match ask::<HeldCheckpoints>(peers, participant, manager, "/verbond/v1/journal/witnessed").await {
        Err(reason) if reason.starts_with("404") => Ok(Vec::new()),
        held => held.map(|held| held.items),
    }
}

#[async_trait]
impl CounterpartJournal for JournalReader {
    async fn keys(&self, of: &ParticipantId) -> Result<Vec<(String, KeyCertificate)>, String> {
        let keys: JournalKeys = self.ask(of, "/verbond/v1/journal/keys").await?;
        Ok(keys.items.into_iter().map(|item| (item.verifier_key, item.key)).collect())
    }

    async fn consistency(&self, of: &ParticipantId, from: u64, to: u64) -> Result<Vec<TreeHash>, String> {
        let path = format!("/verbond/v1/journal/consistency?from={from}&to={to}");
        let proof: Consistency = self.ask(of, &path).await?;
        Ok(proof.hashes.into_iter().map(|hash| hash.0).collect())
    }
}

/// Compares, after an absence, what counterparts hold of this participant's journal with the journal; carries nothing.
pub struct WitnessCourier(pub Arc<NodeApi>);

#[async_trait]
impl Courier for WitnessCourier {
    fn carries(&self) -> &'static str {
        "journal"
    }

    async fn carry(&self, _manager: &str, message: &OutboxRow) -> Result<(), Undelivered> {
        Err(Undelivered::refused(format!("unknown message {}", message.kind)))
    }

    async fn compare(&self, with: &ParticipantId, manager: &str) -> Result<usize, String> {
        let node = &self.0;
        let held = held_by(&node.peers, with, manager).await?;
        let actor = Actor::Participant { id: with.clone() };
        let context = OpContext { actor, ambient: node.ambient.clone(), store: node.store.clone() };
        for held in &held {
            let compared = node.checkpoints.compare_held(&context, held).await;
            compared.map_err(|problem| problem.to_string())?;
        }
        Ok(0)
    }
}
