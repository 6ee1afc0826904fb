//! When one version of an agreement took the place of another.

use verbond_application::agreements::AgreementVersion;
use verbond_domain::Timestamp;
use verbond_store::{Store, StoreError};

use crate::told::ToldExchange;

/// Looks it up for exchanges of which the two parties name different versions. The last answer is kept: those exchanges lie
/// about one moment.
pub(crate) struct Handovers<'a> {
    store: &'a Store,
    last: Option<(String, String, Option<Timestamp>)>,
}

impl<'a> Handovers<'a> {
    pub(crate) const fn of(store: &'a Store) -> Self {
        Self { store, last: None }
    }

    /// When the later one of the versions that two accounts of an exchange name took the place of the earlier one; `None`
    /// where it did not, or they name the same.
    pub(crate) async fn between(
        &mut self,
        ours: Option<&ToldExchange>,
        theirs: Option<&ToldExchange>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let ours = ours.and_then(|told| told.agreement.as_deref());
        let theirs = theirs.and_then(|told| told.agreement.as_deref());
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(None) };
        if ours == theirs {
            return Ok(None);
        }
        if let Some((one, other, moment)) = &self.last
            && one == ours
            && other == theirs
        {
            return Ok(*moment);
        }
        let moment = self.look_up(ours, theirs).await?;
        self.last = Some((ours.to_owned(), theirs.to_owned(), moment));
        Ok(moment)
    }

    async fn look_up(&self, ours: &str, theirs: &str) -> Result<Option<Timestamp>, StoreError> {
        let Some(row) = self.store.agreement(ours).await? else { return Ok(None) };
        let versions = AgreementVersion::of_agreement(self.store, &row.agreement).await?;
        let of_both = |version: &&AgreementVersion| {
            let successor = version.successor.as_deref();
            (version.hash == ours && successor == Some(theirs))
                || (version.hash == theirs && successor == Some(ours))
        };
        Ok(versions.iter().find(of_both).and_then(|version| version.life.successor_from()))
    }
}
