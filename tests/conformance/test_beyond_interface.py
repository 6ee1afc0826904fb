"""Beyond the suite: every path and method of the manager, and what it makes of messages that others do not send.

Core 4.4.3, 4.4.5 and manager.yaml; Logging 3.2.2 and logging.yaml.
"""

import json

import pytest

from support.checks import access_token, eventually, manager_refuses, token_refused, transaction_id
from support.contract import connection, contract, publication
from support.hashing import content_hash, grant_hash
from support.signing import contract_signature
from support.steps import authorised, called, conclude
from support.world import CAST

SERVICE = "inkomens"
METHODS = {
    "/announce": "PUT",
    "/contracts": "GET POST",
    "/contracts/hash/accept": "PUT",
    "/contracts/hash/reject": "PUT",
    "/contracts/hash/revoke": "PUT",
    "/token": "POST",
    "/peer": "GET",
    "/peers": "GET",
    "/services": "GET",
    "/.well-known/jwks.json": "GET",
    "/logs": "GET",
}


@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("provider", directory_role=True)
    made.add_service(SERVICE, echo.url)
    return made


@pytest.mark.parametrize("path", METHODS)
def test_methods_that_a_path_does_not_have(node, consumer, path):
    """Core 4.4.5.2: the error object and the code in the header; RFC 9110 15.5.6: 405 names the methods there are."""
    there = METHODS[path].split()
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"} - set(there):
        answer = consumer.send(node.manager_address, method, f"/v1{path}")
        manager_refuses(answer)
        assert answer.status == 405, f"{method} {path} gives {answer}"
        assert set(there) <= set(answer.headers["Allow"].replace(" ", "").split(",")), answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v2/peer", "//v1/peer", "/v1/peer/", "/v1/%ff", "/v1/contracts/x/sign", "/peer", "*"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "OPTIONS"])
def test_paths_that_are_not_there(node, consumer, method, path):
    answer = consumer.send(node.manager_address, method, path)
    manager_refuses(answer)
    assert answer.status == 404, answer


def test_answers_are_by_the_schemas_of_the_norm(node, consumer, delegator, publisher):
    """Core 4.4.3, Logging 3.2.2: each listing with something of every kind in it; `Caller` holds every answer of every test
    against tests/norm."""
    conclude(
        node, contract(publication(node.id, publisher.id, "namens", delegator=delegator.id, properties={"a": 1})),
        publisher, delegator,
    )  # fmt: skip
    conclude(node, contract(publication(node.id, publisher.id, "eigen")), publisher)
    _, _, token, _ = authorised(
        node, consumer, SERVICE, [delegator, publisher], delegator=delegator.id, publication_delegator=publisher.id
    )
    called(node, consumer, token)
    assert eventually(lambda: consumer.all_of(node.manager_address, "/logs", "records"), "record")
    assert {each["data"]["type"] for each in consumer.all_of(node.manager_address, "/services", "services")} >= {
        "SERVICE_TYPE_SERVICE",
        "SERVICE_TYPE_DELEGATED_SERVICE",
    }
    for path in ("/peer", "/peers", "/contracts", "/services", "/logs", "/.well-known/jwks.json"):
        assert consumer.get(node.manager_address, path).status == 200


def test_token_requests_that_are_refused_before_they_are_read(node, consumer, authority):
    """Core 4.4.5.1: /token MUST answer errors as RFC 6749 5.2 has them, whatever the reason: `error`, and 400."""
    _, name, host = CAST["consumer"]
    nameless = authority.issue(None, name, host, kind="p256")
    token_refused(consumer.token(node.manager_address, "x", identity=nameless), "invalid_client")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"", b"a=b&" * 10_000, b"x" * 3_000_000, b'{"grant_type":"client_credentials"}', b"\xff\xfe="):
        token_refused(consumer.send(node.manager_address, "POST", "/v1/token", body=body, headers=form))


def test_token_requests_of_one_who_floods(node, world, authority):
    """The same when there are too many: an OAuth client reads `error`."""
    stranger = world.peer("stranger")
    connection = stranger.client(node.manager_address).open()
    for _ in range(1000):
        answer = stranger.send(node.manager_address, "POST", "/v1/token", form={"scope": "x"}, over=connection)
        assert answer.json()["error"] == "invalid_request", answer
        if answer.status == 429:
            break
    assert answer.status == 429 and answer.headers["Retry-After"]
    connection.close()


def test_members_that_the_schema_does_not_have(node, consumer):
    """A receiver reads what it knows: unknown members beside content and signature, unknown JOSE header members, unknown
    form and query parameters."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    signature = contract_signature(consumer.identity, content, "accept")
    message = {"content": content, "signature": signature, "signatures": None, "trace": {"id": 1}}
    assert consumer.send(node.manager_address, "POST", "/v1/contracts", json_body=message).status == 201
    conclude(node, content, consumer)
    scope = grant_hash(content)
    answer = consumer.token(node.manager_address, scope, resource="https://a.test", client_assertion="x")
    access_token(answer, by=node, of=consumer, grant_hash=scope, service=SERVICE)
    for path in ("/contracts", "/peers", "/services", "/logs", "/peer", "/.well-known/jwks.json"):
        assert consumer.get(node.manager_address, path, onbekend="1", cursor="").status == 200


def test_one_contract_however_it_is_written(node, consumer):
    """Core 4.2.4: the content hash is over the canonical form, so that order, white space and notation of numbers do not
    make another contract."""
    content = contract(connection(consumer.identity, node.id, SERVICE, properties={"b": 1, "a": 2.5, "tekst": "é"}))
    signature = contract_signature(consumer.identity, content, "accept")
    turned = dict(reversed(content.items()))
    text = json.dumps({"signature": signature, "content": turned}, indent=3, ensure_ascii=False)
    text = text.replace("2.5", "25e-1").replace(f'{content["created_at"]}', f'{content["created_at"]}.0')
    for body in (text.encode(), json.dumps({"content": content, "signature": signature}).encode()):
        assert consumer.send(node.manager_address, "POST", "/v1/contracts", body=body).status == 201
    same = [
        each
        for each in consumer.all_of(node.manager_address, "/contracts", "contracts")
        if each["content"]["iv"] == content["iv"]
    ]
    assert [content_hash(each["content"]) for each in same] == [content_hash(content)]


NUMBERS = {
    "9007199254740991": 9007199254740991,
    "9007199254740993": 9007199254740992.0,
    "-9007199254740993": -9007199254740992.0,
    "18446744073709551615": 18446744073709551616.0,
    "18446744073709551617": 18446744073709551616.0,
    "999999999999999999999999999999": 1e30,
    "1E30": 1e30,
    "3.141592653589793238462643383279": 3.141592653589793,
    "0.1000000000000000055511151231257827": 0.1,
    "1e-400": 0,
    "-0": 0,
}


@pytest.mark.parametrize("written", NUMBERS)
def test_numbers_are_doubles(node, consumer, written):
    """RFC 8785 3.2.2.3, to which Core 4.1.8 refers: a number is the double nearest to it, as a JavaScript program reads
    it, so that both compute the same hash over the same bytes."""
    content = contract(connection(consumer.identity, node.id, SERVICE, properties={"getal": NUMBERS[written]}))
    signature = contract_signature(consumer.identity, content, "accept")
    body = json.dumps({"content": content, "signature": signature})
    body = body.replace(json.dumps({"getal": NUMBERS[written]}), f'{{"getal":{written}}}')
    assert f":{written}}}" in body
    answer = consumer.send(node.manager_address, "POST", "/v1/contracts", body=body.encode())
    assert answer.status == 201, answer
    held = consumer.contract_at(node.manager_address, content_hash(content))
    assert held["content"]["grants"][0]["data"]["properties"]["getal"] == NUMBERS[written]


def test_numbers_that_no_double_holds(node, consumer):
    """RFC 7493 2.2 and RFC 8785 3.2.2.3: there is no canonical form of infinity."""
    content = contract(connection(consumer.identity, node.id, SERVICE, properties={"getal": 4242}))
    body = json.dumps({"content": content, "signature": "a.b.c"}).replace("4242", "1e400")
    manager_refuses(consumer.send(node.manager_address, "POST", "/v1/contracts", body=body.encode()))


def test_empty_properties_are_properties(node, consumer):
    """Core 4.4.1.6: prp MUST be set when the grant contains the properties object."""
    _, _, _, claims = authorised(node, consumer, SERVICE, properties={})
    assert claims["prp"] == {}
    _, _, _, claims = authorised(node, consumer, SERVICE)
    assert "prp" not in claims


def test_accepts_of_the_same_second(node, consumer):
    """Core 4.2.7: the later of two accepts counts, also when `signed_at` does not tell them apart; one that was made
    earlier and overtaken does not come back."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    moment = content["created_at"]
    first, second, old = (
        contract_signature(consumer.identity, content, "accept", signed_at=at, algorithm=algorithm)
        for at, algorithm in ((moment, "RS256"), (moment, "RS384"), (moment - 100, "RS512"))
    )
    assert consumer.submit(node.manager_address, content, signature=first).status == 201
    for signature in (second, old):
        assert consumer.sign(node.manager_address, content, "accept", signature=signature).status == 201
        held = consumer.contract_at(node.manager_address, content_hash(content))
        assert held["signatures"]["accept"][consumer.id] == second


def test_several_publications_in_one_contract(node, publisher):
    """Core 4.5.1.1: allowed, though not recommended; each of the services is listed."""
    names = ("eerste-van-twee", "tweede-van-twee")
    conclude(node, contract(*(publication(node.id, publisher.id, name) for name in names)), publisher)
    listed = publisher.all_of(node.manager_address, "/services", "services", service_name="-van-twee", limit="1")
    assert sorted(each["data"]["name"] for each in listed) == sorted(names)


@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer ", "BEARER ", "Bearer  "])
def test_the_token_with_and_without_its_scheme(node, consumer, scheme):
    """Core 4.7.1.3: the header "contains the access token"; RFC 9110 11.1: a scheme's name has no case."""
    _, _, token, _ = authorised(node, consumer, SERVICE)
    headers = {"Fsc-Authorization": scheme + token, "Fsc-Transaction-Id": transaction_id()}
    assert consumer.call(node.inway_address, None, headers=headers).status == 200


def test_records_between_two_moments(node, consumer):
    """logging.yaml: records after `after` and before `before`; each alone, and both."""
    _, scope, token, _ = authorised(node, consumer, SERVICE)
    called(node, consumer, token)

    def listed(**query):
        return consumer.all_of(node.manager_address, "/logs", "records", **query)

    [record] = eventually(lambda: listed(grant_hash=scope), "record")
    moment = record["created_at"]
    assert record in listed(after=str(moment - 1)) and record in listed(before=str(moment + 1))
    assert record in listed(after=str(moment - 1), before=str(moment + 1))
    assert record not in listed(after=str(moment)) and record not in listed(before=str(moment))


def test_contracts_by_grant_hash_are_bounded_too(node, world):
    """manager.yaml has no pages with grant_hash: what does not fit in one answer is refused, whoever made it so large."""
    stranger = world.peer("stranger")
    heavy = {"onbekend": "x" * 900_000}
    hashes = []
    for _ in range(6):
        content = contract(connection(stranger.identity, node.id, SERVICE, properties=heavy))
        assert stranger.submit(node.manager_address, content).status == 201
        hashes.append(grant_hash(content))
    few = stranger.get(node.manager_address, "/contracts", grant_hash=",".join([*hashes[:3], hashes[0]]))
    assert few.status == 200 and len(few.json()["contracts"]) == 3
    manager_refuses(stranger.get(node.manager_address, "/contracts", grant_hash=",".join(hashes)))
