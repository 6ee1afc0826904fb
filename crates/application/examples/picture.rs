//! Measures what a change costs when many agreements stand. `bench/picture` runs it.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

#[path = "../tests/picture/made.rs"]
mod made;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use made::{BEGIN, Outcome, signed, step, version};
use verbond_agreement::StatementStep;
use verbond_application::{agreements::PublicList, snapshot::SnapshotKeeper};
use verbond_domain::{Ambient, Clock, Entropy, Timestamp};
use verbond_store::{DatabaseUrl, Store};
use verbond_supervision::Supervisor;
use verbond_trust::WrappingKey;

/// Changes that are measured at each count.
const ROUNDS: u64 = 41;
/// Agreements that are stored with one transaction.
const TOGETHER: u64 = 500;

#[derive(Default)]
struct Counting(AtomicU64);

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        BEGIN.plus_seconds(60)
    }
}

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        buffer.iter_mut().zip(number.into_iter().cycle()).for_each(|(byte, with)| *byte = with);
    }
}

/// Stores agreements that both parties have signed.
async fn fill(store: &Store, numbers: std::ops::Range<u64>) -> Outcome<()> {
    let mut numbers = numbers.peekable();
    while numbers.peek().is_some() {
        let mut transaction = store.begin().await?;
        for number in numbers.by_ref().take(usize::try_from(TOGETHER)?) {
            let (agreement, row) = version(number, 1, 700)?;
            transaction.insert_agreement(&row).await?;
            for (party, stated) in [(0, StatementStep::Offered), (0, signed()?), (1, signed()?)] {
                transaction.add_agreement_step(&row.hash, &step(&agreement, party, stated)?).await?;
            }
        }
        transaction.commit().await?;
    }
    Ok(())
}

/// From just before the commit until the picture holds it.
async fn change(store: &Store, keeper: &SnapshotKeeper, number: u64, stated: StatementStep) -> Outcome<Duration> {
    let (agreement, row) = version(number, 1, 700)?;
    let mut transaction = store.begin().await?;
    transaction.add_agreement_step(&row.hash, &step(&agreement, 0, stated)?).await?;
    let begin = Instant::now();
    transaction.commit().await?;
    keeper.caught_up(store.generation().await?).await;
    Ok(begin.elapsed())
}

fn shown(mut measured: Vec<Duration>) -> String {
    measured.sort();
    let at = |place: usize| measured.get(place).copied().unwrap_or_default().as_secs_f64() * 1000.0;
    format!("{:.1} ms ({:.1} to {:.1})", at(measured.len() / 2), at(0), at(measured.len().saturating_sub(1)))
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut counts: Vec<u64> = std::env::args().skip(1).map(|count| count.parse()).collect::<Result<_, _>>()?;
    if counts.is_empty() {
        counts = vec![10, 1_000, 100_000];
    }
    println!("| agreements | change to effect, median of {ROUNDS} | page of 50 of the public list | everything, as at a start |");
    println!("|---|---|---|---|");
    let directory = tempfile::tempdir()?;
    let parts = Arc::new(Counting::default());
    let ambient = Ambient::new(Arc::<Counting>::clone(&parts), parts);
    let key = WrappingKey::first(&ambient);
    let key = |_| WrappingKey::read(&key).map_err(|error| error.to_string());
    let url = DatabaseUrl::Sqlite(directory.path().join("node.sqlite"));
    let store = Store::open(&url, key, &ambient).await?;
    let supervisor = Supervisor::default();
    let mut stand = 0;
    for count in counts {
        fill(&store, stand..count).await?;
        stand = count;
        let begin = Instant::now();
        let (keeper, task) = SnapshotKeeper::start(store.clone(), ambient.clone(), &supervisor).await?;
        let whole = begin.elapsed();
        let (mut effects, mut pages) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let suspended = StatementStep::Suspended { reason: serde_json::from_str("\"example\"")? };
            let stated = if round % 2 == 0 { suspended } else { StatementStep::Resumed };
            effects.push(change(&store, &keeper, count / 2, stated).await?);
            let list = PublicList::default();
            let begin = Instant::now();
            list.page(&store, None, 50, BEGIN.plus_seconds(60)).await?;
            pages.push(begin.elapsed());
        }
        // As it was found: the step of an odd number of rounds is taken back.
        change(&store, &keeper, count / 2, StatementStep::Resumed).await?;
        task.abort();
        println!("| {count} | {} | {} | {:.2} s |", shown(effects), shown(pages), whole.as_secs_f64());
    }
    store.close().await;
    Ok(())
}
