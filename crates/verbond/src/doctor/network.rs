//! Ports and database of a node that does not run, and the way to other participants.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use verbond_account::NotTaken;
use verbond_application::checkpoints::HeldCheckpoint;
use verbond_domain::{ParticipantId, Timestamp};
use verbond_store::{DatabaseUrl, SortOrder, Store, StoreError};
use verbond_transport::{Client, ClientLimits, Hosts, PeerTls, Protocol, Target};
use verbond_trust::tls;

use super::{Finding, certificates::Credentials};
use crate::{
    configuration::Settings,
    node::{decision_point, export, tiles, unusable_database},
    serve,
};

/// Time for one participant to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the organisation's own decision point is called in findings.
const POINT: &str = "decision point";
/// What the organisation's logbook is called in findings.
const LOGBOOK: &str = "logbook";
/// What publishing the journal's tree is called in findings.
const TILES: &str = "tiles";
/// Seconds that clocks may differ.
const SKEW: i64 = 30;

/// Looks at what a start would meet.
pub async fn idle(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![
        Finding::warn("node", "draait niet", "does not run")
            .mend("Start het met `verbond serve`.", "start it with `verbond serve`"),
    ];
    findings.extend(ports(settings));
    findings.push(database(settings).await);
    findings
}

fn ports(settings: &Settings) -> Vec<Finding> {
    let configuration = &settings.configuration;
    let listeners: [(&str, Option<SocketAddr>); 7] = [
        ("manager", configuration.manager.as_ref().map(|manager| manager.listen)),
        ("inway", configuration.inway.as_ref().map(|inway| inway.listen)),
        ("outway", configuration.outway.as_ref().and_then(|outway| outway.listen)),
        ("outway.tls", configuration.outway.as_ref().and_then(|outway| Some(outway.tls.as_ref()?.listen))),
        ("public", configuration.public.as_ref().map(|public| public.listen)),
        ("metrics", configuration.metrics.listen),
        ("administration", configuration.administration.listen),
    ];
    let taken: Vec<String> = listeners
        .into_iter()
        .filter_map(|(name, address)| Some((name, address?)))
        .filter_map(|(name, address)| {
            let error = std::net::TcpListener::bind(address).err()?;
            Some(format!("{name} {address}: {error}"))
        })
        .collect();
    if taken.is_empty() {
        return vec![Finding::ok("ports", "alle poorten zijn vrij", "all ports are free")];
    }
    let closed = |what: &String| {
        Finding::fail("ports", what.clone(), what.clone()).mend(
            "Kijk met `ss -ltnp` wie de poort heeft, of kies in verbond.toml een andere.",
            "see with `ss -ltnp` who has the port, or choose another in verbond.toml",
        )
    };
    taken.iter().map(closed).collect()
}

async fn database(settings: &Settings) -> Finding {
    let url = match settings.database() {
        Ok(url) => url,
        Err(problem) => return Finding::problem("database", problem),
    };
    if let DatabaseUrl::Sqlite(path) = &url {
        if !path.exists() {
            return Finding::ok("database", "wordt bij de start gemaakt", "will be made at the start");
        }
        // A node that runs without answering still holds its database.
        if serve::is_held(&settings.directory) {
            return Finding::fail(
                "database",
                "een knooppunt houdt de gegevensmap, maar antwoordt niet op zijn beheersocket",
                "a node holds the data directory, but does not answer on its administration socket",
            )
            .mend("Kijk in zijn logboek; herstart het zo nodig.", "look in its log; restart it if need be");
        }
    }
    let looked_at = async {
        let store = Store::open_without_migrating(&url).await?;
        let (kind, pending) = (store.kind(), store.pending_migrations().await);
        store.close().await;
        pending.map(|pending| (kind, pending))
    };
    match looked_at.await {
        Ok((kind, pending)) if pending.is_empty() => Finding::ok(
            "database",
            format!("{kind}: bereikbaar, en bewaart wat hij bevestigt"),
            format!("{kind}: reachable, and keeps what it confirms"),
        ),
        Ok((kind, pending)) => Finding::ok(
            "database",
            format!("{kind}: bereikbaar; bij de start worden {} tabelwijzigingen doorgevoerd", pending.len()),
            format!("{kind}: reachable; {} migrations are applied at the start", pending.len()),
        )
        .mend("`verbond upgrade` doet het na een back-up.", "`verbond upgrade` does it after a backup"),
        Err(error @ StoreError::Newer { .. }) => Finding::problem("database", unusable_database(&error)),
        Err(error) => Finding::fail("database", error.to_string(), error.to_string()).mend(
            "Controleer `database` in verbond.toml en of de database draait.",
            "check `database` in verbond.toml, and whether the database runs",
        ),
    }
}

/// Asks directories and known participants who they are.
pub async fn reach(
    settings: &Settings,
    credentials: Credentials,
    known: Vec<(ParticipantId, String)>,
) -> Vec<Finding> {
    let own = credentials.identity.current().certificate.participant.clone();
    let mut others: Vec<(ParticipantId, String)> = settings
        .profile
        .directories
        .iter()
        .map(|directory| (directory.id.clone(), directory.manager_address.clone()))
        .chain(known)
        .filter(|(id, _)| *id != own)
        .collect();
    others.sort();
    others.dedup_by(|left, right| left.0 == right.0);
    let ambient = credentials.ambient.clone();
    let client = match dialler(settings, credentials) {
        Ok(client) => client,
        Err(error) => return vec![Finding::fail("reach", error.to_string(), error.to_string())],
    };
    let (client, ambient) = (&client, &ambient);
    let ask = others.iter().map(|(id, address)| async move {
        let finding = ask(client, id, address, ambient.now()).await;
        finding.unwrap_or_else(|reason| {
            Finding::fail(
                "reach",
                format!("{id} op {address}: {reason}"),
                format!("{id} at {address}: {reason}"),
            )
            .mend(
                "Controleer naam, poort en firewall; ontbreekt de naam in DNS, zet hem dan onder [hosts].",
                "check name, port and firewall; if DNS lacks the name, put it under [hosts]",
            )
        })
    });
    futures_util::future::join_all(ask).await
}

/// Asks the organisation's own decision point a question about nobody, if it has one: any answer of the form of an answer
/// is well.
pub async fn decision_point(settings: &Settings, own: &ParticipantId) -> Option<Finding> {
    let point = match decision_point::of(settings) {
        Ok(point) => point?,
        Err(problem) => return Some(Finding::problem(POINT, problem)),
    };
    Some(match point.probe(own).await {
        Ok(answer) => Finding::ok(
            POINT,
            format!("antwoordt op {}", answer.authority),
            format!("answers at {}", answer.authority),
        ),
        Err(error) => Finding::fail(
            POINT,
            format!("geeft geen bruikbaar antwoord, dus wordt niets verstrekt: {error}"),
            format!("gives no answer that can be used, so nothing is delivered: {error}"),
        )
        .mend(
            "Controleer `decision_point` in verbond.toml, en of het beslispunt een vraag van AuthZEN met 200 en \
             `{\"decision\": …}` beantwoordt.",
            "check `decision_point` in verbond.toml, and whether the decision point answers a question of AuthZEN with \
             200 and `{\"decision\": …}`",
        ),
    })
}

/// Hands the organisation's logbook nothing, if it has one, and sees whether it answers as a collector does.
pub async fn logbook(settings: &Settings, own: &ParticipantId) -> Option<Finding> {
    let logbook = match export::of(settings) {
        Ok(logbook) => logbook?,
        Err(problem) => return Some(Finding::problem(LOGBOOK, problem)),
    };
    let reason = match verbond_account::probe(&logbook, own).await {
        Ok(()) => return Some(Finding::ok(LOGBOOK, "antwoordt", "answers")),
        Err(NotTaken::TooLarge) => "status 413".to_owned(),
        Err(NotTaken::Later { reason, .. }) => reason,
    };
    let finding = Finding::fail(
        LOGBOOK,
        format!("neemt geen verwerkingen aan; zij wachten hier: {reason}"),
        format!("takes no processing records; they wait here: {reason}"),
    );
    Some(finding.mend(
        "Controleer `export` in verbond.toml, en of het logboek OTLP/HTTP in JSON aanneemt.",
        "check `export` in verbond.toml, and whether the logbook takes OTLP/HTTP in JSON",
    ))
}

/// What other participants hold of this node's journal.
pub struct Told {
    /// What those hold that answered.
    pub held: Vec<HeldCheckpoint>,
    /// Who answered.
    pub asked: Vec<ParticipantId>,
    /// Who did not.
    pub silent: Vec<ParticipantId>,
    /// Those of the silent that have told this node of their own journals, and so have seen this one's; and why they could not be asked.
    pub silent_witnesses: Vec<(ParticipantId, String)>,
}

/// Asks everybody whom a node knows that does not run what they hold of its journal.
pub async fn held_by_counterparts(
    settings: &Settings,
    credentials: Credentials,
    store: &Store,
) -> anyhow::Result<Told> {
    let own = credentials.identity.current().certificate.participant.clone();
    let client = &dialler(settings, credentials)?;
    let known = store.peers(None, &[], None, 1000, SortOrder::Ascending).await?;
    let others = known.items.into_iter().filter(|peer| peer.id != own && !peer.manager_address.is_empty());
    let ask = others.map(|peer| async move {
        let held = verbond_node_api::held_by(client, &peer.id, &peer.manager_address).await;
        (peer.id, held)
    });
    let witnesses = store.witnessed(None).await?;
    let mut told =
        Told { held: Vec::new(), asked: Vec::new(), silent: Vec::new(), silent_witnesses: Vec::new() };
    for (id, held) in futures_util::future::join_all(ask).await {
        match held {
            Ok(held) => {
                told.held.extend(held);
                told.asked.push(id);
            }
            Err(reason) => {
                if witnesses.iter().any(|witness| witness.counterpart == id) {
                    told.silent_witnesses.push((id.clone(), reason));
                }
                told.silent.push(id);
            }
        }
    }
    Ok(told)
}

/// Looks whether the places where the journal's tree is published answer and know this node.
pub async fn tiles(settings: &Settings) -> Vec<Finding> {
    let places = match tiles::places(settings).await {
        Ok(places) => places,
        Err(problem) => return vec![Finding::problem(TILES, problem)],
    };
    let look = places.iter().map(|place| async move {
        match place.read(verbond_tiles::CHECKPOINT).await {
            Ok(_) => {
                let name = place.name();
                Finding::ok(TILES, format!("{name} antwoordt"), format!("{name} answers"))
            }
            Err(problem) => Finding::problem(TILES, problem),
        }
    });
    futures_util::future::join_all(look).await
}

fn dialler(settings: &Settings, credentials: Credentials) -> anyhow::Result<Client> {
    let Credentials { identity, trust, ambient } = credentials;
    let rules = settings.profile.tls_rules();
    let config =
        tls::client_config(Arc::clone(&identity), Arc::clone(&trust), &rules, ambient.clone(), false)?;
    let tls = PeerTls { http1: Arc::clone(&config), http2: config, identity, trust, ambient };
    let limits = ClientLimits { connect_timeout: PATIENCE, ..ClientLimits::default() };
    Ok(Client::peers(tls, Hosts::new(settings.configuration.hosts.clone()), limits))
}

async fn ask(client: &Client, id: &ParticipantId, address: &str, now: Timestamp) -> Result<Finding, String> {
    let target = Target::peer(id.clone(), address, Protocol::Http1).map_err(|error| error.to_string())?;
    let request = Request::get("/v1/peer").body(Bytes::new()).map_err(|error| error.to_string())?;
    let answer = client.call(&target, request, 65_536, PATIENCE).await.map_err(|error| error.to_string())?;
    if !answer.status().is_success() {
        return Err(format!("GET /v1/peer: {}", answer.status()));
    }
    let apart = date(&answer).map_or(0, |date| date.millis_since(now) / 1000);
    if apart.abs() > SKEW {
        return Ok(Finding::warn(
            "clock",
            format!("de klok van {id} verschilt {apart} seconden met de onze"),
            format!("the clock of {id} differs {apart} seconds from ours"),
        )
        .mend("Laat beide klokken door NTP stellen.", "let NTP set both clocks"));
    }
    Ok(Finding::ok("reach", format!("{id} antwoordt op {address}"), format!("{id} answers at {address}")))
}

fn date(answer: &Response<Bytes>) -> Option<Timestamp> {
    let text = answer.headers().get(header::DATE)?.to_str().ok()?;
    // HTTP writes GMT where RFC 2822 writes an offset.
    let moment = OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822).ok()?;
    Some(Timestamp::from_seconds(moment.unix_timestamp()))
}
