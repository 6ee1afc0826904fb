use verbond_domain::{RecordsBy, ServiceReference};
use verbond_store::{
    applications::{ApplicationRow, BindingRow, Credential},
    services::ServiceRow,
};

use crate::{
    TestResult,
    database::Database,
    samples::{declaration, participant},
};

on_both!(services_are_put_replaced_and_removed, applications_keep_their_bindings);

async fn services_are_put_replaced_and_removed(database: &Database) -> TestResult {
    let store = database.open().await?;
    let mut service = ServiceRow {
        name: "income".parse()?,
        upstream: "http://127.0.0.1:8080".to_owned(),
        protocol: "http1".to_owned(),
        declaration: declaration(),
    };
    for upstream in ["http://127.0.0.1:8080", "http://127.0.0.1:9090/v2"] {
        upstream.clone_into(&mut service.upstream);
        let mut transaction = store.begin().await?;
        transaction.put_service(&service).await?;
        transaction.commit().await?;
        assert_eq!(store.services().await?, [service.clone()]);
        assert_eq!(store.service(&service.name).await?, Some(service.clone()));
    }
    let mut transaction = store.begin().await?;
    assert!(transaction.remove_service(&service.name).await?);
    assert!(!transaction.remove_service(&service.name).await?);
    transaction.commit().await?;
    assert_eq!(store.service(&service.name).await?, None);
    store.close().await;
    Ok(())
}

async fn applications_keep_their_bindings(database: &Database) -> TestResult {
    let store = database.open().await?;
    let binding = |alias: &str, declared: bool| -> Result<BindingRow, verbond_domain::NameError> {
        let service = ServiceReference { provider: participant(3), name: "income".parse()? };
        Ok(BindingRow {
            alias: alias.parse()?,
            service,
            declaration: declared.then(declaration),
            records: if declared { RecordsBy::Application } else { RecordsBy::Outway },
        })
    };
    let mut transaction = store.begin().await?;
    transaction.put_application(&"desk".parse()?, &Credential::Socket).await?;
    transaction.put_application(&"batch".parse()?, &Credential::Token { sha256: [0xa5; 32] }).await?;
    for (alias, declared) in [("zeta", false), ("alpha", false), ("alpha", true)] {
        transaction.put_binding(&"desk".parse()?, &binding(alias, declared)?).await?;
    }
    let certificate = Credential::Certificate { thumbprint: "00ff".to_owned() };
    transaction.put_application(&"desk".parse()?, &certificate).await?;
    transaction.commit().await?;
    let batch = ApplicationRow {
        name: "batch".parse()?,
        credential: Credential::Token { sha256: [0xa5; 32] },
        bindings: Vec::new(),
    };
    let desk = ApplicationRow {
        name: "desk".parse()?,
        credential: certificate,
        bindings: vec![binding("alpha", true)?, binding("zeta", false)?],
    };
    assert_eq!(store.applications().await?, [batch.clone(), desk]);
    let mut transaction = store.begin().await?;
    assert!(transaction.remove_binding(&"desk".parse()?, &"zeta".parse()?).await?);
    assert!(!transaction.remove_binding(&"desk".parse()?, &"zeta".parse()?).await?);
    assert!(transaction.remove_application(&"desk".parse()?).await?);
    transaction.commit().await?;
    assert_eq!(store.applications().await?, [batch]);
    // Its bindings went with it.
    let mut transaction = store.begin().await?;
    transaction.put_application(&"desk".parse()?, &Credential::Socket).await?;
    transaction.commit().await?;
    assert!(store.applications().await?.iter().all(|application| application.bindings.is_empty()));
    let mut transaction = store.begin().await?;
    assert!(transaction.put_binding(&"nobody".parse()?, &binding("a", false)?).await.is_err());
    drop(transaction);
    store.close().await;
    Ok(())
}
