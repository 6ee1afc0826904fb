//! One answer of a source, for who answers for the source: no exchange, nothing leaves.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    Method, Request, Uri,
    header::{ACCEPT, ACCEPT_ENCODING},
    uri::PathAndQuery,
};
use verbond_application::agreements::{Sampled, SourceReader};
use verbond_store::services::ServiceRow;
use verbond_transport::Client;

use crate::upstream::Upstream;

/// Most bytes of an answer.
const MAXIMUM_BYTES: usize = 1024 * 1024;
/// Time for the whole of it.
const TIME: Duration = Duration::from_secs(10);

/// Asks sources as the inway does.
pub struct SourceSamples(Client);

impl SourceSamples {
    /// With a client for sources (from [`Client::servers`]).
    pub const fn new(sources: Client) -> Self {
        Self(sources)
    }
}

#[async_trait]
impl SourceReader for SourceSamples {
    async fn read(&self, service: &ServiceRow, path: &str, accept: &str) -> Result<Sampled, String> {
        let upstream = Upstream::read(service).ok_or("the address of the source cannot be used")?;
        let asked: PathAndQuery = path.parse().map_err(|_| "the path cannot be used")?;
        let path = upstream.path(Some(&asked)).map_err(|_| "the path cannot be used")?;
        let request = Request::builder()
            .method(Method::GET)
            .uri(Uri::from(path))
            .header(ACCEPT, accept)
            .header(ACCEPT_ENCODING, "identity")
            .body(Bytes::new())
            .map_err(|_| "the request cannot be made")?;
        let answer = self.0.call(&upstream.target, request, MAXIMUM_BYTES, TIME).await;
        let answer = answer.map_err(|error| error.to_string())?;
        Ok(Sampled { status: answer.status().as_u16(), body: answer.into_body().into() })
    }
}
