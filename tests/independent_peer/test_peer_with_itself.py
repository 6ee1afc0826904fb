"""The independent peer against a second instance of itself: what it does, and what it refuses by the text."""

import copy
import time
from urllib.parse import quote

import pytest

from .agreements import wait_for
from .contract import DIGEST, Refused, content_hash, grant_hash
from .gateway import TokenRefused
from .peer import leave
from .transaction_log import is_transaction_id, new_transaction_id

EXAMPLE = {
    "fsc_version": "2.0.0",
    "iv": "06338364-8305-7b74-8000-de4963503139",
    "group_id": "fsc-example-group",
    "validity": {"not_before": 1672527600, "not_after": 1704063600},
    "grants": [
        {
            "data": {
                "type": "GRANT_TYPE_SERVICE_CONNECTION",
                "service": {
                    "type": "SERVICE_TYPE_SERVICE",
                    "peer_id": "00000000000000000001",
                    "name": "example-service",
                },
                "outway": {
                    "peer_id": "00000000000000000002",
                    "identification": {
                        "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
                        "public_key_thumbprint": "3a56f2e9269ac63f0d4394c46b96539da1625b6a985d38029ff89f34e490960c",
                    },
                },
            }
        }
    ],
    "hash_algorithm": "HASH_ALGORITHM_SHA3_512",
    "created_at": 1672527600,
}


@pytest.fixture
def pair(group, files):
    """A consumer that knows a provider with one service."""
    with group.peer("afnemer") as consumer, group.peer("aanbieder") as provider:
        provider.services["bestanden"] = files.url
        consumer.meet(provider.id, provider.manager_address)
        provider.meet(consumer.id, consumer.manager_address)
        yield consumer, provider


@pytest.fixture
def agreed(pair):
    consumer, provider = pair
    contract = consumer.submit(consumer.new_content(consumer.connection(provider.id, "bestanden")))
    wait_for(lambda: contract.state == "valid", "the provider accepts")
    return consumer, provider, contract


def refuse(consumer, provider, content, *, kind="accept", signature=None, target="/v1/contracts", method="POST"):
    """Sends a message that the provider must refuse; the error it gives."""
    body = {"content": content, "signature": signature or consumer.signature(content, kind)}
    answer = consumer.send(provider.manager_address, provider.id, method, target, body)
    assert 400 <= answer.status < 500, answer
    assert answer.header("Fsc-Error-Code") == answer.json().get("code")
    return answer.json().get("code")


def test_hashes_of_the_example_of_the_standard():
    data = EXAMPLE["grants"][0]["data"]
    content = "ia278mmEEX5QvMZfatwQW1F3gm0jOFrh1sQN4Pc3lBtunVH9Vl-JMMJOc_9Xonzw1EuHhWD2tGspmMVGxMnGjQ"
    string = "53nGkZldmXI7-3R-W1yeSFywZ3Y162RR0wArpDtUk-yyClOIDxbVw_8-eCaPLROc18atdUtXJbuROylbP-etXg"
    digest = "nds_4OddusU1eews1unvi5zCX6dahWVqfMWVvKAWrFj8xda9wle4ojts9DHvsE-2JLZl3VRgIgYEJfIq2OUtBA"
    assert content_hash(EXAMPLE) == f"$1$1${content}"
    assert grant_hash(EXAMPLE, data) == f"$1$3${string}"
    assert grant_hash(EXAMPLE, data, DIGEST) == f"$1$3${digest}"


def test_a_service_is_used_and_both_logs_have_the_record(agreed, files):
    consumer, provider, contract = agreed
    answer, transaction_id = consumer.outway.call(consumer.own_hash(contract), "GET", "/large.bin?a=1%2F2")
    assert (answer.status, answer.body) == (200, files.file("large.bin"))
    [seen] = consumer.fetch_all(provider.id, "logs", transaction_ids=transaction_id)
    [own] = consumer.log.records()
    assert (seen.pop("direction"), own.pop("direction")) == ("DIRECTION_INCOMING", "DIRECTION_OUTGOING")
    seen["created_at"] = own["created_at"]
    assert seen == own


def test_a_revocation_ends_the_use(agreed):
    consumer, provider, contract = agreed
    provider.sign(provider.contracts.get(contract.hash), "revoke")
    wait_for(lambda: contract.state == "revoked", "the consumer hears of it")
    with pytest.raises(TokenRefused, match="invalid_grant"):
        consumer.outway.token(consumer.own_hash(contract))


@pytest.mark.parametrize(
    "change, code",
    [
        ({"group_id": "another"}, "ERROR_CODE_INCORRECT_GROUP_ID"),
        ({"fsc_version": "1.0.0"}, "ERROR_CODE_UNKNOWN_FSC_VERSION"),
        ({"hash_algorithm": "HASH_ALGORITHM_MD5"}, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH"),
        ({"created_at": int(time.time()) + 3600}, None),
        ({"validity": {"not_before": 1, "not_after": 2}}, None),
        ({"iv": "no-uuid-but-thirty-six-characters-xx"}, None),
        ({"grants": []}, None),
    ],
)
def test_a_wrong_content_is_refused(pair, change, code):
    consumer, provider = pair
    content = consumer.new_content(consumer.connection(provider.id, "bestanden"))
    signature = consumer.signature(content, "accept")
    assert refuse(consumer, provider, {**content, **change}, signature=signature) == code
    assert provider.contracts.all() == []


def test_grants_that_do_not_fit_are_refused(pair, group):
    consumer, provider = pair
    connection, publication = consumer.connection(provider.id, "bestanden"), consumer.publication(provider.id, "eigen")
    mixed = consumer.new_content(connection, publication)
    assert refuse(consumer, provider, mixed) == "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED"
    other = copy.deepcopy(connection)
    other["outway"]["peer_id"] = "00000099000000019999"
    outside = consumer.new_content(other)
    assert refuse(consumer, provider, outside) == "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT"
    foreign = consumer.new_content(consumer.connection("00000099000000019999", "bestanden"))
    assert refuse(consumer, provider, foreign) == "ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT"
    assert refuse(consumer, provider, consumer.new_content(consumer.connection(provider.id, "geheim"))) is None


def test_signatures_that_do_not_fit_are_refused(pair, group):
    consumer, provider = pair
    content = consumer.new_content(consumer.connection(provider.id, "bestanden"))
    right = consumer.signature(content, "accept")
    changed = {**content, "created_at": content["created_at"] - 1}
    target = f"/v1/contracts/{quote(content_hash(content))}/accept"
    failed = "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED"
    mismatch = "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH"
    assert refuse(consumer, provider, content, signature="geen.handtekening") == failed
    assert refuse(consumer, provider, content, signature=right[:-4] + "AAAA") == failed
    assert refuse(consumer, provider, content, kind="reject") == failed
    assert refuse(consumer, provider, content, signature=group.peer("vreemde").signature(content, "accept")) == failed
    assert refuse(consumer, provider, content, signature=consumer.signature(changed, "accept")) == mismatch
    path = refuse(consumer, provider, changed, method="PUT", target=target)
    assert path == "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH"
    assert provider.contracts.all() == []


def test_an_iv_is_used_once(pair):
    consumer, provider = pair
    provider.decide = leave
    content = consumer.new_content(consumer.connection(provider.id, "bestanden"))
    consumer.submit(content)
    consumer.submit(content)
    refuse(consumer, provider, {**content, "created_at": content["created_at"] - 1})
    assert len(provider.contracts.all()) == 1


def test_tokens_are_refused_by_the_rules(agreed, group):
    consumer, provider, contract = agreed
    right = {"grant_type": "client_credentials", "scope": consumer.own_hash(contract), "client_id": consumer.id}

    def ask(**change):
        form = {name: value for name, value in {**right, **change}.items() if value is not None}
        answer = consumer.outway.request_token(provider.manager_address, provider.id, **form)
        return answer.json().get("error", answer.status)

    assert ask() == 200
    assert ask(client_id=None) == "invalid_request"
    assert ask(client_id=provider.id) == "invalid_client"
    assert ask(grant_type="password") == "unsupported_grant_type"
    assert ask(scope="$1$3$onzin") == "invalid_scope"
    assert ask(scope=grant_hash(contract.content, contract.grants()[0], DIGEST)) == "invalid_scope"
    with group.peer("indringer") as intruder:
        address = provider.manager_address
        answer = intruder.outway.request_token(address, provider.id, **{**right, "client_id": intruder.id})
        assert answer.json()["error"] == "unauthorized_client"


def test_the_inway_refuses_by_the_rules(agreed, group):
    consumer, provider, contract = agreed
    token, claims = consumer.outway.token(consumer.own_hash(contract))

    def call(sender, sent, transaction_id):
        answer = sender.outway.send(sent, claims, transaction_id, "GET", "/small.bin")
        if answer.status == 401:
            assert answer.header("WWW-Authenticate") == "Bearer"
        return answer.header("Fsc-Error-Code")

    fresh = new_transaction_id()
    assert is_transaction_id(fresh)
    assert call(consumer, token, fresh) is None
    assert call(consumer, "", fresh) == "ERROR_CODE_ACCESS_TOKEN_MISSING"
    assert call(consumer, token[:-4] + "AAAA", fresh) == "ERROR_CODE_ACCESS_TOKEN_INVALID"
    assert call(group.peer("dief"), token, fresh) == "ERROR_CODE_ACCESS_TOKEN_INVALID"
    assert call(consumer, token, None) == "MISSING_LOG_RECORD_ID"
    assert call(consumer, token, "06338364-8305-4b74-8000-de4963503139") == "INVALID_LOG_RECORD_ID"
    assert len(provider.log.records()) == 1
    del provider.services["bestanden"]
    assert call(consumer, token, fresh) == "ERROR_CODE_SERVICE_NOT_FOUND"


def test_without_a_log_nothing_is_forwarded(agreed, tmp_path):
    consumer, provider, contract = agreed
    provider.log.path = tmp_path
    answer, _ = consumer.outway.call(consumer.own_hash(contract), "GET", "/small.bin")
    assert (answer.status, answer.header("Fsc-Error-Code")) == (500, "TRANSACTION_LOG_WRITE_ERROR")


def test_a_publication_is_listed(pair):
    provider, directory = pair
    published = provider.publication(directory.id, "register", properties={"afspraak": {"versie": 1}})
    contract = provider.submit(provider.new_content(published))
    wait_for(lambda: contract.state == "valid", "the directory accepts")
    [listed] = provider.fetch_all(directory.id, "services", service_name="REGI")
    assert listed["data"]["name"] == "register" and listed["data"]["properties"] == {"afspraak": {"versie": 1}}
    assert provider.fetch_all(directory.id, "services", service_name="anders") == []


def test_a_call_for_another_peer_says_so(pair, group):
    """A delegated connection: three accept signatures, `act` in the token, the delegator in the log."""
    consumer, provider = pair
    with group.peer("opdrachtgever") as delegator:
        for peer in (consumer, provider):
            peer.meet(delegator.id, delegator.manager_address)
            delegator.meet(peer.id, peer.manager_address)
        data = consumer.connection(provider.id, "bestanden", delegator={"peer_id": delegator.id})
        data["type"] = "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"
        contract = consumer.submit(consumer.new_content(data))
        for peer in (consumer, provider, delegator):
            wait_for(lambda known=peer.contracts: known.get(contract.hash).state == "valid", "all accept")
        answer, transaction_id = consumer.outway.call(consumer.own_hash(contract), "GET", "/small.bin")
        assert answer.status == 200
        [record] = delegator.fetch_all(provider.id, "logs", transaction_ids=transaction_id)
        assert record["source"]["delegator_peer_id"] == delegator.id


def test_lists_come_in_pages(agreed):
    consumer, provider, contract = agreed
    for _ in range(5):
        consumer.outway.call(consumer.own_hash(contract), "HEAD", "/small.bin")
    everything = [record["transaction_id"] for record in consumer.fetch_all(provider.id, "logs")]
    paged = [record["transaction_id"] for record in consumer.fetch_all(provider.id, "logs", limit=2)]
    assert len(everything) == 5 and paged == everything


def test_a_refusal_to_sign_is_told(pair):
    consumer, provider = pair
    provider.decide = lambda _contract: "reject"
    contract = consumer.submit(consumer.new_content(consumer.connection(provider.id, "bestanden")))
    wait_for(lambda: contract.state == "rejected", "the provider rejects")
    with pytest.raises(TokenRefused):
        consumer.outway.token(consumer.own_hash(contract))
    with pytest.raises(Refused):
        consumer.submit({**contract.content, "group_id": "another"})
