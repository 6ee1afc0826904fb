//! The anchor case: a pension office finds pensioners on too little by one yes or no per person. The incomes themselves
//! stay where they are.

mod change;

use std::{collections::HashSet, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use verbond_agreement::Moment;

use super::{
    Scene,
    accounting::{self, Accountants},
    calls::Application,
    organisation::Organisation,
    people::Person,
    report::{Anchor, Reporter},
    sources::{self, LATER, PENSIONERS, euros, yearly_income},
    steps::{eventually, items},
    tap::Tap,
};
use crate::ambient;

/// The service, at the income register.
const SERVICE: &str = "yearly-incomes";
/// The entry of the register's grounds on which its side rests; the example names it so.
const GROUND: &str = "provide-incomes";
/// What the agreement is for.
const PURPOSE: &str = "supplement-outreach";
/// Below this yearly income, in cents, people may be entitled to more. The agreement names it.
const MINIMUM: u64 = 1_548_050;
/// Questions that are asked at once.
const CLIENTS: u32 = 24;

/// Who acts.
struct People<'a> {
    steward: Person<'a>,
    drafter: Person<'a>,
    officer: Person<'a>,
    signatories: [Person<'a>; 2],
}

/// All steps of the anchor case.
pub async fn all(scene: &Scene, reporter: &mut Reporter) -> anyhow::Result<()> {
    let begun = Moment::of(ambient::system().now()).context("the clock is out of range")?.to_string();
    let (mut people, mut hash, mut finding) = (None, String::new(), None);
    reporter
        .step("people enrolled", async {
            people = Some(enrol(scene).await?);
            Ok("a steward, a drafter, a data protection officer and two signatories, each with a key of their own outside the nodes"
                .to_owned())
        })
        .await?;
    let people = people.context("nobody is enrolled")?;
    reporter
        .step("drafted, checked, previewed", async {
            let (drafted, detail) = draft(scene, &people).await?;
            hash = drafted;
            Ok(detail)
        })
        .await?;
    let signing = Instant::now();
    reporter.step("signed by people", sign(scene, &people, &hash)).await?;
    let signing_took = signing.elapsed();
    reporter
        .step("found without incomes", async {
            let made = Finding::begin(scene).await?;
            let (anchor, detail) = made.ask_about_everybody().await?;
            finding = Some((made, anchor));
            Ok(detail)
        })
        .await?;
    let (finding, anchor) = finding.context("nobody was asked about")?;
    reporter.anchor(anchor);
    reporter.step("refused for enforcement", refused_for_enforcement(scene, &finding)).await?;
    let mut next = String::new();
    reporter
        .step("amended while in use", async {
            let (amended, detail) = change::amended(scene, &people, &hash, &finding, signing_took).await?;
            next = amended;
            Ok(detail)
        })
        .await?;
    reporter.step("ground withdrawn", change::withdrawn(scene, &people, &next, &finding)).await?;
    let accountants = Accountants { register: &people.steward, office: &people.officer };
    accounting::all(scene, &accountants, &begun, reporter).await
}

async fn enrol(scene: &Scene) -> anyhow::Result<People<'_>> {
    let (register, office, folder) = (&scene.income_register, &scene.pension_office, scene.people.as_path());
    let (steward, drafter, officer, ours, theirs) = tokio::try_join!(
        Person::enrol(register, folder, "steward"),
        Person::enrol(office, folder, "drafter"),
        Person::enrol(office, folder, "fg"),
        Person::enrol(register, folder, "signatory"),
        Person::enrol(office, folder, "signatory"),
    )?;
    Ok(People { steward, drafter, officer, signatories: [ours, theirs] })
}

/// The register's description, both parties' activities, and the draft that rests on them.
async fn draft(scene: &Scene, people: &People<'_>) -> anyhow::Result<(String, String)> {
    let (register, office) = (&scene.income_register, &scene.pension_office);
    let put = async |who: &Person<'_>, kind: &str, name: &str, content: &Value| {
        let file = who.path(&format!("{kind}.json"));
        write(Path::new(&file), content)?;
        who.run(&[kind, "put", name, &file]).await
    };
    let example = example(office, register);
    for (who, party, name) in [
        (&people.steward, "provider", "provide-incomes"),
        (&people.drafter, "receiver", "supplement-outreach"),
    ] {
        let asked: Vec<&str> = example.iter().map(String::as_str).chain(["--activity", party]).collect();
        put(who, "activity", name, &office.run(&asked).await?).await?;
    }
    put(&people.steward, "description", SERVICE, &described()).await?;

    let document = document(office, register, &example).await?;
    let ground =
        document.pointer("/clauses/0/provider/ground/ground").context("the example has no ground")?;
    put(&people.steward, "ground", GROUND, ground).await?;
    let file = people.drafter.path("draft.json");
    write(Path::new(&file), &document)?;
    let drafted = people.drafter.run(&["agreement", "new", &file]).await?;
    let hash = advised(people, &member(&drafted, "hash")).await?;
    let findings = items(people.drafter.run(&["agreement", "check", &hash]).await?)?;
    let refuses = refusing(&findings);
    ensure!(refuses.is_empty(), "check refuses: {}", refuses.join(", "));
    // A sample of the source's form, made up like all others.
    let sample = people.drafter.path("sample.json");
    std::fs::write(&sample, sources::yearly(1))?;
    let preview = people.drafter.run(&["agreement", "preview", &hash, &sample]).await?;
    let shown = |member: &str| preview.pointer(&format!("/operations/0/{member}")).map(Value::to_string);
    let (delivered, struck) =
        (shown("delivered").context("no preview")?, shown("struck_out").context("no preview")?);
    let told = json!({ "income": { "below_minimum": yearly_income(1) < MINIMUM } });
    ensure!(preview.pointer("/operations/0/delivered") == Some(&told), "the preview shows {delivered}");
    let detail = format!(
        "the officer advised; check refuses nothing and gives {} to look at; of a sample only {delivered} leaves, not {struck}",
        findings.len()
    );
    Ok((hash, detail))
}

/// Codes of what `check` refuses.
fn refusing(findings: &[Value]) -> Vec<String> {
    let refuses = findings.iter().filter(|finding| member(finding, "severity") != "warns");
    refuses.map(|finding| member(finding, "code")).collect()
}

/// A text that a verb has printed; empty where there is none.
fn member(printed: &Value, name: &str) -> String {
    printed.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The verb that writes an example between these two, to begin from.
fn example(office: &Organisation, register: &Organisation) -> Vec<String> {
    let party = |organisation: &Organisation| format!("oin:{}", organisation.description.id);
    let public = |organisation: &Organisation| {
        format!("http://{}:{}", organisation.description.host, organisation.public().port())
    };
    let (provider, receiver) = (party(register), party(office));
    let (provides, receives) = (public(register), public(office));
    let options = [
        ("--coalition", "verbond-test"),
        ("--provider", &provider),
        ("--receiver", &receiver),
        ("--service", SERVICE),
        ("--provider-address", &provides),
        ("--receiver-address", &receives),
    ];
    let options = options.into_iter().flat_map(|(option, value)| [option, value]);
    ["agreement", "example"].into_iter().chain(options).map(str::to_owned).collect()
}

/// The agreement: one yes or no per person, at most once a day.
async fn document(
    office: &Organisation,
    register: &Organisation,
    example: &[String],
) -> anyhow::Result<Value> {
    let example: Vec<&str> = example.iter().map(String::as_str).collect();
    let mut document = office.run(&example).await?;
    let minimum = euros(MINIMUM);
    let delivered = json!([{
        "path": "$.income.below_minimum", "type": "boolean", "category": "income", "sensitivity": "sensitive",
        "meaning": "Whether the yearly income lies below the social minimum",
        "derived": {
            "by": "compare", "from": "$.income.amount",
            "comparison": { "operator": "below", "constant": { "number": minimum } },
        },
    }]);
    for (place, value) in [
        ("/parties/0/name", json!(office.description.name)),
        ("/parties/1/name", json!(register.description.name)),
        ("/clauses/0/operations/0/path", json!("/years/{person}")),
        ("/clauses/0/operations/0/delivered", delivered),
        ("/clauses/0/operations/0/parameters/0/identifies", json!("organisation_number")),
        ("/clauses/0/operations/0/people/0/identifies", json!("organisation_number")),
        (
            "/clauses/0/conditions",
            json!({ "per_person": { "most": 1, "per": "day" }, "algorithm": { "use": "none" } }),
        ),
    ] {
        *document.pointer_mut(place).with_context(|| format!("the example has no {place}"))? = value;
    }
    Ok(document)
}

fn described() -> Value {
    let element = |path: &str, kind: &str, sensitivity: &str, meaning: &str| json!({ "path": path, "type": kind, "category": "income", "sensitivity": sensitivity, "meaning": meaning });
    json!({
        "service": SERVICE, "title": "Yearly incomes", "description": "What people earned in a year, by person.",
        "operations": [{
            "name": "income-of-person", "method": "GET", "path": "/years/{person}",
            "parameters": [{
                "name": "person", "place": "path", "required": true,
                "values": { "allow": "identifier", "longest": 20 }, "identifies": "organisation_number",
            }],
            "content_type": "application/json", "record": "$",
            "elements": [
                element("$.year", "integer", "personal", "The year"),
                element("$.income.amount", "number", "sensitive", "The income of that year, in euros"),
                element("$.income.currency", "string", "personal", "Its currency"),
                element("$.employer", "string", "personal", "Who paid most of it"),
            ],
            "people": [{ "at": { "place": "parameter", "name": "person" }, "identifies": "organisation_number" }],
        }],
    })
}

fn write(file: &Path, content: &Value) -> anyhow::Result<()> {
    std::fs::write(file, serde_json::to_vec_pretty(content)?)
        .with_context(|| format!("cannot write {}", file.display()))
}

/// The officer of the pension office advises; the draft has another hash from then on.
async fn advised(people: &People<'_>, hash: &str) -> anyhow::Result<String> {
    let (officer, text) =
        ("M. Voorbeeld, data protection officer", "Proportionate: no incomes are collected.");
    let advice = ["agreement", "advise", hash, "--outcome", "positive", "--officer", officer, "--text", text];
    Ok(member(&people.officer.run(&advice).await?, "hash"))
}

async fn offered_and_signed(people: &People<'_>, hash: &str) -> anyhow::Result<()> {
    people.drafter.run(&["agreement", "offer", hash]).await?;
    for signatory in &people.signatories {
        eventually("the agreement is there", || async {
            Ok(signatory.run(&["agreement", "show", hash]).await.is_ok().then_some(()))
        })
        .await?;
        signatory.run(&["agreement", "sign", hash]).await?;
    }
    Ok(())
}

async fn sign(scene: &Scene, people: &People<'_>, hash: &str) -> anyhow::Result<String> {
    offered_and_signed(people, hash).await?;
    for organisation in [&scene.income_register, &scene.pension_office] {
        eventually("the agreement is in force", || async {
            let shown = organisation.run(&["agreement", "show", hash]).await?;
            Ok((shown.get("in_force") == Some(&Value::Bool(true))).then_some(()))
        })
        .await?;
    }
    Ok("offered, read and signed at both; the contract between the nodes follows by itself".to_owned())
}

/// The pension office's application, with a tap on each of the two plain segments.
struct Finding {
    application: Application,
    source: Tap,
    answers: Tap,
}

impl Finding {
    async fn begin(scene: &Scene) -> anyhow::Result<Self> {
        let everybody = PENSIONERS + LATER;
        let known: HashSet<String> = (1..=everybody).map(|number| euros(yearly_income(number))).collect();
        ensure!(known.len() == everybody as usize, "two people have the same income");
        let known = Arc::new(known);
        let source = Tap::open(scene.yearly_incomes.address(), Arc::clone(&known)).await?;
        let answers = Tap::open(scene.pension_office.outway(), known).await?;
        let (register, office) = (&scene.income_register, &scene.pension_office);
        let declared = ["--class", "governed", "--steward", "S. Voorbeeld", "--reason", "incomes of people"];
        let upstream = format!("http://{}", source.address());
        let add = ["service", "add", SERVICE, "--upstream", &upstream];
        register.run(&[&add[..], &declared].concat()).await?;
        let made = office.run(&["application", "add", "outreach", "--token"]).await?;
        let token = made.get("token").and_then(Value::as_str).context("no token was given")?.to_owned();
        let service = format!("{}/{SERVICE}", register.description.id);
        let allow = ["application", "allow", "outreach", &service, "--alias", SERVICE];
        office.run(&[&allow[..], &declared].concat()).await?;
        eventually("the contract has followed from the agreement", || async {
            let contracts = items(office.run(&["contract", "list", "--state", "valid"]).await?)?;
            let found = contracts.iter().any(|contract| contract.to_string().contains(SERVICE));
            Ok(found.then_some(()))
        })
        .await?;
        for organisation in [register, office] {
            organisation.run(&["reload"]).await?;
        }
        Ok(Self { application: Application { outway: answers.address(), token }, source, answers })
    }

    async fn ask_about_everybody(&self) -> anyhow::Result<(Anchor, String)> {
        let started = Instant::now();
        let workers: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let application = self.application.clone();
                tokio::spawn(async move {
                    let mut entitled = Vec::new();
                    for number in (1..=PENSIONERS).filter(|number| number % CLIENTS == client) {
                        let answer = application.get_for(&about(number), Some(PURPOSE)).await?;
                        ensure!(answer.status == 200, "a question was answered with {}", answer.reason());
                        let answer: Value = serde_json::from_slice(&answer.body)?;
                        let below = answer.pointer("/income/below_minimum").and_then(Value::as_bool);
                        if below.with_context(|| format!("an answer says {answer}"))? {
                            entitled.push(number);
                        }
                    }
                    Ok(entitled)
                })
            })
            .collect();
        let mut found = Vec::new();
        for worker in workers {
            found.extend(worker.await??);
        }
        found.sort_unstable();
        let right: Vec<u32> = (1..=PENSIONERS).filter(|number| yearly_income(*number) < MINIMUM).collect();
        ensure!(
            found == right,
            "{} people were found, {} have an income below the limit",
            found.len(),
            right.len()
        );
        let (asked, held) = (PENSIONERS as usize, self.source.incomes());
        ensure!(held == asked, "the tap before the source has seen {held} of {asked} incomes");
        let anchor = Anchor { asked, found: found.len(), incomes_moved: self.answers.incomes() };
        ensure!(anchor.incomes_moved == 0, "{} incomes reached the pension office", anchor.incomes_moved);
        let detail = format!(
            "asked about {asked} people in {} ms and found {} who may be entitled; the tap between source and node saw {held} \
             incomes, the one between node and application {}",
            started.elapsed().as_millis(),
            anchor.found,
            anchor.incomes_moved,
        );
        Ok((anchor, detail))
    }
}

fn about(number: u32) -> String {
    format!("/{SERVICE}/years/P-{number:04}")
}

async fn refused_for_enforcement(scene: &Scene, finding: &Finding) -> anyhow::Result<String> {
    let answer = finding.application.get_for(&about(1), Some("enforcement")).await?;
    ensure!(
        answer.status == 403,
        "the same question for another purpose was answered with {}",
        answer.status
    );
    let transaction = answer.transaction_id.as_deref().context("the refusal has no transaction id")?;
    let arguments = ["record", "journal", "--kind", "refusal", "--limit", "100"];
    eventually("the attempt is on record", || async {
        let entries = items(scene.pension_office.run(&arguments).await?)?;
        let recorded = entries.iter().any(|entry| {
            let member = |name: &str| entry.pointer(&format!("/payload/{name}")).and_then(Value::as_str);
            member("transaction_id") == Some(transaction) && member("code") == Some("PURPOSE_NOT_AGREED")
        });
        Ok(recorded.then_some(()))
    })
    .await?;
    Ok(format!("the same question to enforce something: {}; the attempt is on record", answer.reason()))
}
