"""Beyond the suite: where a clause asks for a level of assurance or a human step, each request claims it or is refused, at the
consumer's own node and, whatever that node lets through, at the provider's. Both write the claim down.
"""

import pytest

from support.agreements import AGREED, allowed, ask, conclude, document
from support.between_two import consumer, folder, provider, source  # noqa: F401
from support.checks import eventually, transaction_id
from support.node import NodeFault
from support.own_end import Wire

LEVEL, HUMAN = "Verbond-Assurance-Level", "Verbond-Human-In-The-Loop"
REFERENCE = "01932f5e-7c00-7000-8000-00000000abcd"


@pytest.fixture(scope="module")
def token(consumer, provider, folder):
    """The application's token, once it has had an answer under an agreement that asks for both claims."""
    content = document(provider.node, consumer.node)
    content["clauses"][0]["conditions"] |= {
        "assurance": "substantial", "human_in_the_loop": {"who": "Case worker", "what": "Looks at the answer."},
    }  # fmt: skip
    made = allowed(consumer, provider)
    digest = consumer.drafts(content, folder)
    text = consumer.people["drafter"].afar("agreement", "text", digest, "--english")
    assert "at least substantial" in text
    conclude(consumer, provider, digest)
    eventually(lambda: ask(consumer, made, **claimed("high")).status == 200, "an answer with both claims", 20)
    return made


def claimed(level=None, human=REFERENCE):
    return {name: value for name, value in ((LEVEL, level), (HUMAN, human)) if value is not None}


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({}, "ASSURANCE_TOO_LOW"),
        (claimed(), "ASSURANCE_TOO_LOW"),
        (claimed("low"), "ASSURANCE_TOO_LOW"),
        (claimed("highest"), "ASSURANCE_TOO_LOW"),
        (claimed("substantial", None), "HUMAN_STEP_NOT_STATED"),
        (claimed("substantial", "A. Voorbeeld"), "HUMAN_STEP_NOT_STATED"),
        (claimed("substantial", "999990019"), "HUMAN_STEP_NOT_STATED"),
    ],
)
def test_what_is_not_claimed_is_refused_at_home(consumer, token, source, claims, code):
    source.forget()
    answer = ask(consumer, token, **claims)
    assert (answer.status, answer.json()["code"]) == (403, code)
    assert source.received() == []


def test_what_is_claimed_is_written_down_by_both_and_goes_no_further(consumer, provider, token, source):
    source.forget()
    answer = ask(consumer, token, **claimed("substantial"))
    assert (answer.status, answer.json()) == (200, AGREED)
    [asked] = source.received()
    assert not [name for name in asked.headers if name.lower().startswith("verbond-")]
    transaction = answer.headers["Fsc-Transaction-Id"]
    for each in (consumer, provider):
        [permit] = [line["payload"] for line in permits(each) if line["payload"]["transaction_id"] == transaction]
        context = permit["decision"]["body"]["adl.core.request"]["context"]
        assert (context["assurance"], context["human_in_the_loop"]) == ("substantial", REFERENCE)


def permits(organisation):
    return organisation.node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]


def test_the_provider_judges_the_claim_too(consumer, provider, authority, token, source):
    """A request as the consumer's outway would not send it, straight to the provider's inway under the consumer's own
    certificate and token."""
    direct = Wire(consumer, provider, authority)

    def straight(**claims):
        token = direct.caller.token(provider.node.manager_address, direct.scope()).json()["access_token"]
        return direct.caller.call(provider.node.inway_address, token, transaction=transaction_id(), path="/incomes/999990019",
                                  headers=claims)  # fmt: skip

    source.forget()
    for claims, code in (({}, "ASSURANCE_TOO_LOW"), (claimed("high", None), "HUMAN_STEP_NOT_STATED")):
        answer = straight(**claims)
        assert answer.status == 403 and code in answer.body.decode(), answer.body
    assert source.received() == []
    assert straight(**claimed("high")).status == 200


def test_a_decision_on_claims_is_taken_again(consumer, token):
    auditor = consumer.officer()
    for claims, outcome in (({}, False), (claimed("high"), True)):
        transaction = ask(consumer, token, **claims).headers["Fsc-Transaction-Id"]

        def shown(transaction=transaction):
            try:
                return auditor.afar("decision", "show", transaction)["items"]
            except NodeFault:
                return None

        eventually(shown, "the decision", 10)
        again = auditor.afar("decision", "replay", transaction)
        assert (again["same"], again["differs"], again["not_possible"]) == (1, 0, 0), again
        assert again["items"][0]["permitted_now"] == outcome
