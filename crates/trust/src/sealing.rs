//! Keys under which content is sealed at rest, and the key that wraps these: AES-256-GCM (NIST SP 800-38D) as it is.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use verbond_domain::Ambient;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// What is sealed to know a wrapping key again.
const KNOWN: &[u8] = b"verbond wrapping key";

/// Bytes of the nonce that a sealed content begins with.
pub const SEAL_NONCE_BYTES: usize = NONCE_LEN;

/// Why content could not be sealed or opened: another key, or it has been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed content cannot be opened with this key, or has been changed")]
pub struct SealError;

/// Why a wrapping key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wrapping key cannot be read: it is 32 bytes in base64url, in the member `key`")]
pub struct WrappingKeyError;

/// The key that wraps month keys: the one secret without which nothing that lies in the database can be read.
pub struct WrappingKey(LessSafeKey);

/// A key for what was written in one month.
pub struct MonthKey(LessSafeKey);

/// The key as it stands in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key: String,
}

impl WrappingKey {
    /// Reads the text of its file.
    ///
    /// # Errors
    /// [`WrappingKeyError`].
    pub fn read(text: &str) -> Result<Self, WrappingKeyError> {
        let File { key } = serde_json::from_str(text).map_err(|_| WrappingKeyError)?;
        let bytes = URL_SAFE_NO_PAD.decode(key).map_err(|_| WrappingKeyError)?;
        key_of(&bytes).map(Self).map_err(|_| WrappingKeyError)
    }

    /// The text of a file with a key, made now.
    pub fn first(ambient: &Ambient) -> String {
        let file = File { key: URL_SAFE_NO_PAD.encode(ambient.random::<KEY_BYTES>()) };
        // A text can always be written.
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    /// A known text sealed under the key: by it the key is known again.
    ///
    /// # Errors
    /// [`SealError`], only when the library fails.
    pub fn proof(&self, ambient: &Ambient) -> Result<Vec<u8>, SealError> {
        seal(&self.0, KNOWN, ambient.random(), KNOWN.to_vec())
    }

    /// Whether the proof is of this key.
    pub fn made(&self, proof: &[u8]) -> bool {
        open(&self.0, KNOWN, proof).is_ok_and(|text| text == KNOWN)
    }

    /// A new month key, wrapped; `of` says what it is for and must be said again to unwrap it.
    ///
    /// # Errors
    /// [`SealError`], only when the library fails.
    pub fn new_month_key(&self, of: &str, ambient: &Ambient) -> Result<Vec<u8>, SealError> {
        seal(&self.0, of.as_bytes(), ambient.random(), ambient.random::<KEY_BYTES>().to_vec())
    }

    /// Unwraps a month key.
    ///
    /// # Errors
    /// [`SealError`] when another key wrapped it, or it is for something else.
    pub fn unwrap(&self, of: &str, wrapped: &[u8]) -> Result<MonthKey, SealError> {
        key_of(&open(&self.0, of.as_bytes(), wrapped)?).map(MonthKey)
    }
}

impl MonthKey {
    /// Seals content: nonce, ciphertext, tag. The nonce must be random. `place` says where the content belongs, and must be said
    /// again to open it.
    ///
    /// # Errors
    /// [`SealError`], only when the library fails.
    pub fn seal(
        &self,
        place: &[u8],
        nonce: [u8; SEAL_NONCE_BYTES],
        content: Vec<u8>,
    ) -> Result<Vec<u8>, SealError> {
        seal(&self.0, place, nonce, content)
    }

    /// Opens sealed content.
    ///
    /// # Errors
    /// [`SealError`] when it was sealed under another key or for another place, or has been changed.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open(&self.0, place, sealed)
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WrappingKey")
    }
}

impl fmt::Debug for MonthKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MonthKey")
    }
}

fn key_of(bytes: &[u8]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| SealError)
}

fn seal(
    key: &LessSafeKey,
    place: &[u8],
    nonce: [u8; NONCE_LEN],
    mut content: Vec<u8>,
) -> Result<Vec<u8>, SealError> {
    let unique = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(unique, Aad::from(place), &mut content).map_err(|_| SealError)?;
    Ok([nonce.as_slice(), &content].concat())
}

fn open(key: &LessSafeKey, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError)?;
    let mut content = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = key.open_in_place(nonce, Aad::from(place), &mut content).map_err(|_| SealError)?.len();
    content.truncate(opened);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use verbond_domain::{Clock, Timestamp};

    use super::*;
    use crate::SystemEntropy;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
    }

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn content_opens_at_its_place_under_its_key_unchanged_and_nowhere_else() -> TestResult {
        let ambient = Ambient::new(Arc::new(Still), Arc::new(SystemEntropy));
        let text = WrappingKey::first(&ambient);
        let (wrapping, other) =
            (WrappingKey::read(&text)?, WrappingKey::read(&WrappingKey::first(&ambient))?);
        let proof = wrapping.proof(&ambient)?;
        assert!(wrapping.made(&proof) && WrappingKey::read(&text)?.made(&proof) && !other.made(&proof));

        let wrapped = wrapping.new_month_key("exchange 202611", &ambient)?;
        assert!(wrapping.unwrap("exchange 202612", &wrapped).is_err());
        assert!(other.unwrap("exchange 202611", &wrapped).is_err());
        let key = wrapping.unwrap("exchange 202611", &wrapped)?;
        let mut sealed = key.seal(b"one", ambient.random(), b"content".to_vec())?;
        assert_eq!(key.open(b"one", &sealed)?, b"content");
        assert!(key.open(b"two", &sealed).is_err());
        assert!(key.open(b"one", b"short").is_err());
        if let Some(last) = sealed.last_mut() {
            *last ^= 1;
        }
        assert!(key.open(b"one", &sealed).is_err());
        for damaged in ["", "{}", r#"{"key":"AAAA"}"#, r#"{"key":"","more":1}"#] {
            assert!(WrappingKey::read(damaged).is_err(), "{damaged}");
        }
        Ok(())
    }
}
