"""Beyond the suite: announcement, redelivery and restarts (Core 4.4.1.2, 4.4.1.3, 4.4.2)."""

import errno
import threading
import time

import pytest

from support.checks import access_token, eventually, record_of, records_of, transaction_id
from support.contract import connection, contract
from support.hashing import content_hash
from support.misfortune import Disk
from support.node import NodeFault
from support.servers import Reply
from support.steps import authorised, called, conclude
from support.wire import Refused

SERVICE = "inkomens"


@pytest.fixture(scope="module")
def directory(world):
    return world.peer("directory")


@pytest.fixture(scope="module")
def node(world, echo, directory):
    made = world.node("provider", directories=[directory])
    made.add_service(SERVICE, echo.url)
    return made


def test_the_node_announces_itself(node, directory):
    """Core 4.4.2: each peer MUST announce itself to a directory, with its manager address (4.4.4)."""
    node.cli("peer", "announce")
    told = eventually(lambda: directory.manager.received("PUT", "/v1/announce"), "announcement")[-1]
    assert told.peer_id == node.id and told.headers["Fsc-Manager-Address"] == node.manager_address


def test_an_accept_goes_to_every_peer_on_the_contract(node, consumer, delegator):
    """Core 4.4.1.3: the signature MUST be propagated to each of the peers, with the manager address."""
    content = contract(connection(consumer.identity, node.id, SERVICE, publication_delegator=delegator.id))
    conclude(node, content, consumer, delegator)
    path = f"/v1/contracts/{content_hash(content)}/accept"
    for peer in (consumer, delegator):
        told = eventually(lambda: peer.manager.received("PUT", path), f"accept at {peer.id}")[0]
        assert told.peer_id == node.id and told.headers["Fsc-Manager-Address"] == node.manager_address
        assert told.json()["content"] == content


def test_a_peer_that_was_down_gets_the_signature(node, consumer):
    """Core 4.4.1.3 recommends retries; the Digikoppeling profile demands them."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    assert consumer.submit(node.manager_address, content).status == 201
    consumer.manager.stop()
    node.accept(content_hash(content))
    path = f"/v1/contracts/{content_hash(content)}/accept"
    assert consumer.manager.received("PUT", path) == []
    consumer.manager.start()
    eventually(lambda: consumer.manager.received("PUT", path), "accept after the peer came back", 20)


def test_a_signature_that_was_not_delivered_survives_a_restart(node, consumer):
    """What must reach another party is kept until it did, across restarts."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    assert consumer.submit(node.manager_address, content).status == 201
    consumer.manager.stop()
    node.accept(content_hash(content))
    time.sleep(0.5)  # The first attempt has failed by then.
    node.stop()
    consumer.manager.start()
    node.start()
    path = f"/v1/contracts/{content_hash(content)}/accept"
    eventually(lambda: consumer.manager.received("PUT", path), "accept after the restart", 20)


def test_a_kill_in_the_middle_of_a_delivery_does_not_hold_it_up(node, consumer):
    """The node dies after it sent a signature and before the answer; after its restart it sends it again at once."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    assert consumer.submit(node.manager_address, content).status == 201
    path = f"/v1/contracts/{content_hash(content)}/accept"
    consumer.hold = threading.Event()
    try:
        node.accept(content_hash(content))
        eventually(lambda: consumer.manager.received("PUT", path), "first delivery")
        node.kill()
    finally:
        consumer.hold.set()
        consumer.hold = None
    consumer.manager.forget()
    node.start()
    eventually(lambda: consumer.manager.received("PUT", path), "second delivery after the restart", 20)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_keeps_contracts_services_and_records(node, consumer, end):
    """After SIGTERM and after SIGKILL: the contract is listed with its signatures, gives a token, and the record of an
    earlier call is there; its transaction id is still used."""
    content, scope, token, _ = authorised(node, consumer, SERVICE)
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200
    before = consumer.contract_at(node.manager_address, content_hash(content))
    status = getattr(node, end)()
    assert end == "kill" or status == 0, f"SIGTERM ends with status {status}"
    node.start()
    assert consumer.contract_at(node.manager_address, content_hash(content)) == before
    assert record_of(consumer, node, transaction)["grant_hash"] == scope
    answer = consumer.token(node.manager_address, scope)
    fresh, _ = access_token(answer, by=node, of=consumer, grant_hash=scope, service=SERVICE)
    # The node first compares its contracts with the consumer's.
    eventually(lambda: called(node, consumer, fresh)[1].status == 200, "answer after the restart")
    assert called(node, consumer, fresh, transaction=transaction)[1].status >= 400


def test_a_kill_under_load_leaves_no_answer_without_a_record(node, consumer, echo):
    """Logging 3.3.1.1: whatever was answered, and whatever reached the service, has its record."""
    _, _, token, _ = authorised(node, consumer, SERVICE)
    echo.forget()
    answered, going = [], threading.Event()

    def caller():
        while not going.is_set():
            transaction = transaction_id()
            try:
                if called(node, consumer, token, transaction=transaction)[1].status == 200:
                    answered.append(transaction)
            except (Refused, OSError):
                return

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for each in threads:
        each.start()
    eventually(lambda: len(answered) > 30, "thirty answers", 15)
    node.kill()
    going.set()
    for each in threads:
        each.join()
    node.start()
    reached = {each.headers["Fsc-Transaction-Id"] for each in echo.received()}
    assert set(answered) <= reached
    for transaction in reached:
        record_of(consumer, node, transaction)


def test_a_second_process_on_the_data_directory_is_refused(node, stranger):
    """One process holds a data directory."""
    with pytest.raises(NodeFault):
        node.cli("serve")
    assert records_of(stranger, node, transaction_id()) == []


def test_a_new_address_is_told_to_those_with_contracts(node, directory, consumer, stranger):
    """Core 4.4.2: when the manager's address changes, the directory and the peers with contracts are told; others not."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    conclude(node, content, consumer)
    assert stranger.announce(node.manager_address).status == 200
    node.stop()
    for each in (directory, consumer, stranger):
        each.manager.forget()
    node.move_manager()
    node.start()
    for each in (directory, consumer):
        told = eventually(lambda each=each: each.manager.received("PUT", "/v1/announce"), f"announcement at {each.id}")
        assert told[0].headers["Fsc-Manager-Address"] == node.manager_address
    assert stranger.manager.received("PUT", "/v1/announce") == []


def test_pauses_between_tries_grow(node, stranger):
    """Digikoppeling REST-API 4.0.1 3.4.3.6: exponential backoff; what is refused for now is tried again, and arrives."""
    content = contract(connection(stranger.identity, node.id, SERVICE))
    assert stranger.submit(node.manager_address, content).status == 201
    path = f"/v1/contracts/{content_hash(content)}/accept"
    tries, before = [], stranger.answer

    def unwilling(request):
        if request.path == path and len(tries) < 3:
            tries.append(time.monotonic())
            return Reply(503)
        return before(request)

    stranger.answer = unwilling
    try:
        node.accept(content_hash(content))
        eventually(lambda: len(stranger.manager.received("PUT", path)) > 3, "the accept that is taken", 20)
    finally:
        stranger.answer = before
    pauses = [later - earlier for earlier, later in zip(tries, tries[1:], strict=False)]
    assert pauses[0] >= 0.9 and all(later > 1.5 * earlier for earlier, later in zip(pauses, pauses[1:], strict=False))
    assert node.id in stranger.contracts[content_hash(content)]["signatures"]["accept"]


@pytest.mark.parametrize("error", [errno.EROFS, errno.ENOSPC, errno.EIO], ids=["read only", "full", "broken"])
def test_a_disk_that_fails_for_a_while(world, consumer, echo, tmp_path, error):
    """What cannot be written is refused and not forwarded; when the disk can be written again, the node serves again by
    itself. SQLite opens for reading what it cannot open for writing, and must not stay with that."""
    disk = Disk(tmp_path)
    node = world.node("provider", accept=True, environment=disk.environment)
    node.add_service(SERVICE, echo.url)
    token = authorised(node, consumer, SERVICE)[2]
    assert called(node, consumer, token)[1].status == 200
    echo.forget()
    with disk.fails(error):
        for _ in range(4):
            _, answer = called(node, consumer, token)
            assert (answer.status, answer.json()["code"]) == (500, "TRANSACTION_LOG_WRITE_ERROR")
        assert echo.received() == []
    eventually(lambda: called(node, consumer, token)[1].status == 200, "service after the disk was well again", 15)
