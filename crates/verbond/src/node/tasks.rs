//! What a node does by itself, beside answering.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::watch;
use verbond_account::reconcile_when_due;
use verbond_application::{
    OpContext,
    absences::Absences,
    agreements::{AgreementOffice, raise_missing_records as raise_missing_records_of},
    checkpoints::Checkpoints,
    snapshot::Snapshot,
};
use verbond_domain::{Actor, Ambient};
use verbond_fail_points::fail_point;
use verbond_fsc::RevocationRefresh;
use verbond_node_api::AccountReader;
use verbond_store::{Store, StoreError, checkpoints::CheckpointRow, persons::PersonState};
use verbond_trust::{
    IdentityHandle, PublicKeyThumbprint, TrustStore,
    tls::{PinnedKeys, Pins},
};

use super::{identity, journal_files};
use crate::configuration::Settings;

/// Directory in the data directory where lists of revoked certificates are kept.
pub const REVOCATION_CACHE: &str = "revocation";

/// Entries that one step integrates at most.
const STEP: i64 = 1000;
/// Pause when all has been integrated: tree and views follow the journal within a second, and entries that come close together
/// share a transaction.
const PAUSE: Duration = Duration::from_millis(300);
/// Pause when the database fails.
const TROUBLE: Duration = Duration::from_secs(2);

/// Time between two looks at files that may be replaced.
const LOOK: Duration = Duration::from_secs(2);

/// Time between two looks for exchanges that are no longer to be kept.
const RETENTION: Duration = Duration::from_secs(3600);
const DAY_SECONDS: i64 = 86_400;
/// Time between two looks whether accounts are to be compared.
const RECONCILE_LOOK: Duration = Duration::from_secs(5);

/// Integrates the journal until it is aborted: positions, tree, views.
pub async fn integrate(store: Store) {
    loop {
        fail_point!("task::journal-tree");
        match store.integrate(STEP).await {
            Ok(done) if i64::try_from(done).is_ok_and(|done| done >= STEP) => {}
            Ok(_) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be integrated yet");
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }
}

/// Signs the journal's head, keeps it beside the database and shows it to counterparts, until it is aborted. A process that does not
/// lead shows what the one that does has signed.
pub async fn checkpoint(
    checkpoints: Arc<Checkpoints>,
    context: OpContext,
    settings: Arc<Settings>,
    leads: bool,
) {
    let pause = Duration::from_secs(settings.configuration.journal.checkpoint_seconds.into());
    let mut kept = None;
    loop {
        fail_point!("task::checkpoints");
        match newest_checkpoint(&checkpoints, &context, &settings, leads, &mut kept).await {
            Ok(()) => tokio::time::sleep(pause).await,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "there is no new checkpoint of the journal yet");
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }
}

async fn newest_checkpoint(
    checkpoints: &Checkpoints,
    context: &OpContext,
    settings: &Settings,
    leads: bool,
    kept: &mut Option<CheckpointRow>,
) -> anyhow::Result<()> {
    if leads {
        checkpoints.sign(context).await?;
    }
    let Some(newest) = context.store.newest_checkpoint().await? else { return Ok(()) };
    if kept.as_ref() == Some(&newest) {
        return Ok(());
    }
    if leads {
        journal_files::keep_head(&settings.directory, &newest.note).await?;
    }
    checkpoints.show(&newest);
    *kept = Some(newest);
    Ok(())
}

/// Ends agreements whose signatures rest on a certificate that was compromised before, at start and whenever lists of revoked
/// certificates change, until it is aborted.
pub async fn end_compromised(
    agreements: Arc<AgreementOffice>,
    trust: Arc<TrustStore>,
    ambient: Ambient,
    store: Store,
) {
    let actor = Actor::Node { rule: "a certificate was compromised before it signed".to_owned() };
    let context = OpContext { actor, ambient, store };
    let mut changes = trust.changes();
    loop {
        fail_point!("task::compromised-agreements");
        changes.borrow_and_update();
        match agreements.end_compromised(&context).await {
            Ok(_) if changes.changed().await.is_err() => return,
            Ok(_) => {}
            Err(problem) => {
                tracing::error!(%problem, "agreements under compromised certificates cannot be ended yet");
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }
}

/// Writes how long agreed elements have not come, and raises tasks, until it is aborted.
pub async fn write_absences(absences: Arc<Absences>, ambient: Ambient, store: Store) {
    let actor = Actor::Node { rule: "an agreed element never comes".to_owned() };
    let context = OpContext { actor, ambient, store };
    loop {
        fail_point!("task::absences");
        absences.wait().await;
        if let Err(problem) = absences.write(&context).await {
            tracing::warn!(%problem, "how long agreed elements have not come cannot be written down");
        }
    }
}

/// Raises tasks about processing records that applications owe and have not handed in in time, until it is aborted.
pub async fn raise_missing_records(store: Store, ambient: Ambient) {
    let actor = Actor::Node { rule: "a processing record has not been handed in in time".to_owned() };
    let context = OpContext { actor, ambient, store };
    loop {
        fail_point!("task::missing-records");
        if let Err(problem) = raise_missing_records_of(&context).await {
            tracing::warn!(%problem, "tasks about missing processing records cannot be raised yet");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Takes over replaced trust anchors and certificates until it is aborted: of the processes of one node only the one with the
/// administration socket is told of them, the others see them by their files.
pub async fn follow_files(
    settings: Arc<Settings>,
    handle: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    ambient: Ambient,
) {
    let certificate = settings.path(&settings.configuration.identity.certificate);
    let paths: Vec<PathBuf> = settings.profile.trust_anchors.iter().cloned().chain([certificate]).collect();
    // Nothing at first: what changed while it was not looked at is not missed.
    let mut seen = BTreeMap::new();
    loop {
        fail_point!("task::certificate-files");
        tokio::time::sleep(LOOK).await;
        let now = modified(paths.clone()).await;
        if now == seen || now.values().any(Option::is_none) {
            continue;
        }
        seen = now;
        let outcome = identity::replace_anchors(&settings, &trust, &ambient)
            .and_then(|anchors| Ok((anchors, identity::replace(&settings, &handle, &trust, &ambient)?)));
        match outcome {
            Ok((anchors, certificate)) => {
                tracing::info!(anchors, certificate, "trust anchors and certificate have been read again")
            }
            Err(problem) => {
                tracing::error!(%problem, "the files cannot be used; what was in use stays in use")
            }
        }
    }
}

/// Takes over lists of revoked certificates that are put in the place of others, by hand or by another process of this
/// node, until it is aborted.
pub async fn follow_lists(settings: Arc<Settings>, lists: Arc<RevocationRefresh>) {
    let mut seen = BTreeMap::new();
    loop {
        fail_point!("task::list-files");
        tokio::time::sleep(LOOK).await;
        let now = list_files(&settings).await;
        if now != seen {
            seen = now;
            lists.look_at_files().await;
        }
    }
}

/// The files with lists, and when they were last written.
async fn list_files(settings: &Settings) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let configured = settings.profile.revocation.lists.iter().filter(|source| !source.contains("://"));
    let mut paths: Vec<PathBuf> = configured.map(PathBuf::from).collect();
    if let Ok(mut cache) = tokio::fs::read_dir(settings.directory.join(REVOCATION_CACHE)).await {
        while let Ok(Some(entry)) = cache.next_entry().await {
            paths.push(entry.path());
        }
    }
    modified(paths).await
}

/// When each file was last written.
async fn modified(paths: Vec<PathBuf>) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let mut files = BTreeMap::new();
    for path in paths {
        let modified = tokio::fs::metadata(&path).await.and_then(|metadata| metadata.modified()).ok();
        files.insert(path, modified);
    }
    files
}

/// Lets in at the administration listener whom the newest picture knows, until it is aborted.
pub async fn follow_persons(mut pictures: watch::Receiver<Arc<Snapshot>>, pinned: Arc<PinnedKeys>) {
    loop {
        fail_point!("task::persons");
        let pins = pins(&pictures.borrow_and_update());
        pinned.replace(pins);
        if pictures.changed().await.is_err() {
            return;
        }
    }
}

/// The keys of persons who are enrolled; and until the last code has ended, strangers who may want to use it.
pub fn pins(picture: &Snapshot) -> Pins {
    let enrolled = picture.persons.iter().filter(|person| person.state == PersonState::Enrolled);
    let keys = enrolled.filter_map(|person| person.key.as_ref());
    let invitations = picture.persons.iter().filter_map(|person| person.invitation.as_ref());
    Pins {
        keys: keys
            .filter_map(|key| Some((PublicKeyThumbprint::parse(&key.thumbprint)?, key.ends_at)))
            .collect(),
        strangers_until: invitations.map(|invitation| invitation.ends_at).max(),
    }
}

/// Says for how long the group keeps exchanges, and destroys those whose time is over, until it is aborted; 0 days: everything is
/// kept.
/// `key_backup_days` is how long backups of keys live.
pub async fn destroy_what_is_over(store: Store, ambient: Ambient, days: u32, key_backup_days: u32) {
    while let Err(error) = store.keep_exchanges_for(days, &ambient).await {
        tracing::warn!(%error, "for how long exchanges are kept cannot be written down yet");
        tokio::time::sleep(TROUBLE).await;
    }
    loop {
        fail_point!("task::retention");
        match destroy_due(&store, &ambient, key_backup_days).await {
            Ok((0, 0)) => {}
            Ok((entries, keys)) => {
                tracing::info!(
                    entries,
                    keys,
                    days,
                    "what is no longer to be kept of exchanges has been destroyed"
                )
            }
            Err(error) => tracing::warn!(%error, "exchanges whose time is over cannot be destroyed yet"),
        }
        tokio::time::sleep(RETENTION).await;
    }
}

/// Compares the account of exchanges with those of counterparts whenever it is due, until it is aborted.
pub async fn reconcile(context: OpContext, counterparts: Arc<AccountReader>, every: u32) {
    let every = i64::from(every);
    loop {
        fail_point!("task::accounts");
        if let Err(problem) = reconcile_when_due(&context, counterparts.as_ref(), every).await {
            tracing::warn!(%problem, "accounts cannot be compared yet");
        }
        tokio::time::sleep(RECONCILE_LOOK).await;
    }
}

/// Destroys what is over now, and the keys of months of which nothing is left; how many entries were passed and how many keys went.
pub async fn destroy_due(
    store: &Store,
    ambient: &Ambient,
    key_backup_days: u32,
) -> Result<(usize, usize), StoreError> {
    let mut passed = 0_usize;
    loop {
        match store.destroy_what_is_over(key_backup_days, STEP, ambient).await? {
            0 => break,
            more => passed = passed.saturating_add(more),
        }
    }
    Ok((passed, store.destroy_month_keys(ambient.now()).await?))
}

/// Drops what was counted in periods that have been over for a day, until it is aborted.
pub async fn drop_counts(store: Store, ambient: Ambient) {
    loop {
        fail_point!("task::counts");
        let before = ambient.now().plus_seconds(-DAY_SECONDS);
        loop {
            match store.drop_counts_before(before).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "what was counted in periods that are over cannot be dropped yet");
                    break;
                }
            }
        }
        tokio::time::sleep(RETENTION).await;
    }
}
