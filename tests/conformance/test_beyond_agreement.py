"""Beyond the suite: a governed service answers under an agreement that people have signed, and only what is agreed leaves.

Two nodes, each with persons of its own; a source that holds more than is agreed; hashes and signatures are checked here
with Python's own means.
"""

import base64
import copy
import hashlib
import json

import pytest
import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from support.agreements import AGREED, BSN, SERVICE, SOURCE, ask, conclude, document, write
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from support.servers import Reply


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
    conclude(consumer, provider, digest)
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
