//! C2SP signed notes, and the checkpoints and keys of journals in them.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::merkle::{Hash, sha256};

/// Longest note or key that is read, in bytes.
const LONGEST: usize = 8 * 1024;
/// Most signatures of a note that are looked at.
const MOST_SIGNATURES: usize = 16;
/// Ed25519, as a type of signature in a signed note.
const ED25519_TYPE: u8 = 1;

/// Which journal: `<participant>/journal/<epoch>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Whose.
    pub participant: String,
    /// From 1.
    pub epoch: u32,
}

impl Origin {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (participant, epoch) = text.rsplit_once("/journal/")?;
        let number = epoch.parse().ok().filter(|number| *number > 0)?;
        let canonical = u32::to_string(&number) == epoch;
        (canonical && is_participant(participant))
            .then(|| Self { participant: participant.to_owned(), epoch: number })
    }

    /// As it is written.
    pub fn text(&self) -> String {
        format!("{}/journal/{}", self.participant, self.epoch)
    }
}

/// Whether a text is `<scheme>:<value>`, a value of 1 to 255 visible ASCII characters.
pub(crate) fn is_participant(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, value)| {
        !scheme.is_empty()
            && scheme.len() <= 16
            && scheme.bytes().all(|byte| byte.is_ascii_lowercase())
            && (1..=255).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// The Ed25519 key of a journal, in the form of a signed note's verifier key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerifierKey {
    /// Its name: an origin.
    pub name: String,
    key: [u8; 32],
}

impl VerifierKey {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut parts = text.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let decoded = STANDARD.decode(key).ok()?;
        let (&ED25519_TYPE, key) = decoded.split_first()? else { return None };
        let parsed = Self { name: name.to_owned(), key: key.try_into().ok()? };
        let hexadecimal: String = parsed.id().iter().map(|byte| format!("{byte:02x}")).collect();
        (hexadecimal == id).then_some(parsed)
    }

    fn id(&self) -> [u8; 4] {
        let hash = sha256(&[self.name.as_bytes(), &[b'\n', ED25519_TYPE], &self.key]);
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }
}

/// A checkpoint as it was signed; its signatures are not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Of which journal.
    pub origin: Origin,
    /// Over how many entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    text: String,
    signatures: Vec<(String, Vec<u8>)>,
}

impl Checkpoint {
    /// Reads a signed note that is a checkpoint of three lines.
    pub fn parse(note: &str) -> Option<Self> {
        if note.len() > LONGEST {
            return None;
        }
        let (text, signatures) = note.split_once("\n\n")?;
        let mut lines = text.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        if lines.next().is_some() {
            return None;
        }
        let number: u64 = size.parse().ok()?;
        if number.to_string() != size {
            return None;
        }
        let signatures = signatures.strip_suffix('\n')?.split('\n').map(signature);
        let signatures = signatures.take(MOST_SIGNATURES + 1).collect::<Option<Vec<_>>>()?;
        (signatures.len() <= MOST_SIGNATURES).then_some(())?;
        Some(Self {
            origin: Origin::parse(origin)?,
            size: number,
            root: STANDARD.decode(root).ok()?.try_into().ok()?,
            text: format!("{text}\n"),
            signatures,
        })
    }

    /// Whether this key has signed it under the checkpoint's origin.
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        if key.name != self.origin.text() {
            return false;
        }
        let id = key.id();
        let fitting = self.signatures.iter().filter(|(name, _)| *name == key.name);
        let mut fitting = fitting.filter_map(|(_, bytes)| bytes.strip_prefix(&id));
        let public = UnparsedPublicKey::new(&ED25519, key.key);
        fitting.any(|signature| public.verify(self.text.as_bytes(), signature).is_ok())
    }
}

fn signature(line: &str) -> Option<(String, Vec<u8>)> {
    let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(bytes).ok().filter(|bytes| bytes.len() > 4)?;
    (!name.is_empty()).then(|| (name.to_owned(), bytes))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use proptest::prelude::*;

    use super::*;

    const ORIGIN: &str = "oin:00000099000000010000/journal/1";

    fn signed() -> (String, String) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
        let key: [u8; 32] = pair.public_key().as_ref().try_into().expect("a key");
        let key = VerifierKey { name: ORIGIN.to_owned(), key };
        let text = format!("{ORIGIN}\n5\n{}\n", STANDARD.encode([9; 32]));
        let bytes = [key.id().as_slice(), pair.sign(text.as_bytes()).as_ref()].concat();
        let id: String = key.id().iter().map(|byte| format!("{byte:02x}")).collect();
        let written = format!("{ORIGIN}+{id}+{}", STANDARD.encode([&[1], key.key.as_slice()].concat()));
        (format!("{text}\n\u{2014} {ORIGIN} {}\n", STANDARD.encode(bytes)), written)
    }

    #[test]
    fn a_checkpoint_holds_under_its_key_and_not_when_a_character_is_changed() {
        let (note, key) = signed();
        let key = VerifierKey::parse(&key).expect("a key");
        let checkpoint = Checkpoint::parse(&note).expect("a checkpoint");
        assert!(checkpoint.is_signed_by(&key));
        assert_eq!((checkpoint.size, checkpoint.root), (5, [9; 32]));
        let changed = Checkpoint::parse(&note.replace("\n5\n", "\n6\n")).expect("a checkpoint");
        assert!(!changed.is_signed_by(&key));
        let other = VerifierKey { name: "oin:1/journal/1".to_owned(), ..key };
        assert!(!checkpoint.is_signed_by(&other));
    }

    #[test]
    fn what_is_not_written_as_it_should_is_no_checkpoint() {
        let (note, key) = signed();
        for bad in [
            note.replace("\n5\n", "\n05\n"),
            note.replace("journal/1", "journal/01"),
            note.replace("\n\n", "\nmore\n\n"),
            note.replace('\u{2014}', "-"),
            note.trim_end().to_owned(),
            note.replace("oin:", ""),
        ] {
            assert_eq!(Checkpoint::parse(&bad), None, "{bad}");
        }
        assert_eq!(VerifierKey::parse(&key.replace("+", "-")), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_checkpoint_or_none(text in ".*") {
            let _ = Checkpoint::parse(&text);
            let _ = VerifierKey::parse(&text);
        }
    }
}
