//! How often one network may ask, in a table that strangers cannot make grow without bound.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Networks in the table, at which it is cleared of those that have not asked lately.
const NETWORKS: usize = 10_000;
/// Requests between two looks at the size of the table.
const LOOK_EVERY: usize = 256;

/// The bound, per IPv4 /24 and IPv6 /48.
pub struct Limiter {
    networks: DefaultKeyedRateLimiter<IpAddr>,
    /// Serves newcomers when the table is full even of those that asked lately.
    crowd: DefaultKeyedRateLimiter<IpAddr>,
    asked: AtomicUsize,
}

impl Limiter {
    /// So many requests in a minute, at most so many at once.
    pub fn new(requests_per_minute: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(requests_per_minute).unwrap_or(NonZeroU32::MIN));
        Self {
            networks: RateLimiter::keyed(quota),
            crowd: RateLimiter::keyed(quota),
            asked: AtomicUsize::new(0),
        }
    }

    /// Whether a request from this address may be answered.
    pub fn admits(&self, address: IpAddr) -> bool {
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY)
            && self.networks.len() > NETWORKS
        {
            self.networks.retain_recent();
        }
        if self.networks.len() > NETWORKS.saturating_mul(2) {
            return self.crowd.check_key(&IpAddr::V4(Ipv4Addr::UNSPECIFIED)).is_ok();
        }
        self.networks.check_key(&network(address)).is_ok()
    }
}

/// The network that an address is in: what one organisation or household usually has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & 0xffff_ff00)),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_is_bounded_and_does_not_bound_another() {
        let limiter = Limiter::new(3);
        let ask = |text: &str| text.parse().is_ok_and(|address| limiter.admits(address));
        assert!(ask("192.0.2.1") && ask("192.0.2.2") && ask("192.0.2.3"));
        assert!(!ask("192.0.2.4"));
        assert!(ask("192.0.3.1"));
        assert!(ask("2001:db8:1::1") && ask("2001:db8:1:2::1") && ask("2001:db8:1:3::1"));
        assert!(!ask("2001:db8:1:ffff::1"));
        assert!(ask("2001:db8:2::1"));
    }

    #[test]
    fn the_table_does_not_grow_without_bound() {
        let limiter = Limiter::new(1);
        for number in 0..100_000_u32 {
            limiter.admits(IpAddr::V4(Ipv4Addr::from_bits(number << 8)));
        }
        assert!(limiter.networks.len() <= 2 * NETWORKS + 1);
    }
}
