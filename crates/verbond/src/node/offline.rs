//! A node that does not run, opened by a verb that works on its database itself.

use std::{path::Path, sync::Arc};

use verbond_application::{OpContext, checkpoints::Checkpoints};
use verbond_domain::{Actor, ParticipantId};
use verbond_store::{DatabaseUrl, Store};
use verbond_trust::IdentityHandle;

use super::{assembly::unusable_database, identity, journal_files, wrapping_key};
use crate::{ambient, backup, configuration::Settings, serve::DirectoryLock};

/// The node.
pub struct Offline {
    /// Its configuration.
    pub settings: Arc<Settings>,
    /// Whose it is.
    pub own: ParticipantId,
    /// For what the operator does, with its database.
    pub context: OpContext,
    /// The journal's checkpoints, with its key.
    pub checkpoints: Arc<Checkpoints>,
    _lock: Option<DirectoryLock>,
}

impl Offline {
    /// Opens the node in a data directory; migrates its database.
    ///
    /// # Errors
    /// When it runs (on SQLite), or cannot be opened.
    pub async fn open(data: &Path) -> anyhow::Result<Self> {
        Self::opened(data, true).await
    }

    /// As [`Offline::open`], with the database as it is: of a schema that may be older than this program's, and without keys.
    ///
    /// # Errors
    /// As [`Offline::open`].
    pub async fn open_as_it_is(data: &Path) -> anyhow::Result<Self> {
        Self::opened(data, false).await
    }

    async fn opened(data: &Path, migrates: bool) -> anyhow::Result<Self> {
        let settings = Arc::new(Settings::load(&std::path::absolute(data)?)?);
        backup::unfinished(&settings.directory)?;
        let ambient = ambient::system();
        let database = settings.database()?;
        let lock = match database {
            DatabaseUrl::Sqlite(_) => Some(DirectoryLock::take(&settings.directory)?),
            DatabaseUrl::Postgres(_) => None,
        };
        let trust = identity::trust(&settings)?;
        let present = identity::load(&settings)?;
        let own = present.certificate.participant.clone();
        let identity = IdentityHandle::new(present, identity::earlier(&settings));
        let signer = journal_files::key(&settings.directory, &ambient)?;
        let store = match migrates {
            true => {
                let key = wrapping_key::of(&settings.directory, &ambient);
                let store = Store::open(&database, key, &ambient).await;
                let store = store.map_err(|error| unusable_database(&error))?;
                store.claim(&own).await.map_err(|error| unusable_database(&error))?;
                store
            }
            false => {
                Store::open_without_migrating(&database).await.map_err(|error| unusable_database(&error))?
            }
        };
        let checkpoints = Arc::new(Checkpoints::new(own.clone(), identity, trust, Some(signer)));
        let context = OpContext { actor: Actor::Operator, ambient, store };
        Ok(Self { settings, own, context, checkpoints, _lock: lock })
    }

    /// Lets go of the database.
    pub async fn close(self) {
        self.context.store.close().await;
    }
}
