"""Beyond the suite: the peer of this suite and the node exchange in both directions, over an ordinary web server.

The peer is written from the standard's text alone. The files are made for the run.
"""

import functools
import hashlib
import http.server
import os
import threading

import pytest

from support.checks import eventually, log_record, record_of
from support.hashing import content_hash, grant_hash
from support.servers import Reply
from support.steps import authorised, called


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of files with unforeseeable content, and the web server in front of it: folder and address."""
    folder = tmp_path_factory.mktemp("bestanden")
    (folder / "map").mkdir()
    for name, size in (("leeg.bin", 0), ("klein.txt", 1000), ("map/groot.bin", 4_000_000), ("met spatie.csv", 20_000)):
        (folder / name).write_bytes(os.urandom(size))
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_the_peer_consumes_from_the_node(world, consumer, files):
    """Peer's outway, node's inway, web server: each file byte for byte, each call with its record."""
    folder, address = files
    node = world.node("provider", accept=True)
    node.add_service("bestanden", address)
    _, scope, token, _ = authorised(node, consumer, "bestanden")
    for name in ("leeg.bin", "klein.txt", "map/groot.bin", "met%20spatie.csv"):
        transaction, answer = called(node, consumer, token, path=f"/{name}")
        assert answer.status == 200, answer
        assert digest(answer.body) == digest((folder / name.replace("%20", " ")).read_bytes())
        log_record(
            record_of(consumer, node, transaction),
            transaction=transaction,
            direction="DIRECTION_INCOMING",
            grant_hash=scope,
            outway=consumer.id,
            provider=node.id,
            service="bestanden",
        )
    transaction, answer = called(node, consumer, token, path="/bestaat-niet")
    assert answer.status == 404 and record_of(consumer, node, transaction)


def test_the_node_consumes_from_the_peer(world, files):
    """Application, node's outway, peer's inway: each file byte for byte, each call with its record."""
    folder, _ = files
    node = world.node("consumer")
    provider = world.peer("provider", accepts=True)
    provider.inway.respond = lambda request: Reply(
        200, (folder / request.path.lstrip("/")).read_bytes(), {"Content-Type": "application/octet-stream"}
    )
    assert provider.announce(node.manager_address).status == 200
    token = node.add_application("lezer")
    node.allow("lezer", provider.id, "bestanden", "bestanden")
    node.propose(provider.id, "bestanden")

    def valid():
        for each in list(provider.contracts.values()):
            held = provider.contract_at(node.manager_address, content_hash(each["content"]))
            if held and provider.id in held["signatures"]["accept"]:
                return grant_hash(each["content"])
        return None

    scope = node.in_force(eventually(valid, "valid contract"))
    for name in ("leeg.bin", "klein.txt", "map/groot.bin", "met%20spatie.csv"):
        answer = node.outway(f"/bestanden/{name}", token)
        assert answer.status == 200, answer
        assert digest(answer.body) == digest((folder / name.replace("%20", " ")).read_bytes())
        transaction = answer.headers["Fsc-Transaction-Id"]
        log_record(
            record_of(provider, node, transaction),
            transaction=transaction,
            direction="DIRECTION_OUTGOING",
            grant_hash=scope,
            outway=node.id,
            provider=provider.id,
            service="bestanden",
        )
