//! I-JSON (RFC 7493) in, canonical JSON (JCS, RFC 8785) out.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Largest document read, in bytes, unless a caller states another bound.
pub const MAXIMUM_BYTES: usize = 1024 * 1024;
/// Deepest nesting of arrays and objects.
pub const MAXIMUM_DEPTH: usize = 32;
/// 2^53 − 1: up to here every integer is exact in a double (RFC 7493 §2.2).
pub const MAXIMUM_INTEGER: i64 = 9_007_199_254_740_991;

/// Why bytes are not acceptable I-JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IJsonError {
    /// Longer than the bound, in bytes.
    #[error("the document is longer than {0} bytes")]
    TooLong(usize),
    /// Nested deeper than [`MAXIMUM_DEPTH`].
    #[error("the document is nested deeper than {MAXIMUM_DEPTH} levels")]
    TooDeep,
    /// A member name occurs twice in one object (RFC 7493 §2.3).
    #[error("a member name occurs twice in one object")]
    DuplicateMember,
    /// A string holds a code point that Unicode keeps from interchange (RFC 7493 §2.1).
    #[error("a string holds a noncharacter")]
    Noncharacter,
    /// Not JSON in UTF-8, or a lone surrogate escape; holds line and column.
    #[error("not JSON in UTF-8 (line {0}, column {1})")]
    Malformed(usize, usize),
    /// A tree that was not made by [`parse`] and holds what I-JSON cannot express.
    #[error("the document has no canonical form")]
    Canonical,
}

/// Parses at most [`MAXIMUM_BYTES`].
pub fn parse(bytes: &[u8]) -> Result<Value, IJsonError> {
    parse_bounded(bytes, MAXIMUM_BYTES)
}

/// Parses at most `maximum_bytes`.
pub fn parse_bounded(bytes: &[u8], maximum_bytes: usize) -> Result<Value, IJsonError> {
    if bytes.len() > maximum_bytes {
        return Err(IJsonError::TooLong(maximum_bytes));
    }
    let refusal = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = Strict { refusal: &refusal, depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    parsed.map_err(|error| {
        refusal.take().unwrap_or_else(|| IJsonError::Malformed(error.line(), error.column()))
    })
}

/// The canonical form (JCS, RFC 8785) of a tree that [`parse`] let through.
pub fn canonicalise(value: &Value) -> Result<String, IJsonError> {
    serde_json_canonicalizer::to_string(value).map_err(|_| IJsonError::Canonical)
}

/// Builds the tree, and leaves in `refusal` why it stopped: serde's own errors carry text only.
#[derive(Clone, Copy)]
struct Strict<'a> {
    refusal: &'a Cell<Option<IJsonError>>,
    depth: usize,
}

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(&self, error: IJsonError) -> E {
        self.refusal.set(Some(error));
        E::custom(error)
    }

    /// The seed for what stands in this array or object.
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= MAXIMUM_DEPTH {
            return Err(self.refuse(IJsonError::TooDeep));
        }
        Ok(Self { refusal: self.refusal, depth: self.depth + 1 })
    }

    fn text<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        let noncharacter = |character: char| {
            let code = u32::from(character);
            (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
        };
        if text.chars().any(noncharacter) {
            return Err(self.refuse(IJsonError::Noncharacter));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("I-JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    // Every number is the double nearest to it (RFC 8785 §3.2.2.3), whatever its notation: so reads whoever takes the
    // same hash in a language that has doubles only.
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // `1.0` and `-0` become the integers that their canonical forms say, so that a tree read back is the same;
        // within the bound the cast is exact.
        if value.fract() == 0.0 && value.abs() <= MAXIMUM_INTEGER as f64 {
            return Ok((value as i64).into());
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number that JSON has"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.text(value)?;
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        let inner = self.inner::<A::Error>()?;
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let inner = self.inner::<A::Error>()?;
        while let Some(name) = members.next_key::<String>()? {
            self.text::<A::Error>(&name)?;
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(self.refuse(IJsonError::DuplicateMember));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(text: &str) -> Result<String, IJsonError> {
        canonicalise(&parse(text.as_bytes())?)
    }

    #[test]
    fn duplicate_members_are_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":[{"c":{"a":1,"a":2}}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(parse(text.as_bytes()), Err(IJsonError::DuplicateMember), "{text}");
        }
    }

    /// RFC 8785 §3.2.2.3; the forms are what `JSON.stringify(JSON.parse(text))` gives.
    #[test]
    fn every_number_is_the_double_nearest_to_it() -> Result<(), IJsonError> {
        for (text, form) in [
            ("9007199254740991", "9007199254740991"),
            ("9007199254740993", "9007199254740992"),
            ("-9007199254740993", "-9007199254740992"),
            ("100000000000000000", "100000000000000000"),
            ("9223372036854775807", "9223372036854776000"),
            ("18446744073709551615", "18446744073709552000"),
            ("18446744073709551617", "18446744073709552000"),
            ("999999999999999999999999999999", "1e+30"),
            ("3.141592653589793238462643383279", "3.141592653589793"),
            ("0.1e-300", "1e-301"),
            ("1e-400", "0"),
        ] {
            assert_eq!(canonical(text)?, form, "{text}");
            assert_eq!(parse(form.as_bytes()), parse(text.as_bytes()), "{text}");
        }
        for text in ["1e400", "-1e400", "NaN", "Infinity", "01", "+1", ".5"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        Ok(())
    }

    #[test]
    fn the_same_number_in_another_notation_is_the_same_tree() -> Result<(), IJsonError> {
        assert_eq!(parse(b"[1.0,-0,-0.0,1e2]")?, json!([1, 0, 0, 100]));
        for text in ["[1e17]", "[1e21]", "[9.223372036854776e18]", "[-1e19]"] {
            let tree = parse(text.as_bytes())?;
            assert_eq!(parse(canonicalise(&tree)?.as_bytes())?, tree, "{text}");
        }
        Ok(())
    }

    #[test]
    fn lone_surrogates_and_noncharacters_are_refused() {
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#"{"\udead":1}"#] {
            assert!(matches!(parse(text.as_bytes()), Err(IJsonError::Malformed(..))), "{text}");
        }
        for text in [r#""\uffff""#, r#""\ufdd0""#, "\"\u{1fffe}\"", r#"{"\uffff":1}"#] {
            assert_eq!(parse(text.as_bytes()), Err(IJsonError::Noncharacter), "{text}");
        }
        assert!(parse(br#""\ud83d\ude00""#).is_ok());
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(MAXIMUM_DEPTH).as_bytes()).is_ok());
        assert_eq!(parse(nested(MAXIMUM_DEPTH + 1).as_bytes()), Err(IJsonError::TooDeep));
        let object_inside = format!("{}{{}}{}", "[".repeat(MAXIMUM_DEPTH), "]".repeat(MAXIMUM_DEPTH));
        assert_eq!(parse(object_inside.as_bytes()), Err(IJsonError::TooDeep));
        assert_eq!(parse(nested(100_000).as_bytes()), Err(IJsonError::TooDeep));
        assert_eq!(parse_bounded(b"[1]", 2), Err(IJsonError::TooLong(2)));
    }

    #[test]
    fn what_follows_the_document_is_refused() {
        for text in ["{} {}", "1 2", "", "\u{feff}{}", "[1,]", "{\"a\":1,}", "// x\n1", "'a'"] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    /// RFC 8785 §3.2.3: sorting by UTF-16 code units, not by code points or UTF-8 bytes.
    #[test]
    fn members_are_sorted_by_utf_16_code_units() -> Result<(), IJsonError> {
        let sorted = canonical(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
                "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )?;
        assert_eq!(
            sorted,
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        );
        Ok(())
    }

    /// RFC 8785 §3.2.2, figures 1 and 2.
    #[test]
    fn strings_and_literals_take_the_form_of_ecmascript() -> Result<(), IJsonError> {
        let text = canonical(
            r#"{"numbers":[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null, true, false]}"#,
        )?;
        assert_eq!(
            text,
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        Ok(())
    }

    /// RFC 8785 appendix B: bits of a double and its form.
    #[test]
    fn numbers_take_the_form_of_ecmascript() -> Result<(), IJsonError> {
        for (bits, form) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(canonicalise(&json!(f64::from_bits(bits)))?, form);
        }
        Ok(())
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-MAXIMUM_INTEGER..=MAXIMUM_INTEGER).prop_map(Value::from),
            (-1e15_f64..1e15).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            if let Ok(tree) = parse(&bytes) {
                prop_assert!(canonicalise(&tree).is_ok());
            }
        }

        #[test]
        fn no_text_of_json_characters_makes_the_parser_panic(text in r#"[\[\]{}:,"0-9eE+\-.\\untfalsrd ]{0,64}"#) {
            if let Ok(tree) = parse(text.as_bytes()) {
                prop_assert!(canonicalise(&tree).is_ok());
            }
        }

        #[test]
        fn the_canonical_form_is_read_back_as_the_same_tree(tree in tree()) {
            // A generated tree may hold noncharacters or 1.0; what the parser lets through it must keep.
            let text = canonicalise(&tree).map_err(|error| TestCaseError::fail(error.to_string()))?;
            if let Ok(read) = parse(text.as_bytes()) {
                prop_assert_eq!(canonicalise(&read), Ok(text.clone()));
                prop_assert_eq!(parse(text.as_bytes()), Ok(read));
            }
        }
    }
}
