"""Agreements changed, statements forged and dropped, permits under a version that was not in force."""

import hashlib
import json

from ..agreement import Agreement, contract, contract_hash, shown
from ..authority import make_key
from ..journal import DAY
from ..maker import Organisation
from .making import HOUR, again, alone, case, flipped, line_of, without


def in_agreement(world, change, number=0):
    """Changes the line of an agreement in the provider's evidence."""
    lines = alone(world.busy(3))
    change(line_of(lines, "agreement", number))
    return lines


@case("P:AGREEMENT_SIGNATURE", notes="ONE_SIDE")
def agreement_changed(world):
    def change(line):
        line["document"] = line["document"].replace("Om mensen te bereiken", "Om mensen te controleren")

    return in_agreement(world, change)


@case("P:AGREEMENT_MISSING", "P:AGREEMENT_SIGNATURE", notes="ONE_SIDE")
def agreement_changed_with_its_hash(world):
    def change(line):
        line["document"] = line["document"].replace("Om mensen te bereiken", "Om mensen te controleren")
        line["hash"] = "sha256:" + hashlib.sha256(line["document"].encode()).hexdigest()

    return in_agreement(world, change)


@case("P:AGREEMENT_SIGNATURE", notes="ONE_SIDE")
def agreement_that_no_permit_names_changed(world):
    world.agreements.insert(0, world.version(2, begin=world.now + 200 * DAY).conclude(world.provider, world.consumer, world.now))
    return in_agreement(world, lambda line: line.update(document=line["document"].replace("bereiken", "controleren")))


@case("P:AGREEMENT_MISSING", notes="ONE_SIDE")
def agreement_left_out(world):
    lines = alone(world.busy(3))
    return without(lines, line_of(lines, "agreement"))


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_MISSING", notes="ONE_SIDE")
def agreement_given_as_another_version(world):
    return in_agreement(world, lambda line: line.update(version=2))


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_MISSING", notes="ONE_SIDE")
def agreement_given_as_another_version_without_statements(world):
    return in_agreement(world, lambda line: line.update(version=2, statements=[]))


def with_statements(world, change):
    """The statements of the agreement, changed before anything else happens."""
    agreement = world.agreement
    agreement.statements = change(agreement) or agreement.statements
    world.on(HOUR)
    return alone(world.busy(3))


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def statement_signature_flipped(world):
    def change(agreement):
        agreement.statements[1]["statement"] = flipped(agreement.statements[1]["statement"])

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", notes="ONE_SIDE")
def forged_revocation(world):
    """By somebody who has the chain, and not the key."""

    def change(agreement):
        forger = type(world.consumer.identity)(make_key(world.chance), world.consumer.identity.chain)
        agreement.statements.append(forger.states({
            "format": "verbond-statement/1", "agreement": agreement.content["id"], "version": 1, "hash": agreement.hash,
            "participant": world.consumer.participant, "at": "2026-03-02T08:10:00Z", "step": {"step": "revoked", "reason": "Forged."},
        }))  # fmt: skip

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def signatory_signed_another_document(world):
    def change(agreement):
        step = agreement.signature(world.consumer, world.now, document=agreement.text + " ")
        agreement.statements[2] = agreement.statement(world.consumer, step, world.now)

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def signatory_signed_a_file(world):
    def change(agreement):
        step = agreement.signature(world.consumer, world.now, typ="verbond-file+jws")
        agreement.statements[2] = agreement.statement(world.consumer, step, world.now)

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def signatory_not_the_one_named(world):
    def change(agreement):
        step = agreement.signature(world.consumer, world.now) | {"name": "De portier"}
        agreement.statements[2] = agreement.statement(world.consumer, step, world.now)

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def signatory_signed_long_before(world):
    def change(agreement):
        step = agreement.signature(world.consumer, world.now - 2 * DAY)
        agreement.statements[2] = agreement.statement(world.consumer, step, world.now)

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def signatory_key_another_than_signed(world):
    def change(agreement):
        step = agreement.signature(world.consumer, world.now) | {"key": agreement.signature(world.provider, world.now)["key"]}
        agreement.statements[2] = agreement.statement(world.consumer, step, world.now)

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def statement_about_another_version(world):
    def change(agreement):
        other = Agreement({**agreement.content, "title": {"nl": "Iets anders", "en": "Something else"}})
        agreement.statements[2] = other.conclude(world.provider, world.consumer, world.now).statements[2]

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", notes="ONE_SIDE")
def revocation_of_another_document(world):
    def change(agreement):
        other = Agreement({**agreement.content, "title": {"nl": "Iets anders", "en": "Something else"}})
        agreement.statements.append(other.statement(world.consumer, {"step": "revoked", "reason": "Of something else."}, world.now))

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", notes="ONE_SIDE")
def statement_by_somebody_who_is_no_party(world):
    def change(agreement):
        third = Organisation(world.authority, "00000099000000030000", "Derde", "derde.test", world.chance)
        agreement.states(third, "revoked", world.now, reason="Not a party.")

    return with_statements(world, change)


@case("P:AGREEMENT_NOT_IN_FORCE", "P:STATEMENTS_DIFFER", notes="ONE_SIDE")
def statement_dropped(world):
    return with_statements(world, lambda agreement: agreement.statements[:2])


@case("P:AGREEMENT_NOT_IN_FORCE", "P:STATEMENTS_DIFFER", notes="ONE_SIDE")
def offer_dropped(world):
    return with_statements(world, lambda agreement: agreement.statements[1:])


def signed_under(world, identity):
    """A version that somebody signed for the consumer under this identity."""
    made, own = world.version(1), world.consumer.identity
    made.states(world.consumer, "offered", world.now)
    made.states(world.provider, made.signature(world.provider, world.now), world.now)
    world.consumer.identity = identity
    made.states(world.consumer, made.signature(world.consumer, world.now), world.now)
    world.agreements, world.consumer.identity = [made], own
    world.on(HOUR)
    return alone(world.busy(3))


@case("P:CERTIFICATE", notes="ONE_SIDE")
def statement_under_the_certificate_of_another(world):
    return signed_under(world, world.provider.identity)


@case("P:CERTIFICATE", notes="ONE_SIDE")
def statement_under_an_expired_certificate(world):
    return signed_under(world, world.authority.issue(world.consumer.oin, world.consumer.host, end=world.now - HOUR))


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_after_revocation(world):
    world.busy(3)
    world.agreement.states(world.consumer, "revoked", world.on(), reason="No longer needed.")
    world.on(HOUR)
    world.busy(3)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_while_suspended(world):
    world.busy(3)
    world.agreement.states(world.consumer, "suspended", world.on(), reason="We look into something.")
    world.on(HOUR)
    world.exchange(world.agreement)
    world.agreement.states(world.consumer, "resumed", world.on(HOUR))
    world.on(HOUR)
    world.busy(3)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_while_one_of_two_still_holds_it_up(world):
    world.busy(3)
    for each in world.both:
        world.agreement.states(each, "suspended", world.on(), reason="We look into something.")
    world.agreement.states(world.consumer, "resumed", world.on())
    world.on(HOUR)
    world.busy(3)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_before_it_was_signed(world):
    world.agreements = [world.version(1)]
    world.exchange(world.agreement)
    world.agreement.conclude(world.provider, world.consumer, world.on(3 * HOUR))
    world.on(3 * HOUR)
    world.busy(3)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_before_the_term(world):
    world.agreements = [world.version(1, begin=world.now + 3 * HOUR).conclude(world.provider, world.consumer, world.now)]
    world.on()
    world.exchange(world.agreement)
    world.on(6 * HOUR)
    world.busy(3)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_after_the_term(world):
    world.agreements = [world.version(1, end=world.now + 3 * HOUR).conclude(world.provider, world.consumer, world.now)]
    world.on()
    world.busy(3)
    world.on(6 * HOUR)
    world.exchange(world.agreement)
    world.on()
    world.checkpoint()


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_under_a_version_that_was_replaced(world):
    world.busy(3)
    following = world.version(2, begin=world.now + HOUR, replaces=world.agreement.hash).conclude(world.provider, world.consumer, world.now)
    world.on(3 * HOUR)
    world.busy(3)
    world.agreements.append(following)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_under_a_version_whose_successor_ended_since(world):
    world.busy(3)
    following = world.version(2, begin=world.now + HOUR, replaces=world.agreement.hash).conclude(world.provider, world.consumer, world.now)
    following.states(world.consumer, "revoked", world.on(2 * HOUR), reason="It did not work.")
    world.on(3 * HOUR)
    world.busy(3)
    world.agreements.append(following)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_under_a_version_that_was_refused(world):
    made = world.version(1)
    made.states(world.consumer, "offered", world.on())
    made.states(world.provider, "refused", world.on(), reason="Not like this.")
    made.states(world.provider, made.signature(world.provider, world.on()), world.now)
    made.states(world.consumer, made.signature(world.consumer, world.on()), world.now)
    world.agreements = [made]
    world.on(HOUR)
    world.busy(3)


def on_the_wire(world, *steps):
    """A version whose consumer runs another program: what the provider states, in this order."""
    made = world.version(1, signatories=[world.provider])
    for name in steps:
        step = made.signature(world.provider, world.on()) if name == "signed" else name
        more = {"party": world.consumer.participant, "contracts": ["$1$1$made-up"]} if name.endswith("on_the_wire") else {}
        made.states(world.provider, step, world.now, **more)
    world.agreements = [made]
    world.on(HOUR)
    world.busy(3)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def refused_on_the_wire_and_accepted_after(world):
    on_the_wire(world, "offered", "signed", "refused_on_the_wire", "accepted_on_the_wire")


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def accepted_on_the_wire_before_anybody_signed(world):
    on_the_wire(world, "offered", "accepted_on_the_wire", "signed")


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def revoked_on_the_wire(world):
    on_the_wire(world, "offered", "signed", "accepted_on_the_wire", "revoked_on_the_wire")


@case()
def clean_with_refusal_on_the_wire_of_a_party_that_is_bound(world):
    on_the_wire(world, "offered", "signed", "accepted_on_the_wire", "refused_on_the_wire")


class Among:
    """A version of three parties: the consumer runs another program, and gets incomes of the provider and benefits of a third."""

    def __init__(self, world):
        self.world = world
        self.third = Organisation(world.authority, "00000099000000050000", "Uitkeringen Voorbeeld", "uitkering.test", world.chance)
        made = json.loads(json.dumps(world.version(1, signatories=[world.provider, self.third]).content))
        made["parties"].append({**made["parties"][0], "participant": self.third.participant, "name": self.third.name})
        made["clauses"].append({**made["clauses"][0], "name": "benefits", "service": {"provider": self.third.participant, "name": "benefits"}})
        self.made = world.agree(made)
        self.made.states(world.provider, "offered", world.on())
        for each in (world.provider, self.third):
            self.made.states(each, self.made.signature(each, world.on()), world.now)
        self.incomes = contract(world.provider, "incomes", world.consumer, self.made, world.now)
        self.benefits = contract(self.third, "benefits", world.consumer, self.made, world.now)

    def accepted(self, *contracts, by=None, name="accepted_on_the_wire", without=False, **more):
        world = self.world
        step = shown(world.consumer, world.on(), *contracts, **more)
        if without:
            del step["evidence"]
        self.made.states(by or world.provider, name, world.now, **step)

    def busy(self):
        self.world.agreements = [self.made]
        self.world.on(HOUR)
        return alone(self.world.busy(3))


@case(notes="ONE_SIDE")
def clean_with_a_foreign_party_among_three(world):
    among = Among(world)
    among.accepted(among.benefits, by=among.third)
    among.accepted(among.incomes)
    return among.busy()


@case(notes="ONE_SIDE")
def clean_with_a_contract_that_was_said_to_count(world):
    among = Among(world)
    bare = contract(world.provider, "incomes", world.consumer, among.made, world.now, properties={})
    bound = {"party": world.consumer.participant, "contract": contract_hash(bare), "reason": "It takes no properties."}
    among.made.states(world.provider, "contract_bound", world.on(), **bound)
    among.accepted(among.benefits, by=among.third)
    among.accepted(bare)
    return among.busy()


@case("P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def foreign_party_seen_by_one_of_two(world):
    among = Among(world)
    among.accepted(among.incomes)
    return among.busy()


@case("P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def foreign_party_that_ended_what_was_between_it_and_one(world):
    among = Among(world)
    among.accepted(among.benefits, by=among.third)
    among.accepted(among.incomes)
    among.accepted(among.benefits, by=among.third, name="revoked_on_the_wire", kind="revoke")
    return among.busy()


def among_wrongly(spoil):
    """The provider shows something wrong; the third what is right."""

    def made(world):
        among = Among(world)
        among.accepted(among.benefits, by=among.third)
        spoil(world, among)
        return among.busy()

    made.__name__ = spoil.__name__
    return made


WRONG = case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")


@WRONG
@among_wrongly
def accept_among_three_that_is_not_shown(world, among):
    among.accepted(among.incomes, without=True)


@WRONG
@among_wrongly
def accept_shown_by_a_rejection(world, among):
    among.accepted(among.incomes, kind="reject")


@WRONG
@among_wrongly
def accept_shown_of_another_contract(world, among):
    among.accepted(among.incomes, contract_content_hash=contract_hash(among.benefits))


@WRONG
@among_wrongly
def accept_shown_of_a_contract_of_another(world, among):
    among.accepted(among.benefits)


@WRONG
@among_wrongly
def accept_shown_of_another_service(world, among):
    among.accepted(contract(world.provider, "addresses", world.consumer, among.made, world.now))


@WRONG
@among_wrongly
def accept_shown_of_a_contract_of_another_version(world, among):
    among.accepted(contract(world.provider, "incomes", world.consumer, world.version(2), world.now))


@WRONG
@among_wrongly
def accept_shown_of_a_contract_that_names_no_version(world, among):
    bare = contract(world.provider, "incomes", world.consumer, among.made, world.now, properties={})
    bound = {"party": world.consumer.participant, "contract": contract_hash(bare), "reason": "Said by another."}
    among.made.states(among.third, "contract_bound", world.on(), **bound)
    among.accepted(bare)


@WRONG
@among_wrongly
def accept_shown_of_a_contract_that_was_over(world, among):
    among.accepted({**among.incomes, "validity": {"not_before": 1, "not_after": world.now // 1000 - 60}})


@WRONG
@among_wrongly
def accept_shown_that_was_made_later(world, among):
    among.accepted(among.incomes, signed_at=world.now // 1000 + 3600)


@WRONG
@among_wrongly
def accept_shown_of_what_connects_nobody(world, among):
    among.accepted(contract(world.provider, "incomes", world.consumer, among.made, world.now, type="GRANT_TYPE_SERVICE_PUBLICATION"))


@case("P:CERTIFICATE", notes="ONE_SIDE")
def accept_shown_by_the_certificate_of_another(world):
    among = Among(world)
    among.accepted(among.benefits, by=among.third)
    among.accepted(among.incomes, identity=among.third.identity)
    return among.busy()


def signed_anew(world):
    """The version is concluded a while after what went before."""
    world.on(HOUR)
    world.agreements = [world.version(1).conclude(world.provider, world.consumer, world.now)]
    world.on(HOUR)
    return alone(world.busy(3))


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def signed_with_a_key_that_was_nobodys(world):
    world.provider.signatory = make_key(world.chance)
    return signed_anew(world)


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def signed_by_somebody_who_only_drafts(world):
    world.provider.signatory = make_key(world.chance)
    world.provider.enrol("opsteller", world.provider.signatory, world.on(), "drafter")
    return signed_anew(world)


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def signed_by_a_signatory_who_had_left(world):
    world.provider.journal.act("person.disable", "directeur", {}, world.on())
    return signed_anew(world)


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def signed_by_somebody_who_was_no_signatory_any_more(world):
    world.provider.journal.act("person.roles", "directeur", {"roles": ["auditor"], "before": ["signatory"]}, world.on())
    return signed_anew(world)


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def signed_with_the_key_of_before(world):
    world.provider.enrol("directeur", make_key(world.chance), world.on(), "signatory")
    return signed_anew(world)


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def signatory_enrolled_afterwards(world):
    world.provider.signatory = make_key(world.chance)
    signed_anew(world)
    world.provider.enrol("tweede", world.provider.signatory, world.on(), "signatory")
    world.busy(3)
    return alone(world)


@case(notes="ONE_SIDE")
def clean_with_signatory_who_left_afterwards(world):
    signed_anew(world)
    world.provider.journal.act("person.disable", "directeur", {}, world.on())
    world.busy(3)
    return alone(world)


@case(notes="ONE_SIDE")
def clean_with_signatory_by_a_later_role(world):
    world.provider.signatory = make_key(world.chance)
    world.provider.enrol("opvolger", world.provider.signatory, world.on(), "auditor")
    world.provider.journal.act("person.roles", "opvolger", {"roles": ["auditor", "signatory"], "before": ["auditor"]}, world.on())
    return signed_anew(world)


@case(notes="ONE_SIDE")
def clean_with_signatory_of_the_other_party_unknown_here(world):
    """Of whom another party has sign its own journal tells, not this one."""
    world.consumer.signatory = make_key(world.chance)
    return signed_anew(world)


@case(notes="ONE_SIDE")
def clean_with_issuers_that_cannot_be_read(world):
    """What only helps to find the way is passed over where it cannot be read; the way is found by others."""

    def change(agreement):
        for each in agreement.statements:
            given = each["chain"]
            each["chain"] = [given[0], "!", "AAAA", given[1]]

    return with_statements(world, change)


@case("P:CERTIFICATE", notes="ONE_SIDE")
def issuer_that_cannot_be_read(world):
    def change(agreement):
        agreement.statements[1]["chain"][1] = "!"

    return with_statements(world, change)


@case("P:AGREEMENT_SIGNATURE", "P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def chain_of_too_many_certificates(world):
    def change(agreement):
        agreement.statements[1]["chain"] += [agreement.statements[1]["chain"][1]] * 7

    return with_statements(world, change)


@case(notes="ONE_SIDE")
def clean_with_a_certificate_that_cannot_be_read(world):
    lines = alone(world.busy(3))
    return again([each for line in lines for each in ([{"type": "certificate", "der": "AAAA"}, line] if line["type"] == "end" else [line])])
