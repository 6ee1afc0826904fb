//! Who may do what through the administration API: a table of role, resource and action, checked per request; what is not
//! in it is refused.

use std::fmt::Write;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use verbond_domain::{PersonRole, PersonRoles};

use super::{
    extract::Caller,
    failure::{Failure, not_enrolled, refused},
};

/// In what capacity somebody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// Whoever opens the node's socket: technical acts only.
    Socket,
    /// A person with a key of their own.
    Person(PersonRoles),
    /// Somebody whose certificate was let in, and who is not known as a person.
    Unenrolled,
}

impl Capacity {
    fn columns(&self) -> Vec<Column> {
        match self {
            Self::Socket => vec![Column::Role(PersonRole::Operator)],
            Self::Person(roles) => roles.iter().map(Column::Role).collect(),
            Self::Unenrolled => vec![Column::Unenrolled],
        }
    }

    /// Whoever has several roles may do what one of them may.
    fn may(&self, resource: &str, action: &str) -> bool {
        self.columns().into_iter().any(|column| column.may(resource, action))
    }
}

/// A column of the matrix. The socket has the operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Role(PersonRole),
    Unenrolled,
}

impl Column {
    const ALL: [Self; 7] = [
        Self::Role(OPERATOR),
        Self::Role(STEWARD),
        Self::Role(DRAFTER),
        Self::Role(OFFICER),
        Self::Role(SIGNATORY),
        Self::Role(AUDITOR),
        Self::Unenrolled,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Role(OFFICER) => "fg",
            Self::Role(role) => role.as_str(),
            Self::Unenrolled => "unenrolled",
        }
    }

    fn may(self, resource: &str, action: &str) -> bool {
        let rule = RULES.iter().find(|rule| rule.resource == resource && rule.action == action);
        match (rule, self) {
            (Some(rule), Self::Role(role)) => rule.roles.contains(&role),
            (Some(rule), Self::Unenrolled) => rule.unenrolled,
            (None, _) => false,
        }
    }
}

const OPERATOR: PersonRole = PersonRole::Operator;
const STEWARD: PersonRole = PersonRole::Steward;
const DRAFTER: PersonRole = PersonRole::Drafter;
const OFFICER: PersonRole = PersonRole::DataProtectionOfficer;
const SIGNATORY: PersonRole = PersonRole::Signatory;
const AUDITOR: PersonRole = PersonRole::Auditor;
const ANYBODY: &[PersonRole] = &PersonRole::ALL;

/// Which roles may do one kind of thing to one kind of resource.
struct Rule {
    resource: &'static str,
    action: &'static str,
    roles: &'static [PersonRole],
    unenrolled: bool,
}

const fn rule(resource: &'static str, action: &'static str, roles: &'static [PersonRole]) -> Rule {
    Rule { resource, action, roles, unenrolled: false }
}

/// The matrix.
const RULES: &[Rule] = &[
    rule("node", "read", ANYBODY),
    rule("node", "reload", &[OPERATOR]),
    // It copies everything that the node knows, onto the node's own machine.
    rule("node", "backup", &[OPERATOR]),
    rule("service", "read", ANYBODY),
    // Whoever declares one open must be a steward besides: `verbond_application::persons`.
    rule("service", "write", &[OPERATOR, STEWARD]),
    // That it is another than who declared it open is held by `verbond_application::class_questions`.
    rule("service", "decide", &[STEWARD]),
    rule("service", "publish", &[OPERATOR, STEWARD]),
    rule("peer", "read", ANYBODY),
    rule("peer", "ask", ANYBODY),
    rule("peer", "announce", &[OPERATOR]),
    // It decides by what a participant is bound, so that whoever answers for services and agreements says so.
    rule("peer", "declare", &[STEWARD]),
    rule("contract", "read", ANYBODY),
    rule("contract", "sign", &[OPERATOR]),
    // Ending something is open to more people than beginning it.
    rule("contract", "revoke", &[OPERATOR, STEWARD, SIGNATORY]),
    rule("application", "read", ANYBODY),
    rule("application", "write", &[OPERATOR]),
    rule("application", "bind", &[OPERATOR, STEWARD]),
    rule("application", "unbind", &[OPERATOR, STEWARD]),
    rule("record", "read", &[OPERATOR, STEWARD, OFFICER, AUDITOR]),
    rule("retention", "read", &[OPERATOR, STEWARD, OFFICER, AUDITOR]),
    // It decides what is kept about people, so that whoever answers for the source says so.
    rule("retention", "hold", &[STEWARD]),
    // Not by whoever keeps the keys, so that nobody loses them and declares it alone.
    rule("retention", "declare", &[STEWARD]),
    rule("outbox", "read", &[OPERATOR, OFFICER, AUDITOR]),
    rule("person", "read", ANYBODY),
    rule("person", "write", &[OPERATOR]),
    Rule { unenrolled: true, ..rule("person", "enrol", &[]) },
    rule("register", "read", ANYBODY),
    rule("register", "write", &[STEWARD, DRAFTER]),
    rule("withdrawal", "read", ANYBODY),
    // It ends agreements, so that whoever may end one may do it.
    rule("withdrawal", "write", &[STEWARD, SIGNATORY]),
    rule("task", "read", ANYBODY),
    rule("task", "do", &[STEWARD]),
    // That it is not who wrote it is held by `verbond_application::confirmation`.
    rule("register", "confirm", &[STEWARD, OFFICER]),
    rule("agreement", "read", ANYBODY),
    // Anybody may see for themselves whether what an agreement names can be read.
    rule("agreement", "fetch", ANYBODY),
    // That it is the provider's is held by `verbond_application::agreements`.
    rule("agreement", "sample", &[STEWARD]),
    rule("agreement", "draft", &[DRAFTER]),
    rule("agreement", "advise", &[OFFICER]),
    rule("agreement", "offer", &[DRAFTER]),
    rule("agreement", "sign", &[SIGNATORY]),
    rule("agreement", "refuse", &[SIGNATORY]),
    rule("agreement", "bind", &[STEWARD]),
    rule("agreement", "suspend", &[SIGNATORY, STEWARD]),
    rule("agreement", "revoke", &[SIGNATORY, STEWARD]),
    // Comparing tells the other party which period is looked at; nothing of a person.
    rule("journal", "read", &[OPERATOR, AUDITOR, OFFICER, STEWARD]),
    rule("account", "evidence", &[AUDITOR, OFFICER, STEWARD]),
    rule("account", "reconcile", &[OPERATOR, AUDITOR, OFFICER, STEWARD]),
    rule("account", "read", &[AUDITOR, OFFICER, STEWARD]),
    // Whoever looks for a person holds that person's number.
    rule("account", "person", &[OFFICER, STEWARD]),
    rule("decision", "read", &[AUDITOR, OFFICER, STEWARD]),
];

/// What an endpoint does to which kind of thing.
struct Endpoint {
    method: &'static str,
    path: &'static str,
    resource: &'static str,
    action: &'static str,
}

const fn endpoint(
    method: &'static str,
    path: &'static str,
    resource: &'static str,
    action: &'static str,
) -> Endpoint {
    Endpoint { method, path, resource, action }
}

/// Every endpoint.
const ENDPOINTS: &[Endpoint] = &[
    endpoint("GET", "/health/live", "node", "read"),
    endpoint("GET", "/health/ready", "node", "read"),
    endpoint("GET", "/metrics", "node", "read"),
    endpoint("GET", "/v1/openapi.json", "node", "read"),
    endpoint("GET", "/v1/node", "node", "read"),
    endpoint("POST", "/v1/backups", "node", "backup"),
    endpoint("POST", "/v1/reload", "node", "reload"),
    endpoint("GET", "/v1/services", "service", "read"),
    endpoint("GET", "/v1/services/{name}", "service", "read"),
    endpoint("PUT", "/v1/services/{name}", "service", "write"),
    endpoint("DELETE", "/v1/services/{name}", "service", "write"),
    endpoint("POST", "/v1/services/{name}/class-decision", "service", "decide"),
    endpoint("POST", "/v1/services/{name}/publications", "service", "publish"),
    endpoint("GET", "/v1/directory-services", "peer", "ask"),
    endpoint("GET", "/v1/peers", "peer", "read"),
    endpoint("GET", "/v1/peers/{id}", "peer", "read"),
    endpoint("POST", "/v1/peers/{id}/foreign", "peer", "declare"),
    endpoint("POST", "/v1/announcements", "peer", "announce"),
    endpoint("GET", "/v1/contracts", "contract", "read"),
    endpoint("GET", "/v1/contracts/{hash}", "contract", "read"),
    endpoint("POST", "/v1/contracts", "contract", "sign"),
    endpoint("POST", "/v1/contracts/{hash}/accept", "contract", "sign"),
    endpoint("POST", "/v1/contracts/{hash}/reject", "contract", "sign"),
    endpoint("POST", "/v1/contracts/{hash}/revoke", "contract", "revoke"),
    endpoint("POST", "/v1/key-replacements", "contract", "sign"),
    endpoint("GET", "/v1/superseded-contracts", "contract", "read"),
    endpoint("POST", "/v1/superseded-contracts/revocations", "contract", "revoke"),
    endpoint("GET", "/v1/applications", "application", "read"),
    endpoint("GET", "/v1/applications/{name}", "application", "read"),
    endpoint("PUT", "/v1/applications/{name}", "application", "write"),
    endpoint("DELETE", "/v1/applications/{name}", "application", "write"),
    endpoint("PUT", "/v1/applications/{name}/bindings/{alias}", "application", "bind"),
    endpoint("DELETE", "/v1/applications/{name}/bindings/{alias}", "application", "unbind"),
    endpoint("GET", "/v1/records", "record", "read"),
    endpoint("GET", "/v1/journal", "record", "read"),
    endpoint("GET", "/v1/retention", "retention", "read"),
    endpoint("GET", "/v1/holds", "retention", "read"),
    endpoint("POST", "/v1/holds", "retention", "hold"),
    endpoint("POST", "/v1/holds/{name}/release", "retention", "hold"),
    endpoint("GET", "/v1/losses", "retention", "read"),
    endpoint("POST", "/v1/losses", "retention", "declare"),
    endpoint("GET", "/v1/decisions", "decision", "read"),
    endpoint("GET", "/v1/decisions/{id}", "decision", "read"),
    endpoint("GET", "/v1/decisions/{id}/replay", "decision", "read"),
    endpoint("GET", "/v1/decision-replays", "decision", "read"),
    endpoint("GET", "/v1/evidence", "account", "evidence"),
    endpoint("GET", "/v1/journal/head", "journal", "read"),
    endpoint("GET", "/v1/journal/witnessed", "journal", "read"),
    endpoint("GET", "/v1/exchanges", "account", "read"),
    endpoint("GET", "/v1/exchanges/{transaction}", "account", "read"),
    endpoint("GET", "/v1/reconciliations", "account", "reconcile"),
    endpoint("GET", "/v1/processing-records", "account", "read"),
    endpoint("POST", "/v1/processing-records/search", "account", "person"),
    endpoint("POST", "/v1/reconciliations/{participant}", "account", "reconcile"),
    endpoint("GET", "/v1/outbox", "outbox", "read"),
    endpoint("GET", "/v1/persons", "person", "read"),
    endpoint("GET", "/v1/persons/{name}", "person", "read"),
    endpoint("POST", "/v1/persons", "person", "write"),
    endpoint("POST", "/v1/persons/{name}/invitation", "person", "write"),
    endpoint("PUT", "/v1/persons/{name}/certificate", "person", "write"),
    endpoint("PUT", "/v1/persons/{name}/roles", "person", "write"),
    endpoint("POST", "/v1/persons/{name}/disable", "person", "write"),
    endpoint("POST", "/v1/enrolments", "person", "enrol"),
    endpoint("GET", "/v1/registers/{register}", "register", "read"),
    endpoint("GET", "/v1/registers/{register}/{name}", "register", "read"),
    endpoint("PUT", "/v1/registers/{register}/{name}", "register", "write"),
    endpoint("POST", "/v1/registers/{register}/{name}/end", "register", "write"),
    endpoint("GET", "/v1/withdrawals", "withdrawal", "read"),
    endpoint("POST", "/v1/withdrawals/preview", "withdrawal", "read"),
    endpoint("POST", "/v1/withdrawals", "withdrawal", "write"),
    endpoint("GET", "/v1/tasks", "task", "read"),
    endpoint("POST", "/v1/tasks/{task}/done", "task", "do"),
    endpoint("POST", "/v1/registers/{register}/{name}/confirmation", "register", "confirm"),
    endpoint("GET", "/v1/agreements", "agreement", "read"),
    endpoint("GET", "/v1/agreements/{hash}", "agreement", "read"),
    endpoint("GET", "/v1/agreements/{hash}/document", "agreement", "read"),
    endpoint("GET", "/v1/agreements/{hash}/findings", "agreement", "read"),
    endpoint("GET", "/v1/agreements/{hash}/text", "agreement", "read"),
    endpoint("POST", "/v1/agreements/{hash}/samples", "agreement", "sample"),
    endpoint("GET", "/v1/agreements/{hash}/changes", "agreement", "read"),
    endpoint("GET", "/v1/agreements/{hash}/readings", "agreement", "read"),
    endpoint("POST", "/v1/agreements/{hash}/readings", "agreement", "fetch"),
    endpoint("POST", "/v1/agreements", "agreement", "draft"),
    endpoint("POST", "/v1/agreements/{hash}/amendments", "agreement", "draft"),
    endpoint("POST", "/v1/refusals/{transaction}/amendments", "agreement", "draft"),
    endpoint("DELETE", "/v1/agreements/{hash}", "agreement", "draft"),
    endpoint("POST", "/v1/agreements/{hash}/advice", "agreement", "advise"),
    endpoint("POST", "/v1/agreements/{hash}/offer", "agreement", "offer"),
    endpoint("POST", "/v1/agreements/{hash}/withdraw", "agreement", "offer"),
    endpoint("POST", "/v1/agreements/{hash}/signature", "agreement", "sign"),
    endpoint("POST", "/v1/agreements/{hash}/refuse", "agreement", "refuse"),
    endpoint("POST", "/v1/agreements/{hash}/contracts", "agreement", "bind"),
    endpoint("POST", "/v1/agreements/{hash}/suspend", "agreement", "suspend"),
    endpoint("POST", "/v1/agreements/{hash}/resume", "agreement", "suspend"),
    endpoint("POST", "/v1/agreements/{hash}/revoke", "agreement", "revoke"),
];

/// Lets a request through if its caller may do what its endpoint does.
pub async fn enforce(request: Request, next: Next) -> Response {
    let capacity = request.extensions().get::<Caller>().and_then(|caller| caller.capacity.as_ref());
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let method = match request.method().as_str() {
        "HEAD" => "GET",
        method => method,
    };
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.method == method && endpoint.path == path);
    // An address that does not exist looks the same to strangers as one that is forbidden.
    match (capacity, endpoint) {
        (Some(capacity), Some(endpoint)) if capacity.may(endpoint.resource, endpoint.action) => {
            next.run(request).await
        }
        (Some(Capacity::Socket | Capacity::Person(_)), None) => next.run(request).await,
        (Some(Capacity::Socket | Capacity::Person(_)), Some(endpoint)) => {
            Failure(refused(&allowed(endpoint))).into_response()
        }
        (Some(Capacity::Unenrolled), _) | (None, _) => Failure(not_enrolled()).into_response(),
    }
}

/// The roles that may do what the endpoint does.
fn allowed(endpoint: &Endpoint) -> Vec<PersonRole> {
    let may = |role: &PersonRole| Column::Role(*role).may(endpoint.resource, endpoint.action);
    PersonRole::ALL.into_iter().filter(may).collect()
}

/// The matrix as text, to be checked in.
pub fn matrix() -> String {
    let mut text = String::from(
        "Who may do what through the administration API. Generated; see CONTRIBUTING.md.\n\n\
         Whoever opens the node's Unix socket has the column `operator`. Persons with several roles may do what one of\n\
         them may. `fg`: data protection officer. `unenrolled`: a certificate that was let in, of nobody who is known\n\
         here.\n\n",
    );
    let _ = write!(text, "{:12}{:10}", "resource", "action");
    for column in Column::ALL {
        let _ = write!(text, "{:11}", column.as_str());
    }
    for Rule { resource, action, .. } in RULES {
        let _ = write!(text, "\n{resource:12}{action:10}");
        for column in Column::ALL {
            let _ = write!(text, "{:11}", if column.may(resource, action) { "yes" } else { "no" });
        }
    }
    let _ = write!(text, "\n\n{:7}{:45}{:12}action", "method", "path", "resource");
    for Endpoint { method, path, resource, action } in ENDPOINTS {
        let _ = write!(text, "\n{method:7}{path:45}{resource:12}{action}");
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n"))
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
        let listed = ENDPOINTS.iter().map(|endpoint| (endpoint.method.to_owned(), endpoint.path.to_owned()));
        let mut listed: Vec<_> = listed.collect();
        listed.sort();
        assert_eq!(described, listed);
    }

    #[test]
    fn every_endpoint_has_one_rule_and_no_rule_stands_twice() {
        let of = |resource: &str, action: &str| {
            RULES.iter().filter(|rule| rule.resource == resource && rule.action == action).count()
        };
        for endpoint in ENDPOINTS {
            assert_eq!(of(endpoint.resource, endpoint.action), 1, "{} {}", endpoint.method, endpoint.path);
        }
        for rule in RULES {
            assert_eq!(of(rule.resource, rule.action), 1, "{} {}", rule.resource, rule.action);
        }
    }

    #[test]
    fn several_roles_may_what_one_of_them_may_and_nothing_else() {
        for number in 0_u8..64 {
            let roles: Vec<PersonRole> = PersonRole::ALL
                .into_iter()
                .enumerate()
                .filter(|(place, _)| number >> place & 1 == 1)
                .map(|(_, role)| role)
                .collect();
            let Ok(together) = PersonRoles::new(roles.iter().copied()) else { continue };
            let together = Capacity::Person(together);
            for Rule { resource, action, roles: may, .. } in RULES {
                let expected = roles.iter().any(|role| may.contains(role));
                assert_eq!(together.may(resource, action), expected, "{roles:?} {resource} {action}");
            }
        }
        assert!(!Capacity::Socket.may("agreement", "burn"));
    }

    #[test]
    fn who_advises_signs_nothing_and_who_drafts_does_not_sign() {
        let may = |role: PersonRole, action| Column::Role(role).may("agreement", action);
        for role in [OPERATOR, STEWARD, DRAFTER, OFFICER, AUDITOR] {
            assert!(!may(role, "sign"), "{role}");
        }
        for action in ["draft", "offer", "sign", "refuse", "suspend", "revoke"] {
            assert!(!may(OFFICER, action) && !may(OPERATOR, action), "{action}");
        }
        // Withdrawing ends agreements: nobody may by it what they may not by `revoke`.
        for role in PersonRole::ALL {
            assert_eq!(Column::Role(role).may("withdrawal", "write"), may(role, "revoke"), "{role}");
        }
    }
}
