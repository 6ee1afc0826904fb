//! Publishing as long as the node runs, and what of it people can see.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use verbond_domain::{Problem, Timestamp};

use crate::publisher::{Publisher, Step};

/// First pause after a failure, doubled at each one after it.
const TROUBLE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(60);

/// What is the matter with a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What.
    pub problem: Problem,
    /// Since when.
    pub since: Timestamp,
}

/// How far publishing in a place has come, in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicationState {
    /// The epoch of the newest checkpoint that stands there, and over how many entries it is; none until it is known.
    pub published: Option<(u32, u64)>,
    /// Since when that is known to stand there.
    pub published_at: Option<Timestamp>,
    /// What is the matter; none when all is well.
    pub trouble: Option<Trouble>,
    /// How often it has failed since the start.
    pub failures: u64,
}

/// Publishing in one place.
pub struct Publication {
    name: String,
    state: RwLock<PublicationState>,
}

impl Publication {
    /// In the place of this publisher.
    pub fn new(publisher: &Publisher) -> Arc<Self> {
        Arc::new(Self { name: publisher.place().name(), state: RwLock::default() })
    }

    /// Where.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is.
    pub fn state(&self) -> PublicationState {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes until it is aborted, looking for a newer checkpoint every `pause`. Nothing waits for it: what a place does not take
    /// now, it gets later.
    pub async fn follow(self: Arc<Self>, mut publisher: Publisher, pause: Duration) {
        let mut trouble = TROUBLE;
        loop {
            match publisher.step().await {
                Ok(Step::GoneOn(row)) => {
                    trouble = TROUBLE;
                    self.well(Some((row.epoch, row.size)), publisher.context().ambient.now());
                }
                Ok(Step::Done(row)) => {
                    trouble = TROUBLE;
                    self.well(row.map(|row| (row.epoch, row.size)), publisher.context().ambient.now());
                    tokio::time::sleep(pause).await;
                }
                Err(problem) => {
                    self.failed(problem, publisher.context().ambient.now());
                    tokio::time::sleep(trouble).await;
                    trouble = LONGEST.min(trouble * 2);
                }
            }
        }
    }

    fn well(&self, published: Option<(u32, u64)>, now: Timestamp) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.published != published {
            (state.published, state.published_at) = (published, Some(now));
        }
        if state.trouble.take().is_some() {
            tracing::info!(place = self.name, "the journal's tree is published there again");
        }
    }

    /// Told once per change: a store that is down for a night fills no log.
    fn failed(&self, problem: Problem, now: Timestamp) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        match &mut state.trouble {
            Some(trouble) if trouble.problem.code == problem.code => trouble.problem = problem,
            trouble => {
                tracing::warn!(%problem, "the journal's tree is not published there");
                *trouble = Some(Trouble { problem, since: now });
            }
        }
    }
}
