//! What a version is compiled to, and how much of it may be.

mod common;

use std::sync::Arc;

use common::{Outcome, changed, codes, held, question, signed, snapshot};
use serde_json::json;
use verbond_agreement::plan::Projected;
use verbond_policy::{Call, CompileError, CompiledAgreement, PolicySnapshot};

const OPERATION: &str = "/clauses/0/operations/0";

/// The example, with its one operation so many times.
fn with_operations(count: usize) -> Result<Vec<CompileError>, Box<dyn std::error::Error>> {
    let mut agreement = changed(&[])?;
    let life = signed(&agreement)?;
    let clause = agreement.clauses.first_mut().ok_or("a clause")?;
    let operation = clause.operations.first().cloned().ok_or("an operation")?;
    clause.operations = vec![operation; count];
    let (_, failed) = PolicySnapshot::build([(Arc::new(agreement), life)]);
    Ok(failed.into_iter().map(|(_, error)| error).collect())
}

#[test]
fn a_clause_comes_to_a_thousand_policies_at_most() -> Outcome {
    assert_eq!(with_operations(200)?, []);
    assert_eq!(with_operations(201)?, [CompileError::Many { clause: "incomes".to_owned(), count: 1005 }]);
    Ok(())
}

#[test]
fn a_version_shows_itself_by_what_it_is_known_by() -> Outcome {
    let agreement = changed(&[])?;
    let shown = format!("{:?}", CompiledAgreement::compile(Arc::new(agreement.clone()))?);
    assert_eq!(shown, format!("{} v{} ({})", agreement.id, agreement.version, agreement.hash()?));
    Ok(())
}

#[test]
fn what_may_leave_is_worked_out_once() -> Outcome {
    let agreement = changed(&[])?;
    let (life, question) = (signed(&agreement)?, question()?);
    let snapshot = snapshot(agreement, life)?;
    let plan = || -> Result<_, Box<dyn std::error::Error>> {
        let decision = snapshot.decide(&question, held);
        Ok(decision.obligations.ok_or("obligations")?.projection(Projected::Source)?)
    };
    assert!(Arc::ptr_eq(&plan()?, &plan()?));
    Ok(())
}

#[test]
fn a_request_with_agreed_elements_has_a_projection_and_any_other_has_none() -> Outcome {
    let body = json!({
        "content_type": "application/json",
        "elements": [{
            "path": "$.year", "type": "integer", "category": "income", "sensitivity": "not_personal",
            "meaning": "The year that is asked about",
        }],
    });
    for (agreement, has_one) in [
        (changed(&[])?, false),
        (
            changed(&[
                (&format!("{OPERATION}/method"), json!("POST")),
                (&format!("{OPERATION}/request"), body),
            ])?,
            true,
        ),
    ] {
        let mut question = question()?;
        question.call.method = if has_one { "POST" } else { "GET" };
        let life = signed(&agreement)?;
        let decision = snapshot(agreement, life)?.decide(&question, held);
        assert_eq!(codes(&decision), Vec::<String>::new());
        let obligations = decision.obligations.ok_or("obligations")?;
        assert_eq!(obligations.request()?.is_some(), has_one);
    }
    Ok(())
}

/// One that may be left out names whom it names when it is there, and nobody when it is not; one that is required and not
/// there names nobody either, and neither do the others then.
#[test]
fn a_parameter_names_a_person_where_it_is_there() -> Outcome {
    let parameter = json!({
        "name": "partner", "place": "query", "required": false,
        "values": { "allow": "identifier", "longest": 20 }, "identifies": "national_number",
    });
    let agreement = changed(&[])?;
    let person = serde_json::to_value(&agreement)?.pointer(&format!("{OPERATION}/parameters/0")).cloned();
    let parameters = json!([person, parameter]);
    let agreement = changed(&[(&format!("{OPERATION}/parameters"), parameters)])?;
    let life = signed(&agreement)?;
    let snapshot = snapshot(agreement, life)?;
    for (query, numbers) in [(None, vec!["P-0042"]), (Some("partner=P-0043"), vec!["P-0043", "P-0042"])] {
        let mut question = question()?;
        question.call = Call { query, ..question.call };
        let obligations = snapshot.decide(&question, held).obligations.ok_or("obligations")?;
        let named = obligations.people(question.call);
        let mut named: Vec<&str> = named.iter().map(|person| &*person.number).collect();
        named.sort_unstable();
        let mut numbers = numbers;
        numbers.sort_unstable();
        assert_eq!(named, numbers);
    }
    Ok(())
}
