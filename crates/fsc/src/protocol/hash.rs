//! Content hash and grant hash (FSC Core 2.0.0 §4.2.4 and §4.2.5), over the JSON tree as received.
//!
//! The text numbers hash types 1 to 5 (§4.2.6.1) and grant types 1 to 4 (§4.2.6.2); the prefix of a hash holds the
//! hash type. Its example for a connection, `$1$2$`, contradicts its own table: `$1$3$` is right.

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{grant::GrantType, i_json};

/// The number of `HASH_ALGORITHM_SHA3_512` (§4.2.6.3).
const SHA3_512: &str = "1";
/// The number of `HASH_TYPE_CONTRACT` (§4.2.6.1).
const CONTRACT: u8 = 1;
/// Length of 64 bytes in base64url without padding.
const ENCODED_LENGTH: usize = 86;

/// Why a text is not a hash of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Not `$number$number$` and 86 base64url characters.
    #[error("not a hash: `$1$type$` and 86 base64url characters are expected")]
    Form,
    /// The first number names no known hash algorithm (`ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH`).
    #[error("the hash's algorithm is not known")]
    UnknownAlgorithm,
    /// The second number is not of the kind asked for.
    #[error("the hash is of another type")]
    Type,
    /// The tree cannot be canonicalised.
    #[error("the document has no canonical form")]
    Canonical,
}

/// The hash of a contract's content: `$1$1$` and 86 base64url characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(Arc<str>);

/// The hash of a grant within a contract: `$1$2$` to `$1$5$` and 86 base64url characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantHash {
    text: Arc<str>,
    grant_type: GrantType,
}

/// How the text's "append to the content hash" (§4.2.5 step 3) is read. No vectors are published that settle it, so
/// every grant is known under both, and either is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashReading {
    /// The prefixed string `$1$1$…` as UTF-8: what this node sends.
    String,
    /// The 64 bytes of the digest.
    Digest,
}

/// A grant's hash under both readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantHashes {
    /// Under [`HashReading::String`].
    pub string: GrantHash,
    /// Under [`HashReading::Digest`].
    pub digest: GrantHash,
}

impl HashReading {
    /// `string` or `digest`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Digest => "digest",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::String => Self::Digest,
            Self::Digest => Self::String,
        }
    }
}

/// The number of a grant's hash type: one above the number of its grant type.
const fn hash_type(grant_type: GrantType) -> u8 {
    match grant_type {
        GrantType::ServicePublication => 2,
        GrantType::ServiceConnection => 3,
        GrantType::DelegatedServiceConnection => 4,
        GrantType::DelegatedServicePublication => 5,
    }
}

fn sha3_512(parts: &[&[u8]]) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA3_512);
    for part in parts {
        context.update(part);
    }
    context.finish()
}

fn prefixed(hash_type: u8, digest: &digest::Digest) -> Arc<str> {
    format!("${SHA3_512}${hash_type}${}", URL_SAFE_NO_PAD.encode(digest)).into()
}

/// The number of the hash type and the 64 bytes of a prefixed hash.
fn split(text: &str) -> Result<(u8, [u8; 64]), HashError> {
    let mut parts = text.strip_prefix('$').ok_or(HashError::Form)?.split('$');
    let (Some(algorithm), Some(hash_type), Some(encoded), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HashError::Form);
    };
    let is_number =
        |text: &str| (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(algorithm) || !is_number(hash_type) {
        return Err(HashError::Form);
    }
    if algorithm != SHA3_512 {
        return Err(HashError::UnknownAlgorithm);
    }
    if encoded.len() != ENCODED_LENGTH {
        return Err(HashError::Form);
    }
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| HashError::Form)?;
    let bytes = bytes.try_into().map_err(|_| HashError::Form)?;
    // A leading zero would give one hash two spellings.
    if hash_type.len() != 1 {
        return Err(HashError::Type);
    }
    Ok((hash_type.parse().map_err(|_| HashError::Type)?, bytes))
}

impl ContentHash {
    /// The hash of a content tree.
    pub fn of(content: &Value) -> Result<Self, HashError> {
        let canonical = i_json::canonicalise(content).map_err(|_| HashError::Canonical)?;
        Ok(Self(prefixed(CONTRACT, &sha3_512(&[canonical.as_bytes()]))))
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digest(&self) -> Result<[u8; 64], HashError> {
        split(&self.0).map(|(_, bytes)| bytes)
    }
}

impl FromStr for ContentHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        match split(text)? {
            (CONTRACT, _) => Ok(Self(text.into())),
            _ => Err(HashError::Type),
        }
    }
}

impl GrantHash {
    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The type of grant that the prefix tells.
    pub const fn grant_type(&self) -> GrantType {
        self.grant_type
    }
}

impl FromStr for GrantHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let (number, _) = split(text)?;
        let grant_type =
            GrantType::ALL.into_iter().find(|kind| hash_type(*kind) == number).ok_or(HashError::Type)?;
        Ok(Self { text: text.into(), grant_type })
    }
}

impl GrantHashes {
    /// Both hashes of a grant's `data` tree in the contract with this content hash.
    pub fn of(content: &ContentHash, data: &Value, grant_type: GrantType) -> Result<Self, HashError> {
        let data = i_json::canonicalise(data).map_err(|_| HashError::Canonical)?;
        let hash = |content: &[u8]| GrantHash {
            text: prefixed(hash_type(grant_type), &sha3_512(&[content, data.as_bytes()])),
            grant_type,
        };
        Ok(Self { string: hash(content.as_str().as_bytes()), digest: hash(&content.digest()?) })
    }

    /// The hash under one reading.
    pub const fn under(&self, reading: HashReading) -> &GrantHash {
        match reading {
            HashReading::String => &self.string,
            HashReading::Digest => &self.digest,
        }
    }

    /// Under which reading `hash` is this grant's, if under any.
    pub fn reading_of(&self, hash: &GrantHash) -> Option<HashReading> {
        [HashReading::String, HashReading::Digest].into_iter().find(|reading| self.under(*reading) == hash)
    }
}

macro_rules! text_form {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
text_form!(ContentHash);
text_form!(GrantHash);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    type Failure = Box<dyn std::error::Error>;

    const CONTENT: &str =
        "$1$1$ia278mmEEX5QvMZfatwQW1F3gm0jOFrh1sQN4Pc3lBtunVH9Vl-JMMJOc_9Xonzw1EuHhWD2tGspmMVGxMnGjQ";
    const STRING: &str =
        "$1$3$53nGkZldmXI7-3R-W1yeSFywZ3Y162RR0wArpDtUk-yyClOIDxbVw_8-eCaPLROc18atdUtXJbuROylbP-etXg";
    const DIGEST: &str =
        "$1$3$nds_4OddusU1eews1unvi5zCX6dahWVqfMWVvKAWrFj8xda9wle4ojts9DHvsE-2JLZl3VRgIgYEJfIq2OUtBA";

    /// The example of Core 2.0.0 §4.2 with `fsc_version` 2.0.0 and `service.type`, both of which it lacks.
    fn example() -> Value {
        json!({
            "fsc_version": "2.0.0",
            "iv": "06338364-8305-7b74-8000-de4963503139",
            "group_id": "fsc-example-group",
            "validity": {"not_before": 1672527600, "not_after": 1704063600},
            "grants": [{"data": {
                "type": "GRANT_TYPE_SERVICE_CONNECTION",
                "service": {"type": "SERVICE_TYPE_SERVICE", "peer_id": "00000000000000000001", "name": "example-service"},
                "outway": {"peer_id": "00000000000000000002", "identification": {
                    "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
                    "public_key_thumbprint": "3a56f2e9269ac63f0d4394c46b96539da1625b6a985d38029ff89f34e490960c"
                }}
            }}],
            "hash_algorithm": "HASH_ALGORITHM_SHA3_512",
            "created_at": 1672527600
        })
    }

    /// Vectors of two independent readings of the text, made with another language and another JCS.
    #[test]
    fn the_example_contract_has_the_agreed_hashes() -> Result<(), Failure> {
        let content = example();
        assert_eq!(i_json::canonicalise(&content)?.len(), 598);
        let hash = ContentHash::of(&content)?;
        assert_eq!(hash.as_str(), CONTENT);
        let data = content.pointer("/grants/0/data").ok_or("no grant")?;
        let hashes = GrantHashes::of(&hash, data, GrantType::ServiceConnection)?;
        assert_eq!((hashes.string.as_str(), hashes.digest.as_str()), (STRING, DIGEST));
        assert_eq!(hashes.reading_of(&DIGEST.parse()?), Some(HashReading::Digest));
        assert_eq!(hashes.reading_of(&STRING.parse()?), Some(HashReading::String));
        Ok(())
    }

    #[test]
    fn an_empty_properties_object_is_not_the_same_as_none() -> Result<(), Failure> {
        let mut content = example();
        let without = ContentHash::of(&content)?;
        let data = content.pointer_mut("/grants/0/data").and_then(Value::as_object_mut).ok_or("no grant")?;
        data.insert("properties".to_owned(), json!({}));
        assert_ne!(ContentHash::of(&content)?, without);
        Ok(())
    }

    #[test]
    fn hashes_seen_in_the_field_are_read() -> Result<(), HashError> {
        let content: ContentHash =
            "$1$1$61o_IYA1UZAdYYry0IyE1is3Ntzlv9CUVPNI2MJWQPma6GZldC4_XUcza0E2RBYiMo5cRjKT09aQTGbA8UKhbQ"
                .parse()?;
        assert!(content.as_str().starts_with("$1$1$"));
        let grant: GrantHash =
            "$1$3$n4kellB6p2-VjrriscICkH3P5flgMmG6rX7MFIF3cU2Y2OVysoU6W903TkGCH3u_bB1XhOgdOVFhLCVj1iFnNg"
                .parse()?;
        assert_eq!(grant.grant_type(), GrantType::ServiceConnection);
        Ok(())
    }

    #[test]
    fn each_grant_type_has_the_hash_type_one_above_it() {
        assert_eq!(GrantType::ALL.map(hash_type), [2, 3, 4, 5]);
    }

    #[test]
    fn an_unknown_algorithm_is_told_apart_from_a_wrong_form() {
        let grant = |text: &str| text.parse::<GrantHash>();
        assert_eq!(grant(&STRING.replacen("$1$", "$2$", 1)), Err(HashError::UnknownAlgorithm));
        assert_eq!(grant("$7$3$short"), Err(HashError::UnknownAlgorithm));
        assert_eq!(grant(CONTENT), Err(HashError::Type));
        assert_eq!(grant(&STRING.replacen("$3$", "$6$", 1)), Err(HashError::Type));
        assert_eq!(grant(&STRING.replacen("$3$", "$03$", 1)), Err(HashError::Type));
        assert_eq!(STRING.parse::<ContentHash>(), Err(HashError::Type));
        for text in
            ["", "$", "$1$3$", "$1$3$x", "1$3$x", &STRING[1..], &format!("{STRING}="), &format!("{STRING}\n")]
        {
            assert_eq!(grant(text), Err(HashError::Form), "{text:?}");
        }
        // Base64 with `+` and `/`, as some examples of the text still have it, is not what the text prescribes.
        assert_eq!(grant(&STRING.replace('-', "+").replace('_', "/")), Err(HashError::Form));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*|\\$[0-9]{0,12}\\$[0-9]{0,4}\\$[A-Za-z0-9_-]{80,90}") {
            let _ = text.parse::<ContentHash>();
            if let Ok(hash) = text.parse::<GrantHash>() {
                prop_assert_eq!(hash.as_str(), text);
            }
        }
    }
}
