//! For what: the service that an application's request names, among those that it may use.

use bytes::Bytes;
use http::{HeaderName, request, uri::PathAndQuery};
use verbond_application::snapshot::Snapshot;
use verbond_domain::{Alias, Problem};
use verbond_store::applications::{ApplicationRow, BindingRow};

use crate::{Failure, NamedRoute, OutboundFace};

/// The field that names the alias instead of the path.
static VERBOND_SERVICE: HeaderName = HeaderName::from_static("verbond-service");

/// A binding of the application, with the path to forward and the protocol's own route, if the request named one.
pub(crate) struct Route<'a> {
    pub(crate) binding: &'a BindingRow,
    pub(crate) named: Option<NamedRoute>,
}

/// Finds the route and leaves in the head what is to be forwarded. In this order: the field `Verbond-Service`, a field of
/// the protocol, the first segment of the path.
pub(crate) fn find<'a>(
    head: &mut request::Parts,
    application: &'a ApplicationRow,
    snapshot: &Snapshot,
    face: &dyn OutboundFace,
) -> Result<Route<'a>, Problem> {
    if let Some(value) = head.headers.remove(&VERBOND_SERVICE) {
        let alias = value.to_str().ok().and_then(|text| text.parse::<Alias>().ok());
        let binding = alias.and_then(|alias| bound(application, alias.as_str()));
        return binding
            .map(|binding| Route { binding, named: None })
            .ok_or_else(|| unknown(face, application));
    }
    if let Some(named) = face.named_route(head, snapshot) {
        let named = named?;
        let binding = application.bindings.iter().find(|binding| binding.service == named.service);
        return binding
            .map(|binding| Route { binding, named: Some(named) })
            .ok_or_else(|| unknown(face, application));
    }
    let whole = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = whole.strip_prefix('/').unwrap_or(whole);
    let (alias, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let binding = bound(application, alias).ok_or_else(|| unknown(face, application))?;
    let forwarded = if rest.starts_with('/') {
        Bytes::copy_from_slice(rest.as_bytes())
    } else {
        Bytes::from(format!("/{rest}"))
    };
    let forwarded = PathAndQuery::from_maybe_shared(forwarded).map_err(|_| face.problem(Failure::Path))?;
    head.uri = forwarded.into();
    Ok(Route { binding, named: None })
}

fn bound<'a>(application: &'a ApplicationRow, alias: &str) -> Option<&'a BindingRow> {
    application.bindings.iter().find(|binding| binding.alias.as_str() == alias)
}

/// Says which names the application does have: they are its own.
fn unknown(face: &dyn OutboundFace, application: &ApplicationRow) -> Problem {
    let mut problem = face.problem(Failure::UnknownRoute);
    let aliases: Vec<&str> =
        application.bindings.iter().map(|binding| binding.alias.as_str()).take(20).collect();
    if aliases.is_empty() {
        problem.next(
            "Deze applicatie mag nog geen enkele dienst gebruiken: `verbond application allow`.",
            "This application may not use any service yet: `verbond application allow`.",
        )
    } else {
        let known = aliases.join(", ");
        problem.next.nl.push_str(" Bekend zijn: ");
        problem.next.nl.push_str(&known);
        problem.next.en.push_str(" Known are: ");
        problem.next.en.push_str(&known);
        problem
    }
}
