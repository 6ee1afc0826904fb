//! A node that runs: what it says of itself.

use serde_json::Value;
use verbond_domain::ParticipantId;

use super::Finding;
use crate::client::Client;

/// Looks.
pub async fn look(node: &Value, client: &Client) -> Vec<Finding> {
    let text = |name: &str| node.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let listening = node.get("listening").and_then(Value::as_object).into_iter().flatten();
    let ports: Vec<String> =
        listening.map(|(name, at)| format!("{name} {}", at.as_str().unwrap_or_default())).collect();
    let (version, database, ports) = (text("version"), text("database"), ports.join(", "));
    let mut findings = vec![Finding::ok(
        "node",
        format!("draait, versie {version}, op {database}; poorten: {ports}"),
        format!("runs, version {version}, on {database}; ports: {ports}"),
    )];
    // A node that is not well answers with 503, which carries no problem details.
    match client.get("/health/ready").await {
        Ok(_) => findings.push(Finding::ok(
            "health",
            "database duurzaam, beeld actueel, certificaat geldig",
            "database durable, picture current, certificate valid",
        )),
        Err(error) => findings.push(
            Finding::fail("health", format!("niet gezond: {error}"), format!("not well: {error}")).mend(
                "Kijk met `curl --unix-socket administration.sock http://localhost/health/ready` en in het logboek.",
                "look with `curl --unix-socket administration.sock http://localhost/health/ready` and in the log",
            ),
        ),
    }
    findings.extend(node.get("restart_needed_for").and_then(restart));
    findings.extend(node.get("failing_tasks").and_then(failing));
    findings.extend(outbox(client).await);
    findings.extend(losses(client).await);
    findings.extend(counterparts(client).await);
    findings.extend(published(client).await);
    findings
}

fn restart(files: &Value) -> Option<Finding> {
    let files: Vec<&str> = files.as_array()?.iter().filter_map(Value::as_str).collect();
    let files = (!files.is_empty()).then(|| files.join(", "))?;
    let (nl, en) =
        (format!("gewijzigd sinds de start: {files}"), format!("changed since the start: {files}"));
    Some(Finding::warn("restart", nl, en).mend(
        "Herstart het knooppunt: deze bestanden worden alleen bij de start gelezen.",
        "restart the node: these files are read at a start only",
    ))
}

fn failing(tasks: &Value) -> Option<Finding> {
    let tasks: Vec<&str> = tasks.as_array()?.iter().filter_map(Value::as_str).collect();
    let tasks = (!tasks.is_empty()).then(|| tasks.join(", "))?;
    let (nl, en) = (
        format!("lopen telkens op een fout in het programma: {tasks}"),
        format!("come to a fault of the program again and again: {tasks}"),
    );
    Some(Finding::fail("tasks", nl, en).mend(
        "Het knooppunt begint ze steeds opnieuw. Meld de plaats uit het logboek bij de makers; zet wat het laatst is gewijzigd terug als dat kan.",
        "the node begins them anew each time; report the place that the log names to the makers, and undo what was changed last if that can be done",
    ))
}

/// What cannot be read any more and has not been declared: verifiers take it for tampering until it is.
async fn losses(client: &Client) -> Option<Finding> {
    let losses = client.get("/v1/losses").await.ok()?;
    let undeclared = losses.get("items")?.as_array()?.iter();
    let undeclared: Vec<String> = undeclared
        .filter(|loss| loss.get("declared_at").is_none_or(Value::is_null))
        .filter_map(|loss| {
            let class = loss.get("class")?.as_str()?;
            Some(format!("{class} {} ({})", loss.get("month")?, loss.get("entries")?))
        })
        .collect();
    let keys = (!undeclared.is_empty()).then(|| undeclared.join(", "))?;
    let (nl, en) = (
        format!("sleutels van het journaal zijn weg, en dat is niet gemeld (klasse, maand, regels): {keys}"),
        format!("keys of the journal are gone, and that was not declared (class, month, entries): {keys}"),
    );
    Some(Finding::warn("losses", nl, en).mend(
        "Zet de sleutels terug uit een reservekopie; kan dat niet, laat dan een bronhouder `verbond journal declare-loss --reason …` doen. Tot dan houden verificateurs het voor geknoei.",
        "put the keys back from a backup; where that cannot be, have a steward do `verbond journal declare-loss --reason …`. Until then verifiers take it for tampering",
    ))
}

async fn outbox(client: &Client) -> Option<Finding> {
    let waiting = client.get("/v1/outbox").await.ok()?;
    let waiting = waiting.get("items").and_then(Value::as_array)?;
    let failed =
        waiting.iter().filter(|message| message.get("attempts").and_then(Value::as_i64) > Some(2)).count();
    let total = waiting.len();
    Some(match failed {
        0 => Finding::ok(
            "outbox",
            format!("{total} berichten onderweg"),
            format!("{total} messages on their way"),
        ),
        _ => Finding::warn(
            "outbox",
            format!("{failed} van {total} berichten komen niet aan"),
            format!("{failed} of {total} messages do not arrive"),
        )
        .mend("Bekijk `verbond outbox`.", "see `verbond outbox`"),
    })
}

/// Tasks about participants whose account or journal says two things.
async fn counterparts(client: &Client) -> Vec<Finding> {
    let Ok(tasks) = client.get("/v1/tasks").await else { return Vec::new() };
    let tasks = tasks.get("items").and_then(Value::as_array).into_iter().flatten();
    let about = tasks.filter_map(|task| {
        let text = |name: &str| task.get(name)?.as_str();
        let (counterpart, subject) = (text("counterpart")?, text("subject")?);
        let (nl, en) = match text("cause")? {
            "contradiction" => ("toont twee geschiedenissen van", "shows two histories of"),
            _ => ("vertelt iets anders over uitwisselingen", "tells something else of exchanges"),
        };
        let (nl, en) = (format!("{counterpart} {nl} ({subject})"), format!("{counterpart} {en} ({subject})"));
        let finding = Finding::warn("counterpart", nl, en);
        Some(finding.mend("Zie `verbond task list`.", "see `verbond task list`"))
    });
    about.collect()
}

/// Places where the journal's tree is to be published and is not.
async fn published(client: &Client) -> Vec<Finding> {
    let Ok(journal) = client.get("/v1/journal/head").await else { return Vec::new() };
    let places = journal.get("published").and_then(Value::as_array).into_iter().flatten();
    let told = places.filter_map(|place| {
        let problem = place.get("problem")?;
        let text = |name: &str| Some(problem.get(name)?.as_str()?.to_owned());
        let finding = Finding::fail("tiles", text("detail_nl")?, text("detail")?);
        Some(finding.mend(text("next_nl").unwrap_or_default(), text("next").unwrap_or_default()))
    });
    told.collect()
}

/// The participants that the node knows, with the addresses of their managers.
pub async fn peers(client: &Client) -> Vec<(ParticipantId, String)> {
    let Ok(answer) = client.get("/v1/peers?limit=50").await else { return Vec::new() };
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|peer| {
            let id = peer.get("id")?.as_str()?.parse().ok()?;
            let address = peer.get("manager_address")?.as_str().filter(|address| !address.is_empty())?;
            Some((id, address.to_owned()))
        })
        .collect()
}
