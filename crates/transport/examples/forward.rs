//! Hands requests on and does nothing else: what HTTP, TLS and the keeping of connections cost in this room alone. Measured by
//! `bench/exchange --transport` beside whole nodes.
//!
//! forward consumer PORT PEER:PORT CERTIFICATE KEY ANCHORS   plain in, mutual TLS out
//! forward provider PORT SOURCE:PORT CERTIFICATE KEY ANCHORS  mutual TLS in, plain out

use std::{error::Error, net::Ipv4Addr, path::Path, sync::Arc};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use verbond_transport::{
    Body, Client, ClientLimits, Hosts, Listener, ListenerLimits, Protocol, Routes, Security, Target, empty,
    handler_fn,
};
use verbond_trust::tls::ClientCredential;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [side, port, next, certificate, key, anchors] = words.as_slice() else {
        return Err(
            "consumer or provider, a port, where to, and files of a certificate, its key and anchors".into(),
        );
    };
    let [certificate, key] = [certificate, key].map(Path::new);
    let anchors = CertificateDer::pem_file_iter(anchors)?.collect::<Result<Vec<_>, _>>()?;
    let (host, _) = next.rsplit_once(':').ok_or("a host and a port")?;
    let hosts = Hosts::new([(host.to_owned(), Ipv4Addr::LOCALHOST.into())]);
    let limits = ClientLimits::servers();
    let (security, client, target) = match side.as_str() {
        "consumer" => {
            let credential = ClientCredential::load(certificate, key)?;
            let client = Client::servers_showing(Some(&credential), &anchors, hosts, limits)?;
            (Security::None, client, Target::server(&format!("https://{next}"), Protocol::Http1)?)
        }
        "provider" => {
            let client = Client::servers(&[], hosts, limits)?;
            let security = Security::Tls(Arc::new(asking(certificate, key, anchors)?));
            (security, client, Target::server(&format!("http://{next}"), Protocol::Http1)?)
        }
        _ => return Err("a side is consumer or provider".into()),
    };
    let forward = Arc::new((client, target));
    let handler = handler_fn(move |request: Request<Incoming>, _| {
        let forward = Arc::clone(&forward);
        async move { hand_on(&forward.0, &forward.1, request).await }
    });
    let listener = Listener::tcp((Ipv4Addr::LOCALHOST, port.parse()?).into()).await?;
    let _serving = listener.serve(security, Routes::all(handler), ListenerLimits::default());
    std::future::pending().await
}

async fn hand_on(client: &Client, target: &Target, request: Request<Incoming>) -> Response<Body> {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    client.send(target, request).await.unwrap_or_else(|_| {
        let mut refused = Response::new(empty());
        *refused.status_mut() = StatusCode::BAD_GATEWAY;
        refused
    })
}

/// Mutual TLS 1.3, as the nodes have it but for who may come: whoever has a certificate of these authorities.
fn asking(certificate: &Path, key: &Path, anchors: Vec<CertificateDer<'static>>) -> Outcome<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for anchor in anchors {
        roots.add(anchor)?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
