//! What the demonstration shows, one function per step.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{
    Scene, anchor,
    calls::{Answer, Application},
    organisation::Organisation,
    outsider,
    report::{RecordPair, Reporter},
};

/// How long a change may take to reach the other side before a step fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// All steps in order; the first that fails ends the run.
pub async fn all(scene: &mut Scene, reporter: &mut Reporter) -> anyhow::Result<()> {
    let mut exchanged = Vec::new();
    let mut application = None;

    reporter.step("start", start(scene)).await?;
    reporter.step("join", join(scene)).await?;
    reporter.step("publish", publish(scene)).await?;
    reporter.step("find", find(scene)).await?;
    reporter
        .step("refused without a contract", async {
            let (made, detail) = refused_without_contract(scene).await?;
            application = Some(made);
            Ok(detail)
        })
        .await?;
    let application = application.context("no application")?;
    reporter.step("propose and sign", propose_and_sign(scene)).await?;
    reporter
        .step("call", async {
            let (transactions, detail) = call(&application).await?;
            exchanged.extend(transactions);
            Ok(detail)
        })
        .await?;
    reporter.step("smuggled grant", smuggled_grant(scene)).await?;
    reporter.step("renewed under load", renewed_under_load(scene, &application)).await?;
    reporter.step("revoked while downloading", revoked_while_downloading(scene, &application)).await?;
    reporter
        .step("killed and back", async {
            let (transaction, detail) = killed_and_back(scene, &application).await?;
            exchanged.push(transaction);
            Ok(detail)
        })
        .await?;
    let mut pairs = Vec::new();
    reporter
        .step("both records", async {
            pairs = both_records(scene, &exchanged).await?;
            Ok(format!(
                "{} exchanges looked up at both parties: each stands at both under one id",
                pairs.len()
            ))
        })
        .await?;
    pairs.into_iter().for_each(|pair| reporter.record_pair(pair));
    anchor::all(scene, reporter).await
}

async fn start(scene: &mut Scene) -> anyhow::Result<String> {
    let authority = scene.authority.display().to_string();
    let directory = format!("{}={}", scene.directory.description.id, scene.directory.manager_address());
    for organisation in scene.organisations() {
        initialise(organisation, &authority, &directory).await?;
    }
    futures_util::future::try_join_all(scene.organisations().map(Organisation::start)).await?;
    Ok("a directory and three organisations run as four processes, each with its own database and key"
        .to_owned())
}

async fn initialise(organisation: &Organisation, authority: &str, directory: &str) -> anyhow::Result<()> {
    let (description, port) = (organisation.description, organisation.base_port.to_string());
    let mut arguments = vec![
        "init",
        "--test-group",
        authority,
        "--id",
        description.id,
        "--name",
        description.name,
        "--host",
        description.host,
        // Its people reach it from their own machines, which are this one.
        "--host",
        "localhost",
        "--base-port",
        &port,
        "--directory",
        directory,
    ];
    if directory.starts_with(description.id) {
        arguments.push("--directory-role");
    }
    organisation.run(&arguments).await?;
    Ok(())
}

async fn join(scene: &Scene) -> anyhow::Result<String> {
    let joined = eventually("all organisations are known to the directory", || async {
        let peers = items(scene.directory.run(&["peer", "list"]).await?)?;
        Ok((peers.len() >= 3).then_some(peers.len()))
    })
    .await?;
    Ok(format!("the directory knows {joined} organisations by their certificates"))
}

async fn publish(scene: &Scene) -> anyhow::Result<String> {
    let offers = [
        (&scene.income_register, "incomes", scene.incomes.url()),
        (&scene.pension_office, "pensions", scene.pensions.url()),
        (&scene.municipality, "arrangements", scene.arrangements.url()),
    ];
    for (organisation, name, url) in &offers {
        organisation
            .run(&[
                "service",
                "add",
                name,
                "--upstream",
                url,
                "--class",
                "open",
                "--steward",
                "S. Voorbeeld",
                "--reason",
                "made-up records of the demonstration, no personal data",
            ])
            .await?;
        organisation.run(&["service", "publish", name]).await?;
    }
    Ok("three synthetic sources offered, declared open by a steward (they hold no personal data), published"
        .to_owned())
}

async fn find(scene: &Scene) -> anyhow::Result<String> {
    let found = eventually("the directory lists the three services", || async {
        let services = items(scene.municipality.run(&["service", "find"]).await?)?;
        Ok((services.len() >= 3).then_some(services.len()))
    })
    .await?;
    Ok(format!("{} finds {found} services in the directory", scene.municipality.description.name))
}

async fn refused_without_contract(scene: &Scene) -> anyhow::Result<(Application, String)> {
    let consumer = &scene.municipality;
    let made = consumer.run(&["application", "add", "case-system", "--token"]).await?;
    let token = made.get("token").and_then(Value::as_str).context("no token was given")?.to_owned();
    std::fs::write(consumer.data.join("demo-application.token"), &token)?;
    for (provider, name) in [(&scene.income_register, "incomes"), (&scene.pension_office, "pensions")] {
        let service = format!("{}/{name}", provider.description.id);
        consumer
            .run(&[
                "application",
                "allow",
                "case-system",
                &service,
                "--alias",
                name,
                "--class",
                "open",
                "--steward",
                "S. Voorbeeld",
                "--reason",
                "made-up records of the demonstration",
            ])
            .await?;
    }
    let application = Application { outway: consumer.outway(), token };
    let answer = application.get("/incomes/incomes/P-0042").await?;
    ensure!(answer.status >= 400, "the call went through without a contract: {}", answer.status);
    Ok((application, answer.reason()))
}

async fn propose_and_sign(scene: &Scene) -> anyhow::Result<String> {
    let started = Instant::now();
    for (provider, name) in [(&scene.income_register, "incomes"), (&scene.pension_office, "pensions")] {
        contract_in_force(&scene.municipality, provider, name).await?;
    }
    Ok(format!(
        "proposed twice, vetted and signed by each provider; in force after {} ms",
        started.elapsed().as_millis()
    ))
}

/// Proposes a connection contract and waits until the consumer holds it as valid; returns its hash.
async fn contract_in_force(
    consumer: &Organisation,
    provider: &Organisation,
    name: &str,
) -> anyhow::Result<String> {
    let service = format!("{}/{name}", provider.description.id);
    let proposed = consumer.run(&["contract", "propose", &service]).await?;
    let hash = proposed.get("hash").and_then(Value::as_str).context("no contract hash was given")?.to_owned();
    eventually("the provider signs", || async {
        let contract = consumer.run(&["contract", "show", &hash]).await?;
        Ok((contract.get("state").and_then(Value::as_str) == Some("valid")).then_some(()))
    })
    .await?;
    // No act of the operator is confirmed before the gateways decide on what the database holds.
    consumer.run(&["reload"]).await?;
    Ok(hash)
}

async fn call(application: &Application) -> anyhow::Result<(Vec<String>, String)> {
    let mut transactions = Vec::new();
    let mut times = Vec::new();
    for path in ["/incomes/incomes/P-0042", "/incomes/incomes/P-0043", "/pensions/pensions/P-0042"] {
        let started = Instant::now();
        let answer = successful(application, path).await?;
        times.push(format!("{:.1}", started.elapsed().as_secs_f64() * 1000.0));
        transactions.push(answer.transaction_id.context("the answer has no transaction id")?);
    }
    Ok((transactions, format!("three calls answered, in {} ms; first calls fetch a token", times.join(", "))))
}

async fn successful(application: &Application, path: &str) -> anyhow::Result<Answer> {
    let answer = application.get(path).await?;
    ensure!(answer.status == 200, "{path} was answered with {}", answer.reason());
    Ok(answer)
}

async fn smuggled_grant(scene: &Scene) -> anyhow::Result<String> {
    let hash = outsider::submit_smuggled_contract(&scene.pension_office, &scene.income_register).await?;
    let contract = eventually("the income register judges the contract", || async {
        let contract = scene.income_register.run(&["contract", "show", &hash]).await?;
        let judged =
            contract.get("verdict").and_then(Value::as_str).is_some_and(|verdict| !verdict.is_empty());
        Ok(judged.then_some(contract))
    })
    .await?;
    let verdict = contract.get("verdict").and_then(Value::as_str).unwrap_or_default();
    ensure!(verdict != "accept", "a contract with a smuggled grant was accepted");
    let reason = contract.pointer("/verdict_reasons/0/en").and_then(Value::as_str).unwrap_or_default();
    Ok(format!("a contract with a second grant hidden behind the first: {verdict}. {reason}"))
}

async fn renewed_under_load(scene: &Scene, application: &Application) -> anyhow::Result<String> {
    let renew = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        scene.income_register.run(&["certificate", "renew"]).await?;
        tokio::time::sleep(Duration::from_millis(400)).await;
        scene.municipality.run(&["certificate", "renew"]).await?;
        tokio::time::sleep(Duration::from_millis(800)).await;
        Ok(())
    };
    let ((), calls, failures) = application.load("/incomes/incomes/P-0007", 4, renew).await?;
    ensure!(failures.is_empty(), "{} of {calls} calls failed: {}", failures.len(), failures.join("; "));
    Ok(format!("both parties' certificates renewed during {calls} calls; failed calls: 0"))
}

async fn revoked_while_downloading(scene: &Scene, application: &Application) -> anyhow::Result<String> {
    let contracts = items(scene.income_register.run(&["contract", "list", "--state", "valid"]).await?)?;
    let consumer_id = scene.municipality.description.id;
    let hash = contracts
        .iter()
        .filter(|contract| {
            contract.to_string().contains("SERVICE_CONNECTION") && contract.to_string().contains(consumer_id)
        })
        .find_map(|contract| contract.get("hash").and_then(Value::as_str))
        .context("the provider lists no connection contract with the consumer")?
        .to_owned();
    let revoke = async {
        scene.income_register.run(&["contract", "revoke", &hash]).await?;
        Ok(())
    };
    let (bytes, after) = application
        .download_until_broken("/incomes/export", 2_000_000, revoke, Duration::from_secs(60))
        .await?;
    // A call that is under way at the moment when the consumer's own node learns of it too is broken off as the download was;
    // the one after that is refused in words.
    let next = match application.get("/incomes/incomes/P-0042").await {
        Ok(next) => next,
        Err(_) => application.get("/incomes/incomes/P-0042").await?,
    };
    ensure!(next.status >= 400, "a call after the revocation went through");
    // Until the consumer's node knows, a proposal gives the contract that it still holds to be in force.
    eventually("the consumer knows of the revocation", || async {
        let contract = scene.municipality.run(&["contract", "show", &hash]).await?;
        Ok((contract.get("state").and_then(Value::as_str) == Some("revoked")).then_some(()))
    })
    .await?;
    Ok(format!(
        "the download broke off after {bytes} bytes, {} ms after the revocation; the next call: {}",
        after.as_millis(),
        next.reason()
    ))
}

async fn killed_and_back(scene: &mut Scene, application: &Application) -> anyhow::Result<(String, String)> {
    contract_in_force(&scene.municipality, &scene.income_register, "incomes").await?;
    let last = successful(application, "/incomes/incomes/P-0100").await?;
    let last = last.transaction_id.context("the answer has no transaction id")?;
    scene.income_register.kill().await?;
    let away = application.get("/incomes/incomes/P-0101").await?;
    ensure!(away.status >= 500, "a call to a dead provider was answered with {}", away.status);
    scene.income_register.start().await?;
    let started = Instant::now();
    let answer = eventually("calls succeed again", || async {
        let answer = application.get("/incomes/incomes/P-0102").await?;
        Ok((answer.status == 200).then_some(answer))
    })
    .await?;
    eventually("the last record before the crash is there", || record(&scene.income_register, &last)).await?;
    let transaction = answer.transaction_id.context("the answer has no transaction id")?;
    Ok((
        transaction,
        format!(
            "while it was away: {}; {} ms after it was back a call succeeded; the last record before the crash is kept",
            away.reason(),
            started.elapsed().as_millis()
        ),
    ))
}

async fn both_records(scene: &Scene, transactions: &[String]) -> anyhow::Result<Vec<RecordPair>> {
    let mut pairs = Vec::new();
    for transaction in transactions {
        // Listings are derived from the journal within a second.
        let pair = eventually("both parties list the exchange", || async {
            let consumer = record(&scene.municipality, transaction).await?;
            let provider = match record(&scene.income_register, transaction).await? {
                Some(record) => Some(record),
                None => record(&scene.pension_office, transaction).await?,
            };
            let transaction_id = transaction.clone();
            Ok(consumer.zip(provider).map(|(consumer, provider)| RecordPair {
                transaction_id,
                consumer,
                provider,
            }))
        });
        pairs.push(pair.await?);
    }
    Ok(pairs)
}

async fn record(organisation: &Organisation, transaction: &str) -> anyhow::Result<Option<Value>> {
    let records = items(organisation.run(&["record", "list", "--transaction", transaction]).await?)?;
    Ok(records.into_iter().next())
}

/// The items of a listing, whichever of the two forms a verb prints.
pub fn items(listing: Value) -> anyhow::Result<Vec<Value>> {
    match listing {
        Value::Array(items) => Ok(items),
        Value::Object(mut members) => match members.remove("items") {
            Some(Value::Array(items)) => Ok(items),
            _ => anyhow::bail!("the verb printed no list"),
        },
        _ => anyhow::bail!("the verb printed no list"),
    }
}

/// Asks again until there is an answer, at most [`PATIENCE`].
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let started = Instant::now();
    loop {
        let outcome = ask().await;
        match outcome {
            Ok(Some(answer)) => return Ok(answer),
            Err(error) if started.elapsed() > PATIENCE => {
                return Err(error.context(format!("waited until {what}")));
            }
            Ok(None) if started.elapsed() > PATIENCE => anyhow::bail!("waited in vain until {what}"),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
