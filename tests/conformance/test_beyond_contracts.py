"""Beyond the suite: what a manager must refuse or take in a contract (Core 4.1.8, 4.2)."""

import json
import time

import pytest

from support.authority import DAY as ONE_DAY
from support.authority import now
from support.checks import cut_off, manager_refuses
from support.contract import DAY, connection, contract, domain_identification, publication
from support.hashing import content_hash
from support.signing import KEY_KINDS, contract_signature

SERVICE = "inkomens"


@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("provider", directory_role=True)
    made.add_service(SERVICE, echo.url)
    return made


def refused(node, consumer, content, *codes):
    """The submission is refused and nothing is stored."""
    manager_refuses(consumer.submit(node.manager_address, content), *codes)
    held = consumer.all_of(node.manager_address, "/contracts", "contracts", limit="1000")
    assert content not in [each["content"] for each in held]


def test_an_iv_is_used_once(node, consumer):
    """Core 4.2.1: only one contract can exist with a given iv."""
    first = contract(connection(consumer.identity, node.id, SERVICE))
    assert consumer.submit(node.manager_address, first).status == 201
    second = contract(
        connection(consumer.identity, node.id, SERVICE), iv=first["iv"], created_at=first["created_at"] - 1
    )
    refused(node, consumer, second)


def test_the_same_submission_again_leaves_one_contract(node, consumer):
    """A submitter that missed the answer sends the contract again (4.4.1.2 recommends retries)."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    for _ in range(2):
        assert consumer.submit(node.manager_address, content).status == 201
    held = consumer.all_of(node.manager_address, "/contracts", "contracts", limit="1000")
    assert [each["content"] for each in held].count(content) == 1


NOW = int(time.time())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"created_at": NOW + 3600}, id="created in the future"),
        pytest.param({"validity": {"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}}, id="expired"),
        pytest.param({"validity": {"not_before": NOW + 9 * DAY, "not_after": NOW + DAY}}, id="ends before it begins"),
        pytest.param({"validity": {"not_before": NOW}}, id="no end"),
        pytest.param({"validity": {"not_before": -1, "not_after": NOW + DAY}}, id="negative time"),
        pytest.param({"grants": []}, id="no grant"),
        pytest.param({"iv": "geen-uuid"}, id="iv that is no UUID"),
        pytest.param({"iv": None}, id="no iv"),
        pytest.param({"hash_algorithm": None}, id="no hash algorithm"),
        pytest.param({"created_at": None}, id="no created_at"),
    ],
)
def test_contract_rules(node, consumer, changes):
    """The rules of Core 4.2.1 and the members that manager.yaml requires."""
    refused(node, consumer, contract(connection(consumer.identity, node.id, SERVICE), **changes))


def test_unknown_version(node, consumer):
    """Core 4.4.5.3: UNKNOWN_FSC_VERSION."""
    content = contract(connection(consumer.identity, node.id, SERVICE), fsc_version="9.0.0")
    refused(node, consumer, content, "ERROR_CODE_UNKNOWN_FSC_VERSION")


def test_more_than_ten_grants(node, consumer):
    """The profile's limit of ten grants per contract."""
    grants = [
        connection(
            consumer.identity, node.id, SERVICE, identification=domain_identification(f"h{number}.gemeente.test")
        )
        for number in range(11)
    ]
    assert consumer.submit(node.manager_address, contract(*grants[:10])).status == 201
    refused(node, consumer, contract(*grants))


def test_receiver_outside_the_contract(node, consumer, delegator):
    """Core 4.4.5.3: RECEIVING_PEER_NOT_PART_OF_CONTRACT."""
    content = contract(connection(consumer.identity, delegator.id, SERVICE))
    manager_refuses(consumer.submit(node.manager_address, content), "ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT")


def _changed(grant, **changes):
    return {**grant, **changes}


def _bad_grants(consumer, node):
    good = connection(consumer.identity, node.id, SERVICE)
    identification = good["outway"]["identification"]
    listing = publication(node.id, consumer.id, "dienst")
    return {
        "service that is not offered": connection(consumer.identity, node.id, "bestaat-niet"),
        "unknown grant type": _changed(good, type="GRANT_TYPE_ONBEKEND"),
        "service without type": _changed(good, service={"peer_id": node.id, "name": SERVICE}),
        "identification missing": _changed(good, outway={"peer_id": consumer.id}),
        "thumbprint too short": _changed(
            good,
            outway={"peer_id": consumer.id, "identification": {**identification, "public_key_thumbprint": "ab" * 31}},
        ),
        "domain name empty": connection(consumer.identity, node.id, SERVICE, identification=domain_identification("")),
        "properties that are no object": _changed(good, properties=["lijst"]),
        "service name with a space": publication(node.id, consumer.id, "twee woorden"),
        "service name of 101 characters": publication(node.id, consumer.id, "d" * 101),
        "unknown protocol": _changed(listing, service={**listing["service"], "protocol": "PROTOCOL_ONBEKEND"}),
        "delegated grant without delegator": _changed(good, type="GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "service that is not offered",
        "unknown grant type",
        "service without type",
        "identification missing",
        "thumbprint too short",
        "domain name empty",
        "properties that are no object",
        "service name with a space",
        "service name of 101 characters",
        "unknown protocol",
        "delegated grant without delegator",
    ],
)
def test_grant_rules(node, consumer, case):
    """The rules per grant type (Core 4.2.1.1 to 4.2.1.4) and manager.yaml."""
    refused(node, consumer, contract(_bad_grants(consumer, node)[case]))


def test_duplicate_member_names(node, consumer):
    """Core 4.1.8: the content is I-JSON (RFC 7493 2.3), in which a name occurs once."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    message = {"content": content, "signature": contract_signature(consumer.identity, content, "accept")}
    text = json.dumps(message).replace('"group_id":', '"group_id": "een-andere-groep", "group_id":', 1)
    answer = consumer.send(
        node.manager_address, "POST", "/v1/contracts",
        body=text.encode(), headers={"Content-Type": "application/json"},
    )  # fmt: skip
    manager_refuses(answer)
    assert consumer.contract_at(node.manager_address, content_hash(content)) is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"tekst"', b'{"content": {}}', b"\xff\xfe", b"[" * 20000])
def test_bodies_that_are_no_submission(node, consumer, body):
    """A body outside the schema gets the error object (Core 4.4.5.2), whatever it is."""
    answer = consumer.send(
        node.manager_address, "POST", "/v1/contracts", body=body, headers={"Content-Type": "application/json"}
    )
    manager_refuses(answer)


def test_canonical_form_of_awkward_properties(node, consumer):
    """RFC 8785: names sort by UTF-16 code unit, numbers take their ECMAScript form, strings the shortest escapes; the
    node must come to the same content hash as the signer."""
    properties = {
        "€": "Euro", "\r": "wagen terug", "דּ": "dalet", "1": "een", "😂": "lachend", "\u0080": "C1", "ö": "umlaut",
        "getallen": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27, 1e21, 1.0, 0, -5, 9007199254740991],
        "tekst": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/\u2028\u007f",
        "leeg": {"": None, "waar": True, "lijst": []},
    }  # fmt: skip
    content = contract(connection(consumer.identity, node.id, SERVICE, properties=properties))
    answer = consumer.submit(node.manager_address, content)
    assert answer.status == 201, answer
    held = consumer.contract_at(node.manager_address, content_hash(content))
    assert held is not None and held["content"] == content


def test_array_order_is_kept(node, consumer):
    """Core 4.4.1.2: the order of items in arrays is persisted."""
    names = ["h3", "h1", "h2"]
    content = contract(
        *(
            connection(consumer.identity, node.id, SERVICE, identification=domain_identification(f"{each}.test"))
            for each in names
        )
    )
    assert consumer.submit(node.manager_address, content).status == 201
    assert consumer.contract_at(node.manager_address, content_hash(content))["content"]["grants"] == content["grants"]


@pytest.mark.parametrize(
    "address",
    [None, "", "http://gemeente.test:8443", "https://gemeente.test", "gemeente.test:8443", "https://", "x" * 300],
)
def test_manager_address_of_the_submitter(node, consumer, address):
    """Core 4.4.4 and manager.yaml: the header is required, its scheme is https, it has a port."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    headers = {"Fsc-Manager-Address": address}
    manager_refuses(consumer.submit(node.manager_address, content, headers=headers))
    manager_refuses(consumer.send(node.manager_address, "PUT", "/v1/announce", headers=headers))


def test_an_enormous_body_is_refused(node, consumer):
    """Core 4.2.2.2 recommends a bound of 1 MB on properties; the node answers on afterwards."""
    content = contract(connection(consumer.identity, node.id, SERVICE, properties={"k": "x" * 12_000_000}))
    cut_off(lambda: consumer.submit(node.manager_address, content))
    assert consumer.get(node.manager_address, "/peer").status == 200


class TestSignatures:
    """Core 4.2.3 and 4.4.1.3, on submission."""

    CODE = "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED"

    @pytest.fixture
    def content(self, node, delegator):
        """A contract; the signer's key set is as before when the test ends."""
        before = list(delegator.signers)
        yield contract(connection(delegator.identity, node.id, SERVICE))
        delegator.signers = before

    @pytest.mark.parametrize("algorithm", KEY_KINDS)
    def test_every_algorithm_of_the_list(self, node, delegator, cast, content, algorithm):
        """The peer's key set gains a key after the node first saw it, and the node finds it."""
        identity = cast("delegator", KEY_KINDS[algorithm])
        if identity not in delegator.signers:
            delegator.signers.append(identity)
        signature = contract_signature(identity, content, "accept", algorithm=algorithm)
        answer = delegator.submit(node.manager_address, content, signature=signature)
        assert answer.status == 201, answer

    def test_changed_signature(self, node, delegator, content):
        signature = contract_signature(delegator.identity, content, "accept")
        head, payload, value = signature.split(".")
        spoilt = f"{head}.{payload}.{'A' if value[0] != 'A' else 'B'}{value[1:]}"
        manager_refuses(delegator.submit(node.manager_address, content, signature=spoilt), self.CODE)

    def test_certificate_that_is_in_no_key_set(self, node, delegator, content, authority):
        loose = authority.issue(delegator.id, delegator.identity.name, delegator.identity.host, kind="p256")
        signature = contract_signature(loose, content, "accept")
        manager_refuses(delegator.submit(node.manager_address, content, signature=signature), self.CODE)

    def test_certificate_of_another_peer(self, node, delegator, cast, content):
        """PEER_ID_SIGNATURE_MISMATCH: the key set holds a certificate with another participant id."""
        delegator.signers.append(cast("stranger"))
        signature = contract_signature(cast("stranger"), content, "accept")
        manager_refuses(
            delegator.submit(node.manager_address, content, signature=signature),
            "ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH",
        )

    def test_certificate_of_a_foreign_authority(self, node, delegator, content, foreign_authority):
        loose = foreign_authority.issue(delegator.id, delegator.identity.name, delegator.identity.host, kind="p256")
        delegator.signers.append(loose)
        signature = contract_signature(loose, content, "accept")
        manager_refuses(delegator.submit(node.manager_address, content, signature=signature), self.CODE)

    def test_certificate_that_has_expired(self, node, delegator, content, authority):
        """Core 4.2.7: without a valid certificate peers cannot verify the signature."""
        old = authority.issue(
            delegator.id, delegator.identity.name, delegator.identity.host,
            kind="p256", not_before=now() - 2 * ONE_DAY, not_after=now() - ONE_DAY,
        )  # fmt: skip
        delegator.signers.append(old)
        signature = contract_signature(old, content, "accept")
        manager_refuses(delegator.submit(node.manager_address, content, signature=signature), self.CODE)

    def test_key_set_that_cannot_be_had(self, node, publisher, authority):
        """The signer's manager is down and its signature is not by the certificate of the connection: refused, and in
        bounded time."""
        other = authority.issue(publisher.id, publisher.identity.name, publisher.identity.host, kind="p256")
        publisher.manager.stop()
        content = contract(connection(publisher.identity, node.id, SERVICE))
        signature = contract_signature(other, content, "accept")
        started = time.monotonic()
        manager_refuses(publisher.submit(node.manager_address, content, signature=signature), self.CODE)
        assert time.monotonic() - started < 12
