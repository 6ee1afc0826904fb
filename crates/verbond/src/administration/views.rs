//! What the administration API shows. Names are `snake_case`, moments are RFC 3339 in UTC.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use verbond_domain::{
    Actor, Alias, ApplicationName, ClassDeclaration, Direction, ParticipantId, RecordsBy, Scheme,
    ServiceClass, ServiceName, ServiceReference, Timestamp,
};
use verbond_store::{
    applications::{ApplicationRow, BindingRow, Credential},
    interfaces::Interface,
    outbox::OutboxRow,
    peers::PeerRow,
    records::{JournalLine, TransactionRecord},
    services::ServiceRow,
};

use crate::ambient::rfc_3339;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

impl<T> List<T> {
    /// A list that fits on one page.
    pub fn whole<S: Into<T>>(items: impl IntoIterator<Item = S>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), next: None }
    }

    /// A page of a longer list.
    pub fn page<S: Into<T>>(page: verbond_store::Page<S>) -> Self {
        Self { items: page.items.into_iter().map(Into::into).collect(), next: page.next }
    }
}

/// In which language.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TextLanguage {
    /// Dutch.
    Nl,
    /// English.
    En,
}

/// Parameters of the text.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TextParameters {
    /// `nl` (the default) or `en`.
    pub language: Option<TextLanguage>,
}

/// A steward's statement about the class of a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeclarationView {
    /// `open` or `governed`.
    pub class: ServiceClass,
    /// Who answers for it.
    pub steward: String,
    /// Why.
    pub reason: String,
    /// When it was declared.
    pub declared_at: String,
    /// With which credential it was declared.
    pub declared_by: Actor,
}

impl From<ClassDeclaration> for DeclarationView {
    fn from(declaration: ClassDeclaration) -> Self {
        let ClassDeclaration { class, steward, reason, declared_at, declared_by } = declaration;
        Self { class, steward, reason, declared_at: rfc_3339(declared_at), declared_by }
    }
}

/// A service that this node offers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// Base URL of the source behind it.
    pub upstream: String,
    /// `http1` or `http2` between outway and inway.
    pub protocol: String,
    /// Its class.
    pub declaration: DeclarationView,
}

impl From<ServiceRow> for ServiceView {
    fn from(row: ServiceRow) -> Self {
        let ServiceRow { name, upstream, protocol, declaration } = row;
        Self { name, upstream, protocol, declaration: declaration.into() }
    }
}

/// How an application proves who it is, without the secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CredentialView {
    /// By a Unix socket of its own.
    Socket,
    /// By a bearer token.
    Token,
    /// By a client certificate.
    Certificate {
        /// Lower-case hexadecimal SHA-256 of the certificate.
        thumbprint: String,
    },
}

/// One of the organisation's own applications.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApplicationView {
    /// Its name.
    pub name: ApplicationName,
    /// How it proves who it is.
    pub credential: CredentialView,
    /// What it may use.
    pub bindings: Vec<BindingView>,
}

impl From<ApplicationRow> for ApplicationView {
    fn from(row: ApplicationRow) -> Self {
        let credential = match row.credential {
            Credential::Socket => CredentialView::Socket,
            Credential::Token { .. } => CredentialView::Token,
            Credential::Certificate { thumbprint } => CredentialView::Certificate { thumbprint },
        };
        Self { name: row.name, credential, bindings: row.bindings.into_iter().map(Into::into).collect() }
    }
}

/// A service that an application may use.
#[derive(Debug, Serialize, ToSchema)]
pub struct BindingView {
    /// Name of the service with this application.
    pub alias: Alias,
    /// The service.
    pub service: ServiceReference,
    /// The service, as `oin:…/name`.
    pub reference: String,
    /// What the organisation's own steward declared; null: governed.
    pub declaration: Option<DeclarationView>,
    /// Who writes the processing records of what the application asks of it: `outway`, `application`.
    pub records: RecordsBy,
}

impl From<BindingRow> for BindingView {
    fn from(row: BindingRow) -> Self {
        Self {
            alias: row.alias,
            reference: row.service.to_string(),
            service: row.service,
            declaration: row.declaration.map(Into::into),
            records: row.records,
        }
    }
}

/// Another participant.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeerView {
    /// Its identifier.
    pub id: ParticipantId,
    /// Its name, from its certificate.
    pub name: String,
    /// `https://host:port` of its manager; empty while only its certificate has been seen.
    pub manager_address: String,
    /// When it was last heard of.
    pub seen_at: String,
    /// Which reading of the grant hash it uses: `string`, `digest`; null: not known.
    pub hash_reading: Option<String>,
    /// `verbond`: it has answered as a node of Verbond; `foreign`: it takes part over the group's protocol alone;
    /// `foreign_without_properties`: and it takes no properties into a contract; null: it has not been asked.
    pub interface: Option<&'static str>,
}

impl PeerView {
    /// With what it is known to speak.
    pub fn speaking(self, interface: Option<Interface>) -> Self {
        Self { interface: interface.map(Interface::as_str), ..self }
    }
}

impl From<PeerRow> for PeerView {
    fn from(row: PeerRow) -> Self {
        let PeerRow { id, name, manager_address, seen_at, hash_reading, .. } = row;
        Self { id, name, manager_address, seen_at: rfc_3339(seen_at), hash_reading, interface: None }
    }
}

/// A permitted or refused exchange.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordView {
    /// Identifier of the journal's entry; null in the record of a counterpart.
    pub id: Option<String>,
    /// When it was written.
    pub at: String,
    /// The identifier that both sides share; a refusal may lack one.
    pub transaction_id: Option<String>,
    /// Seen from the side that wrote it.
    pub direction: Direction,
    /// Who asked.
    pub consumer: ParticipantId,
    /// On whose behalf.
    pub consumer_delegator: Option<ParticipantId>,
    /// Who was asked.
    pub provider: ParticipantId,
    /// On whose behalf it answers.
    pub provider_delegator: Option<ParticipantId>,
    /// The service.
    pub service: ServiceName,
    /// The application, on the consumer's side.
    pub application: Option<String>,
    /// The code of the refusal; null: permitted.
    pub refusal: Option<String>,
    /// The protocol's own members.
    #[schema(value_type = Object)]
    pub wire: Map<String, Value>,
}

impl From<TransactionRecord> for RecordView {
    fn from(record: TransactionRecord) -> Self {
        let parties = record.parties;
        Self {
            id: Some(record.id.to_string()),
            at: rfc_3339(record.at),
            transaction_id: record.transaction_id.map(|id| id.to_string()),
            direction: record.direction,
            consumer: parties.consumer,
            consumer_delegator: parties.consumer_delegator,
            provider: parties.provider,
            provider_delegator: parties.provider_delegator,
            service: parties.service,
            application: record.application,
            refusal: record.refusal,
            wire: Arc::unwrap_or_clone(record.wire),
        }
    }
}

/// A line of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct JournalLineView {
    /// Its identifier.
    pub id: String,
    /// `permit`, `refusal`, `processing`, `completion`, `act`.
    pub kind: String,
    /// When it was written.
    pub at: String,
    /// Lower-case hexadecimal SHA-256 of salt and payload.
    pub commitment: String,
    /// What it says.
    #[schema(value_type = Object)]
    pub payload: Value,
}

impl From<JournalLine> for JournalLineView {
    fn from(line: JournalLine) -> Self {
        Self {
            id: line.id.to_string(),
            kind: line.kind,
            at: rfc_3339(line.at),
            commitment: line.commitment.iter().map(|byte| format!("{byte:02x}")).collect(),
            payload: line.payload,
        }
    }
}

/// A message that still has to reach another participant.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutboxView {
    /// Its identifier.
    pub id: String,
    /// To whom.
    pub peer: ParticipantId,
    /// What it is: `contract.accept`, `announce`, ...
    pub kind: String,
    /// About which thing.
    pub subject: String,
    /// Attempts so far.
    pub attempts: i64,
    /// When it will be tried again.
    pub next_attempt_at: String,
    /// Why the last attempt failed.
    pub last_error: String,
    /// Since when it waits.
    pub created_at: String,
}

impl From<OutboxRow> for OutboxView {
    fn from(row: OutboxRow) -> Self {
        let moment = |moment: Timestamp| rfc_3339(moment);
        Self {
            id: row.id.to_string(),
            peer: row.peer,
            kind: row.kind,
            subject: row.subject,
            attempts: row.attempts,
            next_attempt_at: moment(row.next_attempt_at),
            last_error: row.last_error,
            created_at: moment(row.created_at),
        }
    }
}

impl RecordView {
    /// Reads a record as a counterpart shows it (FSC Logging 1.1.0 §4.1); `None` if it cannot be one.
    pub fn of_peer(record: &Value, scheme: Scheme) -> Option<Self> {
        let text = |at: &str| record.pointer(at).and_then(Value::as_str);
        let participant = |at: &str| ParticipantId::new(scheme, text(at)?).ok();
        let direction = match text("/direction")? {
            "DIRECTION_INCOMING" => Direction::Incoming,
            "DIRECTION_OUTGOING" => Direction::Outgoing,
            _ => return None,
        };
        let wire = ["grant_hash", "group_id", "additional_data"];
        let wire = wire.into_iter().filter_map(|name| Some((name.to_owned(), record.get(name)?.clone())));
        Some(Self {
            id: None,
            at: rfc_3339(Timestamp::from_seconds(record.get("created_at")?.as_i64()?)),
            transaction_id: text("/transaction_id").map(str::to_owned),
            direction,
            consumer: participant("/source/outway_peer_id")?,
            consumer_delegator: participant("/source/delegator_peer_id"),
            provider: participant("/destination/service_peer_id")?,
            provider_delegator: participant("/destination/delegator_peer_id"),
            service: text("/service_name")?.parse().ok()?,
            application: None,
            refusal: None,
            wire: wire.collect(),
        })
    }
}
