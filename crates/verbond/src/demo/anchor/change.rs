//! The anchor case goes on: the agreement is amended while questions are asked, and ends because the register withdraws the
//! ground on which it rests.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use verbond_agreement::Moment;

use super::{
    Finding, GROUND, PURPOSE, People, Scene, about, euros, eventually, items, member, offered_and_signed,
    refusing, write,
};
use crate::{
    ambient,
    demo::sources::{LATER, PENSIONERS, yearly_income},
};

/// Between the draft of the next version and its first moment at least: people check and sign it meanwhile.
const NOTICE: Duration = Duration::from_secs(12);
/// A second limit, in cents: who has even less gets a letter first.
const FAR_BELOW: u64 = 1_200_000;
/// Questions under the next version, after which the handover has been seen.
const AFTERWARDS: u32 = 5;
/// Between two questions at least.
const PACE: Duration = Duration::from_millis(50);

/// The drafter amends the agreement by one more answer, both sign, and questions go on over the handover. Gives the hash of
/// the next version. `signing_took`: what it took for the version before, so that a slow machine has its time.
pub async fn amended(
    scene: &Scene,
    people: &People<'_>,
    hash: &str,
    finding: &Finding,
    signing_took: Duration,
) -> anyhow::Result<(String, String)> {
    let notice = NOTICE + signing_took * 3;
    let drafter = &people.drafter;
    let mut document = drafter.run(&["agreement", "document", hash]).await?;
    document
        .pointer_mut("/clauses/0/operations/0/delivered")
        .and_then(Value::as_array_mut)
        .context("the agreement delivers nothing")?
        .push(far_below());
    let file = drafter.path("next.json");
    write(Path::new(&file), &document)?;
    let from = ambient::system().now().plus_seconds(i64::try_from(notice.as_secs())?);
    let from = Moment::of(from).context("no moment")?.to_string();
    let drafted = drafter.run(&["agreement", "amend", hash, &file, "--from", &from]).await?;
    let next = member(&drafted, "hash");
    let findings = items(drafter.run(&["agreement", "check", &next]).await?)?;
    let refuses = refusing(&findings);
    ensure!(refuses.is_empty(), "check refuses: {}", refuses.join(", "));
    offered_and_signed(people, &next).await?;
    for organisation in [&scene.income_register, &scene.pension_office] {
        eventually("the next version is signed by all", || async {
            let shown = organisation.run(&["agreement", "show", &next]).await?;
            let signed = member(&shown, "stage") == "signed";
            Ok((signed && shown.get("in_force") == Some(&Value::Bool(false))).then_some(()))
        })
        .await?;
    }
    let (before, after) = over_the_handover(finding, notice).await?;
    let replaced = eventually("the register has switched too", || async {
        let shown = scene.income_register.run(&["agreement", "show", hash]).await?;
        Ok((member(&shown, "stage") == "replaced").then_some(shown))
    })
    .await?;
    ensure!(member(&replaced, "replaced_by") == next, "another version has taken over");
    let moved = finding.answers.incomes();
    ensure!(moved == 0, "{moved} incomes reached the pension office");
    let detail = format!(
        "one more answer per person, signed by both; at the moment that it names the next version took over by itself: {before} \
         questions before and {after} after it, none refused, incomes moved: {moved}"
    );
    Ok((next, detail))
}

fn far_below() -> Value {
    json!({
        "path": "$.income.far_below_minimum", "type": "boolean", "category": "income", "sensitivity": "sensitive",
        "meaning": "Whether the yearly income lies so far below the social minimum that the letter goes first",
        "derived": {
            "by": "compare", "from": "$.income.amount",
            "comparison": { "operator": "below", "constant": { "number": euros(FAR_BELOW) } },
        },
    })
}

/// Asks about one after another of the people about whom nothing was asked yet; how many answers came under the version
/// before, and how many under the next. There are people enough for more than the notice.
async fn over_the_handover(finding: &Finding, notice: Duration) -> anyhow::Result<(u32, u32)> {
    let pace = PACE.max(notice * 2 / LATER);
    let (mut before, mut after) = (0, 0);
    for number in PENSIONERS + 1..=PENSIONERS + LATER {
        let answer = finding.application.get_for(&about(number), Some(PURPOSE)).await?;
        ensure!(answer.status == 200, "a question was answered with {}", answer.reason());
        let answer: Value = serde_json::from_slice(&answer.body)?;
        let told = answer.pointer("/income/far_below_minimum").and_then(Value::as_bool);
        match told {
            Some(told) => {
                ensure!(told == (yearly_income(number) < FAR_BELOW), "a wrong answer: {answer}");
                after += 1;
            }
            None => {
                ensure!(after == 0, "an answer under the version before came after the handover");
                before += 1;
            }
        }
        if after == AFTERWARDS {
            ensure!(before > 0, "the next version had taken over before anything was asked");
            return Ok((before, after));
        }
        tokio::time::sleep(pace).await;
    }
    anyhow::bail!("the next version has not taken over")
}

/// The register withdraws its ground: what rests on it is shown first, then all of it stops, and what remains has a day.
pub async fn withdrawn(
    scene: &Scene,
    people: &People<'_>,
    hash: &str,
    finding: &Finding,
) -> anyhow::Result<String> {
    let [signatory, _] = &people.signatories;
    let preview = signatory.run(&["ground", "withdraw", GROUND, "--dry-run"]).await?;
    let resting = preview.get("resting").and_then(Value::as_array).context("nothing was listed")?;
    let rests =
        resting.iter().any(|each| member(each, "agreement") == hash && member(each, "then") == "revoked");
    ensure!(rests, "the list of what rests on the ground lacks the agreement");
    let contracts: usize =
        resting.iter().filter_map(|each| each.get("contracts")?.as_array()).map(Vec::len).sum();
    let begun = Instant::now();
    let reason = "Judged anew: no longer necessary.";
    signatory.run(&["ground", "withdraw", GROUND, "--reason", reason, "--yes"]).await?;
    // Nothing is asked meanwhile: what is under way when it stops is broken off, and stands differently at the two parties.
    eventually("the pension office knows", || async {
        let shown = scene.pension_office.run(&["agreement", "show", hash]).await?;
        Ok((member(&shown, "stage") == "revoked").then_some(()))
    })
    .await?;
    // Nobody was asked about with the last number yet, so that no other limit can be what refuses.
    let last = about(PENSIONERS + LATER);
    let refused = eventually("questions are refused", || async {
        let answer = finding.application.get_for(&last, Some(PURPOSE)).await?;
        Ok((answer.status == 403).then_some(answer))
    })
    .await?;
    let stopped = begun.elapsed().as_millis();
    let mut remaining = Vec::new();
    for organisation in [&scene.income_register, &scene.pension_office] {
        let tasks = items(organisation.run(&["task", "list"]).await?)?;
        let of_it = tasks.iter().filter(|task| member(task, "agreement") == hash);
        let days: Vec<String> = of_it.map(|task| member(task, "due")).collect();
        ensure!(!days.is_empty(), "nothing remains to be done at {}", organisation.description.name);
        remaining.push(format!("{} to delete by {}", organisation.description.name, days.join(", ")));
    }
    Ok(format!(
        "{} versions and {contracts} contracts rested on the register's ground; refused after {stopped} ms: {}; tasks: {}",
        resting.len(),
        refused.reason(),
        remaining.join("; "),
    ))
}
