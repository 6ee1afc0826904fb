//! Access tokens (FSC Core 2.0.0 §4.3): asked for and issued, their claims, judged at the inway.

mod admission;
mod claims;
mod refusal;
mod request;

pub use admission::{InwayContext, InwayRefusal, access_token, admit};
pub use claims::{AccessTokenClaims, ClaimsError};
pub use refusal::{TokenErrorCode, TokenRefusal};
pub use request::{TokenContext, TokenRequest, issue};
