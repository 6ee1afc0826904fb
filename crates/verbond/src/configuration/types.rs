//! `verbond.toml` as types. The documentation of each member is what `verbond schema configuration` shows.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_fsc::protocol::acceptance::AcceptancePolicy;

use super::{Access, Profile};

/// The configuration of one node. Relative paths are taken from the data directory.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The group's rules: `test`, `digikoppeling`, or the path of a profile of your own.
    pub profile: String,
    /// Where the node keeps its data.
    #[serde(default)]
    pub database: Database,
    /// The participant's certificate and key.
    pub identity: IdentityFiles,
    /// Members of the profile that are different here.
    #[serde(default)]
    pub group: Profile,
    /// The manager, which other participants' managers and outways dial.
    pub manager: Option<PeerListener>,
    /// The inway, which other participants' outways dial.
    pub inway: Option<Inway>,
    /// The outway, which the organisation's own applications dial.
    pub outway: Option<Outway>,
    /// The organisation's own decision point, which inway and outway ask too; absent: there is none.
    pub decision_point: Option<DecisionPoint>,
    /// The organisation's logbook, to which processing records are handed on; absent: they stay here.
    pub export: Option<Export>,
    /// The administration API.
    #[serde(default)]
    pub administration: Administration,
    /// The read-only listener for everybody.
    pub public: Option<Public>,
    /// Where metrics are served besides the administration socket.
    #[serde(default)]
    pub metrics: Metrics,
    /// Whether this node is a directory of its group.
    #[serde(default)]
    pub directory: DirectoryRole,
    /// IP addresses for host names that the name service does not know; `*.example` stands for all names below it.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub hosts: BTreeMap<String, IpAddr>,
    /// What happens to contracts that other participants propose.
    #[serde(default)]
    pub acceptance: AcceptancePolicy,
    /// Bounds on what strangers and applications can ask of the node.
    #[serde(default)]
    pub limits: Limits,
    /// The journal's checkpoints.
    #[serde(default)]
    pub journal: JournalSettings,
    /// Processing records that applications write themselves.
    #[serde(default)]
    pub records: RecordSettings,
    /// The account of exchanges.
    #[serde(default)]
    pub account: AccountSettings,
    /// Backups of the node.
    #[serde(default)]
    pub backup: Backup,
    /// What the node writes to standard error.
    #[serde(default)]
    pub log: Log,
}

impl Configuration {
    /// How servers of the organisation itself are reached.
    pub fn own_servers(&self) -> impl Iterator<Item = Access<'_>> {
        let point = self.decision_point.iter().map(DecisionPoint::access);
        let others = point.chain(self.export.iter().map(Export::access));
        others.chain(self.journal.object_store.iter().map(ObjectStore::access))
    }
}

/// Where the node keeps its data: `"sqlite"`, `"postgres://user@host/name"`, or a file that holds such a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "database is \"sqlite\", \"postgres://user@host/name\" or { file = \"…\" }")]
pub enum Database {
    /// `sqlite` or a `postgres://` URL without a password.
    Url(String),
    /// A file whose only line is a `postgres://` URL, password and all.
    File(DatabaseFile),
}

/// A file that holds the database's URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseFile {
    /// The file's path.
    #[schema(value_type = String)]
    pub file: PathBuf,
}

/// The participant's certificate and key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityFiles {
    /// The certificate chain, PEM, leaf first.
    #[schema(value_type = String)]
    pub certificate: PathBuf,
    /// The leaf's private key, PEM; readable by the node's user only.
    #[schema(value_type = String)]
    pub key: PathBuf,
    /// Chains of earlier certificates that signatures may still refer to.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub earlier: Vec<PathBuf>,
}

/// A listener for other participants.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerListener {
    /// IP address and port to listen on. Manager and inway may share one if the hosts of their addresses differ.
    #[schema(value_type = String)]
    pub listen: SocketAddr,
    /// `https://host:port` that other participants dial.
    pub address: String,
}

/// The inway: where other participants reach it, and how it knows the organisation's sources.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Inway {
    /// IP address and port to listen on. Manager and inway may share one if the hosts of their addresses differ.
    #[schema(value_type = String)]
    pub listen: SocketAddr,
    /// `https://host:port` that other participants dial.
    pub address: String,
    /// PEM files with the authorities of sources at `https://` addresses; absent: those of the system, in
    /// `/etc/ssl/certs/ca-certificates.crt`.
    #[schema(value_type = Option<Vec<String>>)]
    pub source_anchors: Option<Vec<PathBuf>>,
}

/// The outway: how the organisation's own applications reach it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Outway {
    /// For applications with a bearer token; a loopback address.
    #[schema(value_type = Option<String>)]
    pub listen: Option<SocketAddr>,
    /// Directory with one Unix socket per application that has one.
    #[serde(default = "sockets")]
    #[schema(value_type = String)]
    pub sockets: PathBuf,
    /// For applications with a client certificate, from other machines too.
    pub tls: Option<ClientListener>,
}

/// The organisation's own decision point: a policy decision point of OpenID AuthZEN 1.0 (NLGov profile 1.0.0). It is asked
/// about what is permitted without it. Its deny counts, its permit is never enough, and without an answer nothing is
/// exchanged.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionPoint {
    /// Its Access Evaluation endpoint, such as `https://pdp.gemeente.example:8443/access/v1/evaluation`; that path when
    /// the address names none. `http://` on this machine only.
    pub address: String,
    /// PEM files with the authorities that its certificate must lead to; absent: those of the system, in
    /// `/etc/ssl/certs/ca-certificates.crt`.
    #[schema(value_type = Option<Vec<String>>)]
    pub anchors: Option<Vec<PathBuf>>,
    /// A certificate chain (PEM, leaf first) by which it knows this node; with `key`.
    #[schema(value_type = Option<String>)]
    pub certificate: Option<PathBuf>,
    /// The private key of `certificate`, PEM; readable by the node's user only.
    #[schema(value_type = Option<String>)]
    pub key: Option<PathBuf>,
    /// A file whose only line is a bearer token by which it knows this node; readable by the node's user only.
    #[schema(value_type = Option<String>)]
    pub token_file: Option<PathBuf>,
    /// Milliseconds that it may take to answer, connecting included.
    #[serde(default = "decision_point_milliseconds")]
    pub timeout_ms: u32,
    /// Whether its reason for whoever asked (`reason_user`) is told to them: at the outway the organisation's own
    /// application, at the inway another participant. It stands in the record either way, and so must name nobody.
    #[serde(default = "yes")]
    pub pass_reason: bool,
}

impl DecisionPoint {
    /// How it is reached.
    pub fn access(&self) -> Access<'_> {
        let Self { address, anchors, certificate, key, token_file, .. } = self;
        Access {
            address,
            anchors: anchors.as_deref(),
            certificate: certificate.as_ref(),
            key: key.as_ref(),
            token_file: token_file.as_ref(),
        }
    }
}

/// The organisation's logbook: a collector that takes OTLP/HTTP in JSON. It gets the records of Logboek Dataverwerkingen
/// 1.0.0 as spans, from the first one that is kept, in order, each at least once. What it does not take waits here.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Where it takes traces, such as `https://logboek.gemeente.example:4318/v1/traces`; that path when the address names
    /// none. `http://` on this machine only.
    pub address: String,
    /// PEM files with the authorities that its certificate must lead to; absent: those of the system, in
    /// `/etc/ssl/certs/ca-certificates.crt`.
    #[schema(value_type = Option<Vec<String>>)]
    pub anchors: Option<Vec<PathBuf>>,
    /// A certificate chain (PEM, leaf first) by which it knows this node; with `key`.
    #[schema(value_type = Option<String>)]
    pub certificate: Option<PathBuf>,
    /// The private key of `certificate`, PEM; readable by the node's user only.
    #[schema(value_type = Option<String>)]
    pub key: Option<PathBuf>,
    /// A file whose only line is a bearer token by which it knows this node; readable by the node's user only.
    #[schema(value_type = Option<String>)]
    pub token_file: Option<PathBuf>,
    /// Milliseconds that it may take to answer, connecting included.
    #[serde(default = "export_milliseconds")]
    pub timeout_ms: u32,
}

impl Export {
    /// How it is reached.
    pub fn access(&self) -> Access<'_> {
        let Self { address, anchors, certificate, key, token_file, .. } = self;
        Access {
            address,
            anchors: anchors.as_deref(),
            certificate: certificate.as_ref(),
            key: key.as_ref(),
            token_file: token_file.as_ref(),
        }
    }
}

/// A TLS listener that demands a client certificate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientListener {
    /// IP address and port to listen on.
    #[schema(value_type = String)]
    pub listen: SocketAddr,
    /// PEM files with the authorities whose client certificates are let in.
    #[schema(value_type = Vec<String>)]
    pub client_anchors: Vec<PathBuf>,
}

/// The administration API.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Administration {
    /// The Unix socket; whoever can open it is the operator, for technical acts.
    #[schema(value_type = String)]
    pub socket: PathBuf,
    /// IP address and port for persons, each known by a key of their own (mutual TLS).
    #[schema(value_type = Option<String>)]
    pub listen: Option<SocketAddr>,
    /// PEM files with authorities whose client certificates are let in as well; what their holders may do is decided by
    /// the person as whom they are enrolled. Persons with a certificate of their own making need none.
    #[schema(value_type = Vec<String>)]
    pub client_anchors: Vec<PathBuf>,
}

/// The read-only listener for everybody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Public {
    /// IP address and port to listen on.
    #[schema(value_type = String)]
    pub listen: SocketAddr,
    /// Where others reach this listener, such as `https://www.gemeente.example/verbond`: below it stand the registers that
    /// agreements name. Absent: an agreement may name any address that others can read.
    #[serde(default)]
    pub address: Option<String>,
    /// `true`: with the node's own certificate; `false`: plain HTTP, behind the organisation's web server.
    #[serde(default)]
    pub tls: bool,
    /// Requests that one network (IPv4 /24, IPv6 /48) may make in a minute.
    #[serde(default = "public_requests")]
    pub requests_per_minute: u32,
    /// Addresses of the organisation's own web servers before this listener: of what they pass on, the last address in
    /// `X-Forwarded-For` is who asks.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub trusted_proxies: Vec<IpAddr>,
}

/// Where metrics are served besides the administration socket.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Plain HTTP on a loopback address.
    #[schema(value_type = Option<String>)]
    pub listen: Option<SocketAddr>,
}

/// Whether this node is a directory of its group.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryRole {
    /// `true`: signs publication grants and lists services.
    pub enabled: bool,
}

/// The journal's checkpoints.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JournalSettings {
    /// Seconds between two checkpoints, if anything was written meanwhile.
    pub checkpoint_seconds: u32,
    /// Directory in which the tree is published as files (C2SP tlog-tiles), for a web server that serves it. Absent: it is not
    /// published. Kind and time of every entry can be seen in it, which shows how much traffic there is.
    #[schema(value_type = Option<String>)]
    pub tiles: Option<PathBuf>,
    /// `true`: exchange nothing with a participant whose journal tells two histories, until a steward has done the task about it.
    /// `false`: go on, with the task. Either way nothing is lost: both histories stand in the journal.
    pub stop_on_contradiction: bool,
    /// An object store in which the tree is published; absent: it is not. With `tiles` too, it is published in both.
    pub object_store: Option<ObjectStore>,
}

/// An object store that speaks S3's protocol, with the bucket in the path of each request. The tree can be seen there as in a
/// directory of tiles by whoever may read the bucket: that is for the bucket's own policy to say.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectStore {
    /// Where it is, without a path, such as `https://objecten.gemeente.example:9000`. `http://` on this machine only.
    pub address: String,
    /// The bucket. It must be there.
    pub bucket: String,
    /// What stands before each path in the bucket, such as `journaal/gemeente-a`; one node, one prefix.
    #[serde(default)]
    pub prefix: String,
    /// The region that requests are signed for; a store that has none takes any.
    #[serde(default = "object_store_region")]
    pub region: String,
    /// A file with the key, in the form that other tools for such stores keep (`aws_access_key_id = …`,
    /// `aws_secret_access_key = …`, `aws_session_token = …` where there is one); readable by the node's user only, and read again
    /// when it has been replaced. Absent: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` in the environment
    /// of the service.
    #[schema(value_type = Option<String>)]
    pub credentials_file: Option<PathBuf>,
    /// PEM files with the authorities that its certificate must lead to; absent: those of the system, in
    /// `/etc/ssl/certs/ca-certificates.crt`.
    #[schema(value_type = Option<Vec<String>>)]
    pub anchors: Option<Vec<PathBuf>>,
    /// Milliseconds that one request may take, connecting included.
    #[serde(default = "object_store_milliseconds")]
    pub timeout_ms: u32,
}

impl ObjectStore {
    /// How it is reached.
    pub fn access(&self) -> Access<'_> {
        let Self { address, anchors, .. } = self;
        Access { address, anchors: anchors.as_deref(), certificate: None, key: None, token_file: None }
    }
}

/// Processing records that applications write in the place of the outway (`application allow --records application`).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordSettings {
    /// Seconds within which the records of an exchange must have been handed in; after that they are missing, and a task says so.
    pub within_seconds: u32,
    /// Exchanges of one application and service that may wait for their records, those that are still going on included. One more
    /// is refused.
    pub most_outstanding: u32,
}

/// The account of exchanges.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSettings {
    /// Seconds between two comparisons, by the node itself, of its account with those of participants with whom there were exchanges; 0:
    /// it compares when somebody asks only.
    pub reconcile_seconds: u32,
}

/// Bounds on what strangers and applications can ask of the node.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes in the head of one request.
    pub maximum_header_bytes: u32,
    /// Bytes in the body of one message between managers or to the administration API.
    pub maximum_body_bytes: u32,
    /// Milliseconds that a record may take to become durable before its exchange is refused.
    pub append_timeout_ms: u32,
    /// Records that may wait to become durable.
    pub journal_queue: u32,
    /// Records in one database transaction at most.
    pub journal_batch: u32,
    /// Connections at one listener.
    pub connections: u32,
    /// Milliseconds for reaching another participant or a source.
    pub connect_timeout_ms: u32,
    /// Milliseconds that a client may take for a request's head, and for a TLS handshake, for which it gets 10 seconds
    /// at most. On HTTP/1.1 also how long a connection may lie idle; below 30 seconds other participants meet
    /// connections that close in the moment that they are used again.
    pub header_timeout_ms: u32,
    /// Seconds that running exchanges get to finish when the node stops.
    pub drain_seconds: u32,
}

/// Backups of the node.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// Directory into which the files with data go.
    #[schema(value_type = String)]
    pub directory: PathBuf,
    /// Directory into which the files with keys go: who has both can read everything, so that it should lie elsewhere.
    #[schema(value_type = String)]
    pub keys_directory: PathBuf,
    /// For how many days a backup of keys may be restored; by then whoever keeps it must have destroyed it. What has been destroyed
    /// in the journal can be read from older backups of data for so long.
    pub key_days: u32,
}

/// What the node writes to standard error.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`; or per part of the program, `info,verbond_fsc=debug`.
    pub level: String,
    /// One line of text or one JSON object per event.
    pub format: LogFormat,
}

/// One line of text or one JSON object per event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

fn sockets() -> PathBuf {
    "sockets".into()
}

const fn decision_point_milliseconds() -> u32 {
    2000
}

const fn export_milliseconds() -> u32 {
    10_000
}

fn object_store_region() -> String {
    "us-east-1".to_owned()
}

const fn object_store_milliseconds() -> u32 {
    10_000
}

const fn yes() -> bool {
    true
}

const fn public_requests() -> u32 {
    120
}

impl Default for Database {
    fn default() -> Self {
        Self::Url("sqlite".to_owned())
    }
}

impl Default for Administration {
    fn default() -> Self {
        Self { socket: "administration.sock".into(), listen: None, client_anchors: Vec::new() }
    }
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { checkpoint_seconds: 10, tiles: None, stop_on_contradiction: false, object_store: None }
    }
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self { reconcile_seconds: 86_400 }
    }
}

impl Default for RecordSettings {
    fn default() -> Self {
        Self { within_seconds: 900, most_outstanding: 100 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            maximum_header_bytes: 32_768,
            maximum_body_bytes: 2 * 1024 * 1024,
            append_timeout_ms: 2000,
            journal_queue: 4096,
            journal_batch: 1024,
            connections: 4096,
            connect_timeout_ms: 5000,
            header_timeout_ms: 60_000,
            drain_seconds: 30,
        }
    }
}

impl Default for Backup {
    fn default() -> Self {
        Self { directory: "backups".into(), keys_directory: "backup-keys".into(), key_days: 30 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}
