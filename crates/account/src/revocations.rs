//! The certificates whose signatures evidence holds, and the lists that tell whether they were revoked.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use serde_json::{Value, json};
use verbond_application::agreements::Envelope;
use verbond_trust::TrustStore;

/// Most different certificates that lists are looked for.
const MOST_CERTIFICATES: usize = 4096;
/// Longest list that is handed over, in bytes, and most of them: what docs/formats says that a reader uses.
const LONGEST_LIST: usize = 8 * 1024 * 1024;
const MOST_LISTS: usize = 64;

/// Certificates, each once.
#[derive(Debug, Default)]
pub(crate) struct Certificates(BTreeSet<Vec<u8>>);

/// Where chains stand in acts and in what was witnessed.
#[derive(Deserialize)]
struct Chained {
    detail: Option<Value>,
    key: Option<Value>,
}

impl Certificates {
    /// Those by which a journal's key is certified, in an act or in what was witnessed.
    pub(crate) fn take_entry(&mut self, kind: &str, payload: &str) {
        if !matches!(kind, "act" | "witness") || !payload.contains("\"chain\"") {
            return;
        }
        let Ok(Chained { detail, key }) = serde_json::from_str(payload) else { return };
        for signed in [detail, key].into_iter().flatten() {
            let chain = signed.get("chain").and_then(Value::as_array);
            self.take(chain.into_iter().flatten().filter_map(Value::as_str));
        }
    }

    /// Those that signed statements about an agreement.
    pub(crate) fn take_statements(&mut self, statements: &[Envelope]) {
        self.take(statements.iter().flat_map(|statement| &statement.chain).map(String::as_str));
    }

    fn take<'a>(&mut self, encoded: impl Iterator<Item = &'a str>) {
        for der in encoded.filter_map(|text| URL_SAFE_NO_PAD.decode(text).ok()) {
            if self.0.len() < MOST_CERTIFICATES {
                self.0.insert(der);
            }
        }
    }

    /// Lines with the lists at hand that speak of them.
    pub(crate) fn lists(self, trust: &TrustStore) -> Vec<Value> {
        let certificates: Vec<CertificateDer<'_>> = self.0.into_iter().map(CertificateDer::from).collect();
        let lists = trust.lists_about(&certificates);
        let fitting = lists.iter().map(|list| list.der()).filter(|der| der.len() <= LONGEST_LIST);
        let line = |der: &[u8]| json!({ "type": "revocation_list", "der": URL_SAFE_NO_PAD.encode(der) });
        fitting.take(MOST_LISTS).map(line).collect()
    }
}
