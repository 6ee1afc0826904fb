//! Measures the journal: appends against the same bytes written by the database alone, and what an append, a place in the tree and a
//! proof cost as the journal grows. `bench/append` runs it.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{
    error::Error,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor, PgConnection, SqliteConnection};
use verbond_domain::{Ambient, Clock, Direction, ExchangeParties, Timestamp};
use verbond_journal::{
    Bytes32, Completion, Crossed, Delivery, Entry, Journal, JournalLimits, Permit, Showing,
};
use verbond_store::{DatabaseUrl, Store};
use verbond_trust::{SystemEntropy, WrappingKey};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes of a decision's record.
const DECISION: usize = 1_650;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What one measurement of appends has said.
struct Rate {
    entries: usize,
    seconds: f64,
    processor: f64,
}

impl Rate {
    fn json(&self) -> serde_json::Value {
        let entries = self.entries as f64;
        json!({
            "entries": self.entries,
            "per_second": entries / self.seconds,
            "processor_micros_each": self.processor / entries * 1e6,
        })
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "a measurement takes place now")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The two entries of an exchange as one side has them. Of an open service, or with a record of a decision of the size that an
/// agreement of two clauses brings.
async fn exchange(journal: &Journal, ambient: &Ambient, governed: bool) -> Outcome<()> {
    let permit = permit(ambient, governed)?;
    let completion = Completion {
        transaction_id: permit.transaction_id,
        direction: permit.direction,
        counterpart: permit.parties.consumer.clone(),
        permit: journal.append(&Entry::Permit(permit)).await?,
        delivery: Delivery::Whole,
        status: Some(200),
        code: None,
        request: Crossed { bytes: 0, digest: Bytes32(ambient.random()) },
        response: Crossed { bytes: 1024, digest: Bytes32(ambient.random()) },
        elements: Vec::new(),
        people: governed.then_some(1),
        salt: Bytes32(ambient.random()),
    };
    journal.append(&Entry::Completion(completion)).await?;
    Ok(())
}

fn permit(ambient: &Ambient, governed: bool) -> Outcome<Permit> {
    let wire = json!({"grant_hash": "$1$4$x8wXNSzJ6RtdHCXHwFoo6KD0j2DVn7jmVLdKzzFSrKN5SDlHn3dKCzfkk2U5"});
    Ok(Permit {
        transaction_id: ambient.uuid_v7().to_string().parse()?,
        direction: Direction::Incoming,
        parties: ExchangeParties {
            consumer: "oin:00000099000000010000".parse()?,
            consumer_delegator: None,
            provider: "oin:00000099000000020000".parse()?,
            provider_delegator: None,
            service: "incomes".parse()?,
        },
        wire: wire.as_object().cloned().unwrap_or_default().into(),
        application: None,
        decision: governed.then(|| json!({"of_the_size_of_a_decision": "d".repeat(DECISION)}).into()),
        processing: Vec::new(),
        owed: None,
    })
}

/// Processor seconds that this process has used.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // Fields 14 and 15 of proc(5), in hundredths of a second.
    (ticks(11) + ticks(12)) / 100.0
}

async fn measured(entries: usize, work: impl Future<Output = Outcome<()>>) -> Outcome<Rate> {
    let (began, before) = (Instant::now(), processor_seconds());
    work.await?;
    Ok(Rate { entries, seconds: began.elapsed().as_secs_f64(), processor: processor_seconds() - before })
}

/// Appends `count` entries as the gateways do: each waits until its entry is durable, `appenders` of them at once.
async fn append(store: &Store, ambient: &Ambient, given: &Given) -> Outcome<()> {
    let Given { count, appenders, batch, governed, .. } = *given;
    let limits = JournalLimits { queue: 1 << 16, batch, timeout: Duration::from_secs(60) };
    let journal = Journal::start(Arc::new(store.clone()), ambient.clone(), limits);
    let exchanges = (count / 2).max(1);
    let appenders = appenders.min(exchanges);
    let each = exchanges / appenders;
    let tasks: Vec<_> = (0..appenders)
        .map(|_| {
            let (journal, ambient) = (journal.clone(), ambient.clone());
            tokio::spawn(async move {
                for _ in 0..each {
                    exchange(&journal, &ambient, governed).await?;
                }
                Outcome::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    journal.close().await;
    Ok(())
}

async fn integrate(store: &Store) -> Outcome<()> {
    while store.integrate(1000).await? > 0 {}
    Ok(())
}

async fn append_and_integrate(store: &Store, ambient: &Ambient, given: &Given) -> Outcome<()> {
    let beside = tokio::spawn({
        let store = store.clone();
        async move {
            loop {
                match store.integrate(1000).await {
                    Ok(1000) => {}
                    _ => tokio::time::sleep(Duration::from_millis(300)).await,
                }
            }
        }
    });
    let appended = append(store, ambient, given).await;
    beside.abort();
    let _ = beside.await;
    appended?;
    integrate(store).await
}

/// Makes the table and writes `count` rows into it, `batch` to a statement.
macro_rules! inserted {
    ($database:ident, $table:expr, $row:expr, $count:ident, $batch:ident, $bytes:ident) => {{
        $database.execute($table).await?;
        let rows: Vec<String> = (0..$batch).map($row).collect();
        let text = format!("INSERT INTO raw (id, payload) VALUES {}", rows.join(", "));
        let payload = vec![7_u8; $bytes];
        let mut number = 0_u128;
        measured($count, async {
            for _ in 0..$count / $batch {
                let mut query = sqlx::query(AssertSqlSafe(text.as_str()));
                for _ in 0..$batch {
                    number += 1;
                    query = query.bind(number.to_be_bytes().to_vec()).bind(payload.as_slice());
                }
                query.execute(&mut $database).await?;
            }
            Ok(())
        })
        .await
    }};
}

/// What the database alone does with rows of the same size: one table, one key, the same statement over `batch` rows, the same sync.
async fn raw(url: &DatabaseUrl, count: usize, batch: usize, bytes: usize) -> Outcome<Rate> {
    match url {
        DatabaseUrl::Sqlite(file) => {
            let file = file.with_extension("raw");
            let _ = std::fs::remove_file(&file);
            let mut database =
                SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file.display())).await?;
            for setting in ["journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000"] {
                database.execute(AssertSqlSafe(format!("PRAGMA {setting}"))).await?;
            }
            let table = "CREATE TABLE raw (id BLOB NOT NULL UNIQUE, payload BLOB NOT NULL)";
            inserted!(database, table, |_| "(?, ?)".to_owned(), count, batch, bytes)
        }
        DatabaseUrl::Postgres(url) => {
            let mut database = PgConnection::connect(url).await?;
            let table = "CREATE TABLE raw (id BYTEA NOT NULL UNIQUE, payload BYTEA NOT NULL)";
            let rate = inserted!(
                database,
                table,
                |row| format!("(${}, ${})", 2 * row + 1, 2 * row + 2),
                count,
                batch,
                bytes
            );
            database.execute("DROP TABLE raw").await?;
            rate
        }
    }
}

/// What proofs cost at this size: microseconds, by place.
async fn proofs(store: &Store, ambient: &Ambient, size: u64) -> Outcome<(f64, f64)> {
    const PROOFS: u32 = 200;
    let random = || u64::from_be_bytes(ambient.random()) % size.max(1);
    let began = Instant::now();
    for _ in 0..PROOFS {
        let showing = Showing::inclusion(random(), size).ok_or("a place in the tree")?;
        store.show(&showing).await?;
    }
    let inclusion = began.elapsed().as_secs_f64() / f64::from(PROOFS) * 1e6;
    let began = Instant::now();
    for _ in 0..PROOFS {
        let showing = Showing::consistency(random().max(1), size).ok_or("a size of the tree")?;
        store.show(&showing).await?;
    }
    Ok((inclusion, began.elapsed().as_secs_f64() / f64::from(PROOFS) * 1e6))
}

/// Bytes that the database takes on disk.
async fn stored(url: &DatabaseUrl) -> Outcome<i64> {
    Ok(match url {
        DatabaseUrl::Sqlite(file) => i64::try_from(std::fs::metadata(file)?.len())?,
        DatabaseUrl::Postgres(url) => {
            let mut database = PgConnection::connect(url).await?;
            sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut database).await?
        }
    })
}

/// Appends against the database alone, in turn, so that both see the same machine.
async fn rates(url: &DatabaseUrl, ambient: &Ambient, store: &Store, given: &Given) -> Outcome<()> {
    // A permit and a completion are of much the same size; sealing adds salt, nonce and tag.
    let bytes = Entry::Permit(permit(ambient, given.governed)?).prepare(ambient)?.payload.len() + 60;
    for round in 0..given.rounds {
        let raw = raw(url, given.count, given.batch, bytes).await?;
        let alone = measured(given.count, append(store, ambient, given)).await?;
        let behind = measured(given.count, integrate(store)).await?;
        let whole = measured(given.count, append_and_integrate(store, ambient, given)).await?;
        println!(
            "{}",
            json!({"round": round, "bytes": bytes, "raw": raw.json(), "append": alone.json(),
                   "integrate": behind.json(), "append_and_integrate": whole.json()})
        );
    }
    Ok(())
}

/// What appends, places in the tree and proofs cost at each power of ten.
async fn growth(url: &DatabaseUrl, ambient: &Ambient, store: &Store, given: &Given) -> Outcome<()> {
    let mut size = 0;
    let mut next = 1_000;
    while next <= given.to {
        let fill = Given { count: next.saturating_sub(size), ..*given };
        append_and_integrate(store, ambient, &fill).await?;
        let at = store.journal_head().await?.size;
        let (inclusion, consistency) = proofs(store, ambient, at).await?;
        let step = Given { count: given.count.min(next / 2), ..*given };
        let appended = measured(step.count, append(store, ambient, &step)).await?;
        let integrated = measured(step.count, integrate(store)).await?;
        println!(
            "{}",
            json!({"size": at, "append": appended.json(), "integrate": integrated.json(),
                   "inclusion_micros": inclusion, "stored_entries": store.journal_head().await?.size, "consistency_micros": consistency, "stored_bytes": stored(url).await?})
        );
        size = usize::try_from(store.journal_head().await?.size)?;
        next *= 10;
    }
    Ok(())
}

/// What the command line says.
#[derive(Clone, Copy)]
struct Given {
    count: usize,
    batch: usize,
    appenders: usize,
    rounds: usize,
    to: usize,
    governed: bool,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |name: &str| words.iter().position(|word| word == name).and_then(|place| words.get(place + 1));
    let number = |name: &str, usual: usize| word(name).map_or(Ok(usual), |text| text.parse::<usize>());
    let given = Given {
        count: number("--count", 200_000)?,
        batch: number("--batch", 256)?,
        appenders: number("--appenders", 2_048)?,
        rounds: number("--rounds", 3)?,
        to: number("--to", 1_000_000)?,
        governed: words.iter().any(|word| word == "--governed"),
    };
    let room = word("--room").ok_or("--room DIRECTORY")?;
    let url = match word("--postgres") {
        Some(url) => DatabaseUrl::Postgres(url.clone()),
        None => DatabaseUrl::Sqlite(Path::new(room).join("verbond.sqlite")),
    };
    let ambient = Ambient::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    let key = WrappingKey::first(&ambient);
    let key = |_| WrappingKey::read(&key).map_err(|error| error.to_string());
    let store = Store::open(&url, key, &ambient).await?;
    match words.first().map(String::as_str) {
        Some("rates") => rates(&url, &ambient, &store, &given).await?,
        Some("growth") => growth(&url, &ambient, &store, &given).await?,
        _ => return Err("rates or growth".into()),
    }
    store.close().await;
    Ok(())
}
