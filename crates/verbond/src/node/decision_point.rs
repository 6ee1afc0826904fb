//! The organisation's own decision point, from its part of the configuration.

use std::time::Duration;

use http::{HeaderValue, uri::PathAndQuery};
use url::Url;
use verbond_domain::Problem;
use verbond_gateway::DecisionPoint;
use verbond_transport::{Client, ClientLimits, Hosts, Protocol, Target};
use verbond_trust::tls::ClientCredential;

use super::sources;
use crate::configuration::Settings;

/// Where AuthZEN 1.0 has Access Evaluation, unless the decision point says otherwise.
const DEFAULT_PATH: &str = "/access/v1/evaluation";
/// Unused connections that are kept to it.
const IDLE_CONNECTIONS: usize = 32;

/// What asks the decision point, if the organisation has one.
///
/// # Errors
/// `DECISION_POINT_UNUSABLE`, when a file cannot be used: the node does not start without what it was told to ask.
pub fn of(settings: &Settings) -> Result<Option<DecisionPoint>, Problem> {
    let Some(point) = &settings.configuration.decision_point else { return Ok(None) };
    let paths =
        point.anchors.as_ref().map(|anchors| anchors.iter().map(|path| settings.path(path)).collect());
    let anchors = sources::read(paths).map_err(|reason| unusable("anchors", &reason))?;
    let credential = match point.certificate.as_ref().zip(point.key.as_ref()) {
        Some((certificate, key)) => {
            let loaded = ClientCredential::load(&settings.path(certificate), &settings.path(key));
            Some(loaded.map_err(|error| unusable("certificate", &error.to_string()))?)
        }
        None => None,
    };
    let bearer = match &point.token_file {
        Some(file) => {
            let path = settings.path(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| unusable("token_file", &format!("{}: {error}", path.display())))?;
            Some(bearer(text.trim()).ok_or_else(|| unusable("token_file", "no token on one line"))?)
        }
        None => None,
    };
    let time = Duration::from_millis(point.timeout_ms.into());
    let connecting = Duration::from_millis(settings.configuration.limits.connect_timeout_ms.into());
    let limits = ClientLimits {
        connect_timeout: time.min(connecting),
        head_timeout: time,
        idle_connections: IDLE_CONNECTIONS,
        ..ClientLimits::servers()
    };
    let hosts = Hosts::new(settings.configuration.hosts.clone());
    let client = Client::servers_showing(credential.as_ref(), &anchors, hosts, limits)
        .map_err(|error| unusable("anchors", &error.to_string()))?;
    let target = Target::server(&point.address, Protocol::Http1)
        .map_err(|error| unusable("address", &error.to_string()))?;
    let path = path(&point.address).ok_or_else(|| unusable("address", "the path cannot be used"))?;
    Ok(Some(DecisionPoint::new(client, target, path, bearer, time, point.pass_reason)))
}

fn path(address: &str) -> Option<PathAndQuery> {
    let url = Url::parse(address).ok()?;
    match url.path() {
        "" | "/" => Some(PathAndQuery::from_static(DEFAULT_PATH)),
        path => path.parse().ok(),
    }
}

/// The value of `Authorization` (RFC 6750 §2.1), which logs do not show.
fn bearer(token: &str) -> Option<HeaderValue> {
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| is_token)?;
    value.set_sensitive(true);
    Some(value)
}

fn unusable(key: &str, reason: &str) -> Problem {
    Problem::new(
        "DECISION_POINT_UNUSABLE",
        400,
        format!("`decision_point.{key}` is niet bruikbaar: {reason}"),
        format!("`decision_point.{key}` cannot be used: {reason}"),
    )
    .next(
        "Zet het bestand goed, of haal het onderdeel [decision_point] weg als er geen beslispunt meer is.",
        "put the file right, or remove the section [decision_point] if there is no decision point any more",
    )
}
