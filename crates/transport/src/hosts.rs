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
pub struct Hosts(Arc<HashMap<String, IpAddr>>);

impl Hosts {
    /// Names (case does not matter) with their addresses.
    pub fn new(names: impl IntoIterator<Item = (String, IpAddr)>) -> Self {
        Self(Arc::new(
            names.into_iter().map(|(name, address)| (name.to_ascii_lowercase(), address)).collect(),
        ))
    }

    fn fixed(&self, host: &str) -> Option<IpAddr> {
        let parents = host.match_indices('.').filter_map(|(dot, _)| host.get(dot..));
        let mut wildcards = parents.filter_map(|parent| self.0.get(&format!("*{parent}")));
        self.0.get(host).or_else(|| wildcards.next()).copied()
    }

    /// The addresses to try for a host, in order.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = self.fixed(&host.to_ascii_lowercase()) {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        Ok(tokio::net::lookup_host((bare, port)).await?.collect())
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
}
