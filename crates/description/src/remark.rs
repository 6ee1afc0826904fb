//! What the reader of a draft should know: what was left out, what was guessed. Never a value of a sample.

use verbond_domain::Bilingual;

/// Most remarks that are kept; a document that needs more is told of the first.
const MOST: usize = 200;

/// What is remarked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemarkKind {
    /// A schema that holds itself.
    Recursive,
    /// Members whose names are not said beforehand.
    AnyMember,
    /// A schema, or a sample, that does not say what stands there.
    Untyped,
    /// Values of several kinds at one place.
    SeveralKinds,
    /// Names of members that may be data themselves.
    NamesLikeValues,
    /// Deeper, or with a longer name, than a path can be.
    TooDeep,
    /// An operation without an answer that is described.
    NoAnswer,
    /// An answer or body that is not JSON.
    NotJson,
    /// A method that a description does not have.
    Method,
    /// A path that no template can say.
    Path,
    /// A parameter in a header or cookie.
    Parameter,
    /// Where one record stands.
    Record,
}

/// One of them, with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// What.
    pub kind: RemarkKind,
    /// Where: an operation, and within it a path.
    pub place: String,
}

impl Remark {
    /// As a sentence.
    pub fn sentence(&self) -> Bilingual {
        let (nl, en) = match self.kind {
            RemarkKind::Recursive => (
                "dit schema bevat zichzelf; het staat er als `subtree`",
                "the schema holds itself; it stands as `subtree`",
            ),
            RemarkKind::AnyMember => (
                "de namen van de velden liggen hier niet vast; wat niet genoemd is, kan niet worden afgesproken",
                "names of members are not fixed here; what is not named cannot be agreed on",
            ),
            RemarkKind::Untyped => ("wat hier staat is niet gezegd", "what stands here is not said"),
            RemarkKind::SeveralKinds => (
                "hier staan waarden van verschillende soort; het type is nog te beslissen",
                "values of several kinds stand here; the type is to be decided",
            ),
            RemarkKind::NamesLikeValues => (
                "de namen van velden lijken hier zelf gegevens; ze staan niet in het ontwerp",
                "the names of members look like data here; they do not stand in the draft",
            ),
            RemarkKind::TooDeep => (
                "dieper of langer dan een pad kan zijn; weggelaten",
                "deeper or longer than a path can be; left out",
            ),
            RemarkKind::NoAnswer => {
                ("geen antwoord beschreven; weggelaten", "no answer is described; left out")
            }
            RemarkKind::NotJson => (
                "geen JSON; er zijn geen elementen in aan te wijzen",
                "not JSON; no elements can be named in it",
            ),
            RemarkKind::Method => (
                "deze methode heeft een beschrijving niet; weggelaten",
                "a description does not have this method; left out",
            ),
            RemarkKind::Path => (
                "dit pad past niet in een sjabloon; weggelaten",
                "this path does not fit a template; left out",
            ),
            RemarkKind::Parameter => (
                "een parameter in een header of cookie; weggelaten",
                "a parameter in a header or cookie; left out",
            ),
            RemarkKind::Record => {
                ("dit is als één record genomen; klopt dat?", "taken as one record; is it?")
            }
        };
        Bilingual::new(format!("{}: {nl}", self.place), format!("{}: {en}", self.place))
    }
}

/// Collects remarks, each once.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    found: std::collections::BTreeSet<Remark>,
}

impl Remarks {
    pub(crate) fn add(&mut self, kind: RemarkKind, place: impl Into<String>) {
        if self.found.len() < MOST {
            self.found.insert(Remark { kind, place: place.into() });
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Remark> {
        self.found.into_iter().collect()
    }
}
