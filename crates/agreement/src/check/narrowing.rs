//! What answers about one value tell together: under each clause a little, under several of them nearly the value.

use verbond_domain::ParticipantId;
use verbond_projection::Decimal;

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{ClauseView, clauses},
};
use crate::{Agreement, Comparison, Constant, Day, Derivation, Element, Line, Operator};

/// Fewest words that say why several answers about one value are needed.
const FEWEST_WORDS: usize = 5;

/// A place at which an answer divides what a value may be: right before a constant, or right after it.
#[derive(PartialEq)]
struct Cut {
    at: At,
    after: bool,
}

#[derive(Clone, PartialEq)]
enum At {
    Number(Decimal),
    Text(Line),
    Day(Day),
}

/// What one clause tells one receiver about a value.
struct Told {
    /// The clause, and its agreement if that is another one.
    by: String,
    cuts: Vec<Cut>,
    is_here: bool,
}

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    let mut seen: Vec<(&ParticipantId, &ParticipantId, &Element)> = Vec::new();
    for view in clauses(agreement) {
        for (element, at) in told_about(&view) {
            let provider = &view.clause.service.provider;
            for receiver in &view.clause.receivers {
                let receiver = &receiver.participant;
                let known = seen.iter().any(|(from, to, one)| {
                    *from == provider && *to == receiver && is_same_value(one, element)
                });
                if known {
                    continue;
                }
                seen.push((provider, receiver, element));
                let told = told(agreement, context, (provider, receiver), element);
                if let Some(by) = narrows(&told) {
                    let stated = is_stated(agreement, element);
                    let code = if stated { Code::DerivedNarrowsStated } else { Code::DerivedNarrowsTogether };
                    let source = element.derived.as_ref().map_or("", |derivation| derivation.from().as_str());
                    let filling =
                        [("source", format!("`{source}`").into()), ("others", by.join(", ").into())];
                    findings.add(code, Some(&view.clause.name), &*at, filling);
                }
            }
        }
    }
}

/// Elements that are told from a value by constants, each with where it stands.
fn told_about<'a>(view: &ClauseView<'a>) -> Vec<(&'a Element, String)> {
    let mut all = Vec::new();
    for (operation, at) in view.operations() {
        for (number, element) in operation.delivered.iter().enumerate() {
            if element.derived.as_ref().is_some_and(Derivation::judges_value) {
                all.push((element, format!("{at}/delivered/{number}")));
            }
        }
    }
    all
}

/// By which clauses, here and in the other agreements of this node, the receiver is told about the value by this provider.
fn told(
    agreement: &Agreement,
    context: &CheckContext,
    (provider, receiver): (&ParticipantId, &ParticipantId),
    value: &Element,
) -> Vec<Told> {
    let here = std::iter::once((agreement, true));
    let elsewhere = context.others.iter().filter(|one| one.id != agreement.id).map(|one| (one, false));
    let mut all = Vec::new();
    for (one, is_here) in here.chain(elsewhere) {
        for view in clauses(one).filter(|view| is_here || view.ends() > context.now) {
            let clause = view.clause;
            let receives = clause.receivers.iter().any(|one| one.participant == *receiver);
            if clause.service.provider != *provider || !receives {
                continue;
            }
            let elements = told_about(&view).into_iter().map(|(element, _)| element);
            let elements = elements.filter(|element| is_same_value(element, value));
            let mut cuts = Vec::new();
            for cut in elements.filter_map(|element| element.derived.as_ref()).flat_map(cuts_of) {
                add(&mut cuts, cut);
            }
            if !cuts.is_empty() {
                let by =
                    if is_here { clause.name.to_string() } else { format!("{} ({})", clause.name, one.id) };
                all.push(Told { by, cuts, is_here });
            }
        }
    }
    all
}

/// The clauses that together tell more than any one of them, if what stands here adds to it.
fn narrows(told: &[Told]) -> Option<Vec<String>> {
    let union = |is_of: &dyn Fn(&Told) -> bool| {
        let mut all: Vec<&Cut> = Vec::new();
        for cut in told.iter().filter(|one| is_of(one)).flat_map(|one| &one.cuts) {
            if !all.contains(&cut) {
                all.push(cut);
            }
        }
        all
    };
    let all = union(&|_| true);
    let elsewhere = union(&|one| !one.is_here);
    let says_all = told.iter().any(|one| one.cuts.len() == all.len());
    let adds = elsewhere.len() < all.len();
    (!says_all && adds).then(|| told.iter().map(|one| one.by.clone()).collect())
}

/// Whether the document says at one of its answers about the value why they are needed together.
fn is_stated(agreement: &Agreement, value: &Element) -> bool {
    clauses(agreement)
        .flat_map(|view| told_about(&view))
        .any(|(element, _)| is_same_value(element, value) && says_why(element))
}

/// Whether an answer says why several about its value are needed.
pub(super) fn says_why(element: &Element) -> bool {
    element.why_all.as_ref().is_some_and(|why| why.as_str().split_whitespace().count() >= FEWEST_WORDS)
}

/// Whether two answers are about the same data of a source, by what the source calls it.
fn is_same_value(one: &Element, other: &Element) -> bool {
    let called = |element: &Element| {
        element
            .derived
            .as_ref()
            .map(|derivation| super::derived::called(derivation.from().as_str()).to_owned())
    };
    one.category == other.category && called(one) == called(other)
}

fn add(cuts: &mut Vec<Cut>, cut: Cut) {
    if !cuts.contains(&cut) {
        cuts.push(cut);
    }
}

fn cuts_of(derivation: &Derivation) -> Vec<Cut> {
    match derivation {
        Derivation::Band { bands, .. } => {
            let ends = bands.iter().filter_map(|band| band.below.as_ref()?.as_str().parse().ok());
            ends.map(|number| Cut { at: At::Number(number), after: false }).collect()
        }
        _ => derivation.comparison().and_then(compared).unwrap_or_default(),
    }
}

fn compared(comparison: &Comparison) -> Option<Vec<Cut>> {
    let at = match &comparison.constant {
        Constant::Number(number) => At::Number(number.as_str().parse().ok()?),
        Constant::Text(text) => At::Text(text.clone()),
        Constant::Day(day) => At::Day(*day),
    };
    let cut = |after| Cut { at: at.clone(), after };
    Some(match comparison.operator {
        Operator::Below | Operator::AtLeast => vec![cut(false)],
        Operator::AtMost | Operator::Above => vec![cut(true)],
        Operator::Equal | Operator::NotEqual => vec![cut(false), cut(true)],
    })
}
