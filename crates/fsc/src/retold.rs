//! A refusal by another participant's gateway, told on: its code, status and words, bounded, and nothing else that it holds.
//!
//! Under an agreement an answer is projected and a refusal is not, so that a provider could pass anything in the place of an
//! answer by calling it a refusal.

use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    response,
};
use serde_json::{Map, Value};
use verbond_agreement::Moment;
use verbond_domain::{Problem, words_of_another};
use verbond_transport::{Body, full};

use crate::{
    answer,
    protocol::error::{ERROR_CODE_HEADER, ErrorCode, ErrorDomain},
};

/// Members that are words; each goes on without numbers of people.
const WORDS: [&str; 6] = ["detail", "detail_nl", "next", "next_nl", "message", "title"];
/// Most characters of each.
const LONGEST: usize = 500;
/// Most characters of a code.
const LONGEST_CODE: usize = 64;
/// Stands for a moment while words are looked at; taken out of them first.
const MOMENT: char = '\u{e000}';
/// Longest wait that is told on: a year, for which an agreement can limit.
const LONGEST_WAIT: u32 = 366 * 86_400;

/// The refusal as it goes on.
pub(crate) fn refusal(head: &response::Parts, said: &[u8]) -> Response<Body> {
    let status = match head.status.is_client_error() || head.status.is_server_error() {
        true => head.status,
        false => StatusCode::BAD_GATEWAY,
    };
    let said: Map<String, Value> = serde_json::from_slice(said).unwrap_or_default();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(code) = text(ERROR_CODE_HEADER).filter(|code| is_code(code)) else {
        return answer::refusal(ErrorDomain::Outway, &unreadable(status));
    };
    let mut told: Map<String, Value> = WORDS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), words(said.get(*name)?.as_str()?)?.into())))
        .collect();
    let domains = [ErrorDomain::Inway, ErrorDomain::Manager, ErrorDomain::Outway].map(ErrorDomain::as_str);
    if let Some(domain) =
        domains.iter().find(|domain| said.get("domain").is_some_and(|said| said == **domain))
    {
        told.insert("domain".to_owned(), (*domain).into());
    }
    let user = Problem::new("", status.as_u16(), "", "").for_user();
    for (name, value) in [("code", code), ("user", &user.en), ("user_nl", &user.nl)] {
        told.insert(name.to_owned(), value.into());
    }
    told.insert("status".to_owned(), status.as_u16().into());
    let mut response = Response::new(full(Value::Object(told).to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(code) = HeaderValue::from_str(code) {
        headers.insert(ERROR_CODE_HEADER, code);
    }
    if let Some(challenge) = ErrorCode::parse(code).and_then(ErrorCode::challenge) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    let wait = text(RETRY_AFTER.as_str()).and_then(|wait| wait.parse::<u32>().ok());
    if let Some(wait) = wait.filter(|wait| *wait <= LONGEST_WAIT) {
        headers.insert(RETRY_AFTER, wait.into());
    }
    response
}

/// A refusal without a code that is one: nothing of it is told on but that it is one.
fn unreadable(status: StatusCode) -> Problem {
    Problem::new(
        "REFUSED_BY_PROVIDER",
        status.as_u16(),
        "Het knooppunt van de aanbieder weigert deze vraag, met woorden die niet kunnen worden doorgegeven.",
        "The provider's node refuses this request, in words that cannot be passed on.",
    )
    .next(
        "Vraag de aanbieder naar de uitwisseling met dit transactienummer.",
        "Ask the provider about the exchange with this transaction id.",
    )
}

fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= LONGEST_CODE
        && text.bytes().all(plain)
        && text.bytes().filter(u8::is_ascii_digit).count() < 4
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
}

/// Words of another, with the moments in them: until when something lasts is what a refusal is read for.
fn words(text: &str) -> Option<String> {
    let mut moments = Vec::new();
    let text: Vec<String> = text
        .replace(MOMENT, " ")
        .split_whitespace()
        .map(|word| {
            let bare = word.trim_end_matches(['.', ',', ';']);
            match bare.parse::<Moment>() {
                Ok(_) => {
                    moments.push(bare.to_owned());
                    format!("{MOMENT}{}", word.strip_prefix(bare).unwrap_or(""))
                }
                Err(_) => word.to_owned(),
            }
        })
        .collect();
    let shown = words_of_another(&text.join(" "), LONGEST)?;
    let mut moments = moments.into_iter();
    let mut told = String::with_capacity(shown.len());
    for character in shown.chars() {
        match character {
            MOMENT => told.push_str(&moments.next().unwrap_or_default()),
            _ => told.push(character),
        }
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_moments_and_lose_numbers() {
        for (said, told) in [
            (
                "That lasts until 2026-12-01T00:00:00Z. Ask then.",
                "That lasts until 2026-12-01T00:00:00Z. Ask then.",
            ),
            ("Person 999990019 is unknown", "Person \u{2026} is unknown"),
            ("999 990 019", "\u{2026}"),
            ("\u{e000} 2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!(words(said).as_deref(), Some(told));
        }
    }

    #[test]
    fn a_code_is_a_name_and_holds_no_number() {
        for (text, is) in [
            ("PERSON_LIMIT_REACHED", true),
            ("ERROR_CODE_ACCESS_TOKEN_EXPIRED", true),
            ("P999990019", false),
            ("9", false),
            ("", false),
            ("lower", false),
        ] {
            assert_eq!(is_code(text), is, "{text}");
        }
    }
}
