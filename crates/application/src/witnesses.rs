//! What counterparts show of their journals: looked at, and written down, so that none can tell another history later.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use tokio::sync::mpsc;
use verbond_domain::{ParticipantId, Problem};
use verbond_fail_points::fail_point;
use verbond_journal::{
    Entry, KeyCertificate, LONGEST_NOTE, SignedCheckpoint, TreeHash, VerifierKey, Witness, continues,
};
use verbond_store::checkpoints::{CounterpartKeyRow, WitnessedRow};

use crate::{
    OpContext,
    checkpoints::{Checkpoints, HeldCheckpoint},
    context::database_problem,
};

/// Checkpoints that may wait to be looked at; those that find no room come again with the next exchange.
const ROOM: usize = 1024;
/// Counterparts whose last checkpoint is remembered, so that it is not looked at twice.
const MOST_COUNTERPARTS: usize = 10_000;

/// Asks a counterpart about its own journal.
#[async_trait]
pub trait CounterpartJournal: Send + Sync {
    /// The keys of its journal, with the statements by which they are its own.
    async fn keys(&self, of: &ParticipantId) -> Result<Vec<(String, KeyCertificate)>, String>;

    /// The proof that its journal of `to` entries continues the one of `from`.
    async fn consistency(&self, of: &ParticipantId, from: u64, to: u64) -> Result<Vec<TreeHash>, String>;
}

/// Takes in what exchanges bring along. Cheap to clone.
#[derive(Clone)]
pub struct Witnesses {
    queue: mpsc::Sender<(ParticipantId, String)>,
    last: Arc<Mutex<HashMap<ParticipantId, String>>>,
    alarms: Arc<AtomicU64>,
}

/// What has been taken in and is still to be looked at.
pub struct Shown(tokio::sync::Mutex<mpsc::Receiver<(ParticipantId, String)>>);

/// What came of looking at a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It is newer than what was known, continues it, and is written down.
    Witnessed,
    /// It tells nothing new.
    Known,
    /// It cannot be this counterpart's.
    Worthless,
    /// It is the counterpart's, and contradicts what the counterpart showed before.
    Contradicts,
}

impl Witnesses {
    /// A place for what exchanges bring along, and what is to be looked at by [`Witnesses::look`].
    pub fn new() -> (Self, Shown) {
        let (queue, shown) = mpsc::channel(ROOM);
        (Self { queue, last: Arc::default(), alarms: Arc::default() }, Shown(shown.into()))
    }

    /// A counterpart showed this checkpoint with an exchange: the signed note in base64url. Costs a comparison unless it is new.
    pub fn saw(&self, counterpart: &ParticipantId, encoded: &str) {
        if encoded.len() > LONGEST_NOTE * 2 {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(counterpart).is_some_and(|last| last == encoded) {
            return;
        }
        if last.len() >= MOST_COUNTERPARTS {
            last.clear();
        }
        if self.queue.try_send((counterpart.clone(), encoded.to_owned())).is_ok() {
            last.insert(counterpart.clone(), encoded.to_owned());
        }
    }

    /// How often a counterpart contradicted itself, since the start.
    pub fn alarms(&self) -> u64 {
        self.alarms.load(Ordering::Relaxed)
    }

    /// Looks at what exchanges bring along, until it is aborted.
    pub async fn look(
        self,
        shown: Arc<Shown>,
        context: OpContext,
        checkpoints: Arc<Checkpoints>,
        journals: Arc<dyn CounterpartJournal>,
    ) {
        let mut shown = shown.0.lock().await;
        while let Some((counterpart, encoded)) = shown.recv().await {
            fail_point!("task::witnesses");
            match witness(&context, &checkpoints, journals.as_ref(), &counterpart, &encoded).await {
                Ok(Seen::Contradicts) => {
                    self.alarms.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(%counterpart, "a counterpart shows another history of its journal than before");
                }
                Ok(Seen::Worthless) => {
                    tracing::warn!(%counterpart, "a counterpart shows a checkpoint that is not its own");
                }
                Ok(Seen::Witnessed | Seen::Known) => {}
                Err(reason) => {
                    tracing::warn!(%counterpart, %reason, "a counterpart's checkpoint cannot be looked at yet");
                    // Looked at again when it comes again.
                    self.last.lock().unwrap_or_else(PoisonError::into_inner).remove(&counterpart);
                }
            }
        }
    }
}

/// Looks at one checkpoint, and writes it down if it tells something.
async fn witness(
    context: &OpContext,
    checkpoints: &Checkpoints,
    journals: &dyn CounterpartJournal,
    counterpart: &ParticipantId,
    encoded: &str,
) -> Result<Seen, String> {
    let decoded = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|note| String::from_utf8(note).ok());
    let Some(shown) = decoded.and_then(|note| SignedCheckpoint::parse(&note).ok()) else {
        return Ok(Seen::Worthless);
    };
    if shown.checkpoint.origin.participant != *counterpart {
        return Ok(Seen::Worthless);
    }
    let held = held(context, counterpart, &shown).await?;
    let checkpoint = &shown.checkpoint;
    if held.as_ref().is_some_and(|held| {
        held.size > checkpoint.size || (held.size == checkpoint.size && held.root == checkpoint.root)
    }) {
        return Ok(Seen::Known);
    }
    let Some((key, certificate)) = signed_by(context, checkpoints, journals, counterpart, &shown).await?
    else {
        return Ok(Seen::Worthless);
    };
    let continued = match &held {
        None => true,
        Some(held) if held.size == checkpoint.size => false,
        Some(held) => {
            let proof = journals.consistency(counterpart, held.size, checkpoint.size).await?;
            continues(held.size, &held.root, checkpoint.size, &checkpoint.root, &proof)
        }
    };
    let written = write(context, counterpart, &shown, (&key, certificate), continued).await;
    written.map_err(|problem| problem.to_string())?;
    Ok(if continued { Seen::Witnessed } else { Seen::Contradicts })
}

/// What is held of the same journal.
async fn held(
    context: &OpContext,
    counterpart: &ParticipantId,
    shown: &SignedCheckpoint,
) -> Result<Option<verbond_journal::Checkpoint>, String> {
    let origin = shown.checkpoint.origin.to_string();
    let rows = context.store.witnessed(Some(counterpart)).await.map_err(|error| error.to_string())?;
    let row = rows.into_iter().find(|row| row.origin == origin);
    let held = row.map(|row| SignedCheckpoint::parse(&row.note).map(|held| held.checkpoint));
    held.transpose().map_err(|error| error.to_string())
}

/// The key that signed it, if it is the counterpart's; with the statement, where the key is new here.
async fn signed_by(
    context: &OpContext,
    checkpoints: &Checkpoints,
    journals: &dyn CounterpartJournal,
    counterpart: &ParticipantId,
    shown: &SignedCheckpoint,
) -> Result<Option<(VerifierKey, Option<KeyCertificate>)>, String> {
    let known = context.store.counterpart_keys(counterpart).await.map_err(|error| error.to_string())?;
    let known = known.iter().filter_map(|row| row.verifier_key.parse().ok());
    if let Some(key) = known.into_iter().find(|key| shown.is_signed_by(key)) {
        return Ok(Some((key, None)));
    }
    let now = context.ambient.now();
    for (text, certificate) in journals.keys(counterpart).await? {
        let Ok(key) = text.parse::<VerifierKey>() else { continue };
        if shown.is_signed_by(&key) && checkpoints.vouched(counterpart, &key, &certificate, now) {
            return Ok(Some((key, Some(certificate))));
        }
    }
    Ok(None)
}

/// Writes down what was seen, and that it contradicts what was seen before if it does.
async fn write(
    context: &OpContext,
    counterpart: &ParticipantId,
    shown: &SignedCheckpoint,
    (key, certificate): (&VerifierKey, Option<KeyCertificate>),
    continued: bool,
) -> Result<(), Problem> {
    let failed = database_problem;
    let now = context.ambient.now();
    let row = WitnessedRow {
        origin: shown.checkpoint.origin.to_string(),
        counterpart: counterpart.clone(),
        size: shown.checkpoint.size,
        note: shown.note.clone(),
        verifier_key: key.to_string(),
        seen_at: now,
    };
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if let Some(certificate) = &certificate {
        let row = CounterpartKeyRow {
            verifier_key: key.to_string(),
            counterpart: counterpart.clone(),
            certificate: serde_json::to_string(certificate).unwrap_or_default(),
            seen_at: now,
        };
        transaction.note_counterpart_key(&row).await.map_err(failed)?;
    }
    // What contradicts takes no place of what was there: that is the evidence.
    if continued && !transaction.put_witnessed(&row).await.map_err(failed)? {
        return Ok(());
    }
    let witness = Witness {
        counterpart: counterpart.clone(),
        note: shown.note.clone(),
        verifier_key: key.to_string(),
        key: certificate,
    };
    transaction.append(&Entry::Witness(witness), &context.ambient).await.map_err(failed)?;
    if !continued {
        let detail = json!({ "origin": row.origin, "size": row.size, "note": row.note });
        context.record(&mut transaction, "witness.contradiction", &counterpart.to_string(), detail).await?;
    }
    transaction.commit().await.map_err(failed)
}

/// What this node holds of a counterpart's journal, for the counterpart itself.
///
/// # Errors
/// A failing database.
pub async fn held_of(
    context: &OpContext,
    counterpart: &ParticipantId,
) -> Result<Vec<HeldCheckpoint>, Problem> {
    let rows = context.store.witnessed(Some(counterpart)).await.map_err(database_problem)?;
    let keys = context.store.counterpart_keys(counterpart).await.map_err(database_problem)?;
    let held = |row: WitnessedRow| {
        let key = keys.iter().find(|key| key.verifier_key == row.verifier_key)?;
        let key = serde_json::from_str(&key.certificate).ok()?;
        Some(HeldCheckpoint { note: row.note, verifier_key: row.verifier_key, key })
    };
    Ok(rows.into_iter().filter_map(held).collect())
}
