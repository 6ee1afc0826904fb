use verbond_domain::{PersonRole, PersonRoles, Timestamp};
use verbond_store::persons::{InvitationRow, PersonKeyRow, PersonRow, PersonState};

use crate::{TestResult, database::Database, samples::START};

on_both!(persons_are_added_once_changed_and_kept, a_key_belongs_to_one_person);

fn invited(name: &str) -> Result<PersonRow, Box<dyn std::error::Error>> {
    Ok(PersonRow {
        name: name.parse()?,
        display_name: "S. Voorbeeld \u{2713}".to_owned(),
        roles: PersonRoles::new([PersonRole::Steward, PersonRole::Auditor])?,
        state: PersonState::Invited,
        key: None,
        invitation: Some(InvitationRow { sha256: [0xa5; 32], ends_at: START.plus_seconds(60) }),
        added_at: START,
        enrolled_at: None,
        disabled_at: None,
    })
}

fn enrolled(person: PersonRow, thumbprint: &str) -> PersonRow {
    let key = PersonKeyRow {
        thumbprint: thumbprint.to_owned(),
        certificate: "-----BEGIN CERTIFICATE-----".to_owned(),
        ends_at: START.plus_seconds(3600),
    };
    let enrolled_at = Some(START.plus_seconds(1));
    PersonRow { state: PersonState::Enrolled, key: Some(key), invitation: None, enrolled_at, ..person }
}

async fn persons_are_added_once_changed_and_kept(database: &Database) -> TestResult {
    let store = database.open().await?;
    let generation = store.generation().await?;
    let person = invited("s-voorbeeld")?;
    let mut transaction = store.begin().await?;
    assert!(transaction.add_person(&person).await?);
    let other = PersonRow { display_name: "Another".to_owned(), invitation: None, ..person.clone() };
    assert!(!transaction.add_person(&other).await?);
    assert_eq!(transaction.persons().await?, std::slice::from_ref(&person));
    transaction.commit().await?;
    assert_eq!(store.persons().await?, std::slice::from_ref(&person));
    assert!(store.generation().await? > generation);

    let person = enrolled(person, "00ff");
    let mut transaction = store.begin().await?;
    assert!(transaction.update_person(&person).await?);
    assert!(
        !transaction
            .update_person(&PersonRow { name: "nobody".parse()?, key: None, ..person.clone() })
            .await?
    );
    transaction.commit().await?;
    assert_eq!(store.persons().await?, std::slice::from_ref(&person));

    let ends = START.plus_seconds(3600);
    assert!(person.key_in_use(ends).is_some());
    assert!(person.key_in_use(Timestamp::from_millis(ends.millis() + 1)).is_none());
    let disabled = PersonRow { state: PersonState::Disabled, disabled_at: Some(START), ..person };
    assert!(disabled.key_in_use(START).is_none());
    store.close().await;
    Ok(())
}

async fn a_key_belongs_to_one_person(database: &Database) -> TestResult {
    let store = database.open().await?;
    let mut transaction = store.begin().await?;
    assert!(transaction.add_person(&enrolled(invited("drafter")?, "00ff")).await?);
    assert!(transaction.add_person(&enrolled(invited("signatory")?, "00ff")).await.is_err());
    drop(transaction);
    assert!(store.persons().await?.is_empty());
    store.close().await;
    Ok(())
}
