//! What stands at the addresses that a version names: read by this node and by those of the other parties, each without
//! credentials, and written down.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures_util::{
    StreamExt,
    future::{join_all, join3},
    stream,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use verbond_agreement::{
    ActivityReference, Agreement, DocumentHash, Line, PublishedActivity, RegisterKind,
    check::AlgorithmReading,
};
use verbond_domain::{Actor, ParticipantId, Problem};
use verbond_store::{SortOrder, readings::ReadingRow};

use super::{AgreementOffice, Speaks, foreign::among, refusals};
use crate::{OpContext, context::database_problem};

/// Addresses that are read for one version, at most; what stands behind the others counts as not published.
pub const MOST_ADDRESSES: usize = 64;
/// Nodes of the coalition that are asked to read, where a party's own node cannot.
const MOST_HELPERS: usize = 8;
/// Participants among which they are looked for.
const MOST_HELPERS_KNOWN: i64 = 200;
/// Addresses that are read at the same time.
const AT_ONCE: usize = 8;

/// An answer from an address.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// HTTP status.
    pub status: u16,
    /// What was answered.
    pub body: Vec<u8>,
}

/// Reads addresses, and asks other participants what they read. Nothing that is read is believed: it is hashed.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Gets what stands at an address, as anybody would: without credentials, within bounds of time and size, following
    /// nothing. Whoever asks may have chosen the address.
    async fn read(&self, url: &str) -> Result<Fetched, String>;

    /// Asks a participant, at the other end of mutual TLS, what it speaks where nodes of this program speak to each other.
    /// Whatever is neither an answer of such a node nor 404 is no answer.
    async fn speaks(&self, participant: &ParticipantId) -> Result<Speaks, String>;

    /// Has a participant's node read activities, and tell what it saw.
    async fn ask(
        &self,
        participant: &ParticipantId,
        activities: &[ActivityReference],
    ) -> Result<Vec<Seen>, String>;
}

/// What came of a look at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was read.
    Read,
    /// Only who has credentials is answered.
    Closed,
    /// Nothing that could be read.
    Nothing,
}

impl Outcome {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Closed => "closed",
            Self::Nothing => "nothing",
        }
    }
}

/// What a node saw at the address of an activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The address.
    pub url: Line,
    /// What came of the look.
    pub outcome: Outcome,
    /// Hash over the canonical form of what was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<DocumentHash>,
}

/// What this node found itself.
struct Look {
    seen: Seen,
    content: Option<String>,
}

impl AgreementOffice {
    /// Reads what stands at the addresses that a version names, has the other parties' nodes do so, and writes down what
    /// each saw, in the place of what was seen before.
    ///
    /// # Errors
    /// When the version is unknown or the database fails; an address or a party that does not answer is no error.
    pub async fn read_sources(&self, context: &OpContext, hash: &str) -> Result<Vec<ReadingRow>, Problem> {
        let document = self.get(context, hash).await?.document;
        let references = activities(&document, |_| true);
        let urls: BTreeSet<Line> = references.iter().map(|one| one.url.clone()).collect();
        let own = stream::iter(urls).map(|url| self.look(url)).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
        let algorithms: BTreeSet<Line> =
            document.algorithms.iter().take(MOST_ADDRESSES).map(|one| one.url.clone()).collect();
        let registers = stream::iter(algorithms)
            .map(|url| self.registered(url))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>();
        let foreign = context.store.foreign_peers().await.map_err(database_problem)?;
        // Foreign participants publish where they like; nodes read for others only what a node publishes.
        let of_nodes = activities(&document, |party| !foreign.contains(party));
        let helpers = self.helpers(context, &document, &foreign).await?;
        let others = document.parties.iter().map(|party| &party.participant);
        let others = others.filter(|one| **one != self.own && !foreign.contains(*one)).chain(&helpers);
        let others = join_all(others.map(|party| self.ask(party, &of_nodes)));
        let (own, registers, others) = join3(own, registers, others).await;

        let at = context.ambient.now();
        let row =
            |kind: RegisterKind, reader: &ParticipantId, seen: Seen, content: Option<String>| ReadingRow {
                kind: kind.as_str().to_owned(),
                url: seen.url.to_string(),
                reader: reader.clone(),
                outcome: seen.outcome.as_str().to_owned(),
                content_hash: seen.hash.map(|hash| hash.to_string()),
                content,
                at,
            };
        let own = own.into_iter().map(|look| row(RegisterKind::Activity, &self.own, look.seen, look.content));
        let mut rows: Vec<ReadingRow> = own.collect();
        rows.extend(
            registers
                .into_iter()
                .map(|look| row(RegisterKind::Algorithm, &self.own, look.seen, look.content)),
        );
        for (reader, seen) in others {
            rows.extend(seen.into_iter().map(|seen| row(RegisterKind::Activity, reader, seen, None)));
        }
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        transaction.replace_agreement_readings(hash, &rows).await.map_err(database_problem)?;
        let detail: Vec<Value> = rows
            .iter()
            .map(|row| json!({ "url": row.url, "reader": row.reader, "outcome": row.outcome, "hash": row.content_hash }))
            .collect();
        context.record(&mut transaction, "agreement.read", hash, json!({ "readings": detail })).await?;
        transaction.commit().await.map_err(database_problem)?;
        Ok(rows)
    }

    /// What nodes have read for a version, as it was written down.
    ///
    /// # Errors
    /// As [`AgreementOffice::read_sources`].
    pub async fn readings(&self, context: &OpContext, hash: &str) -> Result<Vec<ReadingRow>, Problem> {
        self.get(context, hash).await?;
        context.store.agreement_readings(hash).await.map_err(database_problem)
    }

    /// Reads activities for another participant, who is about to offer an agreement that names them, and tells what was
    /// seen. What stands there is not given on.
    ///
    /// # Errors
    /// When an address is not one at which a node publishes an activity, or there are too many.
    pub async fn read_for(
        &self,
        context: &OpContext,
        activities: Vec<ActivityReference>,
    ) -> Result<Vec<Seen>, Problem> {
        if activities.len() > MOST_ADDRESSES || !activities.iter().all(is_published_form) {
            return Err(refusals::not_readable());
        }
        let urls: BTreeSet<Line> = activities.into_iter().map(|one| one.url).collect();
        let looks = stream::iter(urls).map(|url| self.look(url)).buffer_unordered(AT_ONCE);
        let seen: Vec<Seen> = looks.map(|look| look.seen).collect().await;
        let subject = match &context.actor {
            Actor::Participant { id } => id.to_string(),
            _ => self.own.to_string(),
        };
        context.record_alone("register.read", &subject, json!({ "readings": seen })).await?;
        Ok(seen)
    }

    /// Nodes of the coalition that read for this participant what a foreign party's node cannot: whoever answers is one.
    async fn helpers(
        &self,
        context: &OpContext,
        document: &Agreement,
        foreign: &BTreeSet<ParticipantId>,
    ) -> Result<Vec<ParticipantId>, Problem> {
        if among(document, foreign).is_empty() {
            return Ok(Vec::new());
        }
        let known = context
            .store
            .peers(None, &[], None, MOST_HELPERS_KNOWN, SortOrder::Ascending)
            .await
            .map_err(database_problem)?;
        let directories = self.directories.iter().cloned();
        let mut known: Vec<_> = directories.chain(known.items.into_iter().map(|peer| peer.id)).collect();
        let mut seen = BTreeSet::new();
        known.retain(|id| seen.insert(id.clone()));
        let known = known.into_iter();
        let fit = known.filter(|id| *id != self.own && !foreign.contains(id) && document.party(id).is_none());
        Ok(fit.take(MOST_HELPERS).collect())
    }

    /// What stands at the address of an activity.
    async fn look(&self, url: Line) -> Look {
        let fetched = self.reader.read(url.as_str()).await;
        let nothing = |url| Look { seen: Seen { url, outcome: Outcome::Nothing, hash: None }, content: None };
        match fetched {
            Ok(Fetched { status: 200, body }) => match PublishedActivity::parse(&body) {
                Ok((_, hash)) => Look {
                    seen: Seen { url, outcome: Outcome::Read, hash: Some(hash) },
                    content: String::from_utf8(body).ok(),
                },
                Err(error) => {
                    tracing::info!(url = url.as_str(), %error, "no activity stands at this address");
                    nothing(url)
                }
            },
            Ok(Fetched { status: 401 | 403 | 407, .. }) => {
                Look { seen: Seen { url, outcome: Outcome::Closed, hash: None }, content: None }
            }
            Ok(Fetched { status, .. }) => {
                tracing::info!(url = url.as_str(), status, "nothing to read at this address");
                nothing(url)
            }
            Err(reason) => {
                tracing::info!(url = url.as_str(), reason, "an address cannot be read");
                nothing(url)
            }
        }
    }

    /// What an algorithm register says at an address.
    async fn registered(&self, url: Line) -> Look {
        let entry = match self.reader.read(url.as_str()).await {
            Ok(Fetched { status: 200, body }) => serde_json::from_slice::<RegisteredAlgorithm>(&body).ok(),
            _ => None,
        };
        let text = entry.and_then(|entry| serde_json::to_string(&entry).ok());
        match text {
            Some(text) => Look {
                seen: Seen { url, outcome: Outcome::Read, hash: Some(DocumentHash::of(text.as_bytes())) },
                content: Some(text),
            },
            None => Look { seen: Seen { url, outcome: Outcome::Nothing, hash: None }, content: None },
        }
    }

    /// What another party's node saw of what was asked; nothing where it says nothing.
    async fn ask<'a>(
        &self,
        party: &'a ParticipantId,
        references: &[ActivityReference],
    ) -> (&'a ParticipantId, Vec<Seen>) {
        let asked: BTreeSet<&Line> = references.iter().map(|one| &one.url).collect();
        match self.reader.ask(party, references).await {
            Ok(seen) => {
                let known: BTreeMap<Line, Seen> = seen
                    .into_iter()
                    .filter(|one| asked.contains(&one.url))
                    .map(|one| (one.url.clone(), one))
                    .collect();
                (party, known.into_values().collect())
            }
            Err(reason) => {
                tracing::info!(%party, reason, "a party does not tell what it reads");
                (party, Vec::new())
            }
        }
    }
}

/// What is looked for in an algorithm register's entry; what else it says is its own.
#[derive(Debug, Serialize, Deserialize)]
struct RegisteredAlgorithm {
    register_id: Line,
    version: Line,
}

/// What a stored reading says of an algorithm.
pub(super) fn algorithm(row: &ReadingRow) -> Option<AlgorithmReading> {
    let entry: RegisteredAlgorithm = serde_json::from_str(row.content.as_deref()?).ok()?;
    let url = row.url.parse().ok()?;
    Some(AlgorithmReading { url, register_id: entry.register_id, version: entry.version })
}

/// The activities of these parties that a version names, each once.
fn activities(document: &Agreement, of: impl Fn(&ParticipantId) -> bool) -> Vec<ActivityReference> {
    let mut found: Vec<ActivityReference> = Vec::new();
    for clause in &document.clauses {
        let provider = (&clause.service.provider, &clause.provider);
        let receivers = clause.receivers.iter().map(|one| (&one.participant, &one.side));
        let sides = std::iter::once(provider).chain(receivers).filter(|(party, _)| of(party));
        for reference in sides.filter_map(|(_, side)| side.activity.as_ref()) {
            if !found.contains(reference) && found.len() < MOST_ADDRESSES {
                found.push(reference.clone());
            }
        }
    }
    found
}

/// Whether the address is one at which a node publishes this activity. Whoever asks this node to read for them could
/// otherwise choose any address.
fn is_published_form(reference: &ActivityReference) -> bool {
    let (name, version) = (&reference.entry.name, reference.entry.version);
    reference.url.as_str().ends_with(&format!("/v1/registers/activity/{name}/{version}"))
        && !reference.url.as_str().contains(['?', '#'])
}
