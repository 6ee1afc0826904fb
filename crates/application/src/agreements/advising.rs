//! The advice of this participant's data protection officer: given on a draft, under the officer's own key, and part of the
//! document from then on.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use verbond_agreement::{
    Advice, AdviceAct, Agreement, Day, DocumentHash,
    check::{AdviceReading, Credential},
};
use verbond_domain::{PersonRole, Problem};
use verbond_store::{Transaction, agreements::AgreementRow};
use verbond_trust::jws;

use super::{
    ADVICE_SIGNATURE, AgreementOffice, AgreementVersion, checking,
    office::{key_of_caller, locked, row_of},
    refusals,
};
use crate::{OpContext, context::database_problem};

impl AgreementOffice {
    /// Takes the advice of this participant's officer into a draft, in the place of what the officer advised before. What
    /// is given back has another hash: it holds the advice.
    ///
    /// # Errors
    /// Unless it is a draft, and the advice is of today and signed by the officer who asks, over this text.
    pub async fn advise(
        &self,
        context: &OpContext,
        hash: &str,
        mut advice: Advice,
    ) -> Result<AgreementVersion, Problem> {
        let key = URL_SAFE_NO_PAD.encode(key_of_caller(context).await?);
        let by_caller = advice.act.as_ref().is_some_and(|act| act.key.as_str() == key);
        advice.not_followed_because = None;
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        let before = locked(&mut transaction, hash).await?;
        if before.offered_by().is_some() {
            return Err(refusals::advice_too_late());
        }
        let text = before.document.advised_text().map_err(|error| refusals::document(&error))?;
        if !by_caller || advice.participant != self.own || signer(&advice, text).is_none() {
            return Err(refusals::advice_not_signed());
        }
        if !is_current(advice.given_on, context) {
            return Err(refusals::advice_day());
        }
        let detail = json!({ "draft": hash, "text": text, "outcome": advice.outcome, "act": advice.act });
        let mut document = Agreement::clone(&before.document);
        document.advice.retain(|one| one.participant != self.own);
        document.advice.push(advice);
        // Read once more as whoever gets it will.
        let document = document.canonical().and_then(|text| Agreement::parse(&text));
        let document = document.map_err(|error| refusals::document(&error))?;
        let row =
            AgreementRow { created_at: before.created_at, ..row_of(&document, &before.author, context)? };
        take_the_place(&mut transaction, &before, &row).await?;
        context.record(&mut transaction, "agreement.advise", &row.hash, detail).await?;
        transaction.commit().await.map_err(database_problem)?;
        self.get(context, &row.hash).await
    }

    /// The advice in a document behind which a signature stands. Of its own officer this node knows who that is; another
    /// party says so by signing the document.
    pub(super) async fn advice_given(
        &self,
        context: &OpContext,
        document: &Agreement,
    ) -> Result<Vec<AdviceReading>, Problem> {
        let text = document.advised_text().map_err(|error| refusals::document(&error))?;
        let persons = context.store.persons().await.map_err(database_problem)?;
        let is_officer = |credential: &Credential| {
            persons.iter().any(|person| {
                let key = person.key.as_ref();
                person.roles.contains(PersonRole::DataProtectionOfficer)
                    && key.is_some_and(|key| key.thumbprint == credential.0)
            })
        };
        let given = document.advice.iter().filter_map(|advice| {
            let credential = signer(advice, text)?;
            let by_officer = advice.participant != self.own || is_officer(&credential);
            Some(AdviceReading { party: advice.participant.clone(), credential, by_officer })
        });
        Ok(given.collect())
    }
}

/// By what whoever signed this advice on this text is known; `None` when nobody did.
fn signer(advice: &Advice, text: DocumentHash) -> Option<Credential> {
    let AdviceAct { key, signature } = advice.act.as_ref()?;
    let key = URL_SAFE_NO_PAD.decode(key.as_str()).ok()?;
    let payload = advice.given(text).canonical().ok()?;
    let header = jws::verify_detached(signature.as_str(), &payload, &key).ok()?;
    (header.typ == ADVICE_SIGNATURE).then(|| checking::of_key(&key))
}

/// Advice is of the day on which it is given; where it is that day elsewhere, of the day beside it.
fn is_current(given_on: Day, context: &OpContext) -> bool {
    let now = context.ambient.now();
    [-86_400, 0, 86_400].into_iter().any(|seconds| Day::of(now.plus_seconds(seconds)) == given_on)
}

/// Whether a document says the same as a draft that stands here, apart from advice and the answers to it.
pub(super) fn differs_in_advice_only(draft: &AgreementVersion, document: &Agreement) -> bool {
    let texts = (draft.document.advised_text(), document.advised_text());
    draft.offered_by().is_none() && matches!(texts, (Ok(one), Ok(other)) if one == other)
}

/// Puts a draft in the place of one that differs in advice only.
pub(super) async fn take_the_place(
    transaction: &mut Transaction,
    before: &AgreementVersion,
    row: &AgreementRow,
) -> Result<(), Problem> {
    transaction.delete_agreement(&before.hash).await.map_err(database_problem)?;
    match transaction.insert_agreement(row).await.map_err(database_problem)? {
        true => Ok(()),
        false => Err(refusals::version_taken()),
    }
}
