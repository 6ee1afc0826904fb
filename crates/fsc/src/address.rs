//! Addresses of managers: `https://host:port`, the port always written out (FSC Core 2.0.0 §4.4.4).

use std::fmt;

use verbond_domain::Problem;

/// Longest address that manager.yaml allows.
const LONGEST: usize = 255;

/// The address of a manager, checked and in one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ManagerAddress(Box<str>);

/// Why a text is not a manager's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `https://host:port`.
    #[error("an address is written https://host:port, the port included and nothing after it")]
    Form,
    /// The group does not use that port.
    #[error("the group does not use port {0}")]
    Port(u16),
}

impl ManagerAddress {
    /// Reads an address; `ports` are the group's, empty for any.
    pub fn parse(text: &str, ports: &[u16]) -> Result<Self, AddressError> {
        if text.len() > LONGEST {
            return Err(AddressError::Form);
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Form)?;
        if !scheme.eq_ignore_ascii_case("https") {
            return Err(AddressError::Form);
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The URL parser drops a port that is the scheme's own, so whether it was written is seen here.
        let (host, port) = rest.rsplit_once(':').ok_or(AddressError::Form)?;
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AddressError::Form);
        }
        let port: u16 = port.parse().map_err(|_| AddressError::Form)?;
        let host = url::Host::parse(host).map_err(|_| AddressError::Form)?;
        if port == 0 {
            return Err(AddressError::Form);
        }
        if !ports.is_empty() && !ports.contains(&port) {
            return Err(AddressError::Port(port));
        }
        let written = format!("https://{host}:{port}");
        // A host in letters beyond ASCII grows when it is written as DNS has it.
        if written.len() > LONGEST {
            return Err(AddressError::Form);
        }
        Ok(Self(written.into()))
    }

    /// `https://host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ManagerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AddressError {
    /// What to tell the peer that sent it in `Fsc-Manager-Address`.
    pub fn problem(self) -> Problem {
        Problem::new(
            "MANAGER_ADDRESS_INVALID",
            400,
            "De header Fsc-Manager-Address ontbreekt of is onbruikbaar.",
            format!("the header Fsc-Manager-Address is missing or unusable: {self}"),
        )
        .next(
            "Stuur bij elke POST en PUT het adres van de eigen manager mee, als https://host:poort.",
            "send the address of your own manager with each POST and PUT, as https://host:port",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_nothing_after_it() {
        assert_eq!(
            ManagerAddress::parse("https://a.example:443", &[]).map(|it| it.to_string()),
            Ok("https://a.example:443".to_owned())
        );
        assert_eq!(
            ManagerAddress::parse("https://A.example:8443/", &[8443]).map(|it| it.to_string()),
            Ok("https://a.example:8443".to_owned())
        );
        for text in [
            "https://a.example",
            "http://a.example:443",
            "https://a.example:443/v1",
            "https://u@a.example:443",
            "https://a.example:0",
            "https://a.example:443?x",
            "https://:443",
            "https://a b:443",
            "https://a:+443",
            "",
            "a:1",
        ] {
            assert!(ManagerAddress::parse(text, &[]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_the_ports_of_the_group_are_taken() {
        assert_eq!(
            ManagerAddress::parse("https://a.example:9000", &[443, 8443]),
            Err(AddressError::Port(9000))
        );
    }
}
