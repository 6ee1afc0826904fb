//! Opaque places in listings, and the pages that they lead to.

use crate::{Page, SortOrder, StoreError};

/// Longest cursor that is looked at, in characters.
const LONGEST: usize = 2048;

/// Which listing a cursor belongs to; one of another listing is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    Records = 1,
    Journal = 2,
    Contracts = 3,
    Peers = 4,
    Decisions = 5,
    Exchanges = 6,
    Processing = 7,
    AllExchanges = 8,
    FoundDecisions = 9,
}

/// The sort key of the last item on a page: a number and, among equals, bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) number: i64,
    pub(crate) key: Vec<u8>,
}

impl Cursor {
    pub(crate) fn new(number: i64, key: &[u8]) -> Self {
        Self { number, key: key.to_vec() }
    }

    pub(crate) fn write(&self, listing: Listing) -> String {
        let mut bytes = vec![listing as u8];
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.key);
        to_hexadecimal(&bytes)
    }

    pub(crate) fn read(text: Option<&str>, listing: Listing) -> Result<Option<Self>, StoreError> {
        let Some(text) = text else { return Ok(None) };
        Self::parse(text, listing).map(Some).ok_or(StoreError::BadCursor)
    }

    fn parse(text: &str, listing: Listing) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = from_hexadecimal(text)?;
        let (kind, rest) = bytes.split_first()?;
        let (number, key) = rest.split_first_chunk::<8>()?;
        (*kind == listing as u8).then(|| Self { number: i64::from_be_bytes(*number), key: key.to_vec() })
    }

    /// The key of a listing that is sorted by text.
    pub(crate) fn text(&self) -> Result<String, StoreError> {
        let text = String::from_utf8(self.key.clone()).map_err(|_| StoreError::BadCursor)?;
        if text.contains('\0') { Err(StoreError::BadCursor) } else { Ok(text) }
    }
}

/// The number of items on a page: what was asked for, within 1 and 1000.
pub(crate) fn clamp(limit: i64) -> i64 {
    limit.clamp(1, 1000)
}

/// Makes a page of rows of which one more than `limit` was asked for, to know whether there are more.
pub(crate) fn page<T>(
    mut items: Vec<T>,
    limit: i64,
    listing: Listing,
    place: impl Fn(&T) -> Cursor,
) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(|item| place(item).write(listing)) } else { None };
    Page { items, next }
}

impl SortOrder {
    /// `<` or `>`: on which side of the cursor the next page lies.
    pub(crate) const fn beyond(self) -> &'static str {
        match self {
            Self::Ascending => " > ",
            Self::Descending => " < ",
        }
    }

    /// The order as a word of SQL.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ascending => " ASC",
            Self::Descending => " DESC",
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn to_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal of either case.
pub(crate) fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs
        .iter()
        .map(|[high, low]| {
            let high = char::from(*high).to_digit(16)?;
            let low = char::from(*low).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back_as_written(number: i64, key: Vec<u8>) {
            prop_assume!(key.len() < 1000);
            let cursor = Cursor::new(number, &key);
            let text = cursor.write(Listing::Peers);
            prop_assert_eq!(Cursor::parse(&text, Listing::Peers), Some(cursor));
            prop_assert_eq!(Cursor::parse(&text, Listing::Records), None);
        }

        #[test]
        fn no_text_makes_reading_a_cursor_panic(text: String) {
            let _ = Cursor::read(Some(&text), Listing::Records);
        }
    }

    #[test]
    fn a_malformed_cursor_is_told() {
        for text in ["", "0", "zz", "01", "+1+1+1+1+1+1+1+1+1+1", "\u{e9}1"] {
            assert!(
                matches!(Cursor::read(Some(text), Listing::Records), Err(StoreError::BadCursor)),
                "{text}"
            );
        }
    }
}
