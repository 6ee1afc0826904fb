//! A place that is far behind and dies again and again gets everything all the same, and never shows a checkpoint before what it
//! covers.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use verbond_application::{OpContext, checkpoints::Checkpoints};
use verbond_domain::{Actor, Problem};
use verbond_journal::{Act, Entry, JournalStorage, SignedCheckpoint};
use verbond_store::{DatabaseUrl, Store};
use verbond_tiles::{CHECKPOINT, Creation, Held, Place, Publisher, Step};
use verbond_trust::{JournalSigner, WrappingKey};

#[path = "../../transport/tests/suite/world.rs"]
#[expect(dead_code, reason = "made for tests of connections too")]
mod world;

/// Requests that the place answers before it dies: enough for a step of which all is there already, not for the whole.
const LIFE: usize = 80;

#[derive(Default)]
struct Mortal {
    files: Mutex<BTreeMap<String, Bytes>>,
    left: AtomicUsize,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mortal>);

impl Shared {
    fn files(&self) -> BTreeMap<String, Bytes> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn live(&self) {
        self.0.left.store(LIFE, Ordering::Relaxed);
    }

    fn lives(&self) -> Result<(), Problem> {
        let one_less = |left: usize| left.checked_sub(1);
        let left = self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        left.map(drop).map_err(|_| Problem::new("DEAD", 503, "dood", "dead"))
    }

    fn put(&self, path: &str, content: Bytes) -> Option<Bytes> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), content)
    }
}

#[async_trait]
impl Place for Shared {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn task(&self) -> &'static str {
        "tiles-in-memory"
    }

    async fn read(&self, path: &str) -> Result<Option<Held>, Problem> {
        self.lives()?;
        Ok(self.files().get(path).map(|content| Held { content: content.clone(), tag: None }))
    }

    async fn create(&self, path: &str, content: Bytes) -> Result<Creation, Problem> {
        self.lives()?;
        if self.files().contains_key(path) {
            return Ok(Creation::Exists);
        }
        self.put(path, content);
        Ok(Creation::Made)
    }

    async fn replace(&self, path: &str, content: Bytes, _held: Option<&Held>) -> Result<(), Problem> {
        self.lives()?;
        self.put(path, content);
        Ok(())
    }
}

/// The files of a tree of less than 65,536 entries (C2SP tlog-tiles).
fn needed(size: u64) -> Vec<String> {
    let (full, rest) = (size / 256, size % 256);
    let of = |level: &str| {
        let partial = (rest > 0).then(|| format!("tile/{level}/{full:03}.p/{rest}"));
        (0..full).map(|index| format!("tile/{level}/{index:03}")).chain(partial).collect::<Vec<_>>()
    };
    let upper = (full > 0).then(|| format!("tile/1/000.p/{full}"));
    of("0").into_iter().chain(of("entries")).chain(upper).collect()
}

/// Over how many entries the checkpoint is that stands there, all of whose files must stand there too.
fn standing(place: &Shared) -> Result<u64, Box<dyn Error>> {
    let files = place.files();
    let Some(note) = files.get(CHECKPOINT) else { return Ok(0) };
    let size = SignedCheckpoint::parse(std::str::from_utf8(note)?)?.checkpoint.size;
    for path in needed(size) {
        assert!(files.contains_key(&path), "the checkpoint over {size} entries stands there without {path}");
    }
    Ok(size)
}

/// A journal with a checkpoint after each thousand entries.
async fn journal(directory: &std::path::Path) -> Result<(OpContext, Arc<Checkpoints>, u64), Box<dyn Error>> {
    let world = world::World::new()?;
    let party = world.party(world::PROVIDER, "provider.test")?;
    let (ambient, wrapping) = (world::ambient(), WrappingKey::first(&world::ambient()));
    let key = |_| WrappingKey::read(&wrapping).map_err(|error| error.to_string());
    let store = Store::open(&DatabaseUrl::Sqlite(directory.join("test.sqlite")), key, &ambient).await?;
    let signer = JournalSigner::from_pem(JournalSigner::new_pem()?.as_bytes())?;
    let own = world::participant(world::PROVIDER)?;
    let checkpoints =
        Checkpoints::new(own, Arc::clone(&party.identity), Arc::clone(&party.trust), Some(signer));
    let context = OpContext { actor: Actor::Operator, ambient: ambient.clone(), store };
    checkpoints.certify(&context).await?;
    let act = || {
        Entry::Act(Act {
            author: Actor::Operator,
            action: "service.add".to_owned(),
            subject: "income".to_owned(),
            detail: Default::default(),
        })
    };
    for _ in 0..14 {
        for _ in 0..4 {
            let entries = (0..250).map(|_| act().prepare(&ambient)).collect::<Result<Vec<_>, _>>()?;
            context.store.append(&entries).await?;
        }
        while context.store.integrate(1000).await? > 0 {}
        checkpoints.sign(&context).await?;
    }
    let size = context.store.journal_head().await?.size;
    Ok((context, Arc::new(checkpoints), size))
}

#[tokio::test]
async fn a_place_that_dies_in_between_is_brought_up_step_by_step() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let (context, checkpoints, size) = journal(directory.path()).await?;
    let place = Shared::default();
    let mut publisher = Publisher::new(Arc::new(place.clone()), checkpoints, context);
    let (mut deaths, mut before) = (0, 0);
    loop {
        let step = publisher.step().await;
        let now = standing(&place)?;
        assert!(now >= before, "the checkpoint went back from {before} to {now}");
        before = now;
        match step {
            Ok(Step::Done(_)) => break,
            Ok(Step::GoneOn(row)) => assert_eq!(row.size, now),
            Err(problem) => {
                assert_eq!(problem.code, "DEAD");
                deaths += 1;
                assert!(deaths < 10, "after {deaths} lives it is still at {now} of {size} entries");
                place.live();
            }
        }
    }
    assert_eq!(before, size);
    assert!(deaths >= 2, "it never died in between");
    Ok(())
}
