//! The administration API as a whole, on a node in a temporary directory.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request, response::Response};
use clap::Parser;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower_service::Service;
use verbond_domain::Actor;

use super::{Caller, Shared, authorization, for_operator, router};
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

#[tokio::test]
async fn nobody_gets_in_at_any_endpoint_and_cannot_tell_which_exist() -> Outcome {
    let office = office().await?;
    let participant = Caller(Actor::Participant { id: "oin:00000099000000020000".parse()? });
    let as_participant = router(Arc::clone(&office.office)).layer(axum::Extension(participant));
    let nothing = [("GET", "/v1/nothing"), ("PATCH", "/v1/services")];
    for (method, path) in authorization::endpoints() {
        for routes in [router(Arc::clone(&office.office)), as_participant.clone()] {
            let response = ask(routes, method, path, &json!({})).await?;
            assert_eq!(response.status().as_u16(), 403, "{method} {path}");
            let answer = json(response).await?;
            assert_eq!(answer.get("code").and_then(Value::as_str), Some("NOT_PERMITTED"), "{method} {path}");
        }
    }
    for (method, path) in nothing {
        let response = ask(as_participant.clone(), method, path, &Value::Null).await?;
        assert!([404, 405].contains(&response.status().as_u16()), "{method} {path}");
    }
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
        (json!({ "upstream": upstream, "class": "open", "steward": " ", "reason": "x" }), 422),
        (json!({ "upstream": upstream, "steward": "x", "reason": "x" }), 400),
        (json!({ "upstream": "ftp://x/", "class": "open", "steward": "x", "reason": "x" }), 422),
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
