//! Pages of a list from which the database cannot select by itself.

/// How many times the database is asked for one page; a page then holds fewer than were asked for, and still has a next
/// one.
const ROUNDS: usize = 20;

/// What was selected of a page of the database, each with its place there from 1 on, and where the next one begins.
pub type Selected<T> = (Vec<(i64, T)>, Option<String>);

/// Asks for pages of `together` items until `wanted` of those selected are there, and says where to go on.
pub async fn full_page<T, E, F>(
    cursor: Option<&str>,
    wanted: i64,
    together: i64,
    page: impl Fn(Option<String>, i64) -> F,
) -> Result<(Vec<T>, Option<String>), E>
where
    F: Future<Output = Result<Selected<T>, E>>,
{
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let (mut items, mut cursor) = (Vec::new(), cursor.map(str::to_owned));
    for _ in 0..ROUNDS {
        let (mut selected, mut next) = page(cursor.clone(), together).await?;
        let room = wanted.saturating_sub(items.len());
        let last = room.checked_sub(1).and_then(|last| selected.get(last)).map(|(place, _)| *place);
        if let Some(last) = last
            && last < together
            && (next.is_some() || selected.len() > room)
        {
            // The next page is to begin right after the last one that fits on this page.
            (selected, next) = page(cursor, last).await?;
        }
        items.extend(selected.into_iter().map(|(_, item)| item));
        cursor = next;
        if cursor.is_none() || items.len() >= wanted {
            break;
        }
    }
    Ok((items, cursor))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers up to 100 that seven divides.
    async fn sevens(cursor: Option<String>, limit: i64) -> Result<Selected<i64>, std::num::ParseIntError> {
        let from: i64 = cursor.map_or(Ok(0), |cursor| cursor.parse())?;
        let end = (from + limit).min(100);
        let selected = (from..end).filter(|number| number % 7 == 0).map(|number| (number - from + 1, number));
        Ok((selected.collect(), (end < 100).then(|| end.to_string())))
    }

    #[tokio::test]
    async fn pages_are_full_and_together_hold_everything_once() -> Result<(), std::num::ParseIntError> {
        let all: Vec<i64> = (0..100).step_by(7).collect();
        for wanted in 1..20 {
            for together in [1, 3, 10, 50, 1000] {
                let (mut found, mut cursor) = (Vec::new(), None);
                loop {
                    let (page, next) = full_page(cursor.as_deref(), wanted, together, sevens).await?;
                    let is_full = page.len() == usize::try_from(wanted).unwrap_or_default();
                    assert!(is_full || next.is_none() || together < 7, "{wanted} {together}: {page:?}");
                    found.extend(page);
                    cursor = next;
                    if cursor.is_none() {
                        break;
                    }
                }
                assert_eq!(found, all, "{wanted} at a time, {together} together");
            }
        }
        Ok(())
    }
}
