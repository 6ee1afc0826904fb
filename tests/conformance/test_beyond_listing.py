"""Beyond the suite: paging, filters and paths of the manager's interface (manager.yaml, logging.yaml)."""

import time
from urllib.parse import quote

import pytest

from support.checks import access_token, eventually, manager_refuses, records_of, token_refused, transaction_id
from support.contract import connection, contract, domain_identification, publication
from support.hashing import READINGS, content_hash, grant_hash
from support.signing import contract_signature
from support.steps import authorised, called, conclude

SERVICE = "inkomens"


@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("provider", directory_role=True)
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def batch(node, stranger):
    """Seven contracts of one peer, of which five have the same creation time: the contents, oldest first."""
    moment = int(time.time()) - 100
    contents = []
    for number, age in enumerate((50, 0, 0, 0, 0, 0, -50)):
        grant = connection(
            stranger.identity, node.id, SERVICE, identification=domain_identification(f"h{number}.waterschap.test")
        )
        content = contract(grant, created_at=moment - age)
        assert stranger.submit(node.manager_address, content).status == 201
        contents.append(content)
    return contents


@pytest.mark.parametrize("order", ["SORT_ORDER_ASCENDING", "SORT_ORDER_DESCENDING", None])
@pytest.mark.parametrize("limit", ["1", "2", "3", "1000"])
def test_pages_hold_each_contract_once(node, stranger, batch, order, limit):
    """Contracts are sorted by creation date, descending by default; equal dates are neither lost nor repeated at the
    edge of a page."""
    more = {"sort_order": order} if order else {}
    held = stranger.all_of(node.manager_address, "/contracts", "contracts", limit=limit, **more)
    ivs = [each["content"]["iv"] for each in held]
    assert sorted(ivs) == sorted(each["iv"] for each in batch)
    moments = [each["content"]["created_at"] for each in held]
    assert moments == sorted(moments, reverse=order != "SORT_ORDER_ASCENDING")


def test_page_is_not_larger_than_asked(node, stranger, batch):
    answer = stranger.get(node.manager_address, "/contracts", limit="2")
    assert len(answer.json()["contracts"]) == 2 and answer.json()["pagination"]["next_cursor"]


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "1001"}, {"limit": "-1"}, {"limit": "veel"}, {"sort_order": "OP"}, {"cursor": "geen"}],
)
def test_parameters_outside_the_schema(node, stranger, query):
    """limit is 1 to 1000, sort_order one of two; a cursor is one that the node gave out."""
    manager_refuses(stranger.get(node.manager_address, "/contracts", **query))


def test_grant_hash_filter_ignores_paging_and_grant_type(node, stranger, batch):
    """manager.yaml: with grant_hash set, paging and the grant type filter are ignored; both readings are known."""
    wanted = batch[2:5]
    for reading in READINGS:
        hashes = ",".join(grant_hash(each, reading=reading) for each in wanted)
        answer = stranger.get(
            node.manager_address, "/contracts",
            grant_hash=hashes, limit="1", cursor="geen", grant_type="GRANT_TYPE_SERVICE_PUBLICATION",
        )  # fmt: skip
        assert answer.status == 200, answer
        found = {each["content"]["iv"] for each in answer.json()["contracts"]}
        assert found == {each["iv"] for each in wanted}, reading


def test_grant_hash_filter_shows_own_contracts_only(node, stranger, consumer, batch):
    """Core 4.4.1.5 also holds under a filter."""
    answer = consumer.get(node.manager_address, "/contracts", grant_hash=grant_hash(batch[0]))
    assert answer.status == 200 and answer.json()["contracts"] == []


def test_grant_type_filter(node, consumer):
    """grant_type returns the contracts that hold a grant of the type."""
    listing = contract(publication(node.id, consumer.id, "gefilterd"))
    link = contract(connection(consumer.identity, node.id, SERVICE))
    for each in (listing, link):
        assert consumer.submit(node.manager_address, each).status == 201
    for content, kind in ((listing, "GRANT_TYPE_SERVICE_PUBLICATION"), (link, "GRANT_TYPE_SERVICE_CONNECTION")):
        held = consumer.all_of(node.manager_address, "/contracts", "contracts", grant_type=kind)
        assert content["iv"] in [each["content"]["iv"] for each in held]
        assert {each["content"]["grants"][0]["data"]["type"] for each in held} == {kind}


@pytest.mark.parametrize("spelling", [lambda text: text, lambda text: quote(text, safe="-_")], ids=["$", "%24"])
def test_dollar_signs_in_the_path(node, consumer, delegator, spelling):
    """RFC 3986: `$` may stand in a path as such or as %24."""
    content = contract(connection(consumer.identity, node.id, SERVICE, publication_delegator=delegator.id))
    assert consumer.submit(node.manager_address, content).status == 201
    answer = delegator.sign(node.manager_address, content, "accept", path_hash=spelling(content_hash(content)))
    assert answer.status == 201, answer


@pytest.mark.parametrize("wrong", ["$2$1$", "$1$3$", "$1$1$", "geen"])
def test_path_that_is_no_content_hash_of_the_body(node, consumer, wrong):
    """Core 4.4.5.3: URL_PATH_CONTENT_HASH_MISMATCH, or UNKNOWN_HASH_ALGORITHM_HASH for an unknown algorithm."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    path_hash = wrong + content_hash(content).rsplit("$", 1)[1] if wrong not in ("$1$1$", "geen") else wrong
    answer = consumer.sign(node.manager_address, content, "accept", path_hash=path_hash)
    manager_refuses(answer, "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH", "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH")


def test_a_second_accept_replaces_the_first(node, consumer):
    """Core 4.2.7: after a renewal the peer signs again and resends."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    wanted = conclude(node, content, consumer)
    later = contract_signature(consumer.identity, content, "accept", signed_at=int(time.time()) + 1, algorithm="RS256")
    assert consumer.sign(node.manager_address, content, "accept", signature=later).status == 201
    held = consumer.contract_at(node.manager_address, wanted)
    assert held["signatures"]["accept"][consumer.id] == later
    assert held["signatures"]["accept"].keys() == {consumer.id, node.id}


def test_an_accept_brings_a_contract_that_never_came(node, consumer):
    """PUT accept carries the whole content, and 201 says that it is stored."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    assert consumer.sign(node.manager_address, content, "accept").status == 201
    held = consumer.contract_at(node.manager_address, content_hash(content))
    assert held["content"] == content and consumer.id in held["signatures"]["accept"]


def test_a_reject_ends_the_contract(node, consumer, delegator):
    """Core 3.2.1: a contract that one peer rejected is not valid, whatever accepts it has."""
    content = contract(connection(consumer.identity, node.id, SERVICE, publication_delegator=delegator.id))
    conclude(node, content, consumer, delegator)
    assert consumer.token(node.manager_address, grant_hash(content)).status == 200
    assert delegator.sign(node.manager_address, content, "reject").status == 201
    token_refused(consumer.token(node.manager_address, grant_hash(content)))


def test_both_readings_of_the_grant_hash_give_a_token(node, consumer):
    """Core 4.2.5 can be read in two ways; either is taken as scope and given back in gth."""
    content, _, _, _ = authorised(node, consumer, SERVICE)
    for reading in READINGS:
        scope = grant_hash(content, reading=reading)
        answer = consumer.token(node.manager_address, scope)
        token, _ = access_token(answer, by=node, of=consumer, grant_hash=scope, service=SERVICE)
        _, reply = called(node, consumer, token)
        assert reply.status == 200, f"{reading}: {reply}"


def test_token_response_is_not_to_be_stored(node, consumer):
    """RFC 6749 5.1."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    conclude(node, content, consumer)
    answer = consumer.token(node.manager_address, grant_hash(content))
    assert answer.headers["Cache-Control"] == "no-store"


def test_peers_are_found_by_name_and_id(node, consumer, stranger, delegator):
    """peer_name is part of the name in any case; peer_id is a list that overrides paging and name."""
    for each in (consumer, stranger, delegator):
        assert each.announce(node.manager_address).status == 200
    half = consumer.identity.name[:9].upper()
    named = consumer.all_of(node.manager_address, "/peers", "peers", peer_name=half)
    assert [each["id"] for each in named] == [consumer.id]
    listed = consumer.get(
        node.manager_address, "/peers", peer_id=f"{stranger.id},{delegator.id}", peer_name="niemand", limit="1"
    )
    assert {each["id"] for each in listed.json()["peers"]} == {stranger.id, delegator.id}


def test_an_announcement_replaces_the_address(node, consumer, stranger):
    """Core 4.4.2: the announcement shares the manager's new address."""
    for address in ("https://nieuw.waterschap.test:8443", stranger.manager_address):
        headers = {"Fsc-Manager-Address": address}
        assert stranger.send(node.manager_address, "PUT", "/v1/announce", headers=headers).status == 200
        listed = consumer.get(node.manager_address, "/peers", peer_id=stranger.id).json()["peers"]
        assert [each["manager_address"] for each in listed] == [address]


def test_services_are_found_by_provider_or_name(node, consumer, publisher, delegator):
    """manager.yaml: with several filters, services for which either is true are returned; names in any case."""
    for peer, name in ((publisher, "Kadaster-Percelen"), (delegator, "pensioen-recht"), (delegator, "overig")):
        conclude(node, contract(publication(node.id, peer.id, name)), peer)

    def names(**query):
        return {
            each["data"]["name"] for each in consumer.all_of(node.manager_address, "/services", "services", **query)
        }

    eventually(lambda: {"Kadaster-Percelen", "pensioen-recht", "overig"} <= names(), "listing of three services")
    assert names(peer_id=publisher.id) == {"Kadaster-Percelen"}
    assert names(service_name="PERCEL") == {"Kadaster-Percelen"}
    assert names(peer_id=publisher.id, service_name="recht") == {"Kadaster-Percelen", "pensioen-recht"}
    assert names(limit="1") == names()


def test_a_revoked_publication_is_no_longer_listed(node, publisher):
    """Core 4.4.1.8: a service is listed when a valid contract exists."""
    content = contract(publication(node.id, publisher.id, "tijdelijk"))
    conclude(node, content, publisher)

    def listed():
        found = publisher.all_of(node.manager_address, "/services", "services", service_name="tijdelijk")
        return bool(found)

    eventually(listed, "listing")
    assert publisher.sign(node.manager_address, content, "revoke").status == 201
    eventually(lambda: not listed(), "end of the listing")


def test_log_records_are_paged_and_filtered(node, consumer):
    """logging.yaml: paging, grant_hash and service_name as lists, transaction_ids above all other parameters."""
    _, scope, token, _ = authorised(node, consumer, SERVICE)
    ids = [called(node, consumer, token, transaction=transaction_id())[0] for _ in range(5)]
    eventually(lambda: all(records_of(consumer, node, each) for each in ids), "records of five calls")

    def listed(**query):
        found = consumer.all_of(node.manager_address, "/logs", "records", **query)
        return [each["transaction_id"] for each in found]

    for order in ("SORT_ORDER_ASCENDING", "SORT_ORDER_DESCENDING"):
        assert sorted(listed(grant_hash=scope, limit="2", sort_order=order)) == sorted(ids)
    assert set(ids) <= set(listed(service_name=f"iets-anders,{SERVICE}"))
    assert listed(service_name="iets-anders") == []
    # Wide bounds: the norm does not say whether a record at the bound counts.
    moment = int(time.time())
    assert set(ids) <= set(listed(after=str(moment - 600), before=str(moment + 600)))
    assert listed(before=str(moment - 600)) == []
    answer = consumer.get(
        node.manager_address, "/logs", transaction_ids=",".join(ids[:3]), service_name="iets-anders", limit="1"
    )
    assert {each["transaction_id"] for each in answer.json()["records"]} == set(ids[:3])


def test_a_path_that_does_not_exist(node, consumer):
    """Every refusal of the manager has the error object (Core 4.4.5.2)."""
    answer = consumer.get(node.manager_address, "/bestaat-niet")
    assert answer.status == 404, answer
