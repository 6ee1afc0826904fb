"""What permits rest on: agreements, the statements and advice under them, and whether a version was in force."""

from .acts import MINUTE, had_role, knows_acts, statements_of
from .signatures import Wrong
from .versions import Version

BINDING = ("offered", "signed", "resumed", "accepted_on_the_wire")


def judge_agreement(verifier, section, line, versions, broken):
    who, place, name = section.participant, {"line": line["line"]}, (line["id"], line["version"], line["hash"])
    try:
        version = versions[name] = Version(line)
    except Wrong as error:
        broken.add(name)
        verifier.alarm("AGREEMENT_SIGNATURE", who, str(error), **place)
        return
    held = []
    for each in line["statements"]:
        try:
            (chain, party, at), *foreign = version.take(each, verifier.taken_in)
        except Wrong as error:
            verifier.alarm("AGREEMENT_SIGNATURE", who, str(error), **place)
            continue
        held.append(each["statement"])
        moment, _, step = version.stated[-1]
        # What ends something is taken in however late it comes.
        binds = step["step"] in BINDING
        verifier.judge_certificate(section, chain, party, at, moment if binds else at, **place)
        for chain_of_foreign, whose, signed_at in foreign:
            first = max(signed_at, verifier.taken_in.get(each["statement"], signed_at))
            verifier.judge_certificate(section, chain_of_foreign, whose, signed_at, first if binds else signed_at, **place)
        if not knows_acts(section):
            continue
        if step["step"] == "signed" and party == who:
            if not had_role(section, "signatory", step["key"], at):
                verifier.alarm("SIGNATORY_KEY", who, "the key that signed was no signatory's then", **place)
            elif not had_role(section, "signatory", step["key"], moment):
                verifier.alarm("SHOWN_TOO_LATE", who, "when it was first shown the key was no signatory's any more", **place)
    if knows_acts(section):
        acts = [statement for statement, _, about in statements_of(section) if about == version.hash]
        rest = iter(acts)
        if not all(each in rest for each in held) or len(acts) > len(line["statements"]):
            verifier.alarm("STATEMENTS_DIFFER", who, "other statements, or in another order, than the acts took in", **place)
    judge_advice(verifier, section, version, place)


def judge_advice(verifier, section, version, place):
    """Whether officers advised under keys of their own, and were answered."""
    who = section.participant
    for each in version.advice:
        try:
            key, at = version.advised(each)
        except Wrong as error:
            verifier.alarm("ADVICE_SIGNATURE", who, str(error), **place)
            continue
        if each["participant"] == who and knows_acts(section) and not had_role(section, "data_protection_officer", key, at):
            verifier.alarm("OFFICER_KEY", who, "the key was no officer's then", **place)
        is_signed = any(step["step"] == "signed" for _, _, step in version.stated)
        if each["outcome"] == "negative" and "not_followed_because" not in each and is_signed:
            verifier.alarm("ADVICE_UNANSWERED", who, "nobody said why the advice was not followed", **place)


def judge_ground(verifier, section, entry, versions, broken, place):
    """Whether a permit of a governed service rests on a version that was in force."""
    decision, who = entry["content"].get("decision"), section.participant
    if not decision or not decision["permits"] or not decision["agreement"] or decision["transaction"] != place["transaction_id"]:
        verifier.alarm("DECISION_MISSING", who, "no decision that permits this exchange under an agreement", **place)
    elif decision["agreement"] not in versions:
        if decision["agreement"] not in broken:
            verifier.alarm("AGREEMENT_MISSING", who, "the agreement is not in the evidence", **place)
    else:
        moment = decision["at"] if abs(decision["at"] - entry["at"]) <= MINUTE else entry["at"]
        if not versions[decision["agreement"]].in_force(moment, versions.values()):
            verifier.alarm("AGREEMENT_NOT_IN_FORCE", who, "the agreement was not in force", **place)


def agreed(permit, elements, versions):
    """Whether elements that came are those of the operation that decided; yes too where that cannot be judged."""
    decision = permit.get("decision")
    holds = decision and decision["permits"] and decision["transaction"] == permit["transaction_id"]
    version = versions.get(decision["agreement"]) if holds else None
    return version is None or not elements or version.delivers(decision["operation"], elements)
