//! Who asks: an application, known by the socket that it came on, by its token, or by its certificate.
//!
//! It stands first behind the limits: no stranger on the machine or the network acts as the organisation.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwapOption;
use aws_lc_rs::{constant_time, digest};
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use verbond_application::snapshot::Snapshot;
use verbond_domain::ApplicationName;
use verbond_store::applications::{ApplicationRow, Credential};
use verbond_transport::Connection;

use crate::headers;

/// The field for the outway's token, when the application has an `Authorization` of its own for the source.
static VERBOND_AUTHORIZATION: HeaderName = HeaderName::from_static("verbond-authorization");

/// How applications prove who they are on a listener of the outway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Whoever can open this application's Unix socket is the application.
    Socket(ApplicationName),
    /// A bearer token. The listener must be on the loopback interface ([`is_loopback`]).
    Token,
    /// A client certificate.
    Certificate,
}

/// Whether an address is on the loopback interface: beyond it, tokens over plain HTTP would be there for the taking, and
/// the node must refuse to start.
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Applications by credential, derived once per snapshot.
#[derive(Default)]
pub(crate) struct Applications(ArcSwapOption<Known>);

struct Known {
    snapshot: Arc<Snapshot>,
    tokens: Vec<([u8; 32], Arc<ApplicationRow>)>,
    certificates: Vec<(String, Arc<ApplicationRow>)>,
}

impl Applications {
    /// The application that asks, if it is known. Takes the credential off the head: it is for the outway alone, also
    /// where the application is known by something else and sends its token needlessly.
    pub(crate) fn identify(
        &self,
        credentials: &Credentials,
        connection: &Connection,
        headers: &mut HeaderMap,
        snapshot: &Arc<Snapshot>,
    ) -> Option<Arc<ApplicationRow>> {
        let own = headers::take(headers, &VERBOND_AUTHORIZATION);
        match credentials {
            Credentials::Socket(name) => {
                let row = snapshot.applications.get(name)?;
                matches!(row.credential, Credential::Socket).then(|| Arc::clone(row))
            }
            Credentials::Token => {
                let presented = digest::digest(&digest::SHA256, token(own, headers)?.as_bytes());
                let known = self.known(snapshot);
                // Every digest is compared, in constant time, so that time tells nothing.
                let mut found = None;
                for (sha256, row) in &known.tokens {
                    if constant_time::verify_slices_are_equal(sha256, presented.as_ref()).is_ok() {
                        found = Some(row);
                    }
                }
                found.cloned()
            }
            Credentials::Certificate => {
                let certificate = connection.client_certificate.as_ref()?;
                let thumbprint = hexadecimal(digest::digest(&digest::SHA256, certificate).as_ref());
                let known = self.known(snapshot);
                known
                    .certificates
                    .iter()
                    .find(|(known, _)| *known == thumbprint)
                    .map(|(_, row)| Arc::clone(row))
            }
        }
    }

    fn known(&self, snapshot: &Arc<Snapshot>) -> Arc<Known> {
        if let Some(known) = self.0.load_full()
            && Arc::ptr_eq(&known.snapshot, snapshot)
        {
            return known;
        }
        let mut known =
            Known { snapshot: Arc::clone(snapshot), tokens: Vec::new(), certificates: Vec::new() };
        for row in snapshot.applications.values() {
            match &row.credential {
                Credential::Socket => {}
                Credential::Token { sha256 } => known.tokens.push((*sha256, Arc::clone(row))),
                Credential::Certificate { thumbprint } => {
                    known.certificates.push((thumbprint.to_ascii_lowercase(), Arc::clone(row)));
                }
            }
        }
        let known = Arc::new(known);
        self.0.store(Some(Arc::clone(&known)));
        known
    }
}

/// The token: from `Verbond-Authorization` (`own`) if it was there, then `Authorization` is the source's.
fn token(own: Option<HeaderValue>, headers: &mut HeaderMap) -> Option<String> {
    let value = match own {
        Some(value) => value,
        None => headers.remove(AUTHORIZATION)?,
    };
    bearer(&value).map(str::to_owned)
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_taken_off_and_the_sources_own_authorization_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic abc"));
        headers.insert(VERBOND_AUTHORIZATION.clone(), HeaderValue::from_static("bearer secret"));
        headers.insert("verbond_authorization", HeaderValue::from_static("bearer secret"));
        let own = headers::take(&mut headers, &VERBOND_AUTHORIZATION);
        assert_eq!(token(own, &mut headers).as_deref(), Some("secret"));
        assert_eq!(headers.len(), 1);
        assert_eq!(token(None, &mut headers), None);
        assert!(headers.is_empty());
    }

    #[test]
    fn only_the_loopback_interface_is_loopback() {
        let is = |text: &str| text.parse::<SocketAddr>().is_ok_and(|address| is_loopback(&address));
        assert!(is("127.0.0.1:1") && is("127.9.9.9:1") && is("[::1]:1") && is("[::ffff:127.0.0.1]:1"));
        assert!(!is("0.0.0.0:1") && !is("[::]:1") && !is("10.0.0.1:1"));
    }
}
