"""Beyond the suite: what is agreed is public. Parties that collude pass every gate, and stand in both public lists all the same
(docs/conformance/syri.md)."""

import copy
import json
import urllib.error
import urllib.request

import pytest

from support.agreements import BSN, PURPOSE, SERVICE, article, conclude, document
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.wire import LOOPBACK

OTHER = "benefits"
WITHHELD = {"publish": "withheld", "what": "Wat de opsporing raakt.",
            "provision": article("BWBR0045754", "Wet open overheid", "5.1, tweede lid, onder c")}  # fmt: skip


def get(organisation, path, **headers):
    """What anybody gets."""
    port = organisation.node.public_address.rpartition(":")[2]
    request = urllib.request.Request(f"http://{LOOPBACK}:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, lower(answer.headers), json.loads(answer.read())
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, lower(error.headers), json.loads(text) if text else None


def lower(fields):
    return {name.lower(): value for name, value in fields.items()}


def listed(organisation):
    return {each["hash"]: each for each in get(organisation, "/v1/agreements")[2]["items"]}


def linking(provider, consumer, number, **more):
    """One agreement that links two sources of people's data for one question, as it must say itself."""
    content = document(provider.node, consumer.node, id=f"01932f5e-7c00-7000-8000-0000000000{number:02}", **more)
    first = content["clauses"][0]
    second = copy.deepcopy(first)
    second["name"], second["service"]["name"] = OTHER, OTHER
    for one, other in ((first, OTHER), (second, first["name"])):
        one["linkage"] = {"with": [other], "question": "Who lives on how much?"}
    content["clauses"].append(second)
    return content


@pytest.fixture(scope="module")
def colluding(provider, consumer, source, folder):
    provider.node.cli("service", "add", OTHER, "--upstream", source.url, "--class", "governed",
                      "--steward", "S. Voorbeeld", "--reason", "benefits of people")  # fmt: skip
    digest = consumer.drafts(linking(provider, consumer, 31), folder)
    assert digest not in listed(consumer)
    conclude(consumer, provider, digest)
    return digest


def test_if_all_parties_collude_the_lists_show_it(provider, consumer, colluding):
    shown = [listed(each)[colluding] for each in (provider, consumer)]
    assert shown[0] == shown[1]
    (one, _) = shown
    assert (one["stage"], one["in_force"], one["version"]) == ("signed", True, 1)
    assert {each["participant"] for each in one["parties"]} == {f"oin:{each.node.id}" for each in (provider, consumer)}
    services = {each["service"]["name"]: each for each in one["clauses"]}
    assert set(services) == {SERVICE, OTHER}
    for name, other in ((SERVICE, OTHER), (OTHER, SERVICE)):
        clause = services[name]
        assert clause["purpose"] == PURPOSE and clause["receivers"] == [f"oin:{consumer.node.id}"]
        assert clause["categories"] == [{"category": "income", "sensitivity": "sensitive"}]
        assert [each["name"] for each in clause["combined_with"]] == [other]
        # What they say that they do is to be read where the list says.
        for address in clause["activities"]:
            holder = provider if address.startswith(provider.node.public_address) else consumer
            status, _, activity = get(holder, "/" + address.split("/", 3)[3])
            assert status == 200 and PURPOSE in activity["purposes"]


def test_no_person_and_no_element_stands_in_it(provider, colluding):
    text = json.dumps(get(provider, "/v1/agreements")[2])
    for hidden in ("De directeur", "Mandaatbesluit", "team@example.test", "Team", "$.", "below_minimum", BSN, "opsteller"):
        assert hidden not in text


def test_what_is_withheld_stands_there_with_its_ground(provider, consumer, folder, colluding):
    content = linking(provider, consumer, 32, publicity=WITHHELD)
    content["clauses"][0]["purpose_text"] = {"nl": "Stille vraag.", "en": "Quiet question."}
    digest = consumer.drafts(content, folder)
    conclude(consumer, provider, digest)
    for each in (provider, consumer):
        one = listed(each)[digest]
        assert one["withheld"] == {"what": WITHHELD["what"], "provision": WITHHELD["provision"], "until": None}
        assert len(one["parties"]) == 2 and one["in_force"] is True and one["id"] == content["id"]
        assert "clauses" not in one and "title" not in one
        assert "Quiet" not in json.dumps(one)


def test_what_has_ended_stays(provider, consumer, folder, colluding):
    digest = consumer.drafts(linking(provider, consumer, 33), folder)
    conclude(consumer, provider, digest)
    assert listed(provider)[digest]["in_force"] is True
    provider.people["signatory"].afar("agreement", "revoke", digest, "--reason", "Only a test.")
    ended = eventually(lambda: (one := listed(consumer)[digest])["stage"] == "revoked" and one, "the end in the list", 20)
    assert ended["in_force"] is False and len(ended["clauses"]) == 2


def test_what_is_not_signed_by_all_is_not_there(consumer, provider, folder, colluding):
    digest = consumer.drafts(linking(provider, consumer, 34), folder)
    drafter = consumer.people["drafter"]
    drafter.afar("agreement", "offer", digest)
    provider.sees(digest, "offered")
    provider.people["signatory"].afar("agreement", "sign", digest)
    consumer.sees(digest, "offered")
    for each in (consumer, provider):
        assert digest not in listed(each)
    drafter.afar("agreement", "withdraw", digest, "--reason", "Only a test.")


def test_it_is_read_page_by_page_and_again_only_when_it_has_changed(provider, colluding):
    whole = [each["hash"] for each in get(provider, "/v1/agreements")[2]["items"]]
    found, cursor = [], ""
    for _ in whole:
        status, _, page = get(provider, f"/v1/agreements?limit=1{cursor}")
        assert status == 200 and len(page["items"]) == 1
        found.append(page["items"][0]["hash"])
        cursor = f"&cursor={page['next']}"
    assert found == whole and page["next"] is None
    status, fields, _ = get(provider, "/v1/agreements")
    assert status == 200 and fields["cache-control"] == "no-cache" and fields["api-version"]
    assert get(provider, "/v1/agreements", **{"If-None-Match": fields["etag"]})[0] == 304
    assert get(provider, "/v1/agreements", **{"If-None-Match": '"other"'})[0] == 200
    for query in ("cursor=sha256:none", "limit=x", "page=2"):
        status, fields, problem = get(provider, f"/v1/agreements?{query}")
        assert status == 400 and fields["content-type"].startswith("application/problem+json"), (query, problem)
