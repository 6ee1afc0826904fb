//! Moments near which something lies, kept as spans that do not touch: they grow with the time that passes, not with what lies in it.

use std::collections::BTreeMap;

/// How far is near, in milliseconds: how much clocks of two parties may differ where one must have what the other has.
pub(crate) const MARGIN: i64 = 60 * 1000;

/// The moments that are near one that was put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans {
    /// First and last moment of each, both ends included.
    spans: BTreeMap<i64, i64>,
}

impl Spans {
    pub(crate) fn put(&mut self, at: i64) {
        let (mut first, mut last) = (at.saturating_sub(MARGIN), at.saturating_add(MARGIN));
        // Those that begin before the end of the new one and reach its beginning become one with it.
        while let Some((begin, end)) = self.spans.range(..=last.saturating_add(1)).next_back()
            && end.saturating_add(1) >= first
        {
            let begin = *begin;
            (first, last) = (first.min(begin), last.max(*end));
            self.spans.remove(&begin);
        }
        self.spans.insert(first, last);
    }

    pub(crate) fn holds(&self, at: i64) -> bool {
        self.spans.range(..=at).next_back().is_some_and(|(_, last)| *last >= at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_is_held_when_one_that_was_put_is_near(
            put in proptest::collection::vec(0_i64..2_000_000, 0..40), asked in 0_i64..2_000_000,
        ) {
            let mut spans = Spans::default();
            put.iter().for_each(|at| spans.put(*at));
            let near = |asked: i64| put.iter().any(|at| at.abs_diff(asked) <= MARGIN.unsigned_abs());
            prop_assert_eq!(spans.holds(asked), near(asked));
            for at in put.iter().flat_map(|at| [at - MARGIN - 1, at - MARGIN, at + MARGIN, at + MARGIN + 1]) {
                prop_assert_eq!(spans.holds(at), near(at));
            }
            let ends: Vec<_> = spans.spans.iter().collect();
            prop_assert!(ends.windows(2).all(|pair| pair[0].1 + 1 < *pair[1].0));
        }
    }
}
