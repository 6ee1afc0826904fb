"""A node split over processes that share one PostgreSQL."""

import time

import pytest

from support.checks import eventually
from support.node import NodeFault
from support.postgres import IS_MISSING, REASON, empty_database

SERVICE = "inkomens"

pytestmark = pytest.mark.skipif(IS_MISSING, reason=REASON)


@pytest.fixture
def database():
    with empty_database() as address:
        yield address


def put_secret(node, text):
    secret = node.folder / "database-url.txt"
    secret.write_text(text + "\n")
    secret.chmod(0o600)


@pytest.fixture
def node(world, database):
    """Not started; its database's address comes from a file."""
    made = world.node(
        "provider",
        directory_role=True,
        accept=True,
        roles="manager",
        settings={"database": {"file": "database-url.txt"}},
        start=False,
    )
    put_secret(made, database)
    yield made
    made.stop()


def test_manager_and_gateways_apart(node, echo):
    """What is set at the manager counts at the gateways, and an outage of the manager does not stop calls."""
    node.start()
    gateways = node.another_process("inway,outway").start()
    try:
        node.add_service(SERVICE, echo.url)
        proposed = node.propose(node.id, SERVICE)
        eventually(lambda: node.cli("contract", "show", proposed["hash"])["state"] == "valid", "valid contract")
        token = node.add_application("balie")
        node.allow("balie", node.id, SERVICE, "inkomens")
        answer = eventually(
            lambda: (found := node.outway("/inkomens/x", token)).status == 200 and found, "call through the gateways"
        )
        assert answer.json()["target"] == "/x"
        transaction = answer.headers["Fsc-Transaction-Id"]
        listing = ("record", "list", "--transaction", transaction)
        eventually(
            lambda: {each["direction"] for each in node.cli(*listing)["items"]} == {"incoming", "outgoing"},
            "both records",
        )

        node.kill()
        assert node.outway("/inkomens/x", token).status == 200
        node.start()
        node.revoke(proposed["hash"])
        eventually(lambda: node.outway("/inkomens/x", token).status != 200, "refusal after the revocation", seconds=2)
        assert gateways.stop() == 0
    finally:
        gateways.kill()


def test_a_database_that_may_forget_is_refused(node, database):
    put_secret(node, f"{database}?options=-c%20synchronous_commit%3Doff")
    started = time.monotonic()
    with pytest.raises(NodeFault, match="synchronous_commit is off"):
        node.start()
    assert time.monotonic() - started < 20
