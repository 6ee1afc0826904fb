"""Beyond the suite: a participant that was bound by what it accepted on the wire moves to this program. Its new node learns from
its counterparts what it is bound by, judges its own earlier signature, and goes on under it."""

from test_beyond_foreign_among_many import (  # noqa: F401
    OTHER,
    asks,
    everybody,
    of_both,
    offered,
    provider,
    register,
    second,
    signs,
    third,
)

from support.agreements import AGREED, SERVICE, allowed, ask, joined
from support.between_two import folder, source  # noqa: F401
from support.checks import eventually
from support.foreign import MARK, names, party, wire


def test_what_it_accepted_is_in_force_at_its_new_node(
    world, authority, folder, provider, second, third, everybody, asks, register
):
    content = of_both(provider, second, third, asks, register)
    digest = offered(provider, (second, third), content, folder)
    for each in everybody:
        signs(each, digest)
    for organisation, service in ((provider, SERVICE), (second, OTHER)):
        contract = wire(organisation, asks, service, names(content, digest))
        assert asks.submit(organisation.node.manager_address, contract).status == 201
    for each in everybody:
        each.sees(digest, "signed")

    asks.stop()
    moved = joined(world, authority, folder, provider, role="consumer")
    moved.sees(digest, "signed")
    assert party(moved, digest, asks)["bound"] == MARK
    assert moved.agreement(digest)["in_force"]
    # It has a key of its own now: a contract with that one follows by itself, and an application gets its answer.
    token = allowed(moved, provider)
    got = eventually(lambda: (a := ask(moved, token)).status == 200 and a, "an answer at the new node", 60)
    assert got.json() == AGREED
    # It is a node from here on, and what ends is ended as among nodes.
    eventually(lambda: provider.node.cli("peer", "show", asks.id)["interface"] == "verbond", "a node", 60)
    moved.people["signatory"].afar("agreement", "revoke", digest, "--reason", "No longer needed.")
    for each in everybody:
        each.sees(digest, "revoked")
