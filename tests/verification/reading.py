"""Evidence read: lines to sections, payloads to what is judged of them. Every member is of a known name and type, or refused."""

import contextlib
import re
from collections import defaultdict
from dataclasses import dataclass, field

from . import signatures
from .note import Checkpoint
from .note import Wrong as WrongNote
from .signatures import Wrong, unbase64url

LONGEST_LINE = 16 << 20
KINDS = ("permit", "refusal", "processing", "completion", "witness", "act")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PARTICIPANT = re.compile(r"[a-z]+:[!-~]+")
NO_UUID = "00000000-0000-0000-0000-000000000000"
KEPT = ("act", "witness")
ENTRY = {"index": int, "id": str, "at": int, "kind": str, "commitment": bytes, "leaf": bytes}
LINES = {  # of each type: the members that must be there, and those that may
    "evidence": ({"format": str, "participant": str, "made_at": int, "scope": str, "size": int}, {"period": dict, "transaction_id": str, "for": str}),
    "checkpoint": ({"note": str, "at": int}, {}),
    "entry": (ENTRY, {"salt": bytes, "payload": str, "withheld": bool}),
    "inclusion": ({"index": int, "hashes": list}, {}),
    "consistency": ({"from": int, "to": int, "hashes": list}, {}),
    "agreement": ({"id": str, "version": int, "hash": str, "document": str, "statements": list}, {}),
    "certificate": ({"der": str}, {}),
    "revocation_list": ({"der": str}, {}),
    "told": ({"index": int, "statement": str, "chain": list}, {}),
    "not_given": ({"participant": str, "at": int, "code": str}, {}),
    "end": ({"lines": int}, {}),
}
DETAILS = {  # of the acts on which something is judged
    "journal.key": {"origin": str, "verifier_key": str, "statement": str, "chain": list},
    "journal.continue": {"origin": str, "previous_origin": str, "size": int, "last_known": str, "reason": str},
    "journal.drop": {"first_index": int, "last_index": int, "kinds": list, "keep_days": int, "written_before": int},
    "journal.loss": {"class": str, "month": int, "first_index": int, "last_index": int},
    "journal.retention": {"keep_days": int},
    "journal.hold": {"from": int, "reason": str},
    "journal.release": {},
}


def typed(found, required, optional=None):
    """The object, its members of the right types and none beside them; `bytes` are base64url."""
    made = {}
    for name, value in found.items():
        kind = required.get(name) or (optional or {}).get(name)
        if kind is bytes:
            value = unbase64url(value)
        if kind is None and optional is not None or kind is not None and type(value) is not kind or kind is int and not 0 <= value < 1 << 64:
            raise Wrong(f"{name} is not what stands there")
        made[name] = value
    if missing := required.keys() - made.keys():
        raise Wrong(f"{', '.join(sorted(missing))} is missing")
    return made


def hashes_of(line):
    found = [unbase64url(each) for each in line["hashes"]]
    if any(len(each) != 32 for each in found):
        raise Wrong("a hash has 32 bytes")
    return found


@dataclass
class Section:
    """One participant's evidence, as read."""

    head: dict
    checkpoints: list = field(default_factory=list)  # (line, Checkpoint, when it was signed)
    entries: list = field(default_factory=list)
    proofs: dict = field(default_factory=dict)
    consistency: dict = field(default_factory=dict)
    agreements: list = field(default_factory=list)
    told: dict = field(default_factory=dict)  # by index: the line
    not_given: int = 0
    certificates: list = field(default_factory=list)
    lists: list = field(default_factory=list)  # of revoked certificates: (line, DER)
    cut: bool = True
    notes: int = 0  # how many lines `checkpoint`, also those that cannot be read
    # What judging leaves for the comparison with others:
    missing: int | None = None
    roots: dict = field(default_factory=dict)
    by_telling: set = field(default_factory=set)
    keys: dict = field(default_factory=lambda: defaultdict(list))
    gaps: dict = field(default_factory=dict)
    lost: list = field(default_factory=list)  # (from, until): what was written then is gone, and was said to be
    acts: list = field(default_factory=list)
    permits: dict = field(default_factory=dict)
    completions: dict = field(default_factory=dict)

    @property
    def participant(self):
        return self.head["participant"]

    @property
    def whole(self):
        return self.head["scope"] == "journal"

    @property
    def size(self):
        return self.head["size"]


def read(path, complain):
    """Sections of a file. What cannot be read is told to `complain(participant, line, message)`, and passed over."""
    found, section, begun, number = [], None, 0, 0
    with open(path, "rb") as file:
        while raw := file.readline(LONGEST_LINE + 1):
            number += 1
            try:
                if not raw.endswith(b"\n"):
                    raise Wrong("the line is cut off or too long")
                line = signatures.object_of(raw.decode())
                kind = line.pop("type", None)
                if not isinstance(kind, str) or kind not in LINES:
                    raise Wrong("a line of no known type")
                line = typed(line, *LINES[kind])
                if kind == "evidence":
                    if section is not None:
                        complain(section.participant, number, "the section before has no end")
                    section, begun = opened({**line, "line": number}), number
                    found.append(section)
                elif section is None:
                    raise Wrong("a line outside a section")
                elif kind == "end":
                    if line["lines"] != number - begun + 1:
                        complain(section.participant, number, "the section has another number of lines")
                    section.cut, section = False, None
                else:
                    put(section, kind, line, number)
            except (Wrong, WrongNote, UnicodeDecodeError) as error:
                complain(found[-1].participant if found else "", number, str(error))
    if section is not None:
        complain(section.participant, number, "the section is cut off")
    return found


def opened(head):
    """A section that begins."""
    if not PARTICIPANT.fullmatch(head["participant"]):
        raise Wrong("evidence of nobody")
    if head["format"] != "verbond-evidence/1" or head["scope"] not in ("journal", "exchange"):
        raise Wrong("evidence of another format")
    if "for" in head and (head["scope"] != "exchange" or not PARTICIPANT.fullmatch(head["for"])):
        raise Wrong("handed over to nobody, or of more than one exchange")
    if head["scope"] == "journal" and "transaction_id" in head:
        raise Wrong("a journal is not of one exchange")
    if head["scope"] == "exchange" and ("transaction_id" in head) == ("period" in head):
        raise Wrong("single entries are of one exchange, or of a period")
    if head["scope"] == "exchange" and "period" in head and "for" not in head:
        raise Wrong("single entries of a period are for the other party")
    if "period" in head:
        typed(head["period"], {"from": int, "until": int}, {})
    return Section(head)


def put(section, kind, line, number):
    line["line"] = number
    if kind == "checkpoint":
        section.notes += 1
        found = Checkpoint.parse(line["note"])
        if not found.origin.startswith(section.participant + "/journal/"):
            raise Wrong("a checkpoint of another journal")
        section.checkpoints.append((number, found, line["at"]))
    elif kind == "entry":
        if line["kind"] not in KINDS or not UUID.fullmatch(line["id"]):
            raise Wrong("an entry of no known kind, or without an identifier")
        if len(line["commitment"]) != 32 or len(line["leaf"]) != 32 or len(line.get("salt", b"0" * 32)) != 32:
            raise Wrong("hashes and salts have 32 bytes")
        if ("salt" in line) != ("payload" in line) or line.get("withheld") is False or "withheld" in line and "payload" in line:
            raise Wrong("payload and salt stand together, or neither")
        section.entries.append(line)
    elif kind == "inclusion":
        if line["index"] in section.proofs or all(each["index"] != line["index"] for each in section.entries):
            raise Wrong("a proof of no entry before it, or twice")
        section.proofs[line["index"]] = hashes_of(line)
    elif kind == "consistency":
        section.consistency[line["from"], line["to"]] = hashes_of(line)
    elif kind == "told":
        about = next((each for each in section.entries if each["index"] == line["index"]), None)
        if "for" not in section.head or about is None or line["index"] in section.told:
            raise Wrong("told of no entry, twice, or to nobody")
        if "payload" in about or not about.get("withheld"):
            raise Wrong("told of an entry that is not withheld")
        section.told[line["index"]] = line
    elif kind == "not_given":
        if section.whole and "period" not in section.head or not PARTICIPANT.fullmatch(line["participant"]):
            raise Wrong("nobody's half was not given")
        section.not_given += 1
    elif kind == "agreement":
        section.agreements.append(line)
    elif kind == "revocation_list":
        section.lists.append((number, unbase64url(line["der"])))
    else:
        unbase64url(line["der"])
        with contextlib.suppress(Wrong):
            section.certificates.append(signatures.certificate(line["der"]))


def shaped(content):
    """Of a payload what is judged, by docs/formats/entries.md; members that are not known are passed over."""
    kind, made = content["kind"], {}
    if kind == "act":
        made = typed(content, {"author": dict, "action": str, "subject": str})
        if "detail" not in content:
            raise Wrong("detail is missing")
        if made["action"] in DETAILS:
            made["detail"] = detailed(made["action"], content["detail"])
        return made
    if kind == "witness":
        made = typed(content, {"counterpart": str, "note": str, "verifier_key": str} | ({"key": dict} if "key" in content else {}))
        made["checkpoint"] = checkpoint_of(made["note"])
        if "key" in made:
            typed(made["key"], {"statement": str, "chain": list})
        return made
    given = {"direction": str} if kind == "refusal" else {"direction": str, "transaction_id": str}
    given |= {
        "permit": {"consumer": str, "provider": str, "service": str, "wire": dict},
        "refusal": {"consumer": str, "provider": str, "service": str, "wire": dict, "code": str},
        "processing": {"counterpart": str, "permit": str, "record": dict},
        "completion": {"counterpart": str, "permit": str, "delivery": str, "request": dict, "response": dict, "salt": bytes},
    }[kind]
    typed(content, given | ({"application": str} if kind in ("permit", "refusal") and "application" in content else {}))
    made = dict(content)
    if made["direction"] not in ("incoming", "outgoing") or not UUID.fullmatch(made.get("transaction_id", NO_UUID)):
        raise Wrong("no direction, or no transaction")
    if kind in ("permit", "refusal"):
        made["counterpart"] = made["consumer" if made["direction"] == "incoming" else "provider"]
        if "decision" in made:
            made["decision"] = decided(made["decision"])
        if "owed" in made:
            made["owed"] = owing(made["owed"])
    if kind == "processing" and "written_by" in made:
        attributes = made["record"].get("attributes")
        subject = attributes.get("dpl.core.data_subject_id", "") if isinstance(attributes, dict) else None
        if not isinstance(made["written_by"], str) or not isinstance(subject, str):
            raise Wrong("a record by an application that cannot be read")
        made["subject"] = subject
    if kind == "completion":
        if made["delivery"] not in ("whole", "broken_off", "nothing"):
            raise Wrong("a delivery of no known kind")
        for part in ("request", "response"):
            typed(made[part], {"bytes": int, "digest": bytes})
        if not isinstance(made.setdefault("elements", []), list) or not all(isinstance(each, dict) for each in made["elements"]):
            raise Wrong("elements are a list of objects")
        made["elements"] = [typed(each, {"path": str, "count": int}) for each in made["elements"]]
    made["exchange"] = (made.get("transaction_id"), made["direction"], made["counterpart"])
    return made


def detailed(action, detail):
    """The detail of an act on which something is judged."""
    if not isinstance(detail, dict):
        raise Wrong("a detail that is no object")
    made = typed(detail, DETAILS[action])
    if action == "journal.hold" and type(made.get("until")) not in (int, type(None)):
        raise Wrong("a hold ends at a time, or at none")
    if action == "journal.loss" and made["class"] not in ("exchange", "act"):
        raise Wrong("a loss of no known class")
    if action == "journal.continue":
        made["checkpoint"] = checkpoint_of(made["last_known"])
    return made


def decided(decision):
    """Of a decision its identifier, the version on which it rests, its time, its transaction and what it says."""
    if not isinstance(decision, dict):
        raise Wrong("a decision that is no object")
    typed(decision, {"trace_id": str, "span_id": str, "timestamp": int, "attributes": dict, "body": dict})
    policies = decision["attributes"].get("adl.core.policies") or {}
    named = policies.get("agreement") if isinstance(policies, dict) else None
    if named is not None:
        named = typed(named, {"id": str, "version": int, "hash": str}) if isinstance(named, dict) else None
    response = decision["body"].get("adl.core.response")
    action = inner(inner(decision["body"], "adl.core.request", dict), "action", dict)
    clause = inner(inner(action, "properties", dict), "clause", str)
    return {
        "operation": (clause or "", inner(action, "name", str) or ""),
        "id": decision["trace_id"] + decision["span_id"], "at": decision["timestamp"],
        "agreement": tuple(named[each] for each in ("id", "version", "hash")) if named else None,
        "transaction": decision["attributes"].get("adl.fsc.transaction_id"),
        "permits": isinstance(response, dict) and response.get("decision") is True,
    }  # fmt: skip


def owing(owed):
    """Until when an application has to write its records, and about whom: the action's own unless it is about one person."""
    if not isinstance(owed, dict):
        raise Wrong("records that are owed are an object")
    typed(owed, {"trace_id": str, "span_id": str, "activity": str, "since": int, "due": int})
    people = owed.get("data_subjects", [])
    if not isinstance(people, list) or not all(isinstance(each, str) for each in people):
        raise Wrong("data subjects are a list of pseudonyms")
    return {"due": owed["due"], "about": people if len(people) == 1 else ["", *people]}


def inner(found, name, kind):
    """A member that may be missing, and is of this type if it is there."""
    value = found.get(name) if found else None
    if value is not None and type(value) is not kind:
        raise Wrong(f"{name} is not what stands there")
    return value


def checkpoint_of(note):
    try:
        return Checkpoint.parse(note)
    except WrongNote as error:
        raise Wrong(str(error)) from error
