use verbond_domain::{Actor, ClassDeclaration, ServiceClass};
use verbond_store::{class_questions::ClassQuestionRow, services::ServiceRow};

use crate::{TestResult, database::Database, samples::START};

on_both!(a_declaration_gives_way_once_and_the_question_is_kept);

fn declaration(class: ServiceClass, reason: &str) -> ClassDeclaration {
    ClassDeclaration {
        class,
        steward: "S. Voorbeeld".to_owned(),
        reason: reason.to_owned(),
        declared_at: START,
        declared_by: Actor::Operator,
    }
}

async fn a_declaration_gives_way_once_and_the_question_is_kept(database: &Database) -> TestResult {
    let store = database.open().await?;
    let open = ServiceRow {
        name: "trees".parse()?,
        upstream: "http://127.0.0.1:1/".to_owned(),
        protocol: "http1".to_owned(),
        declaration: declaration(ServiceClass::Open, "trees"),
    };
    let mut transaction = store.begin().await?;
    transaction.put_service(&open).await?;
    transaction.commit().await?;
    let question = |id: &str| ClassQuestionRow {
        id: id.to_owned(),
        service: open.name.clone(),
        upstream: open.upstream.clone(),
        signs: vec!["bsn".to_owned(), "voornamen".to_owned()],
        declaration: open.declaration.clone(),
        raised_at: START,
        decision: None,
    };
    let before = store.generation().await?;
    let governed = declaration(ServiceClass::Governed, "people");
    let mut transaction = store.begin().await?;
    assert!(transaction.replace_declaration(&open, &governed).await?);
    transaction.put_class_question(&question("1")).await?;
    transaction.commit().await?;
    assert!(store.generation().await? > before, "gateways are not told");
    assert_eq!(store.service(&open.name).await?.map(|row| row.declaration), Some(governed.clone()));

    // Whoever saw the same comes too late.
    let mut transaction = store.begin().await?;
    assert!(!transaction.replace_declaration(&open, &governed).await?);
    transaction.put_class_question(&question("2")).await?;
    let decided = declaration(ServiceClass::Open, "of trees");
    transaction.decide_class_question("1", &decided).await?;
    let known = transaction.class_questions_of(&open.name).await?;
    transaction.commit().await?;
    let first = ClassQuestionRow { decision: Some(decided), ..question("1") };
    assert_eq!(known, [question("2"), first.clone()]);
    assert_eq!(store.class_questions().await?, [question("2"), first]);
    store.close().await;
    Ok(())
}
