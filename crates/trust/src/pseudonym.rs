//! Keyed pseudonyms: by what people are told apart where it must not stand who they are.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use verbond_domain::{Ambient, Timestamp};

/// Bytes of a key: as many as SHA-256 gives.
const KEY_BYTES: usize = 32;

/// The keys of a node's pseudonyms, in versions. Without them nobody can tell whose pseudonym one is, and nobody can try.
pub struct PseudonymKeys(Vec<Version>);

struct Version {
    version: u32,
    from: Timestamp,
    key: hmac::Key,
}

/// Why keys of pseudonyms cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the keys of pseudonyms cannot be read: they are versions 1, 2, … with 32 bytes each, of which the first counts always"
)]
pub struct PseudonymKeysError;

/// The keys as they stand in their file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<FileKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    version: u32,
    /// Milliseconds since 1970: periods that begin from this moment on use it, until the next key does.
    from: Timestamp,
    key: String,
}

impl PseudonymKeys {
    /// Reads the text of their file.
    ///
    /// # Errors
    /// [`PseudonymKeysError`].
    pub fn read(text: &str) -> Result<Self, PseudonymKeysError> {
        let File { keys } = serde_json::from_str(text).map_err(|_| PseudonymKeysError)?;
        let mut versions: Vec<Version> = Vec::with_capacity(keys.len());
        for (FileKey { version, from, key }, expected) in keys.into_iter().zip(1..) {
            let bytes = URL_SAFE_NO_PAD.decode(key).map_err(|_| PseudonymKeysError)?;
            let begins = match versions.last() {
                Some(before) => before.from < from,
                None => from == Timestamp::from_millis(0),
            };
            if version != expected || bytes.len() != KEY_BYTES || !begins {
                return Err(PseudonymKeysError);
            }
            versions.push(Version { version, from, key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) });
        }
        match versions.is_empty() {
            true => Err(PseudonymKeysError),
            false => Ok(Self(versions)),
        }
    }

    /// The text of a file with one key, made now.
    pub fn first(ambient: &Ambient) -> String {
        let first = FileKey { version: 1, from: Timestamp::from_millis(0), key: random(ambient) };
        written(&File { keys: vec![first] })
    }

    /// The text of a file with one more key, which periods use that begin from a moment on. The others stay: periods that
    /// have begun go on with theirs.
    ///
    /// # Errors
    /// [`PseudonymKeysError`], also when another key counts from that moment or a later one on.
    pub fn another(text: &str, from: Timestamp, ambient: &Ambient) -> Result<String, PseudonymKeysError> {
        let mut file: File = serde_json::from_str(text).map_err(|_| PseudonymKeysError)?;
        let version = u32::try_from(file.keys.len()).map_err(|_| PseudonymKeysError)?.saturating_add(1);
        file.keys.push(FileKey { version, from, key: random(ambient) });
        let text = written(&file);
        Self::read(&text)?;
        Ok(text)
    }

    /// The pseudonym of somebody in a period that begins at `begin`: version of the key (4 bytes), and HMAC-SHA-256 over
    /// kind and number. A period keeps the key with which it began, in all processes: two keys in one period would be two
    /// persons.
    pub fn pseudonym(&self, begin: Timestamp, kind: &str, number: &str) -> Option<Vec<u8>> {
        let used = self.0.iter().rev().find(|version| version.from <= begin).or(self.0.first())?;
        Some(used.pseudonym(kind, number))
    }

    /// The pseudonyms of somebody under all keys: by one of them they stand in whatever has been written.
    pub fn pseudonyms(&self, kind: &str, number: &str) -> Vec<Vec<u8>> {
        self.0.iter().map(|version| version.pseudonym(kind, number)).collect()
    }

    /// What can be told of the keys without telling them: version and fingerprint.
    pub fn fingerprints(&self) -> Vec<(u32, String)> {
        let fingerprint = |version: &Version| {
            let text = format!("verbond pseudonym key {} from {}", version.version, version.from.millis());
            let tag = hmac::sign(&version.key, text.as_bytes());
            tag.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
        };
        self.0.iter().map(|version| (version.version, fingerprint(version))).collect()
    }
}

impl Version {
    fn pseudonym(&self, kind: &str, number: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [kind, "\0", number] {
            context.update(part.as_bytes());
        }
        let mut pseudonym = self.version.to_be_bytes().to_vec();
        pseudonym.extend_from_slice(context.sign().as_ref());
        pseudonym
    }
}

impl fmt::Debug for PseudonymKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PseudonymKeys({})", self.0.len())
    }
}

fn random(ambient: &Ambient) -> String {
    URL_SAFE_NO_PAD.encode(ambient.random::<KEY_BYTES>())
}

fn written(file: &File) -> String {
    // Numbers and texts can always be written.
    serde_json::to_string_pretty(file).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use verbond_domain::Clock;

    use super::*;
    use crate::SystemEntropy;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_800_000_000)
        }
    }

    fn ambient() -> Ambient {
        Ambient::new(Arc::new(Still), Arc::new(SystemEntropy))
    }

    #[test]
    fn a_pseudonym_is_hmac_sha_256_and_names_its_key() -> Result<(), PseudonymKeysError> {
        // Computed with Python's hmac over b"national_number\0999990019", with a key of 32 bytes 0x07.
        let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        let text = format!(r#"{{"keys":[{{"version":1,"from":0,"key":"{key}"}}]}}"#);
        let pseudonym = PseudonymKeys::read(&text)?.pseudonym(Still.now(), "national_number", "999990019");
        let shown: String = pseudonym.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(shown, EXPECTED);
        Ok(())
    }

    const EXPECTED: &str = "0000000155fe35cce983cd445323cf39265f65231b2279bfe7cfd1bf170913e551b09038";

    #[test]
    fn a_period_keeps_the_key_with_which_it_began() -> Result<(), PseudonymKeysError> {
        let ambient = ambient();
        let first = PseudonymKeys::first(&ambient);
        let later = Still.now();
        let text = PseudonymKeys::another(&first, later, &ambient)?;
        assert_eq!(PseudonymKeys::another(&text, later, &ambient), Err(PseudonymKeysError));
        let (before, after) = (PseudonymKeys::read(&first)?, PseudonymKeys::read(&text)?);
        let of = |keys: &PseudonymKeys, begin| keys.pseudonym(begin, "pseudonym", "P-1");
        let earlier = later.plus_seconds(-1);
        assert_eq!(of(&before, earlier), of(&after, earlier));
        assert_ne!(of(&before, later), of(&after, later));
        assert_eq!(of(&after, later).map(|bytes| bytes[..4].to_vec()), Some(vec![0, 0, 0, 2]));
        assert_eq!(before.fingerprints().first(), after.fingerprints().first());
        assert!(!format!("{after:?}").contains(&text[20..30]));
        Ok(())
    }

    #[test]
    fn what_is_not_whole_is_not_used() {
        let key = "A".repeat(43);
        for text in [
            String::new(),
            r#"{"keys":[]}"#.to_owned(),
            format!(r#"{{"keys":[{{"version":2,"from":0,"key":"{key}"}}]}}"#),
            format!(r#"{{"keys":[{{"version":1,"from":5,"key":"{key}"}}]}}"#),
            r#"{"keys":[{"version":1,"from":0,"key":"AAAA"}]}"#.to_owned(),
        ] {
            assert!(PseudonymKeys::read(&text).is_err(), "{text}");
        }
    }
}
