//! The request line under an agreement: any path and query is decided on, and what is permitted has one reading.
//!
//! The fuzz target calls it, and a test of the policy crate replays the corpus through it.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use verbond_agreement::{Agreement, LifeCycle, PartySignature, SignatureMark};
use verbond_domain::Timestamp;
use verbond_policy::{Call, Claims, Context, DecisionRequest, Leases, PolicySnapshot, Subject};

/// 2026-12-08T12:00:00Z, within the example's term and window.
const NOON: i64 = 1_796_731_200;

static IN_FORCE: LazyLock<PolicySnapshot> = LazyLock::new(|| {
    let document = include_bytes!("../../crates/agreement/tests/pensioners.json");
    let agreement = Agreement::parse(document).expect("the example is an agreement");
    let parties = agreement.parties.iter().map(|party| party.participant.clone());
    let (from, until) = (agreement.term.from.timestamp(), agreement.term.until.timestamp());
    let mut life = LifeCycle::draft(parties, from, until).offer().expect("a draft");
    let signature = PartySignature { mark: SignatureMark::Signed, at: Timestamp::from_millis(0) };
    for party in &agreement.parties {
        life = life.sign(&party.participant, signature).expect("an offer");
    }
    let (snapshot, failed) = PolicySnapshot::build([(Arc::new(agreement), life)]);
    assert!(failed.is_empty(), "the example compiles");
    snapshot
});

/// The bytes are the target of a request: a path, and behind the first question mark a query.
pub fn request(bytes: &[u8]) {
    let Ok(target) = std::str::from_utf8(bytes) else { return };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let request = DecisionRequest {
        subject: Subject {
            participant: "oin:00000099000000020000".parse().expect("an identifier"),
            application: Some("outreach".parse().expect("a name")),
        },
        call: Call { method: "GET", path, query },
        resource: serde_json::from_str(r#"{"provider":"oin:00000099000000030000","name":"incomes"}"#)
            .expect("a service"),
        context: Context {
            now: Timestamp::from_seconds(NOON),
            agreement: None,
            purpose: "supplement-outreach".parse().expect("a name"),
            activity: Some("supplement-outreach".parse().expect("a name")),
            algorithm: None,
            on_behalf_of: None,
            claims: Claims::default(),
            elements: BTreeSet::new(),
        },
    };
    let decision = IN_FORCE.decide(&request, |_| Leases { volume: true, per_person: true });
    if decision.is_permit() {
        assert!(path.starts_with('/') && !path.contains("//") && !path.contains('\\'), "{target:?}");
        assert!(path.split('/').all(|segment| !matches!(segment, "." | "..")), "{target:?}");
        assert!(!path.to_ascii_lowercase().contains("%2e%2e"), "{target:?}");
        assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
    }
}
