//! When what a picture holds has ended and can be left out.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use verbond_domain::Timestamp;

/// What a picture holds, by the first moment at which it is over.
pub(super) struct Ends<K> {
    by_key: HashMap<K, Timestamp>,
    in_order: BTreeSet<(Timestamp, K)>,
    /// No end of what was left out is later: at a moment before it the picture may lack something.
    left_out: Timestamp,
}

impl<K: Clone + Eq + Hash + Ord> Ends<K> {
    /// Of a picture that is read whole at `now`: what was over by then was not read, and could run at a moment before.
    pub(super) fn read_at(now: Timestamp) -> Self {
        Self { by_key: HashMap::new(), in_order: BTreeSet::new(), left_out: now }
    }

    /// Notes when something ends; tells whether it runs at `now`. One that does not is left out.
    pub(super) fn put(&mut self, key: &K, end: Timestamp, now: Timestamp) -> bool {
        self.remove(key);
        if end <= now {
            self.left_out = self.left_out.max(end);
            return false;
        }
        self.by_key.insert(key.clone(), end);
        self.in_order.insert((end, key.clone()));
        true
    }

    /// Forgets something that is not there any more.
    pub(super) fn remove(&mut self, key: &K) {
        if let Some(end) = self.by_key.remove(key) {
            self.in_order.remove(&(end, key.clone()));
        }
    }

    /// Leaves out, and gives, what is over at `now`.
    pub(super) fn over(&mut self, now: Timestamp) -> Vec<K> {
        let mut over = Vec::new();
        while self.in_order.first().is_some_and(|(end, _)| *end <= now)
            && let Some((end, key)) = self.in_order.pop_first()
        {
            self.by_key.remove(&key);
            self.left_out = self.left_out.max(end);
            over.push(key);
        }
        over
    }

    /// Whether something may have been left out that runs at `now`: the clock has gone back.
    pub(super) fn lacks(&self, now: Timestamp) -> bool {
        self.left_out > now
    }
}
