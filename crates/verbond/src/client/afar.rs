//! Administration of a node on another machine: mutual TLS with a person's own key.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::Args;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Url;

use crate::credential::tls_key;

/// How to reach a node on another machine.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "A node on another machine")]
pub struct Afar {
    /// Administration address of the node, instead of the socket in the data directory.
    #[arg(long, value_name = "https://HOST:PORT", env = "VERBOND_NODE", hide_env_values = true, global = true, requires_all = ["client_certificate", "client_key", "node_anchors"])]
    pub node: Option<String>,
    /// Your certificate (PEM chain).
    #[arg(
        long,
        value_name = "FILE",
        env = "VERBOND_CLIENT_CERTIFICATE",
        hide_env_values = true,
        global = true
    )]
    pub client_certificate: Option<PathBuf>,
    /// Your key (PEM); for one under a passphrase, that is asked for.
    #[arg(long, value_name = "FILE", env = "VERBOND_CLIENT_KEY", hide_env_values = true, global = true)]
    pub client_key: Option<PathBuf>,
    /// File whose first line is the passphrase of your key, readable by nobody else; an inherited descriptor is
    /// `/dev/fd/3`.
    #[arg(long, value_name = "FILE", env = "VERBOND_PASSPHRASE_FILE", hide_env_values = true, global = true)]
    pub passphrase_file: Option<PathBuf>,
    /// Authorities that the node's certificate must lead to (PEM).
    #[arg(long, value_name = "FILE", env = "VERBOND_NODE_ANCHORS", hide_env_values = true, global = true)]
    pub node_anchors: Option<PathBuf>,
}

/// A node's administration address with everything needed to go there.
#[derive(Debug)]
pub struct Place {
    host: String,
    port: u16,
    config: Arc<ClientConfig>,
}

impl Place {
    /// The place that the arguments name, if they name one.
    pub fn new(afar: &Afar) -> anyhow::Result<Option<Self>> {
        let (Some(node), Some(certificate), Some(key), Some(anchors)) =
            (&afar.node, &afar.client_certificate, &afar.client_key, &afar.node_anchors)
        else {
            return Ok(None);
        };
        let url = Url::parse(node).with_context(|| format!("`{node}` is not https://host:port"))?;
        let host =
            url.host_str().filter(|_| url.scheme() == "https").context("the address has no https host")?;
        let read = |path: &std::path::Path| -> anyhow::Result<Vec<CertificateDer<'static>>> {
            let chain = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .with_context(|| format!("cannot read certificates from {}", path.display()))?;
            Ok(chain)
        };
        let mut roots = RootCertStore::empty();
        for anchor in read(anchors)? {
            roots.add(anchor)?;
        }
        let key = tls_key(key, afar.passphrase_file.as_deref())?;
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(read(certificate)?, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let port = url.port_or_known_default().unwrap_or(443);
        Ok(Some(Self { host: host.to_owned(), port, config: Arc::new(config) }))
    }

    /// The host that was named.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Opens a connection.
    pub async fn connect(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .with_context(|| format!("cannot reach {}:{}", self.host, self.port))?;
        let name = ServerName::try_from(self.host.clone())?;
        Ok(TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await?)
    }
}
