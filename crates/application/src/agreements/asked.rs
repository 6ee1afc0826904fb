//! An agreement as people name it.

use verbond_agreement::{AgreementId, DocumentHash, Version};
use verbond_domain::Problem;
use verbond_store::exchanges::AgreementFilter;

use super::refusals;
use crate::{OpContext, database_problem};

/// What is meant by an identifier, `<identifier>/<version>`, or the hash of a version that this node holds.
///
/// # Errors
/// `AGREEMENT_UNKNOWN` when it is none of these; a problem with the database.
pub async fn agreement_asked(context: &OpContext, text: &str) -> Result<AgreementFilter, Problem> {
    let (agreement, version) = match text.parse::<DocumentHash>() {
        Ok(hash) => {
            let row = context.store.agreement(&hash.to_string()).await.map_err(database_problem)?;
            let row = row.ok_or_else(refusals::unknown)?;
            (row.agreement, Some(row.version))
        }
        Err(_) => match text.split_once('/') {
            Some((agreement, version)) => {
                let version: Version = version.parse().map_err(|_| refusals::unknown())?;
                (agreement.to_owned(), Some(version.into()))
            }
            None => (text.to_owned(), None),
        },
    };
    let AgreementId(agreement) = agreement.parse().map_err(|_| refusals::unknown())?;
    Ok(AgreementFilter { agreement, version })
}
