"""A second verifier of evidence, written from docs/formats alone. Slow, short, and of no code that it shares with the program.

    python3 -m verification.second_verifier [--anchors F]... [--crl F]... [--checkpoint F]... EVIDENCE...

prints the report of docs/formats/verification.md as JSON. Exit status 0 clean, 1 alarms, 2 unreadable.
"""

import argparse
import hashlib
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from cryptography import x509

from . import merkle, revocation, signatures
from .acts import declared_open, may_be_open, taken_in
from .grounds import agreed, judge_agreement, judge_ground
from .histories import compare_histories
from .losses import loses, losses_that_count
from .note import Checkpoint, VerifierKey
from .note import Wrong as WrongNote
from .reading import DETAILS, KEPT, read, shaped, typed
from .sides import compare_sides, compare_told
from .signatures import Wrong, base64url

DAY, MINUTE = 86_400_000, 60_000
BACK_DATED = 10 * MINUTE
LATE = 7 * 86_400  # seconds: how long after a statement its certificate may have ended when it is first shown
KEY = {"at": int, "format": str, "origin": str, "participant": str, "verifier_key": str}
COUNTED = {"permit": "permits", "refusal": "refusals", "completion": "completions", "processing": "processing", "witness": "witnessed"}
TELLS = {"at": int, "commitment": bytes, "entry": str, "for": str, "format": str, "participant": str, "told": str}
TELLABLE = ("permit", "refusal", "completion")
MEMBERS = ("entries", "checkpoints", *COUNTED.values(), "destroyed")


class Verifier:
    """Judges sections, and then exchanges and histories across them; what it finds stands in `alarms` and `notes`."""

    def __init__(self, anchors=(), lists=()):
        self.anchors, self.lists, self.sections = list(anchors), list(lists), []
        self.alarms, self.losses, self.notes = [], [], []
        self.taken_in = {}  # by statement: when the first journal took it in
        self.unknown = defaultdict(int)  # by participant: signatures of which no list tells whether their certificate was revoked

    def alarm(self, code, participant, message, **place):
        self.alarms.append({"code": code, "participant": participant, **place, "message": message})

    def runs(self, code, participant, message, indexes):
        """One finding for each run of indexes one after another."""
        for index in indexes:
            if index - 1 not in indexes:
                self.alarm(code, participant, message, index=index)

    def note(self, code, participant, count, message):
        if count:
            self.notes.append({"code": code, "participant": participant, "count": count, "message": message})

    def judge(self, section):
        if not section.checkpoints or section.checkpoints[-1][1].size != section.size:
            self.alarm("FORM", section.participant, "the section has no last checkpoint over its size", line=section.head["line"])
        self.judge_acts(section)
        self.judge_checkpoints(section)
        self.judge_destruction(section)
        self.judge_exchanges(section)
        self.note("NOT_GIVEN", section.participant, section.not_given, "the other party's half could not be had")

    def judge_entries(self, section):
        """Each by itself, their order, and the roots to which their leaves lead."""
        who, edge, expected, latest, differing, entries = section.participant, merkle.Frontier(), 0, 0, [], []
        section.roots[0] = merkle.EMPTY
        for entry in section.entries:
            index, at = entry["index"], entry["at"]
            if index >= section.size:
                self.alarm("FORM", who, "an entry beyond the size of the section", index=index, line=entry["line"])
                continue
            if not section.whole and any(each["index"] == index for each in entries):
                self.alarm("FORM", who, "an entry that is there twice", index=index, line=entry["line"])
                continue
            if section.whole and index != expected:
                self.alarm("ENTRY_MISSING", who, "an entry is missing, out of order or there twice", index=min(index, expected))
                section.missing = min(index, expected) if section.missing is None else section.missing
                if index < expected:
                    continue
            expected = index + 1
            entries.append(entry)
            if section.whole and at < latest - BACK_DATED:
                self.alarm("BACK_DATED", who, "an entry is of long before one that stands before it", index=index)
            latest = max(latest, at)
            self.judge_entry(section, entry)
            leaf = f'{{"at":{at},"commitment":"{base64url(entry["commitment"])}","kind":"{entry["kind"]}"}}'
            if merkle.leaf_hash(leaf.encode()) != entry["leaf"]:
                differing.append(index)
                entry["state"], entry["content"] = "unknown", None
            elif entry["state"] == "told":
                self.take_told(section, entry)
            if section.whole and section.missing is None:
                edge.append(entry["leaf"])
                section.roots[edge.size] = edge.root()
        self.runs("LEAF_DIFFERS", who, "the entry is not the one that the tree holds", differing)
        if section.whole and expected < section.size:
            self.alarm("ENTRY_MISSING", who, "entries are missing", index=expected)
            section.missing = expected if section.missing is None else section.missing
        section.entries = entries

    def judge_entry(self, section, entry):
        """Sets `state` and `content`: what is known of the entry, and what it says."""
        index, who, period = entry["index"], section.participant, section.whole and section.head.get("period")
        entry["state"], entry["content"] = "unknown", None
        tellable = "for" in section.head and entry["kind"] in TELLABLE
        if entry.get("withheld") and not tellable and (not period or period["from"] <= entry["at"] < period["until"] or entry["kind"] in KEPT):
            return self.alarm("FORM", who, "what is to be given is withheld", index=index, line=entry["line"])
        if int(entry["id"].replace("-", ""), 16) >> 80 != entry["at"]:
            return self.alarm("ENTRY_CHANGED", who, "the identifier is of another time", index=index)
        if "payload" not in entry:
            entry["state"] = ("told" if tellable else "withheld") if entry.get("withheld") else "destroyed"
            return None
        try:
            raw = entry["payload"].encode()
            if hashlib.sha256(entry["salt"] + raw).digest() != entry["commitment"]:
                return self.alarm("ENTRY_CHANGED", who, "the payload is not what was committed to", index=index)
            content = signatures.object_of(raw)
            if content.get("kind") != entry["kind"]:
                return self.alarm("ENTRY_CHANGED", who, "the payload is of another kind", index=index)
            entry["content"], entry["state"] = shaped(content), "known"
        except (Wrong, UnicodeEncodeError) as error:
            self.alarm("FORM", who, f"the payload cannot be read: {error}", index=index, line=entry["line"])

    def take_told(self, section, entry):
        """What is told of a withheld entry takes the place of its payload."""
        index, who, line = entry["index"], section.participant, section.told.get(entry["index"])
        entry["state"] = "unknown"
        if line is None:
            return self.alarm("FORM", who, "withheld, and nothing is told of it", index=index, line=entry["line"])
        try:
            chain = signatures.certificates(line["chain"])
            told = typed(signatures.signed_by_certificate(line["statement"], chain[0]), TELLS, {})
            wanted = ("verbond-told/1", who, section.head["for"], entry["id"], entry["commitment"])
            if (told["format"], told["participant"], told["for"], told["entry"], told["commitment"]) != wanted:
                raise Wrong("told by somebody else, to somebody else or of another entry")
            content = signatures.object_of(told["told"])
            if content.get("kind") != entry["kind"]:
                raise Wrong("told of another kind of entry")
            entry["content"], entry["state"] = shaped(content), "known"
            section.by_telling.add(index)
        except (Wrong, IndexError) as error:
            return self.alarm("TOLD", who, str(error), index=index)
        self.judge_certificate(section, chain, who, told["at"], index=index)

    def judge_acts(self, section):
        """Gathers what acts say about the journal: keys, gaps, retention."""
        who = section.participant
        for entry in section.entries:
            index, content = entry["index"], entry["content"]
            if entry["kind"] != "act" or not content or content["action"] not in DETAILS:
                continue
            detail = content["detail"]
            section.acts.append((index, entry["at"], content["action"], content["subject"], detail))
            if content["action"] == "journal.key":
                try:
                    section.keys[detail["origin"]].append((index, VerifierKey.parse(detail["verifier_key"])))
                    chain, at = self.certified(who, detail["origin"], detail["verifier_key"], detail)
                    self.judge_certificate(section, chain, who, at, index=index)
                except (Wrong, WrongNote) as error:
                    self.alarm("JOURNAL_KEY", who, str(error), index=index)
            elif content["action"] == "journal.continue" and continues(who, index, detail):
                section.gaps[detail["previous_origin"]] = (detail["size"], detail["checkpoint"], index)
                gone = detail["checkpoint"].size - detail["size"]
                if gone:
                    before = next((each["at"] for each in section.entries if each["index"] == index - 1), entry["at"])
                    section.lost.append((before - MINUTE, entry["at"] + MINUTE))
                self.note("DECLARED_GAP", who, gone, f"goes on from {detail['size']} of {detail['checkpoint'].size} entries")

    def certified(self, owner, origin, verifier_key, signed):
        """By what a journal key is its owner's: the chain, and when it was stated. Raises when it is not."""
        chain = signatures.certificates(signed["chain"])
        told = typed(signatures.signed_by_certificate(signed["statement"], chain[0]), KEY)
        wanted = ("verbond-journal-key/1", origin, owner, verifier_key)
        if (told["format"], told["origin"], told["participant"], told["verifier_key"]) != wanted:
            raise Wrong("the statement certifies another key, for another origin or participant")
        if not re.fullmatch(re.escape(owner) + r"/journal/[1-9][0-9]*", origin) or VerifierKey.parse(verifier_key).name != origin:
            raise Wrong("the key is for another journal")
        return chain, told["at"]

    def worth(self, section, chain, owner, valid, listed):
        """What a certificate was worth: good, unknown (perhaps revoked), revoked or bad. Without anchors everybody's is good."""
        if not self.anchors:
            return "good"
        if signatures.participant_of(chain[0]) != owner:
            return "bad"
        ways = signatures.ways(chain[0], [*chain[1:], *section.certificates], self.anchors, valid)
        found = [revocation.standing(self.lists, way, listed) for way in ways]
        return max(found, key=revocation.WORST.index, default="bad")

    def judge_certificate(self, section, chain, owner, at, shown=None, **place):
        """Whether the certificate was good when it signed, by its own word and when that was first shown."""
        worth = self.worth(section, chain, owner, at, at)
        if shown is not None and shown > at and worth in ("good", "unknown"):
            late = shown // 1000 - at // 1000 > LATE
            worth = self.worth(section, chain, owner, shown if late else at, shown)
            if worth in ("bad", "revoked"):
                self.alarm("SHOWN_TOO_LATE", section.participant, "when it was first shown the certificate was not good any more", **place)
                return False
        if worth == "bad":
            self.alarm("CERTIFICATE", section.participant, "it is another's, was not valid then, or leads to no trust anchor", **place)
        elif worth == "revoked":
            self.alarm("CERTIFICATE_REVOKED", section.participant, "the certificate had been revoked by then", **place)
        elif worth == "unknown":
            self.unknown[section.participant] += 1
        return worth in ("good", "unknown")

    def judge_lists(self):
        """Lists that no issuer which they name has signed, and how often a list was missing."""
        for each in self.lists:
            if each.named and not each.holds and not each.is_earlier:
                who, line = each.bringer or (None, None)
                place = {} if line is None else {"line": line}
                self.alarm("REVOCATION_LIST", who, "the list is not signed by the issuer that it names", **place)
        for who, count in self.unknown.items():
            self.note("REVOCATION_UNKNOWN", who, count, "no list tells whether these certificates had been revoked")

    def judge_checkpoints(self, section):
        who, right, wrong, uncertified = section.participant, 0, None, set()
        losses = losses_that_count(section)
        lost_acts = [each["index"] for each in section.entries if each["kind"] == "act" and any(loses(act, each) for act in losses)]
        for line, each, _ in section.checkpoints:
            keys = [key for index, key in section.keys.get(each.origin, []) if index < each.size]
            if each.origin not in section.keys:
                if each.origin not in uncertified:
                    self.alarm("JOURNAL_KEY", who, f"no act certifies a key for {each.origin}", line=line)
                uncertified.add(each.origin)
            elif any(index < each.size for index in lost_acts):
                if not any(each.note.signed_by(key) for _, key in section.keys[each.origin]):
                    self.alarm("CHECKPOINT_SIGNATURE", who, "the checkpoint is signed by no key of the journal", line=line)
            elif not keys or not each.note.signed_by(keys[-1]):
                self.alarm("CHECKPOINT_SIGNATURE", who, "the checkpoint is not signed by the journal's key", line=line)
            if section.whole and wrong is None and each.size <= self.limit(section, each.origin) and each.size in section.roots:
                if section.roots[each.size] != each.root:
                    wrong = right
                right = max(right, each.size)
        if wrong is not None:
            self.alarm("ROOT_DIFFERS", who, "the entries do not lead to the root of the checkpoint after this size", index=wrong)
        if section.checkpoints and not section.whole:
            self.judge_proofs(section)

    def judge_proofs(self, section):
        who, last = section.participant, section.checkpoints[-1][1]
        section.roots = {each.size: each.root for _, each, _ in section.checkpoints}
        for entry in section.entries:
            index, proof = entry["index"], section.proofs.get(entry["index"])
            if proof is None:
                self.alarm("FORM", who, "the entry has no proof", index=index, line=entry["line"])
            elif merkle.root_of_inclusion(entry["leaf"], index, last.size, proof) != last.root:
                self.alarm("ROOT_DIFFERS", who, "the proof does not lead to the root", index=index)
        for line, each, _ in section.checkpoints[:-1]:
            if each.size > self.limit(section, each.origin):
                continue
            proof = section.consistency.get((each.size, last.size), [] if each.size == last.size else None)
            if proof is None:
                self.alarm("FORM", who, f"no proof that {last.size} entries continue {each.size}", line=line)
            elif not merkle.consistent(each.size, each.root, last.size, last.root, proof):
                self.alarm("ROOT_DIFFERS", who, f"{last.size} entries do not continue {each.size}", index=each.size)

    @staticmethod
    def limit(section, origin):
        """Over how many entries a checkpoint of this origin can be compared with the section's tree."""
        return min(section.size, section.gaps[origin][0]) if origin in section.gaps else section.size

    # Destruction.

    def judge_destruction(self, section):
        who, found, lawful, lost = section.participant, defaultdict(list), 0, defaultdict(list)
        losses = losses_that_count(section)
        drops = [(act, self.in_force_at(section, act[0])) for act in section.acts if act[2] == "journal.drop"]
        for entry in section.entries:
            if entry["state"] != "destroyed":
                continue
            faults = [
                faults_of(act, rules, entry) for act, rules in drops
                if act[4]["first_index"] <= entry["index"] <= act[4]["last_index"] and entry["kind"] in act[4]["kinds"] and entry["index"] < act[0]
            ]  # fmt: skip
            lawful += any(not each for each in faults)
            declared = next((act for act in losses if loses(act, entry)), None)
            if all(faults) and declared:
                rules = self.in_force_at(section, declared[0])
                lost[declared[0]].append(entry["kind"] in KEPT or not rules[0] or entry["at"] >= declared[1] - rules[0] * DAY)
                if is_held(entry, rules[1]):
                    found["DESTROYED_UNDER_HOLD"].append(entry["index"])
            elif all(faults):
                for code in faults[0] if faults else ["DESTROYED_WITHOUT_ACT"]:
                    found[code].append(entry["index"])
        for index, at, action, _, detail in section.acts:
            # Of one exchange also what is lost beside it, since something is not judged because of that.
            if index in lost or action == "journal.loss" and detail["class"] == "act" and not section.whole:
                told = {name: detail[name] for name in ("class", "month", "first_index", "last_index")}
                counts = {"count": len(lost[index]), "early": sum(lost[index])}
                self.losses.append({"code": "DECLARED_LOSS", "participant": who, "index": index, "at": at, **told, **counts, "message": "keys were lost"})
        for code, indexes in found.items():
            self.runs(code, who, "what was destroyed should still be there", indexes)
        self.note("WITHHELD", who, sum(each["state"] == "withheld" for each in section.entries), "entries lie outside the period")
        self.note("DESTROYED", who, lawful, "entries were lawfully destroyed")

    @staticmethod
    def in_force_at(section, index):
        """For how many days entries are kept, and which holds stand, at an act."""
        days, holds = 0, {}
        for _, _, action, subject, detail in (each for each in section.acts if each[0] < index):
            if action == "journal.retention":
                days = detail["keep_days"]
            elif action == "journal.hold":
                holds[subject] = detail
            elif action == "journal.release":
                holds.pop(subject, None)
        return days, holds

    # Exchanges.

    def judge_exchanges(self, section):
        who, decisions, broken = section.participant, set(), set()
        versions = section.versions = {}
        for line in section.agreements:
            judge_agreement(self, section, line, versions, broken)
        permits = {each["id"]: each for each in section.entries if each["kind"] == "permit"}
        governed = {
            each["content"]["permit"] for each in section.entries
            if each["content"] and (each["kind"] == "processing" or each["kind"] == "completion" and each["content"].get("elements"))
        }  # fmt: skip
        opened = declared_open(section)
        for entry in section.entries:
            content, index = entry["content"], entry["index"]
            if not content or entry["kind"] in KEPT:
                continue
            place = {"index": index, "transaction_id": content["exchange"][0]}
            if "decision" in content:
                if content["decision"]["id"] in decisions:
                    self.alarm("DECISION_TWICE", who, "another entry holds this decision", **place)
                decisions.add(content["decision"]["id"])
            if entry["kind"] == "permit":
                if content["exchange"] in section.permits:
                    self.alarm("PERMIT_TWICE", who, "the exchange was permitted before", **place)
                section.permits.setdefault(content["exchange"], entry)
                if "decision" in content or "processing" in content or "owed" in content or entry["id"] in governed:
                    judge_ground(self, section, entry, versions, broken, place)
                elif not may_be_open(section, opened, entry):
                    self.alarm("NOT_DECLARED_OPEN", who, "no agreement is named, and no act declared the service open", **place)
            elif entry["kind"] == "completion":
                permit = permits.get(content["permit"])
                if permit is None or permit["content"] and permit["content"]["exchange"] != content["exchange"]:
                    self.alarm("COMPLETION_WITHOUT_PERMIT", who, "no permit for this", **place)
                elif permit["content"] and not agreed(permit["content"], content["elements"], versions):
                    self.alarm("ELEMENT_NOT_AGREED", who, "elements crossed that the agreement does not name", **place)
                if content["exchange"] in section.completions:
                    self.alarm("COMPLETION_TWICE", who, "it was completed before", **place)
                section.completions.setdefault(content["exchange"], entry)
        self.judge_records(section, permits)
        unknown = sum(each not in section.completions for each in section.permits)
        self.note("DELIVERY_UNKNOWN", who, unknown, "permits have no completion")

    def judge_records(self, section, permits):
        """Where an application writes the consumer's records: that the outway wrote none, and that each came once, and in time."""
        who, by = section.participant, defaultdict(list)
        for entry in section.entries:
            if entry["kind"] == "processing" and entry["content"]:
                by[entry["content"]["permit"]].append(entry)
        for identifier, permit in permits.items():
            if not permit["content"]:
                continue
            owed, told = permit["content"].get("owed"), set()
            transaction = permit["content"]["exchange"][0]
            if owed and permit["content"].get("processing"):
                self.alarm("RECORD_TWICE", who, "the outway wrote it too", index=permit["index"], transaction_id=transaction)
            for entry in by[identifier]:
                ours = "written_by" in entry["content"]
                if ours != bool(owed) or (ours and entry["content"]["subject"] in told):
                    self.alarm("RECORD_TWICE", who, "another wrote it, or it was there", index=entry["index"], transaction_id=transaction)
                if ours:
                    told.add(entry["content"]["subject"])
            if owed and set(owed["about"]) - told and self.was_due(section, permit, owed["due"]):
                self.alarm("RECORD_MISSING", who, "the application wrote none", index=permit["index"], transaction_id=transaction)

    @staticmethod
    def was_due(section, permit, due):
        """Whether a record that is not there would be."""
        if not section.whole or section.cut or section.missing is not None or not section.checkpoints or section.checkpoints[-1][2] <= due:
            return False
        period = section.head.get("period")
        if period and period["until"] <= due:
            return False
        unseen = (each["at"] for each in section.entries if each["kind"] == "processing" and not each["content"])
        return not any(permit["at"] <= at <= due for at in unseen)

    def counts(self):
        people = defaultdict(lambda: dict.fromkeys(MEMBERS, 0))
        for section in self.sections:
            mine = people[section.participant]
            mine["entries"] += len(section.entries)
            mine["checkpoints"] += section.notes
            for entry in section.entries:
                mine["destroyed"] += entry["state"] == "destroyed"
                if entry["kind"] in COUNTED:
                    mine[COUNTED[entry["kind"]]] += 1
        return [{"participant": each, **found} for each, found in people.items()]


def continues(who, index, detail):
    """Whether an act opens the next epoch as it must be opened."""
    previous, known = detail["previous_origin"], detail["checkpoint"]
    number = re.fullmatch(re.escape(who) + r"/journal/([1-9][0-9]{0,9})", previous)
    following = number and detail["origin"] == f"{who}/journal/{int(number[1]) + 1}"
    return bool(following) and detail["size"] == index and known.origin == previous and known.size >= index


def faults_of(act, rules, entry):
    """What is wrong with an entry's destruction by an act."""
    _, at, _, _, detail = act
    days, holds = rules
    before, faults = detail["written_before"], []
    if entry["kind"] in KEPT or not days or detail["keep_days"] != days or entry["at"] >= before or before > at - days * DAY:
        faults.append("DESTROYED_EARLY")
    if is_held(entry, holds):
        faults.append("DESTROYED_UNDER_HOLD")
    return faults


def is_held(entry, holds):
    return any(each["from"] <= entry["at"] and (each.get("until") is None or entry["at"] < each["until"]) for each in holds.values())


def read_earlier(paths):
    """Earlier checkpoints, and the sections of earlier evidence, of which only checkpoints, witnesses and keys count."""
    notes, sections = [], []
    for path in paths:
        raw = Path(path).read_bytes()
        if raw.startswith(b"{"):
            sections += read(path, lambda *_: None)
        else:
            notes.append(Checkpoint.parse(raw.decode()))
    quiet = Verifier()
    for each in sections:
        quiet.judge_entries(each)
        quiet.judge_acts(each)
    return notes, sections


def verify(paths, anchors=(), checkpoints=(), lists=()):
    """The report on evidence files, as a dictionary. `lists`: files of revoked certificates."""
    verifier, begun = Verifier(anchors), True
    try:
        verifier.lists += revocation.in_files(lists)
        for path in paths:
            found = read(path, lambda who, line, message: verifier.alarm("FORM", who, message, line=line))
            begun = begun and bool(found) and found[0].head["line"] == 1
            verifier.sections += found
        earlier = read_earlier(checkpoints)
    except (OSError, Wrong, WrongNote, UnicodeDecodeError):
        begun = False
    if not begun:
        return {"outcome": "unreadable", "participants": [], "exchanges": {"both_sides": 0, "agree": 0}, "alarms": verifier.alarms, "losses": [], "notes": []}
    verifier.lists += revocation.in_sections(earlier[1])
    verifier.lists += revocation.in_sections(
        verifier.sections, lambda who, line: verifier.alarm("REVOCATION_LIST", who, "the list cannot be read", line=line)
    )
    for each in verifier.sections:
        verifier.judge_entries(each)
    verifier.taken_in = taken_in(verifier.sections)
    for each in verifier.sections:
        verifier.judge(each)
    compare_told(verifier)
    compare_histories(verifier, earlier)
    exchanges = compare_sides(verifier)
    verifier.judge_lists()
    if not anchors:
        verifier.note("NO_ANCHORS", "", 1, "whose certificates these are was not judged")
    outcome = "alarms" if verifier.alarms else "losses" if verifier.losses else "clean"
    found = {"alarms": verifier.alarms, "losses": verifier.losses, "notes": verifier.notes}
    return {"outcome": outcome, "participants": verifier.counts(), "exchanges": exchanges, **found}


def main():
    parser = argparse.ArgumentParser(prog="second_verifier", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evidence", nargs="+")
    parser.add_argument("--anchors", action="append", default=[], help="trust anchors (PEM)")
    parser.add_argument("--crl", action="append", default=[], help="lists of revoked certificates (PEM or DER)")
    parser.add_argument("--checkpoint", action="append", default=[], help="a checkpoint, or evidence, of an earlier day")
    asked = parser.parse_args()
    try:
        anchors = [each for path in asked.anchors for each in x509.load_pem_x509_certificates(Path(path).read_bytes())]
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    report = verify(asked.evidence, anchors, asked.checkpoint, asked.crl)
    print(json.dumps(report, indent=1))
    return {"clean": 0, "alarms": 1, "unreadable": 2, "losses": 3}[report["outcome"]]


if __name__ == "__main__":
    sys.exit(main())
