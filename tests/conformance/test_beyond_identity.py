"""Beyond the suite: certificates and participant ids at manager and inway (Core 4.1.3 to 4.1.6, 4.4.1.6, RFC 8705)."""

import time

import pytest

from support.authority import DAY, now
from support.checks import access_token, cut_off, eventually, inway_refuses, manager_refuses, token_refused
from support.contract import connection, contract, domain_identification
from support.hashing import grant_hash
from support.node import NodeFault
from support.steps import authorised, called, conclude
from support.wire import Client, Refused
from support.world import CAST

SERVICE = "inkomens"


@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("provider")
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def certificates(authority, foreign_authority, cast):
    """The consumer's name and id on certificates that must not pass."""
    peer_id, name, host = CAST["consumer"]
    return {
        "foreign authority": foreign_authority.issue(peer_id, name, host, kind="p256"),
        "expired": authority.issue(
            peer_id, name, host, kind="p256", not_before=now() - 3 * DAY, not_after=now() - DAY / 24
        ),
        "not yet valid": authority.issue(
            peer_id, name, host, kind="p256", not_before=now() + DAY, not_after=now() + 3 * DAY
        ),
    }


@pytest.mark.parametrize("which", ["foreign authority", "expired", "not yet valid"])
def test_certificates_that_do_not_pass(node, consumer, certificates, which):
    """Core 4.4.1.1 and 4.7.1.1: only certificates under the trust anchors; RFC 5280: within their term."""
    for address in (node.manager_address, node.inway_address):
        cut_off(lambda: consumer.client(address, certificates[which]).get("/v1/peer"))


def test_no_client_certificate(node, authority):
    """Mutual TLS, always."""
    for address in (node.manager_address, node.inway_address):
        cut_off(lambda: Client(address, anchors=authority.anchors).get("/v1/peer"))


def test_certificate_without_participant_id(node, consumer, authority):
    """Core 4.4.5.3: PEER_CERTIFICATE_VERIFICATION_FAILED for a certificate of the group whose content is invalid."""
    _, name, host = CAST["consumer"]
    nameless = authority.issue(None, name, host, kind="p256")
    content = contract(connection(consumer.identity, node.id, SERVICE))
    answer = consumer.submit(node.manager_address, content, identity=nameless)
    manager_refuses(answer, "ERROR_CODE_PEER_CERTIFICATE_VERIFICATION_FAILED")


def test_revoked_certificate(node, world, authority):
    """A revoked certificate passes neither manager nor inway once the node has read the list, on a standing connection
    neither."""
    peer_id, name, host = CAST["stranger"]
    identity = authority.issue(peer_id, name, host, kind="p256")
    peer = world.peer("stranger", identity=identity)
    assert peer.get(node.manager_address, "/peer").status == 200
    client = peer.client(node.manager_address)
    standing = client.open()
    assert client.get("/v1/peer", over=standing).status == 200
    authority.revoke(identity)
    authority.write_lists(node.folder)
    node.cli("reload")

    def refused(over=None):
        try:
            return client.get("/v1/peer", over=over).status >= 400
        except Refused:
            return True

    try:
        eventually(refused, "refusal of the revoked certificate")
        assert refused(standing), "a standing connection outlives the revocation"
        cut_off(lambda: peer.client(node.inway_address).get("/"))
    finally:
        standing.close()


def test_token_is_of_no_use_to_another_certificate_of_the_same_peer(node, consumer, authority, echo):
    """RFC 8705 section 3: the token is bound to the certificate, not to the key or the peer."""
    _, _, token, _ = authorised(node, consumer, SERVICE)
    renewed = authority.issue(*CAST["consumer"], key=consumer.identity.key)
    echo.forget()
    _, answer = called(node, consumer, token, identity=renewed)
    inway_refuses(answer, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert echo.received() == []


def test_renewed_certificate_with_the_same_key_gets_a_token(node, consumer, authority):
    """Core 4.1.6.2: contracts hold the thumbprint of the public key, which survives a renewal."""
    content, scope, _, _ = authorised(node, consumer, SERVICE)
    renewed = authority.issue(*CAST["consumer"], key=consumer.identity.key)
    answer = consumer.token(node.manager_address, scope, identity=renewed)
    assert answer.status == 200, answer
    _, reply = called(node, consumer, answer.json()["access_token"], identity=renewed)
    assert reply.status == 200, reply


def test_other_key_of_the_same_peer_gets_no_token(node, consumer, authority):
    """Core 4.4.1.6: the client's public key has the thumbprint of the grant."""
    _, scope, _, _ = authorised(node, consumer, SERVICE)
    other = authority.issue(*CAST["consumer"], kind="p256")
    token_refused(consumer.token(node.manager_address, scope, identity=other))


def test_thumbprint_in_upper_case(node, consumer):
    """manager.yaml says hexadecimal and not in which case."""
    identification = {
        "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
        "public_key_thumbprint": consumer.identity.public_key_thumbprint.upper(),
    }
    authorised(node, consumer, SERVICE, identification=identification)


def test_outway_identified_by_domain_name(node, consumer, authority):
    """Core 4.4.1.6: a certificate whose SAN has the domain name, whatever its key; DNS names in any case."""
    name = "uitgang.gemeente.test"
    content = contract(
        connection(consumer.identity, node.id, SERVICE, identification=domain_identification(name.title()))
    )
    conclude(node, content, consumer)
    scope = grant_hash(content)
    token_refused(consumer.token(node.manager_address, scope))
    for _ in range(2):
        outway = authority.issue(*CAST["consumer"], kind="p256", hosts=[name])
        answer = consumer.token(node.manager_address, scope, identity=outway)
        assert answer.status == 200, answer
        _, reply = called(node, consumer, answer.json()["access_token"], identity=outway)
        assert reply.status == 200, reply


def test_domain_name_of_another_peer(node, consumer, delegator, authority):
    """The name alone is not enough: the participant id must be the grant's."""
    name = "uitgang.gemeente.test"
    content = contract(connection(consumer.identity, node.id, SERVICE, identification=domain_identification(name)))
    conclude(node, content, consumer)
    thief = authority.issue(*CAST["delegator"], kind="p256", hosts=[name])
    for client_id in (consumer.id, delegator.id):
        answer = consumer.token(node.manager_address, grant_hash(content), identity=thief, client_id=client_id)
        token_refused(answer)


def test_contract_before_its_term(node, consumer):
    """manager.yaml validity: not valid before not_before."""
    moment = int(time.time())
    content = contract(
        connection(consumer.identity, node.id, SERVICE),
        validity={"not_before": moment + 3600, "not_after": moment + 7200},
    )
    conclude(node, content, consumer)
    token_refused(consumer.token(node.manager_address, grant_hash(content)))


def test_contract_that_runs_out(node, consumer):
    """Core 3.2.1: a contract becomes invalid when its term ends; the token on it no longer serves."""
    moment = int(time.time())
    content = contract(
        connection(consumer.identity, node.id, SERVICE),
        validity={"not_before": moment - 60, "not_after": moment + 3},
    )
    conclude(node, content, consumer)
    scope = grant_hash(content)
    token, _ = access_token(
        consumer.token(node.manager_address, scope), by=node, of=consumer, grant_hash=scope, service=SERVICE
    )
    time.sleep(max(0.0, moment + 4.2 - time.time()))
    token_refused(consumer.token(node.manager_address, scope))
    _, answer = called(node, consumer, token)
    assert answer.status in (401, 403), answer


def test_proposal_is_not_handed_to_another_participant(world):
    """A manager address at which another participant's certificate answers gets nothing (Core 4.1.3, 4.4.1.1)."""
    node = world.node("consumer")
    provider, other = world.peer("provider"), world.peer("stranger")
    headers = {"Fsc-Manager-Address": other.manager_address}
    assert provider.send(node.manager_address, "PUT", "/v1/announce", headers=headers).status == 200
    try:
        node.propose(provider.id, "bevragen")
    except AssertionError:
        pass  # The command may report the failed delivery.
    time.sleep(1.5)
    assert other.manager.received("POST", "/v1/contracts") == []


@pytest.mark.parametrize("group", ["", "met spatie", "groep:1", "x" * 101])
def test_group_ids_that_the_norm_does_not_allow(world, group):
    """Core 4.1.2: `^[a-zA-Z0-9./_-]{1,100}$`; the node does not start."""
    with pytest.raises(NodeFault):
        world.node("stranger", settings={"group": {"id": group}})


def test_a_service_has_its_name_alone(node, echo):
    """Core 4.4.1.7: adding a name that is there changes that service."""
    for _ in range(2):
        node.add_service("tweemaal", echo.url)
    listed = node.cli("service", "list")
    items = listed["items"] if isinstance(listed, dict) else listed
    assert [each["name"] for each in items].count("tweemaal") == 1
