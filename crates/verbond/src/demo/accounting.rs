//! The account of what happened: both parties' compared, each other's journals witnessed, and evidence that a program of its own
//! verifies, tampered with in a copy and found.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{
    Scene,
    people::Person,
    report::{Reporter, Verify},
    steps::{eventually, items},
};

/// Who may ask for evidence, at each party.
pub struct Accountants<'a> {
    /// At the income register.
    pub register: &'a Person<'a>,
    /// At the pension office.
    pub office: &'a Person<'a>,
}

/// All steps.
pub async fn all(
    scene: &Scene,
    people: &Accountants<'_>,
    after: &str,
    reporter: &mut Reporter,
) -> anyhow::Result<()> {
    reporter.step("accounts agree", reconciled(scene, people, after)).await?;
    reporter.step("witnessed by the counterpart", witnessed(scene)).await?;
    let mut evidence = None;
    reporter
        .step("evidence verified", async {
            let (files, detail) = verified(scene, people).await?;
            evidence = Some(files);
            Ok(detail)
        })
        .await?;
    let evidence = evidence.context("there is no evidence")?;
    reporter.verify(Verify { clean: true, tampered_found: false });
    reporter.step("tampering named", tampered(scene, &evidence)).await?;
    reporter.verify(Verify { clean: true, tampered_found: true });
    Ok(())
}

async fn reconciled(scene: &Scene, people: &Accountants<'_>, after: &str) -> anyhow::Result<String> {
    let register = format!("oin:{}", scene.income_register.description.id);
    // What is younger than five seconds may still be going on.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let compared = people.office.report(&["account", "reconcile", &register, "--after", after]).await?;
    let count = |name: &str| compared.get(name).and_then(Value::as_u64).unwrap_or_default();
    // Questions that were under way while a version took over from another are named, and are no disagreement.
    let findings = compared.get("findings").and_then(Value::as_array).into_iter().flatten();
    let mut kinds = findings.map(|finding| finding.get("kind").and_then(Value::as_str));
    let agree = kinds.all(|kind| kind == Some("at_handover"));
    ensure!(count("same") > 0 && agree, "the accounts disagree: {compared}");
    Ok(format!("{} exchanges stand at both parties, and both say the same of what crossed", count("same")))
}

async fn witnessed(scene: &Scene) -> anyhow::Result<String> {
    let register = format!("oin:{}", scene.income_register.description.id);
    let seen = eventually("the pension office has seen a checkpoint of the register", || async {
        let items = items(scene.pension_office.run(&["journal", "witnessed"]).await?)?;
        let of_register =
            |item: &Value| item.get("counterpart").and_then(Value::as_str) == Some(register.as_str());
        Ok(items.into_iter().find(of_register))
    })
    .await?;
    let size = seen.get("size").and_then(Value::as_u64).context("the checkpoint has no size")?;
    Ok(format!(
        "with its exchanges the pension office got the register's signed checkpoint over {size} entries: the register cannot tell another history any more"
    ))
}

async fn verified(scene: &Scene, people: &Accountants<'_>) -> anyhow::Result<(Vec<PathBuf>, String)> {
    let mut files = Vec::new();
    for (person, name) in [(people.register, "register"), (people.office, "office")] {
        let file = PathBuf::from(person.path(&format!("evidence-of-the-{name}.jsonl")));
        person.run(&["account", "evidence", "--out", &file.display().to_string()]).await?;
        files.push(file);
    }
    let report = verify(scene, &files).await?;
    ensure!(outcome(&report) == "clean", "the evidence is not clean: {}", alarms(&report));
    let agree = report.pointer("/exchanges/agree").and_then(Value::as_u64).unwrap_or_default();
    let entries = report.get("participants").and_then(Value::as_array).into_iter().flatten();
    let entries: u64 = entries.filter_map(|one| one.get("entries").and_then(Value::as_u64)).sum();
    Ok((
        files,
        format!(
            "{entries} entries of both journals verified offline, without a node: signatures, trees, agreements in force, {agree} exchanges alike at both"
        ),
    ))
}

/// One record of an exchange is changed in a copy.
async fn tampered(scene: &Scene, evidence: &[PathBuf]) -> anyhow::Result<String> {
    let [register, office] = evidence else { anyhow::bail!("evidence of two parties is needed") };
    let copy = register.with_extension("tampered.jsonl");
    let index = change_one_permit(register, &copy)?;
    let report = verify(scene, &[copy, office.clone()]).await?;
    let named = report.get("alarms").and_then(Value::as_array).into_iter().flatten().any(|alarm| {
        alarm.get("code").and_then(Value::as_str) == Some("ENTRY_CHANGED")
            && alarm.get("index").and_then(Value::as_u64) == Some(index)
    });
    ensure!(named, "entry {index} was changed and not named: {}", alarms(&report));
    Ok(format!(
        "one record was changed in a copy of the register's evidence: the verifier names entry {index}"
    ))
}

/// Copies evidence with the service of its last permit changed; the index of that entry.
fn change_one_permit(from: &Path, to: &Path) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(from)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let is_permit = |line: &&mut String| line.contains(r#""kind":"permit""#) && line.contains(r#""payload""#);
    let line = lines.iter_mut().rev().find(is_permit).context("no permit stands in the evidence")?;
    let mut entry: Value = serde_json::from_str(line)?;
    let payload = entry.get("payload").and_then(Value::as_str).context("the permit has no payload")?;
    let changed = payload.replacen("yearly-incomes", "other-incomes", 1);
    ensure!(changed != payload, "the permit is of another service");
    let index = entry.get("index").and_then(Value::as_u64).context("the permit has no index")?;
    entry.as_object_mut().context("the permit is no object")?.insert("payload".to_owned(), changed.into());
    *line = entry.to_string();
    std::fs::write(to, lines.join("\n") + "\n")?;
    Ok(index)
}

async fn verify(scene: &Scene, files: &[PathBuf]) -> anyhow::Result<Value> {
    let anchors = scene.income_register.data.join("trust-anchors.pem").display().to_string();
    let files = files.iter().map(|file| file.display().to_string());
    let arguments: Vec<String> =
        ["verify".to_owned(), "--anchors".to_owned(), anchors].into_iter().chain(files).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    scene.income_register.report(&arguments).await
}

fn outcome(report: &Value) -> &str {
    report.get("outcome").and_then(Value::as_str).unwrap_or_default()
}

fn alarms(report: &Value) -> String {
    let alarms = report.get("alarms").and_then(Value::as_array).into_iter().flatten();
    alarms.take(3).map(Value::to_string).collect::<Vec<_>>().join(", ")
}
