//! Data services of this node.

use axum::{Json, http::StatusCode};
use verbond_application::{
    class_questions::{self, ClassDecision},
    services::{self, ServiceDraft},
};
use verbond_domain::ServiceName;

use super::{
    extract::{Body, Context, Named},
    failure::{Failure, ProblemDetails},
    views::{List, ServiceView},
};

/// The services that this node offers, by name.
#[utoipa::path(get, path = "/v1/services", tag = "services", responses(
    (status = 200, body = List<ServiceView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(Context(context): Context) -> Result<Json<List<ServiceView>>, Failure> {
    Ok(Json(List::whole(services::list(&context).await?)))
}

/// One service.
#[utoipa::path(get, path = "/v1/services/{name}", tag = "services", params(("name" = ServiceName, Path)), responses(
    (status = 200, body = ServiceView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    Context(context): Context,
    Named(name): Named<ServiceName>,
) -> Result<Json<ServiceView>, Failure> {
    Ok(Json(services::get(&context, &name).await?.into()))
}

/// Offers a service, or changes it. The class, with who answers for it and why, is recorded and visible to others.
#[utoipa::path(put, path = "/v1/services/{name}", tag = "services", params(("name" = ServiceName, Path)),
    request_body = ServiceDraft, responses(
    (status = 200, body = ServiceView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn put(
    Context(context): Context,
    Named(name): Named<ServiceName>,
    Body(draft): Body<ServiceDraft>,
) -> Result<Json<ServiceView>, Failure> {
    Ok(Json(services::put(&context, &name, draft).await?.into()))
}

/// Decides, as another than who declared it so, whether a service is open whose traffic speaks of people.
#[utoipa::path(post, path = "/v1/services/{name}/class-decision", tag = "services",
    params(("name" = ServiceName, Path)), request_body = ClassDecision, responses(
    (status = 200, body = ServiceView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn decide(
    Context(context): Context,
    Named(name): Named<ServiceName>,
    Body(decision): Body<ClassDecision>,
) -> Result<Json<ServiceView>, Failure> {
    Ok(Json(class_questions::decide(&context, &name, decision).await?.into()))
}

/// No longer offers a service.
#[utoipa::path(delete, path = "/v1/services/{name}", tag = "services", params(("name" = ServiceName, Path)), responses(
    (status = 204),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn remove(
    Context(context): Context,
    Named(name): Named<ServiceName>,
) -> Result<StatusCode, Failure> {
    services::remove(&context, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
