//! Evidence that others hand over, judged as anybody would judge it: by the verifier, with the group's trust anchors and the lists of
//! revoked certificates that the node has.

use std::{io::Cursor, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use verbond_account::Judge;
use verbond_trust::TrustStore;
use verbond_verify::{Alarm, Anchors, Finding, Input, Room, verify};

/// What makes evidence not what it says it is. What else is found is what it shows, and stays in it for whoever reads it.
const UNSOUND: [Alarm; 10] = [
    Alarm::Form,
    Alarm::EntryChanged,
    Alarm::LeafDiffers,
    Alarm::RootDiffers,
    Alarm::Truncated,
    Alarm::TwoHistories,
    Alarm::CheckpointSignature,
    Alarm::JournalKey,
    Alarm::Told,
    Alarm::RevocationList,
];

/// The verifier.
pub struct Verifier {
    /// Files of trust anchors, read each time.
    pub anchors: Vec<PathBuf>,
    /// By whose lists of revoked certificates it judges.
    pub trust: Arc<TrustStore>,
}

#[async_trait]
impl Judge for Verifier {
    async fn alarms(&self, evidence: Vec<u8>, held: Vec<String>) -> Vec<String> {
        let paths = self.anchors.clone();
        let lists = lists(&self.trust);
        let judged = tokio::task::spawn_blocking(move || judge(&paths, &lists, evidence, held)).await;
        judged.unwrap_or_else(|_| vec!["UNREADABLE".to_owned()])
    }
}

/// Those of which it is known that their issuer signed them: what somebody put beside them is nothing that a half could be blamed for.
fn lists(trust: &TrustStore) -> Vec<Vec<u8>> {
    let all = trust.revocation_lists();
    all.iter().filter(|list| trust.has_signed(list)).map(|list| list.der().to_vec()).collect()
}

fn judge(paths: &[PathBuf], lists: &[Vec<u8>], evidence: Vec<u8>, held: Vec<String>) -> Vec<String> {
    let anchors: Result<Vec<Vec<u8>>, _> = paths.iter().map(std::fs::read).collect();
    let Some(anchors) = anchors.ok().and_then(|texts| Anchors::from_pem(&texts).ok()) else {
        return vec!["ANCHORS_UNREADABLE".to_owned()];
    };
    let anchors = anchors.with_lists_held(lists);
    let input = |content: Vec<u8>| Input { name: String::new(), content: Box::new(Cursor::new(content)) };
    let held = held.into_iter().map(|note| input(note.into_bytes())).collect();
    let report = verify(vec![input(evidence)], anchors, held, &Room::default(), &mut |_| {});
    let mut alarms: Vec<String> = report.alarms.iter().filter(|found| is_unsound(found)).map(code).collect();
    if report.unreadable.is_some() {
        alarms.push("UNREADABLE".to_owned());
    }
    alarms
}

/// The certificates of agreements may be older than the anchors; those of the journal's keys and of what is told may not.
fn is_unsound(found: &Finding) -> bool {
    let of_certificate = matches!(found.code, Alarm::Certificate | Alarm::CertificateRevoked);
    // A list of ours that no issuer of theirs signed is not theirs to answer for.
    let of_own_list = found.code == Alarm::RevocationList && found.participant.is_none();
    (UNSOUND.contains(&found.code) && !of_own_list) || (of_certificate && found.index.is_some())
}

fn code(found: &Finding) -> String {
    found.code.as_str().to_owned()
}
