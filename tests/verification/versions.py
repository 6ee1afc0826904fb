"""Versions of agreements as evidence gives them: whether statements hold, and whether a version was in force (agreement.md)."""

import calendar
import hashlib
import json
import re
import time

import rfc8785

from . import signatures
from .reading import typed
from .signatures import Wrong

CLOCKS = 300_000  # by how much the clocks of parties differ, and how long a statement takes to arrive
WIRE = ("accepted_on_the_wire", "refused_on_the_wire", "revoked_on_the_wire")
CONNECTIONS = ("GRANT_TYPE_SERVICE_CONNECTION", "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION")
LATE = ("refused", "withdrawn", "suspended", "revoked", "refused_on_the_wire", "revoked_on_the_wire")
ADVICE = {"participant": str, "officer": str, "given_on": str, "outcome": str, "text": str}
STATEMENT = {"format": str, "agreement": str, "version": int, "hash": str, "participant": str, "at": str, "step": dict}


def milliseconds(text):
    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) * 1000
    except (ValueError, TypeError) as error:
        raise Wrong("not a moment") from error


def steps(path):
    """A path as its steps, so that two spellings of it are the same: names of members, None for every item. No path: its text."""
    rest, found = path.removeprefix("$"), []
    if rest == path:
        return path
    while rest:
        name = re.match(r"\.([^.\[]+)", rest)
        quoted = re.match(r"""\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]""", rest, re.DOTALL)
        if rest.startswith("[*]"):
            found, rest = [*found, None], rest[3:]
        elif name:
            found, rest = [*found, name[1]], rest[name.end() :]
        elif quoted:
            # As JSON has it, but that in single quotes these are escaped, and double ones are not.
            inside = quoted[2] if quoted[1] is None else re.sub(r'(\\.)|"', lambda each: each[1] or '\\"', quoted[1], flags=re.DOTALL)
            inside = re.sub(r"\\(.)", lambda each: "'" if each[1] == "'" else each[0], inside, flags=re.DOTALL)
            try:
                found, rest = [*found, json.loads(f'"{inside}"')], rest[quoted.end() :]
            except ValueError:
                return path
        else:
            return path
    return tuple(found)


def named_by(contract, evidence):
    """The one grant of a contract's content, whose hash this must be (FSC Core 2.0.0 section 4.2.4)."""
    raw = evidence["content"].encode()
    if contract != "$1$1$" + signatures.base64url(hashlib.sha3_512(raw).digest()):
        raise Wrong("the contract is another one than its hash says")
    content = signatures.object_of(raw)
    typed(content, {"validity": dict, "grants": list})
    typed(content["validity"], {"not_after": int})
    if len(content["grants"]) != 1:
        raise Wrong("the contract has more than one grant, or none")
    grant = typed(typed(content["grants"][0], {"data": dict})["data"], {"type": str, "service": dict, "outway": dict})
    typed(grant["service"], {"peer_id": str, "name": str})
    typed(grant["outway"], {"peer_id": str})
    typed(grant, {"properties": dict}) if "properties" in grant else None
    if grant["type"] not in CONNECTIONS:
        raise Wrong("the contract connects nobody")
    return grant, content["validity"]["not_after"] * 1000


class Version:
    """One version with the statements that hold. Raises when the document is another one than it is given as."""

    def __init__(self, line):
        raw = line["document"].encode()
        document = signatures.object_of(raw)
        if "sha256:" + hashlib.sha256(raw).hexdigest() != line["hash"]:
            raise Wrong("the document is another one than its hash says")
        try:
            if (document["format"], document["id"], document["version"]) != ("verbond-agreement/1", line["id"], line["version"]):
                raise Wrong("the document is of another agreement or version")
            self.parties = {each["participant"] for each in document["parties"]}
            self.begin, self.end = (milliseconds(document["term"][each]) for each in ("from", "until"))
            self.delivered = {
                (clause["name"], operation["name"]): {steps(each["path"]) for each in operation.get("delivered", [])}
                for clause in document.get("clauses", []) for operation in clause.get("operations", [])
            }  # fmt: skip
            self.connections = {
                (clause["service"]["provider"], clause["service"]["name"], receiver["participant"])
                for clause in document.get("clauses", []) if "service" in clause for receiver in clause.get("receivers", [])
            }  # fmt: skip
            self.advice = [typed(each, ADVICE) for each in document.get("advice", [])]
            self.signatories = {(each["participant"], each["name"], each["mandate"]) for each in document["signatories"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise Wrong("the document lacks something") from error
        if any(type(each.get("not_followed_because", "")) is not str for each in self.advice):
            raise Wrong("the parties' answer to advice is a text")
        self.raw, self.id, self.version, self.hash = raw, line["id"], line["version"], line["hash"]
        self.stated = []

    def take(self, given, taken_in):
        """Takes a statement that holds; gives chains, each with whose it must be, and when. Raises when it does not hold.

        `taken_in`: when the first journal took it in, by what was signed; `stated` has the moment at which it provably existed.
        """
        try:
            signed = typed(given, {"statement": str, "chain": list})
            chain = signatures.certificates(signed["chain"])
            told = typed(signatures.signed_by_certificate(signed["statement"], chain[0]), STATEMENT)
            about = (told["format"], told["agreement"], told["version"], told["hash"])
            if about != ("verbond-statement/1", self.id, self.version, self.hash):
                raise Wrong("the statement is about another document")
            at, who, step = milliseconds(told["at"]), told["participant"], told["step"]
            if who not in self.parties:
                raise Wrong("the statement is by somebody who is no party")
            signers = [(chain, who, at)]
            if step["step"] in WIRE:
                signers += self.shown(who, at, typed(step, {"party": str}))
            if step["step"] == "contract_bound":
                typed(step, {"party": str, "contract": str})
            if step["step"] == "signed":
                if (who, step["name"], step["mandate"]) not in self.signatories:
                    raise Wrong("the signatory is not the one that the document names")
                signed_at = signatures.signed_by_person(step["signature"], step["key"], self.raw, "verbond-agreement+jws") * 1000
                if not at - 86_400_000 <= signed_at <= at + 300_000:
                    raise Wrong("the signatory signed at another time")
        except (KeyError, TypeError, AttributeError) as error:
            raise Wrong("the statement lacks something") from error
        self.stated.append((max(at, taken_in.get(signed["statement"], at)), who, step))
        return signers

    def shown(self, who, at, step):
        """By which chains a foreign party signed what is stated of it, and when. Raises when the evidence does not show it."""
        party, accepted = step["party"], step["step"] == "accepted_on_the_wire"
        evidence, contracts = step.get("evidence", []), step.get("contracts", [])
        if not evidence:
            if accepted and len(self.parties) != 2:
                raise Wrong("what a foreign party accepted is not shown")
            return []
        between = {each for each in self.connections if {each[0], each[2]} == {who, party}}
        if len(evidence) != len(contracts):
            raise Wrong("there is not one piece of evidence for each contract")
        signers, found = [], set()
        for contract, each in zip(contracts, evidence, strict=True):
            typed(each, {"content": str, "signature": str, "chain": list})
            grant, until = named_by(contract, each)
            named = grant.get("properties", {}).get("verbond.agreement")
            named = named if isinstance(named, dict) and isinstance(named.get("hash"), str) else None
            if named is None:
                if not any(by == who and told["step"] == "contract_bound" and (told["party"], told["contract"]) == (party, contract)
                           for _, by, told in self.stated):  # fmt: skip
                    raise Wrong("the contract names no version")
            elif (named.get("id"), named.get("version"), named["hash"]) != (self.id, self.version, self.hash):
                raise Wrong("the contract names another version")
            ends = (grant["service"]["peer_id"], grant["service"]["name"], grant["outway"]["peer_id"])
            fits = [each for each in between if (each[0].partition(":")[2], each[1], each[2].partition(":")[2]) == ends]
            if not fits or accepted and until <= at:
                raise Wrong("the contract is no connection between the two, or over")
            found.add(fits[0])
            chain = signatures.certificates(each["chain"])
            said = typed(signatures.payload_by_certificate(each["signature"], chain[0])[0],
                         {"contract_content_hash": str, "type": str, "signed_at": int})  # fmt: skip
            if said["contract_content_hash"] != contract or said["type"] not in (("accept",) if accepted else ("reject", "revoke")):
                raise Wrong("the foreign party signed something else")
            if said["signed_at"] * 1000 > at + CLOCKS:
                raise Wrong("the foreign party signed later than is stated")
            signers.append((chain, party, said["signed_at"] * 1000))
        if accepted and found != between:
            raise Wrong("not every connection between the two is shown")
        return signers

    def advised(self, advice):
        """By which key an officer advised on this text, and when (milliseconds). Raises when no signature holds."""
        act = advice.get("act")
        if not isinstance(act, dict):
            raise Wrong("nobody signed the advice")
        typed(act, {"key": str, "signature": str})
        text = self.raw.decode()
        begin, end = signatures.place_of(text, "advice")
        document = "sha256:" + hashlib.sha256((text[:begin] + "[]" + text[end:]).encode()).hexdigest()
        given = {"document": document, "format": "verbond-advice/1"} | {name: advice[name] for name in ADVICE}
        return act["key"], signatures.signed_by_person(act["signature"], act["key"], rfc8785.dumps(given), "verbond-advice+jws") * 1000

    def life(self, moment=None):
        """Stage, and who is bound, by the statements that count at a moment; all of them without one."""
        stage, bound, wire, holding, seen = "draft", set(), set(), set(), set()
        for at, who, step in self.stated:
            name, party = step["step"], step.get("party")
            if moment is not None and moment < at + (CLOCKS if name in LATE else -CLOCKS):
                continue
            going = stage in ("signed", "suspended")
            others = {end for each in self.connections if party in (each[0], each[2]) for end in (each[0], each[2])} - {party}
            speaks = who in bound - wire and who in others and party in self.parties
            if name == "offered" and stage == "draft":
                stage = "offered"
            elif name == "signed" and stage == "offered" and who not in bound:
                bound.add(who)
            elif name == "accepted_on_the_wire" and stage == "offered" and speaks and party not in bound:
                seen.add((party, who))
                if all((party, other) in seen for other in others):
                    bound.add(party)
                    wire.add(party)
            elif name == "refused" and stage == "offered" or name == "withdrawn" and stage in ("draft", "offered"):
                stage = name
            elif name == "refused_on_the_wire" and stage == "offered" and speaks and party not in bound - wire:
                stage = "refused"
            elif name == "suspended" and going:
                holding.add(who)
                stage = "suspended"
            elif name == "resumed" and who in holding:
                holding.discard(who)
                stage = "suspended" if holding else "signed"
            elif name == "revoked" and going or name == "revoked_on_the_wire" and going and speaks and party in wire:
                stage, holding = "revoked", set()
            if stage == "offered" and bound == self.parties:
                stage = "signed"
        return stage, bound

    def takes_over(self, other, moment):
        """Whether this version has taken the place of another by then."""
        is_later = self.id == other.id and self.version > other.version
        return is_later and moment >= self.begin + CLOCKS and self.is_bound_for_its_begin()

    def is_bound_for_its_begin(self):
        """Whether it takes the place of versions with a lower number when its term begins."""
        ended = any(step["step"] in ("revoked", "revoked_on_the_wire") and at < self.begin for at, _, step in self.stated)
        return self.life()[1] == self.parties and not ended

    def delivers(self, operation, elements):
        return {steps(each["path"]) for each in elements} <= self.delivered.get(operation, set())

    def in_force(self, moment, versions):
        return (
            self.begin <= moment < self.end
            and self.life(moment)[0] == "signed"
            and not any(each.takes_over(self, moment) for each in versions)
        )
