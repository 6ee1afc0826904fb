"""Beyond the suite: the SyRI attempts by what can be read in two ways: one person at both parties, a term without an end, two
languages, two spellings, two names for one request, and a path that comprises another. As in `test_beyond_syri.py`, each
begins from an agreement that would pass."""

import copy
import json

import pytest

from support.agreements import BSN, SERVICE, article, ask, conclude, document, element, rfc_3339
from support.attempts import another, cannot_be_offered, clause, receiver, refusing
from support.between_two import consumer, folder, provider, source, token, working  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from support.person import invite
from support.servers import Reply


@pytest.fixture
def draft(consumer, provider):
    """An agreement that would pass, of an identity of its own."""
    return document(provider.node, consumer.node, id=another())


def operation(content):
    return clause(content)["operations"][0]


def warned(organisation, content, folder):
    found = organisation.people["drafter"].afar("agreement", "check", organisation.drafts(content, folder))["items"]
    assert not [each for each in found if each["severity"] == "refuses"], found
    return {each["code"]: each for each in found}


# One person at both parties -------------------------------------------------------------------------------------------


def test_one_person_who_signs_for_both_parties(consumer, provider, draft, folder):
    """With one key at two nodes, under two names. Whoever has two keys as well is not seen."""
    one = consumer.enrols("beide", "signatory", "both")
    there = copy.copy(one)
    there.port = provider.people["signatory"].port
    there.enrol(invite(provider.node, "ook-beide", "signatory"))
    draft["signatories"][0]["name"], draft["signatories"][1]["name"] = "A. Voorbeeld, directeur", "B. Voorbeeld, directeur"
    digest = consumer.drafts(draft, folder)
    consumer.people["drafter"].afar("agreement", "offer", digest)
    provider.sees(digest, "offered")
    one.afar("agreement", "sign", digest)

    def signed_by_one():
        return any(each["step"] == "signed" for each in provider.agreement(digest)["statements"])

    eventually(signed_by_one, "the first signature at the provider", 20)
    with pytest.raises(NodeFault, match="SIGNATORY_OF_TWO"):
        there.afar("agreement", "sign", digest)
    # Somebody else may.
    provider.people["signatory"].afar("agreement", "sign", digest)
    provider.sees(digest, "signed")


def test_one_name_that_signs_for_both_parties_is_shown(consumer, draft, folder):
    draft["signatories"][0]["name"] = draft["signatories"][1]["name"] = "A. Voorbeeld, directeur"
    assert "A. Voorbeeld" in warned(consumer, draft, folder)["SIGNATORY_NAMED_FOR_TWO"]["sentence"]["en"]


# Without an end -------------------------------------------------------------------------------------------------------


def test_a_term_without_an_end(consumer, draft, folder):
    draft["term"]["until"] = "9999-12-31T23:59:59Z"
    cannot_be_offered(consumer, draft, folder, "TERM_WITHOUT_END")


def test_a_ground_without_an_end_under_a_long_term(consumer, draft, folder):
    draft["term"]["until"] = rfc_3339(1_793_491_200 + 9 * 365 * 86400)  # 1 November 2026 and nine years
    assert "GROUND_WITHOUT_END" in warned(consumer, copy.deepcopy(draft), folder)
    for side in (clause(draft)["provider"], receiver(draft)):
        side["ground"]["ground"]["valid_until"] = "2027-01-01"
    cannot_be_offered(consumer, {**draft, "id": another()}, folder, "TERM_BEYOND_GROUND")


# Two languages --------------------------------------------------------------------------------------------------------


def test_dutch_that_says_something_else_than_english(consumer, draft, folder):
    """Which of them counts stands in the text, in both; numbers that differ are found, other words are for people to see."""
    clause(draft)["purpose_text"] = {"nl": "Wie minder dan 15.480,50 heeft, krijgt een brief.",
                                     "en": "Whoever has less than 51,480.50 gets a letter."}  # fmt: skip
    digest = consumer.drafts(draft, folder)
    found = {each["code"]: each for each in consumer.people["drafter"].afar("agreement", "check", digest)["items"]}
    assert "1548050" in found["LANGUAGES_DIFFER"]["sentence"]["nl"]
    for more, counts in ((["--english"], "the Dutch counts"), ([], "telt het Nederlands")):
        assert counts in json.dumps(consumer.people["drafter"].afar("agreement", "text", digest, *more))
    clause(draft)["purpose_text"]["en"] = "Whoever has less than 15,480.50 gets a letter."
    assert "LANGUAGES_DIFFER" not in warned(consumer, {**draft, "id": another()}, folder)


# Two spellings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (r"$['b\u0073n']", "PATH_SPELLED_OTHERWISE"),
        ("$['bsn']", "PATH_SPELLED_OTHERWISE"),
        ("$.b\u0455n", "NAME_NOT_PLAIN"),
        ("$.ye\u200bar", "NAME_NOT_PLAIN"),
        ("$.geme\u0065\u0301nte", "NAME_NOT_PLAIN"),
    ],
)
def test_an_element_by_another_spelling(consumer, draft, folder, path, code):
    """By an escape, in brackets, with a letter of another script, with one that is not seen, with an accent apart."""
    operation(draft)["delivered"].append(element(path, "string", "personal"))
    found = refusing(consumer, consumer.drafts(draft, folder))
    assert code in found and found <= {code, "NUMBER_NOT_MARKED"}


def test_one_element_by_two_spellings(consumer, draft, folder):
    operation(draft)["delivered"].append(element("$['year']", "integer", "personal"))
    cannot_be_offered(consumer, draft, folder, "PATH_SPELLED_OTHERWISE", "OPERATION_NOT_PROJECTABLE")


def test_what_a_source_spells_otherwise_is_what_it_is(consumer, token, working, source):
    """Escapes in JSON are the same name; another case or another normal form of Unicode is another name, and agreed by nobody."""
    source.respond = lambda request: Reply(
        200, b'{"\\u0079ear": 2026, "Year": 1, "YEAR": 2, "ye\\u0301ar": 3, "year ": 4, "\\u0062sn": "999990019"}',
        {"Content-Type": "application/json"})  # fmt: skip
    answer = ask(consumer, token)
    assert (answer.status, answer.json()) == (200, {"year": 2026}), answer


# One thing said in two ways -------------------------------------------------------------------------------------------


def test_one_element_under_two_categories(consumer, draft, folder):
    """Within one operation it stands twice, which is no agreement; in another operation, or clause, for the same request."""
    twice = copy.deepcopy(draft)
    operation(twice)["delivered"].append({**element("$.year", "integer", "personal"), "category": "calendar"})
    with pytest.raises(NodeFault, match="AGREEMENT_UNREADABLE"):
        consumer.drafts(twice, folder)
    beside = copy.deepcopy(operation(draft))
    beside |= {"name": "beside", "path": "/incomes/{who}", "people": []}
    beside["parameters"][0]["name"] = "who"
    beside["delivered"][1]["sensitivity"] = "personal"
    other = copy.deepcopy(draft)
    clause(other)["operations"].append(beside)
    cannot_be_offered(consumer, other, folder, "ELEMENT_SAID_TWO_WAYS")
    again = copy.deepcopy(clause(draft))
    again |= {"name": "again"}
    again["operations"][0]["delivered"][1]["sensitivity"] = "personal"
    draft["clauses"].append(again)
    cannot_be_offered(consumer, {**draft, "id": another()}, folder, "ELEMENT_SAID_TWO_WAYS")


def test_a_subtree_and_an_element_within_it(consumer, draft, folder):
    everything = {**element("$.income", "subtree", "personal"), "why_all": "To be sure."}
    operation(draft)["delivered"].append(everything)
    cannot_be_offered(consumer, draft, folder, "OPERATION_NOT_PROJECTABLE")


# A path that comprises another operation's ----------------------------------------------------------------------------


def everybody(content):
    """An operation for which nobody has to be named."""
    made = {**copy.deepcopy(operation(content)), "name": "everybody", "path": "/incomes/everybody", "parameters": [], "people": []}
    return {**made, "delivered": [element("$.year", "integer", "personal")]}


def test_an_operation_that_passes_for_a_person(consumer, draft, folder):
    """Agreed in another clause only: under the first it would be asked as a person of that name."""
    again = {**copy.deepcopy(clause(draft)), "name": "again", "operations": [everybody(draft)]}
    draft["clauses"].append(again)
    cannot_be_offered(consumer, copy.deepcopy(draft), folder, "OPERATION_COVERS_ANOTHER")
    operation(draft)["parameters"][0]["values"] = {"allow": "integer", "minimum": 1, "maximum": 999999999}
    assert refusing(consumer, consumer.drafts({**draft, "id": another()}, folder)) == set()


def test_what_an_operation_refuses_passes_under_no_other(consumer, provider, token, working, draft, folder, source):
    """Both are agreed in one clause; only the one on a person may be asked with a day."""
    day = {"name": "day", "place": "query", "required": False, "values": {"allow": "day"}}
    clause(draft)["operations"].append(everybody(draft))
    operation(draft)["parameters"].append(day)
    conclude(consumer, provider, consumer.drafts(draft, folder))
    source.respond = lambda request: Reply.of({"year": 2026})

    def asked(path):
        source.forget()
        return ask(consumer, token, f"/{SERVICE}/incomes/{path}", **{"Verbond-Agreement": draft["id"]})

    eventually(lambda: asked("everybody").status == 200, "an answer on everybody", 30)
    assert asked(f"{BSN}?day=2026-01-01").status == 200
    answer = asked("everybody?day=2026-01-01")
    assert (answer.status, answer.json()["code"]) == (403, "PARAMETER_NOT_AGREED") and source.received() == [], answer


# A value that stands for many -----------------------------------------------------------------------------------------


def test_a_value_that_stands_for_many_is_one_value_and_shown(consumer, provider, token, working, draft, folder, source):
    values = [".*", "a,b", "2026"]
    part = {"name": "part", "place": "query", "required": False, "values": {"allow": "one_of", "values": values}}
    operation(draft)["parameters"].append(part)
    assert ".*" in warned(consumer, copy.deepcopy(draft), folder)["VALUE_OF_MANY"]["sentence"]["nl"]
    draft["id"] = another()
    conclude(consumer, provider, consumer.drafts(draft, folder))

    def asked(value):
        source.forget()
        return ask(consumer, token, f"/{SERVICE}/incomes/{BSN}?part={value}", **{"Verbond-Agreement": draft["id"]})

    eventually(lambda: asked("2026").status == 200, "an answer for a value", 30)
    for value in ("a", "b", "b,a", "a,b,c", "x", "..", ""):
        assert asked(value).status == 403 and source.received() == [], value
    for value in (".*", "a,b"):
        assert asked(value).status == 200 and source.received()[-1].target.endswith(f"part={value}"), value


def test_people_listed_as_values_of_a_parameter_that_is_not_marked(consumer, draft, folder):
    parameter = operation(draft)["parameters"][0]
    parameter["values"] = {"allow": "one_of", "values": [BSN]}
    del parameter["identifies"]
    cannot_be_offered(consumer, draft, folder, "PEOPLE_LISTED")


# An amendment that quietly swaps --------------------------------------------------------------------------------------


def test_an_amendment_that_swaps_one_thing_while_another_shows(consumer, provider, working, folder):
    """Each of many changes is said at its place, with what stood there and what stands there now, and nothing hides in a text
    that turns the reading around. Any other change of any member: `crates/agreement/tests/diff.rs`."""
    before = consumer.people["drafter"].afar("agreement", "document", working)
    after = copy.deepcopy(before)
    after["title"]["nl"] = "Een andere titel"
    operation(after)["delivered"][0]["sensitivity"] = "sensitive"
    operation(after)["parameters"][0]["values"]["longest"] = 19
    operation(after)["delivered"].reverse()
    clause(after)["provider"]["ground"]["ground"]["provisions"][0] = article(number="55")
    after["signatories"][0]["mandate"] = "Mandaat \u202e6202"
    after["clauses"][0]["purpose_text"]["nl"] += " En verder niets." * 10
    amended = consumer.people["drafter"].afar("agreement", "amend", working, str(written(folder, after)))
    changes = consumer.people["drafter"].afar("agreement", "diff", amended["hash"])["changes"]
    said = {each["place"]: each for each in changes}
    own = f"oin:{provider.node.id}"
    base = "clauses[incomes].operations[income-of-person]"
    for place in ("title.nl", f"{base}.delivered[$.year].sensitivity", f"{base}.parameters[person].values.longest",
                  f"{base}.delivered", "clauses[incomes].provider.ground.ground.provisions",
                  f"signatories[{own}].mandate", "clauses[incomes].purpose_text.nl"):  # fmt: skip
        assert said[place]["before"] != said[place]["after"], said.keys()
    assert "(U+202E)" in said[f"signatories[{own}].mandate"]["sentence"]["nl"]
    assert "\u202e" not in json.dumps([each["sentence"] for each in changes], ensure_ascii=False)


def written(folder, content):
    file = folder / "amended.json"
    file.write_text(json.dumps(content))
    return file
