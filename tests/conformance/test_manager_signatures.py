"""Manager-AcceptContract, -RejectContract and -RevokeContract: PUT /contracts/{hash}/… (Core 4.2.3, 4.4.1.3)."""

import pytest

from support.checks import manager_refuses
from support.contract import connection, contract
from support.hashing import content_hash
from support.signing import contract_signature

scenario = pytest.mark.scenario
SERVICE = "inkomens"
OTHER_KIND = {"accept": "reject", "reject": "accept", "revoke": "accept"}


def each_action(number):
    """The test once per action, each marked with that action's scenario of this number."""
    return pytest.mark.parametrize(
        "action",
        [
            pytest.param(name, marks=scenario(f"Manager-{name.title()}Contract-{number}"))
            for name in ("accept", "reject", "revoke")
        ],
    )


@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("provider")
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def signer(world, cast):
    """The peer whose signature the tests place; it has signing certificates of both key types."""
    peer = world.peer("delegator")
    peer.signers = [cast("delegator"), cast("delegator", "p256")]
    return peer


@pytest.fixture
def standing(node, consumer, signer):
    """A function that makes a contract of consumer, node and signer, held by the node with the consumer's accept."""

    def make():
        grant = connection(consumer.identity, node.id, SERVICE, publication_delegator=signer.id)
        content = contract(grant)
        answer = consumer.submit(node.manager_address, content)
        assert answer.status == 201, f"POST /contracts gives {answer}"
        return content

    return make


def stored(node, consumer, content, action):
    """The signatures of one kind as the node lists them."""
    held = consumer.contract_at(node.manager_address, content_hash(content))
    assert held is not None, "the contract is not listed"
    return held["signatures"][action]


@each_action(1)
def test_valid_signature(action, node, consumer, signer, standing):
    """Given a contract without such a signature of the peer (for a revocation: accepted by it first); when the peer
    places a valid one; then 201 and the contract holds it (Core 3.2.1, 4.2.3)."""
    content = standing()
    if action == "revoke":
        assert signer.sign(node.manager_address, content, "accept").status == 201
    signature = contract_signature(signer.identity, content, action)
    answer = signer.sign(node.manager_address, content, action, signature=signature)
    assert answer.status == 201, f"PUT {action} gives {answer}"
    assert stored(node, consumer, content, action)[signer.id] == signature


@each_action(2)
def test_signature_of_an_outsider(action, node, consumer, stranger, standing):
    """Given a contract that does not name the peer; when it places its signature; then 422
    SUBMITTING_PEER_NOT_PART_OF_CONTRACT and the signature is not held (Core 4.2.3, 4.4.5.3)."""
    content = standing()
    answer = stranger.sign(node.manager_address, content, action)
    manager_refuses(answer, "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT")
    assert stranger.id not in stored(node, consumer, content, action)


@each_action(3)
def test_signature_that_is_no_jws(action, node, consumer, signer, standing):
    """When what is placed is no JWS in compact form; then 422 SIGNATURE_VERIFICATION_FAILED and it is not held (Core
    4.2.3, 4.4.1.3)."""
    content = standing()
    for signature in ("geen handtekening", "a.b.c", "e30.e30"):
        answer = signer.sign(node.manager_address, content, action, signature=signature)
        manager_refuses(answer, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")
    assert signer.id not in stored(node, consumer, content, action)


@each_action(4)
def test_signature_over_another_contract(action, node, consumer, signer, standing):
    """When the signed hash is that of another contract; then 422 SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH and it is not
    held (Core 4.2.4, 4.4.5.3)."""
    content, other = standing(), standing()
    signature = contract_signature(signer.identity, other, action)
    answer = signer.sign(node.manager_address, content, action, signature=signature)
    manager_refuses(answer, "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH")
    assert signer.id not in stored(node, consumer, content, action)


@each_action(5)
def test_signature_of_another_kind(action, node, consumer, signer, standing):
    """When the type in the signature is not the one of the path; then it is refused and held under neither kind (Core
    4.2.3.2; no code is prescribed)."""
    content, kind = standing(), OTHER_KIND[action]
    signature = contract_signature(signer.identity, content, kind)
    manager_refuses(signer.sign(node.manager_address, content, action, signature=signature))
    assert signer.id not in stored(node, consumer, content, action)
    assert signer.id not in stored(node, consumer, content, kind)


@each_action(6)
def test_path_names_another_contract(action, node, consumer, signer, standing):
    """When the hash in the path is not that of the content in the body; then 422 URL_PATH_CONTENT_HASH_MISMATCH and
    neither contract holds the signature (Core 4.4.5.3)."""
    content, other = standing(), standing()
    answer = signer.sign(node.manager_address, content, action, path_hash=content_hash(other))
    manager_refuses(answer, "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH")
    assert signer.id not in stored(node, consumer, content, action)
    assert signer.id not in stored(node, consumer, other, action)


@each_action(7)
def test_algorithm_outside_the_list(action, node, consumer, signer, standing):
    """When the signature is made with an algorithm that Core 4.2.3 does not list; then 422 UNKNOWN_ALGORITHM_SIGNATURE
    and it is not held (Core 4.4.5.3)."""
    content = standing()
    for algorithm in ("PS256", "HS256", "none"):
        signature = contract_signature(signer.identity, content, action, algorithm=algorithm)
        answer = signer.sign(node.manager_address, content, action, signature=signature)
        manager_refuses(answer, "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE")
    assert signer.id not in stored(node, consumer, content, action)


@pytest.mark.parametrize(
    "algorithms",
    [
        pytest.param(("RS256", "RS384", "RS512"), marks=scenario("Manager-AcceptContract-8"), id="RSA"),
        pytest.param(("ES256",), marks=scenario("Manager-AcceptContract-9"), id="ECDSA"),
    ],
)
def test_algorithms_of_the_list(algorithms, node, consumer, signer, standing, cast):
    """When an accept is signed with an algorithm of the list; then 201 and the signature is held (Core 4.2.3)."""
    for algorithm in algorithms:
        content = standing()
        identity = cast("delegator", "rsa" if algorithm.startswith("RS") else "p256")
        signature = contract_signature(identity, content, "accept", algorithm=algorithm)
        answer = signer.sign(node.manager_address, content, "accept", signature=signature)
        assert answer.status == 201, f"{algorithm}: {answer}"
        assert stored(node, consumer, content, "accept")[signer.id] == signature
