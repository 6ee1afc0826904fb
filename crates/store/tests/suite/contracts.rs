use verbond_store::{
    SortOrder, Store, StoreError,
    contracts::{ContractFilter, ContractRow, GrantRow, SignatureRow},
};

use crate::{
    TestResult,
    database::Database,
    samples::{START, participant},
};

on_both!(
    a_contract_is_read_back_whole,
    contracts_are_found_by_participant_type_and_hash,
    contracts_of_one_moment_are_paged_once_each,
    what_has_ended_does_not_run,
);

fn contract(number: u32, counterpart: u32) -> ContractRow {
    let grant = |place: u32| GrantRow {
        grant_type: format!("GRANT_TYPE_{place}"),
        hash_string: format!("$1$3$string-{number}-{place}"),
        hash_digest: format!("$1$3$digest-{number}-{place}"),
        service_peer: participant(1),
        service_name: "income".to_owned(),
        counter_peer: participant(counterpart),
        data: "{}".to_owned(),
    };
    ContractRow {
        hash: format!("$1$1$hash-{number:03}"),
        iv: format!("iv-{number}"),
        content: "{\"iv\":\"\u{20ac}\"}".to_owned(),
        created_at: START,
        not_before: START,
        not_after: START.plus_seconds(i64::from(number)),
        stored_at: START,
        verdict: String::new(),
        verdict_reasons: "[]".to_owned(),
        grants: vec![grant(1), grant(number)],
        signatures: Vec::new(),
        participants: vec![participant(1), participant(counterpart)],
    }
}

fn signature(peer: u32, kind: &str, jws: &str) -> SignatureRow {
    SignatureRow {
        peer: participant(peer),
        kind: kind.to_owned(),
        jws: jws.to_owned(),
        signed_at: START,
        stored_at: START.plus_seconds(1),
    }
}

async fn insert(store: &Store, contracts: &[ContractRow]) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    for contract in contracts {
        assert!(transaction.insert_contract(contract).await?);
    }
    transaction.commit().await
}

async fn a_contract_is_read_back_whole(database: &Database) -> TestResult {
    let store = database.open().await?;
    let mut contract = contract(1, 2);
    insert(&store, std::slice::from_ref(&contract)).await?;
    assert_eq!(store.generation().await?, 1);
    let mut transaction = store.begin().await?;
    assert!(!transaction.insert_contract(&contract).await?);
    assert!(transaction.iv_is_used("iv-1").await?);
    assert!(!transaction.iv_is_used("iv-2").await?);
    transaction.put_signature(&contract.hash, &signature(1, "accept", "first")).await?;
    transaction.put_signature(&contract.hash, &signature(1, "accept", "second")).await?;
    transaction.put_signature(&contract.hash, &signature(1, "revoke", "third")).await?;
    transaction.set_verdict(&contract.hash, "accept", "[\"one grant\"]").await?;
    let locked = transaction.lock_contract(&contract.hash).await?;
    transaction.commit().await?;
    contract.signatures = vec![signature(1, "accept", "second"), signature(1, "revoke", "third")];
    "accept".clone_into(&mut contract.verdict);
    "[\"one grant\"]".clone_into(&mut contract.verdict_reasons);
    assert_eq!(locked.as_ref(), Some(&contract));
    assert_eq!(store.contract(&contract.hash).await?, Some(contract));
    assert_eq!(store.contract("$1$1$none").await?, None);
    assert_eq!(store.generation().await?, 2);
    store.close().await;
    Ok(())
}

async fn contracts_are_found_by_participant_type_and_hash(database: &Database) -> TestResult {
    let store = database.open().await?;
    insert(&store, &[contract(2, 5), contract(3, 6), contract(4, 5)]).await?;
    let found = async |filter: ContractFilter| -> Result<Vec<String>, StoreError> {
        let page = store.contracts(&filter, None, 100, SortOrder::Ascending).await?;
        Ok(page.items.into_iter().map(|contract| contract.iv).collect())
    };
    let all = ContractFilter::default();
    assert_eq!(found(all.clone()).await?, ["iv-2", "iv-3", "iv-4"]);
    let of_five = ContractFilter { participant: Some(participant(5)), ..all.clone() };
    assert_eq!(found(of_five.clone()).await?, ["iv-2", "iv-4"]);
    let types = vec!["GRANT_TYPE_3".to_owned(), "GRANT_TYPE_4".to_owned()];
    assert_eq!(found(ContractFilter { grant_types: types.clone(), ..all.clone() }).await?, ["iv-3", "iv-4"]);
    assert_eq!(found(ContractFilter { grant_types: types, ..of_five }).await?, ["iv-4"]);
    let hashes = vec!["$1$3$string-2-1".to_owned(), "$1$3$digest-3-3".to_owned(), "$1$3$none".to_owned()];
    assert_eq!(found(ContractFilter { grant_hashes: hashes, ..all }).await?, ["iv-2", "iv-3"]);
    store.close().await;
    Ok(())
}

async fn contracts_of_one_moment_are_paged_once_each(database: &Database) -> TestResult {
    let store = database.open().await?;
    let contracts: Vec<_> = (0..9).map(|number| contract(number + 2, 2)).collect();
    insert(&store, &contracts).await?;
    for order in [SortOrder::Ascending, SortOrder::Descending] {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.contracts(&ContractFilter::default(), cursor.as_deref(), 4, order).await?;
            found.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        if order == SortOrder::Descending {
            found.reverse();
        }
        assert_eq!(found, contracts);
    }
    store.close().await;
    Ok(())
}

async fn what_has_ended_does_not_run(database: &Database) -> TestResult {
    let store = database.open().await?;
    let contracts: Vec<_> = (0..300).map(|number| contract(number + 2, 2)).collect();
    insert(&store, &contracts).await?;
    assert_eq!(store.running_contracts(START).await?, contracts);
    let later = store.running_contracts(START.plus_seconds(4)).await?;
    assert_eq!(later.len(), 298);
    store.close().await;
    Ok(())
}
