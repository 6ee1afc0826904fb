//! Keys of the journal that were lost, and declaring it.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_application::losses::{self, Loss};

use super::{
    extract::{Body, Context},
    failure::{Failure, ProblemDetails},
    views::List,
};
use crate::ambient::rfc_3339;

/// A loss to be declared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLoss {
    /// Why. Stays in the journal: no personal data.
    reason: String,
}

/// What nobody can read any more: entries of one class and month, whose key is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct LossView {
    /// `exchange`, or `act` for acts and witnesses.
    pub class: &'static str,
    /// The month of UTC in which they were written: year * 100 + month.
    pub month: i64,
    /// Index of the first entry,
    pub first_index: u64,
    /// and of the last.
    pub last_index: u64,
    /// How many entries.
    pub entries: u64,
    /// When it was declared; null: it was not.
    pub declared_at: Option<String>,
}

impl From<Loss> for LossView {
    fn from(Loss { key, declared_at }: Loss) -> Self {
        Self {
            class: key.class,
            month: key.month,
            first_index: key.first_index,
            last_index: key.last_index,
            entries: key.entries,
            declared_at: declared_at.map(rfc_3339),
        }
    }
}

/// What nobody can read any more, declared or not. Looks through the whole journal.
#[utoipa::path(get, path = "/v1/losses", tag = "records", responses(
    (status = 200, body = List<LossView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(Context(context): Context) -> Result<Json<List<LossView>>, Failure> {
    Ok(Json(List::whole(losses::losses(&context).await?)))
}

/// Declares whatever is lost and was not declared: verifiers report it as a declared loss.
#[utoipa::path(post, path = "/v1/losses", tag = "records", request_body = NewLoss, responses(
    (status = 200, body = List<LossView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn declare(
    Context(context): Context,
    Body(NewLoss { reason }): Body<NewLoss>,
) -> Result<Json<List<LossView>>, Failure> {
    Ok(Json(List::whole(losses::declare(&context, &reason).await?)))
}
