//! Whether what was destroyed was destroyed by an act, by a rule that was in force, and under no legal hold; or is lost as declared.

use crate::{
    compared::Destroyed,
    finding::{Alarm, Findings, NoteCode, at_index, words},
    kept::Drop,
    line::Kind,
    loss::Losses,
    section::Section,
};

/// What is wrong about the destruction of one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Faults {
    without_act: bool,
    early: bool,
    under_hold: bool,
}

/// Judges all destroyed entries of a section.
pub(crate) fn judge(section: &Section, destroyed: impl Iterator<Item = Destroyed>, findings: &mut Findings) {
    let mut drops: Vec<&Drop> = section.keeping.drops.iter().collect();
    drops.sort_by_key(|drop| drop.detail.first_index);
    let mut coming = drops.into_iter().peekable();
    let mut open: Vec<&Drop> = Vec::new();
    let (mut runs, mut lawful, mut losses) = ([None; 3], 0_u64, Losses::of(section));
    for entry in destroyed {
        let (index, at, kind) = (entry.index, entry.at, entry.kind());
        while let Some(drop) = coming.next_if(|drop| drop.detail.first_index <= index) {
            open.push(drop);
        }
        open.retain(|drop| drop.detail.last_index >= index);
        let mut faults = faults(&open, index, at, kind);
        if faults == Faults::default() {
            lawful = lawful.saturating_add(1);
        } else if let Some(act) = losses.covering(index, at, kind) {
            losses.count(act, at, kind);
            // What was to be kept for somebody may not be gone unseen because somebody says that it is.
            faults = Faults { under_hold: act.was_held(at), ..Faults::default() };
        }
        let found = [faults.without_act, faults.early, faults.under_hold];
        for ((run, found), code) in runs.iter_mut().zip(found).zip(CODES) {
            follow(run, found, index, code, section, findings);
        }
    }
    losses.tell(section, findings);
    for (run, code) in runs.iter_mut().zip(CODES) {
        tell(run.take(), code, section, findings);
    }
    let sentence = words(
        format!("De inhoud van {lawful} regels is na hun bewaartermijn vernietigd."),
        format!("the content of {lawful} entries was destroyed when its time was over"),
    );
    findings.note(NoteCode::Destroyed, Some(section.participant()), lawful, sentence);
}

const CODES: [Alarm; 3] = [Alarm::DestroyedWithoutAct, Alarm::DestroyedEarly, Alarm::DestroyedUnderHold];

fn faults(open: &[&Drop], index: u64, at: i64, kind: Kind) -> Faults {
    let covering = open.iter().filter(|drop| drop.index > index && drop.detail.kinds.contains(&kind));
    let mut judged: Vec<(u64, Faults)> =
        covering.map(|drop| (drop.index, faults_of(drop, at, kind))).collect();
    judged.sort_unstable_by_key(|(index, _)| *index);
    let lawful = judged.iter().any(|(_, faults)| *faults == Faults::default());
    match judged.first() {
        None => Faults { without_act: true, ..Faults::default() },
        Some(_) if lawful => Faults::default(),
        Some((_, faults)) => *faults,
    }
}

fn faults_of(drop: &Drop, at: i64, kind: Kind) -> Faults {
    let has_rule = !matches!(kind, Kind::Act | Kind::Witness);
    let held = drop.holds.iter().any(|hold| hold.covers(at));
    let early = !(drop.is_by_rule && has_rule && at < drop.detail.written_before);
    Faults { without_act: false, early, under_hold: held }
}

type Run = Option<(u64, u64)>;

fn follow(run: &mut Run, found: bool, index: u64, code: Alarm, section: &Section, findings: &mut Findings) {
    match run {
        Some((first, length)) if found && first.saturating_add(*length) == index => {
            *length = length.saturating_add(1);
        }
        _ => {
            tell(run.take(), code, section, findings);
            *run = found.then_some((index, 1));
        }
    }
}

fn tell(run: Run, code: Alarm, section: &Section, findings: &mut Findings) {
    let Some((first, length)) = run else { return };
    let [nl, en] = match code {
        Alarm::DestroyedWithoutAct => [
            format!("{length} regels vanaf {first} zijn vernietigd zonder handeling die dat zegt."),
            format!("{length} entries from {first} on were destroyed, and no act says so"),
        ],
        Alarm::DestroyedUnderHold => [
            format!("{length} regels vanaf {first} zijn vernietigd terwijl ze moesten blijven."),
            format!("{length} entries from {first} on were destroyed under a legal hold"),
        ],
        _ => [
            format!("{length} regels vanaf {first} zijn vernietigd voordat hun bewaartermijn voorbij was."),
            format!("{length} entries from {first} on were destroyed before their time was over"),
        ],
    };
    section.alarm(findings, code, at_index(first), &nl, &en);
}
