"""Which files a node writes: those of its data directory, and no others."""

import os
import subprocess

import pytest

from support import read_only
from support.checks import eventually, record_of
from support.steps import authorised, called
from support.wire import UnixClient

SERVICE = "inkomens"


@pytest.mark.skipif(not read_only.is_possible(), reason="this account may not make a mount namespace")
def test_everything_but_the_data_directory_may_be_read_only(world, consumer, echo):
    """No exchange, socket, revocation list, renewal or restart needs another place, `/tmp` included."""
    node = world.node("provider", within=read_only.within)
    writable = read_only.writable_mounts(node.process.pid)
    assert str(node.folder) in writable
    assert not {"/", "/tmp", "/dev/shm", os.environ.get("TMPDIR", "/tmp")} & writable, writable
    node.add_service(SERVICE, echo.url)
    _, _, token, _ = authorised(node, consumer, SERVICE)
    transaction, answer = called(node, consumer, token, method="POST", body=b"x" * 3_000_000)
    assert answer.status == 200 and answer.json()["length"] == 3_000_000, answer
    record_of(consumer, node, transaction)

    made = node.cli("application", "add", "nachtrun", "--socket")
    eventually(lambda: os.path.exists(made["socket"]), "socket of the application")
    assert UnixClient(made["socket"]).request("GET", "/niets/x").status in (403, 404)
    node.authority.write_lists(node.folder)
    node.cli("reload")
    doctor = subprocess.run(
        [*read_only.within(node.folder), node.binary, "--data", str(node.folder), "doctor"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert doctor.returncode == 0, doctor
    assert node.stop() == 0
    node.start()
    # After a start contracts are compared with the counterpart before it is served.
    eventually(lambda: called(node, consumer, token)[1].status == 200, "call after the restart")
    assert [line for line in node.stderr if "Read-only" in line] == []
