//! What is sealed of an entry: its salt, and its payload in a form that takes less room.
//!
//! Salt ‖ payload, or salt ‖ 1 ‖ bytes of the payload (4, little-endian) ‖ the payload as an LZ4 block with a dictionary. A payload
//! is JSON and begins with `{`, so that its first byte tells the two apart, and what was written before there was a second form
//! is read as it was. The commitment is over salt and payload, in whichever form they lie.

use lz4_flex::block::{compress_into_with_dict, decompress_with_dict, get_maximum_output_size};

use crate::StoreError;

/// Bytes of a salt.
const SALT: usize = 32;
/// Shorter payloads are left as they are: what they would save is less than what it costs.
const WORTH: usize = 1024;
/// The first byte of a payload that was compressed with the dictionary below.
const COMPRESSED: u8 = 1;
/// A permit, a completion and what else is written of exchanges, without what differs among them. Never to be changed: another one
/// gets another first byte.
const DICTIONARY: &[u8] = include_bytes!("content/dictionary-1.txt");
/// No entry is longer: a compressed one that says so is damaged.
const LONGEST: usize = 64 * 1024 * 1024;
/// What stands before the block: what it was compressed with, and the bytes of the payload.
const HEAD: usize = 5;
/// What sealing puts behind the content.
const TAG: usize = 16;

/// Salt and payload in one, with room for the tag of the seal.
pub(crate) fn packed(salt: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(SALT + HEAD + get_maximum_output_size(payload.len()) + TAG);
    content.extend_from_slice(salt);
    if !compress(payload, &mut content) {
        content.truncate(SALT);
        content.extend_from_slice(payload);
    }
    content
}

/// Puts the payload behind what is there, in its second form; whether that takes less room. If not, what is put there is of no use.
fn compress(payload: &[u8], content: &mut Vec<u8>) -> bool {
    let length = u32::try_from(payload.len()).ok().filter(|_| (WORTH..=LONGEST).contains(&payload.len()));
    let Some(length) = length else { return false };
    content.push(COMPRESSED);
    content.extend_from_slice(&length.to_le_bytes());
    let start = content.len();
    content.resize(start + get_maximum_output_size(payload.len()), 0);
    let room = content.get_mut(start..).unwrap_or_default();
    let written = compress_into_with_dict(payload, room, DICTIONARY).unwrap_or(payload.len());
    content.truncate(start + written);
    HEAD + written < payload.len()
}

/// Salt and payload of a content.
///
/// # Errors
/// When it is damaged. Sealed content was written by a node, so that this says something about the node, not about whoever can
/// write to the database.
pub(crate) fn unpacked(mut content: Vec<u8>) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    let damaged = || StoreError::damaged("the content of a journal entry");
    if content.len() < SALT {
        return Err(damaged());
    }
    let payload = content.split_off(SALT);
    let Some((&COMPRESSED, compressed)) = payload.split_first() else { return Ok((content, payload)) };
    let (length, block) = compressed.split_first_chunk().ok_or_else(damaged)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| damaged())?;
    if length > LONGEST {
        return Err(damaged());
    }
    let payload = decompress_with_dict(block, length, DICTIONARY).map_err(|_| damaged())?;
    if payload.len() != length {
        return Err(damaged());
    }
    Ok((content, payload))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const PERMIT: &str = r#"{"kind":"permit","transaction_id":"01890a5d-ac96-774b-bcce-b302099a8057","direction":"incoming","consumer":"oin:00000099000000010000"}"#;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(length in 0_usize..6000, seed: [u8; 32], text in prop::bool::ANY) {
            let random = |place: usize| seed[place % 32].wrapping_mul(u8::try_from(place / 32 % 251).unwrap_or(1)) ^ seed[place / 7 % 32];
            let middle: Vec<u8> = match text {
                true => PERMIT.bytes().cycle().take(length).collect(),
                false => (0..length).map(random).collect(),
            };
            let payload = [b"{", middle.as_slice(), b"}"].concat();
            let unpacked = unpacked(packed(&seed, &payload)).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(unpacked, (seed.to_vec(), payload));
        }

        #[test]
        fn whatever_lies_there_is_unpacked_or_damaged(content: Vec<u8>, compressed: bool) {
            let mut content = [&[7; SALT], content.as_slice()].concat();
            if compressed {
                content.insert(SALT, COMPRESSED);
            }
            let _ = unpacked(content);
        }
    }

    #[test]
    fn a_long_payload_takes_less_room_and_a_short_one_is_left_as_it_is() -> Outcome {
        let payload = PERMIT.repeat(20);
        assert!(packed(&[7; SALT], payload.as_bytes()).len() < payload.len() / 5);
        assert_eq!(packed(&[7; SALT], PERMIT.as_bytes()), [&[7; SALT], PERMIT.as_bytes()].concat());
        Ok(())
    }

    /// From a length on the packer keeps its places in wider numbers: with the dictionary before it, at 64 KiB.
    #[test]
    fn payloads_of_all_lengths_that_matter_are_packed_and_unpacked() -> Outcome {
        let border = usize::from(u16::MAX) - DICTIONARY.len();
        let longest = 5 * border;
        let text: Vec<u8> = PERMIT.bytes().cycle().take(longest).collect();
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        });
        let mut noise: Vec<u8> = noise.take(longest).collect();
        noise[0] = b'{';
        for length in [1, WORTH - 1, WORTH, WORTH + 1, border - 1, border, border + 1, longest] {
            for all in [&text, &noise] {
                let payload = &all[..length];
                let packed = packed(&[7; SALT], payload);
                assert!(packed.len() <= SALT + length && packed.capacity() - packed.len() >= TAG, "{length}");
                assert_eq!(packed[SALT] == COMPRESSED, length >= WORTH && all == &text, "{length}");
                assert_eq!(unpacked(packed)?, (vec![7; SALT], payload.to_vec()), "{length}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_length_that_no_entry_has_is_damage() {
        for length in [u32::MAX, 5] {
            let content = [&[7; SALT][..], &[COMPRESSED], &length.to_le_bytes(), b"\x10{"].concat();
            assert!(unpacked(content).is_err());
        }
        assert!(unpacked(vec![7; SALT - 1]).is_err());
    }
}
