"""Beyond the suite: the SyRI attempts by what things are called, by lists of people, and by what stands in a request. As in
`test_beyond_syri.py`, each begins from an agreement that would pass."""

import copy

import pytest

from support.agreements import BSN, ask, conclude, document, element
from support.attempts import another, cannot_be_offered, clause, receiver, refusing
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.own_end import Wire


@pytest.fixture
def draft(consumer, provider):
    """An agreement that would pass, of an identity of its own."""
    return document(provider.node, consumer.node, id=another())


def operation(draft):
    return clause(draft)["operations"][0]


def about_nobody(draft, *paths, category="income", kind="string"):
    """The clause says that it is about nobody, so that it needs no ground, no activity and nobody's advice."""
    operation(draft).update(path="/incomes/{place}", people=[], delivered=[
        element(path, kind, "not_personal") | {"category": category} for path in paths
    ])  # fmt: skip
    operation(draft)["parameters"] = [
        {"name": "place", "place": "path", "required": True, "values": {"allow": "identifier", "longest": 20}}
    ]
    for side in (clause(draft)["provider"], receiver(draft)):
        for name in ("ground", "activity"):
            del side[name]
    return draft


@pytest.mark.parametrize("path", ["$.geboortedatum", "$.naam['Voor-Namen']", "$.people[*].surname", "$.medical.diagnosis"])
def test_data_on_people_said_to_be_about_nobody(consumer, draft, folder, path):
    cannot_be_offered(consumer, about_nobody(draft, "$.year", path), folder, "NAMED_AS_PERSONAL")


def test_a_category_of_people_said_to_be_about_nobody(consumer, draft, folder):
    cannot_be_offered(consumer, about_nobody(draft, "$.code", category="diagnosis"), folder, "NAMED_AS_PERSONAL")


def test_people_asked_for_by_what_is_said_to_be_about_nobody(consumer, draft, folder):
    about_nobody(draft, "$.code")
    operation(draft)["parameters"].append({"name": "geboortedatum", "place": "query", "values": {"allow": "day"}})
    cannot_be_offered(consumer, draft, folder, "NAMED_AS_PERSONAL")


def test_what_is_told_of_a_value_of_people_said_to_be_about_nobody(consumer, draft, folder):
    about_nobody(draft, "$.known", kind="boolean")
    operation(draft)["delivered"][0]["derived"] = {"by": "exists", "from": "$.strafblad"}
    cannot_be_offered(consumer, draft, folder, "NAMED_AS_PERSONAL", "PERSON_LIMIT_WITHOUT_PERSON")


def test_a_whole_document_on_people_said_to_be_about_nobody(consumer, draft, folder):
    about_nobody(draft)
    whole = {"reasoning": "It cannot be taken apart.", "categories": ["nationaliteit"], "sensitivity": "not_personal"}
    operation(draft).update(content_type="text/csv", whole_document=whole)
    cannot_be_offered(consumer, draft, folder, "NAMED_AS_PERSONAL")


def test_names_that_say_nothing_are_not_seen(consumer, draft, folder):
    """What a program cannot see, said here and in docs/conformance/syri.md rather than hidden."""
    assert refusing(consumer, consumer.drafts(about_nobody(draft, "$.f1", "$.f2"), folder)) == set()


@pytest.mark.parametrize("marked", [{}, {"identifies": "pseudonym"}])
@pytest.mark.parametrize("place", ["parameter", "element", "request"])
def test_a_national_number_that_is_not_called_one(consumer, draft, folder, place, marked):
    """So that nobody asks for the article that lets it be used."""
    if place == "parameter":
        operation(draft).update(path="/incomes/{bsn}", people=[
            {"at": {"place": "parameter", "name": "bsn"}, "identifies": "pseudonym"}
        ])  # fmt: skip
        operation(draft)["parameters"][0].update(name="bsn")
        del operation(draft)["parameters"][0]["identifies"]
        operation(draft)["parameters"][0].update(marked)
    elif place == "element":
        operation(draft)["delivered"].append(element("$.Burger_Service_Nummer", "string", "personal") | marked)
    else:
        body = {"content_type": "application/json", "elements": [element("$.about.bsn", "string", "personal") | marked]}
        operation(draft).update(method="POST", request=body)
    cannot_be_offered(consumer, draft, folder, "NUMBER_NOT_MARKED")


def test_a_list_of_people_to_be_watched(consumer, draft, folder):
    operation(draft)["parameters"][0]["values"] = {"allow": "one_of", "values": ["P-0001", "P-0002"]}
    cannot_be_offered(consumer, draft, folder, "PEOPLE_LISTED")


def test_one_question_under_two_purposes_is_not_seen(consumer, draft, folder):
    """Two sources of one agreement, each asked for a purpose and an activity of its own: no machine knows that they serve one
    question. Both stand in the text, and in both public lists."""
    other = copy.deepcopy(clause(draft))
    other.update(name="again", service={**other["service"], "name": "other-incomes"})
    draft["clauses"].append(other)
    other["purpose"] = "supplement-outreach-2"
    found = consumer.people["drafter"].afar("agreement", "check", consumer.drafts(draft, folder))["items"]
    assert {each["code"] for each in found if each["severity"] == "refuses"} == {"PURPOSE_NOT_IN_GROUND", "PURPOSE_NOT_IN_ACTIVITY"}


# On the wire ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token):
    conclude(consumer, provider, consumer.drafts(document(provider.node, consumer.node), folder))
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 60)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/incomes/.."),
        ("GET", "/incomes/."),
        ("GET", "/incomes/%2e%2e"),
        ("GET", "/incomes/.%2E/all"),
        ("GET", f"/incomes/{BSN}/../../all"),
        ("GET", f"/incomes/{BSN}%2F..%2Fall"),
        ("GET", f"/incomes/{BSN}%252F..%252Fall"),
        ("GET", f"/incomes\\..\\{BSN}"),
        ("GET", f"//incomes/{BSN}"),
        ("GET", f"/incomes/{BSN}/"),
        ("GET", f"/INCOMES/{BSN}"),
        ("GET", f"/incomes/{BSN};all=1"),
        ("GET", f"/incomes/{BSN}%00"),
        ("GET", f"/incomes/{BSN}%0d%0aX-All:%201"),
        ("GET", f"/incomes/{BSN}?person=999990020"),
        ("GET", f"/incomes/{BSN}?_method=DELETE"),
        ("GET", f"/incomes/{BSN}?%24expand=all"),
        ("GET", "/incomes/999990019,999990020"),
        ("GET", "/incomes/*"),
        ("HEAD", f"/incomes/{BSN}"),
        ("OPTIONS", f"/incomes/{BSN}"),
        ("POST", f"/incomes/{BSN}"),
        ("QUERY", f"/incomes/{BSN}"),
    ],
)
def test_more_than_is_agreed_asked_by_its_spelling(consumer, provider, authority, working, source, method, path):
    source.forget()
    answer = Wire(consumer, provider, authority).send(method, path)
    assert answer.split(b" ", 2)[1][:1] == b"4", answer[:300]
    assert source.received() == []


def test_more_than_is_agreed_asked_in_a_body(consumer, provider, authority, working, source):
    source.forget()
    answer = Wire(consumer, provider, authority).send("GET", f"/incomes/{BSN}", b'{"all": true}')
    asked = source.received()
    assert all(each.body == b"" for each in asked), asked
    if asked:
        assert b'"below_minimum":true' in answer and b"14250" not in answer
