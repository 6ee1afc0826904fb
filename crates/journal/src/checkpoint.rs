//! Signed tree heads: C2SP tlog-checkpoint, which is a C2SP signed note.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use verbond_domain::ParticipantId;

use crate::{TreeHash, tree::hash};

/// Longest note that is read, in bytes: a checkpoint with sixteen signatures.
pub const LONGEST_NOTE: usize = 8 * 1024;
/// Most signatures that are looked at.
const MOST_SIGNATURES: usize = 16;
/// The type of signature in a signed note: Ed25519.
const ED25519_TYPE: u8 = 1;

/// Which journal a checkpoint is of: a participant's, in one of its epochs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Whose journal.
    pub participant: ParticipantId,
    /// From 1; a journal that was restored goes on in the next one.
    pub epoch: u32,
}

/// Why a text is no checkpoint, or no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: {0}")]
pub struct CheckpointError(&'static str);

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/journal/{}", self.participant, self.epoch)
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let (participant, epoch) = text
            .rsplit_once("/journal/")
            .ok_or(CheckpointError("its origin is no journal of a participant"))?;
        let origin = Self {
            participant: participant
                .parse()
                .map_err(|_| CheckpointError("its origin names no participant"))?,
            epoch: epoch.parse().map_err(|_| CheckpointError("its origin names no epoch"))?,
        };
        match origin.epoch > 0 && origin.to_string() == text {
            true => Ok(origin),
            false => Err(CheckpointError("its origin names no epoch")),
        }
    }
}

/// The head of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which journal.
    pub origin: Origin,
    /// How many entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: TreeHash,
}

impl Checkpoint {
    /// The text that is signed: three lines.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }
}

/// A journal's public key under the name that it signs with: Ed25519, in the form of a signed note's verifier key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    key: [u8; 32],
}

impl VerifierKey {
    /// The key of a journal.
    pub fn new(origin: &Origin, key: [u8; 32]) -> Self {
        Self { name: origin.to_string(), key }
    }

    /// The name: an origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let hash = hash(&[self.name.as_bytes(), &[b'\n', ED25519_TYPE], &self.key]);
        let mut id = [0; 4];
        id.iter_mut().zip(&hash).for_each(|(to, from)| *to = *from);
        id
    }

    /// The note of a checkpoint with its signature by this key.
    pub fn note(&self, checkpoint: &Checkpoint, signature: &[u8]) -> String {
        let signature = [self.id().as_slice(), signature].concat();
        format!("{}\n\u{2014} {} {}\n", checkpoint.text(), self.name, STANDARD.encode(signature))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.id();
        let key = [[ED25519_TYPE].as_slice(), &self.key].concat();
        write!(formatter, "{}+{a:02x}{b:02x}{c:02x}{d:02x}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        if text.len() > LONGEST_NOTE {
            return Err(CheckpointError("the verifier key is too long"));
        }
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(CheckpointError("the verifier key has not three parts"));
        };
        let key = STANDARD.decode(key).map_err(|_| CheckpointError("the verifier key is not base64"))?;
        let Some((&ED25519_TYPE, key)) = key.split_first() else {
            return Err(CheckpointError("the verifier key is not of Ed25519"));
        };
        let key = key.try_into().map_err(|_| CheckpointError("the verifier key has not 32 bytes"))?;
        let parsed = Self { name: name.to_owned(), key };
        match parsed.to_string() == text {
            true => Ok(parsed),
            false => Err(CheckpointError("the verifier key is not written as it should")),
        }
    }
}

/// A checkpoint with signatures, as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub checkpoint: Checkpoint,
    /// The note, byte for byte.
    pub note: String,
    signatures: Vec<(String, Vec<u8>)>,
}

impl SignedCheckpoint {
    /// Reads a signed note that is a checkpoint without extension lines. Says nothing of its signatures.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(note: &str) -> Result<Self, CheckpointError> {
        if note.len() > LONGEST_NOTE {
            return Err(CheckpointError("it is too long"));
        }
        let (text, signed) = note.split_once("\n\n").ok_or(CheckpointError("it has no signatures"))?;
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root] = lines.as_slice() else {
            return Err(CheckpointError("its text has not three lines"));
        };
        let checkpoint = Checkpoint {
            origin: origin.parse()?,
            size: size.parse().map_err(|_| CheckpointError("its size is no number"))?,
            root: STANDARD
                .decode(root)
                .ok()
                .and_then(|root| root.try_into().ok())
                .ok_or(CheckpointError("its root is not 32 bytes"))?,
        };
        if checkpoint.text().strip_suffix('\n') != Some(text) {
            return Err(CheckpointError("its text is not written as it should"));
        }
        let signatures: Result<Vec<_>, _> = signed.split_terminator('\n').map(signature).collect();
        let signatures = signatures?;
        match signed.ends_with('\n') && (1..=MOST_SIGNATURES).contains(&signatures.len()) {
            true => Ok(Self { checkpoint, note: note.to_owned(), signatures }),
            false => Err(CheckpointError("its signatures are not written as they should")),
        }
    }

    /// Whether this key signed it, under the name of the journal that it is of.
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        let text = self.checkpoint.text();
        let public = UnparsedPublicKey::new(&ED25519, key.key);
        let by_key = |(name, signature): &(String, Vec<u8>)| {
            let signature = signature.strip_prefix(&key.id());
            *name == key.name
                && signature.is_some_and(|signature| public.verify(text.as_bytes(), signature).is_ok())
        };
        key.name == self.checkpoint.origin.to_string() && self.signatures.iter().any(by_key)
    }
}

fn signature(line: &str) -> Result<(String, Vec<u8>), CheckpointError> {
    let parts = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' '));
    let (name, signature) = parts.ok_or(CheckpointError("a line of it is no signature"))?;
    let signature = STANDARD.decode(signature).map_err(|_| CheckpointError("a signature is not base64"))?;
    Ok((name.to_owned(), signature))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use proptest::prelude::*;

    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    /// The example of the standard, C2SP signed-note.
    const STANDARD_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    fn signed(size: u64) -> Result<(VerifierKey, SignedCheckpoint), Box<dyn std::error::Error>> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32])?;
        let origin = Origin { participant: "oin:00000099000000010000".parse()?, epoch: 1 };
        let key = VerifierKey::new(&origin, pair.public_key().as_ref().try_into()?);
        let checkpoint = Checkpoint { origin, size, root: [9; 32] };
        let note = key.note(&checkpoint, pair.sign(checkpoint.text().as_bytes()).as_ref());
        Ok((key, SignedCheckpoint::parse(&note)?))
    }

    #[test]
    fn a_verifier_key_of_the_standard_is_read_and_written() -> TestResult {
        assert_eq!(STANDARD_KEY.parse::<VerifierKey>()?.to_string(), STANDARD_KEY);
        for wrong in ["", "a+b", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"] {
            assert!(wrong.parse::<VerifierKey>().is_err());
        }
        Ok(())
    }

    #[test]
    fn a_signature_counts_for_its_key_and_text_only() -> TestResult {
        let (key, note) = signed(20)?;
        assert!(note.is_signed_by(&key));
        let other = SignedCheckpoint::parse(&note.note.replacen("\n20\n", "\n21\n", 1))?;
        assert!(!other.is_signed_by(&key));
        let second = Origin { epoch: 2, ..note.checkpoint.origin.clone() };
        assert!(!note.is_signed_by(&VerifierKey::new(&second, key.key)));
        assert!(!note.is_signed_by(&VerifierKey { key: [1; 32], ..key }));
        Ok(())
    }

    #[test]
    fn what_is_written_otherwise_is_no_checkpoint() -> TestResult {
        let note = signed(20)?.1.note;
        let changed = [
            note.replacen("\n20\n", "\n020\n", 1),
            note.replacen("/1\n", "/01\n", 1),
            note.replacen("\n\n", "\nmore\n\n", 1),
            note.replacen("\n\n", "\n", 1),
            note.trim_end().to_owned(),
            format!("{note}\n"),
            note.replace('\u{2014}', "-"),
        ];
        for text in changed {
            assert!(SignedCheckpoint::parse(&text).is_err(), "{text}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn nothing_from_outside_brings_the_reader_down(text in "\\PC*", lines in proptest::collection::vec("\\PC{0,40}", 0..6)) {
            let _ = SignedCheckpoint::parse(&text);
            let _ = SignedCheckpoint::parse(&lines.join("\n"));
            let _ = text.parse::<VerifierKey>();
        }
    }
}
