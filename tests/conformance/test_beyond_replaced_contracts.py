"""Beyond the suite: the contract that followed from a version that was replaced stands as long as a stream under it may go on,
and is ended when the term of its version is over, also where its own dates are later."""

import json
import time

from test_beyond_change import widened

from support.agreements import ask, conclude, document, rfc_3339, write
from support.between_two import consumer, folder, provider, token  # noqa: F401
from support.checks import eventually
from support.clock import shifted
from support.streams import lines, source, with_years  # noqa: F401

HOUR = 3600


def states(organisation, digest):
    """Of the contracts that name a version."""
    contracts = organisation.node.cli("contract", "list")["items"]
    return {one["state"] for one in contracts if digest in json.dumps(one)}


def later(organisations, seconds):
    """Starts their nodes again with clocks that are ahead."""
    for each in organisations:
        each.node.stop()
    for each in organisations:
        each.node.environment = each.node.environment | shifted(seconds)
        each.node.start()


def test_the_contract_of_a_replaced_version_ends_with_its_term(consumer, provider, token, folder):
    both, drafter = (consumer, provider), consumer.people["drafter"]
    # A contract runs for a whole day at least, and so beyond this term.
    first = consumer.drafts(with_years(document(provider.node, consumer.node, until=12 * HOUR)), folder)
    conclude(consumer, provider, first)
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 30)
    content = widened(drafter.afar("agreement", "document", first))
    content["term"]["until"] = rfc_3339(time.time() + 30 * 24 * HOUR)
    moment = rfc_3339(time.time() + 6 * HOUR)
    second = drafter.afar("agreement", "amend", first, write(folder, content), "--from", moment)["hash"]
    conclude(consumer, provider, second)
    for each in both:
        eventually(lambda one=each: states(one, first) == states(one, second) == {"valid"}, "both contracts", 30)

    later(both, 7 * HOUR)
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the second", 60)
    for each in both:
        assert each.agreement(first)["stage"] == "replaced" and states(each, first) == {"valid"}

    later(both, 13 * HOUR)
    for each in both:
        eventually(lambda one=each: states(one, first) == {"revoked"}, "the end of the first contract", 60)
        assert each.agreement(first)["stage"] == "expired" and states(each, second) == {"valid"}
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the second", 60)
