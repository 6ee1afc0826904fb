"""Beyond the suite: what a request says of itself is held against the clause, at the consumer's own node and, whatever that
node lets through, at the provider's: the consumer's activity, and the algorithm that uses the answer. What cannot be read is
refused, and is not read as if nothing had been said.
"""

import pytest

from support.agreements import AGREED, allowed, ask, conclude, document
from support.between_two import consumer, folder, provider, source  # noqa: F401
from support.checks import eventually, transaction_id
from support.own_end import Wire

ACTIVITY, ALGORITHM, PURPOSE = "Verbond-Activity", "Verbond-Algorithm", "Verbond-Purpose"


@pytest.fixture(scope="module")
def token(consumer, provider, folder):
    """The application's token, once it has had an answer under an agreement that names one algorithm."""
    url = f"{consumer.node.public_address}/v1/registers/algorithm/rank/1"
    entry = {"party": f"oin:{consumer.node.id}", "name": "rank", "url": url, "register_id": "rank-1", "version": "1",
             "title": "Sorts people by how likely they are to be entitled"}  # fmt: skip
    assessment = {
        "kind": "dpia", "title": "DPIA of sorting people", "activities": ["outreach"], "algorithms": ["rank"],
        "made_by": "Afdeling Risico", "made_on": "2026-10-01", "outcome": "positive",
        "summary": "It says whom to write to first, and nobody gets less because of it.",
        "document": "sha256:" + "1" * 64, "valid_until": "2028-01-01",
    }  # fmt: skip
    consumer.put("algorithm", "rank", entry, folder)
    content = document(provider.node, consumer.node)
    content["algorithms"] = [entry]
    content["assessments"] = [
        {"party": f"oin:{consumer.node.id}", "entry": {"name": "dpia", "version": 1}, "assessment": assessment}
    ]
    content["clauses"][0]["conditions"]["algorithm"] = {"use": "these", "names": ["rank"]}
    made = allowed(consumer, provider)
    conclude(consumer, provider, consumer.drafts(content, folder))
    eventually(lambda: ask(consumer, made).status == 200, "an answer under the agreement", 20)
    return made


REFUSED = [
    ({ACTIVITY: "enforcement"}, 403, "ACTIVITY_NOT_AGREED"),
    ({ALGORITHM: "score"}, 403, "ALGORITHM_NOT_AGREED"),
    ({ALGORITHM: "rank score"}, 400, "STATEMENT_UNREADABLE"),
    ({ALGORITHM: "rank,score"}, 400, "STATEMENT_UNREADABLE"),
    ({ALGORITHM: ""}, 400, "STATEMENT_UNREADABLE"),
    ({ACTIVITY: "A. Voorbeeld"}, 400, "STATEMENT_UNREADABLE"),
    ({PURPOSE: "supplement-outreach, enforcement"}, 400, "STATEMENT_UNREADABLE"),
    ({"Verbond-Agreement": "all"}, 400, "STATEMENT_UNREADABLE"),
]


@pytest.mark.parametrize(("stated", "status", "code"), REFUSED)
def test_what_has_not_been_agreed_or_cannot_be_read_is_refused_at_home(consumer, token, source, stated, status, code):
    source.forget()
    answer = ask(consumer, token, **stated)
    assert (answer.status, answer.json()["code"]) == (status, code)
    # What was said may be anybody's name: it is not said again.
    assert not [said for said in stated.values() if " " in said and said.encode() in answer.body]
    assert source.received() == []


def test_what_is_stated_is_written_down_by_both_and_goes_no_further(consumer, provider, token, source):
    source.forget()
    answer = ask(consumer, token, **{ACTIVITY: "outreach", ALGORITHM: "rank"})
    assert (answer.status, answer.json()) == (200, AGREED)
    [asked] = source.received()
    assert not [name for name in asked.headers if name.lower().startswith("verbond-")]
    for each in (consumer, provider):
        context = question(each, answer.headers["Fsc-Transaction-Id"])["context"]
        assert (context["activity"], context["algorithm"]) == ("outreach", "rank")


def question(organisation, transaction):
    """What stands of an exchange in an organisation's journal."""
    [permit] = [
        line["payload"]
        for line in organisation.node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]
        if line["payload"]["transaction_id"] == transaction
    ]
    return permit["decision"]["body"]["adl.core.request"]


def test_the_provider_judges_it_too(consumer, provider, authority, token, source):
    """A request as the consumer's outway would not send it, straight to the provider's inway under the consumer's own
    certificate and token."""
    direct = Wire(consumer, provider, authority)
    scoped = direct.caller.token(provider.node.manager_address, direct.scope()).json()["access_token"]
    source.forget()
    for stated, _, code in REFUSED:
        answer = direct.caller.call(provider.node.inway_address, scoped, transaction=transaction_id(), path="/incomes/999990019",
                                    headers=stated)  # fmt: skip
        assert answer.status >= 400 and code in answer.body.decode(), (stated, answer.body)
    assert source.received() == []
    passed = direct.caller.call(provider.node.inway_address, scoped, transaction=transaction_id(), path="/incomes/999990019",
                                headers={ALGORITHM: "rank"})  # fmt: skip
    assert passed.status == 200


def test_an_algorithm_that_was_refused_stands_in_the_draft_that_comes_of_it(consumer, token):
    transaction = ask(consumer, token, **{ALGORITHM: "score"}).headers["Fsc-Transaction-Id"]
    listed = ("record", "list", "--transaction", transaction)
    eventually(lambda: consumer.node.cli(*listed)["items"], "the refusal in the listing", 10)
    drafter = consumer.people["drafter"]
    drafted = drafter.afar("agreement", "amend", "--from-refusal", transaction)
    text = drafter.afar("agreement", "document", drafted["hash"])
    conditions = text["clauses"][0]["conditions"]
    assert conditions["algorithm"] == {"use": "these", "names": ["rank", "score"]}
