//! `verbond agreement …`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use verbond_agreement::{
    Agreement as Document, EntryName, Moment, PublishedActivity, Versioned, text::visible,
};
use verbond_application::agreements::AGREEMENT_SIGNATURE;
use verbond_domain::{ParticipantId, Problem, ServiceName, Timestamp, TransactionId};

use super::{advice::Advising, lists::Lists, preview::Preview, register::read_json, service::done, show};
use crate::{
    ambient,
    client::{Afar, Client, segment},
    credential::{self, PersonKey},
    printer::Printer,
};

/// The example: what a municipality's pension office may ask an income register.
const EXAMPLE: &str = include_str!("../../../agreement/tests/pensioners.json");
/// The processing activities that the example names, by party.
const REGISTERS: &str = include_str!("../../../agreement/tests/examples/pensioners.registers.json");

/// Agreements with other participants.
#[derive(Debug, Subcommand)]
pub enum Agreement {
    /// Take in a draft from a JSON file. The document says who takes part, what is asked and delivered, and why.
    #[command(after_help = "Example:\n  verbond agreement new pensioners.json")]
    New {
        /// The document; `-` for standard input.
        file: PathBuf,
    },
    /// Write an example to begin from to standard output: one question about a person, with one answer.
    #[command(
        after_help = "Example:\n  verbond agreement example --coalition verbond-test --provider oin:00000099000000030000 \\\n    \
        --receiver oin:00000099000000020000 --service incomes > draft.json\n\n\
        With --activity it writes the processing activity of one of them, to be put in its register:\n  \
        verbond activity put provide-incomes activity.json"
    )]
    Example(Example),
    /// All versions that this node holds, the newest first.
    List,
    /// Gather the public lists of several participants and lay them side by side. Needs no node: anybody can do it.
    Lists(Lists),
    /// One version: how far it is, who has signed, who is awaited.
    Show(Which),
    /// Write the document, as it is signed, to standard output.
    Document(Which),
    /// What is missing before a version may be offered and signed, and how to mend it, after having read anew what it
    /// names. It judges nothing as lawful.
    Check(Which),
    /// Read anew what stands at the addresses that a version names, here and at the other parties' nodes; show what each
    /// node saw.
    Read(Which),
    /// The agreement as people read it, made from the document that is signed.
    Text {
        #[command(flatten)]
        which: Which,
        /// In English instead of Dutch.
        #[arg(long)]
        english: bool,
    },
    /// What of an answer would be delivered under each operation, and what is struck out: of a sample, which stays on this
    /// machine; of a live answer, for the provider's steward; else of one that is made up.
    #[command(after_help = "Examples:\n  verbond agreement preview 3f2a91c0\n  \
        verbond agreement preview 3f2a91c0 sample.json\n  \
        echo '{\"person\": \"P-0042\"}' | verbond agreement preview 3f2a91c0 --live --parameters -")]
    Preview(Preview),
    /// What changed from one version to another, in words, and who drafted and signed each.
    #[command(after_help = "Example:\n  verbond agreement diff 3f2a91c0 8be01d77")]
    Diff {
        /// The earlier version's hash, or the later one's when it is named alone: then it is compared with the one that it
        /// replaces.
        hash: String,
        /// The later version's hash.
        later: Option<String>,
    },
    /// Draft the next version of a running agreement. It takes over at the moment that it names, once all have signed.
    #[command(after_help = "Example:\n  verbond agreement document 3f2a91c0 > next.json\n  \
        verbond agreement amend 3f2a91c0 next.json --from 2027-01-01T00:00:00Z\n  \
        verbond agreement amend --from-refusal 01890a5d-ac96-774b-bcce-b302099a8057")]
    Amend {
        /// The running version: its hash, or enough of the beginning of it.
        #[arg(required_unless_present = "from_refusal", conflicts_with = "from_refusal")]
        hash: Option<String>,
        /// The changed text, whole; `-` for standard input. Without it: the present text.
        file: Option<PathBuf>,
        /// From a refusal, with what was missing filled in: the transaction id, from the answer's `Fsc-Transaction-Id`.
        #[arg(long, value_name = "TRANSACTION")]
        from_refusal: Option<TransactionId>,
        /// The operation that was meant, by its name in the service's description: a refusal does not record its path.
        #[arg(long, value_name = "NAME", requires = "from_refusal")]
        operation: Option<EntryName>,
        /// When it takes over, RFC 3339 in UTC. Otherwise: the beginning of the text's term if that is still to come, else a
        /// day from now.
        #[arg(long, value_name = "MOMENT")]
        from: Option<Moment>,
    },
    /// Take a draft away.
    Discard(Which),
    /// Advise on a draft as your organisation's data protection officer, with your own key. The advice becomes part of the
    /// document, which has another hash from then on. Read it first: `verbond agreement text`.
    #[command(
        after_help = "Example:\n  verbond agreement advise 3f2a91c0 --outcome positive --officer 'M. Voorbeeld, FG' \\\n    \
        --text 'The question is proportionate: no incomes are collected.'\n\n\
        Against it, or with a condition: the parties answer under `not_followed_because` of the advice, in the document."
    )]
    Advise(Advising),
    /// Offer a draft to the other parties. From then on it is not changed.
    Offer(Which),
    /// Sign for the organisation, with your own key. Read it first: `verbond agreement text`.
    #[command(
        after_help = "Example:\n  verbond agreement sign 3f2a91c0 --client-certificate s-voorbeeld/certificate.pem \\\n    \
        --client-key s-voorbeeld/key.pem --node https://localhost:7447 --node-anchors node/trust-anchors.pem"
    )]
    Sign(Which),
    /// Have a contract that names no agreement count as one that follows from this version: a party that runs another program
    /// has signed elsewhere and takes no properties into a contract. A steward does.
    #[command(
        after_help = "Example:\n  verbond agreement bind 3f2a91c0 '$1$1$ds2…' --reason \"signed on paper; their product drops properties\""
    )]
    Bind {
        /// The version's hash, or enough of the beginning of it; `sha256:` may be left out.
        hash: String,
        /// The contract's hash: `verbond contract list`.
        contract: String,
        /// Why; stands in the journal.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Say no to what another party offers.
    Refuse(Reasoned),
    /// Take back what this participant has offered, before all have signed.
    Withdraw(Reasoned),
    /// Hold an agreement up: nothing is exchanged until it is let go.
    Suspend(Reasoned),
    /// Let go of what this participant held up.
    Resume(Which),
    /// End an agreement, for all parties.
    Revoke(Reasoned),
}

/// What the example is to be about.
#[derive(Debug, Args)]
pub struct Example {
    /// The group's identifier.
    #[arg(long, value_name = "ID")]
    coalition: String,
    /// Who provides.
    #[arg(long, value_name = "ID")]
    provider: ParticipantId,
    /// Who receives.
    #[arg(long, value_name = "ID")]
    receiver: ParticipantId,
    /// The provider's service.
    #[arg(long, value_name = "NAME")]
    service: ServiceName,
    /// For how many days.
    #[arg(long, default_value_t = 365)]
    days: u16,
    /// Where the provider publishes its registers: `public.address` of its node.
    #[arg(long, value_name = "URL", default_value = "https://register.test")]
    provider_address: String,
    /// Where the receiver publishes its registers.
    #[arg(long, value_name = "URL", default_value = "https://pension.test")]
    receiver_address: String,
    /// Write the processing activity that this party names, instead of the agreement.
    #[arg(long, value_name = "PARTY")]
    activity: Option<ExampleParty>,
}

/// A party to the example.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum ExampleParty {
    /// Who provides.
    Provider,
    /// Who receives.
    Receiver,
}

impl ExampleParty {
    /// Where its activity stands among the registers, and its side in the document.
    const fn places(self) -> (&'static str, &'static str) {
        match self {
            Self::Provider => ("/activities/0/content", "/clauses/0/provider/activity"),
            Self::Receiver => ("/activities/1/content", "/clauses/0/receivers/0/side/activity"),
        }
    }
}

impl Example {
    /// Prints it; needs no node.
    pub fn print(&self, printer: Printer) -> anyhow::Result<()> {
        printer.json(&match self.activity {
            Some(party) => self.activity_of(party)?,
            None => self.document()?,
        });
        Ok(())
    }

    /// Example text, about the parties that were asked for.
    fn about_them(&self, text: &str) -> anyhow::Result<Value> {
        let text = text
            .replace("oin:00000099000000030000", &self.provider.to_string())
            .replace("oin:00000099000000020000", &self.receiver.to_string());
        Ok(serde_json::from_str(&text)?)
    }

    fn activity_of(&self, party: ExampleParty) -> anyhow::Result<Value> {
        let (place, _) = party.places();
        let mut registers = self.about_them(REGISTERS)?;
        let activity = registers.pointer_mut(place).map(Value::take);
        activity.with_context(|| format!("the example has no {place}"))
    }

    fn document(&self) -> anyhow::Result<Value> {
        let mut document = self.about_them(EXAMPLE)?;
        let now = ambient::system();
        let moment = |at: Timestamp| Moment::of(at).map(|at| json!(at)).context("the clock is out of range");
        let until = now.now().plus_seconds(i64::from(self.days) * 86_400);
        for (place, value) in [
            ("/id", json!(now.uuid_v7())),
            ("/coalition", json!(self.coalition)),
            ("/clauses/0/service/name", json!(self.service)),
            // Without the hours of a working day: whoever tries it in the evening should get an answer.
            (
                "/clauses/0/conditions",
                json!({ "volume": { "most": 100_000, "per": "month" }, "algorithm": { "use": "none" } }),
            ),
            ("/term/from", moment(now.now().plus_seconds(-60))?),
            ("/term/until", moment(until)?),
            // Officers advise by an act of their own, never by an example.
            ("/advice", json!([])),
        ] {
            *document.pointer_mut(place).with_context(|| format!("the example has no {place}"))? = value;
        }
        for (party, base) in [
            (ExampleParty::Provider, &self.provider_address),
            (ExampleParty::Receiver, &self.receiver_address),
        ] {
            let bytes = serde_json::to_vec(&self.activity_of(party)?)?;
            let (_, hash) = PublishedActivity::parse(&bytes)?;
            let (_, place) = party.places();
            let reference =
                document.pointer_mut(place).with_context(|| format!("the example has no {place}"))?;
            let entry: Versioned =
                serde_json::from_value(reference.get("entry").cloned().unwrap_or_default())?;
            let base = base.trim_end_matches('/');
            let url = format!("{base}/v1/registers/activity/{}/{}", entry.name, entry.version);
            *reference = json!({ "entry": entry, "url": url, "hash": hash });
        }
        Ok(document)
    }
}

/// Which version.
#[derive(Debug, Args)]
pub struct Which {
    /// Its hash, or enough of the beginning of it; `sha256:` may be left out.
    hash: String,
}

/// Which version, and why.
#[derive(Debug, Args)]
pub struct Reasoned {
    /// Its hash, or enough of the beginning of it; `sha256:` may be left out.
    hash: String,
    /// Why; told to the other parties.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Agreement {
    /// Does it.
    pub async fn run(self, client: &Client, afar: &Afar, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::New { file } => shown(printer, &client.post("/v1/agreements", &read_json(&file)?).await?),
            Self::Example(example) => example.print(printer)?,
            Self::List => list(client, printer).await?,
            Self::Lists(lists) => drop(lists.run(printer).await?),
            Self::Show(which) => shown(printer, &client.get(&at(&which.hash, "", client).await?).await?),
            Self::Document(which) => {
                printer.json(&client.get(&at(&which.hash, "/document", client).await?).await?);
            }
            Self::Check(which) => {
                client.post(&at(&which.hash, "/readings", client).await?, &json!({})).await?;
                let answer = client.get(&at(&which.hash, "/findings", client).await?).await?;
                let columns = [
                    ("FINDING", "/code"),
                    ("SEVERITY", "/severity"),
                    ("CLAUSE", "/clause"),
                    ("WHAT", "/sentence/en"),
                    ("MEND", "/mend/en"),
                ];
                show::list(printer, &answer, &columns, ("Niets gevonden.", "nothing found"));
            }
            Self::Read(which) => {
                let answer = client.post(&at(&which.hash, "/readings", client).await?, &json!({})).await?;
                let columns = [
                    ("WHAT", "/kind"),
                    ("ADDRESS", "/url"),
                    ("READ BY", "/reader"),
                    ("OUTCOME", "/outcome"),
                    ("HASH", "/hash"),
                ];
                show::list(printer, &answer, &columns, ("Niets te lezen.", "nothing to read"));
            }
            Self::Text { which, english } => {
                let language = if english { "en" } else { "nl" };
                let path = at(&which.hash, &format!("/text?language={language}"), client).await?;
                match client.get(&path).await? {
                    Value::String(text) if !printer.is_json() => printer.line(text.trim_end()),
                    text => printer.json(&text),
                }
            }
            Self::Preview(preview) => {
                preview.print(&at(&preview.hash, "", client).await?, client, printer).await?;
            }
            Self::Diff { hash, later } => difference(&hash, later.as_deref(), client, printer).await?,
            Self::Amend { from_refusal: Some(transaction), operation, from, .. } => {
                let path = format!("/v1/refusals/{transaction}/amendments");
                shown(printer, &client.post(&path, &json!({ "operation": operation, "from": from })).await?);
            }
            Self::Amend { hash, file, from, .. } => {
                let document = file.as_deref().map(read_json).transpose()?;
                let body = json!({ "document": document, "from": from });
                act(&hash.unwrap_or_default(), "amendments", &body, client, printer).await?;
            }
            Self::Discard(which) => {
                client.delete(&at(&which.hash, "", client).await?).await?;
                done(printer, "het concept is weg", "the draft is gone");
            }
            Self::Advise(advising) => advising.advise(client, afar, printer).await?,
            Self::Offer(which) => act(&which.hash, "offer", &json!({}), client, printer).await?,
            Self::Sign(which) => {
                let hash = whole(&which.hash, client).await?;
                let document = client.get(&format!("/v1/agreements/{}/document", segment(&hash))).await?;
                let body = json!({ "signature": signature(&hash, &document, afar)? });
                let path = format!("/v1/agreements/{}/signature", segment(&hash));
                shown(printer, &client.post(&path, &body).await?);
            }
            Self::Bind { hash, contract, reason } => {
                let body = json!({ "contract": contract, "reason": reason });
                act(&hash, "contracts", &body, client, printer).await?;
            }
            Self::Resume(which) => act(&which.hash, "resume", &json!({}), client, printer).await?,
            Self::Refuse(what) => reasoned(&what, "refuse", client, printer).await?,
            Self::Withdraw(what) => reasoned(&what, "withdraw", client, printer).await?,
            Self::Suspend(what) => reasoned(&what, "suspend", client, printer).await?,
            Self::Revoke(what) => reasoned(&what, "revoke", client, printer).await?,
        }
        Ok(())
    }
}

/// The document that has this hash; the node's word for what the document is is not taken.
pub(super) fn shown_under(hash: &str, document: &Value) -> anyhow::Result<Document> {
    let agreement = Document::parse(&serde_json::to_vec(document)?)?;
    anyhow::ensure!(agreement.hash()?.to_string() == hash, "the node shows another document than {hash}");
    Ok(agreement)
}

/// The caller's own key.
pub(super) fn own_key(afar: &Afar) -> anyhow::Result<PersonKey> {
    let key = afar.client_key.as_deref().context("a signature needs your own key: --client-key")?;
    PersonKey::open(key, afar.passphrase_file.as_deref())
}

/// The caller's own signature over the document that has this hash.
fn signature(hash: &str, document: &Value, afar: &Afar) -> anyhow::Result<String> {
    let (agreement, key) = (shown_under(hash, document)?, own_key(afar)?);
    credential::sign_detached(&key, AGREEMENT_SIGNATURE, &agreement.canonical()?, ambient::system().now())
}

async fn list(client: &Client, printer: Printer) -> anyhow::Result<()> {
    let mut answer = client.get("/v1/agreements").await?;
    if !printer.is_json() {
        for item in answer.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            let hash = item.get("hash").and_then(Value::as_str).unwrap_or_default();
            let short: String = hash.trim_start_matches("sha256:").chars().take(12).collect();
            if let Some(members) = item.as_object_mut() {
                members.insert("short".to_owned(), short.into());
            }
        }
    }
    let columns = [
        ("AGREEMENT", "/short"),
        ("VERSION", "/version"),
        ("STAGE", "/stage"),
        ("IN FORCE", "/in_force"),
        ("REPLACED FROM", "/replaced_from"),
        ("UNTIL", "/until"),
        ("WAITS FOR", "/waits_for"),
        ("TITLE", "/title/en"),
    ];
    show::list(printer, &answer, &columns, ("Nog geen gegevensafspraken.", "no agreements yet"));
    Ok(())
}

async fn difference(
    hash: &str,
    later: Option<&str>,
    client: &Client,
    printer: Printer,
) -> anyhow::Result<()> {
    let path = match later {
        None => at(hash, "/changes", client).await?,
        Some(later) => {
            let since = whole(hash, client).await?;
            at(later, &format!("/changes?since={}", segment(&since)), client).await?
        }
    };
    let answer = client.get(&path).await?;
    if printer.is_json() {
        printer.json(&answer);
        return Ok(());
    }
    for (nl, en, place) in [("Van", "From", "/before"), ("Naar", "To", "/after")] {
        let version = answer.pointer(place).unwrap_or(&Value::Null);
        let told = |pointer| show::cell(version.pointer(pointer));
        let (number, author) = (told("/version"), told("/author"));
        let statements = version.get("statements").and_then(Value::as_array).into_iter().flatten();
        let signed = statements.filter_map(|one| one.get("signatory").and_then(Value::as_str));
        let signed = signed.collect::<Vec<_>>().join(", ");
        printer.say(
            &format!("{nl} versie {number} (opgesteld: {author}; getekend: {signed})"),
            &format!("{en} version {number} (drafted: {author}; signed: {signed})"),
        );
    }
    let changes = json!({ "items": answer.get("changes") });
    let columns =
        [("CHANGE", "/kind"), ("WHERE", "/place"), ("WAT", "/sentence/nl"), ("WHAT", "/sentence/en")];
    show::list(printer, &changes, &columns, ("Beide zeggen hetzelfde.", "both say the same"));
    for change in answer.get("changes").and_then(Value::as_array).into_iter().flatten() {
        whole_texts(change, printer);
    }
    Ok(())
}

/// What stood there and what stands there now, where the sentence is too short to hold it.
fn whole_texts(change: &Value, printer: Printer) {
    let told = |name: &str| match change.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => show::cell(Some(&visible(text).into())),
        Some(whole) => visible(&whole.to_string()).into_owned(),
    };
    let (before, after) = (told("before"), told("after"));
    let sentence = change.pointer("/sentence/en").and_then(Value::as_str).unwrap_or_default();
    let place = show::cell(change.get("place"));
    if [&before, &after].iter().all(|text| sentence.contains(text.as_str())) {
        return;
    }
    printer.say(
        &format!("\n{place}\n  was:   {before}\n  wordt: {after}"),
        &format!("\n{place}\n  was:     {before}\n  becomes: {after}"),
    );
}

async fn reasoned(what: &Reasoned, verb: &str, client: &Client, printer: Printer) -> anyhow::Result<()> {
    act(&what.hash, verb, &json!({ "reason": what.reason }), client, printer).await
}

async fn act(hash: &str, verb: &str, body: &Value, client: &Client, printer: Printer) -> anyhow::Result<()> {
    let path = at(hash, &format!("/{verb}"), client).await?;
    shown(printer, &client.post(&path, body).await?);
    Ok(())
}

pub(super) fn shown(printer: Printer, answer: &Value) {
    show::one(printer, answer);
}

/// The path of something of a version.
async fn at(hash: &str, rest: &str, client: &Client) -> anyhow::Result<String> {
    Ok(format!("/v1/agreements/{}{rest}", segment(&whole(hash, client).await?)))
}

/// The whole hash, from the beginning of one that the node holds.
pub(super) async fn whole(beginning: &str, client: &Client) -> anyhow::Result<String> {
    let digits = beginning.trim_start_matches("sha256:");
    if digits.len() == 64 {
        return Ok(format!("sha256:{digits}"));
    }
    let answer = client.get("/v1/agreements").await?;
    let hashes = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let hashes = hashes.filter_map(|item| item.get("hash").and_then(Value::as_str));
    let wanted = format!("sha256:{digits}");
    let mut found = hashes.filter(|hash| !digits.is_empty() && hash.starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(hash), None) => Ok(hash.to_owned()),
        (None, _) => Err(unclear("geen", "no", beginning).into()),
        (Some(_), Some(_)) => Err(unclear("meer dan één", "more than one", beginning).into()),
    }
}

fn unclear(nl: &str, en: &str, beginning: &str) -> Problem {
    Problem::new(
        "AGREEMENT_UNCLEAR",
        404,
        format!("Er is {nl} gegevensafspraak waarvan de hash met `{beginning}` begint."),
        format!("there is {en} agreement whose hash begins with `{beginning}`"),
    )
    .next("Bekijk `verbond agreement list`.", "see `verbond agreement list`")
}
