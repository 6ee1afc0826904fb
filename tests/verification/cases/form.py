"""Evidence that cannot be read, in whole or in part; and evidence of one exchange."""

import base64
import hashlib
import json

from .. import evidence, note
from ..authority import base64url
from ..journal import leaf
from .making import Given, again, alone, case, line_of, place, without


def raw_of(lines):
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines).encode()


def raw_with(world, change):
    return Given([change(raw_of(alone(world.busy(3))))])


@case("P:FORM", "P:ENTRY_MISSING", "P:AGREEMENT_MISSING")
def cut_in_a_line(world):
    return raw_with(world, lambda raw: raw[: raw.index(b'"index": 9')])


@case("P:FORM", notes="ONE_SIDE")
def cut_before_the_end(world):
    return raw_with(world, lambda raw: raw[: raw.rindex(b'{"type": "end"')])


@case("P:FORM", notes="ONE_SIDE")
def cut_in_the_end(world):
    return raw_with(world, lambda raw: raw[:-4])


@case("P:FORM", notes="ONE_SIDE")
def another_number_of_lines(world):
    lines = alone(world.busy(3))
    lines[-1]["lines"] += 1
    return lines


@case("P:FORM", notes="ONE_SIDE")
def line_of_no_known_type(world):
    lines = alone(world.busy(3))
    return again([*lines[:-1], {"type": "remark", "text": "Nothing to see here."}, lines[-1]])


def raw_end(world, extra):
    lines = alone(world.busy(3))
    lines[-1]["lines"] += 1
    raw = raw_of(lines)
    at = raw.rindex(b'{"type": "end"')
    return Given([raw[:at] + extra + raw[at:]])


@case("P:FORM", notes="ONE_SIDE")
def line_that_is_no_json(world):
    return raw_end(world, b"{]\n")


@case("P:FORM", notes="ONE_SIDE")
def line_that_is_empty(world):
    return raw_end(world, b"\n")


@case("P:FORM", notes="ONE_SIDE")
def line_that_is_no_utf8(world):
    return raw_end(world, b'{"type":"certificate","der":"\xff"}\n')


@case("P:FORM", notes="ONE_SIDE")
def line_that_is_no_object(world):
    return raw_end(world, b'["type","end"]\n')


@case("P:FORM", notes="ONE_SIDE")
def line_nested_deeply(world):
    return raw_end(world, b'{"type":' + b"[" * 5000 + b"]" * 5000 + b"}\n")


@case("P:FORM", "P:ENTRY_MISSING", notes="ONE_SIDE")
def member_that_is_not_known(world):
    lines = alone(world.busy(3))
    line_of(lines, "entry", -1)["remark"] = "Nothing to see here."
    return lines


@case("P:FORM", "P:ENTRY_MISSING", notes="ONE_SIDE")
def member_twice(world):
    return raw_with(world, lambda raw: raw.replace(b'"index": 1,', b'"index": 1, "index": 1,'))


@case("P:FORM", "P:ENTRY_MISSING", notes="ONE_SIDE")
def commitment_of_another_length(world):
    lines = alone(world.busy(3))
    line_of(lines, "entry", -1)["commitment"] = "AAAA"
    return lines


@case("P:FORM", "P:ENTRY_MISSING", notes="ONE_SIDE")
def salt_without_payload(world):
    lines = alone(world.busy(3))
    del line_of(lines, "entry", -1)["payload"]
    return lines


def appended(world, kind, payload):
    """The journal itself holds something that cannot be read."""
    world.busy(3)
    world.provider.journal.append(kind, payload, world.on())
    world.checkpoint()
    return alone(world)


@case("P:FORM", notes="ONE_SIDE")
def payload_that_is_no_json(world):
    return appended(world, "processing", "no JSON")


@case("P:FORM", notes="ONE_SIDE")
def payload_with_a_member_twice(world):
    return appended(world, "act", '{"kind":"act","kind":"act"}')


@case("P:FORM", notes="ONE_SIDE")
def payload_that_lacks_a_member(world):
    return appended(world, "refusal", {"kind": "refusal", "direction": "incoming"})


@case("P:ENTRY_CHANGED", notes="ONE_SIDE")
def payload_of_another_kind(world):
    return appended(world, "refusal", {"kind": "act", "author": {}, "action": "a.b", "subject": "", "detail": {}})


@case("P:FORM", notes="ONE_SIDE")
def no_checkpoint(world):
    lines = alone(world.busy(3))
    return without(lines, *[each for each in lines if each["type"] == "checkpoint"])


@case(outcome="unreadable")
def empty_file(world):
    return Given([b""])


@case(outcome="unreadable")
def something_else_than_evidence(world):
    return Given([b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"])


@case(outcome="unreadable")
def begins_in_the_middle(world):
    return Given([alone(world.busy(3))[4:]])


# One exchange, with proofs.


def one(world, change=None):
    world.busy(3)
    transaction = world.exchange(world.agreement)
    world.busy(3)
    lines = evidence.of_exchange(world.provider.journal, transaction, world.agreements)
    permit = place(world.provider.journal, "permit", 0, transaction_id=transaction)
    if change:
        change(lines, permit)
    return lines


@case("P:ENTRY_CHANGED")
def of_one_exchange_a_payload_changed(world):
    def change(lines, permit):
        line = next(each for each in lines if each.get("index") == permit)
        line["payload"] = line["payload"].replace("incomes", "outcomes")

    return one(world, change)


@case("P:ROOT_DIFFERS", notes="ONE_SIDE")
def of_one_exchange_a_leaf_changed(world):
    def change(lines, permit):
        line = next(each for each in lines if each.get("index") == permit)
        payload = line["payload"].replace('"adl.access_evaluation"', '"another"')
        committed = hashlib.sha256(base64.urlsafe_b64decode(line["salt"] + "=") + payload.encode()).digest()
        hashed = hashlib.sha256(b"\x00" + leaf(line["at"], line["kind"], committed)).digest()
        line.update(payload=payload, commitment=base64url(committed), leaf=base64url(hashed))

    return one(world, change)


@case("P:ROOT_DIFFERS", notes="ONE_SIDE")
def of_one_exchange_a_proof_changed(world):
    def change(lines, permit):
        line = next(each for each in lines if each["type"] == "inclusion" and each["index"] == permit)
        line["hashes"][0] = base64url(bytes(32))

    return one(world, change)


@case("P:FORM", notes="ONE_SIDE")
def of_one_exchange_a_proof_left_out(world):
    lines = one(world)
    return without(lines, line_of(lines, "inclusion", 1))


@case("P:ROOT_DIFFERS", notes="ONE_SIDE")
def of_one_exchange_a_history_that_does_not_go_on(world):
    def change(lines, permit):
        line_of(lines, "consistency", 1)["hashes"][0] = base64url(bytes(32))

    return one(world, change)


@case("P:FORM", notes="ONE_SIDE")
def of_one_exchange_consistency_left_out(world):
    lines = one(world)
    return without(lines, line_of(lines, "consistency", 0))


@case("P:TWO_HISTORIES", notes="ONE_SIDE")
def of_one_exchange_another_history_than_was_held(world):
    lines = one(world)
    journal = world.provider.journal
    last = journal.checkpoints[-1]
    return Given([lines], [note.checkpoint(journal.origin, last.size, bytes(32), journal.key)])
