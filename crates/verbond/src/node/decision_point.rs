//! The organisation's own decision point, from its part of the configuration.

use std::time::Duration;

use verbond_domain::Problem;
use verbond_gateway::DecisionPoint;
use verbond_transport::ClientLimits;

use super::own_server::OwnServer;
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
    let time = Duration::from_millis(point.timeout_ms.into());
    let limits =
        ClientLimits { head_timeout: time, idle_connections: IDLE_CONNECTIONS, ..ClientLimits::servers() };
    let server = OwnServer::of(settings, point.access(), DEFAULT_PATH, limits);
    let OwnServer { client, target, path, bearer } =
        server.map_err(|(key, reason)| unusable(key, &reason))?;
    Ok(Some(DecisionPoint::new(client, target, path, bearer, time, point.pass_reason)))
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
