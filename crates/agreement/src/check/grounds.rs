//! Grounds: whether each side has one that carries what it does.

use verbond_domain::Scheme;

use super::{
    CheckContext, Code,
    finding::Findings,
    terms::YEAR,
    view::{SideView, clauses, list},
};
use crate::{
    Agreement, GroundReference, LawfulnessLimb, Sensitivity, SpecialCategoryException, SpecialCategoryLetter,
};

/// Most years that a judgement without a last day is relied on before `check` asks whether it still holds.
const LONGEST_JUDGEMENT: i64 = 5;

pub(super) fn rules(agreement: &Agreement, context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement) {
        let personal = view.personal();
        for side in view.sides() {
            let clause = Some(&view.clause.name);
            match &side.side.ground {
                Some(ground) => {
                    validity(&side, ground, context, findings);
                    if !personal.is_empty() {
                        scope(&side, ground, findings);
                    }
                }
                None if personal.is_empty() => {}
                None => findings.add(
                    Code::GroundMissing,
                    clause,
                    &*side.pointer,
                    [("party", side.name()), ("elements", list(&personal)), ("act", side.act())],
                ),
            }
        }
    }
}

/// Whether the judgement holds now and to the end.
fn validity(
    side: &SideView<'_>,
    reference: &GroundReference,
    context: &CheckContext,
    findings: &mut Findings,
) {
    let (ground, clause) = (&reference.ground, Some(&side.of.clause.name));
    let at = format!("{}/ground/ground", side.pointer);
    let name = || (("party", side.name()), ("ground", reference.entry.name.clone().into()));
    let (party, entry) = name();
    if ground.judged_on.begin() > context.now {
        findings.add(
            Code::GroundNotJudged,
            clause,
            format!("{at}/judged_on"),
            [party, entry, ("day", ground.judged_on.into())],
        );
    }
    let Some(last) = ground.valid_until else {
        if ground.judged_on.end().plus_seconds(LONGEST_JUDGEMENT * YEAR) < side.of.ends() {
            let (party, entry) = name();
            let (day, years) = (("day", ground.judged_on.into()), ("years", LONGEST_JUDGEMENT.into()));
            findings.add(Code::GroundWithoutEnd, clause, at, [party, entry, day, years]);
        }
        return;
    };
    let code = match last.end() {
        end if end <= context.now => Code::GroundExpired,
        end if end < side.of.ends() => Code::TermBeyondGround,
        _ => return,
    };
    let (party, entry) = name();
    findings.add(code, clause, format!("{at}/valid_until"), [party, entry, ("day", last.into())]);
}

/// Whether it carries this purpose and this data.
fn scope(side: &SideView<'_>, reference: &GroundReference, findings: &mut Findings) {
    let (ground, clause) = (&reference.ground, &side.of.clause.name);
    let at = format!("{}/ground/ground", side.pointer);
    let mut add = |code, place: &str, elements: &[String]| {
        let filling = [
            ("party", side.name()),
            ("ground", reference.entry.name.clone().into()),
            ("purpose", side.of.clause.purpose.clone().into()),
            ("elements", list(elements)),
        ];
        findings.add(code, Some(clause), format!("{at}{place}"), filling);
    };
    if ground.limb.needs_provision() && ground.provisions.is_empty() {
        add(Code::GroundWithoutProvision, "/provisions", &[]);
    }
    let private = matches!(ground.limb, LawfulnessLimb::Consent | LawfulnessLimb::LegitimateInterests);
    if private && side.participant.scheme() == Scheme::Oin {
        add(Code::LimbForAuthority, "/limb", &[]);
    }
    if !ground.purposes.contains(&side.of.clause.purpose) {
        add(Code::PurposeNotInGround, "/purposes", &[]);
    }
    let special = side.of.delivered(|one| one == Sensitivity::SpecialCategory);
    if !special.is_empty() {
        match &ground.special_categories {
            None => add(Code::SpecialCategoryWithoutException, "", &special),
            Some(exception) if exception.provision.is_none() && asks_for_provision(exception) => {
                add(Code::SpecialCategoryWithoutProvision, "/special_categories", &special);
            }
            Some(_) => {}
        }
    }
    let criminal = side.of.delivered(|one| one == Sensitivity::Criminal);
    if !criminal.is_empty() && ground.criminal_data.is_none() {
        add(Code::CriminalDataWithoutBasis, "", &criminal);
    }
}

/// The letters that hold only by Union or national law.
const fn asks_for_provision(exception: &SpecialCategoryException) -> bool {
    use SpecialCategoryLetter::{B, G, I, J};
    matches!(exception.letter, B | G | I | J)
}
