//! Measures decisions: against a bare evaluation by Cedar of the same policies, and for its dependence on the number of
//! agreements. `bench/decision` runs it.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{collections::BTreeSet, error::Error, hint::black_box, str::FromStr, sync::Arc, time::Instant};

use cedar_policy::{Authorizer, Context as CedarContext, Entities, EntityUid, PolicySet, Request};
use serde_json::json;
use verbond_agreement::{Agreement, LifeCycle, PartySignature, SignatureMark};
use verbond_domain::{ParticipantId, Scheme, Timestamp};
use verbond_policy::{Call, Context, DecisionRequest, Leases, PolicySnapshot, Subject, policy_text};

type Outcome<T> = Result<T, Box<dyn Error>>;

const EXAMPLE: &str = include_str!("../../agreement/tests/pensioners.json");
/// Decisions of one measurement; each is measured in turn with the bare evaluation, so that both see the same machine.
const DECISIONS: u32 = 2_000;
const ROUNDS: usize = 15;
/// So many decisions are timed at once.
const PORTION: usize = 20;

/// One of many agreements: each with participants of its own.
fn agreement(number: u32) -> Outcome<(Arc<Agreement>, LifeCycle)> {
    let mut agreement: Agreement = serde_json::from_str(EXAMPLE)?;
    agreement.id = format!("01932f5e-7c00-7000-8000-{number:012x}").parse()?;
    let consumer = ParticipantId::new(Scheme::Oin, &format!("000000992{number:011}"))?;
    let provider = ParticipantId::new(Scheme::Oin, &format!("000000993{number:011}"))?;
    let [first, second] = agreement.parties.as_mut_slice() else { return Err("two parties".into()) };
    (first.participant, second.participant) = (consumer.clone(), provider.clone());
    for clause in &mut agreement.clauses {
        clause.service.provider = provider.clone();
        for receiver in &mut clause.receivers {
            receiver.participant = consumer.clone();
        }
    }
    let (from, until) = (agreement.term.from.timestamp(), agreement.term.until.timestamp());
    let signed = PartySignature { mark: SignatureMark::Signed, at: Timestamp::from_millis(0) };
    let life = LifeCycle::draft([consumer.clone(), provider.clone()], from, until);
    let life = life.offer()?.sign(&consumer, signed)?.sign(&provider, signed)?;
    Ok((Arc::new(agreement), life))
}

fn question<'call>(agreement: &Agreement, path: &'call str, after: i64) -> Outcome<DecisionRequest<'call>> {
    let clause = agreement.clauses.first().ok_or("a clause")?;
    let receiver = clause.receivers.first().ok_or("a receiver")?;
    Ok(DecisionRequest {
        subject: Subject { participant: receiver.participant.clone(), application: None },
        call: Call { method: "GET", path, query: None },
        resource: clause.service.clone(),
        context: Context {
            // A Tuesday, noon and later. No question twice in the same second: it would be answered from memory.
            now: Timestamp::from_seconds(1_796_126_400 + after),
            agreement: Some(agreement.id),
            purpose: clause.purpose.clone(),
            activity: None,
            algorithm: None,
            on_behalf_of: None,
            claims: verbond_policy::Claims::default(),
            elements: BTreeSet::new(),
        },
    })
}

/// The same question as Cedar takes it.
fn cedar_context() -> Outcome<CedarContext> {
    let context = json!({
        "clause": "incomes", "operation": "income-of-person", "purpose": "supplement-outreach", "elements": [],
        "stage": "signed", "now": 1_796_126_400, "day": "tuesday", "minute": 720,
        "volume_held": true, "person_held": true,
    });
    Ok(CedarContext::from_json_value(context, None)?)
}

fn median(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
}

/// Bytes of memory that the process has in use.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn measure(count: u32, spread: bool) -> Outcome<serde_json::Value> {
    let before = resident();
    let agreements = (0..count).map(agreement).collect::<Outcome<Vec<_>>>()?;
    let documents = resident();
    let began = Instant::now();
    let (snapshot, failed) = PolicySnapshot::build(agreements.iter().cloned());
    let built = began.elapsed().as_secs_f64();
    let known = resident();
    if !failed.is_empty() {
        return Err("an agreement was not compiled".into());
    }
    let began = Instant::now();
    let (first, life) = agreements.last().ok_or("an agreement")?;
    let next = snapshot.replace(first.id, vec![(Arc::clone(first), life.clone())]).0;
    let replaced = began.elapsed().as_secs_f64();
    // Either ten agreements, spread over all there are, or as many as there are questions: then no cache holds them.
    let among = u64::from(count.min(if spread { DECISIONS } else { 10 }));
    let (stride, count) = (u64::from(count) / among, u64::from(count));
    let visited =
        (0..DECISIONS).map(|number| usize::try_from(u64::from(number) * 7_919 % among * stride % count));
    let visited = visited.collect::<Result<Vec<_>, _>>()?;
    let agreements_of =
        |index: &usize| agreements.get(*index).map(|(agreement, _)| agreement).ok_or("an agreement");
    let questions_of = |round: usize| {
        let questions = visited.iter().zip((0..3600).cycle().skip(round));
        let questions =
            questions.map(|(index, after)| question(agreements_of(index)?, "/incomes/P-0042", after));
        questions.collect::<Outcome<Vec<_>>>()
    };
    let questions = questions_of(0)?;
    let held = |_: verbond_policy::Candidate<'_>| Leases { volume: true, per_person: true };
    // The first decision under an agreement reads its policies.
    let mut seen = std::collections::HashSet::new();
    let firsts = visited.iter().zip(&questions).filter(|(index, _)| seen.insert(**index));
    let firsts: Vec<_> = firsts.map(|(_, question)| question).collect();
    let began = Instant::now();
    let permits = firsts.iter().filter(|question| next.decide(question, held).is_permit()).count();
    let first_decisions = began.elapsed().as_secs_f64();
    let used = resident();
    if permits != firsts.len() {
        return Err("a question was refused".into());
    }
    let mut bare = Vec::new();
    let mut sets = std::collections::HashMap::new();
    let uid =
        |kind: &str, id: &str| EntityUid::from_str(&format!("Verbond::{kind}::\"{id}\"")).map_err(Box::new);
    for (index, question) in visited.iter().zip(&questions) {
        if !sets.contains_key(index) {
            sets.insert(index, Arc::new(PolicySet::from_str(&policy_text(agreements_of(index)?))?));
        }
        let set = Arc::clone(sets.get(index).ok_or("a set")?);
        let principal = uid("Participant", &question.subject.participant.to_string())?;
        let resource = uid("Service", &question.resource.to_string())?;
        bare.push((Request::new(principal, uid("Action", "ask")?, resource, cedar_context()?, None)?, set));
    }
    let (authorizer, entities) = (Authorizer::new(), Entities::empty());
    let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // Medians over small portions: other work on the machine falls on a few of them.
        let (mut our_times, mut their_times, mut portions) = (Vec::new(), Vec::new(), Vec::new());
        // Each a second later than in the round before.
        let questions = questions_of(round + 1)?;
        for (questions, bare) in questions.chunks(PORTION).zip(bare.chunks(PORTION)) {
            let began = Instant::now();
            let permits = questions
                .iter()
                .filter(|question| black_box(next.decide(question, held)).is_permit())
                .count();
            let our_time = began.elapsed().as_secs_f64();
            let began = Instant::now();
            let allowed = bare.iter().filter(|(request, set)| {
                let response = black_box(authorizer.is_authorized(request, set, &entities));
                response.decision() == cedar_policy::Decision::Allow
            });
            let allowed = allowed.count();
            let their_time = began.elapsed().as_secs_f64();
            if permits != questions.len() || allowed != bare.len() {
                return Err(format!("{permits} and {allowed} of {} permitted", bare.len()).into());
            }
            our_times.push(our_time * 1e6 / questions.len() as f64);
            their_times.push(their_time * 1e6 / bare.len() as f64);
            portions.push(our_time / their_time);
        }
        // The first round warms up.
        if round > 0 {
            ratios.push(median(&mut portions).0);
            ours.push(median(&mut our_times).0);
            theirs.push(median(&mut their_times).0);
        }
    }
    let (ratio, least, most) = median(&mut ratios);
    Ok(json!({
        "agreements": count,
        "ratio": { "median": ratio, "least": least, "most": most },
        "decision_us": median(&mut ours).0,
        "bare_cedar_us": median(&mut theirs).0,
        "build_seconds": built,
        "first_decision_us": first_decisions * 1e6 / among as f64,
        "replace_one_us": replaced * 1e6,
        "asked_of": among,
        "bytes_per_document": (documents.saturating_sub(before)) / count,
        "bytes_per_agreement_known": (known.saturating_sub(documents)) / count,
        "bytes_per_agreement_used": (used.saturating_sub(known)) / among,
    }))
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let counts: Vec<u32> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let counts = if counts.is_empty() { vec![10, 1_000, 100_000] } else { counts };
    let json = arguments.iter().any(|argument| argument == "--json");
    let mut rows = Vec::new();
    for spread in [false, true] {
        for count in &counts {
            let row = measure(*count, spread)?;
            if !json {
                println!("{row}");
            }
            rows.push(row);
        }
    }
    if json {
        println!("{}", json!({ "decision": rows }));
    }
    Ok(())
}
