//! What parties stated about agreements: when that provably existed, and whether whoever signed it could, then.

use std::collections::HashMap;

use crate::{
    advice,
    agreement::{AgreementVersion, Signer},
    certificate::{Anchors, Signed},
    finding::{Alarm, Findings, Place, at_line},
    merkle::Hash,
    payload::VersionName,
    people::Duty,
    section::Section,
};

/// Says of every statement when the first of all journals took it in (docs/formats/agreement.md, *Moment*).
pub(crate) fn shown(sections: &mut [Section]) {
    let mut first: HashMap<Hash, i64> = HashMap::new();
    for (statement, at) in sections.iter().flat_map(|section| &section.taken_in) {
        let known = first.entry(*statement).or_insert(*at);
        *known = (*known).min(*at);
    }
    let versions = sections.iter_mut().flat_map(|section| &mut section.versions);
    versions.for_each(|version| version.shown(&first));
}

/// Judges the signatures of the versions in a section.
pub(crate) fn judge(section: &Section, anchors: &mut Anchors, findings: &mut Findings) {
    for version in &section.versions {
        let place = at_line(version.line);
        let (id, number) = (&version.name.id, version.name.version);
        if !version.is_sound {
            let nl = format!("Het document is niet versie {number} van gegevensafspraak {id}.");
            let en = format!("the document is not version {number} of agreement {id}");
            section.alarm(findings, Alarm::AgreementSignature, place, &nl, &en);
        }
        for _ in 0..version.bad_statements {
            let nl = format!("Een verklaring over versie {number} van gegevensafspraak {id} deugt niet.");
            let en = format!("a statement about version {number} of agreement {id} does not hold");
            section.alarm(findings, Alarm::AgreementSignature, place, &nl, &en);
        }
        for signer in &version.signers {
            certificate(signer, section, place, anchors, findings);
            own_key(signer, section, place, findings);
        }
        for signer in &version.foreign {
            certificate(signer, section, place, anchors, findings);
        }
        taken_in(version, section, place, findings);
        advice::judge_version(version, section, findings);
    }
}

fn certificate(
    signer: &Signer,
    section: &Section,
    place: Place,
    anchors: &mut Anchors,
    findings: &mut Findings,
) {
    let nl = format!("Het certificaat onder een verklaring van {} deugt niet.", signer.participant);
    let en = format!("the certificate behind a statement of {} is not good", signer.participant);
    // What ends something is taken in however late it comes.
    let shown = if signer.binds { signer.moment } else { signer.at };
    let signed = Signed { chain: &signer.chain, whose: &signer.participant, at: signer.at, shown };
    anchors.vouch(&signed, section, place, [&nl, &en], findings);
}

/// Versions stand in no tree: what was put by one afterwards, left out or moved shows by the acts that took statements in.
fn taken_in(version: &AgreementVersion, section: &Section, place: Place, findings: &mut Findings) {
    if !version.is_sound || !section.knows_acts() {
        return;
    }
    let acts = section.stated.get(&version.name.hash).map_or(&[][..], Vec::as_slice);
    let mut rest = acts.iter();
    let in_order = version.signers.iter().all(|signer| rest.any(|act| *act == signer.statement));
    let known = version.signers.len().saturating_add(version.bad_statements);
    if !in_order || acts.len() > known {
        let VersionName { id, version: number, .. } = &version.name;
        let nl = format!(
            "Bij versie {number} van gegevensafspraak {id} staan andere verklaringen dan de handelingen opnamen, of in een andere volgorde."
        );
        let en = format!(
            "by version {number} of agreement {id} stand other statements than the acts took in, or in another order"
        );
        section.alarm(findings, Alarm::StatementsDiffer, place, &nl, &en);
    }
}

/// Of its own people a participant's journal knows the keys.
fn own_key(signer: &Signer, section: &Section, place: Place, findings: &mut Findings) {
    let is_own = signer.participant == section.participant() && section.knows_acts();
    let Some(key) = signer.key.filter(|_| is_own) else { return };
    let whose = &signer.participant;
    if !section.people.had(&key, Duty::Sign, signer.at) {
        let nl = format!("De sleutel waarmee voor {whose} is getekend was toen van geen tekenbevoegde.");
        let en = format!("the key that signed for {whose} was no signatory's then");
        section.alarm(findings, Alarm::SignatoryKey, place, &nl, &en);
    } else if !section.people.had(&key, Duty::Sign, signer.moment) {
        let nl = format!(
            "Wat voor {whose} is getekend kwam pas tevoorschijn toen de sleutel van geen tekenbevoegde meer was."
        );
        let en =
            format!("what was signed for {whose} was first shown when its key was no signatory's any more");
        section.alarm(findings, Alarm::ShownTooLate, place, &nl, &en);
    }
}
