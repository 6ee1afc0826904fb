"""Advice of data protection officers: theirs, about this text, answered."""

from ..agreement import advised
from ..authority import make_key
from ..journal import DAY
from .making import HOUR, alone, case, line_of


def officer(world, organisation, *roles):
    """Somebody at this organisation with these roles; gives their key."""
    key = make_key(world.chance)
    organisation.enrol("fg", key, world.on(), *(roles or ("data_protection_officer",)))
    world.on(HOUR)
    return key


def concluded(world, *advice, party="provider", document=None, **more):
    """A version with this advice of a party's officer, signed by both; and some exchanges under it."""
    document = document or world.version(1).content
    for key in advice:
        document = advised(document, getattr(world, party), key, world.now, **more)
    world.agreements = [world.agree(document).conclude(world.provider, world.consumer, world.now)]
    world.on(HOUR)
    return alone(world.busy(3))


@case(notes="ONE_SIDE")
def clean_with_advice(world):
    return concluded(world, officer(world, world.provider))


@case(notes="ONE_SIDE")
def clean_with_advice_against_that_was_answered(world):
    return concluded(world, officer(world, world.provider), outcome="negative", answer="De wet laat geen keuze.")


@case(notes="ONE_SIDE")
def clean_with_advice_if(world):
    return concluded(world, officer(world, world.provider), outcome="positive_if")


@case(notes="ONE_SIDE")
def clean_with_advice_of_an_officer_of_the_other_party_unknown_here(world):
    return concluded(world, make_key(world.chance), party="consumer")


@case()
def clean_with_advice_of_both_parties(world):
    """The advice of one leaves that of the other standing."""
    document = advised(world.version(1).content, world.consumer, officer(world, world.consumer), world.now)
    concluded(world, officer(world, world.provider), document=document)
    return world.lines()


@case(notes="ONE_SIDE")
def clean_with_officer_who_left_afterwards(world):
    concluded(world, officer(world, world.provider))
    world.provider.journal.act("person.disable", "fg", {}, world.on())
    world.busy(3)
    return alone(world)


@case(notes="ONE_SIDE")
def clean_with_advice_against_what_nobody_signed(world):
    document = advised(world.version(2, begin=world.now + 200 * DAY).content, world.provider, officer(world, world.provider), world.now, "negative")
    made = world.agree(document)
    made.states(world.consumer, "offered", world.on())
    world.agreements.insert(0, made)
    return alone(world.busy(3))


@case("P:ADVICE_SIGNATURE", notes="ONE_SIDE")
def advice_that_was_typed(world):
    """Nobody signed it."""
    document = advised(world.version(1).content, world.provider, make_key(world.chance), world.now)
    del document["advice"][0]["act"]
    return concluded(world, document=document)


@case("P:ADVICE_SIGNATURE", notes="ONE_SIDE")
def advice_on_another_text(world):
    about = {**world.version(1).content, "title": {"nl": "Iets anders", "en": "Something else"}}
    return concluded(world, officer(world, world.provider), about=about)


@case("P:ADVICE_SIGNATURE", notes="ONE_SIDE")
def advice_turned_round(world):
    document = advised(world.version(1).content, world.provider, officer(world, world.provider), world.now, "negative")
    document["advice"][0]["outcome"] = "positive"
    return concluded(world, document=document)


@case("P:ADVICE_SIGNATURE", notes="ONE_SIDE")
def advice_of_another_day(world):
    document = advised(world.version(1).content, world.provider, officer(world, world.provider), world.now)
    document["advice"][0]["given_on"] = "2026-01-15"
    return concluded(world, document=document)


@case("P:ADVICE_SIGNATURE", notes="ONE_SIDE")
def advice_signed_as_something_else(world):
    return concluded(world, officer(world, world.provider), typ="verbond-agreement+jws")


@case("P:ADVICE_SIGNATURE", notes="ONE_SIDE")
def advice_given_as_that_of_another_party(world):
    document = advised(world.version(1).content, world.consumer, officer(world, world.provider), world.now)
    document["advice"][0]["participant"] = world.provider.participant
    return concluded(world, document=document)


@case("P:ADVICE_SIGNATURE", "C:ADVICE_SIGNATURE")
def advice_on_a_text_that_was_changed_since(world):
    """The parties signed a text that the officer never saw."""
    document = advised(world.version(1).content, world.provider, officer(world, world.provider), world.now)
    document = {**document, "why": {"nl": "Om mensen te controleren.", "en": "To check on people."}}
    concluded(world, document=document)
    return world.lines()


@case("P:OFFICER_KEY", notes="ONE_SIDE")
def advice_by_a_key_that_was_nobodys(world):
    return concluded(world, make_key(world.chance))


@case("P:OFFICER_KEY", notes="ONE_SIDE")
def advice_by_somebody_who_only_drafts(world):
    return concluded(world, officer(world, world.provider, "drafter"))


@case("P:OFFICER_KEY", notes="ONE_SIDE")
def advice_by_an_officer_who_had_left(world):
    key = officer(world, world.provider)
    world.provider.journal.act("person.disable", "fg", {}, world.on())
    world.on(HOUR)
    return concluded(world, key)


@case("P:OFFICER_KEY", notes="ONE_SIDE")
def advice_by_somebody_who_became_officer_afterwards(world):
    key = officer(world, world.provider, "auditor")
    concluded(world, key)
    world.provider.journal.act("person.roles", "fg", {"roles": ["data_protection_officer"], "before": ["auditor"]}, world.on())
    world.busy(3)
    return alone(world)


@case("P:ADVICE_UNANSWERED", notes="ONE_SIDE")
def signed_against_advice_without_a_reason(world):
    return concluded(world, officer(world, world.provider), outcome="negative")


@case("P:ADVICE_UNANSWERED", "C:ADVICE_UNANSWERED")
def signed_against_the_advice_of_the_other_party_without_a_reason(world):
    concluded(world, officer(world, world.consumer), party="consumer", outcome="negative")
    return world.lines()


@case("P:AGREEMENT_SIGNATURE", notes="ONE_SIDE")
def advice_changed_in_the_evidence(world):
    """The document is another one than its hash says: one finding for one fault."""
    lines = concluded(world, officer(world, world.provider), outcome="negative")
    line = line_of(lines, "agreement")
    line["document"] = line["document"].replace('"negative"', '"positive"')
    return lines
