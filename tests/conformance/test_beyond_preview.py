"""Beyond the suite: a real answer is seen by the provider's steward alone, after it is recorded, and kept nowhere; others see
one that is made up (docs/adr/0024)."""

import json
from pathlib import Path

import pytest

from support.agreements import AGREED, BSN, SERVICE, SOURCE, Organisation, document, write
from support.between_two import folder, source  # noqa: F401
from support.node import NodeFault
from support.servers import Reply

PATH = f"/incomes/{BSN}"


@pytest.fixture(scope="module")
def provider(world, authority, folder, source):
    made = Organisation(world, authority, "provider", folder, directory_role=True)
    made.offers(source)
    made.enrols("bronhouder", "steward")
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider):
    made = Organisation(world, authority, "consumer", folder, directories=[provider.node])
    made.enrols("bronhouder", "steward")
    return made


@pytest.fixture(scope="module")
def draft(provider, consumer, folder):
    """The same draft at both: nobody has signed, and that is when people want to see."""
    content = document(provider.node, consumer.node)
    for each in (provider, consumer):
        digest = each.people["drafter"].afar("agreement", "new", write(folder, content))["hash"]
    return digest


def acts(organisation):
    items = organisation.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    return [each["payload"] for each in items if each["payload"]["action"] == "agreement.sample"]


@pytest.fixture(scope="module")
def parameters(folder):
    return write(folder, {"person": BSN})


def live(person, digest, parameters):
    (one,) = person.afar("agreement", "preview", digest, "--live", "--parameters", parameters)["operations"]
    return one


def test_the_providers_steward_sees_what_would_leave(provider, source, draft, parameters):
    source.forget()
    shown = live(provider.people["steward"], draft, parameters)
    assert shown["delivered"] == AGREED
    assert shown["struck_out"] == ["$.bsn", "$.income.amount", "$.income.employer", "$.name"]
    # What is struck out does not leave the node either.
    for secret in (BSN, "Voorbeeld", "14250", "Bakkerij"):
        assert secret not in json.dumps(shown)
    (request,) = source.received()
    assert (request.method, request.path) == ("GET", PATH)
    (act,) = acts(provider)
    assert act["author"]["name"] == "bronhouder" and act["subject"] == draft
    assert act["detail"] == {"clause": "incomes", "operation": "income-of-person", "service": SERVICE}


def test_it_is_recorded_before_the_source_is_asked(provider, source, draft, parameters):
    """The source looks into the provider's journal while it is asked."""
    before, seen = len(acts(provider)), []

    def respond(request):
        seen.append(len(acts(provider)))
        return Reply.of({"detail": "no"}, status=500)

    source.respond = respond
    try:
        with pytest.raises(NodeFault, match="SAMPLE_UNANSWERED"):
            live(provider.people["steward"], draft, parameters)
    finally:
        source.respond = lambda request: Reply.of(SOURCE)
    assert seen == [before + 1] and len(acts(provider)) == before + 1


def test_nobody_else_does(provider, consumer, source, draft, parameters):
    source.forget()
    before = len(acts(provider))
    for role in ("drafter", "signatory"):
        with pytest.raises(NodeFault, match="NOT_PERMITTED") as refused:
            live(provider.people[role], draft, parameters)
        assert "steward" in str(refused.value)
    # Whoever opens the socket is no steward.
    with pytest.raises(NodeFault):
        provider.node.cli("agreement", "preview", draft, "--live", "--parameters", parameters)
    # The steward of the receiver asks the own node, which provides nothing.
    with pytest.raises(NodeFault, match="SAMPLE_NOT_PROVIDER"):
        live(consumer.people["steward"], draft, parameters)
    assert source.received() == [] and len(acts(provider)) == before


def test_what_is_not_agreed_is_not_asked(provider, source, draft, folder):
    source.forget()
    before = len(acts(provider))
    for values in ({}, {"person": "a" * 21}, {"person": "../../x"}, {"person": BSN, "year": "2026"}):
        with pytest.raises(NodeFault, match="SAMPLE_PARAMETERS") as refused:
            live(provider.people["steward"], draft, write(folder, values))
        assert BSN not in str(refused.value)
    assert source.received() == [] and len(acts(provider)) == before


def test_an_answer_is_bounded(provider, source, draft, parameters):
    source.respond = lambda request: Reply.of({**SOURCE, "padding": "x" * 2_000_000})
    try:
        with pytest.raises(NodeFault, match="SAMPLE_UNANSWERED"):
            live(provider.people["steward"], draft, parameters)
    finally:
        source.respond = lambda request: Reply.of(SOURCE)


def test_others_see_one_that_is_made_up(provider, consumer, source, draft, folder):
    source.forget()
    shown = consumer.people["drafter"].afar("agreement", "preview", draft)
    assert shown["made_up"] is True
    (one,) = shown["operations"]
    assert isinstance(one["delivered"]["year"], int) and isinstance(one["delivered"]["income"]["below_minimum"], bool)
    assert one["struck_out"] == one["untold"] == one["absent"] == []
    # At the provider, what its own description has besides is seen to be struck out.
    described = {"service": SERVICE, "title": "Incomes", "description": "For this test.", "operations": [{
        "name": "income-of-person", "method": "GET", "path": "/incomes/{person}", "content_type": "application/json",
        "record": "$", "elements": [{"path": path, "type": "string", "category": "income", "sensitivity": "personal",
                                     "meaning": "It."} for path in ("$.name", "$.income.employer")],
    }]}  # fmt: skip
    provider.put("description", SERVICE, described, folder)
    (one,) = provider.people["drafter"].afar("agreement", "preview", draft)["operations"]
    assert one["struck_out"] == ["$.income.employer", "$.name"]
    assert source.received() == []


def test_nothing_of_it_is_kept(provider):
    """Neither the answer nor the parameters, in log, database or anything else that the node wrote."""
    assert not any(secret in line for line in provider.node.stderr for secret in (BSN, "Bakkerij"))
    for file in Path(provider.node.folder).rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for secret in (BSN, "Bakkerij Voorbeeld", "14250"):
                assert secret.encode() not in content, file
