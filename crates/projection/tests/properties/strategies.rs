//! Agreements and documents over few names, so that they meet; documents in many spellings.

use proptest::{prelude::*, sample::Index};
use verbond_projection::{
    Band, Comparison, Constant, Derivation, Element, ElementPath, ElementType, Operator, Rule, ScalarType,
};

use crate::oracle::{Agreement, DAYS, NUMBERS};

/// A document, with its members in order.
#[derive(Clone, Debug)]
pub enum Tree {
    Scalar(&'static str),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(&'static str, Tree)>),
}

const NAMES: [&str; 8] =
    ["a", "b", "number_1", "number_2", "name", "Straße", "it's \"x\"\\\n", "a longer name than sixteen"];

fn path(steps: std::ops::Range<usize>) -> impl Strategy<Value = ElementPath> {
    let name = prop_oneof![4 => 0..2usize, 1 => 2..NAMES.len()];
    let step = prop_oneof![
        2 => Just("[*]".to_owned()),
        3 => name.prop_map(|name| format!("[{}]", serde_json::Value::from(NAMES[name]))),
    ];
    prop::collection::vec(step, steps).prop_map(|steps| format!("${}", steps.concat()).parse().unwrap())
}

fn element_type() -> impl Strategy<Value = ElementType> {
    use ScalarType::*;
    let scalar = prop::sample::select(vec![String, Integer, Integer, Number, Boolean]);
    prop_oneof![
        4 => (scalar, any::<bool>()).prop_map(|(scalar, nullable)| ElementType::Scalar { scalar, nullable }),
        1 => Just(ElementType::Subtree),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Operator::*;
    let constant = prop_oneof![
        3 => prop::sample::select(NUMBERS.to_vec()).prop_map(|text| Constant::Number(text.parse().unwrap())),
        1 => prop::sample::select(vec!["", "x", "P-1"]).prop_map(|text| Constant::Text(text.into())),
        1 => prop::sample::select(DAYS.to_vec()).prop_map(|day| Constant::Day(day.into())),
    ];
    (constant, prop::sample::select(vec![Below, AtMost, Equal, NotEqual, AtLeast, Above])).prop_map(
        |(constant, operator)| {
            let same_only = matches!(constant, Constant::Text(_)) && !matches!(operator, Equal | NotEqual);
            Comparison { operator: if same_only { Equal } else { operator }, constant }
        },
    )
}

fn bands() -> impl Strategy<Value = Vec<Band>> {
    prop::sample::subsequence(NUMBERS.to_vec(), 1..4).prop_map(|ends| {
        let band = |number: usize, below: Option<&str>| Band {
            name: format!("band-{number}").into(),
            below: below.map(|below| below.parse().unwrap()),
        };
        let last = band(ends.len(), None);
        ends.into_iter().enumerate().map(|(number, below)| band(number, Some(below))).chain([last]).collect()
    })
}

/// A derived element: the object in which it stands, and how its source is reached from there.
fn derived() -> impl Strategy<Value = Element> {
    let members = |length| prop::collection::vec(prop_oneof![4 => 0..2usize, 1 => 2..NAMES.len()], length);
    let spelled = |names: Vec<usize>| -> String {
        names.into_iter().map(|name| format!("[{}]", serde_json::Value::from(NAMES[name]))).collect()
    };
    let one = (
        members(1..3),
        prop_oneof![
            2 => Just(Rule::Exists),
            4 => comparison().prop_map(Rule::Compare),
            2 => bands().prop_map(Rule::Band),
        ],
    )
        .prop_map(move |(names, rule)| (spelled(names), rule));
    let many = (members(0..2), members(0..2), prop::option::of(comparison())).prop_map(
        move |(before, after, comparison)| {
            (format!("{}[*]{}", spelled(before), spelled(after)), Rule::Count(comparison))
        },
    );
    (path(0..3), members(1..2), prop_oneof![3 => one, 2 => many], any::<Index>()).prop_map(
        move |(object, name, (below, rule), document)| {
            let document = document.index(8) == 0 && below.starts_with("[*]");
            let (object, name) =
                if document { ("$".to_owned(), String::new()) } else { (object.to_string(), spelled(name)) };
            Element {
                path: format!("{object}{name}").parse().unwrap(),
                element_type: ElementType::Derived(
                    Derivation { from: format!("{object}{below}").parse().unwrap(), rule }.into(),
                ),
            }
        },
    )
}

pub fn agreement() -> impl Strategy<Value = Agreement> {
    let plain = (path(0..4), element_type()).prop_map(|(path, element_type)| Element { path, element_type });
    let element = prop_oneof![3 => plain, 2 => derived()];
    let record = (any::<Index>(), any::<Index>());
    (prop::collection::vec(element, 1..5), record, prop::collection::vec(path(0..3), 0..3)).prop_map(
        |(elements, (which, length), subjects)| {
            let text = which.get(&elements).path.to_string();
            // A record that holds the chosen element, or lies within it.
            let steps = which.get(&elements).path.steps().len();
            let record = (0..=text.len())
                .filter_map(|end| text.get(..end)?.parse::<ElementPath>().ok())
                .filter(|record| which.get(&elements).path.steps().starts_with(record.steps()))
                .find(|record| record.steps().len() == length.index(steps + 1))
                .unwrap();
            Agreement { elements, record, subjects }
        },
    )
}

pub fn tree() -> impl Strategy<Value = Tree> {
    let scalar = prop_oneof![
        4 => prop::sample::select(vec!["null", "true", "false", "0", "-7", "123456", "1.5", "-0.25e2", "2E+3"])
            .prop_map(Tree::Scalar),
        2 => prop::sample::select(vec!["", "x", "P-1", "a \"quoted\" \\ text", "línea\n", "😀", "eight by 8", "1956-02-29", "1959-12-31", "1960-01-01", "1959-02-29"])
            .prop_map(|text| Tree::Text(text.to_owned())),
        1 => "[a-z\u{0}-\u{1f}é\"\\\\]{0,24}".prop_map(Tree::Text),
    ];
    scalar.prop_recursive(5, 48, 5, |inner| {
        let member = (prop_oneof![4 => 0..2usize, 1 => 2..NAMES.len()], inner.clone());
        let object = prop::collection::vec(member, 0..5).prop_map(|members| {
            let mut distinct: Vec<(&'static str, Tree)> = Vec::new();
            for (name, value) in members {
                if distinct.iter().all(|(known, _)| *known != NAMES[name]) {
                    distinct.push((NAMES[name], value));
                }
            }
            Tree::Object(distinct)
        });
        prop_oneof![1 => prop::collection::vec(inner, 0..5).prop_map(Tree::Array), 2 => object]
    })
}

/// Where white space and escapes stand.
#[derive(Clone, Debug)]
pub struct Spelling(Vec<u8>);

impl Arbitrary for Spelling {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        prop_oneof![Just(vec![0]), prop::collection::vec(0u8..8, 1..40)].prop_map(Self).boxed()
    }
}

impl Spelling {
    pub fn write(&self, tree: &Tree) -> String {
        let mut choices = self.0.iter().copied().cycle();
        let mut text = String::new();
        value(tree, &mut choices, &mut text);
        space(&mut choices, &mut text);
        text
    }
}

fn space(choices: &mut impl Iterator<Item = u8>, text: &mut String) {
    match choices.next() {
        Some(5) => text.push(' '),
        Some(6) => text.push_str("\r\n\t"),
        _ => {}
    }
}

fn value(tree: &Tree, choices: &mut impl Iterator<Item = u8>, text: &mut String) {
    space(choices, text);
    match tree {
        Tree::Scalar(scalar) => text.push_str(scalar),
        Tree::Text(string) => quoted(string, choices, text),
        Tree::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                text.push_str(if place > 0 { "," } else { "" });
                value(item, choices, text);
                space(choices, text);
            }
            space(choices, text);
            text.push(']');
        }
        Tree::Object(members) => {
            text.push('{');
            for (place, (name, member)) in members.iter().enumerate() {
                text.push_str(if place > 0 { "," } else { "" });
                space(choices, text);
                quoted(name, choices, text);
                space(choices, text);
                text.push(':');
                value(member, choices, text);
                space(choices, text);
            }
            space(choices, text);
            text.push('}');
        }
    }
}

fn quoted(string: &str, choices: &mut impl Iterator<Item = u8>, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        let escape = choices.next() == Some(7);
        if escape || character < ' ' || matches!(character, '"' | '\\') {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04X}"));
            }
        } else {
            text.push(character);
        }
    }
    text.push('"');
}

#[derive(Clone, Debug)]
pub enum Damage {
    Replace(u8),
    Insert(Vec<u8>),
    Remove,
    Truncate,
}

pub fn damage() -> impl Strategy<Value = Damage> {
    let bytes = prop::sample::select(b"{}[]\",:\\ud80tfn01.eE-+ \n\x00\xc3\x28\xff\xef".to_vec());
    prop_oneof![
        bytes.clone().prop_map(Damage::Replace),
        prop::collection::vec(bytes, 1..3).prop_map(Damage::Insert),
        Just(Damage::Insert(b"\\ud83d\\u0061".to_vec())),
        Just(Damage::Insert("😀".as_bytes().to_vec())),
        Just(Damage::Insert(b"\"a\":1,".to_vec())),
        Just(Damage::Remove),
        Just(Damage::Truncate),
    ]
}

impl Damage {
    pub fn apply(self, bytes: &mut Vec<u8>, place: Index) {
        if bytes.is_empty() {
            return;
        }
        let place = place.index(bytes.len());
        match self {
            Self::Replace(byte) => bytes[place] = byte,
            Self::Insert(more) => drop(bytes.splice(place..place, more)),
            Self::Remove => drop(bytes.remove(place)),
            Self::Truncate => bytes.truncate(place),
        }
    }
}
