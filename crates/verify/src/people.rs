//! Who had which key and might sign, by the acts in a journal (docs/formats/entries.md, *People*).

use crate::{act::PersonAct, kept::Names, merkle::Hash};

/// How far the time of a statement may be from the time at which its signatory might sign, in milliseconds.
const TOLERANCE: i64 = 5 * 60 * 1000;

#[derive(Debug)]
struct Enrolled {
    person: u32,
    key: Hash,
    is_signatory: bool,
    from: i64,
    until: Option<i64>,
}

/// The people of one participant.
#[derive(Debug, Default)]
pub(crate) struct People(Vec<Enrolled>);

impl People {
    /// Takes in an act, in the order of the journal.
    pub(crate) fn take(&mut self, subject: &str, act: &PersonAct, at: i64, names: &mut Names) {
        let person = names.number(subject);
        let standing = self.0.iter_mut().filter(|one| one.person == person && one.until.is_none());
        let mut key = None;
        for one in standing {
            one.until = Some(at);
            key = Some(one.key);
        }
        let (key, is_signatory) = match act {
            PersonAct::Enrolled { key, is_signatory } => (*key, *is_signatory),
            PersonAct::Roles { is_signatory } => (key, *is_signatory),
            PersonAct::Disabled => (None, false),
        };
        self.0.extend(key.map(|key| Enrolled { person, key, is_signatory, from: at, until: None }));
    }

    /// Whether somebody with this key might sign near this moment.
    pub(crate) fn might_sign(&self, key: &Hash, at: i64) -> bool {
        self.0.iter().any(|one| {
            one.is_signatory
                && one.key == *key
                && at >= one.from.saturating_sub(TOLERANCE)
                && one.until.is_none_or(|until| at <= until.saturating_add(TOLERANCE))
        })
    }
}
