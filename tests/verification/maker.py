"""Evidence that never was: two organisations, an agreement between them, exchanges, and what is told of these.

    python3 -m verification.maker [--seed S] [--entries N] FOLDER

writes `evidence.jsonl`, `anchors.pem`, `journal.key` (the secret one: this is for drills) and `tiles/` into the folder. With --entries one
journal of so many entries, quickly; else both parties' journals, small. Everything follows from the seed.
"""

import argparse
import base64
import hashlib
import json
import random
import shutil
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from . import evidence, merkle, note, tiles
from .agreement import PURPOSE, Agreement, content, rfc_3339
from .authority import Authority, base64url, make_key, public_der
from .journal import DAY, Journal, commitment, leaf, uuid7

BEGIN = 1_772_438_400_000  # 2 March 2026, 08:00 UTC
MINUTE = 60_000
STEP = 5 * MINUTE
BOTH = ("consumer", "provider")


class Organisation:
    """A participant with its certificate, a signatory, and a journal."""

    def __init__(self, authority, number, name, host, chance):
        self.oin, self.name, self.host = number, name, host
        self.participant = f"oin:{number}"
        self.identity = authority.issue(number, host)
        self.signatory = make_key(chance)
        self.journal = Journal(self.participant, self.identity, chance, BEGIN)
        self.journal.keep(365, BEGIN)
        self.journal.revocation_lists = authority.lists()
        self.enrol("directeur", self.signatory, BEGIN, "signatory")
        self.known = {}

    def enrol(self, person, key, at, *roles):
        thumbprint = hashlib.sha256(public_der(key)).hexdigest()
        detail = {"way": "code", "roles": list(roles), "thumbprint": thumbprint, "certificate": "(its certificate)"}
        return self.journal.act("person.enrol", person, detail, at)

    def witness(self, other, at):
        """Writes down the newest checkpoint of the other."""
        theirs = other.journal
        verifier_key = str(note.VerifierKey.of(theirs.origin, theirs.key))
        made = {"kind": "witness", "counterpart": other.participant, "note": theirs.checkpoints[-1].note, "verifier_key": verifier_key}
        if self.known.get(other.participant) != verifier_key:
            self.known[other.participant] = verifier_key
            act = next(each for each in reversed(theirs.entries) if each.kind == "act" and each.content["action"] == "journal.key")
            made["key"] = {name: act.content["detail"][name] for name in ("statement", "chain")}
        return self.journal.append("witness", made, at)


class World:
    """A provider of incomes, a municipality that asks for them, and what happens between them. `now` only goes on."""

    def __init__(self, seed=1):
        self.chance = chance = random.Random(seed)
        self.authority = Authority(chance, begin=BEGIN - 30 * DAY)
        self.provider = Organisation(self.authority, "00000099000000010000", "Inkomensregister Voorbeeld", "inkomen.test", chance)
        self.consumer = Organisation(self.authority, "00000099000000020000", "Gemeente Voorbeeld", "gemeente.test", chance)
        self.now = BEGIN + STEP
        for service, declared in (("incomes", "governed"), ("files", "open")):
            self.declare(service, declared, BEGIN + 1)
        self.agreements = [self.version(1).conclude(self.provider, self.consumer, self.now)]
        self.now += STEP
        self.checkpoint()

    @property
    def both(self):
        return self.provider, self.consumer

    @property
    def agreement(self):
        return self.agreements[-1]

    def version(self, version, begin=None, end=None, **more):
        """A version between both; a first one is of an agreement of its own."""
        begin, end = begin or BEGIN, end or BEGIN + 365 * DAY
        if version == 1:
            self.identifier = uuid7(self.now, self.chance)
        return self.agree(content(self.identifier, self.provider, self.consumer, begin, end, version, **more))

    def agree(self, document):
        return Agreement(document, self.both)

    def declare(self, service, declared, at, roles=BOTH):
        """Stewards of both say of which class a service is: of its own at the provider, of what an application uses at the consumer."""
        if "provider" in roles:
            self.provider.journal.act("service.put", service, {"class": declared, "steward": "S. Voorbeeld", "reason": "for this test"}, at)
        if "consumer" in roles:
            detail = {"application": "balie", "service": f"{self.provider.participant}/{service}", "class": declared}
            self.consumer.journal.act("application.bind", service, detail, at)

    def checkpoint(self):
        for each in self.both:
            each.journal.checkpoint(self.now)

    def witness(self):
        """The newest checkpoints go over and are written down by the other party."""
        self.provider.witness(self.consumer, self.now)
        self.consumer.witness(self.provider, self.now)

    def on(self, milliseconds=STEP):
        self.now += milliseconds
        return self.now

    # Exchanges.

    def exchange(self, agreement=None, delivery="whole", completed=BOTH, people=1, sides=BOTH, under=None, **alter):
        """One exchange under the agreement (None: an open service); gives its transaction. `under`: at a role, another version.

        `alter` names payloads as `provider_permit`, `consumer_completion`: members that somebody writes down otherwise (None: not).
        """
        transaction = uuid7(self.now, self.chance)
        permits = {}
        for role, direction, later in (("consumer", "outgoing", 0), ("provider", "incoming", 20)):
            if role in sides:
                version = (under or {}).get(role, agreement)
                permits[role] = self.permit(role, transaction, direction, version, self.now + later, alter.get(f"{role}_permit"))
        if agreement is not None and "provider" in sides:
            for number in range(people):
                self.processing(transaction, permits["provider"], self.now + 30 + number)
        made = self.delivered(delivery)
        if agreement is None:
            made.pop("elements", None)
        for role, direction, later in (("provider", "incoming", 100), ("consumer", "outgoing", 120)):
            if role in sides and role in completed:
                self.completion(role, transaction, direction, permits[role], made | alter.get(f"{role}_completion", {}), self.now + later)
        self.on()
        return transaction

    def permit(self, role, transaction, direction, agreement, at, alter=None):
        made = {"kind": "permit", "transaction_id": transaction, "direction": direction, "consumer": self.consumer.participant,
                "provider": self.provider.participant, "service": "incomes" if agreement else "files",
                "wire": {"group_id": "verbond-test", "grant_hash": "$1$3$" + base64url(hashlib.sha512(b"grant").digest())}}  # fmt: skip
        if direction == "outgoing":
            made["application"] = "balie"
        if agreement is not None:
            made["decision"] = self.decision(transaction, agreement, at)
            made["processing"] = [self.record(at, role)]
        journal = getattr(self, role).journal
        made = {name: value for name, value in {**made, **(alter or {})}.items() if value is not None}
        return journal.entries[journal.append("permit", made, at)].id

    def refused(self, role, code="PURPOSE_NOT_AGREED", transaction=None):
        """A refusal by one of the two."""
        transaction = transaction or uuid7(self.now, self.chance)
        made = {"kind": "refusal", "transaction_id": transaction, "direction": "outgoing" if role == "consumer" else "incoming",
                "consumer": self.consumer.participant, "provider": self.provider.participant, "service": "incomes", "wire": {},
                "code": code, "decision": self.decision(transaction, self.agreement, self.now, reasons=[{"code": code}])}  # fmt: skip
        getattr(self, role).journal.append("refusal", made, self.now)
        self.on()
        return transaction

    def span(self, length):
        return self.chance.randbytes(length).hex()

    def decision(self, transaction, agreement, at, reasons=None):
        participant, service = self.consumer.participant, {"provider": self.provider.participant, "name": "incomes"}
        request = {
            "subject": {"type": "participant", "id": participant, "properties": {"participant": participant}},
            "action": {"name": "income-of-person", "properties": {"clause": "incomes", "parameters": {"person": "present"}}},
            "resource": {"type": "service", "id": f"{self.provider.participant}/incomes", "properties": {"service": service}},
            "context": {"time": rfc_3339(at), "purpose": PURPOSE, "stage": "signed", "volume_held": False, "person_held": False},
        }
        context = {"reasons": reasons} if reasons else {"delivered": ["$.year", "$.income.below_minimum"]}
        policies = {"agreement": agreement.reference, "policy": {"hash": "sha256:" + "0" * 64, "compiler": 2}}
        return {
            "trace_id": self.span(16), "span_id": self.span(8), "event_name": "adl.access_evaluation", "timestamp": at, "status": "Ok",
            "attributes": {"adl.core.policies": policies, "adl.fsc.transaction_id": transaction},
            "body": {"adl.core.request": request, "adl.core.response": {"decision": not reasons, "context": context}},
        }  # fmt: skip

    def record(self, at, role):
        name, host = ("outreach", self.consumer.host) if role == "consumer" else ("provide-incomes", self.provider.host)
        return {
            "trace_id": self.span(16), "span_id": self.span(8), "status": "Unset", "name": "incomes: income-of-person", "start_time": at,
            "end_time": at, "attributes": {
                "dpl.core.processing_activity_id": f"https://{host}/v1/registers/activity/{name}/1",
                "dpl.core.data_subject_id": "v1." + base64url(self.chance.randbytes(32)),
                "dpl.core.data_subject_id_type": "national_number",
            },
        }  # fmt: skip

    def processing(self, transaction, permit, at):
        made = {"kind": "processing", "transaction_id": transaction, "direction": "incoming", "counterpart": self.consumer.participant,
                "permit": permit, "record": self.record(at, "provider")}  # fmt: skip
        self.provider.journal.append("processing", made, at)

    def delivered(self, delivery="whole", size=45):
        salt, body = self.chance.randbytes(32), self.chance.randbytes(size)

        def part(raw):
            return {"bytes": len(raw), "digest": base64url(hashlib.sha256(salt + raw).digest())}

        if delivery == "nothing":
            return {"delivery": "nothing", "code": "REFUSED_BY_PROVIDER", "request": part(b""), "response": part(b""), "salt": base64url(salt)}
        return {"delivery": delivery, "status": 200, "request": part(b""), "response": part(body),
                "elements": [{"path": "$.year", "count": 1}, {"path": "$.income.below_minimum", "count": 1}], "salt": base64url(salt)}  # fmt: skip

    def completion(self, role, transaction, direction, permit, made, at):
        other = self.provider if role == "consumer" else self.consumer
        head = {"kind": "completion", "transaction_id": transaction, "direction": direction, "counterpart": other.participant, "permit": permit}
        return getattr(self, role).journal.append("completion", {**head, **made}, at)

    def busy(self, exchanges=8):
        """So many exchanges, with checkpoints and witnesses in between; an open one and a refusal among them."""
        for number in range(exchanges):
            self.exchange(None if number == 3 else self.agreement)
            if number % 3 == 2:
                self.checkpoint()
                self.witness()
                self.on()
        self.refused("consumer")
        self.on()
        self.checkpoint()
        return self

    # Evidence.

    def journal_of(self, organisation, **more):
        return evidence.of_journal(organisation.journal, self.agreements, **more)

    def lines(self):
        return [*self.journal_of(self.provider), *self.journal_of(self.consumer)]


def quickly(folder, entries, seed=1):
    """One journal of many entries, written as it is made: permits and completions as they would be, about a kilobyte each."""
    every = max(1, min(10_000, entries // 10))
    world = World(seed)
    journal, chance = world.provider.journal, world.chance
    journal.checkpoints.clear()
    first = world.exchange(world.agreement, people=0)
    patterns = [each.payload for each in journal.entries[-2:]]
    permit = journal.entries[-2].id
    decision = json.loads(patterns[0])["decision"]
    del journal.entries[-2:]
    edge, at = merkle.Frontier(), world.now
    private = journal.key
    notes, due = [], {entries, *range(every, entries, every)}
    path = folder / "evidence.jsonl"
    with (folder / "entries.part").open("w") as out:

        def put(entry):
            out.write(json.dumps(evidence.entry_line(edge.size, entry), ensure_ascii=False, separators=(",", ":")) + "\n")
            grown(entry.leaf, entry.at)

        def grown(hashed, moment):
            edge.append(hashed)
            if edge.size in due:
                notes.append((note.checkpoint(journal.origin, edge.size, edge.root(), private), moment))

        for each in journal.entries[:entries]:
            put(each)
        number = 0
        while edge.size < entries:
            kind = "completion" if number % 2 else "permit"
            at += 1 + number % 3
            if kind == "permit":
                transaction, identifier = uuid7(at, chance), uuid7(at, chance)
                trace, span = chance.randbytes(16).hex(), chance.randbytes(8).hex()
                text = patterns[0].replace(first, transaction).replace(decision["trace_id"], trace).replace(decision["span_id"], span)
                current = identifier
            else:
                identifier = uuid7(at, chance)
                text = patterns[1].replace(first, transaction).replace(permit, current)
            salt = chance.randbytes(32)
            committed = commitment(salt, text)
            hashed = merkle.leaf_hash(leaf(at, kind, committed))
            out.write(
                f'{{"type":"entry","index":{edge.size},"id":"{identifier}","at":{at},"kind":"{kind}","commitment":"{base64url(committed)}",'
                f'"leaf":"{base64url(hashed)}","salt":"{base64url(salt)}","payload":{json.dumps(text)}}}\n'
            )
            grown(hashed, at)
            number += 1
    head = {"type": "evidence", "format": "verbond-evidence/1", "participant": journal.participant, "made_at": at, "scope": "journal", "size": edge.size}
    before = [head, *({"type": "checkpoint", "note": each, "at": moment} for each, moment in notes)]
    after = [*(evidence.agreement_line(each) for each in world.agreements), *evidence.list_lines(journal)]
    with path.open("w") as whole, (folder / "entries.part").open() as part:
        for each in before:
            whole.write(json.dumps(each, ensure_ascii=False) + "\n")
        shutil.copyfileobj(part, whole, 1 << 20)
        for each in [*after, {"type": "end", "lines": len(before) + edge.size + len(after) + 1}]:
            whole.write(json.dumps(each, ensure_ascii=False) + "\n")
    (folder / "entries.part").unlink()
    return world, notes


def keep(folder, world):
    """What a verifier is given beside the evidence, and the secret key for whoever tampers."""
    (folder / "anchors.pem").write_bytes(world.authority.anchors)
    raw = world.provider.journal.key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    (folder / "journal.key").write_text(base64.b64encode(raw).decode() + "\n")


def main():
    parser = argparse.ArgumentParser(prog="python3 -m verification.maker", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--entries", type=int, help="one journal of so many entries")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.entries:
        world, _ = quickly(asked.folder, asked.entries, asked.seed)
    else:
        world = World(asked.seed).busy()
        evidence.write(asked.folder / "evidence.jsonl", world.lines())
        journal = world.provider.journal
        sizes = [each.size for each in journal.checkpoints]
        tiles.write(asked.folder / "tiles", journal.leaves(), journal.checkpoints[-1].note, sizes)
    keep(asked.folder, world)


if __name__ == "__main__":
    main()
