"""A node replaces its key: first replacements that others have accepted, then the switch, then the contracts on the
old key, which are revoked only when nothing needs them any more."""

import hashlib
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from support.checks import eventually
from support.node import NodeFault
from support.world import CAST

SERVICES = ("inkomens", "uitkeringen")


@pytest.fixture
def nodes(world, echo):
    """A provider that leaves contracts to a person, and a consumer with a call that works."""
    provider = world.node("provider", directory_role=True)
    consumer = world.node("consumer", identity=world.authority.issue(*CAST["consumer"], kind="p256"), directories=[provider])
    consumer.cli("peer", "announce")
    token = consumer.add_application("balie")
    for service in SERVICES:
        provider.add_service(service, echo.url)
        consumer.allow("balie", provider.id, service, service)
        provider_accepts(provider, consumer.propose(provider.id, service)["hash"], consumer)
    yield provider, consumer, token
    provider.stop()
    consumer.stop()


def state(node, contract):
    return node.cli("contract", "show", contract)["state"]


def listed(node, wanted):
    return [each["hash"] for each in node.cli("contract", "list", "--state", wanted)["items"]]


def provider_accepts(provider, contract, consumer):
    eventually(lambda: contract in listed(provider, "proposed"), "proposal at the provider")
    provider.accept(contract)
    eventually(lambda: state(consumer, contract) == "valid", "valid contract")


def key_in_use(node):
    return node.cli("certificate", "show")["public_key_thumbprint"]


def issued(world, consumer):
    """What the authority answers to the request; the file with it."""
    key = serialization.load_pem_private_key((consumer.folder / "key-next.pem").read_bytes(), None)
    request = x509.load_pem_x509_csr((consumer.folder / "certificate-request.pem").read_bytes())
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    assert request.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)
    identity = world.authority.issue(*CAST["consumer"], key=key)
    return identity.certificate_file, hashlib.sha256(key.public_key().public_bytes(*form)).hexdigest()


def superseded(node, *more):
    return [each["contract"]["hash"] for each in node.cli("key", "retire", *more)["items"]]


def test_from_the_old_key_to_the_new_one(world, nodes):
    provider, consumer, token = nodes
    old = {contract: key_in_use(consumer) for contract in listed(consumer, "valid")}
    assert len(old) == 2
    started = time.monotonic()
    consumer.cli("key", "roll")
    assert time.monotonic() - started < 10, "nobody waits for others before the request is made"
    certificate, new = issued(world, consumer)
    replacements = listed(consumer, "proposed")
    assert len(replacements) == 2

    # Nothing is switched, and nothing is offered, while a replacement waits.
    provider_accepts(provider, replacements[0], consumer)
    with pytest.raises(NodeFault, match="REPLACEMENTS_NOT_ACCEPTED"):
        consumer.cli("key", "roll", "--certificate", certificate, "--wait", "1")
    assert key_in_use(consumer) == next(iter(old.values()))
    assert superseded(consumer) == [] == superseded(consumer, "--revoke")
    provider_accepts(provider, replacements[1], consumer)
    assert superseded(consumer) == [] == superseded(consumer, "--revoke")
    assert {state(consumer, each) for each in old} == {"valid"}

    # The switch: no call fails.
    failures, calls, end = [], [], threading.Event()

    def call():
        while not end.is_set():
            answer = consumer.outway("/inkomens/x", token)
            calls.append(answer)
            if answer.status != 200:
                failures.append(str(answer))

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.3)
    consumer.cli("key", "roll", "--certificate", certificate)
    time.sleep(0.7)
    assert key_in_use(consumer) == new
    assert not (consumer.folder / "key-next.pem").exists()

    # What nothing needs any more is shown, revoked when asked, and then no longer there.
    assert sorted(superseded(consumer)) == sorted(old)
    assert {state(consumer, each) for each in old} == {"valid"}
    assert sorted(superseded(consumer, "--revoke")) == sorted(old)
    assert superseded(consumer) == [] == superseded(consumer, "--revoke")
    time.sleep(0.3)
    end.set()
    thread.join()
    assert calls and failures == []
    for node in (consumer, provider):
        eventually(lambda node=node: {state(node, each) for each in old} == {"revoked"}, "revocation at both")
        assert {state(node, each) for each in replacements} == {"valid"}


def test_what_has_no_replacement_in_force_is_not_offered(world, nodes):
    """Also when somebody has switched `--now`; what is offered ends when its replacement ends."""
    provider, consumer, token = nodes
    old = listed(consumer, "valid")
    consumer.cli("key", "roll")
    certificate, _ = issued(world, consumer)
    first, second = listed(consumer, "proposed")
    provider_accepts(provider, first, consumer)
    consumer.cli("key", "roll", "--certificate", certificate, "--now", "--wait", "0")
    offered = superseded(consumer)
    assert len(offered) == 1 and offered[0] in old
    provider.revoke(first)
    eventually(lambda: state(consumer, first) == "revoked", "revocation at the consumer")
    assert superseded(consumer) == [] == superseded(consumer, "--revoke")
    provider_accepts(provider, second, consumer)
    assert superseded(consumer, "--revoke") != offered
    assert len(listed(consumer, "valid")) == 2


def test_a_refused_replacement_is_told_at_once(world, nodes):
    provider, consumer, token = nodes
    consumer.cli("key", "roll")
    certificate, new = issued(world, consumer)
    for each in listed(consumer, "proposed"):
        eventually(lambda each=each: each in listed(provider, "proposed"), "proposal at the provider")
        provider.cli("contract", "reject", each)
        eventually(lambda each=each: state(consumer, each) == "rejected", "rejection at the consumer")
    # The next run proposes again; whoever refuses that while it waits is told within a second or so.
    done = []

    def roll():
        started = time.monotonic()
        try:
            consumer.cli("key", "roll", "--certificate", certificate, "--wait", "50")
        except NodeFault as fault:
            done.append((time.monotonic() - started, str(fault)))

    thread = threading.Thread(target=roll)
    thread.start()
    waiting = eventually(lambda: len(found := listed(provider, "proposed")) == 2 and found, "second proposals")
    for each in waiting:
        provider.cli("contract", "reject", each)
    thread.join(30)
    [(seconds, message)] = done
    assert seconds < 20 and "(rejected)" in message, done
    assert key_in_use(consumer) != new
    assert consumer.outway("/inkomens/x", token).status == 200
