//! A certificate that was revoked for a moment before something that was signed with it came here: whoever held the key then may
//! have signed it and dated it back, so the agreement ends. One that has merely ended since, or was revoked for a later moment,
//! changes nothing.

use verbond_agreement::{Prose, Stage, Statement, StatementStep};
use verbond_domain::{ParticipantId, Problem, Timestamp};

use super::{AgreementOffice, AgreementVersion, Consequence, Raised};
use crate::{OpContext, context::database_problem};

impl AgreementOffice {
    /// Ends what rests on a certificate that was already not to be relied on when it signed, with a task for people. Gives
    /// how many versions ended.
    ///
    /// # Errors
    /// When the database fails, or a statement cannot be signed.
    pub async fn end_compromised(&self, context: &OpContext) -> Result<usize, Problem> {
        let _alone = self.deciding.lock().await;
        let now = context.ambient.now();
        let versions = AgreementVersion::running(&context.store, now).await.map_err(database_problem)?;
        let mut ended: usize = 0;
        for version in versions {
            let Some((participant, from)) = self.compromised(&version, now) else { continue };
            let reason = reason(&participant, from);
            let step = Consequence::of(&version, &self.own, now).and_then(|then| then.step(reason?));
            let Some(step) = step else { continue };
            let stated = self.prepared(context, &version, step).await?;
            let mut transaction = context.store.begin().await.map_err(database_problem)?;
            self.write(context, &mut transaction, &version.hash, &stated).await?;
            Raised::compromised(&version, &participant, now).write(context, &mut transaction).await?;
            transaction.commit().await.map_err(database_problem)?;
            tracing::warn!(agreement = version.hash, %participant, "an agreement ends: the certificate under it was compromised");
            ended = ended.saturating_add(1);
        }
        Ok(ended)
    }

    /// Whose certificate under this version was not to be relied on when what it signed was taken in here, and from when on.
    fn compromised(&self, version: &AgreementVersion, now: Timestamp) -> Option<(ParticipantId, Timestamp)> {
        let stage = version.stage(now);
        let statements = version.statements.iter().zip(version.taken_in());
        let mut statements = statements.filter(|((statement, _), _)| carries(statement, stage));
        statements.find_map(|((statement, envelope), taken_in)| {
            let at = statement.at.timestamp();
            let from = self.trust.revoked_from(&envelope.certificates().ok()?, at)?;
            (from <= at.max(taken_in)).then(|| (statement.participant.clone(), from))
        })
    }
}

/// Whether the version rests on the statement. Who has signed has made the offer their own.
fn carries(statement: &Statement, stage: Stage) -> bool {
    match statement.step {
        StatementStep::Signed(_) | StatementStep::Resumed => true,
        StatementStep::Offered => stage == Stage::Offered,
        _ => false,
    }
}

fn reason(participant: &ParticipantId, from: Timestamp) -> Option<Prose> {
    let from = verbond_agreement::Moment::of(from).map(|from| from.to_string()).unwrap_or_default();
    let text = format!(
        "Het certificaat van {participant} onder deze afspraak is ingetrokken met ingang van {from}, voor de handtekening ontvangen was. / The \
         certificate of {participant} under this agreement was revoked as of {from}, before the signature was received."
    );
    text.parse().ok()
}
