//! The list of agreements for everybody: those that all parties have signed, whether they are in force, have yet to begin, or
//! have ended.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Mutex;
use verbond_agreement::{Day, PublishedAgreement, Stage};
use verbond_domain::{Problem, Timestamp};
use verbond_store::{Store, StoreError};

use super::{AgreementVersion, with_successors};
use crate::context::database_problem;

/// Seconds that a list is shown before the clock may have made another of it.
const SHOWN_FOR: i64 = 60;

/// What is published of one version, and how far it is.
#[derive(Clone, Debug, Serialize)]
pub struct ListedAgreement {
    /// What is published.
    #[serde(flatten)]
    pub published: PublishedAgreement,
    /// How far it is: `signed`, `suspended`, `revoked`, `replaced`, `expired`.
    pub stage: Stage,
    /// Whether exchanges may rest on it now.
    pub in_force: bool,
    /// Hash of the version whose place it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// The list, made anew when the database has changed or a minute has gone by, and by one asker at a time.
#[derive(Default)]
pub struct PublicList(Mutex<Option<Made>>);

struct Made {
    generation: i64,
    at: Timestamp,
    items: Arc<Vec<ListedAgreement>>,
}

impl PublicList {
    /// All of it, by identifier and version.
    ///
    /// # Errors
    /// A failing database, or a stored agreement that cannot be read: a list that leaves one out is none.
    pub async fn read(&self, store: &Store, now: Timestamp) -> Result<Arc<Vec<ListedAgreement>>, Problem> {
        let mut made = self.0.lock().await;
        let generation = store.generation().await.map_err(database_problem)?;
        if let Some(known) = &*made
            && known.generation == generation
            && (0..SHOWN_FOR * 1000).contains(&now.millis_since(known.at))
        {
            return Ok(Arc::clone(&known.items));
        }
        let items = Arc::new(list(store, now).await.map_err(database_problem)?);
        *made = Some(Made { generation, at: now, items: Arc::clone(&items) });
        Ok(items)
    }
}

async fn list(store: &Store, now: Timestamp) -> Result<Vec<ListedAgreement>, StoreError> {
    let rows = store.signed_agreements().await?;
    let versions = rows.into_iter().map(AgreementVersion::read).collect::<Result<Vec<_>, _>>()?;
    let signed = with_successors(versions).into_iter();
    let signed = signed.filter(|one| one.offered_by().is_some() && one.life.awaited().next().is_none());
    let mut items = signed.map(|version| listed(&version, now)).collect::<Result<Vec<_>, _>>()?;
    items.sort_by(|one, other| {
        (&one.published.id, one.published.version).cmp(&(&other.published.id, other.published.version))
    });
    Ok(items)
}

fn listed(version: &AgreementVersion, now: Timestamp) -> Result<ListedAgreement, StoreError> {
    let published = version.document.published(Day::of(now));
    Ok(ListedAgreement {
        published: published.map_err(|_| StoreError::Damaged("an agreement cannot be hashed".to_owned()))?,
        stage: version.stage(now),
        in_force: version.life.is_in_force(now),
        replaces: version.document.replaces.map(|hash| hash.to_string()),
    })
}
