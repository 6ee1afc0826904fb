"""The node under test against a peer that shares nothing with it but the text of the standard."""

import pytest

from .agreements import agree, application, connect, known, record_at, same_transaction, state, wait_for
from .gateway import TokenRefused
from .transaction_log import is_transaction_id, new_transaction_id
from .web_server import request

RANGE = {"Range": "bytes=1000-1999"}
# What must come through unaltered, by the name of the case.
REQUESTS = {
    "a small file": ("GET", "/small.bin", {}, None),
    "a file of 5 MB": ("GET", "/large.bin", {}, None),
    "HEAD": ("HEAD", "/large.bin", {}, None),
    "a part of a file": ("GET", "/large.bin", RANGE, None),
    "an impossible part": ("GET", "/small.bin", {"Range": "bytes=99999999-"}, None),
    "several parts": ("GET", "/small.bin", {"Range": "bytes=0-9,20-29"}, None),
    "a file that has not changed": ("GET", "/small.bin", {"If-Modified-Since": "Fri, 31 Dec 2100 00:00:00 GMT"}, None),
    "a method the service lacks": ("POST", "/small.bin", {"Content-Type": "text/plain"}, b"inhoud"),
    "a large body the service refuses": ("PUT", "/small.bin", {}, b"x" * 500_000),
    "no such file": ("GET", "/ontbreekt", {}, None),
    "an encoded path": ("GET", "/map%20met%20spatie/%C3%A9.txt?a=1%2F2&b=%20", {}, None),
    "a path that is not normal": ("GET", "/map%20met%20spatie/../small.bin?x=/../y", {}, None),
    "a redirection": ("GET", "/old", {}, None),
    "an empty answer": ("GET", "/nothing", {}, None),
}
COMPARED = ("content-type", "content-length", "content-range", "etag", "last-modified", "accept-ranges", "location")


def same(through, direct, case):
    """The answer through the gateways is the service's own (Core 4.6.1.4, 4.7.2.2)."""
    assert through.status == direct.status, case
    # nginx chooses a new boundary for each answer of several parts.
    if not (direct.header("Content-Type") or "").startswith("multipart/"):
        assert through.body == direct.body, case
        for name in COMPARED:
            assert through.header(name) == direct.header(name), f"{case}: {name}"


def arrived(files, text):
    """The one line about a request in nginx's log, which nginx writes after it has answered."""
    log = files.directory / "headers.log"
    if not log.exists():
        pytest.fail("this test needs nginx, whose log has the headers")
    lines = wait_for(lambda: [line for line in log.read_text().splitlines() if text in line], "the request is logged")
    assert len(lines) == 1
    return lines[0].split(" | ")


# Direction A: the Python peer uses a service of the node


@pytest.mark.parametrize("kind", ["RSA-2048", "P-256", "P-384"])
def test_the_peer_uses_a_service_of_the_node(node, new_peer, files, kind):
    peer = new_peer("afnemer", kind=kind)
    contract = connect(peer, node)
    answer, transaction_id = peer.outway.call(peer.own_hash(contract), "GET", "/small.bin")
    assert (answer.status, answer.body) == (200, files.file("small.bin"))
    [own] = peer.log.records()
    same_transaction(record_at(peer, node, transaction_id), own)
    [listed] = node.run("record", "list", "--transaction", transaction_id)["items"]
    assert listed["transaction_id"] == transaction_id
    assert listed["direction"] == "incoming" and listed["service"] == "bestanden"
    assert listed["consumer"] == f"oin:{peer.id}" and listed["wire"]["grant_hash"] == peer.own_hash(contract)
    assert peer.refused == [] and peer.undelivered == []


def test_the_node_passes_every_request_and_answer_unaltered(node, new_peer, files):
    peer = new_peer("afnemer")
    grant = peer.own_hash(connect(peer, node))
    for case, (method, target, headers, body) in REQUESTS.items():
        direct = files.request(method, target, headers, body)
        through, transaction_id = peer.outway.call(grant, method, target, headers, body)
        same(through, direct, case)
    record_at(peer, node, transaction_id)
    own = {record["transaction_id"]: record for record in peer.log.records()}
    theirs = peer.fetch_all(node.id, "logs")
    assert len(theirs) == len(own) == len(REQUESTS)
    for record in theirs:
        same_transaction(record, own[record["transaction_id"]])


def test_the_service_gets_the_token_and_the_transaction_id(node, new_peer, files):
    """Core 4.7.1.3 and Logging 3.3.1.1; what arrived is in the web server's own log."""
    peer = new_peer("afnemer")
    grant = peer.own_hash(connect(peer, node))
    token, _ = peer.outway.token(grant)
    _, transaction_id = peer.outway.call(grant, "GET", "/small.bin?dit-verzoek")
    target, seen_id, _, authorization = arrived(files, "?dit-verzoek")
    assert (target, seen_id) == ("GET /small.bin?dit-verzoek", transaction_id)
    assert authorization.removeprefix("Bearer ") == token


def test_the_inway_of_the_node_refuses_what_the_standard_names(node, new_peer):
    peer, thief = new_peer("afnemer"), new_peer("dief")
    token, claims = peer.outway.token(peer.own_hash(connect(peer, node)))

    def call(sender, sent, transaction_id):
        answer = sender.outway.send(sent, claims, transaction_id, "GET", "/small.bin")
        error = answer.json()
        assert error["domain"] == "ERROR_DOMAIN_INWAY" and answer.header("Fsc-Error-Code") == error["code"]
        assert answer.status != 401 or answer.header("WWW-Authenticate") == "Bearer"
        return answer.status, error["code"]

    fresh, _, signature = new_transaction_id(), *token.rpartition(".")[1:]
    assert call(peer, "", fresh) == (401, "ERROR_CODE_ACCESS_TOKEN_MISSING")
    assert call(peer, "geen.token", fresh) == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert call(peer, token.replace(signature, signature[::-1]), fresh) == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert call(thief, token, fresh) == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert call(peer, token, None) == (400, "MISSING_LOG_RECORD_ID")
    assert call(peer, token, "geen-uuid") == (400, "INVALID_LOG_RECORD_ID")


# Direction B: an application of the node's organisation uses a service of the Python peer


@pytest.mark.parametrize("kind", ["RSA-2048", "P-256", "P-384"])
def test_an_application_behind_the_node_uses_a_service_of_the_peer(node, new_peer, files, kind):
    peer = new_peer("aanbieder", kind=kind)
    peer.services["bronnen"] = files.url
    agree(node, peer, "bronnen")
    headers = application(node, f"zaaksysteem-{kind.lower()}", peer, "bronnen")
    before, transaction_ids = len(peer.log.records()), []
    for case, (method, target, extra, body) in REQUESTS.items():
        direct = files.request(method, target, extra, body)
        through = request(node.outway_port, method, f"/bronnen{target}", {**headers, **extra}, body)
        same(through, direct, case)
        transaction_ids.append(through.header("Fsc-Transaction-Id"))
        assert is_transaction_id(transaction_ids[-1]), case
    record_at(peer, node, transaction_ids[-1])
    own = peer.log.records()[before:]
    assert [record["transaction_id"] for record in own] == transaction_ids
    theirs = {record["transaction_id"]: record for record in peer.fetch_all(node.id, "logs")}
    for record in own:
        same_transaction(record, theirs[record["transaction_id"]])
    [listed] = node.run("record", "list", "--transaction", transaction_ids[-1])["items"]
    assert listed["direction"] == "outgoing" and listed["provider"] == f"oin:{peer.id}"
    assert peer.refused == [] and peer.undelivered == []


def test_the_credential_of_an_application_stays_in_its_organisation(node, new_peer, files):
    peer = new_peer("aanbieder")
    peer.services["bronnen"] = files.url
    agree(node, peer, "bronnen")
    headers = application(node, "geheim", peer, "bronnen")
    assert request(node.outway_port, "GET", "/bronnen/small.bin?geheim", headers).status == 200
    assert arrived(files, "?geheim")[2] == "-"


def test_the_node_finds_the_counterpart_of_its_record_at_the_peer(node, new_peer, files):
    peer = new_peer("aanbieder")
    peer.services["bronnen"] = files.url
    agree(node, peer, "bronnen")
    headers = application(node, "controle", peer, "bronnen")
    transaction_id = request(node.outway_port, "GET", "/bronnen/small.bin", headers).header("Fsc-Transaction-Id")
    record_at(peer, node, transaction_id)
    arguments = ("record", "list", "--transaction", transaction_id, "--peer-record", peer.id)
    assert transaction_id in str(node.run(*arguments)["items"])


def test_errors_of_the_inway_reach_the_application_unaltered(node, new_peer, files):
    """Core 4.6.1.4."""
    peer = new_peer("aanbieder")
    peer.services["bronnen"] = files.url
    agree(node, peer, "bronnen")
    headers = application(node, "fouten", peer, "bronnen")
    assert request(node.outway_port, "GET", "/bronnen/small.bin", headers).status == 200
    peer.services["bronnen"] = "http://127.0.0.1:1"
    answer = request(node.outway_port, "GET", "/bronnen/small.bin", headers)
    assert (answer.status, answer.header("Fsc-Error-Code")) == (502, "ERROR_CODE_SERVICE_UNREACHABLE")
    assert answer.json()["domain"] == "ERROR_DOMAIN_INWAY"


# Revocation and rejection


def test_the_peer_revokes_what_it_uses(node, new_peer):
    peer = new_peer("afnemer")
    contract = connect(peer, node)
    token, claims = peer.outway.token(peer.own_hash(contract))
    peer.sign(contract, "revoke")
    wait_for(lambda: state(node, contract.hash) == "revoked", "the node hears of it")
    with pytest.raises(TokenRefused):
        peer.outway.token(peer.own_hash(contract), fresh=True)
    # The group's profile has the inway ask for the contract at each request; Core 4.7.1.2 by itself does not.
    wait_for(
        lambda: peer.outway.send(token, claims, new_transaction_id(), "GET", "/small.bin").status in (401, 403),
        "the inway refuses the token that has not expired",
    )
    [seen] = [found for found in peer.fetch_all(node.id, "contracts") if found["content"] == contract.content]
    assert set(seen["signatures"]["accept"]) == {peer.id, node.id} and set(seen["signatures"]["revoke"]) == {peer.id}


def test_the_node_revokes_what_the_peer_uses(node, new_peer):
    peer = new_peer("afnemer")
    contract = connect(peer, node)
    node.run("contract", "revoke", contract.hash)
    wait_for(lambda: contract.state == "revoked", "the peer hears of it")
    assert set(contract.signatures["revoke"]) == {node.id}
    with pytest.raises(TokenRefused):
        peer.outway.token(peer.own_hash(contract))
    assert peer.refused == []


@pytest.mark.parametrize("by", ["node", "peer"])
def test_an_application_is_refused_once_its_contract_is_revoked(node, new_peer, files, by):
    peer = new_peer("aanbieder")
    peer.services["bronnen"] = files.url
    agreed = agree(node, peer, "bronnen")
    headers = application(node, f"ingetrokken-{by}", peer, "bronnen")
    assert request(node.outway_port, "GET", "/bronnen/small.bin", headers).status == 200
    if by == "node":
        node.run("contract", "revoke", agreed)
    else:
        peer.sign(peer.contracts.get(agreed), "revoke")
    wait_for(lambda: state(node, agreed) == "revoked" and known(peer, agreed, "revoked"), "both know it")
    wait_for(lambda: request(node.outway_port, "GET", "/bronnen/small.bin", headers).status == 403, "it is refused")
    before = len(peer.log.records())
    answer = request(node.outway_port, "GET", "/bronnen/small.bin", headers)
    assert answer.status == 403 and answer.json()["domain"] == "ERROR_DOMAIN_OUTWAY"
    assert len(peer.log.records()) == before


def test_the_peer_rejects_a_proposal_of_the_node(node, new_peer, files):
    peer = new_peer("aanbieder", decide=lambda _contract: "reject")
    peer.services["bronnen"] = files.url
    proposed = node.run("contract", "propose", f"{peer.id}/bronnen")
    wait_for(lambda: state(node, proposed["hash"]) == "rejected", "the node hears of it")


def test_a_peer_that_was_away_gets_the_revocation(node, new_peer):
    peer = new_peer("afnemer")
    contract = connect(peer, node)
    peer.stop()
    node.run("contract", "revoke", contract.hash)
    wait_for(lambda: node.run("outbox")["items"], "the node has a message to deliver")
    assert contract.state == "valid"
    peer.start()
    wait_for(lambda: contract.state == "revoked", "the node delivers after the peer came back", seconds=20)
    wait_for(lambda: not node.run("outbox")["items"], "nothing is left to deliver")


# Directories


def test_the_node_is_a_directory_for_the_peer(directory, node, new_peer):
    peer = new_peer("uitgever")
    data = peer.publication(directory.id, f"register-{peer.host}")
    contract = peer.submit(peer.new_content(data))
    wait_for(lambda: contract.state == "valid", "the directory signs")
    [listed] = peer.fetch_all(directory.id, "services", service_name=f"REGISTER-{peer.host}")
    assert listed["data"] == {
        "type": "SERVICE_TYPE_SERVICE",
        "peer": {"id": peer.id, "name": peer.name, "manager_address": peer.manager_address},
        "name": f"register-{peer.host}",
        "protocol": "PROTOCOL_TCP_HTTP_1.1",
    }
    assert any(item["name"] == f"register-{peer.host}" for item in node.run("service", "find")["items"])
    peer.sign(contract, "revoke")
    wait_for(lambda: not peer.fetch_all(directory.id, "services", service_name=peer.host), "it is listed no more")


def test_the_node_publishes_at_a_directory_of_either_kind(directory, python_directory, node, new_peer):
    reader = new_peer("lezer")
    reader.meet(python_directory.id, python_directory.manager_address)
    for at in (directory, python_directory):
        node.run("service", "publish", "bestanden", "--directory", at.id)
        listed = wait_for(lambda at=at: reader.fetch_all(at.id, "services", peer_id=node.id), "the service is listed")
        assert [entry["data"]["name"] for entry in listed] == ["bestanden"]
        assert listed[0]["data"]["peer"]["manager_address"] == node.manager_address
    assert python_directory.peers[node.id]["name"] == node.name
    assert python_directory.refused == []


def test_the_directory_lists_who_announced(directory, node, new_peer):
    peer = new_peer("nieuwkomer")
    assert peer.meet(directory.id, directory.manager_address)["peer_name"] == directory.name
    [listed] = peer.fetch_all(directory.id, "peers", peer_id=peer.id)
    assert listed == {"id": peer.id, "name": peer.name, "manager_address": peer.manager_address}
    [found] = peer.fetch_all(directory.id, "peers", peer_name="GEMEENTE VOOR")
    assert found["id"] == node.id
    everybody = [entry["id"] for entry in peer.fetch_all(directory.id, "peers")]
    assert [entry["id"] for entry in peer.fetch_all(directory.id, "peers", limit=1)] == everybody
    assert {node.id, peer.id} <= set(everybody)


def test_a_publication_for_another_peer_is_listed_with_its_delegator(directory, new_peer):
    publisher, owner = new_peer("dienstverlener"), new_peer("eigenaar")
    data = publisher.publication(directory.id, "uitbesteed", delegator={"peer_id": owner.id})
    contract = publisher.submit(
        publisher.new_content({**data, "type": "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION"})
    )
    wait_for(lambda: contract.state == "valid", "all three sign")
    [listed] = wait_for(lambda: owner.fetch_all(directory.id, "services", service_name="uitbesteed"), "it is listed")
    assert listed["data"]["type"] == "SERVICE_TYPE_DELEGATED_SERVICE"
    assert listed["data"]["delegator"] == {"peer_id": owner.id, "peer_name": owner.name}
