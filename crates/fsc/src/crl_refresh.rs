//! Lists of revoked certificates: loaded from the cache at the start, fetched before they end, handed to the trust
//! store. A source that fails leaves the list of before in use, until its grace ends.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::Request;
use tokio::task::JoinHandle;
use url::Url;
use verbond_domain::{Ambient, Timestamp};
use verbond_transport::{Client, Protocol, Target};
use verbond_trust::{IdentityHandle, RevocationList, TrustStore};

use crate::rules::RevocationSources;

/// Most bytes of one list.
const MAXIMUM_BYTES: usize = 32 * 1024 * 1024;
/// Time for fetching one list.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A list that is fetched is fetched again when less than this part of its life is left.
const EARLY: i64 = 4;

/// Keeps the trust store's lists of revoked certificates current.
pub struct RevocationRefresh {
    sources: RevocationSources,
    /// Dials plain servers ([`Client::servers`]).
    servers: Client,
    identity: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    ambient: Ambient,
    lists: Mutex<HashMap<String, RevocationList>>,
}

impl RevocationRefresh {
    /// Puts it together; nothing is loaded yet.
    pub fn new(
        sources: RevocationSources,
        servers: Client,
        identity: Arc<IdentityHandle>,
        trust: Arc<TrustStore>,
        ambient: Ambient,
    ) -> Arc<Self> {
        Arc::new(Self { sources, servers, identity, trust, ambient, lists: Mutex::default() })
    }

    /// Loads what lies in files and in the cache: enough to judge certificates before anything has been fetched.
    pub async fn load(&self) {
        for source in self.all_sources() {
            let path = if is_url(&source) { self.cache_file(&source) } else { PathBuf::from(&source) };
            match read(&path).await {
                Ok(list) => self.keep(&source, list),
                Err(reason) => tracing::debug!(source, reason, "no list of revoked certificates at hand yet"),
            }
        }
        self.hand_over();
    }

    /// Looks at every source now, whether its list is still good or not. Returns the sources that failed, with why.
    pub async fn refresh(&self) -> Vec<(String, String)> {
        self.look(true).await
    }

    /// Refreshes until the handle is aborted.
    pub fn start(self: &Arc<Self>) -> JoinHandle<()> {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let pause = Duration::from_secs(this.sources.refresh_seconds.max(1));
            loop {
                for (source, reason) in this.look(false).await {
                    tracing::warn!(source, reason, "a list of revoked certificates cannot be renewed");
                }
                tokio::time::sleep(pause).await;
            }
        })
    }

    /// When the oldest list in use was made by its issuer; for the metrics.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lists().values().map(RevocationList::this_update).min()
    }

    async fn look(&self, always: bool) -> Vec<(String, String)> {
        let mut failures = Vec::new();
        let mut changed = false;
        for source in self.all_sources() {
            let outcome = if !is_url(&source) {
                read(Path::new(&source)).await
            } else if always || self.is_due(&source) {
                self.fetch(&source).await
            } else {
                continue;
            };
            match outcome {
                Ok(list) => changed |= self.keep_newer(&source, list),
                Err(reason) => failures.push((source, reason)),
            }
        }
        if changed {
            self.hand_over();
        }
        failures
    }

    /// Configured ones, and those that our own certificate names.
    fn all_sources(&self) -> BTreeSet<String> {
        let own = self.identity.current().certificate.crl_urls.clone();
        self.sources.lists.iter().cloned().chain(own).collect()
    }

    fn is_due(&self, source: &str) -> bool {
        let lists = self.lists();
        let Some(list) = lists.get(source) else { return true };
        let (now, made) = (self.ambient.now(), list.this_update());
        let Some(end) = list.next_update() else { return true };
        end.millis_since(now) < end.millis_since(made) / EARLY
    }

    async fn fetch(&self, source: &str) -> Result<RevocationList, String> {
        let url = Url::parse(source).map_err(|error| error.to_string())?;
        let target = Target::server(source, Protocol::Http1).map_err(|error| error.to_string())?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let request = Request::get(path).body(Bytes::new()).map_err(|error| error.to_string())?;
        let answer = self.servers.call(&target, request, MAXIMUM_BYTES, TIMEOUT).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the server answered {}", answer.status().as_u16()));
        }
        let list = RevocationList::parse(answer.body()).map_err(|error| error.to_string())?;
        if let Err(error) = self.cache(source, list.der()).await {
            tracing::warn!(source, %error, "a list of revoked certificates cannot be kept in the cache");
        }
        Ok(list)
    }

    /// Written beside and renamed: a power cut leaves the old list or the new one.
    async fn cache(&self, source: &str, der: &[u8]) -> std::io::Result<()> {
        let path = self.cache_file(source);
        tokio::fs::create_dir_all(&self.sources.cache).await?;
        let beside = path.with_extension("new");
        tokio::fs::write(&beside, der).await?;
        tokio::fs::rename(&beside, &path).await
    }

    fn cache_file(&self, source: &str) -> PathBuf {
        let digest = digest(&SHA256, source.as_bytes());
        let name: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.sources.cache.join(format!("{name}.crl"))
    }

    fn lists(&self) -> std::sync::MutexGuard<'_, HashMap<String, RevocationList>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, source: &str, list: RevocationList) {
        self.lists().insert(source.to_owned(), list);
    }

    /// Keeps the list unless it is the one of before, or an older one put back by whoever is in between.
    fn keep_newer(&self, source: &str, list: RevocationList) -> bool {
        let mut lists = self.lists();
        let news = lists
            .get(source)
            .is_none_or(|before| list.this_update() >= before.this_update() && list.der() != before.der());
        if news {
            lists.insert(source.to_owned(), list);
        }
        news
    }

    fn hand_over(&self) {
        let lists = self.lists().values().cloned().collect();
        self.trust.set_revocation_lists(lists);
    }
}

fn is_url(source: &str) -> bool {
    source.starts_with("http://")
}

async fn read(path: &Path) -> Result<RevocationList, String> {
    let length = tokio::fs::metadata(path).await.map_err(|error| error.to_string())?.len();
    if length > MAXIMUM_BYTES as u64 {
        return Err("the file is too long".to_owned());
    }
    let bytes = tokio::fs::read(path).await.map_err(|error| error.to_string())?;
    RevocationList::parse(&bytes).map_err(|error| error.to_string())
}
