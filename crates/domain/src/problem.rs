//! A precise "no": a stable code, a sentence in Dutch and in English, and what to do next.

use serde::Serialize;

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
}

impl Problem {
    /// A problem with its code, HTTP status, and the sentence that says what is the matter.
    pub fn new(code: &'static str, status: u16, nl: impl Into<String>, en: impl Into<String>) -> Self {
        Self { code, status, detail: Bilingual::new(nl, en), next: Bilingual::new("", "") }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn next(mut self, nl: impl Into<String>, en: impl Into<String>) -> Self {
        self.next = Bilingual::new(nl, en);
        self
    }

    /// The RFC 9457 members, in their own object; faces with an error format of their own add theirs to it.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut members = serde_json::Map::new();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                members.insert(name.to_owned(), value.into());
            }
        };
        put("type", &format!("tag:verbond,2026:problem:{}", self.code));
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
