//! Tokens whose signature has been verified, by their SHA-256: a token is used for many requests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use verbond_journal::WireMembers;

use crate::protocol::token::AccessTokenClaims;

/// What a token says.
pub(crate) struct VerifiedToken {
    /// Its claims.
    pub claims: AccessTokenClaims,
    /// What of them stands in the records of its exchanges.
    pub wire: WireMembers,
}

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
    young: HashMap<[u8; 32], Arc<VerifiedToken>>,
    old: HashMap<[u8; 32], Arc<VerifiedToken>>,
}

impl VerifiedTokens {
    /// The token with this digest, if it was verified under this generation of the revocation lists.
    pub fn find(&self, digest: &[u8; 32], generation: u64) -> Option<Arc<VerifiedToken>> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.renew(generation);
        if let Some(verified) = halves.young.get(digest) {
            return Some(Arc::clone(verified));
        }
        let verified = halves.old.remove(digest)?;
        halves.put(*digest, Arc::clone(&verified));
        Some(verified)
    }

    /// Keeps a token verified under this generation.
    pub fn keep(&self, digest: [u8; 32], verified: Arc<VerifiedToken>, generation: u64) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.renew(generation);
        halves.put(digest, verified);
    }
}

impl Halves {
    fn renew(&mut self, generation: u64) {
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
    }

    fn put(&mut self, digest: [u8; 32], verified: Arc<VerifiedToken>) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, verified);
    }
}
