"""Beyond the suite: the SyRI attempts. Linking people's data in secret must fail, each way of trying with its own code.

An attempt begins from an agreement that would pass, and changes one thing; that the unchanged one passes is tried too.
Results by attempt: docs/conformance/syri.md.
"""

import concurrent.futures
import copy
import http.server
import json
import socket
import sqlite3
import threading
import time
import urllib.request
import uuid

import pytest

from support.agreements import (
    ACTIVITIES,
    SERVICE,
    activity,
    article,
    ask,
    document,
    joined,
    pinned,
    write,
)
from support.between_two import folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from support.wire import LOOPBACK, free_port
from support.world import CAST


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider):
    made = joined(world, authority, folder, provider)
    made.officer()
    made.enrols("steward", "steward")
    return made


@pytest.fixture(scope="module")
def other_source(world, authority, folder, provider):
    """A second source, with people of its own."""
    return joined(world, authority, folder, provider, role="publisher")


@pytest.fixture
def draft(consumer, provider):
    """An agreement that would pass, of an identity of its own."""
    return document(provider.node, consumer.node, id=another())


def another():
    """An identifier that no other agreement has, of version 7."""
    digits = uuid.uuid4().hex
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def refusing(organisation, digest):
    """The codes with which `check` refuses."""
    found = organisation.people["drafter"].afar("agreement", "check", digest)["items"]
    return {each["code"] for each in found if each["severity"] == "refuses"}


def cannot_be_offered(organisation, content, folder, *codes):
    """Exactly these findings refuse, offering fails with them in both languages, and nobody is told."""
    digest = organisation.drafts(content, folder)
    assert refusing(organisation, digest) == set(codes)
    status, problem = organisation.people["drafter"].ask("POST", f"/v1/agreements/{digest}/offer", {})
    assert (status, problem["code"]) == (422, "AGREEMENT_INCOMPLETE")
    for code in codes:
        assert code in problem["detail"] and code in problem["detail_nl"], problem
    with pytest.raises(NodeFault, match=codes[0]):
        organisation.people["drafter"].afar("agreement", "offer", digest)
    assert organisation.agreement(digest)["stage"] == "draft"
    return digest


def clause(content):
    return content["clauses"][0]


def receiver(content):
    return clause(content)["receivers"][0]["side"]


# Round the agreement: no other agreement is there yet ----------------------------------------------------------------


def test_a_bare_contract(consumer, provider, token, source):
    source.forget()
    answer = ask(consumer, token)
    assert (answer.status, answer.json()["code"]) == (403, "AGREEMENT_MISSING")
    consumer.node.propose(provider.node.id, SERVICE)
    waiting = eventually(lambda: [each for each in provider.node.cli("contract", "list")["items"]
                                  if each["state"] == "proposed"], "the bare contract")  # fmt: skip
    with pytest.raises(NodeFault, match="CONTRACT_WITHOUT_AGREEMENT"):
        provider.node.accept(waiting[0]["hash"])
    assert ask(consumer, token).status == 403 and source.received() == []


def acts(organisation):
    """What people and participants did at a node."""
    lines = organisation.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    return [line["payload"] for line in lines]


# What is in order passes ---------------------------------------------------------------------------------------------


def test_what_is_in_order_passes_and_each_reading_is_on_record(consumer, provider, draft, folder):
    digest = consumer.drafts(draft, folder)
    assert refusing(consumer, digest) == set()
    readings = consumer.people["officer"].afar("agreement", "read", digest)["items"]
    seen = {(each["reader"], each["url"], each["outcome"]) for each in readings}
    own, theirs = (f"oin:{each.node.id}" for each in (consumer, provider))
    for reader in (own, theirs):
        for reference in (clause(draft)["provider"]["activity"], receiver(draft)["activity"]):
            assert (reader, reference["url"], "read") in seen
    pins = {each["activity"]["hash"] for each in (receiver(draft), clause(draft)["provider"])}
    assert {each["hash"] for each in readings} == pins
    assert any(each["action"] == "register.read" and each["subject"] == own for each in acts(provider))
    assert any(each["action"] == "agreement.read" and each["subject"] == digest for each in acts(consumer))
    consumer.people["drafter"].afar("agreement", "discard", digest)


# Publication that others cannot fetch --------------------------------------------------------------------------------


class Page:
    """A web server of the suite's own that answers each path as told."""

    def __init__(self, host):
        page, self.port = self, free_port()
        self.answers, self.asked = {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page.asked.append((self.path, dict(self.headers)))
                status, body, headers = page.answers.get(self.path, (404, b"", {}))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer((LOOPBACK, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://{host}:{self.port}"

    def was_asked(self, part):
        return [path for path, _ in self.asked if part in path]

    def shows(self, reference, status, body=b"", **headers):
        path = reference["url"].removeprefix(self.base)
        self.answers[path] = (status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)


@pytest.fixture(scope="module")
def page():
    made = Page(CAST["provider"][2])
    yield made
    made.server.shutdown()


def elsewhere(draft, page, name, content=None):
    """The provider's activity stands at the page's address instead of its node's."""
    reference = pinned(page.base, name, content or activity(ACTIVITIES["provider"]))
    clause(draft)["provider"]["activity"] = reference
    return reference


def test_a_publication_that_nobody_can_fetch(consumer, draft, folder, page):
    elsewhere(draft, page, "absent")
    cannot_be_offered(consumer, draft, folder, "ACTIVITY_NOT_PUBLISHED")


def test_a_publication_behind_credentials(consumer, draft, folder, page):
    reference = elsewhere(draft, page, "closed")
    page.shows(reference, 401, **{"WWW-Authenticate": "Basic"})
    cannot_be_offered(consumer, draft, folder, "ACTIVITY_BEHIND_CREDENTIALS")
    # Nothing that says who asks goes along.
    for _, headers in page.asked:
        assert not {"authorization", "cookie", "fsc-authorization"} & {name.lower() for name in headers}


def test_a_publication_that_leads_elsewhere(consumer, draft, folder, page):
    reference = elsewhere(draft, page, "here")
    there = pinned(page.base, "there", activity(ACTIVITIES["provider"]))
    page.shows(there, 200, activity(ACTIVITIES["provider"]))
    page.shows(reference, 302, Location=there["url"])
    cannot_be_offered(consumer, draft, folder, "ACTIVITY_NOT_PUBLISHED")


def test_a_publication_that_never_ends_or_never_begins(consumer, draft, folder, page):
    reference = elsewhere(draft, page, "long")
    page.shows(reference, 200, b" " * (2 << 20) + json.dumps(activity(ACTIVITIES["provider"])).encode())
    cannot_be_offered(consumer, copy.deepcopy(draft), folder, "ACTIVITY_NOT_PUBLISHED")
    with socket.create_server((LOOPBACK, 0)) as silent:
        base = f"http://{CAST['provider'][2]}:{silent.getsockname()[1]}"
        clause(draft)["provider"]["activity"] = pinned(base, "silent", activity(ACTIVITIES["provider"]))
        draft["id"] = another()
        digest, began = consumer.drafts(draft, folder), time.monotonic()
        assert refusing(consumer, digest) == {"ACTIVITY_NOT_PUBLISHED"}
        assert time.monotonic() - began < 15


def test_nobody_has_a_node_read_what_is_no_publication(consumer, provider, page):
    """Whoever has a certificate of the group can have a node read activities, and nothing else in its network."""
    def asks(url, name="outreach"):
        reference = {**pinned("http://x.test", name, {}), "url": url}
        body = {"activities": [reference]}
        client = consumer.node.caller().client(provider.node.manager_address)
        return client.request("POST", "/verbond/v1/readings", json_body=body)

    host, path = CAST["provider"][2], "/v1/registers/activity/outreach/1"
    for place in ("/admin", f"/reboot?x={path}", f"/reboot#{path}", "/v1/registers/activity/outreach/2"):
        answer = asks(page.base + place)
        assert (answer.status, answer.json()["code"]) == (422, "READING_REFUSED"), place
    # An address inside the network, which no name of the configuration stands for, is not dialled.
    with socket.create_server((LOOPBACK, 0)) as inside:
        inside.settimeout(0.5)
        port = inside.getsockname()[1]
        for name in (LOOPBACK, "localhost", "[::ffff:127.0.0.1]"):
            answer = asks(f"http://{name}:{port}{path}")
            assert answer.status == 200 and [each["outcome"] for each in answer.json()["items"]] == ["nothing"]
        with pytest.raises(TimeoutError):
            inside.accept()
    for scheme in ("file://", "ftp://", "gopher://"):
        answer = asks(f"{scheme}{host}{path}")
        assert [each["outcome"] for each in answer.json()["items"]] == ["nothing"]
    assert page.was_asked("admin") == page.was_asked("reboot") == []
    # What stands there is not given on, and too much is too much.
    page.answers[path] = (200, json.dumps(activity(ACTIVITIES["consumer"])).encode(), {})
    answer = asks(f"{page.base}{path}")
    assert [set(each) for each in answer.json()["items"]] == [{"url", "outcome", "hash"}]
    statuses = {asks_much(consumer, provider) for _ in range(15)}
    assert 429 in statuses, statuses


def asks_much(consumer, provider):
    """One request for as many addresses as one may hold, which lead nowhere."""
    references = [pinned("http://127.0.0.1:1", f"a{number}", {}) for number in range(64)]
    client = consumer.node.caller().client(provider.node.manager_address)
    return client.request("POST", "/verbond/v1/readings", json_body={"activities": references}).status


def test_a_publication_that_says_something_else_than_what_is_signed(consumer, draft, folder, page):
    reference = elsewhere(draft, page, "differs")
    page.shows(reference, 200, {**activity(ACTIVITIES["provider"]), "title": "Something else"})
    cannot_be_offered(consumer, draft, folder, "ACTIVITY_DIFFERS")


def test_a_publication_that_only_its_own_party_can_fetch(consumer, draft, folder):
    # The address is the consumer's own, and its hash is right; but nobody else gets an answer there.
    name = "quietly"
    consumer.put("activity", name, activity(ACTIVITIES["consumer"]), folder)
    receiver(draft)["activity"] = pinned(consumer.node.public_address, name, activity(ACTIVITIES["consumer"]))
    digest = consumer.drafts(draft, folder)
    assert refusing(consumer, digest) == set()
    consumer.people["drafter"].afar("activity", "end", name, "--reason", "We no longer show it.")
    assert refusing(consumer, digest) == {"ACTIVITY_NOT_PUBLISHED"}
    with pytest.raises(NodeFault, match="ACTIVITY_NOT_PUBLISHED"):
        consumer.people["drafter"].afar("agreement", "offer", digest)


def test_a_party_that_does_not_say_what_it_reads(consumer, provider, draft, folder):
    digest = consumer.drafts(draft, folder)
    provider.node.stop()
    try:
        # Its own activity cannot be read now, and it has read nothing.
        assert refusing(consumer, digest) == {"ACTIVITY_NOT_PUBLISHED"}
        with pytest.raises(NodeFault, match="ACTIVITY_NOT_PUBLISHED"):
            consumer.people["drafter"].afar("agreement", "offer", digest)
    finally:
        provider.node.start()


def test_another_address_than_where_the_node_publishes(consumer, draft, folder, page):
    reference = pinned(page.base, "outreach", activity(ACTIVITIES["consumer"]))
    receiver(draft)["activity"] = reference
    page.shows(reference, 200, activity(ACTIVITIES["consumer"]))
    cannot_be_offered(consumer, draft, folder, "ACTIVITY_ELSEWHERE")


def test_no_activity_at_all(consumer, draft, folder):
    del receiver(draft)["activity"]
    cannot_be_offered(consumer, draft, folder, "ACTIVITY_MISSING")


def test_a_purpose_that_the_activity_does_not_have(consumer, draft, folder):
    for each in (clause(draft)["provider"], receiver(draft)):
        each["ground"]["ground"]["purposes"].append("risk-profiling")
    clause(draft)["purpose"] = "risk-profiling"
    clause(draft)["provider"]["compatibility"] = receiver(draft)["compatibility"] = {"purpose": "same"}
    cannot_be_offered(consumer, draft, folder, "PURPOSE_NOT_IN_ACTIVITY")


def test_a_confidential_activity_without_the_article_that_allows_it(consumer, draft, folder, page):
    named = {"name": "secret"}
    reference = elsewhere(draft, page, "secret", named)
    page.shows(reference, 200, named)
    cannot_be_offered(consumer, draft, folder, "CONFIDENTIAL_WITHOUT_ARTICLE")


def test_a_confidential_activity_with_its_article_shows_its_name_and_the_article_only(consumer, draft, folder):
    provision = article("BWBR0022463", "Wiv 2017", "12")
    consumer.put("activity", "quiet", {**activity(ACTIVITIES["consumer"]), "confidential": provision}, folder)
    published = {"name": "quiet", "confidential": provision}
    receiver(draft)["activity"] = pinned(consumer.node.public_address, "quiet", published)
    digest = consumer.drafts(draft, folder)
    found = consumer.people["drafter"].afar("agreement", "check", digest)["items"]
    codes = {each["code"]: each["severity"] for each in found}
    assert codes.pop("CONFIDENTIAL_ACTIVITY") == "warns" and "refuses" not in codes.values()


# Assessments and algorithms ------------------------------------------------------------------------------------------


def assessment(**more):
    made = {
        "kind": "dpia",
        "title": "DPIA of reaching people",
        "activities": [ACTIVITIES["consumer"]],
        "algorithms": [],
        "made_by": "Afdeling Risico",
        "made_on": "2026-10-01",
        "outcome": "positive",
        "summary": "Only a yes or no is asked, and nobody gets less because of the answer.",
        "document": "sha256:" + "1" * 64,
        "valid_until": "2028-01-01",
    }
    return {**made, **more}


def assessed(draft, consumer, content, name="dpia"):
    draft["assessments"] = [
        {"party": f"oin:{consumer.node.id}", "entry": {"name": name, "version": 1}, "assessment": content}
    ]
    return draft


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("ASSESSMENT_EMPTY", {"activities": [], "algorithms": []}),
        ("ASSESSMENT_EMPTY", {"summary": "Fine."}),
        ("ASSESSMENT_EMPTY", {"document": "sha256:" + "0" * 64}),
        ("ASSESSMENT_EXPIRED", {"valid_until": "2026-01-01"}),
        ("ASSESSMENT_OF_SOMETHING_ELSE", {"activities": ["parking"]}),
        ("ASSESSMENT_NEGATIVE", {"outcome": "negative"}),
        ("ASSESSMENT_BY_PROPOSER", {"made_by": "opsteller"}),
    ],
)
def test_an_assessment_that_is_none(consumer, draft, folder, code, change):
    cannot_be_offered(consumer, assessed(draft, consumer, assessment(**change)), folder, code)


def test_an_assessment_that_only_the_proposer_has_written_down_counts_when_another_confirms_it(consumer, draft, folder):
    content = assessment()
    consumer.put("assessment", "dpia-own", content, folder)
    digest = cannot_be_offered(
        consumer, assessed(draft, consumer, content, "dpia-own"), folder, "ASSESSMENT_BY_PROPOSER"
    )
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        consumer.people["drafter"].afar("assessment", "confirm", "dpia-own")
    consumer.people["officer"].afar("assessment", "confirm", "dpia-own")
    assert refusing(consumer, digest) == set()


def test_who_writes_an_assessment_down_does_not_confirm_it(consumer, folder):
    steward = consumer.people["steward"]
    steward.afar("assessment", "put", "dpia-of-steward", write(folder, assessment(activities=["parking"])))
    with pytest.raises(NodeFault, match="CONFIRMED_BY_ITSELF"):
        steward.afar("assessment", "confirm", "dpia-of-steward")
    consumer.people["officer"].afar("assessment", "confirm", "dpia-of-steward")
    assert [each["author"]["name"] for each in acts(consumer) if each["action"] == "register.assessment.confirm"
            and each["subject"] == "dpia-of-steward"] == ["fg"]  # fmt: skip


def listed(draft, consumer, folder, register_id="rank-1"):
    """An algorithm that the consumer publishes and the clause names."""
    url = f"{consumer.node.public_address}/v1/registers/algorithm/rank/1"
    entry = {"party": f"oin:{consumer.node.id}", "name": "rank", "url": url, "register_id": "rank-1",
             "version": "1", "title": "Sorts people by how likely they are to be entitled"}  # fmt: skip
    consumer.put("algorithm", "rank", entry, folder)
    draft["algorithms"] = [{**entry, "register_id": register_id}]
    clause(draft)["conditions"]["algorithm"] = {"use": "these", "names": ["rank"]}
    return draft


def test_an_algorithm_with_register_entry_and_assessment_passes(consumer, draft, folder):
    assessed(listed(draft, consumer, folder), consumer, assessment(algorithms=["rank"]))
    assert refusing(consumer, consumer.drafts(draft, folder)) == set()


def test_an_algorithm_without_register_entry(consumer, draft, folder):
    assessed(listed(draft, consumer, folder, "another-id"), consumer, assessment(algorithms=["rank"]))
    cannot_be_offered(consumer, draft, folder, "ALGORITHM_NOT_IN_REGISTER")


def test_an_algorithm_without_assessment(consumer, draft, folder):
    cannot_be_offered(consumer, listed(draft, consumer, folder), folder, "ASSESSMENT_MISSING")


def test_an_algorithm_that_is_not_listed(consumer, draft, folder):
    listed(draft, consumer, folder)["algorithms"] = []
    cannot_be_offered(consumer, draft, folder, "ALGORITHM_NOT_LISTED")


def test_an_algorithm_left_out(consumer, draft, folder):
    # The organisation's own register of assessments says that one is used.
    content = assessment(algorithms=["rank"])
    draft["assessments"] = []
    name = "dpia-of-the-algorithm"
    consumer.put("assessment", name, content, folder)
    try:
        cannot_be_offered(consumer, draft, folder, "ALGORITHM_LEFT_OUT")
    finally:
        consumer.put("assessment", name, assessment(activities=["parking"]), folder)


# What the agreement says ---------------------------------------------------------------------------------------------


def test_whole_document_used_as_a_net(consumer, draft, folder):
    operation = clause(draft)["operations"][0]
    delivered, operation["delivered"] = operation["delivered"], []
    operation["whole_document"] = {
        "reasoning": "It is easier.", "categories": ["income"], "sensitivity": "sensitive",
    }  # fmt: skip
    cannot_be_offered(consumer, copy.deepcopy(draft), folder, "WHOLE_DOCUMENT_PROJECTABLE")
    operation["content_type"] = "application/pdf"
    operation["whole_document"]["categories"] = ["income", "health"]
    draft["id"] = another()
    for each in (clause(draft)["provider"], receiver(draft)):
        each["retention"].append({"category": "health", "period": {"keep": "not_kept"}})
    cannot_be_offered(consumer, copy.deepcopy(draft), folder, "WHOLE_DOCUMENT_CATEGORY")
    operation["whole_document"]["categories"], operation["delivered"] = ["income"], delivered
    draft["id"] = another()
    cannot_be_offered(consumer, draft, folder, "WHOLE_DOCUMENT_AND_ELEMENTS")


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


def test_an_element_without_a_ground_a_category_without_retention_a_special_one_without_exception(
    consumer, draft, folder
):
    without = copy.deepcopy(draft)
    del receiver(without)["ground"]
    cannot_be_offered(consumer, without, folder, "GROUND_MISSING")
    without = {**copy.deepcopy(draft), "id": another()}
    receiver(without)["retention"] = []
    cannot_be_offered(consumer, without, folder, "RETENTION_MISSING")
    clause(draft)["operations"][0]["delivered"][1]["sensitivity"] = "special_category"
    draft["id"] = another()
    cannot_be_offered(consumer, draft, folder, "SPECIAL_CATEGORY_WITHOUT_EXCEPTION")


def test_a_number_of_a_person_without_a_ground_for_using_it(consumer, draft, folder):
    del receiver(draft)["ground"]["ground"]["national_number"]
    cannot_be_offered(consumer, draft, folder, "NATIONAL_NUMBER_WITHOUT_GROUND")


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


def test_fetching_for_a_third_party_that_is_not_named(consumer, draft, folder):
    receiver(draft)["role"] = {
        "role": "processor",
        "controller": {"name": "Dienst Elders", "address": "post@elders.test"},
        "contract": "Processing agreement 2026/12",
        "sub_processors": [],
    }
    cannot_be_offered(consumer, draft, folder, "CONTROLLER_NOT_PARTY")


def test_another_group(consumer, draft, folder):
    draft["coalition"] = "another-group"
    with pytest.raises(NodeFault, match="AGREEMENT_COALITION"):
        consumer.drafts(draft, folder)


def test_one_linkage_split_over_two_agreements(consumer, provider, other_source, draft, folder):
    first = consumer.drafts(draft, folder)
    consumer.people["drafter"].afar("agreement", "offer", first)
    try:
        second = document(provider.node, consumer.node, id=another())
        second["parties"][0] = {**second["parties"][0], "participant": f"oin:{other_source.node.id}", "name": "Bron"}
        second["signatories"][0] = {**second["signatories"][0], "participant": f"oin:{other_source.node.id}"}
        clause(second)["service"] = {"provider": f"oin:{other_source.node.id}", "name": "benefits"}
        name = ACTIVITIES["publisher"]
        clause(second)["provider"]["ground"]["entry"]["name"] = name
        clause(second)["provider"]["activity"] = pinned(other_source.node.public_address, name, activity(name))
        cannot_be_offered(consumer, second, folder, "LINKAGE_SPLIT")
    finally:
        consumer.people["drafter"].afar("agreement", "withdraw", first, "--reason", "Only a test.")
    # Both at once: one of them at most.
    digests = [consumer.drafts({**each, "id": another()}, folder) for each in (draft, second)]
    drafter = consumer.people["drafter"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda digest: drafter.ask("POST", f"/v1/agreements/{digest}/offer", {}), digests))
    assert sorted(status for status, _ in answers) == [200, 422], answers
    offered = digests[[status for status, _ in answers].index(200)]
    drafter.afar("agreement", "withdraw", offered, "--reason", "Only a test.")


# At each party for itself --------------------------------------------------------------------------------------------


def test_each_party_checks_for_itself_before_it_signs(consumer, provider, draft, folder):
    """What passed at the one when it was offered, and does not hold any more, the other does not sign."""
    name = "for-a-while"
    consumer.put("activity", name, activity(ACTIVITIES["consumer"]), folder)
    receiver(draft)["activity"] = pinned(consumer.node.public_address, name, activity(ACTIVITIES["consumer"]))
    digest = consumer.drafts(draft, folder)
    consumer.people["drafter"].afar("agreement", "offer", digest)
    provider.sees(digest, "offered")
    consumer.people["drafter"].afar("activity", "end", name, "--reason", "We no longer show it.")
    with pytest.raises(NodeFault, match="ACTIVITY_NOT_PUBLISHED"):
        provider.people["signatory"].afar("agreement", "sign", digest)
    with pytest.raises(NodeFault, match="ACTIVITY_NOT_PUBLISHED"):
        consumer.people["signatory"].afar("agreement", "sign", digest)
    assert provider.agreement(digest)["waits_for"] == [f"oin:{each.node.id}" for each in (provider, consumer)]
    consumer.people["drafter"].afar("agreement", "withdraw", digest, "--reason", "Only a test.")


def edited(node, *statements):
    """What somebody with the machine does to the database of a node."""
    node.stop()
    connection = sqlite3.connect(node.database)
    try:
        for statement in statements:
            connection.execute(*statement)
        connection.commit()
    finally:
        connection.close()
    node.start()


def test_readings_made_up_in_the_database(consumer, provider, draft, folder, page):
    reference = elsewhere(draft, page, "made-up")
    digest = consumer.drafts(draft, folder)
    assert refusing(consumer, digest) == {"ACTIVITY_NOT_PUBLISHED"}
    insert = "INSERT OR REPLACE INTO agreement_reading VALUES (?, 'activity', ?, ?, 'read', ?, ?, ?)"
    text = json.dumps(activity(ACTIVITIES["provider"]))
    rows = [(digest, reference["url"], f"oin:{each.node.id}", reference["hash"], text, int(time.time() * 1000))
            for each in (consumer, provider)]  # fmt: skip
    edited(consumer.node, *((insert, row) for row in rows))
    with pytest.raises(NodeFault, match="ACTIVITY_NOT_PUBLISHED"):
        consumer.people["drafter"].afar("agreement", "offer", digest)


def test_the_providers_database_edited(consumer, provider, token, source):
    """The provider's node is made to believe that the service is open; the counterpart refuses all the same."""
    source.forget()
    change = "UPDATE service SET declaration = replace(declaration, ?, ?) WHERE name = ?"
    edited(provider.node, (change, ('"governed"', '"open"', SERVICE)))
    try:
        shown = {each["name"]: each["declaration"]["class"] for each in provider.node.cli("service", "list")["items"]}
        assert shown[SERVICE] == "open"
        answer = ask(consumer, token)
        # What was offered before has been withdrawn meanwhile, or nothing was: in force there is nothing.
        nothing = ("AGREEMENT_MISSING", "AGREEMENT_UNSIGNED", "AGREEMENT_ENDED")
        assert answer.status == 403 and answer.json()["code"] in nothing
        assert source.received() == []
    finally:
        edited(provider.node, (change, ('"open"', '"governed"', SERVICE)))


def test_the_consumers_database_edited(consumer, provider, token, source):
    """And the other way round."""
    source.forget()
    change = "UPDATE binding SET declaration = replace(declaration, ?, ?)"
    edited(consumer.node, (change, ('"governed"', '"open"')))
    try:
        answer = ask(consumer, token)
        assert answer.status in (403, 404, 502) and source.received() == [], answer
    finally:
        edited(consumer.node, (change, ('"open"', '"governed"')))


def test_if_all_parties_collude_the_public_lists_show_it(consumer, provider, source, token):
    """Both declare personal data open: it goes over the wire, and everybody can read who said so, and why."""
    reason = "there is nothing personal in it"
    provider.node.cli("service", "add", "quietly", "--upstream", source.url, "--class", "open",
                      "--steward", "S. Voorbeeld", "--reason", reason)  # fmt: skip
    consumer.people["steward"].afar("application", "allow", "balie", f"{provider.node.id}/quietly", "--alias",
                                    "quietly", "--class", "open", "--steward", "T. Voorbeeld", "--reason", reason)  # fmt: skip
    shown = {each["name"]: each["declaration"] for each in public(provider, "/v1/services")["items"]}
    said = [shown["quietly"][member] for member in ("class", "steward", "reason")]
    assert said == ["open", "S. Voorbeeld", reason]
    there = public(consumer, "/v1/declarations")["items"]
    assert [(each["declaration"]["steward"], each["declaration"]["reason"]) for each in there
            if each["reference"].endswith("/quietly")] == [("T. Voorbeeld", reason)]  # fmt: skip
    # What they do for a living stands there too, with every version that it had.
    listed = public(provider, f"/v1/registers/activity/{ACTIVITIES['provider']}")["items"]
    assert [each["version"] for each in listed] == [1]


def public(organisation, path):
    """What anybody gets."""
    port = organisation.node.public_address.rpartition(":")[2]
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=10) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("setting", [{"check": False}, {"agreements": {"check": "off"}}, {"limits": {"check": False}}])
def test_there_is_no_setting_that_turns_it_off(world, authority, setting):
    node = world.node("stranger", settings=setting, start=False)
    with pytest.raises(NodeFault, match="CONFIGURATION_UNKNOWN_KEY"):
        node.start()


def test_there_is_no_option_that_turns_it_off(consumer, draft, folder):
    digest = consumer.drafts(draft, folder)
    for option in ("--force", "--unchecked", "--yes"):
        with pytest.raises(NodeFault, match="unexpected argument"):
            consumer.people["drafter"].afar("agreement", "offer", digest, option)
    consumer.people["drafter"].afar("agreement", "discard", digest)


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
