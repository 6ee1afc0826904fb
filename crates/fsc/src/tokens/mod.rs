//! Access tokens: issued to the outways of others, obtained for our own.

mod cache;
mod issuing;
mod obtaining;

pub(crate) use cache::{AccessToken, TokenCache, TokenKey};
pub(crate) use issuing::NoToken;
