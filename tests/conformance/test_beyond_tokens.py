"""Beyond the suite: tokens that others issue, and how long our own live (Core 4.3, 4.6.1.2, 4.6.1.3; Logging 3.4.1.1)."""

import time
import uuid

import pytest

from support.checks import access_token, eventually, fsc_error, records_of, token_refused
from support.contract import connection, contract
from support.hashing import READINGS, content_hash, grant_hash
from support.servers import Reply
from support.steps import conclude

SERVICE = "bevragen"


@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("consumer")
    made.add_service("inkomens", echo.url)
    return made


@pytest.fixture(scope="module")
def provider(world, node):
    peer = world.peer("provider", accepts=True)
    assert peer.announce(node.manager_address).status == 200
    return peer


def concluded(node, provider, service):
    """The node proposes, the provider accepts, an application may use it; answers content and the application's token."""
    node.propose(provider.id, service)

    def valid():
        for each in list(provider.contracts.values()):
            if each["content"]["grants"][0]["data"]["service"]["name"] == service:
                held = provider.contract_at(node.manager_address, content_hash(each["content"]))
                if held and {node.id, provider.id} <= held["signatures"]["accept"].keys():
                    return each["content"]
        return None

    content = node.in_force(eventually(valid, "valid contract after the proposal"))
    application = node.add_application(f"toepassing-{service}")
    node.allow(f"toepassing-{service}", provider.id, service, "dienst")
    return content, application


class Spoilt:
    """The provider's tokens with other claims while the block lasts."""

    def __init__(self, provider, change):
        self.provider, self.change = provider, change

    def __enter__(self):
        self.provider.inway.forget()
        self.provider.token_claims = self.change

    def __exit__(self, *_):
        self.provider.token_claims = None


TOLERATED = {
    "unknown claims": {"iat": 1, "jti": "x", "nieuw": {"a": [1]}, "add": {"flow": "query"}},
    "empty optional claims": {"act": {"sub": ""}, "pdi": "", "prp": None, "add": None},
    "no nbf": {"nbf": None},
    "fractions of seconds": {"nbf": time.time() - 2.5, "exp": time.time() + 45.5},
    "audience in a list": {"aud": lambda claims: [claims["aud"]]},
    # The inway judges the time: a provider whose clock lags can still be used.
    "already over by our clock": {"nbf": int(time.time()) - 120, "exp": int(time.time()) - 60},
    "audience with a slash": {"aud": lambda claims: claims["aud"] + "/"},
}


def changed(claims, changes):
    new = dict(claims)
    for name, value in changes.items():
        value = value(claims) if callable(value) else value
        if name == "nbf" and value is None:
            del new["nbf"]
        else:
            new[name] = value
    return new


@pytest.mark.parametrize("case", TOLERATED)
def test_tokens_with_more_or_other_forms(node, provider, case):
    """Core 4.3.1: a JWT may hold claims that the reader does not know (RFC 7519 4), and others write some otherwise."""
    _, application = concluded(node, provider, f"vorm-{list(TOLERATED).index(case)}x")
    with Spoilt(provider, lambda claims: changed(claims, TOLERATED[case])):
        answer = node.outway("/dienst/x", application)
    assert answer.status == 200, answer
    assert len(provider.inway.received()) == 1


UNUSABLE = {
    "without a port in aud": {"aud": "https://inkomen.test"},
    "plain http": {"aud": lambda claims: claims["aud"].replace("https", "http")},
    "another certificate": {"cnf": {"x5t#S256": "DpAyDYakmVAQ4oOJC3UYLRk_ONRCqMj00TeGJemMiLA"}},
    "another service": {"svc": "iets-anders"},
    "another consumer": {"sub": "00000099000000000099"},
    "another provider": {"iss": "00000099000000000099"},
    "another grant": {"gth": "$1$3$" + "A" * 86},
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_tokens_that_are_not_what_was_asked(node, provider, case):
    """Core 4.3.1, 4.6.1.2: aud has scheme and port; what is not the token for this grant goes nowhere."""
    _, application = concluded(node, provider, f"fout-{list(UNUSABLE).index(case)}x")
    with Spoilt(provider, lambda claims: changed(claims, UNUSABLE[case])):
        fsc_error(node.outway("/dienst/x", application), "ERROR_DOMAIN_OUTWAY")
    assert provider.inway.received() == []


def test_the_reading_of_the_grant_hash_is_learned(node, provider):
    """Core 4.2.5: asked once with each reading, then with the one that the provider knows, for its other grants too."""
    content, application = concluded(node, provider, "leesles")
    other, another = concluded(node, provider, "leesles-twee")
    provider.readings = ("digest",)
    asked = lambda: [each.body.decode() for each in provider.manager.received("POST", "/v1/token")]  # noqa: E731
    provider.manager.forget()
    try:
        assert node.outway("/dienst/x", application).status == 200
        assert len(asked()) == 2
        provider.manager.forget()
        assert node.outway("/dienst/x", another).status == 200
        [form] = asked()
        assert grant_hash(other, reading="digest").rsplit("$", 1)[1] in form
    finally:
        provider.readings = READINGS
    assert content != other


def test_our_own_tokens_live_a_minute(node, provider):
    """A rule of the node: no token outlives a minute, and none its contract."""
    content = contract(connection(provider.identity, node.id, "inkomens"))
    conclude(node, content, provider)
    scope = grant_hash(content)
    _, claims = access_token(
        provider.token(node.manager_address, scope), by=node, of=provider, grant_hash=scope, service="inkomens"
    )
    assert 0 < claims["exp"] - time.time() <= 61 and claims["exp"] - claims["nbf"] <= 120
    short = contract(connection(provider.identity, node.id, "inkomens"))
    short["validity"]["not_after"] = int(time.time()) + 20
    conclude(node, short, provider)
    scope = grant_hash(short)
    _, claims = access_token(
        provider.token(node.manager_address, scope), by=node, of=provider, grant_hash=scope, service="inkomens"
    )
    assert claims["exp"] <= short["validity"]["not_after"]


def test_no_token_for_the_service_of_another(world, node, provider):
    """Core 4.4.1.6: the manager is that of grant.data.service.peer_id; a delegator on the contract gives none."""
    stranger = world.peer("stranger")
    content = contract(connection(stranger.identity, provider.id, "van-een-ander", delegator=node.id))
    conclude(node, content, stranger, provider)
    token_refused(stranger.token(node.manager_address, grant_hash(content)), "invalid_scope")


def test_no_token_for_a_service_that_no_inway_offers(node, provider, echo):
    """Core 4.4.1.6: the peer has an inway that offers the service."""
    node.add_service("verdwijnt", echo.url)
    content = contract(connection(provider.identity, node.id, "verdwijnt"))
    conclude(node, content, provider)
    assert provider.token(node.manager_address, grant_hash(content)).status == 200
    node.cli("service", "remove", "verdwijnt")
    token_refused(provider.token(node.manager_address, grant_hash(content)), "invalid_scope")


def test_every_answer_under_a_transaction_names_it(node, provider):
    """Logging 3.4.1.1: the outway MUST add the transaction id to the response, whatever the response is: the service's, an
    error of the inway, or the outway's own once it had made the id."""
    _, application = concluded(node, provider, "altijd-een-id")
    provider.inway.forget()
    cases = {
        200: lambda request: Reply(200, b"x", {"Fsc-Transaction-Id": "van-de-bron"}),
        404: lambda request: Reply(404, b"{}"),
        500: lambda request: Reply(500, b"{}", {"Fsc-Error-Code": "TRANSACTION_LOG_WRITE_ERROR"}),
        502: lambda request: Reply(close=True),
    }
    for status, respond in cases.items():
        provider.inway.respond = respond
        answer = node.outway("/dienst/x", application)
        [made] = answer.headers.get_all("Fsc-Transaction-Id")
        assert answer.status == status and uuid.UUID(made).version == 7, answer
        assert provider.inway.received()[-1].headers["Fsc-Transaction-Id"] == made
        eventually(lambda made=made: records_of(provider, node, made), "record")
    provider.inway.respond = None
    node.allow("toepassing-altijd-een-id", provider.id, "zonder-contract", "zonder")
    answer = node.outway("/zonder/x", application)
    fsc_error(answer, "ERROR_DOMAIN_OUTWAY")
    assert uuid.UUID(answer.headers["Fsc-Transaction-Id"]).version == 7
