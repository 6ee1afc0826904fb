//! The administration API as a whole, on a node in a temporary directory.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request, response::Response};
use clap::Parser;
use http_body_util::BodyExt;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use tower_service::Service;
use verbond_domain::{Actor, PersonRole};
use verbond_transport::Connection;
use verbond_trust::personal::new_credential;

use super::{Caller, Shared, for_operator, for_persons, router};
use crate::{
    cli::Arguments,
    configuration::Settings,
    printer::{Language, Printer},
    serve::testing,
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

struct Office {
    office: Shared,
    _directory: tempfile::TempDir,
}

async fn office() -> Result<Office, Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    let arguments = [
        "verbond",
        "--data",
        &path("node"),
        "init",
        "--test-group",
        &path("ca"),
        "--id",
        "00000099000000010000",
        "--name",
        "Gemeente Voorbeeld",
        "--host",
        "a.test",
    ];
    Arguments::try_parse_from(arguments)?.run(Printer::new(true, Language::English)).await?;
    let settings = Arc::new(Settings::load(&directory.path().join("node"))?);
    Ok(Office { office: testing::office(&settings).await?, _directory: directory })
}

async fn ask(
    mut router: Router,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Response, std::convert::Infallible> {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let mut request = Request::new(body);
    *request.method_mut() = method.parse().unwrap_or_default();
    *request.uri_mut() = path.parse().unwrap_or_default();
    router.call(request).await
}

async fn json(response: Response) -> Result<Value, Box<dyn std::error::Error>> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? })
}

/// A person of one role, enrolled; answers what their connections carry.
async fn enrolled(office: &Shared, role: PersonRole) -> Result<Arc<Connection>, Box<dyn std::error::Error>> {
    let made = new_credential(role.as_str(), 3600, "correct horse", &office.ambient)?;
    let routes = for_operator(Arc::clone(office));
    let name = role.as_str();
    let draft = json!({ "name": name, "display_name": name, "roles": [role] });
    assert_eq!(ask(routes.clone(), "POST", "/v1/persons", &draft).await?.status().as_u16(), 200);
    let certificate = json!({ "certificate": made.certificate_pem });
    let path = format!("/v1/persons/{name}/certificate");
    assert_eq!(ask(routes, "PUT", &path, &certificate).await?.status().as_u16(), 200);
    connection(&made.certificate_pem)
}

fn connection(certificate_pem: &str) -> Result<Arc<Connection>, Box<dyn std::error::Error>> {
    let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())?;
    Ok(Arc::new(Connection { client_certificate: Some(certificate), ..Connection::default() }))
}

/// Method, path, and whether it may be asked.
type Cell = (String, String, bool);

/// A column of the matrix that is checked in: whether it may do what each endpoint does.
fn checked_in(column: &str) -> Result<Vec<Cell>, Box<dyn std::error::Error>> {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/authorization.txt");
    let text = std::fs::read_to_string(path)?;
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let header = rows.iter().find(|row| row.first() == Some(&"resource")).ok_or("no header")?;
    let place = header.iter().position(|name| *name == column).ok_or("no such column")?;
    let may = |resource: &str, action: &str| {
        let rule = rows.iter().find(|row| row.first() == Some(&resource) && row.get(1) == Some(&action));
        rule.is_some_and(|row| row.get(place) == Some(&"yes"))
    };
    let mut endpoints = Vec::new();
    for row in rows.iter().skip_while(|row| row.first() != Some(&"method")).skip(1) {
        let [method, path, resource, action] = row.as_slice() else {
            return Err("a row of another form".into());
        };
        endpoints.push(((*method).to_owned(), (*path).to_owned(), may(resource, action)));
    }
    assert!(endpoints.len() > 30, "{}", endpoints.len());
    Ok(endpoints)
}

async fn may(routes: Router, method: &str, path: &str) -> Result<bool, Box<dyn std::error::Error>> {
    let response = ask(routes, method, path, &json!({})).await?;
    let status = response.status().as_u16();
    let answer = json(response).await.unwrap_or_default();
    let refused = answer.get("code").and_then(Value::as_str) == Some("NOT_PERMITTED");
    assert_eq!(refused, status == 403, "{method} {path}: {status} {answer}");
    Ok(!refused)
}

#[tokio::test]
async fn every_role_may_at_every_endpoint_what_the_matrix_says_and_nothing_else() -> Outcome {
    let office = office().await?;
    let mut entrances = vec![("operator", for_operator(Arc::clone(&office.office)))];
    for role in PersonRole::ALL {
        let column = if role == PersonRole::DataProtectionOfficer { "fg" } else { role.as_str() };
        let connection = enrolled(&office.office, role).await?;
        entrances.push((column, for_persons(Arc::clone(&office.office)).layer(axum::Extension(connection))));
    }
    let stranger = new_credential("stranger", 3600, "correct horse", &office.office.ambient)?;
    let stranger = connection(&stranger.certificate_pem)?;
    entrances.push(("unenrolled", for_persons(Arc::clone(&office.office)).layer(axum::Extension(stranger))));
    for (column, routes) in &entrances {
        for (method, path, expected) in checked_in(column)? {
            let code_is_wrong = path == "/v1/enrolments" && expected;
            if code_is_wrong {
                // Let through, and refused for its code.
                let response = ask(routes.clone(), &method, &path, &json!({ "code": "vbe_x" })).await?;
                let answer = json(response).await?;
                assert_eq!(answer.get("code"), Some(&json!("ENROLMENT_CODE_UNKNOWN")), "{column}");
                continue;
            }
            assert_eq!(may(routes.clone(), &method, &path).await?, expected, "{column}: {method} {path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn nobody_gets_in_at_any_endpoint_and_cannot_tell_which_exist() -> Outcome {
    let office = office().await?;
    let participant =
        Caller { actor: Actor::Participant { id: "oin:00000099000000020000".parse()? }, capacity: None };
    let as_participant = router(Arc::clone(&office.office)).layer(axum::Extension(participant));
    let without_certificate = for_persons(Arc::clone(&office.office));
    let nothing = [("GET", "/v1/nothing"), ("PATCH", "/v1/services")];
    for (method, path, _) in checked_in("unenrolled")? {
        for routes in
            [router(Arc::clone(&office.office)), as_participant.clone(), without_certificate.clone()]
        {
            assert!(!may(routes, &method, &path).await?, "{method} {path}");
        }
    }
    for (method, path) in nothing {
        let response = ask(as_participant.clone(), method, path, &Value::Null).await?;
        assert!([404, 405].contains(&response.status().as_u16()), "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn who_is_disabled_is_nobody_at_once_and_who_has_two_roles_may_both() -> Outcome {
    let office = office().await?;
    let operator = for_operator(Arc::clone(&office.office));
    let connection = enrolled(&office.office, PersonRole::Auditor).await?;
    let auditor = for_persons(Arc::clone(&office.office)).layer(axum::Extension(connection));
    assert!(may(auditor.clone(), "GET", "/v1/records").await?);
    assert!(!may(auditor.clone(), "DELETE", "/v1/services/trees").await?);
    let roles = json!({ "roles": ["auditor", "steward"] });
    ask(operator.clone(), "PUT", "/v1/persons/auditor/roles", &roles).await?;
    assert!(may(auditor.clone(), "GET", "/v1/outbox").await?);
    assert!(may(auditor.clone(), "DELETE", "/v1/services/trees").await?);
    ask(operator.clone(), "POST", "/v1/persons/auditor/disable", &json!({})).await?;
    assert!(!may(auditor.clone(), "GET", "/v1/records").await?);
    let answer = json(ask(auditor, "GET", "/v1/records", &Value::Null).await?).await?;
    let next = answer.get("next").and_then(Value::as_str).unwrap_or_default();
    assert!(next.contains("verbond person add") && next.contains("person enrol --code"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn persons_are_refused_while_it_cannot_be_confirmed_who_is_known() -> Outcome {
    let office = office().await?;
    let connection = enrolled(&office.office, PersonRole::Auditor).await?;
    let auditor = for_persons(Arc::clone(&office.office)).layer(axum::Extension(connection));
    let ask = async || ask(auditor.clone(), "GET", "/v1/openapi.json", &Value::Null).await;
    assert_eq!(ask().await?.status().as_u16(), 200);
    office.office.store.close().await;
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    let refused = ask().await?;
    assert_eq!(refused.status().as_u16(), 503);
    assert_eq!(json(refused).await?.get("code"), Some(&json!("PICTURE_OUT_OF_DATE")));
    Ok(())
}

#[tokio::test]
async fn a_service_is_put_shown_and_removed_and_each_act_has_its_author() -> Outcome {
    let office = office().await?;
    let routes = for_operator(Arc::clone(&office.office));
    let draft = json!({
        "upstream": "http://127.0.0.1:1/", "class": "open", "steward": "J. de Vries", "reason": "public register"
    });
    let put = ask(routes.clone(), "PUT", "/v1/services/trees", &draft).await?;
    assert_eq!(put.status().as_u16(), 200);
    assert!(put.headers().contains_key("api-version"));
    let shown = json(ask(routes.clone(), "GET", "/v1/services/trees", &Value::Null).await?).await?;
    assert_eq!(shown.pointer("/declaration/steward"), Some(&json!("J. de Vries")));
    let removed = ask(routes.clone(), "DELETE", "/v1/services/trees", &Value::Null).await?;
    assert_eq!(removed.status().as_u16(), 204);
    let gone = ask(routes.clone(), "GET", "/v1/services/trees", &Value::Null).await?;
    assert_eq!(gone.status().as_u16(), 404);
    let kind = gone.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    assert_eq!(kind, Some("application/problem+json"));

    let mut acts = Vec::new();
    // The journal's views follow within a second.
    for _ in 0..100 {
        let journal = json(ask(routes.clone(), "GET", "/v1/journal?kind=act", &Value::Null).await?).await?;
        acts = journal.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        // The node's own acts at its start, about its key and its rule of retention, are not asked for.
        acts.retain(|act| act.pointer("/payload/author/kind") != Some(&json!("node")));
        if acts.len() >= 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let told: Vec<_> = acts
        .iter()
        .rev()
        .map(|act| (act.pointer("/payload/action"), act.pointer("/payload/author/kind")))
        .collect();
    let (put, remove, operator) = (json!("service.put"), json!("service.remove"), json!("operator"));
    assert_eq!(told, [(Some(&put), Some(&operator)), (Some(&remove), Some(&operator))]);
    Ok(())
}

#[tokio::test]
async fn what_is_confirmed_is_in_force_at_once() -> Outcome {
    let office = office().await?;
    let routes = for_operator(Arc::clone(&office.office));
    for number in 0..20 {
        let name = format!("case-{number}").parse()?;
        let draft = json!({ "credential": { "kind": "token" } });
        let path = format!("/v1/applications/{name}");
        let made = ask(routes.clone(), "PUT", &path, &draft).await?;
        assert!(made.status().is_success());
        assert!(
            office.office.snapshots.current()?.applications.contains_key(&name),
            "{name} is not known yet"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_process_that_runs_a_part_shows_itself_and_administers_nothing() -> Outcome {
    let office = office().await?;
    let routes = super::for_operator_of_part(Arc::clone(&office.office));
    for path in ["/health/live", "/health/ready", "/metrics", "/v1/node"] {
        assert_eq!(ask(routes.clone(), "GET", path, &Value::Null).await?.status().as_u16(), 200, "{path}");
    }
    assert_eq!(ask(routes.clone(), "POST", "/v1/reload", &Value::Null).await?.status().as_u16(), 200);
    assert_eq!(ask(routes, "GET", "/v1/services", &Value::Null).await?.status().as_u16(), 404);
    Ok(())
}

#[tokio::test]
async fn a_class_without_steward_and_reason_is_refused() -> Outcome {
    let office = office().await?;
    let routes = for_operator(Arc::clone(&office.office));
    let upstream = "http://127.0.0.1:1/";
    for (draft, status) in [
        (json!({ "upstream": upstream, "class": "open", "steward": "x" }), 400),
        (json!({ "upstream": upstream, "class": "open", "steward": " ", "reason": "x" }), 400),
        (json!({ "upstream": upstream, "steward": "x", "reason": "x" }), 400),
        (json!({ "upstream": "ftp://x/", "class": "open", "steward": "x", "reason": "x" }), 400),
        (json!({ "upstream": upstream, "class": "open", "steward": "x", "reason": "x", "secret": 1 }), 400),
    ] {
        let response = ask(routes.clone(), "PUT", "/v1/services/trees", &draft).await?;
        assert_eq!(response.status().as_u16(), status, "{draft}");
    }
    let list = json(ask(routes, "GET", "/v1/services", &Value::Null).await?).await?;
    assert_eq!(list, json!({ "items": [], "next": null }));
    Ok(())
}

#[tokio::test]
async fn a_file_that_counts_only_at_the_start_is_named_when_it_has_changed() -> Outcome {
    let office = office().await?;
    let routes = for_operator(Arc::clone(&office.office));
    let needed = async || {
        let answer = json(ask(routes.clone(), "POST", "/v1/reload", &Value::Null).await?).await?;
        let node = json(ask(routes.clone(), "GET", "/v1/node", &Value::Null).await?).await?;
        assert_eq!(answer.get("restart_needed_for"), node.get("restart_needed_for"));
        Ok::<_, Box<dyn std::error::Error>>(answer.get("restart_needed_for").cloned().unwrap_or_default())
    };
    assert_eq!(needed().await?, json!([]));
    let file = |name: &str| office._directory.path().join("node").join(name);
    let touch = |name: &str| {
        let text = std::fs::read_to_string(file(name))?;
        std::fs::write(file(name), format!("{text}\n"))
    };
    // Read again at once.
    touch("trust-anchors.pem")?;
    assert_eq!(needed().await?, json!([]));
    touch("verbond.toml")?;
    assert_eq!(needed().await?, json!([file("verbond.toml")]));
    Ok(())
}

#[tokio::test]
async fn a_token_is_shown_once_and_nowhere_else() -> Outcome {
    let office = office().await?;
    let routes = for_operator(Arc::clone(&office.office));
    let draft = json!({ "credential": { "kind": "token" } });
    let made = json(ask(routes.clone(), "PUT", "/v1/applications/case", &draft).await?).await?;
    let token = made.get("token").and_then(Value::as_str).ok_or("no token")?.to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    for path in ["/v1/applications", "/v1/applications/case", "/v1/journal", "/metrics"] {
        let bytes =
            ask(routes.clone(), "GET", path, &Value::Null).await?.into_body().collect().await?.to_bytes();
        assert!(!String::from_utf8_lossy(&bytes).contains(&token), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_fresh_node_is_ready_and_its_figures_name_nobody() -> Outcome {
    let office = office().await?;
    let routes = for_operator(Arc::clone(&office.office));
    let ready = ask(routes.clone(), "GET", "/health/ready", &Value::Null).await?;
    let (status, checks) = (ready.status().as_u16(), json(ready).await?);
    assert_eq!(status, 200, "{checks}");
    let bytes = ask(routes, "GET", "/metrics", &Value::Null).await?.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("verbond_certificate_remaining_seconds"), "{text}");
    assert!(text.contains("verbond_revocation_lists_missing 0\n"), "{text}");
    assert!(!text.contains("00000099000000010000"));
    Ok(())
}
