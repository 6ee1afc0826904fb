//! Nobody takes all connections of a listener: each client has a share.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use rustls_pki_types::CertificateDer;
use verbond_domain::ParticipantId;

/// Each client may hold one connection in this many.
const PART: usize = 4;

/// Whose connection it is, as far as that is known by now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// Where it comes from; of IPv6 the network (/64), since one machine has all addresses of it.
    Address(IpAddr),
    /// A participant of the group.
    Participant(ParticipantId),
    /// An application or an administrator.
    Certificate(CertificateDer<'static>),
}

impl Client {
    /// `None` for this machine's own: behind one address are all of its applications.
    pub(crate) fn at(address: IpAddr) -> Option<Self> {
        let address = match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                IpAddr::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << 64)))
            }
            address => address,
        };
        (!address.is_loopback()).then_some(Self::Address(address))
    }
}

/// The connections that each client holds.
pub(crate) struct Shares {
    limit: usize,
    held: Mutex<HashMap<Client, usize>>,
}

/// One connection of a client's share.
pub(crate) struct Share {
    shares: Arc<Shares>,
    client: Client,
}

impl Shares {
    pub(crate) fn new(connections: usize) -> Arc<Self> {
        Arc::new(Self { limit: (connections / PART).max(1), held: Mutex::default() })
    }

    /// A connection for this client; `None` when it has all that it may have.
    pub(crate) fn take(self: &Arc<Self>, client: Client) -> Option<Share> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let number = held.entry(client.clone()).or_default();
        if *number >= self.limit {
            return None;
        }
        *number += 1;
        Some(Share { shares: Arc::clone(self), client })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = held.get_mut(&self.client) {
            *number = number.saturating_sub(1);
            if *number == 0 {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_a_quarter_and_its_neighbour_another() -> Result<(), Box<dyn std::error::Error>> {
        let shares = Shares::new(8);
        let client = |text: &str| text.parse().map(Client::at);
        let one = client("192.0.2.1")?.ok_or("loopback")?;
        let first = shares.take(one.clone()).ok_or("refused")?;
        let _second = shares.take(one.clone()).ok_or("refused")?;
        assert!(shares.take(one.clone()).is_none());
        assert!(shares.take(client("192.0.2.2")?.ok_or("loopback")?).is_some());
        drop(first);
        assert!(shares.take(one).is_some());
        assert_eq!(client("2001:db8::1")?, client("2001:db8::ffff:1")?);
        assert_ne!(client("2001:db8::1")?, client("2001:db8:0:1::1")?);
        assert_eq!(client("::ffff:192.0.2.1")?, client("192.0.2.1")?);
        assert!(client("127.0.0.1")?.is_none() && client("::1")?.is_none());
        Ok(())
    }
}
