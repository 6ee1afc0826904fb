//! A test authority, parties with certificates, and servers with real sockets.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use verbond_domain::{Ambient, Clock, ParticipantId, Scheme, Timestamp};
use verbond_transport::{
    Client, ClientLimits, Handler, Hosts, Listener, ListenerLimits, PeerTls, Protocol, Routes, Security,
    Serving, Target,
};
use verbond_trust::{
    Identity, IdentityHandle, IdentityRules, ParticipantAttribute, RevocationList, RevocationRules,
    SystemEntropy, TrustStore,
    authority::{KeyKind, LeafRequest, TestAuthority, certificate_request, new_key},
    tls::{TlsRules, client_config, server_config},
};

pub type Outcome = Result<(), Box<dyn Error>>;

pub const CONSUMER: &str = "00000099000000010000";
pub const PROVIDER: &str = "00000099000000020000";

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "tests hand the time in here")]
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}

pub fn ambient() -> Ambient {
    Ambient::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
}

pub struct World {
    directory: tempfile::TempDir,
    pub authority: TestAuthority,
}

/// A party: what it presents and whom it trusts.
pub struct Party {
    pub identity: Arc<IdentityHandle>,
    pub trust: Arc<TrustStore>,
    pub certificate_pem: String,
    pub key_pem: String,
}

const fn rules() -> IdentityRules {
    IdentityRules { scheme: Scheme::Oin, participant_id: ParticipantAttribute::SerialNumber }
}

pub fn tls_rules() -> TlsRules {
    TlsRules { minimum_version: "1.2".to_owned(), cipher_suites: Vec::new() }
}

pub fn participant(id: &str) -> Result<ParticipantId, Box<dyn Error>> {
    Ok(ParticipantId::new(Scheme::Oin, id)?)
}

impl World {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let authority = TestAuthority::open_or_create(directory.path(), None, &ambient())?;
        Ok(Self { directory, authority })
    }

    pub fn party(&self, id: &str, host: &str) -> Result<Party, Box<dyn Error>> {
        self.party_until(id, host, 3600)
    }

    pub fn party_until(&self, id: &str, host: &str, not_after: i64) -> Result<Party, Box<dyn Error>> {
        let key_pem = new_key(KeyKind::P256)?;
        let (identity, certificate_pem) = self.certificate(&key_pem, id, host, not_after)?;
        let anchor = CertificateDer::from_pem_slice(self.authority.root_pem()?.as_bytes())?;
        let trust =
            TrustStore::new(&[anchor], rules(), RevocationRules { check: true, grace_seconds: 3600 })?;
        self.load_lists(&trust)?;
        Ok(Party { identity: IdentityHandle::new(identity, Vec::new()), trust, certificate_pem, key_pem })
    }

    /// Gives the party another certificate for the same key.
    pub fn renew(&self, party: &Party, id: &str, host: &str) -> Outcome {
        party.identity.replace(self.certificate(&party.key_pem, id, host, 7200)?.0);
        Ok(())
    }

    fn certificate(
        &self,
        key_pem: &str,
        id: &str,
        host: &str,
        not_after: i64,
    ) -> Result<(Identity, String), Box<dyn Error>> {
        let leaf = LeafRequest {
            participant_id: id.to_owned(),
            organisation: "Gemeente Voorbeeld".to_owned(),
            dns_names: vec![host.to_owned(), format!("inway.{host}")],
            not_before: -60,
            not_after,
        };
        let certificate_pem = self.authority.issue(&certificate_request(key_pem, &leaf)?, &leaf)?;
        let certificate = self.directory.path().join("leaf.pem");
        let key = self.directory.path().join("leaf-key.pem");
        std::fs::write(&certificate, &certificate_pem)?;
        std::fs::write(&key, key_pem)?;
        Ok((Identity::load(&certificate, &key, &rules())?, certificate_pem))
    }

    pub fn load_lists(&self, trust: &TrustStore) -> Outcome {
        let read = |name: &str| -> Result<RevocationList, Box<dyn Error>> {
            Ok(RevocationList::parse(&std::fs::read(self.authority.directory().join(name))?)?)
        };
        trust.set_revocation_lists(vec![read("crl-root.pem")?, read("crl.pem")?]);
        Ok(())
    }
}

impl Party {
    pub fn security(&self) -> Result<Security, Box<dyn Error>> {
        Ok(Security::Mutual {
            config: server_config(
                Arc::clone(&self.identity),
                Arc::clone(&self.trust),
                &tls_rules(),
                ambient(),
                true,
            )?,
            trust: Arc::clone(&self.trust),
            ambient: ambient(),
        })
    }

    pub async fn serve(&self, handler: Arc<dyn Handler>) -> Result<Serving, Box<dyn Error>> {
        self.serve_within(Routes::all(handler), ListenerLimits::default()).await
    }

    pub async fn serve_within(
        &self,
        routes: Routes,
        limits: ListenerLimits,
    ) -> Result<Serving, Box<dyn Error>> {
        let listener = Listener::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        Ok(listener.serve(self.security()?, routes, limits))
    }

    pub fn client(&self) -> Result<Client, Box<dyn Error>> {
        let config = |http2| {
            client_config(Arc::clone(&self.identity), Arc::clone(&self.trust), &tls_rules(), ambient(), http2)
        };
        let tls = PeerTls {
            http1: config(false)?,
            http2: config(true)?,
            identity: Arc::clone(&self.identity),
            trust: Arc::clone(&self.trust),
            ambient: ambient(),
        };
        let limits = ClientLimits { head_timeout: Duration::from_secs(5), ..ClientLimits::peers() };
        Ok(Client::peers(tls, hosts(), limits))
    }
}

pub fn hosts() -> Hosts {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Hosts::new(["provider.test", "inway.provider.test", "other.test"].map(|name| (name.to_owned(), local)))
}

pub fn port(serving: &Serving) -> u16 {
    serving.local_address().map_or(0, |address| address.port())
}

pub fn provider_at(port: u16, protocol: Protocol) -> Result<Target, Box<dyn Error>> {
    Ok(Target::peer(participant(PROVIDER)?, &format!("https://provider.test:{port}"), protocol)?)
}
