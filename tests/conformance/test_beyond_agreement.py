"""Beyond the suite: a governed service answers under an agreement that people have signed, and only what is agreed leaves.

Two nodes, each with persons of its own; a source that holds more than is agreed; hashes and signatures are checked here
with Python's own means.
"""

import base64
import copy
import hashlib
import json
import time

import pytest
import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from support.checks import eventually
from support.contract import GROUP
from support.node import NodeFault
from support.person import Person, invite
from support.servers import Reply
from support.wire import free_port
from support.world import CAST

SERVICE = "incomes"
PURPOSE = "supplement-outreach"
BSN = "999990019"
SOURCE = {
    "year": 2026,
    "bsn": BSN,
    "name": "A. Voorbeeld",
    "income": {"amount": 14250, "below_minimum": True, "employer": "Bakkerij Voorbeeld"},
}
AGREED = {"year": 2026, "income": {"below_minimum": True}}


def article(law="BWBR0013060", name="Wet SUWI", number="54"):
    return {"law": law, "name": name, "article": number, "version": "2026-01-01"}


def ground(title):
    return {
        "title": title,
        "limb": "legal_obligation",
        "provisions": [article()],
        "national_number": {"provision": article("BWBR0022428", "Wabb", "10")},
        "purposes": [PURPOSE],
        "reasoning": "Judged for this test; nobody is bound by it.",
        "judged_by": "Afdeling Juridische Zaken",
        "judged_on": "2026-10-01",
    }


ACTIVITIES = {"provider": "provide-incomes", "consumer": "outreach", "publisher": "provide-benefits"}


def activity(name):
    """What a party's register says, for everybody to read."""
    own = next(role for role, known in ACTIVITIES.items() if known == name)
    receives = own == "consumer"
    consumer = CAST["consumer"]
    return {
        "title": f"Activity {name}",
        "role": {"role": "controller"},
        "organisation": {"name": CAST[own][1], "address": f"https://{CAST[own][2]}"},
        "purposes": [PURPOSE],
        "description": "For this test; nobody is bound by it.",
        "grounds": [name],
        "data_subjects": [{"people": "people with an income", "data": ["income"]}],
        "recipients": [] if receives else [{"name": consumer[1], "participant": f"oin:{consumer[0]}"}],
        "transfers": [],
        "retention": [{"category": "income", "period": {"keep": "days", "days": 30}}],
        "security": "Access by function, logging, encryption.",
        "valid_from": "2026-01-01",
    }


def pinned(base, name, content, version=1):
    """A reference to an activity that stands at a node's public address."""
    digest = "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()
    entry = {"name": name, "version": version}
    return {"entry": entry, "url": f"{base}/v1/registers/activity/{name}/{version}", "hash": digest}


def side(name, title, keep, node):
    return {
        "role": {"role": "controller"},
        "regime": "gdpr",
        "ground": {"entry": {"name": name, "version": 1}, "ground": ground(title)},
        "activity": pinned(node.public_address, name, activity(name)),
        "compatibility": {"purpose": "by_law", "provision": article()},
        "informing": {"by": "notice", "place": "https://register.test/privacy"},
        "effect": {"effect": "support", "how": "Who may be entitled gets a letter."},
        "places": [{"country": "NL"}],
        "retention": [{"category": "income", "period": keep}],
    }


def rfc_3339(moment):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def document(provider, consumer, version=1, until=30 * 86400, **more):
    """An agreement between the two, of this moment on."""
    def party(node):
        return {"participant": f"oin:{node.id}", "name": node.id, "contact": {"name": "Team", "address": "team@example.test"}}

    def signatory(node):
        return {"participant": f"oin:{node.id}", "name": "De directeur", "mandate": "Mandaatbesluit 2026, art. 3"}

    made = {
        "format": "verbond-agreement/1",
        "id": "01932f5e-7c00-7000-8000-000000000001",
        "version": version,
        "coalition": GROUP,
        "title": {"nl": "Wie kan recht hebben op de aanvulling?", "en": "Who may be entitled to the supplement?"},
        "why": {"nl": "Om mensen te bereiken die haar mislopen.", "en": "To reach people who miss out on it."},
        "kind": {"type": "exchange"},
        "parties": [party(provider), party(consumer)],
        "clauses": [
            {
                "name": "incomes",
                "service": {"provider": f"oin:{provider.id}", "name": SERVICE},
                "provider": side("provide-incomes", "Provide incomes", {"keep": "not_kept"}, provider),
                "receivers": [
                    {
                        "participant": f"oin:{consumer.id}",
                        "side": side("outreach", "Reach people", {"keep": "days", "days": 30}, consumer),
                    }
                ],
                "purpose": PURPOSE,
                "purpose_text": {"nl": "Een brief sturen.", "en": "Sending a letter."},
                "operations": [
                    {
                        "name": "income-of-person",
                        "method": "GET",
                        "path": "/incomes/{person}",
                        "parameters": [
                            {
                                "name": "person",
                                "place": "path",
                                "required": True,
                                "values": {"allow": "identifier", "longest": 20},
                                "identifies": "national_number",
                            }
                        ],
                        "content_type": "application/json",
                        "record": "$",
                        "delivered": [
                            element("$.year", "integer", "personal"),
                            element("$.income.below_minimum", "boolean", "sensitive"),
                        ],
                        "people": [
                            {"at": {"place": "parameter", "name": "person"}, "identifies": "national_number"}
                        ],
                    }
                ],
                "conditions": {"algorithm": {"use": "none"}},
            }
        ],
        "term": {
            "from": rfc_3339(time.time() - 60),
            "until": rfc_3339(time.time() + until),
            "review": "After a year.",
        },
        "assessments": [],
        "algorithms": [],
        "advice": [],
        "signatories": [signatory(provider), signatory(consumer)],
        "publicity": {"publish": "whole"},
    }
    return {**made, **more}


def element(path, kind, sensitivity):
    return {"path": path, "type": kind, "category": "income", "sensitivity": sensitivity, "meaning": f"what stands at {path}"}


class Organisation:
    """A node with a drafter and a signatory, each on a machine of their own, and a public register."""

    def __init__(self, world, authority, role, folder, settings=None, **more):
        port, public = free_port(), free_port()
        identity = authority.issue(*CAST[role], kind="p256", hosts=("localhost",))
        address = f"http://{CAST[role][2]}:{public}"
        self.machine = lambda name: Person(world.binary, folder / f"{role}-{name}", port, authority.anchors)
        settings = {
            "administration": {"listen": f"127.0.0.1:{port}"},
            "public": {"listen": f"127.0.0.1:{public}", "address": address, "requests_per_minute": 10000},
            **(settings or {}),
        }
        self.node = world.node(role, identity=identity, settings=settings, **more)
        self.node.public_address = address
        self.people = {}
        for name, duty in (("opsteller", "drafter"), ("directeur", "signatory")):
            person = self.machine(name)
            person.enrol(invite(self.node, name, duty))
            self.people[duty] = person
        # Whoever has no activity of its own in these tests receives for the consumer's.
        name = ACTIVITIES.get(role, ACTIVITIES["consumer"])
        self.put("activity", name, activity(name), folder)

    def put(self, register, name, content, folder):
        """Writes an entry of a register."""
        return self.people["drafter"].afar(register, "put", name, write(folder, content))

    def officer(self):
        """The data protection officer, enrolled when first asked for."""
        if "officer" not in self.people:
            self.people["officer"] = self.machine("fg")
            self.people["officer"].enrol(invite(self.node, "fg", "data_protection_officer"))
        return self.people["officer"]

    def advise(self, digest, outcome="positive", text="Not more is asked than is needed.", by=None):
        """The officer advises; gives the hash that the draft has from then on."""
        return (by or self.officer()).afar("agreement", "advise", digest, "--outcome", outcome,
                                           "--officer", "M. Voorbeeld, FG", "--text", text)["hash"]  # fmt: skip

    def agreement(self, digest):
        return self.people["signatory"].afar("agreement", "show", digest)

    def sees(self, digest, stage):
        def probe():
            try:
                return self.agreement(digest)["stage"] == stage
            except NodeFault:
                return False

        return eventually(probe, f"the agreement at stage {stage}", 15)


@pytest.fixture(scope="module")
def source(world):
    echo = world.echo()
    echo.respond = lambda request: Reply.of(SOURCE)
    return echo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("organisations")


@pytest.fixture(scope="module")
def provider(world, authority, folder, source):
    made = Organisation(world, authority, "provider", folder, directory_role=True)
    made.node.cli("service", "add", SERVICE, "--upstream", source.url, "--class", "governed",
                  "--steward", "S. Voorbeeld", "--reason", "incomes of people")  # fmt: skip
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider):
    made = Organisation(world, authority, "consumer", folder, directories=[provider.node])
    made.node.cli("peer", "announce")
    return made


@pytest.fixture(scope="module")
def token(consumer, provider):
    made = consumer.node.add_application("balie")
    consumer.node.cli("application", "allow", "balie", f"{provider.node.id}/{SERVICE}", "--alias", SERVICE,
                      "--class", "governed", "--steward", "S. Voorbeeld", "--reason", "incomes of people")  # fmt: skip
    return made


def write(folder, content):
    file = folder / f"{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]}.json"
    file.write_text(json.dumps(content, indent=2))
    return str(file)


def ask(consumer, token, path=f"/{SERVICE}/incomes/{BSN}", **headers):
    return consumer.node.outway(path, token, headers=headers)


def test_nothing_without_an_agreement(consumer, provider, token, source):
    source.forget()
    answer = ask(consumer, token)
    assert (answer.status, answer.json()["code"]) == (403, "AGREEMENT_MISSING")
    # A bare contract stays pending: nobody may accept it by hand.
    consumer.node.propose(provider.node.id, SERVICE)
    waiting = eventually(lambda: [each for each in provider.node.cli("contract", "list")["items"]
                                  if each["state"] == "proposed"], "the bare contract")  # fmt: skip
    with pytest.raises(NodeFault, match="CONTRACT_WITHOUT_AGREEMENT"):
        provider.node.accept(waiting[0]["hash"])
    assert ask(consumer, token).status == 403 and source.received() == []


@pytest.fixture(scope="module")
def signed(consumer, provider, folder, token):
    """The hash of an agreement that was drafted at the consumer, offered, and signed at both."""
    content = document(provider.node, consumer.node)
    drafted = consumer.people["drafter"].afar("agreement", "new", write(folder, content))
    digest = drafted["hash"]
    assert digest == "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()
    assert (drafted["stage"], drafted["in_force"]) == ("draft", False)
    consumer.people["drafter"].afar("agreement", "offer", digest)
    provider.sees(digest, "offered")
    provider.people["signatory"].afar("agreement", "sign", digest)
    consumer.people["signatory"].afar("agreement", "sign", digest)
    for each in (consumer, provider):
        each.sees(digest, "signed")
    return digest


def test_the_document_is_the_same_everywhere_and_bears_the_signatures_of_people(consumer, provider, signed):
    shown = [each.people["drafter"].afar("agreement", "document", signed) for each in (consumer, provider)]
    assert rfc8785.dumps(shown[0]) == rfc8785.dumps(shown[1])
    bytes_signed = rfc8785.dumps(shown[0])
    assert "sha256:" + hashlib.sha256(bytes_signed).hexdigest() == signed
    for organisation in (consumer, provider):
        act = next(line["payload"] for line in organisation.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
                   if line["payload"]["action"] == "agreement.signed" and line["payload"]["author"]["kind"] == "person")  # fmt: skip
        payload = json.loads(unpadded(act["detail"]["statement"].split(".")[1]))
        assert payload["hash"] == signed and payload["step"]["step"] == "signed"
        header, _, signature = payload["step"]["signature"].partition("..")
        key = serialization.load_der_public_key(unpadded(payload["step"]["key"]))
        assert json.loads(unpadded(header))["typ"] == "verbond-agreement+jws"
        raw = unpadded(signature)
        der = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        over = f"{header}.{base64.urlsafe_b64encode(bytes_signed).rstrip(b'=').decode()}".encode()
        key.verify(der, over, ec.ECDSA(hashes.SHA256()))


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="module")
def working(consumer, token, signed):
    """Waits until the wire contract has followed from the agreement."""
    return eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)


def test_only_what_is_agreed_leaves(consumer, provider, token, working, source):
    source.forget()
    answer = ask(consumer, token, Cookie="session=1", Range="bytes=0-10", Referer="https://intern.test/zaak/1")
    assert (answer.status, answer.json()) == (200, AGREED)
    for secret in (BSN, "Voorbeeld", "14250", "Bakkerij"):
        assert secret not in answer.body.decode()
    assert not {"etag", "set-cookie", "server"} & {name.lower() for name in answer.headers}
    (request,) = source.received()
    sent = {name.lower(): value for name, value in request.headers.items()}
    assert not {"cookie", "range", "referer", "verbond-purpose"} & sent.keys()
    assert sent["accept-encoding"] == "identity" and "fsc-authorization" in sent and "traceparent" in sent


def test_what_is_not_agreed_is_refused_before_the_source_is_asked(consumer, token, working, source):
    source.forget()
    for path, code in (
        (f"/{SERVICE}/incomes", "OPERATION_NOT_AGREED"),
        (f"/{SERVICE}/incomes/{BSN}/employers", "OPERATION_NOT_AGREED"),
        (f"/{SERVICE}/incomes/{BSN}?fields=all", "PARAMETER_NOT_AGREED"),
        (f"/{SERVICE}/incomes/%2e%2e", None),
    ):
        answer = ask(consumer, token, path)
        assert answer.status in (400, 403), f"{path}: {answer}"
        assert code is None or answer.json()["code"] == code, f"{path}: {answer}"
        assert BSN not in answer.body.decode()
    answer = ask(consumer, token, **{"Verbond-Purpose": "enforcement"})
    assert (answer.status, answer.json()["code"]) == (403, "PURPOSE_NOT_AGREED")
    answer = consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token, method="POST", body=b"{}")
    assert answer.status in (403, 422)
    assert source.received() == []


def test_each_decision_is_on_record_at_both_without_the_person(consumer, provider, token, working):
    answer = ask(consumer, token)
    transaction = answer.headers["Fsc-Transaction-Id"]
    for organisation in (consumer, provider):
        def permits():
            lines = organisation.node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]
            return [line["payload"] for line in lines if line["payload"]["transaction_id"] == transaction]

        (permit,) = eventually(permits, "the permit")
        decision = permit["decision"]
        assert decision["event_name"] == "adl.access_evaluation"
        assert BSN not in json.dumps(permit)
    refused = ask(consumer, token, **{"Verbond-Purpose": "enforcement"})
    transaction = refused.headers["Fsc-Transaction-Id"]
    lines = consumer.node.cli("record", "journal", "--kind", "refusal", "--limit", "1000")["items"]
    (refusal,) = [line["payload"] for line in lines if line["payload"].get("transaction_id") == transaction]
    assert refusal["code"] == "PURPOSE_NOT_AGREED" and refusal["decision"]["event_name"] == "adl.access_evaluation"


def test_a_source_that_answers_otherwise_gives_nothing(consumer, token, working, source):
    def answering(reply):
        source.respond = lambda request: reply
        return ask(consumer, token)

    try:
        twice = Reply(200, b'{"year": 2026, "year": 2027}', {"Content-Type": "application/json"})
        assert answering(twice).status == 502
        html = Reply(200, f"<p>{BSN}</p>".encode(), {"Content-Type": "text/html"})
        assert answering(html).status == 502
        error = Reply.of({"unknown": BSN}, status=404)
        answer = answering(error)
        assert (answer.status, answer.json()["code"]) == (404, "SOURCE_REFUSED")
        assert BSN not in answer.body.decode()
        other = copy.deepcopy(SOURCE)
        other["year"], other["income"]["below_minimum"] = "two thousand", None
        assert answering(Reply.of(other)).json() == {"income": {}}
    finally:
        source.respond = lambda request: Reply.of(SOURCE)


def test_who_drafts_does_not_sign_and_who_signs_does_not_draft(consumer, provider, folder, signed):
    content = document(provider.node, consumer.node, id="01932f5e-7c00-7000-8000-000000000002")
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        consumer.people["signatory"].afar("agreement", "new", write(folder, content))
    digest = consumer.people["drafter"].afar("agreement", "new", write(folder, content))["hash"]
    consumer.people["drafter"].afar("agreement", "offer", digest)
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        consumer.people["drafter"].afar("agreement", "sign", digest)
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        consumer.node.cli("agreement", "offer", digest)
    provider.sees(digest, "offered")
    provider.people["signatory"].afar("agreement", "refuse", digest, "--reason", "Not like this.")
    consumer.sees(digest, "refused")
    shown = consumer.agreement(digest)
    assert [each["reason"] for each in shown["statements"] if each["step"] == "refused"] == ["Not like this."]


def test_what_is_held_up_and_ended_gives_nothing(consumer, provider, token, working, signed, source):
    provider.people["signatory"].afar("agreement", "suspend", signed, "--reason", "We look into something.")
    eventually(lambda: ask(consumer, token).status == 403, "a refusal while it is held up", 15)
    consumer.sees(signed, "suspended")
    assert ask(consumer, token).json()["code"] == "AGREEMENT_SUSPENDED"
    provider.people["signatory"].afar("agreement", "resume", signed)
    eventually(lambda: ask(consumer, token).status == 200, "answers again", 15)

    consumer.people["signatory"].afar("agreement", "revoke", signed, "--reason", "No longer needed.")
    eventually(lambda: ask(consumer, token).status == 403, "a refusal after the end", 15)
    provider.sees(signed, "revoked")
    source.forget()
    assert ask(consumer, token).status == 403 and source.received() == []
