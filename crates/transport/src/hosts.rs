//! From host names to addresses.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Fixed addresses of host names, before the system's own resolution is asked (like `--resolve` of curl). A name
/// `*.example` stands for all names below `example` that have no address of their own.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    fixed: Arc<HashMap<String, IpAddr>>,
    open_only: bool,
}

impl Hosts {
    /// Names (case does not matter) with their addresses.
    pub fn new(names: impl IntoIterator<Item = (String, IpAddr)>) -> Self {
        let fixed = names.into_iter().map(|(name, address)| (name.to_ascii_lowercase(), address)).collect();
        Self { fixed: Arc::new(fixed), open_only: false }
    }

    /// The same for addresses that others choose: a host that is not fixed here must be one that anybody can reach.
    /// Nobody shall have this machine ask its own neighbours.
    #[must_use]
    pub fn chosen_by_others(&self) -> Self {
        Self { fixed: Arc::clone(&self.fixed), open_only: true }
    }

    fn fixed(&self, host: &str) -> Option<IpAddr> {
        let parents = host.match_indices('.').filter_map(|(dot, _)| host.get(dot..));
        let mut wildcards = parents.filter_map(|parent| self.fixed.get(&format!("*{parent}")));
        self.fixed.get(host).or_else(|| wildcards.next()).copied()
    }

    /// The addresses to try for a host, in order.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = self.fixed(&host.to_ascii_lowercase()) {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => tokio::net::lookup_host((bare, port)).await?.collect(),
        };
        // What connections are opened to is what was judged: nothing is looked up a second time.
        if self.open_only && found.iter().any(|address| !is_open(address.ip())) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the host is inside a network: name it under [hosts] if it may be read",
            ));
        }
        Ok(found)
    }
}

/// Whether an address is one of the open internet.
fn is_open(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            let inside = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || first == 0
                || first >= 240
                || (first == 100 && (64..128).contains(&second))
                || (first == 198 && (18..20).contains(&second))
                || (first, second, third) == (192, 0, 0);
            !inside
        }
        // Global unicast is 2000::/3; 6to4 (2002::/16) and what translates to IPv4 (64:ff9b::/96) lead elsewhere.
        IpAddr::V6(address) => {
            let first = address.segments().first().copied().unwrap_or_default();
            first & 0xe000 == 0x2000 && first != 0x2002
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_what_has_no_address_of_its_own() {
        let (first, second) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let hosts = Hosts::new([("*.test".to_owned(), first), ("B.test".to_owned(), second)]);
        assert_eq!(hosts.fixed("a.test"), Some(first));
        assert_eq!(hosts.fixed("x.y.test"), Some(first));
        assert_eq!(hosts.fixed("b.test"), Some(second));
        assert_eq!(hosts.fixed("test"), None);
        assert_eq!(hosts.fixed("a.example"), None);
    }

    #[tokio::test]
    async fn an_address_that_others_choose_leads_to_no_neighbour_unless_it_is_fixed() {
        let own = IpAddr::from([127, 0, 0, 1]);
        let hosts = Hosts::new([("www.test".to_owned(), own)]);
        let chosen = hosts.chosen_by_others();
        let leads = async |hosts: &Hosts, host: &str| hosts.resolve(host, 80).await.is_ok();
        for host in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fc00::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a00:1]",
            "[2002:a00:1::]",
            "localhost",
        ] {
            assert!(!leads(&chosen, host).await, "{host}");
            assert!(leads(&hosts, host).await, "{host}");
        }
        for host in ["www.test", "192.0.2.1", "[2001:db8::1]"] {
            assert!(leads(&chosen, host).await, "{host}");
        }
    }
}
