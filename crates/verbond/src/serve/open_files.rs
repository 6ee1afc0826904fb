//! How many files and connections the system lets this process have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Files beside the connections: database, journal, sockets, standard streams.
const BESIDE: u64 = 256;

/// Raises the bound to the highest that the system allows; many systems begin at 1024, fewer than the connections that
/// a node allows by itself.
pub fn raise() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the bound on open files cannot be raised");
    }
}

/// The highest bound that this process may have, if it is too low for so many connections at one listener.
pub fn too_few(connections: u32) -> Option<u64> {
    getrlimit(Resource::Nofile).maximum.filter(|most| *most < u64::from(connections).saturating_add(BESIDE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_raised_as_far_as_it_goes() {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = Some(300);
        assert!(setrlimit(Resource::Nofile, limit).is_ok());
        raise();
        assert_eq!(getrlimit(Resource::Nofile).current, limit.maximum);
        assert_eq!(too_few(u32::MAX), limit.maximum.filter(|most| *most < u64::from(u32::MAX) + BESIDE));
    }
}
