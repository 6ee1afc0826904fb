"""Beyond the suite: the outway towards applications and inways (Core 4.6, Logging 3.4)."""

import socket
import time
import uuid
from urllib.parse import parse_qs

import pytest

from support.checks import eventually, fsc_error, records_of, transaction_id
from support.hashing import READINGS, content_hash, grant_hash
from support.servers import Reply
from support.wire import Refused

SERVICE = "bevragen"


@pytest.fixture(scope="module")
def node(world):
    return world.node("consumer")


@pytest.fixture(scope="module")
def provider(world, node):
    peer = world.peer("provider", accepts=True)
    assert peer.announce(node.manager_address).status == 200
    return peer


@pytest.fixture(scope="module")
def application(node, provider):
    token = node.add_application("balie")
    node.allow("balie", provider.id, SERVICE, "dienst")
    return token


def concluded(node, provider, service):
    """The node proposes, the provider accepts; answers the content."""
    node.propose(provider.id, service)

    def valid():
        for each in list(provider.contracts.values()):
            if each["content"]["grants"][0]["data"]["service"]["name"] == service:
                held = provider.contract_at(node.manager_address, content_hash(each["content"]))
                if held and {node.id, provider.id} <= held["signatures"]["accept"].keys():
                    return each["content"]
        return None

    return node.in_force(eventually(valid, "valid contract after the proposal"))


@pytest.fixture(scope="module")
def content(node, provider):
    return concluded(node, provider, SERVICE)


@pytest.fixture
def inway(provider, content):
    provider.inway.forget()
    provider.inway.respond = None
    provider.token_claims = None
    yield provider.inway
    provider.inway.respond = None
    provider.token_claims = None


def test_the_proposal_follows_the_norm(node, provider, content):
    """What the node sends is by the text (Core 4.2): members, version, thumbprint in lower case, its own accept, and
    the manager address on the request."""
    assert content["fsc_version"] == "2.0.0" and content["hash_algorithm"] == "HASH_ALGORITHM_SHA3_512"
    assert content["created_at"] <= time.time()
    data = content["grants"][0]["data"]
    assert data["service"] == {"type": "SERVICE_TYPE_SERVICE", "peer_id": provider.id, "name": SERVICE}
    assert data["outway"] == {
        "peer_id": node.id,
        "identification": {
            "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
            "public_key_thumbprint": node.identity.public_key_thumbprint,
        },
    }
    sent = provider.manager.received("POST", "/v1/contracts")[0]
    assert sent.headers["Fsc-Manager-Address"] == node.manager_address
    assert node.id in provider.contracts[content_hash(content)]["signatures"]["accept"]


def test_the_token_request_follows_the_norm(node, provider, application, inway, content):
    """Core 4.6.1.3: client credentials, the participant id, the grant hash in the string reading."""
    assert node.outway("/dienst/x", application).status == 200
    asked = provider.manager.received("POST", "/v1/token")[0]
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": [grant_hash(content)],
        "client_id": [node.id],
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_is_never_sent_twice(node, application, inway, method):
    """An inway that cuts the connection after it received the request has perhaps acted on it."""
    inway.respond = lambda request: Reply(close=True)
    answer = node.outway("/dienst/x", application, method=method, body=b"x" if method == "POST" else None)
    fsc_error(answer, "ERROR_DOMAIN_OUTWAY")
    time.sleep(0.5)
    assert len(inway.received()) == 1


@pytest.mark.parametrize(
    "status, code", [(403, "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN"), (502, "ERROR_CODE_SERVICE_UNREACHABLE")]
)
def test_errors_of_the_inway_are_left_as_they_are(node, application, inway, status, code):
    """Core 4.6.1.4: without altering the response."""
    body = b'{"message":"van de inway","domain":"ERROR_DOMAIN_INWAY","code":"%s"}' % code.encode()
    inway.respond = lambda request: Reply(
        status, body, {"Content-Type": "application/json", "Fsc-Error-Code": code, "X-Inway": "ja"}
    )
    answer = node.outway("/dienst/x", application)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["Fsc-Error-Code"] == code and answer.headers["X-Inway"] == "ja"
    assert len(inway.received()) == 1


def test_connect_is_not_supported(node, application):
    """Core 4.6.1.4.1: METHOD_UNSUPPORTED."""
    host, port = node.bind["outway"]
    with socket.create_connection((host, port), 10) as raw:
        raw.sendall(
            b"CONNECT bron.test:443 HTTP/1.1\r\nHost: bron.test:443\r\n"
            + f"Authorization: Bearer {application}\r\n\r\n".encode()
        )
        answer = raw.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 405"), answer
    assert "fsc-error-code: error_code_method_unsupported" in answer.lower(), answer


@pytest.mark.parametrize("path", ["/a%2Fb/%24?x=%20&y=$", "/dubbel//slash/", "/a/../b/./c", "/%E2%82%AC;k=v?q=a+b"])
def test_the_path_is_not_altered(node, application, inway, path):
    """Core 4.6.1.2: the outway MUST NOT alter the path; below an alias it is what follows the alias."""
    assert node.outway(f"/dienst{path}", application).status == 200
    assert inway.received()[-1].target == path


def test_a_valid_transaction_id_of_the_application_is_kept(node, application, inway):
    """A named departure of the node, within Logging 3.4.1.1's unique id."""
    own = transaction_id()
    answer = node.outway("/dienst/x", application, headers={"Fsc-Transaction-Id": own})
    assert answer.status == 200 and answer.headers["Fsc-Transaction-Id"] == own
    assert inway.received()[-1].headers["Fsc-Transaction-Id"] == own


@pytest.mark.parametrize("own", ["c0ffee00-0000-4000-8000-000000000000", "geen-uuid"])
def test_another_transaction_id_of_the_application_is_replaced(node, application, inway, own):
    """What is not a UUID of version 7 never goes to the inway; the outway makes an id (Logging 3.4.1.1)."""
    answer = node.outway("/dienst/x", application, headers={"Fsc-Transaction-Id": own})
    made = answer.headers["Fsc-Transaction-Id"]
    assert answer.status == 200 and uuid.UUID(made).version == 7
    assert inway.received()[-1].headers.get_all("Fsc-Transaction-Id") == [made]


def test_a_transaction_id_is_used_once(node, application, inway):
    """A second use is refused and nothing is forwarded."""
    own = {"Fsc-Transaction-Id": transaction_id()}
    assert node.outway("/dienst/x", application, headers=own).status == 200
    answer = node.outway("/dienst/x", application, headers=own)
    assert answer.status >= 400, answer
    fsc_error(answer, "ERROR_DOMAIN_OUTWAY")
    assert len(inway.received()) == 1


def test_a_transaction_id_far_off_the_clock_is_refused(node, application, inway):
    """The profile's rule: a day on either side."""
    for moment in (time.time() - 2 * 86400, time.time() + 2 * 86400):
        answer = node.outway("/dienst/x", application, headers={"Fsc-Transaction-Id": transaction_id(moment)})
        assert fsc_error(answer, "ERROR_DOMAIN_OUTWAY") == "INVALID_LOG_RECORD_ID"
        assert answer.status == 400
    assert inway.received() == []


def test_strangers_on_the_network_are_nobody(node, application, inway):
    """Without a token, with a wrong one, or on a service that the application is not bound to: nothing is sent."""
    client = node.outway_client()
    assert client.get("/dienst/x").status == 401
    assert node.outway("/dienst/x", "geen-geldig-token").status == 401
    assert node.outway("/onbekend/x", application).status in (403, 404)
    other = node.add_application("archief")
    assert node.outway("/dienst/x", other).status in (403, 404)
    assert inway.received() == []


def test_what_the_outway_keeps_to_itself(node, application, inway):
    """The application's credential does not leave the house; what the application set for the source does."""
    headers = {"Authorization": "Basic YTpi", "Verbond-Authorization": f"Bearer {application}", "X-Eigen": "ja"}
    assert node.outway("/dienst/x", application, headers=headers).status == 200
    sent = inway.received()[-1].headers
    assert sent["Authorization"] == "Basic YTpi" and sent["X-Eigen"] == "ja"
    assert node.outway("/dienst/x", application).status == 200
    assert "Authorization" not in inway.received()[-1].headers
    # What is for the other node is made by this one (ADR 0032).
    sent = {name.lower() for name in inway.received()[-1].headers}
    assert {name for name in sent if name.startswith("verbond-")} == {"verbond-digest-salt"}


def test_the_applications_own_fsc_headers_do_not_pass(node, application, inway):
    """A token that an application brings is not the outway's."""
    answer = node.outway("/dienst/x", application, headers={"Fsc-Authorization": "Bearer vreemd"})
    assert answer.status == 200
    sent = inway.received()[-1].headers.get_all("Fsc-Authorization")
    assert len(sent) == 1 and "vreemd" not in sent[0]


def test_a_token_of_another_group_is_not_used(node, provider):
    """Core 4.6.1.2: the outway validates the group in the token."""
    concluded(node, provider, "andere-groep")
    token = node.add_application("groep")
    node.allow("groep", provider.id, "andere-groep", "dienst")
    provider.token_claims = lambda claims: {**claims, "gid": "een-andere-groep"}
    provider.inway.forget()
    try:
        fsc_error(node.outway("/dienst/x", token), "ERROR_DOMAIN_OUTWAY")
    finally:
        provider.token_claims = None
    assert provider.inway.received() == []


def test_an_inway_of_another_participant_gets_nothing(node, provider, stranger):
    """The certificate at the token's aud must be the provider's: otherwise request and token go to a stranger."""
    concluded(node, provider, "omgeleid")
    token = node.add_application("omleiding")
    node.allow("omleiding", provider.id, "omgeleid", "dienst")
    provider.token_claims = lambda claims: {**claims, "aud": stranger.inway_address}
    try:
        fsc_error(node.outway("/dienst/x", token), "ERROR_DOMAIN_OUTWAY")
    finally:
        provider.token_claims = None
    assert stranger.inway.received() == []


def test_a_provider_that_reads_the_grant_hash_otherwise(node, provider):
    """Core 4.2.5 can be read in two ways: a provider that knows only the hash over the digest's bytes is understood."""
    content = concluded(node, provider, "anders-gelezen")
    token = node.add_application("lezer")
    node.allow("lezer", provider.id, "anders-gelezen", "dienst")
    provider.readings = ("digest",)
    provider.inway.forget()
    try:
        answer = node.outway("/dienst/x", token)
    finally:
        provider.readings = READINGS
    assert answer.status == 200, answer
    transaction = answer.headers["Fsc-Transaction-Id"]
    record = eventually(lambda: records_of(provider, node, transaction), "record")[0]
    assert record["grant_hash"] == grant_hash(content, reading="digest")


def test_a_revoked_contract_is_not_used(node, provider):
    """Core 3.2.1: once the provider's revocation has come in, the outway refuses within a second, although it holds a
    live token; a request that is under way may be broken off."""
    content = concluded(node, provider, "herroepen")
    token = node.add_application("herroeping")
    node.allow("herroeping", provider.id, "herroepen", "dienst")
    assert node.outway("/dienst/x", token).status == 200
    assert provider.sign(node.manager_address, content, "revoke").status == 201

    def refused():
        try:
            return node.outway("/dienst/x", token).status >= 400
        except Refused:
            return False

    eventually(refused, "refusal after the revocation", 1)
    provider.inway.forget()
    fsc_error(node.outway("/dienst/x", token), "ERROR_DOMAIN_OUTWAY")
    assert provider.inway.received() == []


def test_what_the_command_line_confirmed_holds_at_once(node, provider, inway):
    """When `application add` and `application allow` have ended, the next request is served by what they set."""
    for number in range(10):
        token = node.add_application(f"vlug-{number}")
        assert node.outway("/dienst/x", token).status == 404, "the outway does not know the application yet"
        node.allow(f"vlug-{number}", provider.id, SERVICE, "dienst")
        assert node.outway("/dienst/x", token).status == 200, "the outway does not know the binding yet"
