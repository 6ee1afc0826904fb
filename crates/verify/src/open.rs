//! Which services were declared open, and when, by the acts in a journal (docs/formats/entries.md, *Declared open*).

use crate::{act::ClassAct, kept::Names};

/// How far a permit may be from the time at which its service was open, in milliseconds.
const NEAR: i64 = 60 * 1000;

/// What is declared open: a service of the own, or one of somebody else for an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenKey {
    pub(crate) application: Option<u32>,
    pub(crate) service: u32,
}

/// Where a declaration stands: a later one in the same place takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Own(u32),
    Bound { application: u32, alias: u32 },
}

#[derive(Debug)]
struct Declared {
    standing: Standing,
    key: OpenKey,
    from: i64,
    until: Option<i64>,
}

/// The declarations of one journal.
#[derive(Debug, Default)]
pub(crate) struct Declarations(Vec<Declared>);

impl Declarations {
    /// Takes in an act, in the order of the journal.
    pub(crate) fn take(&mut self, subject: &str, act: &ClassAct, at: i64, names: &mut Names) {
        let subject = names.number(subject);
        let (standing, opens) = match act {
            ClassAct::Service { is_open } => {
                let key = OpenKey { application: None, service: subject };
                (Standing::Own(subject), is_open.then_some(key))
            }
            ClassAct::Bound { application, service, is_open } => {
                let (application, service) = (names.number(application), names.number(service));
                let key = OpenKey { application: Some(application), service };
                (Standing::Bound { application, alias: subject }, is_open.then_some(key))
            }
            ClassAct::Unbound { application } => {
                (Standing::Bound { application: names.number(application), alias: subject }, None)
            }
            ClassAct::ApplicationGone => {
                return self.end(
                    at,
                    |one| matches!(one, Standing::Bound { application, .. } if application == subject),
                );
            }
        };
        self.end(at, |one| one == standing);
        self.0.extend(opens.map(|key| Declared { standing, key, from: at, until: None }));
    }

    fn end(&mut self, at: i64, is_meant: impl Fn(Standing) -> bool) {
        for one in self.0.iter_mut().filter(|one| one.until.is_none() && is_meant(one.standing)) {
            one.until = Some(at);
        }
    }

    /// Whether it was open near this moment.
    pub(crate) fn covers(&self, key: OpenKey, at: i64) -> bool {
        self.0.iter().any(|one| {
            one.key == key
                && at >= one.from.saturating_sub(NEAR)
                && one.until.is_none_or(|until| at <= until.saturating_add(NEAR))
        })
    }
}
