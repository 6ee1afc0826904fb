//! Whether a service that was declared open is: asked by the node when its traffic speaks of people, decided by a second
//! person. Until then, and when the decision is no, it is governed.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use verbond_agreement::Day;
use verbond_domain::{Actor, Bilingual, ClassDeclaration, PersonName, Problem, ServiceClass, ServiceName};
use verbond_store::{Transaction, class_questions::ClassQuestionRow, services::ServiceRow};

use crate::{
    OpContext,
    context::{database_problem, stated},
    services,
};

/// The rule that the node follows when it makes a service governed.
pub const RULE: &str = "open-traffic";
/// Days within which somebody should decide; until then nothing is delivered without an agreement.
const DAYS: i64 = 7;

/// What a second person decides.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassDecision {
    /// `open`: what was seen is not about people. `governed`: it is.
    pub class: ServiceClass,
    /// Name of the person who answers for it; visible to others.
    pub steward: String,
    /// Why; visible to others.
    pub reason: String,
}

/// A question as a task.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClassTask {
    /// Its identifier.
    pub id: String,
    /// About which service.
    pub service: ServiceName,
    /// Words of the shipped lists that were seen in its traffic.
    pub signs: Vec<String>,
    /// What is to be done.
    pub what: Bilingual,
    /// The last day for it.
    pub due: Day,
    /// Always false: the day is certain.
    pub at_the_earliest: bool,
}

/// Makes a service governed whose traffic speaks of people, in these words of the shipped lists, unless a second person has
/// allowed them at this source. The caller is the node itself, by [`RULE`].
///
/// # Errors
/// A failing database.
pub(crate) async fn raise(
    context: &OpContext,
    seen: &ServiceRow,
    signs: &[&'static str],
) -> Result<(), Problem> {
    let failed = database_problem;
    let now = context.ambient.now();
    let mut transaction = context.store.begin().await.map_err(failed)?;
    let questions = transaction.class_questions_of(&seen.name).await.map_err(failed)?;
    let allowed = questions.iter().filter(|one| one.upstream == seen.upstream && is_open(one));
    let allowed: Vec<&str> = allowed.flat_map(|one| &one.signs).map(String::as_str).collect();
    let signs: Vec<String> =
        signs.iter().filter(|sign| !allowed.contains(*sign)).map(|sign| (*sign).to_owned()).collect();
    if signs.is_empty() {
        return Ok(());
    }
    let words = signs.join(", ");
    let declaration = ClassDeclaration {
        class: ServiceClass::Governed,
        steward: "the node itself".to_owned(),
        reason: format!("its answers speak of people ({words}); a second person decides"),
        declared_at: now,
        declared_by: context.actor.clone(),
    };
    // Another process, or a person, was first.
    if !transaction.replace_declaration(seen, &declaration).await.map_err(failed)? {
        return Ok(());
    }
    let question = ClassQuestionRow {
        id: context.ambient.uuid_v7().to_string(),
        service: seen.name.clone(),
        upstream: seen.upstream.clone(),
        signs,
        declaration: seen.declaration.clone(),
        raised_at: now,
        decision: None,
    };
    transaction.put_class_question(&question).await.map_err(failed)?;
    let detail = json!({ "question": question.id, "signs": question.signs });
    context.record(&mut transaction, "service.governed", seen.name.as_str(), detail).await?;
    transaction.commit().await.map_err(failed)?;
    tracing::warn!(service = %seen.name, %words, "an open service speaks of people: it is governed from now on");
    Ok(())
}

/// Decides, as somebody else than who declared the service open.
///
/// # Errors
/// Nothing was asked, or the caller is the one who declared it.
pub async fn decide(
    context: &OpContext,
    name: &ServiceName,
    decision: ClassDecision,
) -> Result<ServiceRow, Problem> {
    let failed = database_problem;
    let declaration = ClassDeclaration {
        class: decision.class,
        steward: stated("steward", &decision.steward, 200)?,
        reason: stated("reason", &decision.reason, 2000)?,
        declared_at: context.ambient.now(),
        declared_by: context.actor.clone(),
    };
    let row = services::get(context, name).await?;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    let question = standing(&mut transaction, name).await?.ok_or_else(|| nothing_asked(name))?;
    let declared = person(&question.declaration.declared_by);
    match person(&context.actor) {
        Some(decides) if declared != Some(decides) => {}
        _ => return Err(second_person()),
    }
    if !transaction.replace_declaration(&row, &declaration).await.map_err(failed)? {
        return Err(nothing_asked(name));
    }
    transaction.decide_class_question(&question.id, &declaration).await.map_err(failed)?;
    let detail = json!({
        "question": question.id,
        "class": declaration.class,
        "steward": declaration.steward,
        "reason": declaration.reason,
    });
    context.record(&mut transaction, "service.class-decided", name.as_str(), detail).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(ServiceRow { declaration, ..row })
}

/// Refuses to declare a service open of which that is asked, or has been answered with no: not under another reason, and not
/// by taking it away first.
pub(crate) async fn may_be_open(transaction: &mut Transaction, name: &ServiceName) -> Result<(), Problem> {
    match standing(transaction, name).await? {
        None => Ok(()),
        Some(question) => Err(questioned(name, &question.signs)),
    }
}

/// What is still to be decided, as tasks.
///
/// # Errors
/// A failing database.
pub async fn tasks(context: &OpContext) -> Result<Vec<ClassTask>, Problem> {
    let questions = context.store.class_questions().await.map_err(database_problem)?;
    let undecided = questions.into_iter().filter(|one| one.decision.is_none());
    Ok(undecided.map(task).collect())
}

fn task(question: ClassQuestionRow) -> ClassTask {
    let ClassQuestionRow { id, service, signs, raised_at, .. } = question;
    let words = signs.join(", ");
    ClassTask {
        what: Bilingual::new(
            format!(
                "Besluit of `{service}` open is: de antwoorden gaan over mensen ({words}). Doe dit met `verbond service decide {service}`; niet door wie haar open verklaarde."
            ),
            format!(
                "Decide whether `{service}` is open: its answers speak of people ({words}). Do it with `verbond service decide {service}`; not by who declared it open."
            ),
        ),
        due: Day::of(raised_at.plus_seconds(DAYS * 86_400)),
        at_the_earliest: false,
        id,
        service,
        signs,
    }
}

/// The newest question about a service that has not been answered with yes.
async fn standing(
    transaction: &mut Transaction,
    name: &ServiceName,
) -> Result<Option<ClassQuestionRow>, Problem> {
    let questions = transaction.class_questions_of(name).await.map_err(database_problem)?;
    Ok(questions.into_iter().next().filter(|question| !is_open(question)))
}

fn is_open(question: &ClassQuestionRow) -> bool {
    question.decision.as_ref().is_some_and(|decision| decision.class == ServiceClass::Open)
}

fn person(actor: &Actor) -> Option<&PersonName> {
    match actor {
        Actor::Person { name, .. } => Some(name),
        _ => None,
    }
}

fn questioned(name: &ServiceName, signs: &[String]) -> Problem {
    let words = signs.join(", ");
    Problem::new(
        "OPEN_CLASS_QUESTIONED",
        409,
        format!("Of `{name}` open is, is gevraagd: de antwoorden gingen over mensen ({words})."),
        format!("whether `{name}` is open has been asked: its answers spoke of people ({words})"),
    )
    .next(
        "Laat een andere steward besluiten: `verbond service decide`.",
        "have another steward decide: `verbond service decide`",
    )
}

fn nothing_asked(name: &ServiceName) -> Problem {
    Problem::new(
        "OPEN_CLASS_NOT_ASKED",
        409,
        format!("Over de klasse van `{name}` staat geen vraag open."),
        format!("nothing is asked about the class of `{name}`"),
    )
    .next("Bekijk `verbond task list`.", "see `verbond task list`")
}

fn second_person() -> Problem {
    Problem::new(
        "OPEN_CLASS_SECOND_PERSON",
        403,
        "Wie de gegevensdienst open verklaarde, besluit niet of dat terecht was; dat doet een andere steward, met een eigen sleutel.",
        "who declared the service open does not decide whether it is; another steward does, with a key of their own",
    )
    .next("Vraag een andere steward: `verbond person list`.", "ask another steward: `verbond person list`")
}
