//! TOML text into types; what is wrong is said with its place and, for an unknown key, the nearest known one.

use serde::de::DeserializeOwned;
use verbond_domain::Problem;

/// Reads the text into a type. `file` is how messages name it.
pub fn typed<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, Problem> {
    toml::from_str(text).map_err(|error| explain(&error, text, file))
}

/// Reads the text as a bare table, after proving that it also reads as the type.
pub fn table<T: DeserializeOwned>(text: &str, file: &str) -> Result<toml::Table, Problem> {
    typed::<T>(text, file)?;
    typed(text, file)
}

fn explain(error: &toml::de::Error, text: &str, file: &str) -> Problem {
    let place = match error.span() {
        Some(span) => {
            let before = text.get(..span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
            format!("{file}:{line}:{column}")
        }
        None => file.to_owned(),
    };
    let message = error.message();
    let Some((unknown, known)) = unknown_key(message) else {
        return Problem::new(
            "CONFIGURATION_UNREADABLE",
            400,
            format!("{place}: {message}"),
            format!("{place}: {message}"),
        )
        .next(
            "Zie `verbond schema configuration` voor elke sleutel met zijn vorm.",
            "see `verbond schema configuration` for every key and its form",
        );
    };
    let problem = Problem::new(
        "CONFIGURATION_UNKNOWN_KEY",
        400,
        format!("{place}: de sleutel `{unknown}` bestaat hier niet"),
        format!("{place}: there is no key `{unknown}` here"),
    );
    match nearest(unknown, &known) {
        Some(near) => problem.next(format!("Bedoelt u `{near}`?"), format!("did you mean `{near}`?")),
        None => problem.next(
            format!("Hier kan staan: {}.", known.join(", ")),
            format!("what may stand here: {}", known.join(", ")),
        ),
    }
}

/// Takes serde's sentence about an unknown field apart; it quotes names between backticks, the unknown one first.
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    message.strip_prefix("unknown field ")?;
    let mut names = message.split('`').skip(1).step_by(2);
    Some((names.next()?, names.collect()))
}

/// The known word that is most like this one, if any is alike at all.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(word, candidate);
    known
        .iter()
        .copied()
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::{Configuration, Profile};

    fn complaint<T: DeserializeOwned>(text: &str) -> (String, String) {
        let problem = typed::<T>(text, "verbond.toml").err();
        problem.map(|problem| (problem.detail.en, problem.next.en)).unwrap_or_default()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
        let text =
            "profile = 'test'\n[identity]\ncertificate = 'c'\nkey = 'k'\n[manager]\nadress = 'https://a:1'\n";
        let (detail, next) = complaint::<Configuration>(text);
        assert_eq!(detail, "verbond.toml:6:1: there is no key `adress` here");
        assert_eq!(next, "did you mean `address`?");
    }

    #[test]
    fn an_unknown_section_is_refused_too() {
        let (detail, next) = complaint::<Configuration>("profile = 'test'\n[manger]\nlisten = '1'\n");
        assert_eq!(
            (detail.as_str(), next.as_str()),
            ("verbond.toml:2:2: there is no key `manger` here", "did you mean `manager`?")
        );
    }

    #[test]
    fn a_wrong_value_names_its_place() {
        let (detail, _) = complaint::<Profile>("id = 'x'\nports = ['a']\n");
        assert!(detail.starts_with("verbond.toml:2:"), "{detail}");
    }
}
