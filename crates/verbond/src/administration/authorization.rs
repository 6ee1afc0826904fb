//! Who may do what through the administration API: a table, checked per request; what is not in it is refused.

use std::fmt::Write;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use verbond_domain::Actor;

use super::{
    extract::Caller,
    failure::{Failure, refused},
};

/// In what capacity somebody asks. Persons with mandates of their own come beside the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs the node: whoever opens its socket, or holds a certificate of an administration authority.
    Operator,
    /// Everybody else.
    Nobody,
}

impl Role {
    /// All roles, in the order of the matrix.
    const ALL: [Self; 2] = [Self::Operator, Self::Nobody];

    fn of(caller: Option<&Actor>) -> Self {
        match caller {
            Some(Actor::Operator | Actor::Certificate { .. }) => Self::Operator,
            Some(Actor::Participant { .. } | Actor::Node { .. }) | None => Self::Nobody,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Nobody => "nobody",
        }
    }

    fn may(self, _permission: &Permission) -> bool {
        match self {
            Self::Operator => true,
            Self::Nobody => false,
        }
    }
}

/// What an endpoint does to which kind of thing.
#[derive(Debug)]
struct Permission {
    method: &'static str,
    path: &'static str,
    resource: &'static str,
    action: &'static str,
}

const fn permission(
    method: &'static str,
    path: &'static str,
    resource: &'static str,
    action: &'static str,
) -> Permission {
    Permission { method, path, resource, action }
}

/// Every endpoint.
const PERMISSIONS: &[Permission] = &[
    permission("GET", "/health/live", "node", "read"),
    permission("GET", "/health/ready", "node", "read"),
    permission("GET", "/metrics", "node", "read"),
    permission("GET", "/v1/openapi.json", "node", "read"),
    permission("GET", "/v1/node", "node", "read"),
    permission("POST", "/v1/reload", "node", "reload"),
    permission("GET", "/v1/services", "service", "read"),
    permission("GET", "/v1/services/{name}", "service", "read"),
    permission("PUT", "/v1/services/{name}", "service", "write"),
    permission("DELETE", "/v1/services/{name}", "service", "write"),
    permission("POST", "/v1/services/{name}/publications", "contract", "sign"),
    permission("GET", "/v1/directory-services", "peer", "ask"),
    permission("GET", "/v1/peers", "peer", "read"),
    permission("GET", "/v1/peers/{id}", "peer", "read"),
    permission("POST", "/v1/announcements", "peer", "announce"),
    permission("GET", "/v1/contracts", "contract", "read"),
    permission("GET", "/v1/contracts/{hash}", "contract", "read"),
    permission("POST", "/v1/contracts", "contract", "sign"),
    permission("POST", "/v1/contracts/{hash}/accept", "contract", "sign"),
    permission("POST", "/v1/contracts/{hash}/reject", "contract", "sign"),
    permission("POST", "/v1/contracts/{hash}/revoke", "contract", "sign"),
    permission("POST", "/v1/key-replacements", "contract", "sign"),
    permission("GET", "/v1/superseded-contracts", "contract", "read"),
    permission("POST", "/v1/superseded-contracts/revocations", "contract", "sign"),
    permission("GET", "/v1/applications", "application", "read"),
    permission("GET", "/v1/applications/{name}", "application", "read"),
    permission("PUT", "/v1/applications/{name}", "application", "write"),
    permission("DELETE", "/v1/applications/{name}", "application", "write"),
    permission("PUT", "/v1/applications/{name}/bindings/{alias}", "application", "write"),
    permission("DELETE", "/v1/applications/{name}/bindings/{alias}", "application", "write"),
    permission("GET", "/v1/records", "record", "read"),
    permission("GET", "/v1/journal", "record", "read"),
    permission("GET", "/v1/outbox", "outbox", "read"),
];

/// Lets a request through if its caller's role may do what its endpoint does.
pub async fn enforce(request: Request, next: Next) -> Response {
    let role = Role::of(request.extensions().get::<Caller>().map(|Caller(actor)| actor));
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let method = match request.method().as_str() {
        "HEAD" => "GET",
        method => method,
    };
    let permission =
        PERMISSIONS.iter().find(|permission| permission.method == method && permission.path == path);
    // An address that does not exist looks the same to nobody as one that is forbidden.
    match permission {
        Some(permission) if role.may(permission) => next.run(request).await,
        None if role == Role::Operator => next.run(request).await,
        _ => Failure(refused()).into_response(),
    }
}

/// The matrix of role, resource and action as text, to be checked in.
pub fn matrix() -> String {
    let mut text =
        String::from("Who may do what through the administration API. Generated; see CONTRIBUTING.md.\n\n");
    let _ = write!(text, "{:7}{:45}{:12}{:10}", "method", "path", "resource", "action");
    for role in Role::ALL {
        let _ = write!(text, "{:10}", role.as_str());
    }
    for permission in PERMISSIONS {
        let Permission { method, path, resource, action } = permission;
        let _ = write!(text, "\n{method:7}{path:45}{resource:12}{action:10}");
        for role in Role::ALL {
            let _ = write!(text, "{:10}", if role.may(permission) { "yes" } else { "no" });
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n"))
}

/// The endpoints of the table, for the test that none is missing.
#[cfg(test)]
pub fn endpoints() -> impl Iterator<Item = (&'static str, &'static str)> {
    PERMISSIONS.iter().map(|permission| (permission.method, permission.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_described_endpoint_stands_in_the_table_and_the_other_way_round() {
        let description = super::super::openapi();
        let paths = description.get("paths").and_then(serde_json::Value::as_object).into_iter().flatten();
        let mut described: Vec<(String, String)> = paths
            .flat_map(|(path, item)| {
                let methods = item.as_object().into_iter().flatten();
                methods.map(move |(method, _)| (method.to_uppercase(), path.clone()))
            })
            .collect();
        described.sort();
        let mut listed: Vec<_> =
            endpoints().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
        listed.sort();
        assert_eq!(described, listed);
    }

    #[test]
    fn a_participant_of_the_group_is_nobody_here() {
        let id = "oin:00000099000000010000".parse().ok();
        let participant = id.map(|id| Actor::Participant { id });
        assert_eq!(Role::of(participant.as_ref()), Role::Nobody);
        assert_eq!(Role::of(None), Role::Nobody);
        assert_eq!(Role::of(Some(&Actor::Operator)), Role::Operator);
    }
}
