//! A bucket of an object store that speaks S3's protocol.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use object_store::{
    Attribute, Attributes, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
    UpdateVersion,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use verbond_domain::Problem;
use verbond_transport::{Client, ClientError, Target};

use crate::{
    credentials::{Credentials, CredentialsError},
    http_service::{Refusal, Server},
    place::{Creation, Held, LONGEST_FILE, Place},
    problems::{not_taken, refused, unreachable},
};

/// How long caches may keep what never changes: a year (RFC 8246).
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What can be another one at any time: caches ask each time.
const ASK_AGAIN: &str = "no-cache";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// Which bucket.
#[derive(Clone, Debug)]
pub struct BucketName {
    /// `https://host:port`, without a path.
    pub address: String,
    /// The bucket.
    pub bucket: String,
    /// Before each path; may be empty.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
}

/// A bucket.
pub struct Bucket {
    store: AmazonS3,
    name: BucketName,
}

impl Bucket {
    /// Reached by `client` at `target`, each request within `time`.
    ///
    /// # Errors
    /// What of the name cannot be used.
    pub fn new(
        name: BucketName,
        (client, target): (Client, Target),
        credentials: Credentials,
        time: Duration,
    ) -> Result<Self, String> {
        // Whoever publishes tries again, with pauses that see the whole of it.
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let store = AmazonS3Builder::new()
            .with_endpoint(&name.address)
            .with_bucket_name(&name.bucket)
            .with_region(&name.region)
            .with_credentials(Arc::new(credentials))
            .with_allow_http(true)
            .with_retry(once)
            .with_http_connector(Server { client, target, time })
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { store, name })
    }

    fn at(&self, path: &str) -> Result<Path, Problem> {
        let path = format!("{}/{path}", self.name.prefix);
        Path::parse(path.trim_start_matches('/'))
            .map_err(|_| not_taken(&self.name(), "its prefix is no path"))
    }

    async fn put(&self, path: &str, content: Bytes, mode: PutMode, kept: Kept) -> Result<(), PutFailure> {
        let at = self.at(path).map_err(PutFailure::Problem)?;
        let attributes = Attributes::from_iter([
            (Attribute::CacheControl, kept.cache_control()),
            (Attribute::ContentType, kept.content_type()),
        ]);
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        match self.store.put_opts(&at, content.into(), options).await {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Err(PutFailure::Taken),
            Err(error) => Err(PutFailure::Problem(self.failed(&error))),
        }
    }

    /// What is the matter, by what the connection or the answer said; nothing of the answer's text.
    fn failed(&self, error: &Error) -> Problem {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(refusal) = error.downcast_ref::<Refusal>() {
                let is_ours = matches!(refusal.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
                let problem = if is_ours { refused } else { not_taken };
                return problem(&self.name(), &refusal.to_string());
            }
            if let Some(error) = error.downcast_ref::<ClientError>() {
                return unreachable(&self.name(), &error.to_string());
            }
            if let Some(error) = error.downcast_ref::<CredentialsError>() {
                return refused(&self.name(), &error.to_string());
            }
            cause = error.source();
        }
        let reason = match error {
            Error::NotFound { .. } => "there is no such bucket",
            _ => "its answer is not that of an object store",
        };
        not_taken(&self.name(), reason)
    }
}

enum PutFailure {
    /// Something else stands there.
    Taken,
    Problem(Problem),
}

/// For how long what is put stays the same.
#[derive(Clone, Copy)]
enum Kept {
    ForEver,
    UntilTheNext,
}

impl Kept {
    const fn cache_control(self) -> &'static str {
        match self {
            Self::ForEver => FOR_EVER,
            Self::UntilTheNext => ASK_AGAIN,
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::ForEver => BYTES,
            Self::UntilTheNext => TEXT,
        }
    }
}

#[async_trait]
impl Place for Bucket {
    fn name(&self) -> String {
        let BucketName { address, bucket, prefix, .. } = &self.name;
        format!("{address}/{bucket}/{prefix}").trim_end_matches('/').to_owned()
    }

    fn task(&self) -> &'static str {
        "tiles-in-object-store"
    }

    async fn read(&self, path: &str) -> Result<Option<Held>, Problem> {
        let got = match self.store.get(&self.at(path)?).await {
            Ok(got) => got,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        let tag = got.meta.e_tag.clone();
        if got.meta.size > LONGEST_FILE as u64 {
            return Err(not_taken(&self.name(), &format!("`{path}` there is too long")));
        }
        let content = got.bytes().await.map_err(|error| self.failed(&error))?;
        Ok(Some(Held { content, tag }))
    }

    async fn create(&self, path: &str, content: Bytes) -> Result<Creation, Problem> {
        match self.put(path, content, PutMode::Create, Kept::ForEver).await {
            Ok(()) => Ok(Creation::Made),
            Err(PutFailure::Taken) => Ok(Creation::Exists),
            Err(PutFailure::Problem(problem)) => Err(problem),
        }
    }

    async fn replace(&self, path: &str, content: Bytes, held: Option<&Held>) -> Result<(), Problem> {
        let mode = match held {
            Some(Held { tag: Some(tag), .. }) => {
                PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None })
            }
            Some(_) => PutMode::Overwrite,
            None => PutMode::Create,
        };
        match self.put(path, content, mode, Kept::UntilTheNext).await {
            Ok(()) => Ok(()),
            Err(PutFailure::Taken) => {
                Err(not_taken(&self.name(), &format!("`{path}` has been changed by another meanwhile")))
            }
            Err(PutFailure::Problem(problem)) => Err(problem),
        }
    }
}
