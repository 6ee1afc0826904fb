"""Beyond the suite: what a party states is judged at its own time. That its certificate has ended since changes nothing; that it
was compromised before it signed ends what it signed. The statements of one party are made here, in Python.
"""

import datetime
import hashlib
import json
import shutil
import time
from types import SimpleNamespace

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from test_beyond_advice import encoded, under_bytes
from test_beyond_syri import another

from support import signing
from support.agreements import AGREED, allowed, ask, conclude, document, joined
from support.between_two import folder, provider, source  # noqa: F401
from support.checks import eventually
from support.world import CAST

HOUR, DAY = 3600, 86_400


def utc(seconds):
    """A moment so many seconds from now."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).replace(microsecond=0)


class Party:
    """A party in Python: sends a document and states things about it, under whichever of its certificates."""

    def __init__(self, world, authority, provider):
        self.authority, self.provider = authority, provider
        self.peer = world.peer("stranger", identity=self.certificate())
        stand_in = SimpleNamespace(id=CAST["stranger"][0], public_address="http://waterschap.test:1")
        self.content = document(provider.node, stand_in, id=another())
        self.content["term"]["from"] = utc(-20 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.canonical = rfc8785.dumps(self.content)
        self.hash = "sha256:" + hashlib.sha256(self.canonical).hexdigest()
        self.key = ec.generate_private_key(ec.SECP256R1())
        assert self.send("PUT", "", self.canonical).status == 204

    def certificate(self, **validity):
        return self.authority.issue(*CAST["stranger"], kind="p256", **validity)

    def send(self, method, rest, body):
        client = self.peer.client(self.provider.node.manager_address)
        headers = {"Content-Type": "application/json"}
        return client.request(method, f"/verbond/v1/agreements/{self.hash}{rest}", headers=headers, body=body)

    def states(self, step, seconds=0, identity=None):
        """States it, dated so many seconds from now; gives status and code."""
        identity = identity or self.peer.identity
        statement = {"format": "verbond-statement/1", "agreement": self.content["id"], "version": 1, "hash": self.hash,
                     "participant": f"oin:{identity.peer_id}", "at": utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ"), "step": step}  # fmt: skip
        chain = [encoded(each.public_bytes(Encoding.DER)) for each in identity.chain]
        body = {"statement": signing.sign(identity, statement), "chain": chain}
        answer = self.send("POST", "/statements", json.dumps(body).encode())
        return answer.status, answer.json().get("code") if answer.body else None

    def signature(self, seconds=0):
        """The step of signing, by a person whose own signature is of so many seconds from now."""
        signatory = next(each for each in self.content["signatories"] if each["participant"].endswith(CAST["stranger"][0]))
        signed = under_bytes(self.key, self.canonical, "verbond-agreement+jws", int(time.time()) + seconds)
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        words = {"name": signatory["name"], "mandate": signatory["mandate"]}
        return {"step": "signed", **words, "key": encoded(public), "signature": signed}


@pytest.fixture
def party(world, authority, provider):
    return Party(world, authority, provider)


OFFERED = {"step": "offered"}


def test_a_statement_from_the_future_waits(party):
    assert party.states(OFFERED, 600) == (409, "STATEMENT_AHEAD")
    assert party.states(OFFERED, 200)[0] == 204


def test_a_certificate_that_has_ended_since_was_good_when_it_signed(party):
    ended = party.certificate(not_before=utc(-20 * DAY), not_after=utc(-HOUR))
    assert party.states(OFFERED, -HOUR // 2, ended) == (422, "AGREEMENT_STATEMENT")
    assert party.states(OFFERED, -2 * HOUR, ended)[0] == 204


def test_what_an_old_certificate_signs_is_not_dated_back_without_end(party):
    ended = party.certificate(not_before=utc(-20 * DAY), not_after=utc(-HOUR))
    assert party.states(OFFERED, -8 * DAY, ended) == (422, "STATEMENT_LATE")
    # What comes late under a certificate that is still good is taken: its holder could state it now.
    good = party.certificate(not_before=utc(-20 * DAY))
    assert party.states(OFFERED, -8 * DAY, good)[0] == 204
    # What ends something is taken in however late it comes.
    assert party.states({"step": "withdrawn", "reason": "Not any more."}, -7 * DAY - HOUR, ended)[0] == 204


def test_a_revoked_certificate_states_nothing_not_even_for_earlier(party, authority, provider):
    lost = party.certificate(not_before=utc(-20 * DAY))
    authority.revoke(lost, at=utc(-HOUR))
    authority.write_lists(provider.node.folder)
    provider.node.cli("reload")
    assert party.states(OFFERED, -2 * HOUR, lost) == (422, "STATEMENT_REVOKED")


def test_what_bears_an_earlier_date_is_judged_by_when_it_came(party, authority, provider):
    """Who has a stolen key dates back what it signs to before the theft: that the date is true only its arrival shows."""
    stolen = party.certificate(not_before=utc(-20 * DAY))
    assert party.states(OFFERED, -2 * HOUR, stolen)[0] == 204
    assert provider.agreement(party.hash)["stage"] == "offered"
    authority.revoke(stolen, at=utc(-HOUR))
    authority.write_lists(provider.node.folder)
    provider.node.cli("reload")
    eventually(lambda: provider.agreement(party.hash)["stage"] == "refused", "the offer refused", 60)


def test_the_signatory_signs_when_the_statement_is_made(party):
    assert party.states(OFFERED)[0] == 204
    assert party.states(party.signature(-2 * DAY)) == (422, "SIGNATORY_TIME")
    assert party.states(party.signature(HOUR)) == (422, "SIGNATORY_TIME")
    assert party.states(party.signature(-HOUR))[0] == 204


def test_ends_when_compromised_before_and_stands_when_revoked_later(world, authority, folder, provider):
    consumer = joined(world, authority, folder, provider)
    token = allowed(consumer, provider)
    first = consumer.node.identity
    digest = consumer.drafts(document(provider.node, consumer.node, id=another()), folder)
    conclude(consumer, provider, digest)
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)

    # The certificate is replaced, and then revoked: it was good when it signed, so the agreement stands.
    time.sleep(2)
    revoked = utc(0)
    second = authority.issue(*CAST["consumer"], key=first.key, hosts=("localhost",))
    shutil.copy(second.certificate_file, consumer.node.folder / "certificate.pem")
    consumer.node.cli("reload")
    lists(authority, consumer, provider, first, at=revoked)
    eventually(lambda: ask(consumer, token).json() == AGREED, "an answer under the new certificate", 20)
    time.sleep(1)
    assert provider.agreement(digest)["stage"] == consumer.agreement(digest)["stage"] == "signed"

    # Then it turns out that the key had been stolen the day before.
    lists(authority, consumer, provider, first, at=revoked, invalid_from=utc(-DAY))
    for each in (provider, consumer):
        each.sees(digest, "revoked")
    assert ask(consumer, token).status == 403
    assert any(one["step"] == "revoked" and "ingetrokken" in one["reason"] for one in provider.agreement(digest)["statements"])
    tasks = [one for one in provider.node.cli("task", "list")["items"] if "was already not to be relied on" in one["what"]["en"]]
    assert [CAST["consumer"][0] in one["what"]["en"] for one in tasks if one["agreement"] == digest] == [True]
    provider.node.cli("reload")
    acts = [line["payload"] for line in
            provider.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]]  # fmt: skip
    assert {each["author"]["kind"] for each in acts if each["action"] == "task.raise"} == {"node"}


def lists(authority, consumer, provider, identity, **when):
    authority.revoke(identity, **when)
    for each in (provider, consumer):
        authority.write_lists(each.node.folder)
        each.node.cli("reload")
