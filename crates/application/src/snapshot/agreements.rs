//! The agreements of a picture.

use std::{collections::BTreeMap, sync::Arc};

use verbond_agreement::AgreementId;

use crate::agreements::AgreementVersion;

/// Replacing one agreement copies the part in which it stands and shares the others.
const PARTS: usize = 1_024;

type Part = BTreeMap<AgreementId, Arc<[Arc<AgreementVersion>]>>;

/// All versions of agreements, by their identifiers, in parts that successive pictures share.
#[derive(Clone)]
pub struct Agreements(Vec<Arc<Part>>);

impl Default for Agreements {
    fn default() -> Self {
        Self(vec![Arc::default(); PARTS])
    }
}

impl Agreements {
    fn part(id: AgreementId) -> usize {
        // The last bytes of a time-ordered identifier are random. An attacker who chooses them costs us copies, nothing else.
        let [.., high, low] = *id.0.as_bytes();
        usize::from(u16::from_be_bytes([high, low])) % PARTS
    }

    /// The versions of one, the oldest first.
    pub fn get(&self, id: &AgreementId) -> &[Arc<AgreementVersion>] {
        let found = self.0.get(Self::part(*id)).and_then(|part| part.get(id));
        found.map(|versions| &**versions).unwrap_or_default()
    }

    /// Sets the versions of one; none takes it away.
    pub(super) fn put(&mut self, id: AgreementId, versions: Vec<Arc<AgreementVersion>>) {
        let Some(part) = self.0.get_mut(Self::part(id)) else { return };
        match versions.is_empty() {
            true if part.contains_key(&id) => drop(Arc::make_mut(part).remove(&id)),
            true => {}
            false => drop(Arc::make_mut(part).insert(id, versions.into())),
        }
    }

    /// All versions of all.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<AgreementVersion>> {
        self.0.iter().flat_map(|part| part.values()).flat_map(|versions| versions.iter())
    }
}
