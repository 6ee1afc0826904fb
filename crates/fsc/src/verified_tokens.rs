//! Tokens whose signature has been verified, by their SHA-256: a token is used for many requests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::protocol::token::AccessTokenClaims;

/// Tokens in one of the two halves.
const HALF: usize = 8192;

/// A bounded memory that forgets what has not been used for longest: when the young half is full it becomes the old
/// one, and what was in the old one and not used since is gone.
#[derive(Default)]
pub(crate) struct VerifiedTokens {
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    /// Of the revocation lists when the signatures were verified: a signer revoked since must not be remembered as good.
    generation: u64,
    young: HashMap<[u8; 32], Arc<AccessTokenClaims>>,
    old: HashMap<[u8; 32], Arc<AccessTokenClaims>>,
}

impl VerifiedTokens {
    /// The claims of the token with this digest, if it was verified under this generation of the revocation lists.
    pub fn find(&self, digest: &[u8; 32], generation: u64) -> Option<Arc<AccessTokenClaims>> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.renew(generation);
        if let Some(claims) = halves.young.get(digest) {
            return Some(Arc::clone(claims));
        }
        let claims = halves.old.remove(digest)?;
        halves.put(*digest, Arc::clone(&claims));
        Some(claims)
    }

    /// Keeps the claims of a token verified under this generation.
    pub fn keep(&self, digest: [u8; 32], claims: Arc<AccessTokenClaims>, generation: u64) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.renew(generation);
        halves.put(digest, claims);
    }
}

impl Halves {
    fn renew(&mut self, generation: u64) {
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
    }

    fn put(&mut self, digest: [u8; 32], claims: Arc<AccessTokenClaims>) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, claims);
    }
}
