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
/// Agreements that are read from the database at once; of each all versions.
const AGREEMENTS: i64 = 64;

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

/// So many, and where the next ones begin.
#[derive(Clone, Debug, Serialize)]
pub struct ListedPage {
    /// By identifier and version.
    pub items: Vec<ListedAgreement>,
    /// Hash of the last of these, if there are more.
    pub next: Option<String>,
}

/// The list, a page at a time and for one asker at a time, so that strangers cannot keep the database busy. The page that was asked for
/// last is shown again until the database has changed or a minute has gone by.
#[derive(Default)]
pub struct PublicList(Mutex<Option<Made>>);

struct Made {
    generation: i64,
    at: Timestamp,
    after: Option<String>,
    page: Arc<ListedPage>,
    limit: usize,
}

impl PublicList {
    /// The next `limit`, from the first one on or after the one with this hash.
    ///
    /// # Errors
    /// A hash that is not in the list, a failing database, or a stored agreement that cannot be read: a list that leaves one out
    /// is none.
    pub async fn page(
        &self,
        store: &Store,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Arc<ListedPage>, Problem> {
        let mut made = self.0.lock().await;
        let generation = store.generation().await.map_err(database_problem)?;
        if let Some(known) = &*made
            && (known.generation, known.after.as_deref(), known.limit) == (generation, after, limit)
            && (0..SHOWN_FOR * 1000).contains(&now.millis_since(known.at))
        {
            return Ok(Arc::clone(&known.page));
        }
        let page = Arc::new(page(store, after, limit, now).await.map_err(database_problem)?);
        let (after, page_made) = (after.map(str::to_owned), Arc::clone(&page));
        *made = Some(Made { generation, at: now, after, page: page_made, limit });
        Ok(page)
    }
}

async fn page(
    store: &Store,
    after: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<ListedPage, StoreError> {
    let after = match after {
        Some(hash) => {
            let row = store.agreement(hash).await?.ok_or(StoreError::BadCursor)?;
            Some((row.agreement, row.version))
        }
        None => None,
    };
    let mut from = after.as_ref().map_or_else(String::new, |(agreement, _)| agreement.clone());
    let mut items = Vec::new();
    loop {
        let rows = store.signed_agreements_from(&from, AGREEMENTS).await?;
        let (first, last) = (rows.first().map(|row| &row.agreement), rows.last().map(|row| &row.agreement));
        let more = last.filter(|last| first != Some(last)).cloned();
        // The last of them is read once more with those that follow.
        let whole = rows.into_iter().filter(|row| more.as_ref() != Some(&row.agreement));
        let versions = whole.map(AgreementVersion::read).collect::<Result<Vec<_>, _>>()?;
        for version in with_successors(versions).iter().filter(|one| is_listed(one, after.as_ref())) {
            if items.len() == limit {
                let next = items.last().map(|last: &ListedAgreement| last.published.hash.clone());
                return Ok(ListedPage { items, next });
            }
            items.push(listed(version, now)?);
        }
        match more {
            Some(next) => from = next,
            None => return Ok(ListedPage { items, next: None }),
        }
    }
}

/// Whether all parties have signed it, and it comes after the one that was shown last.
fn is_listed(version: &AgreementVersion, after: Option<&(String, i64)>) -> bool {
    let place = (version.document.id.to_string(), i64::from(version.document.version));
    version.offered_by().is_some()
        && version.life.awaited().next().is_none()
        && after.is_none_or(|after| place > *after)
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
