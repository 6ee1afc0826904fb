//! The organisation's own applications.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_application::applications::{self, BindingDraft, CredentialDraft};
use verbond_domain::{Alias, ApplicationName};

use super::{
    Shared,
    extract::{Body, Context, Named, NamedPair},
    failure::{Failure, ProblemDetails},
    views::{ApplicationView, BindingView, List},
};

/// An application as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationDraft {
    /// How it will prove who it is.
    credential: CredentialDraft,
}

/// What an application needs to reach the outway.
#[derive(Debug, Serialize, ToSchema)]
pub struct Admission {
    /// Its name.
    name: ApplicationName,
    /// Its bearer token, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Path of its Unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<String>,
}

/// All applications, by name.
#[utoipa::path(get, path = "/v1/applications", tag = "applications", responses(
    (status = 200, body = List<ApplicationView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(Context(context): Context) -> Result<Json<List<ApplicationView>>, Failure> {
    Ok(Json(List::whole(applications::list(&context).await?)))
}

/// One application.
#[utoipa::path(get, path = "/v1/applications/{name}", tag = "applications", params(("name" = ApplicationName, Path)),
    responses(
    (status = 200, body = ApplicationView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    Context(context): Context,
    Named(name): Named<ApplicationName>,
) -> Result<Json<ApplicationView>, Failure> {
    Ok(Json(applications::get(&context, &name).await?.into()))
}

/// Makes an application known to the outway, or gives it a new credential.
#[utoipa::path(put, path = "/v1/applications/{name}", tag = "applications", params(("name" = ApplicationName, Path)),
    request_body = ApplicationDraft, responses(
    (status = 200, body = Admission),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn put(
    State(office): State<Shared>,
    Context(context): Context,
    Named(name): Named<ApplicationName>,
    Body(draft): Body<ApplicationDraft>,
) -> Result<Json<Admission>, Failure> {
    let socket = (draft.credential == CredentialDraft::Socket).then(|| office.socket_of(&name));
    let token = applications::put(&context, &name, draft.credential).await?;
    Ok(Json(Admission { name, token, socket }))
}

/// Removes an application with everything it may use.
#[utoipa::path(delete, path = "/v1/applications/{name}", tag = "applications",
    params(("name" = ApplicationName, Path)), responses(
    (status = 204),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn remove(
    Context(context): Context,
    Named(name): Named<ApplicationName>,
) -> Result<StatusCode, Failure> {
    applications::remove(&context, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets an application use a service under a name. Without a declaration the service is governed.
#[utoipa::path(put, path = "/v1/applications/{name}/bindings/{alias}", tag = "applications",
    params(("name" = ApplicationName, Path), ("alias" = Alias, Path)), request_body = BindingDraft, responses(
    (status = 200, body = BindingView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn bind(
    Context(context): Context,
    NamedPair(name, alias): NamedPair<ApplicationName, Alias>,
    Body(draft): Body<BindingDraft>,
) -> Result<Json<BindingView>, Failure> {
    Ok(Json(applications::bind(&context, &name, &alias, draft).await?.into()))
}

/// Ends an application's use of a service.
#[utoipa::path(delete, path = "/v1/applications/{name}/bindings/{alias}", tag = "applications",
    params(("name" = ApplicationName, Path), ("alias" = Alias, Path)), responses(
    (status = 204),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn unbind(
    Context(context): Context,
    NamedPair(name, alias): NamedPair<ApplicationName, Alias>,
) -> Result<StatusCode, Failure> {
    applications::unbind(&context, &name, &alias).await?;
    Ok(StatusCode::NO_CONTENT)
}
