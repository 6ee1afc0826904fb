//! Figures for Prometheus. No label names a participant, a service or a person.

use std::sync::{Arc, atomic::AtomicI64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::sync::Mutex;
use verbond_application::completions::Completions;
use verbond_application::counterparts::CounterpartCause;
use verbond_application::snapshot::SnapshotKeeper;
use verbond_application::witnesses::Witnesses;
use verbond_domain::{Ambient, ParticipantId, Timestamp};
use verbond_fsc::{RevocationRefresh, StoredContract, protocol::state::ContractState};
use verbond_journal::Journal;
use verbond_store::{Store, StoreError};
use verbond_supervision::Supervisor;
use verbond_tiles::Publication;
use verbond_trust::{IdentityHandle, TrustStore};

/// What the figures are taken from.
pub struct Sources {
    /// The node's database.
    pub store: Store,
    /// The journal.
    pub journal: Journal,
    /// What became of exchanges, on its way into it.
    pub completions: Completions,
    /// What counterparts show of their journals.
    pub witnesses: Witnesses,
    /// The picture that gateways decide on.
    pub snapshots: Arc<SnapshotKeeper>,
    /// The certificate.
    pub identity: Arc<IdentityHandle>,
    /// The revocation lists.
    pub trust: Arc<TrustStore>,
    /// The clock.
    pub ambient: Ambient,
    /// This participant.
    pub own: ParticipantId,
    /// Whether processing records are handed on.
    pub exports: bool,
    /// Places where the journal's tree is published.
    pub publications: Vec<Arc<Publication>>,
    /// What fetches the revocation lists.
    pub lists: Arc<RevocationRefresh>,
    /// What runs beside the requests.
    pub supervisor: Supervisor,
}

type Figure = Gauge<i64, AtomicI64>;

/// The node's figures: gauges are set when somebody asks, the gateways' counters count by themselves.
pub struct Metrics {
    sources: Sources,
    registry: Mutex<Registry>,
    certificate_seconds: Figure,
    lists: Figure,
    lists_missing: Figure,
    list_seconds: Figure,
    list_overdue_seconds: Figure,
    contracts_proposed: Figure,
    contracts_waiting: Figure,
    contracts_valid: Figure,
    outbox: Figure,
    picture_millis: Figure,
    journal_written: Figure,
    journal_batches: Figure,
    journal_failures: Figure,
    journal_wait_micros: Figure,
    completions_lost: Figure,
    exported: Figure,
    export_refused: Figure,
    export_seconds: Figure,
    witness_contradictions: Figure,
    contradictions_open: Figure,
    disagreements_open: Figure,
    tiles_entries: Figure,
    tiles_failures: Figure,
    panics: Family<TaskLabels, Figure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabels {
    task: &'static str,
}

impl Metrics {
    /// Registers the node's own figures in a registry that may hold those of others already.
    pub fn new(sources: Sources, mut registry: Registry) -> Self {
        let panics = Family::<TaskLabels, Figure>::default();
        let help =
            "Times that a task beside the requests came to a fault of the program and was started again";
        registry.register("verbond_background_panics", help, panics.clone());
        let mut figure = |name: &str, help: &str| {
            let gauge = Figure::default();
            registry.register(format!("verbond_{name}"), help, gauge.clone());
            gauge
        };
        Self {
            certificate_seconds: figure(
                "certificate_remaining_seconds",
                "Time until the node's certificate ends",
            ),
            lists: figure("revocation_lists", "Revocation lists in use"),
            lists_missing: figure(
                "revocation_lists_missing",
                "Sources of revocation lists from which none has been had yet",
            ),
            list_seconds: figure("revocation_list_age_seconds", "Age of the oldest revocation list in use"),
            list_overdue_seconds: figure(
                "revocation_list_overdue_seconds",
                "Time past the earliest nextUpdate in use",
            ),
            contracts_proposed: figure("contracts_proposed", "Contracts that somebody has yet to accept"),
            contracts_waiting: figure(
                "contracts_waiting",
                "Contracts that wait for this participant's signature",
            ),
            contracts_valid: figure("contracts_valid", "Contracts in force"),
            outbox: figure("outbox_messages", "Messages that still have to reach other participants"),
            picture_millis: figure(
                "picture_age_milliseconds",
                "Time since contracts and services were last confirmed",
            ),
            journal_written: figure("journal_entries_written", "Entries made durable since the start"),
            journal_batches: figure("journal_batches", "Transactions in which entries were made durable"),
            journal_failures: figure("journal_batch_failures", "Transactions of the journal that failed"),
            completions_lost: figure(
                "completions_lost",
                "Completions that could not be written: the delivery of their exchanges reads as unknown",
            ),
            witness_contradictions: figure(
                "witness_contradictions",
                "Times that a counterpart showed another history of its journal than before",
            ),
            contradictions_open: figure(
                "contradictions_open",
                "Journals of counterparts of which two histories were shown, with a task that nobody has done",
            ),
            disagreements_open: figure(
                "disagreements_open",
                "Comparisons of accounts that disagreed, with a task that nobody has done",
            ),
            tiles_entries: figure(
                "tiles_published_entries",
                "Entries of the journal whose tiles are published, in the place that is furthest behind",
            ),
            tiles_failures: figure(
                "tiles_publish_failures",
                "Times since the start that a place did not take the journal's tiles",
            ),
            exported: figure(
                "export_records_taken",
                "Processing records that the organisation's logbook took",
            ),
            export_refused: figure("export_records_refused", "Processing records that it refused"),
            export_seconds: figure(
                "export_behind_seconds",
                "Age of the oldest processing record that it has not taken yet",
            ),
            journal_wait_micros: figure(
                "journal_wait_microseconds",
                "Time that entries waited to be durable, summed",
            ),
            panics,
            sources,
            registry: Mutex::new(registry),
        }
    }

    /// The figures as they are now, in the OpenMetrics text format.
    pub async fn text(&self) -> String {
        self.take().await;
        let mut text = String::new();
        let registry = self.registry.lock().await;
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }

    async fn take(&self) {
        let now = self.sources.ambient.now();
        let certificate = &self.sources.identity.current().certificate;
        self.certificate_seconds.set(certificate.not_after.millis_since(now) / 1000);

        let lists = self.sources.trust.revocation_lists();
        let ages = lists.iter().map(|list| now.millis_since(list.this_update()) / 1000);
        let overdue = lists.iter().filter_map(|list| Some(now.millis_since(list.next_update()?) / 1000));
        self.lists.set(i64::try_from(lists.len()).unwrap_or(i64::MAX));
        let missing = self.sources.lists.held().into_iter().filter(|(_, list)| list.is_none()).count();
        self.lists_missing.set(i64::try_from(missing).unwrap_or(i64::MAX));
        self.list_seconds.set(ages.max().unwrap_or_default());
        self.list_overdue_seconds.set(overdue.max().unwrap_or_default().max(0));

        self.picture_millis.set(i64::try_from(self.sources.snapshots.age().as_millis()).unwrap_or(i64::MAX));
        self.take_contracts();
        self.take_panics();
        match self.sources.store.outbox().await {
            Ok(waiting) => {
                self.outbox.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
            }
            Err(error) => tracing::warn!(%error, "the outbox cannot be counted"),
        }

        if self.sources.exports
            && let Err(error) = self.take_export(now).await
        {
            tracing::warn!(%error, "what has been handed on to the logbook cannot be counted");
        }

        for (gauge, cause) in [
            (&self.contradictions_open, CounterpartCause::Contradiction),
            (&self.disagreements_open, CounterpartCause::Disagreement),
        ] {
            match self.sources.store.open_counterpart_tasks(cause.as_str()).await {
                Ok(open) => drop(gauge.set(i64::try_from(open.len()).unwrap_or(i64::MAX))),
                Err(error) => tracing::warn!(%error, "tasks about counterparts cannot be counted"),
            }
        }

        let published: Vec<_> =
            self.sources.publications.iter().map(|publication| publication.state()).collect();
        let entries = published.iter().map(|state| state.published.map_or(0, |(_, size)| size)).min();
        let journal = self.sources.journal.statistics();
        for (gauge, value) in [
            (&self.journal_written, journal.written),
            (&self.journal_batches, journal.batches),
            (&self.journal_failures, journal.failures),
            (&self.journal_wait_micros, journal.wait_micros),
            (&self.completions_lost, self.sources.completions.lost()),
            (&self.witness_contradictions, self.sources.witnesses.alarms()),
            (&self.tiles_entries, entries.unwrap_or_default()),
            (&self.tiles_failures, published.iter().map(|state| state.failures).sum()),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    fn take_panics(&self) {
        for (task, panics) in self.sources.supervisor.panics() {
            self.panics.get_or_create(&TaskLabels { task }).set(i64::try_from(panics).unwrap_or(i64::MAX));
        }
    }

    async fn take_export(&self, now: Timestamp) -> Result<(), StoreError> {
        let export = self.sources.store.export().await?;
        self.exported.set(i64::try_from(export.taken).unwrap_or(i64::MAX));
        self.export_refused.set(i64::try_from(export.refused).unwrap_or(i64::MAX));
        let next = self.sources.store.processing_records_after(export.until, 1).await?;
        let since = next.first().map(|row| Timestamp::from_millis(row.record.end_time));
        self.export_seconds.set(since.map_or(0, |since| now.millis_since(since).max(0) / 1000));
        Ok(())
    }

    fn take_contracts(&self) {
        let Ok(snapshot) = self.sources.snapshots.current() else { return };
        let now = self.sources.ambient.now();
        let (mut proposed, mut waiting, mut valid) = (0, 0, 0);
        for row in snapshot.contracts.iter() {
            let Ok(contract) = StoredContract::read(Arc::clone(row), self.sources.own.scheme()) else {
                continue;
            };
            match contract.state(now) {
                ContractState::Proposed => {
                    proposed += 1;
                    waiting +=
                        i64::from(!row.signatures.iter().any(|signature| signature.peer == self.sources.own));
                }
                ContractState::Valid => valid += 1,
                _ => {}
            }
        }
        self.contracts_proposed.set(proposed);
        self.contracts_waiting.set(waiting);
        self.contracts_valid.set(valid);
    }
}
