//! A real answer of a source, seen by its steward.

use axum::{Json, extract::State};
use verbond_agreement::preview::Preview;
use verbond_application::agreements::SampleAsked;

use super::{
    Shared,
    extract::{Body, Context, Named},
    failure::{Failure, ProblemDetails},
};

/// Asks the source for one real answer and shows what of it would be delivered. For the provider's steward alone; that it
/// is asked is recorded first, and the answer is kept nowhere.
#[utoipa::path(post, path = "/v1/agreements/{hash}/samples", tag = "agreements", params(("hash" = String, Path)),
    request_body = SampleAsked, responses((status = 200, body = Preview),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn sample(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
    Body(asked): Body<SampleAsked>,
) -> Result<Json<Preview>, Failure> {
    Ok(Json(office.agreements.sample(&context, &*office.samples, &hash, &asked).await?))
}
