"""Beyond the suite: the SyRI attempts by what is delivered: answers that narrow together, everything under one name, a value
under another. As in `test_beyond_syri.py`, each begins from an agreement that would pass."""

import copy
import json

import pytest

from support.agreements import SERVICE, document
from support.attempts import another, cannot_be_offered, clause, receiver, refusing
from support.between_two import consumer, folder, provider, source, token  # noqa: F401


@pytest.fixture
def draft(consumer, provider):
    """An agreement that would pass, of an identity of its own."""
    return document(provider.node, consumer.node, id=another())


def told(draft, *rules, why=None):
    """The clause tells about the income by these constants, in the place of what it delivers."""
    delivered = []
    for number, limit in enumerate(rules):
        comparison = {"operator": "below", "constant": {"number": limit}}
        delivered.append({
            "path": f"$.income.below_{number}", "type": "boolean", "category": "income", "sensitivity": "sensitive",
            "meaning": "Whether it is below a limit.",
            "derived": {"by": "compare", "from": "$.income.amount", "comparison": comparison},
        })  # fmt: skip
    if why:
        delivered[0]["why_all"] = why
    clause(draft)["operations"][0]["delivered"] = delivered
    return draft


def test_an_income_in_many_yeses_and_noes(consumer, draft, folder):
    limits = ("15000", "15100", "15200", "15300", "15400", "15500")
    cannot_be_offered(consumer, told(draft, *limits), folder, "DERIVED_NARROWS")
    stated = told({**draft, "id": another()}, *limits, why="Each of these six allowances has a limit of its own.")
    assert refusing(consumer, consumer.drafts(stated, folder)) == set()


def test_an_income_narrowed_by_one_agreement_after_another(consumer, draft, folder):
    first = consumer.drafts(told(copy.deepcopy(draft), "15000"), folder)
    consumer.people["drafter"].afar("agreement", "offer", first)
    try:
        second = told({**copy.deepcopy(draft), "id": another()}, "16000")
        cannot_be_offered(consumer, second, folder, "DERIVED_NARROWS_TOGETHER")
        # The same limit tells nothing more; and what the document states and justifies people can judge.
        assert refusing(consumer, consumer.drafts(told({**draft, "id": another()}, "15000.0"), folder)) == set()
        why = "The rent allowance has a limit of its own, which the law sets."
        stated = consumer.drafts(told({**copy.deepcopy(draft), "id": another()}, "16000", why=why), folder)
        assert refusing(consumer, stated) == set()
        found = consumer.people["drafter"].afar("agreement", "check", stated)["items"]
        assert "DERIVED_NARROWS_STATED" in {each["code"] for each in found}
        assert why in json.dumps(consumer.people["drafter"].afar("agreement", "text", stated, "--english"))
    finally:
        consumer.people["drafter"].afar("agreement", "withdraw", first, "--reason", "Only a test.")


def test_an_income_narrowed_by_two_clauses_of_one_agreement(consumer, draft, folder):
    told(draft, "15000")
    other = copy.deepcopy(clause(draft))
    other["name"] = "incomes-again"
    draft["clauses"].append(other)
    other["operations"][0]["delivered"][0]["derived"]["comparison"]["constant"] = {"number": "16000"}
    cannot_be_offered(consumer, draft, folder, "DERIVED_NARROWS_TOGETHER")


def test_all_that_stands_there_in_the_place_of_a_whole_document(consumer, draft, folder):
    everything = {"path": "$", "type": "subtree", "category": "income", "sensitivity": "sensitive", "meaning": "All",
                  "why_all": "We would like to be sure that nothing is missing."}  # fmt: skip
    clause(draft)["operations"][0]["delivered"] = [everything]
    cannot_be_offered(consumer, draft, folder, "SUBTREE_OF_ALL")


def test_a_count_of_one_person(consumer, draft, folder):
    """Counting over a list whose people nobody names: it is not known whom a question is about, so that nobody is counted."""
    operation = clause(draft)["operations"][0]
    operation |= {"path": "/incomes", "parameters": [], "people": []}
    operation["delivered"] = [{
        "path": "$.poor", "type": "integer", "category": "income", "sensitivity": "sensitive", "meaning": "How many",
        "derived": {"by": "count", "from": "$.people[*].amount",
                    "matching": {"operator": "below", "constant": {"number": "15000"}}},
    }]  # fmt: skip
    cannot_be_offered(consumer, draft, folder, "PERSON_LIMIT_WITHOUT_PERSON")


def test_what_can_never_be_delivered_is_not_signed(consumer, draft, folder):
    operation = clause(draft)["operations"][0]
    operation["delivered"][0]["path"] = "$.@year"
    cannot_be_offered(consumer, copy.deepcopy(draft), folder, "OPERATION_NOT_PROJECTABLE")
    operation["delivered"][0]["path"], operation["content_type"] = "$.year", "text/csv"
    cannot_be_offered(consumer, {**draft, "id": another()}, folder, "OPERATION_NOT_PROJECTABLE")


def test_a_decision_on_people_in_which_nobody_has_a_hand(consumer, draft, folder):
    """With the human step agreed, each request has to claim it: `test_beyond_claims.py`."""
    step = {"who": "A case worker", "what": "Looks at the person's own file, and may decide otherwise."}
    receiver(draft)["effect"] = {"effect": "decision", "decision": "The supplement ends; objections to the office.", "human_step": step}
    cannot_be_offered(consumer, copy.deepcopy(draft), folder, "DECISION_WITHOUT_HUMAN")
    clause(draft)["conditions"]["human_in_the_loop"] = step
    assert refusing(consumer, consumer.drafts({**draft, "id": another()}, folder)) == set()


def test_a_place_outside_the_economic_area_without_what_permits_it(consumer, draft, folder):
    receiver(draft)["places"] = [{"country": "NL"}, {"country": "US"}]
    cannot_be_offered(consumer, copy.deepcopy(draft), folder, "TRANSFER_WITHOUT_INSTRUMENT")
    receiver(draft)["places"] = []
    cannot_be_offered(consumer, {**draft, "id": another()}, folder, "PLACE_MISSING")


def test_an_element_under_another_name(provider, draft, folder):
    """The source's own description says how grave it is that something stands there, whatever the answer is called."""
    operation = clause(draft)["operations"][0]
    grave = {"path": "$.health.code", "type": "string", "category": "income", "sensitivity": "special_category", "meaning": "A code"}
    described = {name: operation[name] for name in ("name", "method", "path", "parameters", "content_type", "record", "people")}
    described["elements"] = [*copy.deepcopy(operation["delivered"]), grave]
    provider.put("description", SERVICE, {"service": SERVICE, "title": "Incomes", "description": "Of people.",
                                          "operations": [described]}, folder)  # fmt: skip
    operation["delivered"].append({
        "path": "$.fine", "type": "boolean", "category": "income", "sensitivity": "sensitive", "meaning": "All is well",
        "derived": {"by": "exists", "from": "$.health.code"},
    })  # fmt: skip
    cannot_be_offered(provider, draft, folder, "ELEMENT_NOT_DESCRIBED")
