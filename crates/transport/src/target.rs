//! Whom a connection must reach.

use verbond_domain::ParticipantId;

/// HTTP version on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113): over TLS by ALPN, over plain TCP with prior knowledge.
    Http2,
}

/// How the other end proves who it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Proof {
    /// Mutual TLS; its certificate must be this participant's.
    Participant(ParticipantId),
    /// TLS with a certificate under the configured anchors.
    Tls,
    /// None: plain TCP.
    None,
}

/// Whom a connection must reach: the key under which connections are pooled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub(crate) proof: Proof,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
}

/// Why an address cannot be a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not an absolute URL.
    #[error("the address is not a URL")]
    Form,
    /// Another scheme than may be used there.
    #[error("the address has a scheme that cannot be used here")]
    Scheme,
    /// User name or password in the address.
    #[error("the address may hold no user name or password")]
    Credentials,
}

impl Target {
    /// The participant at `https://host:port`.
    pub fn peer(participant: ParticipantId, address: &str, protocol: Protocol) -> Result<Self, TargetError> {
        let (secure, host, port) = Self::parts(address)?;
        if !secure {
            return Err(TargetError::Scheme);
        }
        Ok(Self { proof: Proof::Participant(participant), host, port, protocol })
    }

    /// A source, or another server that is no participant, at `http://…` or `https://…`.
    pub fn server(address: &str, protocol: Protocol) -> Result<Self, TargetError> {
        let (secure, host, port) = Self::parts(address)?;
        Ok(Self { proof: if secure { Proof::Tls } else { Proof::None }, host, port, protocol })
    }

    fn parts(address: &str) -> Result<(bool, Box<str>, u16), TargetError> {
        let url = url::Url::parse(address).map_err(|_| TargetError::Form)?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(TargetError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        let host = url.host_str().ok_or(TargetError::Form)?;
        let port = url.port_or_known_default().ok_or(TargetError::Form)?;
        Ok((secure, host.into(), port))
    }

    /// The host name or address literal.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The HTTP version to speak.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) const fn is_secure(&self) -> bool {
        !matches!(self.proof, Proof::None)
    }

    /// `host:port`, the port left out where it is the scheme's own: the value of `Host` and `:authority`.
    pub fn authority(&self) -> String {
        match (&self.proof, self.port) {
            (Proof::None, 80) | (Proof::Tls | Proof::Participant(_), 443) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}
