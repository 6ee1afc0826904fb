//! One line of an evidence file: bytes in, one of the known types out.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use crate::merkle::Hash;

/// Name and version of the format.
const FORMAT: &str = "verbond-evidence/1";
/// Most hashes of a proof: no tree of 64-bit sizes needs more.
const LONGEST_PROOF: usize = 128;

/// Text that is borrowed from the line where it holds no escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// 32 bytes in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes32(pub(crate) Hash);

impl<'de> Deserialize<'de> for Bytes32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Bytes32;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("32 bytes in base64url")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Bytes32, E> {
                let mut bytes = [0; 32];
                let fits = text.len() == 43 && URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(32);
                if fits { Ok(Bytes32(bytes)) } else { Err(E::custom("not 32 bytes in base64url")) }
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// A UUID in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) u128);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Id;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a UUID in lower case with hyphens")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
                let lower = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
                let parsed = uuid::Uuid::try_parse(text).ok().filter(|_| lower);
                parsed.map(|id| Id(id.as_u128())).ok_or_else(|| E::custom("not a UUID"))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Permit,
    Refusal,
    Processing,
    Completion,
    Witness,
    Act,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Permit, Self::Refusal, Self::Processing, Self::Completion, Self::Witness, Self::Act];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Refusal => "refusal",
            Self::Processing => "processing",
            Self::Completion => "completion",
            Self::Witness => "witness",
            Self::Act => "act",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    Journal,
    Exchange,
}

/// From the first moment until before the second, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Period {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// A JWS with the certificates that belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signed {
    pub(crate) statement: String,
    pub(crate) chain: Vec<String>,
}

impl Signed {
    /// As [`certificates`].
    pub(crate) fn certificates(&self) -> Option<Vec<Vec<u8>>> {
        certificates(&self.chain)
    }
}

/// The certificates, leaf first: nothing if there are too many or the first cannot be read. Of the others, which only help to find
/// the way, those that can be.
pub(crate) fn certificates(chain: &[String]) -> Option<Vec<Vec<u8>>> {
    (chain.len() <= crate::certificate::LONGEST_CHAIN).then_some(())?;
    let mut decoded = chain.iter().map(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let leaf = decoded.next()??;
    Some(std::iter::once(leaf).chain(decoded.flatten()).collect())
}

#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) participant: String,
    pub(crate) scope: Scope,
    pub(crate) size: u64,
    pub(crate) period: Option<Period>,
    /// To whom it was handed over, where that is the other party of the exchange.
    pub(crate) receiver: Option<String>,
}

#[derive(Debug)]
pub(crate) struct EntryLine<'a> {
    pub(crate) index: u64,
    pub(crate) id: Id,
    pub(crate) at: i64,
    pub(crate) kind: Kind,
    pub(crate) commitment: Hash,
    pub(crate) leaf: Hash,
    pub(crate) payload: Option<(Hash, Cow<'a, str>)>,
    pub(crate) withheld: bool,
}

#[derive(Debug)]
pub(crate) struct AgreementLine {
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) hash: String,
    pub(crate) document: String,
    pub(crate) statements: Vec<Signed>,
}

/// A line of a known type with its own members and no others.
#[derive(Debug)]
pub(crate) enum Line<'a> {
    Evidence(Header),
    Checkpoint { note: String, at: i64 },
    Entry(EntryLine<'a>),
    Inclusion { index: u64, hashes: Vec<Hash> },
    Consistency { from: u64, to: u64, hashes: Vec<Hash> },
    Agreement(Box<AgreementLine>),
    Certificate(Vec<u8>),
    RevocationList(Vec<u8>),
    Told { index: u64, signed: Signed },
    NotGiven,
    End { lines: u64 },
}

/// All members of all types: the type is not known before the line has been read, and lines are read once.
#[derive(Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(rename = "type", borrow)]
    kind_of_line: Option<Text<'a>>,
    #[serde(borrow)]
    format: Option<Text<'a>>,
    #[serde(borrow)]
    participant: Option<Text<'a>>,
    made_at: Option<i64>,
    scope: Option<Scope>,
    size: Option<u64>,
    period: Option<Period>,
    #[serde(borrow)]
    transaction_id: Option<Text<'a>>,
    #[serde(borrow)]
    note: Option<Text<'a>>,
    at: Option<i64>,
    index: Option<u64>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    kind: Option<Kind>,
    commitment: Option<Bytes32>,
    leaf: Option<Bytes32>,
    salt: Option<Bytes32>,
    #[serde(borrow)]
    payload: Option<Text<'a>>,
    withheld: Option<bool>,
    hashes: Option<Vec<Bytes32>>,
    from: Option<u64>,
    to: Option<u64>,
    #[serde(borrow)]
    hash: Option<Text<'a>>,
    version: Option<u64>,
    #[serde(borrow)]
    document: Option<Text<'a>>,
    statements: Option<Vec<Signed>>,
    #[serde(borrow)]
    der: Option<Text<'a>>,
    #[serde(rename = "for", borrow)]
    receiver: Option<Text<'a>>,
    #[serde(borrow)]
    statement: Option<Text<'a>>,
    chain: Option<Vec<String>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
    lines: Option<u64>,
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.0.into_owned())
}

/// Reads a line, without its end; `None` for what is none of the format.
pub(crate) fn parse(bytes: &[u8]) -> Option<Line<'_>> {
    // An array would be taken for the members in their order.
    (bytes.trim_ascii_start().first() == Some(&b'{')).then_some(())?;
    let mut members: Members<'_> = serde_json::from_slice(bytes).ok()?;
    let kind = members.kind_of_line.take()?;
    let line = match &*kind.0 {
        "entry" => Line::Entry(entry(&mut members)?),
        "inclusion" => Line::Inclusion { index: members.index.take()?, hashes: hashes(&mut members)? },
        "consistency" => Line::Consistency {
            from: members.from.take()?,
            to: members.to.take()?,
            hashes: hashes(&mut members)?,
        },
        "checkpoint" => Line::Checkpoint { note: owned(members.note.take())?, at: members.at.take()? },
        "evidence" => Line::Evidence(header(&mut members)?),
        "agreement" => Line::Agreement(Box::new(AgreementLine {
            id: owned(members.id.take())?,
            version: members.version.take()?,
            hash: owned(members.hash.take())?,
            document: owned(members.document.take())?,
            statements: members.statements.take()?,
        })),
        "certificate" => {
            let der = members.der.take()?;
            Line::Certificate(URL_SAFE_NO_PAD.decode(&*der.0).ok()?)
        }
        "revocation_list" => {
            let der = members.der.take()?;
            Line::RevocationList(URL_SAFE_NO_PAD.decode(&*der.0).ok()?)
        }
        "told" => Line::Told {
            index: members.index.take()?,
            signed: Signed { statement: owned(members.statement.take())?, chain: members.chain.take()? },
        },
        "not_given" => {
            // For people: no rule judges why.
            members.code.take()?;
            members.at.take()?;
            crate::note::is_participant(&members.participant.take()?.0).then_some(Line::NotGiven)?
        }
        "end" => Line::End { lines: members.lines.take()? },
        _ => return None,
    };
    // What was not taken belongs to another type.
    (members == Members::default()).then_some(line)
}

fn entry<'a>(members: &mut Members<'a>) -> Option<EntryLine<'a>> {
    let id = members.id.take()?;
    let id =
        Id::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&id.0)).ok()?;
    let payload = match (members.salt.take(), members.payload.take()) {
        (Some(salt), Some(payload)) => Some((salt.0, payload.0)),
        (None, None) => None,
        _ => return None,
    };
    let withheld = members.withheld.take().unwrap_or(false);
    (!(withheld && payload.is_some())).then_some(())?;
    Some(EntryLine {
        index: members.index.take()?,
        id,
        at: members.at.take().filter(|at| *at >= 0)?,
        kind: members.kind.take()?,
        commitment: members.commitment.take()?.0,
        leaf: members.leaf.take()?.0,
        payload,
        withheld,
    })
}

fn header(members: &mut Members<'_>) -> Option<Header> {
    (&*members.format.take()?.0 == FORMAT).then_some(())?;
    let scope = members.scope.take()?;
    let period = members.period.take();
    let receiver = owned(members.receiver.take());
    let of_exchange = members.transaction_id.take().is_some();
    let fits = match scope {
        Scope::Journal => !of_exchange && receiver.is_none(),
        Scope::Exchange => {
            // Of a period only the other party is given single entries.
            let of_period = period.is_some() && receiver.is_some();
            let is_one = if of_exchange { period.is_none() } else { of_period };
            is_one && receiver.as_deref().is_none_or(crate::note::is_participant)
        }
    };
    let participant = owned(members.participant.take())?;
    let is_participant = crate::note::is_participant(&participant);
    // For people: no rule judges it.
    members.made_at.take()?;
    let size = members.size.take()?;
    (fits && is_participant).then_some(Header { participant, scope, size, period, receiver })
}

fn hashes(members: &mut Members<'_>) -> Option<Vec<Hash>> {
    let hashes = members.hashes.take()?;
    (hashes.len() <= LONGEST_PROOF).then(|| hashes.into_iter().map(|hash| hash.0).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_the_members_of_its_type_and_no_others() {
        assert!(matches!(parse(br#"{"type":"end","lines":3}"#), Some(Line::End { lines: 3 })));
        for bad in [
            r#"{"type":"end","lines":3,"index":1}"#,
            r#"{"type":"end","lines":3,"more":1}"#,
            r#"{"type":"end","lines":3,"lines":3}"#,
            r#"{"type":"end"}"#,
            r#"{"type":"other","lines":3}"#,
            r#"{"type":"end","lines":-3}"#,
            r#"["end",3]"#,
            "",
        ] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_line_or_none(bytes: Vec<u8>) {
            prop_assert!(parse(&bytes).is_none());
        }
    }
}
