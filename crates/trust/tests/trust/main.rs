//! Certificates, signatures and handshakes, seen from outside the crate.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod authority;
mod certificates;
mod handshake;
mod identity;
mod judgement;
mod pki;
mod robustness;
mod signatures;
mod slow_signer;
