//! Lists of revoked certificates: loaded from the cache at the start, fetched before they end, handed to the trust
//! store. A source that fails leaves the list of before in use, until its grace ends.
//!
//! Which lists are needed the trust store learns from the chains that it sees. They come over plain HTTP as a rule, so
//! that a list is kept only when an issuer in such a chain, or a trust anchor, has signed it.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Request;
use tokio::task::JoinHandle;
use url::Url;
use verbond_domain::{Ambient, Timestamp};
use verbond_fail_points::fail_point;
use verbond_supervision::Supervisor;
use verbond_transport::{Client, Protocol, Target};
use verbond_trust::{IdentityHandle, RevocationList, TrustStore};

use crate::rules::RevocationSources;

/// Most bytes of one list.
const MAXIMUM_BYTES: usize = 32 * 1024 * 1024;
/// Time for fetching one list.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A list that is fetched is fetched again when less than this part of its life is left.
const EARLY: i64 = 4;
/// Lists that are fetched at the same time: a server that hangs does not hold up the others.
const AT_ONCE: usize = 4;
/// Seconds that an issuer's clock may be ahead of ours.
const CLOCK_SKEW_SECONDS: i64 = 300;
/// Shortest time between two looks, however many new issuers are seen.
const SHORTEST: Duration = Duration::from_secs(1);
/// Time until the next look while a list is missing.
const RETRY: Duration = Duration::from_secs(60);
/// Names the sources that were learned, in the cache; one URL per line.
const LEARNED: &str = "learned.txt";
/// Sources that are remembered from one start to the next.
const MAXIMUM_LEARNED: usize = 64;

/// Keeps the trust store's lists of revoked certificates current.
pub struct RevocationRefresh {
    sources: RevocationSources,
    /// Dials plain servers ([`Client::servers`]).
    servers: Client,
    identity: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    ambient: Ambient,
    lists: Mutex<HashMap<String, RevocationList>>,
    /// Sources that chains showed before the last start.
    remembered: Mutex<BTreeSet<String>>,
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
        Arc::new(Self {
            sources,
            servers,
            identity,
            trust,
            ambient,
            lists: Mutex::default(),
            remembered: Mutex::default(),
        })
    }

    /// Loads what lies in files and in the cache: enough to judge certificates before anything has been fetched.
    pub async fn load(&self) {
        *self.remembered() = read_learned(&self.sources.cache.join(LEARNED)).await;
        for source in self.all_sources() {
            let path = if is_url(&source) { self.cache_file(&source) } else { PathBuf::from(&source) };
            match read(&path).await.and_then(|list| self.timely(list)) {
                Ok(list) => self.keep(&source, list),
                Err(reason) => tracing::debug!(source, reason, "no list of revoked certificates at hand yet"),
            }
        }
        self.hand_over();
    }

    /// Looks again at the files and at the cache, where another process of this node may have put newer lists.
    pub async fn look_at_files(&self) {
        let mut changed = false;
        for source in self.all_sources() {
            let path = if is_url(&source) { self.cache_file(&source) } else { PathBuf::from(&source) };
            if let Ok(list) = read(&path).await.and_then(|list| self.timely(list)) {
                changed |= self.keep_newer(&source, list);
            }
        }
        if changed {
            self.hand_over();
        }
    }

    /// Looks at the sources whose lists are missing or near their end. Returns those that failed, with why.
    pub async fn renew(&self) -> Vec<(String, String)> {
        self.look(false).await
    }

    /// Every source, with its list when there is one; for the metrics and for looking at a node from outside.
    pub fn held(&self) -> Vec<(String, Option<RevocationList>)> {
        let sources = self.all_sources();
        let lists = self.lists();
        sources.into_iter().map(|source| (source.clone(), lists.get(&source).cloned())).collect()
    }

    /// Looks at every source now, whether its list is still good or not. Returns the sources that failed, with why.
    pub async fn refresh(&self) -> Vec<(String, String)> {
        self.look(true).await
    }

    /// Refreshes until the handle is aborted: at the configured times, and soon when a chain shows an issuer that was
    /// not known.
    pub fn start(self: &Arc<Self>, supervisor: &Supervisor) -> JoinHandle<()> {
        supervisor.keep("revocation-lists", Arc::clone(self), Self::keep_renewed)
    }

    async fn keep_renewed(self: Arc<Self>) {
        let mut news = self.trust.news_of_issuers();
        let pause = Duration::from_secs(self.sources.refresh_seconds.max(1));
        // Without its list an issuer's participants are refused: it is asked for again soon, then less often.
        let mut retry = SHORTEST;
        loop {
            fail_point!("task::revocation-lists");
            news.borrow_and_update();
            let failures = self.look(false).await;
            let missing = failures.iter().any(|(source, _)| !self.lists().contains_key(source));
            for (source, reason) in failures {
                tracing::warn!(source, reason, "a list of revoked certificates cannot be renewed");
            }
            tokio::time::sleep(SHORTEST).await;
            tokio::select! {
                Ok(()) = news.changed() => {}
                () = tokio::time::sleep(if missing { pause.min(retry) } else { pause }) => {}
            }
            retry = if missing { RETRY.min(retry * 2) } else { SHORTEST };
        }
    }

    /// When the oldest list in use was made by its issuer; for the metrics.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lists().values().map(RevocationList::this_update).min()
    }

    async fn look(&self, always: bool) -> Vec<(String, String)> {
        // What a chain shows from here on is for the next look: no list is fetched whose source is not written down.
        let learned = self.remember_learned().await;
        let mut failures = Vec::new();
        let mut changed = false;
        let due = |source: &String| always || !is_url(source) || self.is_due(source);
        let sources: Vec<String> = self.sources_with(learned).into_iter().filter(due).collect();
        let mut outcomes = stream::iter(sources)
            .map(async |source| {
                let outcome = self.obtain(&source).await;
                (source, outcome)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((source, outcome)) = outcomes.next().await {
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

    /// The list as its source has it now. One that came over the network is in the cache when this returns.
    async fn obtain(&self, source: &str) -> Result<RevocationList, String> {
        if !is_url(source) {
            return self.timely(read(Path::new(source)).await?);
        }
        let list = self.timely(self.fetch(source).await?)?;
        if !self.trust.has_signed(&list) {
            return Err("no issuer that has been seen in a chain to a trust anchor has signed it".to_owned());
        }
        if !self.is_older(source, &list)
            && let Err(error) = self.cache(source, list.der()).await
        {
            tracing::warn!(source, %error, "a list of revoked certificates cannot be kept in the cache");
        }
        Ok(list)
    }

    /// A list from the future would shut out all that follow it.
    fn timely(&self, list: RevocationList) -> Result<RevocationList, String> {
        if list.this_update() > self.ambient.now().plus_seconds(CLOCK_SKEW_SECONDS) {
            return Err("the list says that it was made in the future".to_owned());
        }
        Ok(list)
    }

    /// Configured ones, and those that certificates name: our own, and others' that were seen.
    fn all_sources(&self) -> BTreeSet<String> {
        self.sources_with(self.learned())
    }

    fn sources_with(&self, learned: BTreeSet<String>) -> BTreeSet<String> {
        let mut all = learned;
        all.extend(self.sources.lists.iter().cloned());
        all.extend(self.identity.current().certificate.crl_urls.iter().cloned());
        all
    }

    fn learned(&self) -> BTreeSet<String> {
        self.trust.see(&self.identity.current().chain, self.ambient.now());
        let mut learned: BTreeSet<String> = self.trust.list_sources().into_iter().collect();
        for source in self.remembered().iter() {
            if learned.len() < MAXIMUM_LEARNED {
                learned.insert(source.clone());
            }
        }
        learned
    }

    /// Writes down what chains have shown, so that after a start their lists are at hand before they call.
    async fn remember_learned(&self) -> BTreeSet<String> {
        let learned = self.learned();
        if learned == *self.remembered() {
            return learned;
        }
        let lines: String = learned.iter().map(|source| format!("{source}\n")).collect();
        self.remembered().clone_from(&learned);
        if let Err(error) = self.replace(&self.sources.cache.join(LEARNED), lines.as_bytes()).await {
            tracing::warn!(%error, "the sources of lists of revoked certificates cannot be kept");
        }
        learned
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
        let answer = answer.map_err(|error| match url.scheme() {
            "https" => format!("{error}; over https the server's own certificate must be trusted here"),
            _ => error.to_string(),
        })?;
        if !answer.status().is_success() {
            return Err(format!("the server answered {}", answer.status().as_u16()));
        }
        RevocationList::parse(answer.body()).map_err(|error| error.to_string())
    }

    async fn cache(&self, source: &str, der: &[u8]) -> std::io::Result<()> {
        self.replace(&self.cache_file(source), der).await
    }

    /// Written beside and renamed: a power cut leaves the old file or the new one.
    async fn replace(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        tokio::fs::create_dir_all(&self.sources.cache).await?;
        let beside = path.with_extension("new");
        tokio::fs::write(&beside, bytes).await?;
        tokio::fs::rename(&beside, path).await
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

    /// Keeps the list unless it is the one of before, or must not take its place.
    fn keep_newer(&self, source: &str, list: RevocationList) -> bool {
        if self.is_older(source, &list) {
            return false;
        }
        let mut lists = self.lists();
        let news = lists.get(source).is_none_or(|before| list.der() != before.der());
        lists.insert(source.to_owned(), list);
        news
    }

    /// Whether whoever is in between has put back an older list, or put another issuer's in its place.
    fn is_older(&self, source: &str, list: &RevocationList) -> bool {
        let lists = self.lists();
        let Some(before) = lists.get(source) else { return false };
        let has_ended = before.next_update().is_some_and(|end| end < self.ambient.now());
        list.this_update() < before.this_update() || (list.issuer() != before.issuer() && !has_ended)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self) {
        let sources = self.all_sources();
        let mut lists = self.lists();
        lists.retain(|source, _| sources.contains(source));
        self.trust.set_revocation_lists(lists.values().cloned().collect());
    }
}

fn is_url(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

async fn read_learned(path: &Path) -> BTreeSet<String> {
    let text = tokio::fs::read_to_string(path).await.unwrap_or_default();
    text.lines().filter(|line| is_url(line)).take(MAXIMUM_LEARNED).map(str::to_owned).collect()
}

async fn read(path: &Path) -> Result<RevocationList, String> {
    let length = tokio::fs::metadata(path).await.map_err(|error| error.to_string())?.len();
    if length > MAXIMUM_BYTES as u64 {
        return Err("the file is too long".to_owned());
    }
    let bytes = tokio::fs::read(path).await.map_err(|error| error.to_string())?;
    RevocationList::parse(&bytes).map_err(|error| error.to_string())
}
