"""Evidence as docs/formats/evidence.md describes it: lines, before they are text."""

import base64
import hashlib
import json

from .agreement import content_of
from .authority import base64url
from .journal import canonical

ALWAYS = ("act", "witness")


def lined(lines):
    """Closes a section."""
    return [*lines, {"type": "end", "lines": len(lines) + 1}]


def entry_line(index, entry, withheld=False):
    line = {"type": "entry", "index": index, "id": entry.id, "at": entry.at, "kind": entry.kind,
            "commitment": base64url(entry.commitment), "leaf": base64url(entry.leaf)}  # fmt: skip
    if entry.payload is not None and withheld:
        line["withheld"] = True
    elif entry.payload is not None:
        line |= {"salt": base64url(entry.salt), "payload": entry.payload}
    return line


def agreement_line(agreement):
    return {"type": "agreement", "id": agreement.content["id"], "version": agreement.content["version"], "hash": agreement.hash,
            "document": canonical(agreement.content), "statements": json.loads(json.dumps(agreement.statements))}  # fmt: skip


def list_lines(journal):
    return [{"type": "revocation_list", "der": base64url(each)} for each in journal.revocation_lists]


def checkpoint_lines(journal):
    return [{"type": "checkpoint", "note": each.note, "at": each.at} for each in journal.checkpoints]


def of_journal(journal, agreements=(), period=None):
    """A whole journal, up to its newest checkpoint."""
    last = journal.checkpoints[-1]
    head = {"type": "evidence", "format": "verbond-evidence/1", "participant": journal.participant, "made_at": last.at,
            "scope": "journal", "size": last.size}  # fmt: skip
    if period is not None:
        head["period"] = {"from": period[0], "until": period[1]}

    def withheld(entry):
        return period is not None and entry.kind not in ALWAYS and not period[0] <= entry.at < period[1]

    entries = [entry_line(index, each, withheld(each)) for index, each in enumerate(journal.entries[: last.size])]
    return lined([head, *checkpoint_lines(journal), *entries, *map(agreement_line, agreements), *list_lines(journal)])


def of_exchange(journal, transaction, agreements=()):
    """What concerns one exchange, each entry with its proof."""
    return single_entries(journal, {"transaction_id": transaction}, concerned(journal, transaction, agreements), agreements)


def single_entries(journal, of, indexes, agreements=()):
    """These entries, each with its proof."""
    last, tree = journal.checkpoints[-1], journal.tree()
    head = {"type": "evidence", "format": "verbond-evidence/1", "participant": journal.participant, "made_at": last.at,
            "scope": "exchange", "size": last.size, **of}  # fmt: skip
    lines = [head, *checkpoint_lines(journal)]
    for index in indexes:
        lines.append(entry_line(index, journal.entries[index]))
        proof = [base64url(each) for each in tree.inclusion(index, last.size)]
        lines.append({"type": "inclusion", "index": index, "hashes": proof})
    for each in journal.checkpoints[:-1]:
        if each.epoch == last.epoch or each.size <= last.size:
            proof = [base64url(step) for step in tree.consistency(each.size, last.size)]
            lines.append({"type": "consistency", "from": each.size, "to": last.size, "hashes": proof})
    return lined([*lines, *map(agreement_line, agreements), *list_lines(journal)])


def action_of(line):
    return json.loads(line["payload"])["action"]


NOT_TOLD = ("application", "processing")


def told_line(organisation, receiver, index, content=None, **wrong):
    """What of a withheld entry the other party may know; `wrong` replaces members of the statement."""
    entry = organisation.journal.entries[index]
    content = content or {name: value for name, value in entry.content.items() if name not in NOT_TOLD}
    statement = {"at": entry.at, "commitment": base64url(entry.commitment), "entry": entry.id, "for": receiver,
                 "format": "verbond-told/1", "participant": organisation.participant, "told": canonical(content), **wrong}  # fmt: skip
    return {"type": "told", "index": index, **organisation.identity.states(statement)}


def of_half(organisation, receiver, transaction, agreements=(), **wrong):
    """What concerns one exchange, as it is handed to the other party: with what that may not know withheld and told of."""
    return halved(organisation, receiver, of_exchange(organisation.journal, transaction, agreements), **wrong)


def of_period(organisation, receiver, transactions, period, agreements=()):
    """A page of the halves of a period: of these exchanges, in one section."""
    journal = organisation.journal
    keys = [index for index, each in enumerate(journal.entries) if each.kind == "act" and each.content["action"] == "journal.key"]
    indexes = sorted({keys[-1]}.union(*(concerned(journal, each) for each in transactions)))
    of = {"period": {"from": period[0], "until": period[1]}}
    return halved(organisation, receiver, single_entries(journal, of, indexes, agreements))


def halved(organisation, receiver, whole, **wrong):
    """Evidence of single entries without what the other party may not know."""
    lines = []
    for line in whole[:-1]:
        if line["type"] == "evidence":
            line = {**line, "for": receiver}
        if line["type"] == "revocation_list" or line.get("kind") == "act" and not action_of(line).startswith("journal."):
            continue
        if line["type"] != "entry" or line["kind"] in ALWAYS:
            lines.append(line)
            continue
        if line["kind"] == "processing":
            continue
        index = line["index"]
        if not any(name in organisation.journal.entries[index].content for name in NOT_TOLD):
            lines.append(line)
            continue
        lines.append({**{name: value for name, value in line.items() if name not in ("salt", "payload")}, "withheld": True})
        lines.append(told_line(organisation, receiver, index, **wrong))
    entries = {each["index"] for each in lines if each["type"] == "entry"}
    return lined([each for each in lines if each["type"] != "inclusion" or each["index"] in entries])


def concerned(journal, transaction, agreements=()):
    """Which entries evidence of one exchange holds, in their order."""
    found, keys, done = [], [], None
    for index, each in enumerate(journal.entries[: journal.checkpoints[-1].size]):
        if each.payload is None:
            continue
        content = each.content
        action = content.get("action")
        if content.get("transaction_id") == transaction:
            found.append(index)
            done = index if each.kind == "completion" else done
        elif action == "journal.key":
            keys.append(index)
        elif action in ("journal.continue", "journal.loss"):
            found.append(index)
        elif each.kind == "witness" and done is not None:
            found.append(index)
            done = None
    permits = [journal.entries[index].content for index in found if journal.entries[index].kind == "permit"]
    return sorted({*found, keys[-1], *deciding(journal, permits, agreements)})


def deciding(journal, permits, agreements):
    """Acts that say of which class the service of a permit was, who had the keys that signed and advised for the participant, and when
    what parties stated was taken in."""
    acts = [(index, each.content) for index, each in enumerate(journal.entries) if each.kind == "act" and each.payload]
    services = {each["service"] for each in permits if each["direction"] == "incoming"}
    used = {(each.get("application"), f"{each['provider']}/{each['service']}") for each in permits if each["direction"] == "outgoing"}
    names = {
        act["subject"] for _, act in acts
        if act["action"] == "application.bind" and (act["detail"].get("application"), act["detail"].get("service")) in used
    }  # fmt: skip
    versions = {each.hash for each in agreements}
    keys = set().union(*(keys_of(journal.participant, each) for each in agreements))
    people = {act["subject"] for _, act in acts if act["action"] == "person.enrol" and act["detail"].get("thumbprint") in keys}
    for index, act in acts:
        action, subject, detail = act["action"], act["subject"], act["detail"]
        if (
            action in ("service.put", "service.class-decided", "service.remove", "service.governed") and subject in services
            or action in ("application.bind", "application.unbind") and subject in names and detail.get("application") in {each for each, _ in used}
            or action.startswith("agreement.") and subject in versions
            or action == "application.remove" and subject in {each for each, _ in used}
            or action in ("person.enrol", "person.roles", "person.disable") and subject in people
        ):  # fmt: skip
            yield index


def keys_of(participant, agreement):
    """Thumbprints of the keys with which a participant's people signed a version and advised on it."""
    encoded = [each["act"]["key"] for each in agreement.content["advice"] if each["participant"] == participant and "act" in each]
    for each in agreement.statements:
        told = content_of(each["statement"])
        if told["participant"] == participant and told["step"]["step"] == "signed":
            encoded.append(told["step"]["key"])
    return {hashlib.sha256(base64.urlsafe_b64decode(each + "=" * (-len(each) % 4))).hexdigest() for each in encoded}


def write(path, lines, cut=None):
    """Writes lines as a file, cut off after so many bytes."""
    raw = "".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) + "\n" for each in lines).encode()
    path.write_bytes(raw[:cut])
    return path
