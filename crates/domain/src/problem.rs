//! A precise "no": a stable code, a sentence in Dutch and in English, and what to do next.

use std::sync::OnceLock;

use serde::Serialize;

use crate::Timestamp;

/// Where this program's refusals are described for others to read. One for the process: a problem is made far from any
/// configuration.
static DESCRIBED_AT: OnceLock<String> = OnceLock::new();

/// Says once, at start, below which address `refusals/CODE` describes each code; problems then have that as their `type`.
pub fn problems_described_at(base: &str) {
    // What was said first stands: a process describes itself at one place.
    let _ = DESCRIBED_AT.set(base.trim_end_matches('/').to_owned());
}

/// The same sentence in Dutch and in English.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Bilingual {
    /// Dutch.
    pub nl: String,
    /// English.
    pub en: String,
}

impl Bilingual {
    /// A sentence in both languages.
    pub fn new(nl: impl Into<String>, en: impl Into<String>) -> Self {
        Self { nl: nl.into(), en: en.into() }
    }
}

/// Why something was refused or failed, told to whoever asked for it.
///
/// Holds only what may leave the node: never a secret, never a personal identifier, never internal state.
/// Serialises as RFC 9457 problem details with the members `code`, `detail_nl`, `next` and `next_nl` added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {}", detail.en)]
pub struct Problem {
    /// Stable code, unique in the product; protocols with codes of their own use those.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What is the matter.
    pub detail: Bilingual,
    /// What the reader can do about it.
    pub next: Bilingual,
    /// After how many seconds asking again can have another outcome, where that is known (RFC 9110 section 10.2.3).
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem with its code, HTTP status, and the sentence that says what is the matter.
    pub fn new(code: &'static str, status: u16, nl: impl Into<String>, en: impl Into<String>) -> Self {
        Self { code, status, detail: Bilingual::new(nl, en), next: Bilingual::new("", ""), retry_after: None }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn next(mut self, nl: impl Into<String>, en: impl Into<String>) -> Self {
        self.next = Bilingual::new(nl, en);
        self
    }

    /// Says after how many seconds asking again can have another outcome.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// As [`Problem::retry_after`], by the moment from which on it can; a second at least, so that nobody asks before it.
    #[must_use]
    pub fn retry_from(self, moment: Timestamp, now: Timestamp) -> Self {
        let seconds = moment.seconds().saturating_sub(now.seconds());
        self.retry_after(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
    }

    /// What the person who asked is told, at inway and outway. It follows from the status alone and says nothing of the
    /// reason: whoever reads it cannot tell *refused* from *unknown*, and must decide on neither.
    pub fn for_user(&self) -> Bilingual {
        match self.status {
            429 => Bilingual::new(
                "Geen antwoord: hierover is vaker gevraagd dan is afgesproken. Probeer het later; besluit hier niet op.",
                "No answer: this has been asked more often than was agreed. Try later; do not decide on this.",
            ),
            500.. => Bilingual::new(
                "Geen antwoord: het lukt nu niet. Probeer het later; besluit hier niet op.",
                "No answer: it does not work now. Try later; do not decide on this.",
            ),
            _ => Bilingual::new(
                "Geen antwoord: besluit hier niet op. Vraag uw beheerder wat er nodig is, en noem het transactienummer.",
                "No answer: do not decide on this. Ask your administrator what it takes, and give the transaction id.",
            ),
        }
    }

    /// The RFC 9457 members, in their own object; faces with an error format of their own add theirs to it.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut members = serde_json::Map::new();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                members.insert(name.to_owned(), value.into());
            }
        };
        put(
            "type",
            &match DESCRIBED_AT.get() {
                Some(base) => format!("{base}/refusals/{}", self.code),
                None => format!("tag:verbond,2026:problem:{}", self.code),
            },
        );
        put("title", self.code);
        put("detail", &self.detail.en);
        put("detail_nl", &self.detail.nl);
        put("next", &self.next.en);
        put("next_nl", &self.next.nl);
        put("code", self.code);
        members.insert("status".to_owned(), self.status.into());
        members
    }
}
