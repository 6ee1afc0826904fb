use verbond_store::{SortOrder, StoreError};

use crate::{
    TestResult,
    database::Database,
    samples::{START, participant},
};

on_both!(peers_are_found_by_name_and_id_and_in_pages, what_is_learned_of_a_peer_is_kept);

async fn peers_are_found_by_name_and_id_and_in_pages(database: &Database) -> TestResult {
    let store = database.open().await?;
    let mut transaction = store.begin().await?;
    for (number, name) in
        [(2, "Gemeente S\u{fa}dwest"), (3, "100% Pensioen"), (4, "GEMEENTE \u{c9}pe"), (5, "a_b")]
    {
        transaction.put_peer(&participant(number), name, "https://peer.test", START).await?;
    }
    transaction.commit().await?;
    let found = async |name: Option<&str>, ids: &[u32]| -> Result<Vec<String>, StoreError> {
        let ids: Vec<_> = ids.iter().copied().map(participant).collect();
        let page = store.peers(name, &ids, None, 100, SortOrder::Ascending).await?;
        Ok(page.items.into_iter().map(|peer| peer.name).collect())
    };
    assert_eq!(found(None, &[]).await?.len(), 4);
    assert_eq!(found(Some("gemeente"), &[]).await?, ["Gemeente S\u{fa}dwest", "GEMEENTE \u{c9}pe"]);
    assert_eq!(found(Some("\u{e9}PE"), &[]).await?, ["GEMEENTE \u{c9}pe"]);
    assert_eq!(found(Some("0%"), &[]).await?, ["100% Pensioen"]);
    assert_eq!(found(Some("%n"), &[]).await?, [""; 0]);
    assert_eq!(found(Some("_"), &[]).await?, ["a_b"]);
    assert_eq!(found(Some("nobody"), &[3, 5, 77]).await?, ["100% Pensioen", "a_b"]);
    for (order, expected) in [(SortOrder::Ascending, [2, 3, 4, 5]), (SortOrder::Descending, [5, 4, 3, 2])] {
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.peers(None, &[], cursor.as_deref(), 3, order).await?;
            ids.extend(page.items.into_iter().map(|peer| peer.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(ids, expected.map(participant));
    }
    store.close().await;
    Ok(())
}

async fn what_is_learned_of_a_peer_is_kept(database: &Database) -> TestResult {
    let store = database.open().await?;
    let id = participant(2);
    let mut transaction = store.begin().await?;
    transaction.put_peer(&id, "Town", "", START).await?;
    transaction.set_hash_reading(&id, "digest").await?;
    transaction.set_key_set(&id, "{\"keys\":[]}").await?;
    transaction.commit().await?;
    let mut transaction = store.begin().await?;
    transaction.put_peer(&id, "City", "https://city.test", START.plus_seconds(1)).await?;
    transaction.set_hash_reading(&participant(3), "string").await?;
    transaction.commit().await?;
    let peer = store.peer(&id).await?.ok_or("no peer")?;
    assert_eq!((peer.name.as_str(), peer.manager_address.as_str()), ("City", "https://city.test"));
    assert_eq!(peer.hash_reading.as_deref(), Some("digest"));
    assert_eq!(peer.key_set.as_deref(), Some("{\"keys\":[]}"));
    assert!(store.peer(&participant(3)).await?.is_none());
    store.close().await;
    Ok(())
}
