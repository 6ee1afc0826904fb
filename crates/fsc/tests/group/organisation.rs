//! One participant, started and stopped at will.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use verbond_agreement::ActivityReference;
use verbond_application::agreements::{AgreementOffice, Fetched, Reader, Seen, Speaks};
use verbond_domain::{
    Actor, Ambient, ClassDeclaration, Clock, ParticipantId, Scheme, ServiceClass, ServiceName, Timestamp,
};
use verbond_fsc::{
    Directory, FloodLimits, FscNode, FscParts, FscRules, RevocationSources, ShownContracts, StoredContract,
    protocol::{acceptance::AcceptancePolicy, state::ContractState, validation::ContractLimits},
};
use verbond_store::{DatabaseUrl, Store, services::ServiceRow};
use verbond_supervision::Supervisor;
use verbond_transport::{
    Client, ClientLimits, Hosts, Listener, ListenerLimits, PeerTls, Protocol, Routes, Security, Serving,
    Target, tower_handler,
};
use verbond_trust::{
    Identity, IdentityHandle, IdentityRules, ParticipantAttribute, RevocationRules, SystemEntropy,
    TrustStore, WrappingKey,
    authority::{KeyKind, LeafRequest, TestAuthority, certificate_request, new_key},
    tls::TlsRules,
};

pub type Error = Box<dyn std::error::Error>;

/// Reads nothing: no test here has agreements.
struct Nowhere;

#[async_trait]
impl Reader for Nowhere {
    async fn read(&self, _url: &str) -> Result<Fetched, String> {
        Err("nothing is read here".to_owned())
    }

    async fn speaks(&self, _participant: &ParticipantId) -> Result<Speaks, String> {
        Err("nobody is asked here".to_owned())
    }

    async fn ask(
        &self,
        _participant: &ParticipantId,
        _activities: &[ActivityReference],
    ) -> Result<Vec<Seen>, String> {
        Err("nobody is asked here".to_owned())
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the test process has no other clock")]
    fn now(&self) -> Timestamp {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_millis());
        Timestamp::from_millis(millis.ok().and_then(|millis| i64::try_from(millis).ok()).unwrap_or_default())
    }
}

pub fn ambient() -> Ambient {
    Ambient::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
}

pub const RULES: IdentityRules =
    IdentityRules { scheme: Scheme::Oin, participant_id: ParticipantAttribute::SerialNumber };

/// The coalition: one authority, one directory.
pub struct Group {
    authority: TestAuthority,
    directory: Option<Directory>,
    _home: Option<TempDir>,
}

impl Group {
    pub fn new() -> Result<Self, Error> {
        let home = tempfile::tempdir()?;
        let authority = TestAuthority::open_or_create(home.path(), None, &ambient())?;
        Ok(Self { authority, directory: None, _home: Some(home) })
    }

    /// With an authority that lives elsewhere.
    pub const fn of(authority: TestAuthority) -> Self {
        Self { authority, directory: None, _home: None }
    }

    /// With a directory, which the next ones know.
    pub async fn with_directory() -> Result<(Self, Organisation), Error> {
        let mut group = Self::new()?;
        let mut plan = group.plan("directory", 1);
        plan.directory_role = true;
        let directory = plan.start().await?;
        group.directory =
            Some(Directory { id: directory.id.clone(), manager_address: directory.address.clone() });
        Ok((group, directory))
    }

    pub fn plan(&self, name: &'static str, number: u32) -> Plan<'_> {
        Plan {
            group: self,
            name,
            number,
            directory_role: false,
            acceptance: AcceptancePolicy::default(),
            services: Vec::new(),
            key: KeyKind::P256,
            tasks: true,
            flood: FloodLimits::default(),
        }
    }

    pub fn certificate(&self, name: &str, number: u32, key_pem: &str) -> Result<Identity, Error> {
        let leaf = LeafRequest {
            participant_id: format!("000000990000000{number:05}"),
            organisation: format!("Organisatie {name}"),
            dns_names: vec![format!("{name}.test")],
            not_before: -60,
            not_after: 86_400,
        };
        let request = certificate_request(key_pem, &leaf)?;
        let chain = self.authority.issue(&request, &leaf)?;
        let home = tempfile::tempdir()?;
        let (certificate, key) = (home.path().join("certificate.pem"), home.path().join("key.pem"));
        std::fs::write(&certificate, chain)?;
        std::fs::write(&key, key_pem)?;
        Ok(Identity::load(&certificate, &key, &RULES)?)
    }

    pub fn authority(&self) -> &TestAuthority {
        &self.authority
    }

    /// The leaf as the authority knows it.
    pub fn pem(&self, chain: &[rustls_pki_types::CertificateDer<'_>]) -> Result<String, Error> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let leaf = chain.first().ok_or("empty chain")?;
        Ok(format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(leaf)))
    }

    pub fn trust(&self) -> Result<Arc<TrustStore>, Error> {
        let path = self.authority.directory().join("root.pem");
        let anchors = verbond_trust::read_chain(&path)?;
        Ok(TrustStore::new(&anchors, RULES, RevocationRules { check: false, grace_seconds: 0 })?)
    }
}

/// What a participant is to be like.
pub struct Plan<'a> {
    group: &'a Group,
    name: &'static str,
    number: u32,
    pub directory_role: bool,
    pub acceptance: AcceptancePolicy,
    pub services: Vec<&'static str>,
    pub key: KeyKind,
    /// Whether the manager does anything by itself.
    pub tasks: bool,
    /// What others may ask of it.
    pub flood: FloodLimits,
}

impl Plan<'_> {
    pub async fn start(self) -> Result<Organisation, Error> {
        let home = tempfile::tempdir()?;
        let key_pem = new_key(self.key)?;
        let identity = self.group.certificate(self.name, self.number, &key_pem)?;
        let id = identity.certificate.participant.clone();
        let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let port = listener.local_address().ok_or("no port")?.port();
        let address = format!("https://{}.test:{port}", self.name);
        let rules = FscRules {
            group_id: "verbond-test".to_owned(),
            own: id.clone(),
            manager_address: address.clone(),
            inway_address: Some(format!("https://{}.test:9999", self.name)),
            directories: self.group.directory.iter().cloned().collect(),
            ports: Vec::new(),
            directory: self.directory_role,
            acceptance: self.acceptance,
            limits: ContractLimits { maximum_grants: 10, clock_skew_seconds: 60 },
            maximum_body_bytes: 1024 * 1024,
            token_lifetime_seconds: 60,
            contract_per_request: true,
            transaction_id_version_7: true,
            transaction_id_skew_seconds: 86_400,
            reconcile_before_serving: false,
            revocation: RevocationSources {
                lists: Vec::new(),
                refresh_seconds: 3600,
                cache: home.path().join("lists"),
            },
        };
        let mut organisation = Organisation {
            identity: IdentityHandle::new(identity, Vec::new()),
            trust: self.group.trust()?,
            key_pem,
            id,
            address,
            port,
            rules,
            tasks: self.tasks,
            flood: self.flood,
            home,
            running: None,
        };
        organisation.run(listener).await?;
        for service in self.services {
            organisation.offer(service).await?;
        }
        Ok(organisation)
    }
}

pub struct Organisation {
    pub identity: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    pub key_pem: String,
    pub id: ParticipantId,
    pub address: String,
    port: u16,
    rules: FscRules,
    tasks: bool,
    flood: FloodLimits,
    home: TempDir,
    running: Option<Running>,
}

struct Running {
    node: Arc<FscNode>,
    store: Store,
    client: Client,
    tasks: Vec<JoinHandle<()>>,
    _serving: Serving,
}

impl Organisation {
    async fn run(&mut self, listener: Listener) -> Result<(), Error> {
        let database = DatabaseUrl::Sqlite(self.home.path().join("store.sqlite"));
        let wrapping_key = self.home.path().join("wrapping-key.json");
        if !wrapping_key.exists() {
            std::fs::write(&wrapping_key, WrappingKey::first(&ambient()))?;
        }
        let text = std::fs::read_to_string(&wrapping_key)?;
        let key = |_| WrappingKey::read(&text).map_err(|error| error.to_string());
        let store = Store::open(&database, key, &ambient()).await?;
        let client = self.client()?;
        let parts = FscParts {
            rules: self.rules.clone(),
            store: store.clone(),
            ambient: ambient(),
            identity: Arc::clone(&self.identity),
            trust: Arc::clone(&self.trust),
            peers: client.clone(),
            agreements: Arc::new(AgreementOffice {
                own: self.rules.own.clone(),
                coalition: self.rules.group_id.as_str().to_owned(),
                identity: Arc::clone(&self.identity),
                trust: Arc::clone(&self.trust),
                reader: Arc::new(Nowhere),
                wire: Arc::new(ShownContracts::new(&self.rules, Arc::clone(&self.trust))),
                public_address: None,
                directories: Vec::new(),
                deciding: tokio::sync::Mutex::default(),
            }),
            couriers: Vec::new(),
        };
        let node = FscNode::with_limits(parts, self.flood);
        let tls = TlsRules { minimum_version: "1.2".to_owned(), cipher_suites: Vec::new() };
        let (identity, trust) = (Arc::clone(&self.identity), Arc::clone(&self.trust));
        let config = verbond_trust::tls::server_config(identity, Arc::clone(&trust), &tls, ambient(), true)?;
        let security = Security::Mutual { config, trust, ambient: ambient() };
        let routes = Routes::all(tower_handler(node.manager()));
        let serving = listener.serve(security, routes, ListenerLimits::default());
        let tasks = if self.tasks { node.start_manager(&Supervisor::default()) } else { Vec::new() };
        self.running = Some(Running { node, store, client, tasks, _serving: serving });
        Ok(())
    }

    fn client(&self) -> Result<Client, Error> {
        let tls = TlsRules { minimum_version: "1.2".to_owned(), cipher_suites: Vec::new() };
        let config = |http2| {
            let (identity, trust) = (Arc::clone(&self.identity), Arc::clone(&self.trust));
            verbond_trust::tls::client_config(identity, trust, &tls, ambient(), http2)
        };
        let peers = PeerTls {
            http1: config(false)?,
            http2: config(true)?,
            identity: Arc::clone(&self.identity),
            trust: Arc::clone(&self.trust),
            ambient: ambient(),
        };
        let names = ["directory", "consumer", "provider", "outsider", "delegator"];
        let hosts = names.map(|name| (format!("{name}.test"), IpAddr::V4(Ipv4Addr::LOCALHOST)));
        Ok(Client::peers(peers, Hosts::new(hosts), ClientLimits::peers()))
    }

    /// Ends the process, so to say; the database stays.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.tasks.iter().for_each(JoinHandle::abort);
            running.store.close().await;
        }
    }

    pub async fn start_again(&mut self) -> Result<(), Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        for _ in 0..100 {
            // The port is free when the last task of before has seen that it is over.
            match Listener::tcp(address).await {
                Ok(listener) => return self.run(listener).await,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        Err("the port stays taken".into())
    }

    /// Loses its database, as a disk does.
    pub fn lose_database(&self) -> Result<(), Error> {
        for file in std::fs::read_dir(self.home.path())? {
            let path = file?.path();
            if path.is_file() {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn running(&self) -> &Running {
        #[expect(clippy::expect_used, reason = "a test that uses what it has not started should fail")]
        self.running.as_ref().expect("started")
    }

    pub fn node(&self) -> &Arc<FscNode> {
        &self.running().node
    }

    pub fn store(&self) -> &Store {
        &self.running().store
    }

    pub async fn offer(&self, name: &str) -> Result<(), Error> {
        let declaration = ClassDeclaration {
            class: ServiceClass::Open,
            steward: "S. Teward".to_owned(),
            reason: "synthetic".to_owned(),
            declared_at: ambient().now(),
            declared_by: Actor::Operator,
        };
        let row = ServiceRow {
            name: name.parse::<ServiceName>()?,
            upstream: "http://127.0.0.1:1/".to_owned(),
            protocol: "http1".to_owned(),
            declaration,
        };
        let mut transaction = self.store().begin().await?;
        transaction.put_service(&row).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Waits until the contract stands so here.
    pub async fn until(&self, hash: &str, state: ContractState) -> Result<StoredContract, Error> {
        let mut last = None;
        for _ in 0..200 {
            if let Ok(contract) = self.node().contract(hash).await {
                if contract.state(ambient().now()) == state {
                    return Ok(contract);
                }
                last = Some(contract.state(ambient().now()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{}: contract stays {last:?}, {state:?} was expected", self.id).into())
    }

    /// Sends a request of one's own making to another manager.
    pub async fn send(
        &self,
        to: &Self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Response<Bytes>, Error> {
        let target = Target::peer(to.id.clone(), &to.address, Protocol::Http1)?;
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into())?;
        let client = &self.running().client;
        Ok(client.call(&target, request, 1024 * 1024, Duration::from_secs(20)).await?)
    }

    /// As [`Self::send`], with our manager's address.
    pub async fn write(
        &self,
        to: &Self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Response<Bytes>, Error> {
        self.send(to, method, path, &[("fsc-manager-address", &self.address)], body).await
    }

    /// Another certificate with the same key.
    pub fn renew(&self, group: &Group, name: &str, number: u32) -> Result<(), Error> {
        self.identity.replace(group.certificate(name, number, &self.key_pem)?);
        Ok(())
    }
}

pub fn everyone_accepted() -> AcceptancePolicy {
    use verbond_fsc::protocol::acceptance::{ConnectionAnswer, KnownConsumer};
    AcceptancePolicy {
        known_consumers: vec![KnownConsumer::Everyone],
        connection: ConnectionAnswer::Accept,
        ..AcceptancePolicy::default()
    }
}
