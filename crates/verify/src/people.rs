//! Who had which key and which duty, by the acts in a journal (docs/formats/entries.md, *People*).

use crate::{act::PersonAct, kept::Names, merkle::Hash};

/// How far the time of a signature may be from the time at which its maker had the duty, in milliseconds.
const TOLERANCE: i64 = 5 * 60 * 1000;

/// What somebody signs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    Sign,
    Advise,
}

/// The duties that are judged, of those that somebody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Duties {
    pub(crate) signs: bool,
    pub(crate) advises: bool,
}

impl Duties {
    const fn has(self, duty: Duty) -> bool {
        match duty {
            Duty::Sign => self.signs,
            Duty::Advise => self.advises,
        }
    }
}

#[derive(Debug)]
struct Enrolled {
    person: u32,
    key: Hash,
    duties: Duties,
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
        let (key, duties) = match act {
            PersonAct::Enrolled { key, duties } => (*key, *duties),
            PersonAct::Roles { duties } => (key, *duties),
            PersonAct::Disabled => (None, Duties::default()),
        };
        self.0.extend(key.map(|key| Enrolled { person, key, duties, from: at, until: None }));
    }

    /// Whether somebody with this key had a duty near this moment.
    pub(crate) fn had(&self, key: &Hash, duty: Duty, at: i64) -> bool {
        self.0.iter().any(|one| {
            one.duties.has(duty)
                && one.key == *key
                && at >= one.from.saturating_sub(TOLERANCE)
                && one.until.is_none_or(|until| at <= until.saturating_add(TOLERANCE))
        })
    }
}
