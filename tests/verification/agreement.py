"""Agreements and what parties state about them, made up."""

import base64
import hashlib
import json
import time

from .authority import base64url, jws, public_der, thumbprint
from .journal import canonical

PURPOSE = "supplement-outreach"
TYP = "verbond-agreement+jws"
MANDATE = "Mandaatbesluit 2026, art. 3"
DIRECTOR = "De directeur"


def rfc_3339(milliseconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds // 1000))


def article(law="BWBR0013060", name="Wet SUWI", number="54"):
    return {"law": law, "name": name, "article": number, "version": "2026-01-01"}


def side(name, host):
    ground = {
        "title": name,
        "limb": "legal_obligation",
        "provisions": [article()],
        "national_number": {"provision": article("BWBR0022428", "Wabb", "10")},
        "purposes": [PURPOSE],
        "reasoning": "Made up for a test; nobody is bound by it.",
        "judged_by": "Afdeling Juridische Zaken",
        "judged_on": "2026-01-15",
    }
    url = f"https://{host}/v1/registers/activity/{name}/1"
    return {
        "role": {"role": "controller"},
        "regime": "gdpr",
        "ground": {"entry": {"name": name, "version": 1}, "ground": ground},
        "activity": {"entry": {"name": name, "version": 1}, "url": url, "hash": "sha256:" + hashlib.sha256(url.encode()).hexdigest()},
        "compatibility": {"purpose": "by_law", "provision": article()},
        "informing": {"by": "notice", "place": f"https://{host}/privacy"},
        "effect": {"effect": "support", "how": "Who may be entitled gets a letter."},
        "places": [{"country": "NL"}],
        "retention": [{"category": "income", "period": {"keep": "days", "days": 30}}],
    }


def element(path, kind):
    return {"path": path, "type": kind, "category": "income", "sensitivity": "personal", "meaning": f"what stands at {path}"}


def content(identifier, provider, consumer, begin, end, version=1, replaces=None, signatories=None):
    """A document between two organisations, whole as docs/reference/agreement.schema.json demands."""
    parties = [
        {"participant": each.participant, "name": each.name, "contact": {"name": "Team", "address": f"team@{each.host}"}}
        for each in (provider, consumer)
    ]
    operation = {
        "name": "income-of-person",
        "method": "GET",
        "path": "/incomes/{person}",
        "parameters": [
            {"name": "person", "place": "path", "required": True, "values": {"allow": "identifier", "longest": 20}, "identifies": "national_number"}
        ],
        "content_type": "application/json",
        "record": "$",
        "delivered": [element("$.year", "integer"), element("$.income.below_minimum", "boolean")],
        "people": [{"at": {"place": "parameter", "name": "person"}, "identifies": "national_number"}],
    }  # fmt: skip
    made = {
        "format": "verbond-agreement/1",
        "id": identifier,
        "version": version,
        "coalition": "verbond-test",
        "title": {"nl": "Wie kan recht hebben op de aanvulling?", "en": "Who may be entitled to the supplement?"},
        "why": {"nl": "Om mensen te bereiken die haar mislopen.", "en": "To reach people who miss out on it."},
        "kind": {"type": "exchange"},
        "parties": parties,
        "clauses": [
            {
                "name": "incomes",
                "service": {"provider": provider.participant, "name": "incomes"},
                "provider": side("provide-incomes", provider.host),
                "receivers": [{"participant": consumer.participant, "side": side("outreach", consumer.host)}],
                "purpose": PURPOSE,
                "purpose_text": {"nl": "Een brief sturen.", "en": "Sending a letter."},
                "operations": [operation],
                "conditions": {"algorithm": {"use": "none"}},
            }
        ],
        "term": {"from": rfc_3339(begin), "until": rfc_3339(end), "review": "After a year."},
        "assessments": [],
        "algorithms": [],
        "advice": [],
        "signatories": [
            {"participant": each.participant, "name": DIRECTOR, "mandate": MANDATE} for each in signatories or (provider, consumer)
        ],
        "publicity": {"publish": "whole"},
    }  # fmt: skip
    return made if replaces is None else {**made, "replaces": replaces}


def advised(document, organisation, key, at, outcome="positive", answer=None, typ="verbond-advice+jws", about=None):
    """The document with the advice of this organisation's officer, who signs with this key; `about`: another text than this one."""
    given = {"participant": organisation.participant, "officer": "De functionaris", "given_on": rfc_3339(at)[:10], "outcome": outcome,
             "text": "Evenredig: er worden geen inkomens verzameld."}  # fmt: skip
    text = canonical({**(about or document), "advice": []})
    signed = {"document": "sha256:" + hashlib.sha256(text.encode()).hexdigest(), "format": "verbond-advice/1", **given}
    header = {"alg": "ES256", "typ": typ, "kid": thumbprint(key), "iat": at // 1000}
    act = {"key": base64url(public_der(key)), "signature": jws(key, canonical(signed).encode(), header, detached=True)}
    answered = {} if answer is None else {"not_followed_because": answer}
    return {**document, "advice": [*document["advice"], {**given, "act": act, **answered}]}


def content_of(signed):
    """What a compact JWS says."""
    body = signed.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


class Agreement:
    """A version and the statements about it, in the order in which they were made; `holders` take each of them into their journals."""

    def __init__(self, document, holders=()):
        self.content, self.statements, self.holders = document, [], holders
        self.text = canonical(document)
        self.hash = "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def reference(self):
        return {"id": self.content["id"], "version": self.content["version"], "hash": self.hash}

    def statement(self, organisation, step, at, **wrong):
        """What an organisation states; `wrong` replaces members of it."""
        made = {"format": "verbond-statement/1", "agreement": self.content["id"], "version": self.content["version"],
                "hash": self.hash, "participant": organisation.participant, "at": rfc_3339(at), "step": step, **wrong}  # fmt: skip
        return organisation.identity.states(made)

    def states(self, organisation, step, at, shown=None, **more):
        step = {"step": step, **more} if isinstance(step, str) else step
        self.statements.append(self.taken_in(self.statement(organisation, step, at), at if shown is None else shown))

    def taken_in(self, statement, at):
        """Writes the act of taking a statement in into the journals of the holders."""
        step = content_of(statement["statement"])["step"]["step"]
        for each in self.holders:
            each.journal.act(f"agreement.{step}", self.hash, {"statement": statement["statement"]}, at)
        return statement

    def signature(self, organisation, at, key=None, document=None, typ=TYP):
        """The step of signing, with the signatory's own signature over the document."""
        key = key or organisation.signatory
        header = {"alg": "ES256", "typ": typ, "kid": thumbprint(key), "iat": at // 1000}
        signed = jws(key, (document or self.text).encode(), header, detached=True)
        return {"step": "signed", "name": DIRECTOR, "mandate": MANDATE, "key": base64url(public_der(key)), "signature": signed}

    def conclude(self, first, second, at, shown=None):
        """Offered by the second, signed by both. `shown`: when journals take in what is dated otherwise."""
        self.states(second, "offered", at, shown)
        for after, each in ((60_000, first), (120_000, second)):
            self.states(each, self.signature(each, at + after), at + after, shown)
        return self


def contract(provider, service, receiver, agreement, at, **changes):
    """The content of the wire contract between two by which the receiver connects with a service, as a version has it follow."""
    named = {"id": agreement.content["id"], "version": agreement.content["version"], "hash": agreement.hash}
    data = {
        "type": "GRANT_TYPE_SERVICE_CONNECTION",
        "service": {"type": "SERVICE_TYPE_SERVICE", "peer_id": provider.oin, "name": service},
        "outway": {
            "peer_id": receiver.oin,
            "identification": {"type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT", "public_key_thumbprint": "0" * 64},
        },
        "properties": {"verbond.agreement": named},
    }  # fmt: skip
    made = {
        "fsc_version": "2.0.0", "iv": "06338364-8305-7b74-8000-de4963503139", "group_id": "verbond-test",
        "validity": {"not_before": at // 1000, "not_after": at // 1000 + 30 * 86_400}, "grants": [{"data": {**data, **changes}}],
        "hash_algorithm": "HASH_ALGORITHM_SHA3_512", "created_at": at // 1000,
    }  # fmt: skip
    return made


def contract_hash(made):
    return "$1$1$" + base64url(hashlib.sha3_512(canonical(made).encode()).digest())


def shown(party, at, *contracts, kind="accept", identity=None, **wrong):
    """What is stated of a foreign participant, with contracts that it has signed."""

    def evidence(made):
        said = {"contract_content_hash": contract_hash(made), "type": kind, "signed_at": at // 1000, **wrong}
        by = identity or party.identity
        return {"content": canonical(made), "signature": by.sign(canonical(said).encode()), "chain": by.encoded_chain}

    hashes = [contract_hash(each) for each in contracts]
    return {"party": party.participant, "contracts": hashes, "evidence": [evidence(each) for each in contracts]}
