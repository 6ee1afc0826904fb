//! What of an operation's answers and of its requests may leave, as the projection that sees to it.

use std::collections::BTreeSet;

use verbond_projection::{
    Band, Bounds, Comparison, Constant, Derivation, Element, ElementPath, ElementType, Form, Operator,
    PathError, Projection, ProjectionError, Rule, ScalarType,
};

use crate::{
    Derivation as Agreed, Element as AgreedElement, IdentifierKind, Line, Operation, PersonPlace, SourceType,
};

/// Media types of lines of JSON: none of them is registered, and each is in use.
const LINES: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

impl Operation {
    /// Where answers name people, and by what. Of what the provider's node made of an answer, only where that is delivered, by
    /// itself or with all that stands round it: what does not arrive names nobody here.
    pub fn people_in_answers(&self, projected: Projected) -> impl Iterator<Item = (&Line, IdentifierKind)> {
        let delivered = |path: &Line| {
            self.delivered.iter().filter(|element| element.derived.is_none()).any(|element| {
                let comprises = element.kind == SourceType::Subtree && stands_within(path, &element.path);
                comprises || element.path.as_str() == path.as_str()
            })
        };
        self.people.iter().filter_map(move |person| match &person.at {
            PersonPlace::Response { path } if projected == Projected::Source || delivered(path) => {
                Some((path, person.identifies))
            }
            _ => None,
        })
    }
}

/// Whose document is projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projected {
    /// The source's: derived elements are told from it.
    Source,
    /// What the provider's node made of it: derived elements stand in it, and nothing else that is not agreed may.
    Answer,
}

/// Why an operation's answers cannot be projected. Nothing of them leaves then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A path that is none.
    #[error("`{0}` is not a path: {1}")]
    Path(String, PathError),
    /// A constant of a derived element that is none.
    #[error("`{0}` has a number that cannot be read")]
    Constant(String),
    /// A person is named outside the record, so that it is not known which records are about them.
    #[error("`{0}` names a person and does not stand within the record `{1}`")]
    Person(String, String),
    /// Elements and record do not fit together.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

/// The projection of an operation's answers on what is delivered; of that, only what was asked for by path, if anything
/// was.
///
/// # Errors
/// [`PlanError`].
pub fn projection(
    operation: &Operation,
    asked: &BTreeSet<String>,
    projected: Projected,
) -> Result<Projection, PlanError> {
    let delivered = operation.delivered.iter();
    let delivered = delivered.filter(|one| asked.is_empty() || asked.contains(one.path.as_str()));
    let elements = delivered.map(|one| element(one, projected)).collect::<Result<_, _>>()?;
    let record = path(&operation.record)?;
    let subjects = operation.people_in_answers(projected).map(|(place, _)| {
        let place = path(place)?;
        place.within(&record).ok_or_else(|| PlanError::Person(place.to_string(), record.to_string()))
    });
    let subjects = subjects.collect::<Result<Vec<_>, _>>()?;
    Ok(Projection::new(elements, &record, &subjects, form(&operation.content_type), Bounds::default())?)
}

/// The projection of an operation's request bodies on what was agreed for them; none: it has no body.
///
/// # Errors
/// [`PlanError`].
pub fn request(operation: &Operation) -> Result<Option<Projection>, PlanError> {
    let Some(body) = &operation.request else { return Ok(None) };
    let elements = body.elements.iter().map(|one| element(one, Projected::Answer));
    let elements = elements.collect::<Result<_, _>>()?;
    let form = form(&body.content_type);
    Ok(Some(Projection::new(elements, &ElementPath::root(), &[], form, Bounds::default())?))
}

/// Whether a path is one, and leads to a place within a record.
pub(crate) fn stands_within(place: &Line, record: &Line) -> bool {
    matches!((path(place), path(record)), (Ok(place), Ok(record)) if place.within(&record).is_some())
}

fn form(content_type: &Line) -> Form {
    match LINES.contains(&&*essence(content_type.as_str())) {
        true => Form::Lines,
        false => Form::Document,
    }
}

/// A media type without its parameters, in small letters.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(crate) fn path(text: &Line) -> Result<ElementPath, PlanError> {
    text.as_str().parse().map_err(|error| PlanError::Path(text.to_string(), error))
}

fn element(agreed: &AgreedElement, projected: Projected) -> Result<Element, PlanError> {
    let scalar = |scalar| ElementType::Scalar { scalar, nullable: agreed.nullable };
    let element_type = match (&agreed.derived, projected) {
        (Some(derivation), Projected::Source) => {
            let from = path(derivation.from())?;
            let rule = rule(derivation).ok_or_else(|| PlanError::Constant(agreed.path.to_string()))?;
            ElementType::Derived(Derivation { from, rule }.into())
        }
        (Some(Agreed::Band { bands, .. }), Projected::Answer) => {
            ElementType::Word(bands.iter().map(|band| band.name.as_str().into()).collect())
        }
        _ => match agreed.kind {
            SourceType::String => scalar(ScalarType::String),
            SourceType::Integer => scalar(ScalarType::Integer),
            SourceType::Number => scalar(ScalarType::Number),
            SourceType::Boolean => scalar(ScalarType::Boolean),
            SourceType::Subtree => ElementType::Subtree,
        },
    };
    Ok(Element { path: path(&agreed.path)?, element_type })
}

fn rule(derivation: &Agreed) -> Option<Rule> {
    Some(match derivation {
        Agreed::Exists { .. } => Rule::Exists,
        Agreed::Compare { comparison, .. } => Rule::Compare(compared(comparison)?),
        Agreed::Count { matching, .. } => Rule::Count(match matching {
            Some(comparison) => Some(compared(comparison)?),
            None => None,
        }),
        Agreed::Band { bands, .. } => {
            let bands = bands.iter().map(|band| {
                let below = match &band.below {
                    Some(below) => Some(below.as_str().parse().ok()?),
                    None => None,
                };
                Some(Band { name: band.name.as_str().into(), below })
            });
            Rule::Band(bands.collect::<Option<_>>()?)
        }
    })
}

fn compared(comparison: &crate::Comparison) -> Option<Comparison> {
    let operator = match comparison.operator {
        crate::Operator::Below => Operator::Below,
        crate::Operator::AtMost => Operator::AtMost,
        crate::Operator::Equal => Operator::Equal,
        crate::Operator::NotEqual => Operator::NotEqual,
        crate::Operator::AtLeast => Operator::AtLeast,
        crate::Operator::Above => Operator::Above,
    };
    let constant = match &comparison.constant {
        crate::Constant::Number(number) => Constant::Number(number.as_str().parse().ok()?),
        crate::Constant::Text(text) => Constant::Text(text.as_str().into()),
        crate::Constant::Day(day) => Constant::Day(day.to_string().into()),
    };
    Some(Comparison { operator, constant })
}
