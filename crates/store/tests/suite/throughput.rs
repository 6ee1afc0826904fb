use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use verbond_journal::{Journal, JournalLimits};

use crate::{
    TestResult,
    database::Database,
    samples::{permit, ticking},
};

on_both!(many_appends_at_once_share_their_syncs);

/// Not a benchmark: shows that entries that wait together share a transaction, and prints how fast that went.
#[expect(clippy::print_stderr, reason = "prints a figure for whoever looks")]
async fn many_appends_at_once_share_their_syncs(database: &Database) -> TestResult {
    const APPENDERS: u32 = 128;
    const EACH: u32 = 20;
    let (store, ambient) = (database.open().await?, ticking());
    let limits = JournalLimits { queue: 1024, batch: 256, timeout: Duration::from_secs(20) };
    let journal = Journal::start(Arc::new(store.clone()), ambient.clone(), limits);
    let started = Instant::now();
    let appenders: Vec<_> = (0..APPENDERS)
        .map(|number| {
            let (journal, ambient) = (journal.clone(), ambient.clone());
            tokio::spawn(async move {
                for _ in 0..EACH {
                    journal.append(&permit(&ambient, number)).await?;
                }
                Ok::<_, verbond_journal::AppendError>(())
            })
        })
        .collect();
    for appender in appenders {
        appender.await??;
    }
    let seconds = started.elapsed().as_secs_f64();
    journal.close().await;
    let statistics = journal.statistics();
    assert_eq!(statistics.written, u64::from(APPENDERS * EACH));
    assert!(statistics.batches * 4 < statistics.written, "{statistics:?}");
    eprintln!(
        "{}: {:.0} appends/s by {APPENDERS} appenders, {:.1} per transaction, {:.1} ms each",
        store.kind(),
        f64::from(APPENDERS * EACH) / seconds,
        f64::from(APPENDERS * EACH) / f64::from(u32::try_from(statistics.batches)?),
        f64::from(u32::try_from(statistics.wait_micros / statistics.written)?) / 1000.0,
    );
    store.close().await;
    Ok(())
}
