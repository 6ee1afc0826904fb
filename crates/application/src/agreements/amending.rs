//! Amending: a later version of an agreement, drafted from the one that runs, takes its place at the moment it names.

use verbond_agreement::{Agreement, Change, Moment, Stage, diff};
use verbond_domain::Problem;

use super::{AgreementOffice, AgreementVersion, refusals};
use crate::{OpContext, context::database_problem};

/// From when on an amendment holds when nobody says: a day leaves time to read and sign.
const NOTICE_SECONDS: i64 = 86_400;

/// What changed between two versions, and of which.
pub struct Difference {
    /// The earlier one.
    pub before: AgreementVersion,
    /// The later one.
    pub after: AgreementVersion,
    /// What changed.
    pub changes: Vec<Change>,
}

impl AgreementOffice {
    /// Drafts the next version of a running agreement: the text of `changed`, or the present one, with its number, what it
    /// replaces and the moment at which it takes over. `from`: that moment; else the beginning of the term in `changed` if
    /// it is still to come; else a day from now.
    pub async fn amend(
        &self,
        context: &OpContext,
        hash: &str,
        changed: Option<&[u8]>,
        from: Option<Moment>,
    ) -> Result<AgreementVersion, Problem> {
        let base = self.amendable(context, hash).await?;
        let document = match changed {
            Some(text) => Agreement::parse(text).map_err(|error| refusals::document(&error))?,
            None => Agreement::clone(&base.document),
        };
        self.draft_successor(context, &base, document, from).await
    }

    /// The version that may be amended under this hash.
    pub(super) async fn amendable(
        &self,
        context: &OpContext,
        hash: &str,
    ) -> Result<AgreementVersion, Problem> {
        let base = self.get(context, hash).await?;
        if base.successor.is_some() {
            return Err(refusals::superseded());
        }
        match base.stage(context.ambient.now()) {
            Stage::Signed | Stage::Suspended => Ok(base),
            _ => Err(refusals::not_running()),
        }
    }

    /// Stores a text as the next version after `base`.
    pub(super) async fn draft_successor(
        &self,
        context: &OpContext,
        base: &AgreementVersion,
        mut document: Agreement,
        from: Option<Moment>,
    ) -> Result<AgreementVersion, Problem> {
        if document.id != base.document.id {
            return Err(refusals::predecessor());
        }
        let id = document.id.to_string();
        let versions = context.store.agreement_versions(&id).await.map_err(database_problem)?;
        let newest = versions.iter().map(|row| row.version).max().unwrap_or_default();
        document.version = u32::try_from(newest.saturating_add(1)).map_err(|_| refusals::version_taken())?;
        document.replaces = Some(base.document.hash().map_err(|error| refusals::document(&error))?);
        // What the officers advised was on another text.
        document.advice.clear();
        let now = context.ambient.now();
        let stated = Some(document.term.from).filter(|from| from.timestamp() > now);
        let begin = from.or(stated).or_else(|| Moment::of(now.plus_seconds(NOTICE_SECONDS)));
        document.term.from = begin
            .filter(|begin| begin.timestamp() > now && *begin < document.term.until)
            .ok_or_else(refusals::handover)?;
        // Read once more as whoever gets it will.
        let text = document.canonical().map_err(|error| refusals::document(&error))?;
        self.draft(context, &text).await
    }

    /// What changed from one version to another; without an earlier one named, from the one that it replaces.
    pub async fn difference(
        &self,
        context: &OpContext,
        hash: &str,
        since: Option<&str>,
    ) -> Result<Difference, Problem> {
        let after = self.get(context, hash).await?;
        let replaced = after.document.replaces.map(|replaced| replaced.to_string());
        let before = since.map(str::to_owned).or(replaced).ok_or_else(refusals::first)?;
        let before = self.get(context, &before).await?;
        let changes = diff(&before.document, &after.document).map_err(|error| refusals::document(&error))?;
        Ok(Difference { before, after, changes })
    }

    /// Whether a later version follows on one that is known here. Whoever joins with it has known none.
    pub(super) async fn succeeds(&self, context: &OpContext, document: &Agreement) -> Result<(), Problem> {
        let Some(replaces) = document.replaces else { return Ok(()) };
        let id = document.id.to_string();
        let known = AgreementVersion::of_agreement(&context.store, &id).await.map_err(database_problem)?;
        if known.is_empty() {
            return Ok(());
        }
        let replaces = replaces.to_string();
        let follows = known.iter().find(|version| version.hash == replaces).is_some_and(|version| {
            // Nobody's agreement is replaced without a signature of theirs.
            let mut parties = version.document.parties.iter();
            version.document.version < document.version
                && parties.all(|party| document.party(&party.participant).is_some())
        });
        match follows {
            true => Ok(()),
            false => Err(refusals::predecessor()),
        }
    }
}
