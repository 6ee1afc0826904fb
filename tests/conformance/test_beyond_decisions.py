"""Beyond the suite: a decision is taken again from what was written down of it, and what was changed since is found."""

import copy
import json
import sqlite3
import time

import pytest

from support import journal
from support.agreements import BSN, SERVICE, conclude, document
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault


@pytest.fixture(scope="module")
def auditors(provider, consumer):
    both = {"provider": provider, "consumer": consumer}
    return {name: each.enrols("controleur", "auditor") for name, each in both.items()}


def ask(consumer, token, **headers):
    answer = consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token, headers=headers)
    return answer, answer.headers["Fsc-Transaction-Id"]


@pytest.fixture(scope="module")
def signed(consumer, provider, folder, token):
    content = document(provider.node, consumer.node)
    content["clauses"][0]["conditions"] |= {"per_person": {"most": 2, "per": "year"}}
    digest = consumer.drafts(content, folder)
    conclude(consumer, provider, digest)
    return digest


@pytest.fixture(scope="module")
def exchanges(consumer, token, signed):
    """Transactions: two that were permitted, one without a place for the person, one for another purpose."""
    first = eventually(lambda: (found := ask(consumer, token))[0].status == 200 and found, "an answer", 20)
    purpose = ask(consumer, token, **{"Verbond-Purpose": "enforcement"})
    second, third = ask(consumer, token), ask(consumer, token)
    assert [each[0].status for each in (second, third, purpose)] == [200, 429, 403]
    return {"first": first[1], "second": second[1], "limit": third[1], "purpose": purpose[1]}


def found(person, transaction):
    """The decisions on an exchange, once the views have it."""
    try:
        return person.afar("decision", "show", transaction)["items"]
    except NodeFault:
        return None


def test_a_decision_is_shown_and_comes_out_the_same(auditors, exchanges, consumer, signed):
    for transaction, permitted, codes in (
        ("first", True, []),
        ("limit", False, ["PERSON_LIMIT_REACHED"]),
        ("purpose", False, ["PURPOSE_NOT_AGREED"]),
    ):
        person = auditors["consumer"]
        (one,) = eventually(lambda: found(person, exchanges[transaction]), "the decision")
        decision = one["decision"]
        assert one["permitted"] == permitted == decision["body"]["adl.core.response"]["decision"]
        assert decision["attributes"]["adl.core.policies"]["agreement"]["hash"] == signed
        reasons = decision["body"]["adl.core.response"]["context"].get("reasons", [])
        assert [each["code"] for each in reasons] == codes
        assert BSN not in json.dumps(one)
        for name in (exchanges[transaction], one["id"]):
            again = person.afar("decision", "replay", name)
            assert (again["same"], again["differs"], again["not_possible"]) == (1, 0, 0), again
            assert again["items"][0]["permitted_now"] == permitted
        assert person.afar("decision", "show", one["id"])["items"] == [one]
    # The provider took decisions of its own.
    (theirs,) = eventually(lambda: found(auditors["provider"], exchanges["first"]), "the provider's decision")
    assert theirs["direction"] == "incoming"
    assert auditors["provider"].afar("decision", "replay", exchanges["first"])["same"] == 1


def test_what_changed_since_does_not_count(auditors, exchanges, consumer, provider, signed, token):
    """A revoked agreement is replayed as the version that it was."""
    consumer.people["signatory"].afar("agreement", "revoke", signed, "--reason", "No longer needed.")
    eventually(lambda: ask(consumer, token)[0].json()["code"] == "AGREEMENT_ENDED", "a refusal after the end", 15)
    for person in auditors.values():
        again = person.afar("decision", "replay", exchanges["first"])
        assert again["same"] == 1, again
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
    after = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    (*replayed, counted), status = auditors["consumer"].lines("decision", "replay", "--after", after, "--before", before)
    assert status == 0 and counted["differs"] == counted["not_possible"] == 0 and counted["same"] == len(replayed) >= 5
    assert auditors["consumer"].lines("decision", "replay", "--before", after) == ([{"same": 0, "differs": 0, "not_possible": 0}], 0)


def test_who_may_look(consumer, exchanges, auditors):
    for organisation_asks in (consumer.people["drafter"].afar, consumer.people["signatory"].afar, consumer.node.cli):
        for verb in ("show", "replay"):
            with pytest.raises(NodeFault, match="NOT_PERMITTED"):
                organisation_asks("decision", verb, exchanges["first"])
    with pytest.raises(NodeFault, match="DECISION_UNKNOWN"):
        auditors["consumer"].afar("decision", "show", "01932f5e-7c00-7000-8000-000000000009")


def test_what_was_tampered_with_differs(auditors, exchanges, consumer):
    """Each part on which a decision rests, changed behind the node's back."""
    person = auditors["consumer"]
    (one,) = eventually(lambda: found(person, exchanges["second"]), "the decision")
    (payload,) = [line["payload"] for line in journal.entries(consumer.node, "permit") if line["id"] == one["id"]]
    database = sqlite3.connect(consumer.node.database, isolation_level=None, timeout=10)

    def replayed_with(change):
        changed = copy.deepcopy(payload)
        change(changed["decision"]["body"], changed["decision"]["attributes"]["adl.core.policies"])
        put(changed)
        status, answer = person.ask("GET", f"/v1/decisions/{one['id']}/replay")
        assert status == 200
        return answer["items"][0]

    def put(content):
        journal.say(database, one["id"], content)

    try:
        for change in (
            lambda body, _: body["adl.core.response"].update(decision=False),
            lambda body, _: body["adl.core.response"]["context"].update(delivered=["$.year"]),
            lambda body, _: body["adl.core.request"]["context"].update(purpose="enforcement"),
            lambda body, _: body["adl.core.request"]["context"].update(person_held=False),
            lambda body, _: body["adl.core.request"]["context"].update(stage="suspended"),
        ):
            assert replayed_with(change)["outcome"] == "differs"
        for change, why in (
            (lambda _, policies: policies["agreement"].update(hash="sha256:" + "0" * 64), "does not hold"),
            (lambda _, policies: policies["policy"].update(hash="sha256:" + "0" * 64), "policies"),
            (lambda _, policies: policies["policy"].update(compiler=999), "999"),
        ):
            replayed = replayed_with(change)
            assert replayed["outcome"] == "not_possible" and why in replayed["why"], replayed
        # The command line ends with a status that says so.
        replayed_with(lambda body, _: body["adl.core.response"].update(decision=False))
        with pytest.raises(NodeFault):
            person.afar("decision", "replay", exchanges["second"])
    finally:
        put(payload)
        database.close()
    assert person.afar("decision", "replay", exchanges["second"])["same"] == 1
