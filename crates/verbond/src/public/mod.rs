//! The read-only listener for everybody: what stewards have declared about services, here and elsewhere, what is agreed with
//! whom, and the registers that are there to be read.

mod agreements;
mod rate;
mod registers;

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::header::CONTENT_TYPE,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use verbond_application::{agreements::PublicList, snapshot::SnapshotKeeper};
use verbond_domain::{Ambient, ParticipantId, Problem, ServiceName};
use verbond_store::Store;
use verbond_transport::Connection;

use self::rate::Limiter;
use crate::{
    administration::{DeclarationView, Failure, List, absent},
    configuration::Public,
    design_rules, refusals,
};

/// What the public handlers work with.
pub struct Counter {
    /// This participant.
    pub own: ParticipantId,
    /// What is known.
    pub snapshots: Arc<SnapshotKeeper>,
    /// Where the registers are.
    pub store: Store,
    /// The time.
    pub ambient: Ambient,
    /// The agreements, as they were last listed.
    pub agreements: PublicList,
    /// Where others reach this listener.
    address: Option<String>,
    limiter: Limiter,
    trusted_proxies: Vec<IpAddr>,
}

impl Counter {
    /// With the configured bound on how many requests one network may make in a minute.
    pub fn new(
        own: ParticipantId,
        snapshots: Arc<SnapshotKeeper>,
        store: Store,
        ambient: Ambient,
        configured: &Public,
    ) -> Arc<Self> {
        let (limiter, address) = (Limiter::new(configured.requests_per_minute), configured.address.clone());
        let trusted_proxies = configured.trusted_proxies.clone();
        let agreements = PublicList::default();
        Arc::new(Self { own, snapshots, store, ambient, agreements, address, limiter, trusted_proxies })
    }

    /// Who asks: whoever is at the other end, or before it when that is one of our own web servers. Only the last
    /// address of the list is that server's word; the others are whatever the client wrote.
    fn asker(&self, request: &Request) -> IpAddr {
        let remote = request.extensions().get::<Arc<Connection>>().and_then(|connection| connection.remote);
        // Without an address, as in a test, everybody shares one.
        let peer = remote.map_or(IpAddr::from([0, 0, 0, 0]), |remote| remote.ip().to_canonical());
        if !self.trusted_proxies.iter().any(|proxy| proxy.to_canonical() == peer) {
            return peer;
        }
        let forwarded = request.headers().get_all("x-forwarded-for").into_iter().next_back();
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        last.and_then(|address| address.trim().parse().ok()).unwrap_or(peer)
    }
}

/// A service with what its steward declared.
#[derive(Debug, Serialize)]
struct OwnService {
    name: ServiceName,
    provider: ParticipantId,
    declaration: PublicDeclaration,
}

/// A foreign service with what this organisation's steward declared.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct ForeignService {
    reference: String,
    declaration: PublicDeclaration,
}

/// A declaration without the credential with which it was made.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct PublicDeclaration {
    class: String,
    steward: String,
    reason: String,
    declared_at: String,
}

impl From<DeclarationView> for PublicDeclaration {
    fn from(view: DeclarationView) -> Self {
        let DeclarationView { class, steward, reason, declared_at, .. } = view;
        Self { class: class.as_str().to_owned(), steward, reason, declared_at }
    }
}

/// The routes.
pub fn router(counter: Arc<Counter>) -> Router {
    Router::new()
        .route("/v1/services", get(services))
        .route("/v1/declarations", get(declarations))
        .route("/v1/agreements", get(agreements::list))
        .route("/v1/registers/{register}", get(registers::list))
        .route("/v1/registers/{register}/{name}", get(registers::versions))
        .route("/v1/registers/{register}/{name}/{version}", get(registers::version))
        .route("/refusals", get(async || markdown(refusals::PAGE.to_owned())))
        .route("/refusals/{code}", get(refusal))
        .route("/health/live", get(async || Json(serde_json::json!({ "ok": true }))))
        .fallback(async || Failure(absent()).into_response())
        .layer(middleware::from_fn_with_state(Arc::clone(&counter), limit))
        .layer(middleware::from_fn(design_rules::fields))
        .with_state(counter)
}

/// What a refusal means: where the `type` of this node's problems leads to.
async fn refusal(Path(code): Path<String>) -> Result<Response, Failure> {
    let text = refusals::section(&code).ok_or_else(|| Failure(absent()))?;
    Ok(markdown(format!("# {code}\n\n{text}\n")))
}

fn markdown(text: String) -> Response {
    ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response()
}

async fn services(State(counter): State<Arc<Counter>>) -> Result<Json<List<OwnService>>, Failure> {
    let snapshot = counter.snapshots.current().map_err(|_| stale())?;
    let mut items: Vec<OwnService> = snapshot
        .services
        .values()
        .map(|row| OwnService {
            name: row.name.clone(),
            provider: counter.own.clone(),
            declaration: DeclarationView::from(row.declaration.clone()).into(),
        })
        .collect();
    items.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(Json(List { items, next: None }))
}

async fn declarations(State(counter): State<Arc<Counter>>) -> Result<Json<List<ForeignService>>, Failure> {
    let snapshot = counter.snapshots.current().map_err(|_| stale())?;
    let bindings = snapshot.applications.values().flat_map(|application| application.bindings.iter());
    let mut items: Vec<ForeignService> = bindings
        .filter_map(|binding| {
            let declaration = binding.declaration.clone()?;
            Some(ForeignService {
                reference: binding.service.to_string(),
                declaration: DeclarationView::from(declaration).into(),
            })
        })
        .collect();
    // Which applications there are, and how many bind the same service, is nobody's business.
    items.sort();
    items.dedup();
    Ok(Json(List { items, next: None }))
}

async fn limit(State(counter): State<Arc<Counter>>, request: Request, next: Next) -> Response {
    if counter.limiter.admits(counter.asker(&request)) {
        return next.run(request).await;
    }
    let problem = Problem::new(
        "TOO_MANY_REQUESTS",
        429,
        "Uit uw netwerk komen te veel verzoeken.",
        "there are too many requests from your network",
    )
    .next("Probeer het over een minuut opnieuw.", "try again in a minute")
    .retry_after(60);
    Failure(problem).into_response()
}

fn stale() -> Problem {
    Problem::new(
        "PICTURE_STALE",
        503,
        "Dit knooppunt kan nu niet instaan voor wat het weet.",
        "this node cannot vouch for what it knows now",
    )
    .next("Probeer het zo opnieuw.", "try again shortly")
    .retry_after(5)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::SocketAddr};

    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower_service::Service;
    use verbond_application::snapshot::Snapshot;
    use verbond_domain::{Actor, ClassDeclaration, ServiceClass, Timestamp};
    use verbond_store::{DatabaseUrl, services::ServiceRow};

    use super::*;

    type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

    /// The routes, and the directory of the database that they read.
    async fn routes(requests_per_minute: u32) -> Outcome<(Router, Store, tempfile::TempDir)> {
        let directory = tempfile::tempdir()?;
        let (database, ambient) =
            (DatabaseUrl::Sqlite(directory.path().join("node.sqlite")), crate::ambient::system());
        let key = |_| {
            verbond_trust::WrappingKey::read(&verbond_trust::WrappingKey::first(&ambient))
                .map_err(|error| error.to_string())
        };
        let store = Store::open(&database, key, &ambient).await?;
        let name: ServiceName = "trees".parse()?;
        let declaration = ClassDeclaration {
            class: ServiceClass::Open,
            steward: "J. de Vries".to_owned(),
            reason: "public register".to_owned(),
            declared_at: Timestamp::from_millis(0),
            declared_by: Actor::Operator,
        };
        let upstream = "http://internal.example/".to_owned();
        let service = ServiceRow { name: name.clone(), upstream, protocol: "http1".to_owned(), declaration };
        let snapshot =
            Snapshot { services: HashMap::from([(name, Arc::new(service))]), ..Snapshot::empty(1) };
        let own = "oin:00000099000000010000".parse()?;
        let public = Public {
            listen: "127.0.0.1:1".parse()?,
            address: Some("https://www.a.test".to_owned()),
            tls: false,
            requests_per_minute,
            trusted_proxies: vec!["127.0.0.1".parse()?],
        };
        let counter = Counter::new(
            own,
            SnapshotKeeper::fixed(snapshot),
            store.clone(),
            crate::ambient::system(),
            &public,
        );
        Ok((router(counter), store, directory))
    }

    async fn ask(routes: &Router, from: &str) -> Outcome<Response> {
        ask_through(routes, from, &[]).await
    }

    async fn ask_through(routes: &Router, from: &str, forwarded: &[&str]) -> Outcome<Response> {
        ask_for(routes, "/v1/services", from, forwarded).await
    }

    async fn ask_for(routes: &Router, path: &str, from: &str, forwarded: &[&str]) -> Outcome<Response> {
        let mut request = Request::new(Body::empty());
        for addresses in forwarded {
            request.headers_mut().append("x-forwarded-for", addresses.parse()?);
        }
        *request.uri_mut() = path.parse()?;
        let remote: SocketAddr = from.parse()?;
        let connection = Connection { remote: Some(remote), ..Connection::default() };
        request.extensions_mut().insert(Arc::new(connection));
        Ok(routes.clone().call(request).await?)
    }

    #[tokio::test]
    async fn who_declared_what_is_shown_and_where_the_source_is_is_not() -> Outcome {
        let answer = ask(&routes(10).await?.0, "192.0.2.1:1").await?;
        let text = String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?;
        assert!(text.contains("J. de Vries") && text.contains("\"class\":\"open\""), "{text}");
        assert!(!text.contains("internal.example") && !text.contains("operator"), "{text}");
        Ok(())
    }

    #[tokio::test]
    async fn registers_that_are_there_to_be_read_are_and_others_are_not() -> Outcome {
        let (routes, store, _directory) = routes(1000).await?;
        let put = async |register: &str, name: &str, content: &str| -> Outcome {
            let mut transaction = store.begin().await?;
            let at = Timestamp::from_millis(0);
            transaction
                .put_register_entry(register, name, content, "sha256:0", r#"{"kind":"operator"}"#, at)
                .await?;
            Ok(transaction.commit().await?)
        };
        let read = async |path: &str| -> Outcome<(u16, String)> {
            let answer = ask_for(&routes, path, "192.0.2.1:1", &[]).await?;
            let status = answer.status().as_u16();
            Ok((status, String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?))
        };
        let activity = |more: &str| {
            format!(
                r#"{{{more}"title":"Openbaar","role":{{"role":"controller"}},"organisation":{{"name":"A","address":"a"}},
                "purposes":["help"],"description":"Helpen.","grounds":[],"data_subjects":[],"recipients":[],
                "transfers":[],"retention":[],"security":"Ja.","valid_from":"2026-01-01"}}"#
            )
        };
        put("activity", "help", &activity("")).await?;
        let article =
            r#""confidential":{"law":"BWBR0022463","name":"Wet","article":"3","version":"2026-01-01"},"#;
        put("activity", "quiet", &activity(article)).await?;
        put("ground", "law", "{}").await?;

        let (status, text) = read("/v1/registers/activity/help/1").await?;
        assert!(status == 200 && text.contains("Helpen."), "{status} {text}");
        let (status, text) = read("/v1/registers/activity").await?;
        let listed: serde_json::Value = serde_json::from_str(&text)?;
        assert_eq!(
            listed.pointer("/items/0/url"),
            Some(&"https://www.a.test/v1/registers/activity/help/1".into())
        );
        assert_eq!(status, 200);
        // Of what a provision keeps confidential, the name and the provision.
        let (status, text) = read("/v1/registers/activity/quiet/1").await?;
        assert_eq!(
            (status, text),
            (
                200,
                format!("{{{article}\"name\":\"quiet\"}}").replace(
                    r#""law":"BWBR0022463","name":"Wet","article":"3","version":"2026-01-01""#,
                    r#""article":"3","law":"BWBR0022463","name":"Wet","version":"2026-01-01""#,
                )
            )
        );
        for path in [
            "ground",
            "ground/law",
            "ground/law/1",
            "assessment",
            "nothing",
            "activity/help/2",
            "activity/x/1",
        ] {
            let (status, text) = read(&format!("/v1/registers/{path}")).await?;
            assert_eq!(status, 404, "{path}: {text}");
        }
        // What has ended can be read, and is seen to have ended.
        let mut transaction = store.begin().await?;
        transaction.end_register_entry("activity", "help", Timestamp::from_millis(1)).await?;
        transaction.commit().await?;
        let (status, text) = read("/v1/registers/activity/help/1").await?;
        assert!(status == 410 && text.contains("Helpen."), "{status} {text}");
        Ok(())
    }

    #[tokio::test]
    async fn behind_our_own_web_server_its_word_says_who_asks_and_nobody_elses_does() -> Outcome {
        let (routes, ..) = routes(1).await?;
        let through = async |from, forwarded: &[&str]| {
            ask_through(&routes, from, forwarded).await.map(|answer| answer.status().as_u16())
        };
        let proxy = "127.0.0.1:5";
        assert_eq!(through(proxy, &["192.0.2.1"]).await?, 200);
        assert_eq!(through(proxy, &["198.51.100.1"]).await?, 200);
        assert_eq!(through(proxy, &["192.0.2.2"]).await?, 429);
        // What the client wrote before it does not make it another.
        assert_eq!(through(proxy, &["203.0.113.1, 192.0.2.3"]).await?, 429);
        assert_eq!(through(proxy, &["203.0.113.1", "192.0.2.3"]).await?, 429);
        // A stranger's own words say nothing.
        assert_eq!(through("203.0.113.9:1", &["233.252.0.1"]).await?, 200);
        assert_eq!(through("203.0.113.9:1", &["233.252.1.1"]).await?, 429);
        Ok(())
    }

    #[tokio::test]
    async fn a_network_that_asks_too_much_does_not_stand_in_the_way_of_another() -> Outcome {
        let (routes, ..) = routes(1).await?;
        assert_eq!(ask(&routes, "192.0.2.1:1").await?.status(), 200);
        let refused = ask(&routes, "192.0.2.9:2").await?;
        assert_eq!(refused.status(), 429);
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!(ask(&routes, "198.51.100.1:1").await?.status(), 200);
        Ok(())
    }
}
