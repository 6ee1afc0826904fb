//! `verbond agreement advise`

use anyhow::Context as _;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, ValueEnum};
use serde_json::Value;
use verbond_agreement::{Advice, AdviceAct, AdviceOutcome, Day, Line, Prose};
use verbond_application::agreements::ADVICE_SIGNATURE;

use super::agreement::{own_key, shown, shown_under, whole};
use crate::{
    ambient,
    client::{Afar, Client, segment},
    credential,
    printer::Printer,
};

/// For or against.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Outcome {
    /// In favour.
    Positive,
    /// In favour, if.
    PositiveIf,
    /// Against: the parties must say why they do not follow it.
    Negative,
}

/// What the officer advises, and on which draft.
#[derive(Debug, Args)]
pub struct Advising {
    /// The draft's hash, or enough of the beginning of it; `sha256:` may be left out.
    hash: String,
    /// For or against.
    #[arg(long)]
    outcome: Outcome,
    /// The advice; told to the other parties.
    #[arg(long)]
    text: Prose,
    /// Your name and function, as it is to stand in the document.
    #[arg(long, value_name = "NAME")]
    officer: Line,
}

impl Advising {
    /// Signs the advice on the document that this machine has hashed itself, and gives it.
    pub async fn advise(self, client: &Client, afar: &Afar, printer: Printer) -> anyhow::Result<()> {
        let hash = whole(&self.hash, client).await?;
        let document = client.get(&format!("/v1/agreements/{}/document", segment(&hash))).await?;
        let text = shown_under(&hash, &document)?.advised_text()?;
        let node = client.get("/v1/node").await?;
        let participant =
            node.get("id").and_then(Value::as_str).context("the node does not say whose it is")?;
        let (key, now) = (own_key(afar)?, ambient::system().now());
        let mut advice = Advice {
            participant: participant.parse()?,
            officer: self.officer,
            given_on: Day::of(now),
            outcome: match self.outcome {
                Outcome::Positive => AdviceOutcome::Positive,
                Outcome::PositiveIf => AdviceOutcome::PositiveIf,
                Outcome::Negative => AdviceOutcome::Negative,
            },
            text: self.text,
            act: None,
            not_followed_because: None,
        };
        let signature =
            credential::sign_detached(&key, ADVICE_SIGNATURE, &advice.given(text).canonical()?, now)?;
        let key = URL_SAFE_NO_PAD.encode(key.public_key()).parse()?;
        advice.act = Some(AdviceAct { key, signature: signature.parse()? });
        let path = format!("/v1/agreements/{}/advice", segment(&hash));
        shown(printer, &client.post(&path, &serde_json::to_value(&advice)?).await?);
        Ok(())
    }
}
