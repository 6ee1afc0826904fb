"""A second verifier of evidence, written from docs/formats alone. Slow, short, and of no code that it shares with the program.

    python3 -m verification.second_verifier [--anchors F]... [--checkpoint F]... EVIDENCE...

prints the report of docs/formats/verification.md as JSON. Exit status 0 clean, 1 alarms, 2 unreadable.
"""

import argparse
import hashlib
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import rfc8785
from cryptography import x509

from . import merkle, signatures
from .note import Checkpoint, VerifierKey
from .note import Wrong as WrongNote
from .reading import DETAILS, KEPT, milliseconds, read, shaped, typed, understood
from .signatures import Wrong, base64url

DAY = 86_400_000
CLOCKS = 600_000  # by how much the clocks of one journal, or of two parties, may differ
BITES = 60_000  # within which an end that another party states reaches everybody


class Verifier:
    """Reads, judges and compares; what it finds stands in `alarms` and `notes`."""

    def __init__(self, anchors=()):
        self.anchors, self.sections, self.alarms, self.notes = list(anchors), [], [], []
        self.held = []  # checkpoints that others held: (Checkpoint, who tells it, index or None, its verifier key or None)
        self.versions = {}  # agreement versions by hash, as judged

    def alarm(self, code, participant, message, **place):
        self.alarms.append({"code": code, "participant": participant, **place, "message": message})

    def note(self, code, participant, count, message):
        if count:
            self.notes.append({"code": code, "participant": participant, "count": count, "message": message})

    # One section.

    def judge(self, section):
        whole, who = section.whole, section.participant
        edge, expected, latest, right, unbroken, run = merkle.Frontier(), 0, 0, 0, True, None
        due = defaultdict(list)
        for line, each in section.checkpoints:
            due[each.size].append((line, each))
        section.roots[0] = merkle.EMPTY
        for entry in section.entries:
            index, at = entry["index"], entry["at"]
            if whole and index != expected:
                self.alarm("ENTRY_MISSING", who, "an entry is missing, or stands there twice", index=min(index, expected))
                unbroken = False
                if index < expected:
                    continue
            expected = index + 1
            if whole and at < latest - CLOCKS:
                self.alarm("BACK_DATED", who, "an entry is of long before one that stands before it", index=index)
            latest = max(latest, at)
            self.judge_payload(section, entry)
            text = f'{{"at":{at},"commitment":"{base64url(entry["commitment"])}","kind":"{entry["kind"]}"}}'
            if merkle.leaf_hash(text.encode()) != entry["leaf"]:
                if run is None or run + 1 != index:
                    self.alarm("LEAF_DIFFERS", who, "the entry is not the one that the tree holds", index=index)
                run = index
            if whole and unbroken:
                edge.append(entry["leaf"])
                section.roots[edge.size] = edge.root()
        if whole and expected < section.size:
            self.alarm("ENTRY_MISSING", who, "entries are missing", index=expected)
        if not section.checkpoints:
            self.alarm("FORM", who, "there is no checkpoint", line=section.head["line"])
        elif section.checkpoints[-1][1].size < section.size:
            self.alarm("FORM", who, "the last checkpoint is over fewer entries", line=section.checkpoints[-1][0])
        self.judge_acts(section)
        wrong = False
        for line, each in section.checkpoints:
            self.judge_signature(section, each, line=line)
            if self.beyond(section, each):
                continue
            if not whole:
                self.judge_consistency(section, each)
            elif each.size in section.roots:
                if section.roots[each.size] == each.root:
                    right, wrong = each.size, False
                elif not wrong:
                    self.alarm("ROOT_DIFFERS", who, f"the entries do not lead to the root over {each.size}", index=right)
                    wrong = True
        if not whole and section.checkpoints:
            self.judge_inclusion(section, section.checkpoints[-1][1])
        self.judge_destruction(section)
        self.judge_exchanges(section)

    def judge_payload(self, section, entry):
        """Sets `content`: what the entry says, if it is there and can be read."""
        index, who = entry["index"], section.participant
        period = section.head.get("period")
        outside = period and not period["from"] <= entry["at"] < period["until"] and entry["kind"] not in KEPT
        if entry.get("withheld") and not outside:
            self.alarm("FORM", who, "what is within the period, or an act or witness, is withheld", index=index, line=entry["line"])
        if int(entry["id"].replace("-", ""), 16) >> 80 != entry["at"]:
            self.alarm("ENTRY_CHANGED", who, "the identifier is of another time", index=index)
        entry["content"] = None
        if "payload" not in entry:
            return
        if hashlib.sha256(entry["salt"] + entry["payload"].encode()).digest() != entry["commitment"]:
            self.alarm("ENTRY_CHANGED", who, "the payload is not what was committed to", index=index)
        try:
            content = signatures.object_of(entry["payload"])
            if content.get("kind") != entry["kind"]:
                self.alarm("ENTRY_CHANGED", who, "the payload is of another kind", index=index)
                return
            entry["content"] = shaped(content)
        except (Wrong, UnicodeEncodeError) as error:
            self.alarm("FORM", who, f"a payload that cannot be read: {error}", index=index, line=entry["line"])

    def judge_acts(self, section):
        who = section.participant
        for entry in section.entries:
            content, index = entry["content"], entry["index"]
            if entry["kind"] == "witness" and content:
                self.held.append((content["checkpoint"], section, index, content))
            if entry["kind"] != "act" or not content or content["action"] not in DETAILS:
                continue
            section.acts.append((index, entry["at"], content["action"], content["subject"], content["detail"]))
            detail = content["detail"]
            if content["action"] == "journal.continue":
                section.gaps[detail["previous_origin"]] = (detail["size"], detail["checkpoint"])
                self.note("DECLARED_GAP", who, 1, f"opened again with {detail['size']} of {detail['checkpoint'].size} entries")
            if content["action"] == "journal.key":
                try:
                    key = VerifierKey.parse(detail["verifier_key"])
                    section.keys[detail["origin"]].append((index, key))
                    self.judge_key(section, who, detail["origin"], detail["verifier_key"], detail, index)
                except (Wrong, WrongNote, x509.InvalidVersion) as error:
                    self.alarm("JOURNAL_KEY", who, str(error), index=index)

    def judge_key(self, section, owner, origin, verifier_key, signed, index):
        """A certification of a journal key: by the owner, for this origin and key. Raises when it is not."""
        chain = signatures.certificates(signed["chain"])
        told = signatures.signed_by_certificate(signed["statement"], chain[0])
        told = typed(told, {"at": int, "format": str, "origin": str, "participant": str, "verifier_key": str}, {})
        wanted = ("verbond-journal-key/1", origin, owner, verifier_key)
        if (told["format"], told["origin"], told["participant"], told["verifier_key"]) != wanted:
            raise Wrong("the statement certifies another key, for another origin or participant")
        if not re.fullmatch(re.escape(owner) + r"/journal/[1-9][0-9]*", origin) or VerifierKey.parse(verifier_key).name != origin:
            raise Wrong("the key is for the journal of another participant")
        self.judge_certificate(section, chain, owner, told["at"], index=index)

    def judge_certificate(self, section, chain, owner, at, **place):
        """Whether the certificate is the owner's and leads to an anchor; without anchors nothing is judged."""
        if not self.anchors:
            return True
        if signatures.participant_of(chain[0]) != owner:
            message = "the certificate is another participant's"
        elif not signatures.leads_to(chain[0], [*chain[1:], *section.certificates], self.anchors, at):
            message = "the certificate does not lead to a trust anchor, or was not valid then"
        else:
            return True
        self.alarm("CERTIFICATE", section.participant, message, **place)
        return False

    def judge_signature(self, section, checkpoint, who=None, **place):
        """Whether the key that the journal certifies for this origin at this size signed the checkpoint."""
        who, certified = who or section.participant, section.keys.get(checkpoint.origin, [])
        before = [key for index, key in certified if index < checkpoint.size]
        if not section.whole and not before:
            if (checkpoint.origin, checkpoint.size) != (section.checkpoints[-1][1].origin, section.size):
                return True  # evidence of one exchange certifies the last key only
        if not certified:
            if not any(each["code"] == "JOURNAL_KEY" and each.get("origin") == checkpoint.origin for each in self.alarms):
                self.alarm("JOURNAL_KEY", who, f"no act certifies a key for {checkpoint.origin}", origin=checkpoint.origin)
            return False
        if before and checkpoint.note.signed_by(before[-1]):
            return True
        self.alarm("CHECKPOINT_SIGNATURE", who, f"the checkpoint over {checkpoint.size} is not signed by the journal's key", **place)
        return False

    def beyond(self, section, checkpoint, **place):
        """Whether the checkpoint is over entries that are not there; an alarm when nothing explains it."""
        gap = section.gaps.get(checkpoint.origin)
        limit = gap[0] if gap else section.size
        if checkpoint.size <= limit:
            return False
        if not gap or checkpoint.size > gap[1].size:
            self.alarm("TRUNCATED", section.participant, f"a checkpoint is over {checkpoint.size} entries; there are {limit}", **place)
        elif checkpoint.size == gap[1].size and checkpoint.root != gap[1].root:
            self.alarm("TWO_HISTORIES", section.participant, "the last checkpoint of the epoch before is told in two ways", **place)
        return True

    def judge_consistency(self, section, checkpoint):
        last = section.checkpoints[-1][1]
        if checkpoint is last:
            return
        proof = section.consistency.get((checkpoint.size, last.size))
        if checkpoint.size == last.size:
            proof = proof or []
        if proof is None:
            self.alarm("FORM", section.participant, f"no proof that {last.size} continues {checkpoint.size}", line=section.head["line"])
        elif not merkle.consistent(checkpoint.size, checkpoint.root, last.size, last.root, proof):
            self.alarm("ROOT_DIFFERS", section.participant, f"the tree does not continue the one over {checkpoint.size}")

    def judge_inclusion(self, section, last):
        section.roots = {last.size: last.root}
        for entry in section.entries:
            index = entry["index"]
            if index not in section.proofs:
                self.alarm("FORM", section.participant, "the entry has no proof", index=index, line=entry["line"])
            elif merkle.root_of_inclusion(entry["leaf"], index, last.size, section.proofs[index]) != last.root:
                self.alarm("ROOT_DIFFERS", section.participant, "the proof does not lead to the root", index=index)

    # Destruction.

    def judge_destruction(self, section):
        lawful = withheld = 0
        for entry in section.entries:
            withheld += bool(entry.get("withheld"))
            if "payload" in entry or entry.get("withheld"):
                continue
            index, who = entry["index"], section.participant
            found = [
                self.faults_of(section, act, entry)
                for act in section.acts
                if act[2] == "journal.drop" and act[4]["first_index"] <= index <= act[4]["last_index"] and entry["kind"] in act[4]["kinds"]
            ]
            if not found:
                self.alarm("DESTROYED_WITHOUT_ACT", who, "no act says that it was destroyed", index=index)
            elif all(found):
                for code in found[0]:
                    self.alarm(code, who, "it should still be there", index=index)
            else:
                lawful += 1
        self.note("WITHHELD", section.participant, withheld, "entries outside the period were not given")
        self.note("DESTROYED", section.participant, lawful, "entries were lawfully destroyed")
        section.head["destroyed"] = lawful

    def faults_of(self, section, act, entry):
        index, at, _, _, detail = act
        rule, holds, faults = 0, {}, []
        for earlier, _, action, subject, more in section.acts:
            if earlier >= index:
                break
            if action == "journal.retention":
                rule = more["keep_days"]
            elif action == "journal.hold":
                holds[subject] = more
            elif action == "journal.release":
                holds.pop(subject, None)
        before = detail["written_before"]
        if entry["kind"] in KEPT or not rule or detail["keep_days"] != rule or entry["at"] >= before or before > at - rule * DAY:
            faults.append("DESTROYED_EARLY")
        if any(each["from"] <= entry["at"] and (each["until"] is None or entry["at"] < each["until"]) for each in holds.values()):
            faults.append("DESTROYED_UNDER_HOLD")
        return faults

    # Exchanges.

    def judge_exchanges(self, section):
        who, decisions, unknown = section.participant, set(), 0
        identifiers = {each["id"]: each for each in section.entries if each["kind"] == "permit"}
        for line in section.agreements:
            self.judge_agreement(section, line)
        for entry in section.entries:
            content, index = entry["content"], entry["index"]
            if not content:
                continue
            if (name := content.get("decision_id")) is not None:
                if name in decisions:
                    self.alarm("DECISION_TWICE", who, "another entry holds this decision", index=index)
                decisions.add(name)
            if entry["kind"] == "permit":
                if content["exchange"] in section.permits:
                    self.alarm("PERMIT_TWICE", who, "the exchange was permitted before", index=index, transaction_id=content["exchange"][0])
                else:
                    section.permits[content["exchange"]] = entry
            elif entry["kind"] == "completion":
                transaction = content["exchange"][0]
                permit = identifiers.get(content["permit"])
                if permit is None or permit["content"] and permit["content"]["exchange"] != content["exchange"]:
                    self.alarm("COMPLETION_WITHOUT_PERMIT", who, "no permit for this", index=index, transaction_id=transaction)
                if content["exchange"] in section.completions:
                    self.alarm("COMPLETION_TWICE", who, "it was completed before", index=index, transaction_id=transaction)
                else:
                    section.completions[content["exchange"]] = entry
        unknown = sum(each not in section.completions for each in section.permits)
        self.note("DELIVERY_UNKNOWN", who, unknown, "permits have no completion")

    def judge_agreement(self, section, line):
        who, place, raw = section.participant, {"line": line["line"]}, line["document"].encode()
        version = self.versions.setdefault(line["hash"], {"document": None, "stated": []})
        try:
            document = signatures.object_of(raw)
            if "sha256:" + hashlib.sha256(raw).hexdigest() != line["hash"] or rfc8785.dumps(document) != raw:
                raise Wrong("the document is another one than its hash says")
            if (document["id"], document["version"]) != (line["id"], line["version"]):
                raise Wrong("the document is of another agreement or version")
            version["document"] = understood(document)
        except (Wrong, KeyError, TypeError) as error:
            self.alarm("AGREEMENT_SIGNATURE", who, str(error), **place)
            return
        stated = []
        for each in line["statements"]:
            try:
                signed = typed(each, {"statement": str, "chain": list}, {})
                chain = signatures.certificates(signed["chain"])
                told = signatures.signed_by_certificate(signed["statement"], chain[0])
                told = typed(told, {"format": str, "agreement": str, "version": int, "hash": str, "participant": str, "at": str, "step": dict}, {})
                if (told["format"], told["hash"], told["agreement"], told["version"]) != ("verbond-statement/1", line["hash"], line["id"], line["version"]):
                    raise Wrong("the statement is about another document")
                step, at = told["step"], milliseconds(told["at"])
                if told["participant"] not in version["document"]["parties"]:
                    raise Wrong("the statement is by somebody who is no party")
                if step["step"] == "signed":
                    if (told["participant"], step["name"], step["mandate"]) not in version["document"]["signatories"]:
                        raise Wrong("the signatory is not the one that the document names")
                    signatures.signed_by_person(step["signature"], step["key"], raw, "verbond-agreement+jws")
            except (Wrong, KeyError, TypeError, AttributeError) as error:
                self.alarm("AGREEMENT_SIGNATURE", who, str(error), **place)
                continue
            if self.judge_certificate(section, chain, told["participant"], at, **place):
                stated.append((at, told["participant"], step))
        version["stated"] += [each for each in stated if each not in version["stated"]]

    def judge_rests(self, section):
        """What each permit says about the agreement on which it rests."""
        for exchange, entry in section.permits.items():
            content, who = entry["content"], section.participant
            place = {"index": entry["index"], "transaction_id": exchange[0]}
            others = (other.permits.get(mirrored(exchange, who)) for other in self.sections if other.participant == exchange[2])
            elsewhere = any(each and each["content"]["agreement"] for each in others)
            if not content["agreement"]:
                if content["governed"] or elsewhere:
                    self.alarm("DECISION_MISSING", who, "the permit rests on an agreement and holds no decision", **place)
                continue
            version = self.versions.get(content["agreement"])
            if version is None:
                self.alarm("AGREEMENT_MISSING", who, "the agreement is not in the evidence", **place)
            elif version["document"] and not self.in_force(version, entry["at"], bound_only=False):
                self.alarm("AGREEMENT_NOT_IN_FORCE", who, "the agreement was not in force", **place)

    def in_force(self, version, at, bound_only):
        """At a time; `bound_only` asks whether all had signed, and leaves the term and successors aside."""
        document, signed, held, ended = version["document"], set(), set(), False
        for when, participant, step in sorted(version["stated"], key=lambda each: each[0]):
            name = step["step"]
            if name == "signed" and when <= at:
                signed.add(participant)
            elif name == "accepted_on_the_wire" and when <= at:
                signed.add(step["party"])
            elif name == "suspended" and when + BITES <= at:
                held.add(participant)
            elif name == "resumed" and when <= at:
                held.discard(participant)
            elif name in ("revoked", "withdrawn", "refused", "revoked_on_the_wire", "refused_on_the_wire"):
                ended = ended or when + BITES <= at
        if not document["parties"] <= signed or ended:
            return False
        if bound_only:
            return True
        if held or not document["from"] <= at < document["until"]:
            return False
        return not any(
            other["document"]["id"] == document["id"] and other["document"]["version"] > document["version"]
            and other["document"]["from"] <= at and self.in_force(other, other["document"]["from"], bound_only=True)
            for other in self.versions.values() if other["document"]
        )  # fmt: skip

    # What others held, and what others tell.

    def compare_histories(self, earlier):
        seen = {}
        for checkpoint, section, index, witness in self.held:
            place, who = {"index": index}, section.participant
            try:
                key = VerifierKey.parse(witness["verifier_key"])
                if key.name != checkpoint.origin or not checkpoint.note.signed_by(key):
                    raise WrongNote("the checkpoint that was witnessed is not signed by its key")
                if witness.get("key"):
                    self.judge_key(section, witness["counterpart"], checkpoint.origin, witness["verifier_key"], witness["key"], index)
                    section.keys[f"witnessed {witness['verifier_key']}"].append((index, key))
                elif section.whole and not section.keys.get(f"witnessed {witness['verifier_key']}"):
                    raise Wrong("the key of the checkpoint was never certified to the witness")
            except WrongNote as error:
                self.alarm("CHECKPOINT_SIGNATURE", who, str(error), **place)
                continue
            except Wrong as error:
                self.alarm("JOURNAL_KEY", who, str(error), **place)
                continue
            self.compare_history(checkpoint, seen, place, signed=True)
        for checkpoint in earlier:
            self.compare_history(checkpoint, seen, {}, signed=False)

    def compare_history(self, checkpoint, seen, place, signed):
        """Holds a checkpoint that somebody else held against what its owner gives, and against what others held."""
        owner = checkpoint.origin.split("/")[0]
        homes = [each for each in self.sections if each.participant == owner]
        for home in homes:
            if not signed and not self.judge_signature(home, checkpoint):
                return
            if self.beyond(home, checkpoint):
                continue
            own = [each.root for _, each in home.checkpoints if each.size == checkpoint.size]
            root = home.roots.get(checkpoint.size, own[0] if own else None)
            if root is not None and root != checkpoint.root:
                self.alarm("TWO_HISTORIES", owner, f"the history over {checkpoint.size} entries is another one than was held elsewhere")
        known = seen.setdefault((checkpoint.origin, checkpoint.size), checkpoint.root)
        if known != checkpoint.root and not homes:
            self.alarm("TWO_HISTORIES", owner, f"two checkpoints over {checkpoint.size} entries")

    def compare_sides(self):
        both = agree = 0
        for section in self.sections:
            alone = 0
            for exchange, entry in section.permits.items():
                others = [each for each in self.sections if each.participant == exchange[2]]
                mirror = mirrored(exchange, section.participant)
                there = next((each for each in others if mirror in each.permits), None)
                place = {"index": entry["index"], "transaction_id": exchange[0]}
                if there is None:
                    alone += not others
                    done = section.completions.get(exchange)
                    arrived = exchange[1] == "incoming" or done and done["content"]["delivery"] != "nothing"
                    if arrived and any(covers(each, entry["at"]) for each in others):
                        self.alarm("HALF_MISSING", exchange[2], "only the other party permitted the exchange", transaction_id=exchange[0])
                elif exchange[1] == "outgoing":
                    both += 1
                    halves = [section.completions.get(exchange), there.completions.get(mirror)]
                    if all(halves):
                        if differ(*(each["content"] for each in halves)):
                            self.alarm("COMPLETIONS_DIFFER", section.participant, "the parties tell of different deliveries", **place)
                        else:
                            agree += 1
            self.note("ONE_SIDE", section.participant, alone, "exchanges of which the other party's evidence was not given")
        return {"both_sides": both, "agree": agree}

    def report(self):
        people = defaultdict(lambda: defaultdict(int))
        for section in self.sections:
            mine = people[section.participant]
            mine["entries"] += len(section.entries)
            mine["checkpoints"] += len(section.checkpoints)
            mine["destroyed"] += section.head.get("destroyed", 0)
            for entry in section.entries:
                name = {"permit": "permits", "refusal": "refusals", "completion": "completions", "processing": "processing", "witness": "witnessed"}
                if entry["kind"] in name:
                    mine[name[entry["kind"]]] += 1
        members = ("entries", "checkpoints", "permits", "refusals", "completions", "processing", "witnessed", "destroyed")
        return [{"participant": each, **{name: found[name] for name in members}} for each, found in people.items()]


def mirrored(exchange, participant):
    """The same exchange as the other party names it."""
    return exchange[0], "incoming" if exchange[1] == "outgoing" else "outgoing", participant


def covers(section, at):
    """Whether this journal would hold a permit of that time: given whole, from a while before until a while after."""
    if not section.whole or not section.entries:
        return False
    gone = [each["at"] for each in section.entries if each["kind"] == "permit" and "payload" not in each]
    period = section.head.get("period") or {"from": 0, "until": 1 << 62}
    begin = max(section.entries[0]["at"], period["from"], *gone, 0)
    end = min(max(each["at"] for each in section.entries), period["until"])
    return begin + CLOCKS <= at <= end - CLOCKS


def differ(first, second):
    """Whether two completions tell of different deliveries."""
    if (first["delivery"], first.get("status")) != (second["delivery"], second.get("status")):
        return True
    return first["delivery"] == "whole" and (first["request"], first["response"]) != (second["request"], second["response"])


def verify(paths, anchors=(), checkpoints=()):
    """The report on evidence files, as a dictionary."""
    verifier = Verifier(anchors)
    for path in paths:
        verifier.sections += read(path, lambda who, line, message: verifier.alarm("FORM", who, message, line=line))
    if not verifier.sections:
        return {"outcome": "unreadable", "participants": [], "exchanges": {"both_sides": 0, "agree": 0}, "alarms": verifier.alarms, "notes": []}
    earlier = []
    for path in checkpoints:
        raw = Path(path).read_bytes()
        if not raw.startswith(b"{"):
            earlier.append(Checkpoint.parse(raw.decode()))
            continue
        for section in read(path, lambda *_: None):
            earlier += [each for _, each in section.checkpoints]
            for entry in section.entries:
                if entry["kind"] == "witness" and "payload" in entry:
                    earlier.append(Checkpoint.parse(signatures.object_of(entry["payload"])["note"]))
    for each in verifier.sections:
        verifier.judge(each)
    for each in verifier.sections:
        verifier.judge_rests(each)
    verifier.compare_histories(earlier)
    exchanges = verifier.compare_sides()
    if not anchors:
        verifier.note("NO_ANCHORS", "", 1, "whose certificates these are was not judged")
    people = verifier.report()
    alarms = [{name: value for name, value in each.items() if name != "origin"} for each in verifier.alarms]
    return {"outcome": "alarms" if alarms else "clean", "participants": people, "exchanges": exchanges, "alarms": alarms, "notes": verifier.notes}


def main():
    parser = argparse.ArgumentParser(prog="second_verifier", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evidence", nargs="+")
    parser.add_argument("--anchors", action="append", default=[], help="trust anchors (PEM)")
    parser.add_argument("--checkpoint", action="append", default=[], help="a checkpoint, or evidence, of an earlier day")
    asked = parser.parse_args()
    anchors = [each for path in asked.anchors for each in x509.load_pem_x509_certificates(Path(path).read_bytes())]
    report = verify(asked.evidence, anchors, asked.checkpoint)
    print(json.dumps(report, indent=1))
    return {"clean": 0, "alarms": 1, "unreadable": 2}[report["outcome"]]


if __name__ == "__main__":
    sys.exit(main())
