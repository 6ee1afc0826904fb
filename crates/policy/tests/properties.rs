//! Agreements and requests by the thousand, decided here and by a second reading of the document that shares no code with
//! the first: it walks the document's JSON, clause by clause.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "documents are made here; a test that falls over has failed"
)]

#[expect(dead_code, reason = "shared with tests that use all of it")]
mod common;

use std::{cell::Cell, str::FromStr, sync::Arc};

use cedar_policy::{Effect, PolicySet, PrincipalConstraint, ResourceConstraint};
use common::{ALL_HELD, NOON, PENSIONERS, changed, held, question, signed, signed_between, snapshot};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};
use verbond_agreement::{Agreement, LifeCycle};
use verbond_domain::Timestamp;
use verbond_policy::{Call, Claims, CompiledAgreement, DecisionRequest, Leases, Subject, policy_text};

const CONSUMER: &str = "oin:00000099000000020000";
const PROVIDER: &str = "oin:00000099000000030000";
const THIRD: &str = "oin:00000099000000040000";
const DAY: i64 = 86_400;
/// First and last moment of the example's term.
const TERM: (i64, i64) = (1_796_083_200, 1_859_241_600);

/// Choices drawn from bytes, so that a failure shrinks to the first choices.
struct Dice<'bytes>(std::slice::Iter<'bytes, u8>);

impl Dice<'_> {
    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        let roll = usize::from(self.0.next().copied().unwrap_or(0));
        choices[roll % choices.len()].clone()
    }

    /// Seldom true: once in sixteen.
    fn seldom(&mut self) -> bool {
        self.pick(&[1; 15].into_iter().chain([0]).collect::<Vec<_>>()) == 0
    }
}

fn values(dice: &mut Dice<'_>) -> Value {
    dice.pick(&[
        json!({"allow": "identifier", "longest": 4}),
        json!({"allow": "one_of", "values": ["b", "1", "x y"]}),
        json!({"allow": "integer", "minimum": 1, "maximum": 2025}),
        json!({"allow": "text", "longest": 3}),
        json!({"allow": "day"}),
    ])
}

fn operation(dice: &mut Dice<'_>, number: usize) -> Value {
    let path = dice.pick(&["/a/{x}", "/a/b", "/{y}/b", "/a/{x}"]);
    let mut parameters = Vec::new();
    for name in ["x", "y"].into_iter().filter(|name| path.contains(&format!("{{{name}}}"))) {
        parameters.push(json!({"name": name, "place": "path", "required": true, "values": values(dice)}));
    }
    if dice.pick(&[true, false]) {
        let required = dice.pick(&[false, true]);
        parameters.push(json!({"name": "q", "place": "query", "required": required, "values": values(dice)}));
    }
    if dice.seldom() {
        for parameter in &mut parameters {
            parameter["identifies"] = dice.pick(&[json!("national_number"), json!("organisation_number")]);
        }
    }
    let mut delivered = Vec::new();
    for path in ["$.a", "$.b"] {
        if dice.pick(&[true, true, false]) {
            let sensitivity = dice.pick(&["not_personal", "personal", "personal", "special_category"]);
            delivered.push(json!({"path": path, "type": "string", "category": "c", "sensitivity": sensitivity, "meaning": "m"}));
        }
    }
    json!({
        "name": format!("o{number}"), "method": dice.pick(&["GET", "GET", "GET", "POST"]), "path": path,
        "parameters": parameters, "content_type": "application/json", "record": "$", "delivered": delivered,
    })
}

fn side(dice: &mut Dice<'_>, whole: &Value, purpose: &str) -> Value {
    let mut side = whole["clauses"][0]["provider"].clone();
    side["ground"]["ground"]["purposes"] = json!([if dice.seldom() { "other" } else { purpose }]);
    side["activity"]["entry"]["name"] = dice.pick(&["a0", "a0", "a1"]).into();
    if dice.pick(&[true, false]) {
        side["ground"]["ground"]["special_categories"] = json!({"letter": "h"});
    }
    if dice.seldom() {
        side["ground"]["ground"]["valid_until"] = dice.pick(&["2026-12-07", "2026-12-08"]).into();
    }
    for member in ["ground", "activity"] {
        if dice.seldom() {
            side[member] = Value::Null;
        }
    }
    side
}

fn document(dice: &mut Dice<'_>) -> Value {
    let mut whole: Value = serde_json::from_str(PENSIONERS).unwrap();
    let third = json!({"participant": THIRD, "name": "T", "contact": {"name": "t", "address": "t"}});
    whole["parties"].as_array_mut().unwrap().push(third);
    let mut clauses = Vec::new();
    for number in 0..dice.pick(&[1, 2, 3]) {
        let purpose = dice.pick(&["p0", "p0", "p1"]);
        let receivers =
            dice.pick(&[vec![CONSUMER], vec![CONSUMER, THIRD], vec![THIRD, CONSUMER], vec![THIRD]]);
        let receivers =
            receivers.into_iter().map(|who| json!({"participant": who, "side": side(dice, &whole, purpose)}));
        let receivers: Vec<Value> = receivers.collect();
        let mut conditions = json!({"algorithm": {"use": "none"}});
        if dice.pick(&[true, false]) {
            let days = dice.pick(&[json!(["monday", "tuesday"]), json!(["tuesday", "saturday"]), json!([])]);
            let (from, until) = dice.pick(&[(0, 1440), (720, 721), (0, 720), (1320, 360)]);
            conditions["time"] = json!({"days": days, "from_minute": from, "until_minute": until});
        }
        for limit in ["volume", "per_person"] {
            if dice.pick(&[true, false]) {
                conditions[limit] = json!({"most": 1, "per": "day"});
            }
        }
        if dice.pick(&[true, false, false, false]) {
            conditions["assurance"] = json!(dice.pick(&LEVELS));
        }
        if dice.pick(&[true, false, false, false]) {
            conditions["human_in_the_loop"] = json!({"who": "w", "what": "w"});
        }
        if dice.pick(&[true, false, false]) {
            conditions["algorithm"] =
                json!({"use": "these", "names": dice.pick(&[vec!["s"], vec!["s", "t"], vec![]])});
        }
        let operations: Vec<Value> =
            (0..dice.pick(&[1, 2, 3])).map(|number| operation(dice, number)).collect();
        let mut clause = json!({
            "name": format!("c{number}"), "service": {"provider": PROVIDER, "name": dice.pick(&["s0", "s0", "s1"])},
            "provider": side(dice, &whole, purpose), "receivers": receivers, "purpose": purpose,
            "purpose_text": {"nl": "n", "en": "e"}, "operations": operations, "conditions": conditions,
        });
        if dice.seldom() {
            clause["until"] = "2026-12-08T12:00:00Z".into();
        }
        clauses.push(clause);
    }
    whole["clauses"] = clauses.into();
    for name in ["s", "t"] {
        if !dice.seldom() {
            whole["algorithms"].as_array_mut().unwrap().push(
                json!({"party": CONSUMER, "name": name, "url": "u", "register_id": "1", "version": "1", "title": "t"}),
            );
        }
        let until = dice.pick(&["2029-01-01", "2029-01-01", "2026-12-07", "2026-12-08"]);
        let outcome = dice.pick(&["positive", "positive_with_measures", "positive", "negative"]);
        whole["assessments"].as_array_mut().unwrap().push(json!({
            "party": CONSUMER, "entry": {"name": "e", "version": 1}, "assessment": {
                "kind": "iama", "title": "t", "algorithms": [name], "made_by": "m", "made_on": "2026-01-01",
                "outcome": outcome, "summary": "s", "document": format!("sha256:{}", "0".repeat(64)), "valid_until": until,
            },
        }));
    }
    whole
}

const PATHS: [&str; 9] =
    ["/a/b", "/a/b", "/a/1", "/a/2025", "/a/x%20y", "/a/%62", "/c/b", "/a/b/", "/2026-01-31/b"];
const QUERIES: [Option<&str>; 10] = [
    None,
    None,
    Some("q=b"),
    Some("q=1"),
    Some("q=2026-01-31"),
    Some("q=2025"),
    Some("q=b&q=b"),
    Some("z=1"),
    Some(""),
    Some("q=01"),
];

/// What an operation of the document asks for, and then, most often, something else about it.
fn asked(dice: &mut Dice<'_>, whole: &Value) -> (DecisionRequest<'static>, Leases) {
    let mut request = question().unwrap();
    let mut leases = ALL_HELD;
    let clause = dice.pick(whole["clauses"].as_array().unwrap());
    let receiver = dice.pick(clause["receivers"].as_array().unwrap());
    let operation = dice.pick(clause["operations"].as_array().unwrap());
    let mut value = |name: &str| {
        let parameters = operation["parameters"].as_array().unwrap();
        match parameters.iter().find(|one| one["name"] == name).map(|one| one["values"]["allow"].clone()) {
            Some(allow) if allow == "day" => "2026-01-31",
            Some(allow) if allow == "integer" => dice.pick(&["1", "2025"]),
            Some(_) => dice.pick(&["b", "1"]),
            None => "",
        }
    };
    let template = operation["path"].as_str().unwrap();
    let path = template.replace("{x}", value("x")).replace("{y}", value("y"));
    let query = value("q");
    let query = (!query.is_empty()).then(|| format!("q={query}"));
    request.subject = Subject {
        participant: receiver["participant"].as_str().unwrap().parse().unwrap(),
        application: None,
    };
    request.resource.name = clause["service"]["name"].as_str().unwrap().parse().unwrap();
    request.call = Call {
        method: if operation["method"] == "GET" { "GET" } else { "POST" },
        path: PATHS.into_iter().find(|one| *one == path).unwrap_or("/a/b"),
        query: QUERIES.into_iter().find(|one| *one == query.as_deref()).unwrap_or(None),
    };
    request.context.purpose = clause["purpose"].as_str().unwrap().parse().unwrap();
    request.context.activity = None;
    request.context.claims = claims(dice);
    for _ in 0..dice.pick(&[0, 0, 1, 1, 2]) {
        another(dice, &mut request, &mut leases);
    }
    (request, leases)
}

const LEVELS: [&str; 3] = ["low", "substantial", "high"];

/// Mostly claims that suffice.
fn claims(dice: &mut Dice<'_>) -> Claims {
    let level = dice.pick(&["high", "high", "substantial", "low"]).parse().unwrap();
    let human = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    Claims {
        assurance: dice.pick(&[true, true, true, false]).then_some(level),
        human: dice.pick(&[true, true, true, false]).then_some(human),
    }
}

/// Whether the claims are what the clause asks for.
fn claims_suffice(conditions: &Value, claims: Claims) -> bool {
    let place = |level: &str| LEVELS.iter().position(|one| *one == level).unwrap();
    let claimed = claims.assurance.map(|level| place(level.as_str()));
    let level = conditions["assurance"].as_str().map(place);
    level.is_none_or(|level| claimed.is_some_and(|claimed| claimed >= level))
        && (conditions["human_in_the_loop"].is_null() || claims.human.is_some())
}

fn another(dice: &mut Dice<'_>, request: &mut DecisionRequest<'static>, leases: &mut Leases) {
    const AGREEMENTS: [&str; 2] =
        ["01932f5e-7c00-7000-8000-000000000001", "01932f5e-7c00-7000-8000-000000000002"];
    let moments =
        [NOON + DAY, NOON + 4 * DAY, NOON - 1, TERM.0 - 1, TERM.0, TERM.1 - 1, TERM.1, NOON + 7 * DAY];
    let context = &mut request.context;
    match dice.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
        0 => request.subject.participant = dice.pick(&[CONSUMER, THIRD, PROVIDER]).parse().unwrap(),
        1 => request.resource.name = dice.pick(&["s0", "s1"]).parse().unwrap(),
        2 => request.call.method = dice.pick(&["GET", "POST", "HEAD"]),
        3 => request.call.path = dice.pick(&PATHS),
        4 => request.call.query = dice.pick(&QUERIES),
        5 => context.now = Timestamp::from_seconds(dice.pick(&moments)),
        6 => context.purpose = dice.pick(&["p0", "p1", "p2"]).parse().unwrap(),
        7 => context.activity = Some(dice.pick(&["a0", "a0", "a1"]).parse().unwrap()),
        8 => context.algorithm = Some(dice.pick(&["s", "t"]).parse().unwrap()),
        9 => context.on_behalf_of = Some(THIRD.parse().unwrap()),
        10 => {
            for path in dice.pick(&[vec!["$.a"], vec!["$.a", "$.b"], vec!["$.c"]]) {
                context.elements.insert(path.parse().unwrap());
            }
        }
        _ => {
            context.agreement = Some(dice.pick(&AGREEMENTS).parse().unwrap());
            *leases = Leases { volume: dice.pick(&[true, false]), per_person: dice.pick(&[true, false]) };
        }
    }
}

mod second_reading {
    //! Whether a document permits a request, read as a person would.

    use super::*;

    fn allows(values: &Value, value: &str) -> bool {
        let longest = values["longest"].as_u64().unwrap_or(0);
        match values["allow"].as_str().unwrap() {
            "identifier" => {
                value.len() as u64 <= longest
                    && value.chars().all(|one| one.is_ascii_alphanumeric() || "-._".contains(one))
            }
            "one_of" => values["values"].as_array().unwrap().iter().any(|one| one == value),
            "integer" => {
                let within = values["minimum"].as_i64().unwrap()..=values["maximum"].as_i64().unwrap();
                !value.starts_with('0') && value.parse().is_ok_and(|number: i64| within.contains(&number))
            }
            "text" => value.chars().count() as u64 <= longest,
            // No more days than the requests have.
            "day" => value == "2026-01-31",
            other => unreachable!("{other}"),
        }
    }

    /// The requests have no other canonical escape.
    fn plain(text: &str) -> Option<String> {
        let text = text.replace("%20", " ");
        (!text.contains('%')).then_some(text)
    }

    fn parameters_agree(operation: &Value, request: &DecisionRequest<'_>) -> bool {
        let mut given: Vec<(String, String, &str)> = Vec::new();
        let template = operation["path"].as_str().unwrap().split('/');
        for (part, value) in template.zip(request.call.path.split('/')) {
            if let Some(name) = part.strip_prefix('{') {
                given.push((name.trim_end_matches('}').to_owned(), value.to_owned(), "path"));
            }
        }
        if let Some(query) = request.call.query {
            for pair in query.split('&') {
                let Some((name, value)) = pair.split_once('=') else { return false };
                given.push((name.to_owned(), value.to_owned(), "query"));
            }
        }
        let agreed = operation["parameters"].as_array().unwrap();
        let each_agreed = given.iter().all(|(name, value, place)| {
            let same = given.iter().filter(|(other, _, _)| other == name).count();
            let is = |one: &&Value| one["name"] == **name && one["place"] == *place;
            let agreed = agreed.iter().find(is);
            same == 1
                && agreed.is_some_and(|one| plain(value).is_some_and(|value| allows(&one["values"], &value)))
        });
        let present = |name: &Value| given.iter().any(|(given, _, _)| name == given);
        each_agreed && agreed.iter().all(|one| one["required"] != true || present(&one["name"]))
    }

    fn has_method_and_path(operation: &Value, request: &DecisionRequest<'_>) -> bool {
        let template: Vec<&str> = operation["path"].as_str().unwrap().split('/').collect();
        let path: Vec<&str> = request.call.path.split('/').collect();
        let fits = |(part, value): (&&str, &&str)| {
            part == value || (part.starts_with('{') && !value.is_empty() && plain(value).is_some())
        };
        operation["method"] == request.call.method
            && template.len() == path.len()
            && template.iter().zip(&path).all(fits)
    }

    fn day_end(day: &Value) -> i64 {
        match day.as_str().unwrap() {
            "2026-12-07" => NOON - 12 * 3600,
            "2026-12-08" => NOON + 12 * 3600,
            "2029-01-01" => i64::MAX,
            other => unreachable!("{other}"),
        }
    }

    fn sides_suffice(clause: &Value, side: &Value, operation: &Value, now: i64) -> bool {
        let delivered = operation["delivered"].as_array().unwrap();
        let numbers: Vec<&Value> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["identifies"])
            .filter(|one| !one.is_null())
            .collect();
        if numbers.is_empty() && delivered.iter().all(|one| one["sensitivity"] == "not_personal") {
            return true;
        }
        let ground = &side["ground"]["ground"];
        let special = delivered.iter().any(|one| one["sensitivity"] == "special_category");
        let until = &ground["valid_until"];
        !ground.is_null()
            && !side["activity"].is_null()
            && ground["purposes"].as_array().unwrap().contains(&clause["purpose"])
            && (!special || !ground["special_categories"].is_null())
            && (!numbers.iter().any(|one| **one == "national_number") || !ground["national_number"].is_null())
            && (until.is_null() || now < day_end(until))
    }

    fn algorithm_agrees(whole: &Value, clause: &Value, request: &DecisionRequest<'_>) -> bool {
        let agreed = &clause["conditions"]["algorithm"];
        let none = Vec::new();
        let names = agreed["names"].as_array().unwrap_or(&none);
        let stated = request.context.algorithm.as_ref();
        let assessed = |name: &Value| {
            let listed = whole["algorithms"].as_array().unwrap().iter().any(|one| one["name"] == *name);
            listed
                && whole["assessments"].as_array().unwrap().iter().any(|one| {
                    let one = &one["assessment"];
                    one["algorithms"][0] == *name
                        && one["outcome"] != "negative"
                        && request.context.now.seconds() < day_end(&one["valid_until"])
                })
        };
        // Who says that algorithms use it and names none has not said which.
        let assessed = agreed["use"] == "none" || (!names.is_empty() && names.iter().all(assessed));
        stated.is_none_or(|stated| names.iter().any(|name| name == stated.as_str())) && assessed
    }

    /// The operation that permits it, as clause and operation.
    pub fn permits(whole: &Value, request: &DecisionRequest<'_>, in_force: bool, leases: Leases) -> bool {
        let context = &request.context;
        let now = context.now.seconds();
        let named = context.agreement.is_none_or(|id| whole["id"] == id.to_string());
        if !in_force || !(TERM.0..TERM.1).contains(&now) || context.on_behalf_of.is_some() || !named {
            return false;
        }
        whole["clauses"].as_array().unwrap().iter().any(|clause| {
            let receiver = clause["receivers"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["participant"] == request.subject.participant.to_string());
            let Some(receiver) = receiver else { return false };
            let operations = clause["operations"].as_array().unwrap().iter();
            let fitting: Vec<_> = operations.filter(|one| has_method_and_path(one, request)).collect();
            // Where two have method and path, those with the earlier literal segments are meant; of these the first that fits.
            let shape = |one: &&Value| -> Vec<bool> {
                one["path"].as_str().unwrap().split('/').map(|part| part.starts_with('{')).collect()
            };
            let meant = fitting.iter().map(shape).min();
            let mut meant = fitting.iter().filter(|one| Some(shape(one)) == meant);
            let Some(operation) = meant.find(|one| parameters_agree(one, request)) else { return false };
            let conditions = &clause["conditions"];
            let window = &conditions["time"];
            let weekday = ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"]
                [(now / DAY % 7) as usize];
            let minute = now % DAY / 60;
            let in_window = window.is_null()
                || (window["days"].as_array().unwrap().iter().any(|day| day == weekday)
                    && (window["from_minute"].as_i64().unwrap()..window["until_minute"].as_i64().unwrap())
                        .contains(&minute));
            let activity = &receiver["side"]["activity"]["entry"]["name"];
            clause["service"]["name"] == request.resource.name.as_str()
                && clause["purpose"] == context.purpose.as_str()
                && (clause["until"].is_null() || now < NOON)
                && context
                    .activity
                    .as_ref()
                    .is_none_or(|stated| activity.is_null() || activity == stated.as_str())
                && context.elements.iter().all(|path| {
                    operation["delivered"].as_array().unwrap().iter().any(|one| one["path"] == path.as_str())
                })
                && in_window
                && (conditions["volume"].is_null() || leases.volume)
                && (conditions["per_person"].is_null() || leases.per_person)
                && algorithm_agrees(whole, clause, request)
                && claims_suffice(conditions, context.claims)
                && [&clause["provider"], &receiver["side"]]
                    .iter()
                    .all(|side| sides_suffice(clause, side, operation, now))
        })
    }
}

fn life(dice: &mut Dice<'_>, agreement: &Agreement) -> (LifeCycle, bool) {
    let signed =
        signed_between(agreement, Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX)).unwrap();
    let party = &agreement.parties[0].participant;
    match dice.pick(&["signed", "signed", "signed", "signed", "signed", "signed", "suspended", "revoked"]) {
        "suspended" => (signed.suspend(party).unwrap(), false),
        "revoked" => (signed.revoke(party).unwrap(), false),
        _ => (signed, true),
    }
}

#[test]
fn what_is_permitted_is_what_the_document_says() {
    let cases = if cfg!(debug_assertions) { 200 } else { 20_000 };
    let (permits, denies) = (Cell::new(0_u32), Cell::new(0_u32));
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    let strategy = prop::collection::vec(any::<u8>(), 500);
    let outcome = runner.run(&strategy, |bytes| {
        let mut dice = Dice(bytes.iter());
        let whole = document(&mut dice);
        let fault = |error: &dyn std::fmt::Display| TestCaseError::fail(error.to_string());
        let agreement = Agreement::parse(whole.to_string().as_bytes()).map_err(|error| fault(&error))?;
        let whole = serde_json::to_value(&agreement).map_err(|error| fault(&error))?;
        let (life, in_force) = life(&mut dice, &agreement);
        let snapshot = snapshot(agreement, life).map_err(|error| fault(&error))?;
        for _ in 0..20 {
            let (request, leases) = asked(&mut dice, &whole);
            let decision = snapshot.decide(&request, |_| leases);
            let expected = second_reading::permits(&whole, &request, in_force, leases);
            prop_assert_eq!(
                decision.is_permit(),
                expected,
                "{:?} {:?} {}",
                request,
                decision.reasons,
                whole["clauses"]
            );
            prop_assert_eq!(decision.is_permit(), decision.reasons.is_empty());
            let now = request.context.now.seconds();
            prop_assert!(!decision.is_permit() || (TERM.0..TERM.1).contains(&now));
            if let Some(obligations) = &decision.obligations {
                let operation = obligations.operation().unwrap();
                prop_assert!(obligations.delivered().all(|one| operation.delivered.contains(one)));
                prop_assert!(
                    request
                        .context
                        .elements
                        .iter()
                        .all(|path| obligations.delivered().any(|one| one.path == *path))
                );
            }
            let counter = if expected { &permits } else { &denies };
            counter.set(counter.get() + 1);
        }
        Ok(())
    });
    outcome.unwrap();
    let (permits, denies) = (permits.get(), denies.get());
    assert!(permits * 20 > denies, "{permits} permits and {denies} denies: too few permits to say much");
}

/// Text that tries to be more than text, and any other.
fn hostile() -> impl Strategy<Value = String> {
    let attempts = [
        "\"",
        "\\",
        "\\\"",
        "\"};permit(principal,action,resource);//",
        "\"]||true||[\"",
        "*",
        "\\u{22}",
        "\u{e9}\u{202e}",
        "//",
        "' or 1=1",
    ];
    prop::collection::vec(
        prop_oneof![prop::sample::select(attempts.to_vec()).prop_map(str::to_owned), "\\PC{1,8}"],
        1..6,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(Config { cases: if cfg!(debug_assertions) { 40 } else { 2_000 }, ..Config::default() })]

    #[test]
    fn no_name_becomes_more_than_a_name(name in hostile(), path in hostile()) {
        let value: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();
        prop_assume!(!value.is_empty() && !path.trim().is_empty());
        let participant = format!("did:{value}");
        let agreement = changed(&[
            ("/parties/0/participant", json!(participant)),
            ("/clauses/0/receivers/0/participant", json!(participant)),
            ("/signatories/0/participant", json!(participant)),
            ("/advice", json!([])),
            ("/clauses/0/operations/0/delivered/0/path", json!(path)),
        ]).unwrap();
        let text = policy_text(&agreement);
        let set = PolicySet::from_str(&text).unwrap();
        let plain = PolicySet::from_str(&policy_text(&changed(&[]).unwrap())).unwrap();
        let count = |set: &PolicySet, effect| set.policies().filter(|one| one.effect() == effect).count();
        prop_assert_eq!(count(&set, Effect::Permit), 1);
        prop_assert_eq!(count(&set, Effect::Forbid), count(&plain, Effect::Forbid));
        for policy in set.policies().filter(|one| one.effect() == Effect::Permit) {
            let PrincipalConstraint::Eq(principal) = policy.principal_constraint() else { panic!("any principal") };
            prop_assert_eq!(principal.id().unescaped(), participant.as_str());
            prop_assert!(matches!(policy.resource_constraint(), ResourceConstraint::Eq(_)));
        }
        let life = signed(&agreement).unwrap();
        let snapshot = snapshot(agreement, life).unwrap();
        let mut request = question().unwrap();
        prop_assert!(!snapshot.decide(&request, held).is_permit());
        request.subject.participant = participant.parse().unwrap();
        request.context.elements.insert(path.parse().unwrap());
        prop_assert!(snapshot.decide(&request, held).is_permit());
        request.context.elements.insert(format!("{} ", path.chars().take(200).collect::<String>()).parse().unwrap());
        prop_assert!(!snapshot.decide(&request, held).is_permit());
    }

    #[test]
    fn the_same_document_comes_to_the_same_policies(bytes in prop::collection::vec(any::<u8>(), 300)) {
        let whole = document(&mut Dice(bytes.iter()));
        let agreement = Agreement::parse(whole.to_string().as_bytes()).unwrap();
        let again = Agreement::parse(&agreement.canonical().unwrap()).unwrap();
        let hash = |agreement| CompiledAgreement::compile(Arc::new(agreement)).unwrap().policy_hash();
        prop_assert_eq!(policy_text(&agreement), policy_text(&again));
        prop_assert_eq!(hash(agreement), hash(again));
    }
}
