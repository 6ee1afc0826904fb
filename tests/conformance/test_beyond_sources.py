"""Sources at `https://` addresses: whose certificate is trusted, and what the caller and the operator hear if not."""

import pytest

from support.checks import eventually, inway_refuses, record_of
from support.servers import Echo
from support.steps import authorised, called
from support.wire import tls_context

HOST = "bron-achter.test"
TRUSTED, UNTRUSTED, MISNAMED = "vertrouwd", "onvertrouwd", "andere-naam"


def source(authority, host):
    """An echo service with TLS, without demands on its caller."""
    identity = authority.issue(None, "Bron", host, kind="p256")
    context = tls_context(authority.anchors, identity, server=True)
    context.verify_mode = 0
    return Echo(context)


@pytest.fixture(scope="module")
def sources(authority, foreign_authority):
    made = {
        TRUSTED: source(authority, HOST),
        UNTRUSTED: source(foreign_authority, HOST),
        MISNAMED: source(authority, "heel-anders.test"),
    }
    yield made
    for each in made.values():
        each.stop()


@pytest.fixture(scope="module")
def node(world, sources):
    made = world.node(
        "provider",
        settings={"inway": {"source_anchors": ["trust-anchors.pem"]}, "hosts": {HOST: "127.0.0.1"}},
    )
    for name, each in sources.items():
        made.add_service(name, f"https://{HOST}:{each.port}/basis")
    return made


def test_a_source_with_a_trusted_certificate_answers(node, consumer, sources):
    _, _, token, _ = authorised(node, consumer, TRUSTED)
    transaction, answer = called(node, consumer, token, path="/x", method="POST", body=b"abc")
    assert answer.status == 200, answer
    assert (answer.json()["target"], answer.json()["length"]) == ("/basis/x", 3)
    assert answer.json()["headers"]["host"] == f"{HOST}:{sources[TRUSTED].port}"
    record_of(consumer, node, transaction)


@pytest.mark.parametrize("service", [UNTRUSTED, MISNAMED])
def test_a_source_with_another_certificate_is_refused(node, consumer, sources, service):
    """502, a sentence that names certificate and mend, nothing sent; the reason stands in the operator's log only."""
    _, _, token, _ = authorised(node, consumer, service)
    _, answer = called(node, consumer, token, method="POST", body=b"geheim")
    inway_refuses(answer, "ERROR_CODE_SERVICE_UNREACHABLE")
    body = answer.json()
    assert "certificate" in body["detail"] and "certificaat" in body["detail_nl"], body
    assert "source_anchors" in body["next"] and "source_anchors" in body["next_nl"], body
    assert HOST not in answer.body.decode() and str(sources[service].port) not in answer.body.decode()
    assert sources[service].received() == []
    eventually(lambda: any(HOST in line and "certificate" in line for line in node.stderr), "line in the log")
