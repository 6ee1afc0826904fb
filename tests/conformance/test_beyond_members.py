"""Beyond the suite: each member of an agreement means something. The table docs/reference/agreement-members.md says what
editing it does; here the table is held to the schema, and what it says is tried."""

import copy
import itertools
import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from support.agreements import (
    AGREED,
    BSN,
    SERVICE,
    SOURCE,
    article,
    ask,
    conclude,
    document,
    element,
    rfc_3339,
    write,
)
from support.attempts import another, clause, receiver
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from support.servers import Reply

WORKSPACE = Path(__file__).resolve().parents[2]
TABLE = WORKSPACE / "docs" / "reference" / "agreement-members.md"
SIDES = re.compile(r"^clauses\[\]\.(provider|receivers\[\]\.side)\.")
KINDS = {"wire", "check", "records", "text"}


# The table ------------------------------------------------------------------------------------------------------------


def members(schema, node, place="", found=None):
    """What holds no others, as `clauses[].name`."""
    found = set() if found is None else found
    if "$ref" in node:
        return members(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[1]], place, found)
    below = [(place, each) for name in ("oneOf", "anyOf", "allOf") for each in node.get(name, [])]
    below += [(f"{place}.{name}".lstrip("."), each) for name, each in node.get("properties", {}).items()]
    below += [(f"{place}[]", node["items"])] if "items" in node else []
    if not below and node.get("type") != "null":
        found.add(SIDES.sub("Side.", place))
    for at, each in below:
        members(schema, each, at, found)
    return found


def expanded(row):
    parts = [part[1:-1].split(",") if part.startswith("{") else [part] for part in re.split(r"(\{[^}]*\})", row)]
    return ["".join(choice) for choice in itertools.product(*parts)]


def rows():
    made = []
    for line in TABLE.read_text().splitlines():
        if line.startswith("| `"):
            made.append([cell.strip() for cell in line.strip("|").split("|")])
    return made


def test_each_member_of_the_schema_has_its_row_and_none_is_stale(world):
    done = subprocess.run([world.binary, "schema", "agreement"], capture_output=True, check=True, timeout=60)
    schema = json.loads(done.stdout)
    named = [member for row in rows() for member in expanded(row[0].strip("`"))]
    assert len(named) == len(set(named)), "twice"
    assert set(named) == members(schema, schema)


def test_each_row_says_what_it_does_and_where_that_is_shown():
    for member, kind, does, shown in rows():
        assert kind in KINDS, member
        if kind == "text":
            assert not shown, member
            continue
        file, name = shown.strip("`").split("::")
        assert does and f"def {name}(" in (WORKSPACE / "tests" / "conformance" / file).read_text(), member


# What makes no agreement ------------------------------------------------------------------------------------------------


def asked(content, **more):
    """The operation is asked with a body of one element."""
    clause(content)["operations"][0] |= {
        "method": "POST",
        "request": {"content_type": "application/json", "elements": [{**element("$.about", "string", "personal"), **more}]},
    }


def told_in_a_request(content):
    asked(content, type="boolean", derived={"by": "exists", "from": "$.secret"})


@pytest.mark.parametrize("edit", [lambda content: content.update(format="verbond-agreement/2"), told_in_a_request])
def test_an_edit_that_makes_no_agreement(consumer, provider, folder, edit):
    content = document(provider.node, consumer.node, id=another())
    edit(content)
    with pytest.raises(NodeFault):
        consumer.people["drafter"].afar("agreement", "new", write(folder, content))


# What check finds -------------------------------------------------------------------------------------------------------


def ground(content):
    return clause(content)["provider"]["ground"]["ground"]


def first(content):
    return clause(content)["operations"][0]["delivered"][0]


def statutory(content, **more):
    contact = {"name": "Loket", "address": "loket@example.test"}
    content["kind"] = {
        "type": "statutory_collaboration", "established_by": article("BWBR0099999", "Wet samenwerking", "1"),
        "purpose": "Helping people.", "contact_point": contact, "advisory_committee": contact,
        "results": "A report each year.", "evaluate_before": "2099-01-01", **more,
    }  # fmt: skip


def joint(content, with_, arrangement):
    role = {"role": "joint_controller", "with": with_, "arrangement": arrangement, "contact_point": {"name": "A", "address": "a@b.test"}}
    clause(content)["provider"]["role"] = role


def special(content, letter, provision=None):
    first(content)["sensitivity"] = "special_category"
    made = {"letter": letter, **({"provision": provision} if provision else {})}
    for side in (clause(content)["provider"], receiver(content)):
        side["ground"]["ground"]["special_categories"] = made


def other_clause(content, **more):
    """A second source for the same question."""
    made = copy.deepcopy(clause(content))
    content["clauses"].append({**made, "name": "again", "service": {**made["service"], "name": "other-incomes"}, **more})


def everything(content, **more):
    asked(content, type="subtree", path="$", **more)


EDITS = {
    "kind.type": ({"COLLABORATION_GROUND"}, statutory),
    "kind.evaluate_before": (
        {"TERM_BEYOND_EVALUATION", "COLLABORATION_GROUND"}, lambda it: statutory(it, evaluate_before=rfc_3339(time.time() + 9 * 86400)[:10])),
    "kind.established_by.law": (set(), lambda it: statutory(it, established_by=article())),
    "parties[].name": ({"JOINT_ONE_SIDED"}, lambda it: (
        it["parties"][1].update(name="Gemeente"), joint(it, ["Gemeente"], "Each answers for what it does itself."))),
    "role.arrangement": ({"JOINT_WITHOUT_ARRANGEMENT"}, lambda it: joint(it, ["Somebody"], "We will see.")),
    "role.with": ({"JOINT_WITHOUT_ARRANGEMENT"}, lambda it: joint(it, [], "Each answers for what it does itself.")),
    "regime": ({"SECRECY_NOT_LIFTED"}, lambda it: clause(it)["provider"].update(regime="wpg")),
    "secrecy": ({"SECRECY_LIFTED_BY_ITSELF"}, lambda it: clause(it)["provider"].update(
        secrecy={"duty": article(), "lifted_by": article()})),
    "ground.limb": ({"LIMB_FOR_AUTHORITY"}, lambda it: ground(it).update(limb="legitimate_interests")),
    "ground.purposes": ({"PURPOSE_NOT_IN_GROUND"}, lambda it: ground(it).update(purposes=["fraud-detection"])),
    "ground.judged_on": ({"GROUND_NOT_JUDGED"}, lambda it: ground(it).update(judged_on="2098-01-01")),
    "ground.valid_until": ({"GROUND_EXPIRED"}, lambda it: ground(it).update(valid_until="2020-01-01")),
    "ground.provisions": ({"GROUND_WITHOUT_PROVISION"}, lambda it: ground(it).update(provisions=[])),
    "special_categories.letter": ({"SPECIAL_CATEGORY_WITHOUT_PROVISION"}, lambda it: special(it, "g")),
    "special_categories.provision": (set(), lambda it: special(it, "g", article())),
    "criminal_data": ({"CRIMINAL_DATA_WITHOUT_BASIS"}, lambda it: first(it).update(sensitivity="criminal")),
    "activity.entry": ({"ACTIVITY_ELSEWHERE"}, lambda it: receiver(it)["activity"]["entry"].update(name="something-else")),
    "retention.category": ({"RETENTION_MISSING"}, lambda it: receiver(it)["retention"][0].update(category="housing")),
    "undertaking": ({"CONFIDENTIAL_WITHOUT_UNDERTAKING"}, lambda it: first(it).update(sensitivity="confidential")),
    "parameters.identifies": ({"NUMBER_NOT_MARKED"}, lambda it: clause(it)["operations"][0].update(
        path="/incomes/{bsn}", people=[{"at": {"place": "parameter", "name": "bsn"}, "identifies": "national_number"}],
        parameters=[{"name": "bsn", "place": "path", "required": True, "values": {"allow": "identifier", "longest": 20}}])),
    "request.category": ({"CATEGORY_NOT_IN_ACTIVITY", "RETENTION_MISSING"}, lambda it: asked(it, category="housing")),
    "request.sensitivity": ({"CRIMINAL_DATA_WITHOUT_BASIS"}, lambda it: asked(it, sensitivity="criminal")),
    "request.identifies": ({"ELEMENT_MISCLASSIFIED"}, lambda it: asked(it, sensitivity="not_personal", identifies="pseudonym")),
    "request.why_all": ({"SUBTREE_OF_ALL"}, lambda it: everything(it, why_all="To be sure.")),
    "delivered.category": ({"CATEGORY_NOT_IN_ACTIVITY", "RETENTION_MISSING"}, lambda it: first(it).update(category="housing")),
    "delivered.sensitivity": ({"SPECIAL_CATEGORY_WITHOUT_EXCEPTION"}, lambda it: first(it).update(sensitivity="special_category")),
    "delivered.identifies": ({"ELEMENT_MISCLASSIFIED"}, lambda it: first(it).update(sensitivity="not_personal", identifies="pseudonym")),
    "linkage": ({"LINKAGE_UNSAID"}, other_clause),
    "linkage.with": (set(), lambda it: other_clause(it, linkage={"with": ["incomes"], "question": "Who may be entitled?"})),
    "linkage.with unknown": ({"LINKAGE_UNKNOWN_CLAUSE"}, lambda it: clause(it).update(
        linkage={"with": ["nothing"], "question": "Who may be entitled?"})),
    "signatories.participant": ({"SIGNATORY_MISSING"}, lambda it: it["signatories"].pop()),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_check_finds(consumer, provider, folder, edit):
    codes, change = EDITS[edit]
    content = document(provider.node, consumer.node, id=another())
    change(content)
    found = consumer.people["drafter"].afar("agreement", "check", consumer.drafts(content, folder))["items"]
    assert codes <= {each["code"] for each in found}, found
    assert {each["code"] for each in found if each["severity"] == "refuses"} <= codes, found


# What changes on the wire -----------------------------------------------------------------------------------------------


def operation(content):
    return clause(content)["operations"][0]


def parameter(values, name="year"):
    return {"name": name, "place": "query", "required": False, "values": values}


def with_year(values):
    """The year may be asked for."""
    return lambda it: operation(it)["parameters"].append(parameter(values))


PERSON = f"/{SERVICE}/incomes/{BSN}"
WIRE = {
    # By member: the edit, what is asked, and its status and answer under what was signed anew.
    "clauses.until": (lambda it: clause(it).update(until=rfc_3339(time.time() - 5)), PERSON, (403, None)),
    "term.from": (lambda it: it["term"].update({"from": rfc_3339(time.time() + 86400)}), PERSON, (403, None)),
    "method": (lambda it: operation(it).update(method="DELETE"), PERSON, (403, None)),
    "path": (lambda it: operation(it).update(path="/salaries/{person}"), PERSON, (403, None)),
    "longest": (lambda it: operation(it)["parameters"][0]["values"].update(longest=5), PERSON, (403, None)),
    "one_of": (with_year({"allow": "one_of", "values": ["2025"]}), f"{PERSON}?year=2026", (403, None)),
    "one_of agreed": (with_year({"allow": "one_of", "values": ["2026"]}), f"{PERSON}?year=2026", (200, None)),
    "integer": (with_year({"allow": "integer", "minimum": 2000, "maximum": 2025}), f"{PERSON}?year=2026", (403, None)),
    "minimum": (with_year({"allow": "integer", "minimum": 2027, "maximum": 2030}), f"{PERSON}?year=2026", (403, None)),
    "day": (with_year({"allow": "day"}), f"{PERSON}?year=2026", (403, None)),
    "longest text": (with_year({"allow": "text", "longest": 3}), f"{PERSON}?year=2026", (403, None)),
    "name": (lambda it: operation(it)["parameters"].append(parameter({"allow": "text", "longest": 9}, "jaar")), f"{PERSON}?year=2026",
             (403, None)),
    "required": (lambda it: operation(it)["parameters"].append({**parameter({"allow": "day"}), "required": True}), PERSON, (403, None)),
    "content_type": (lambda it: operation(it).update(content_type="application/geo+json"), PERSON, (502, "ANSWER_NOT_PROJECTABLE")),
    "type": (lambda it: first(it).update(type="string"), PERSON, (200, {"income": {"below_minimum": True}})),
    "nullable": (lambda it: operation(it)["delivered"].append({**element("$.gone", "string", "personal"), "nullable": True}), PERSON,
                 (200, {**AGREED, "gone": None})),
    "not nullable": (lambda it: operation(it)["delivered"].append(element("$.gone", "string", "personal")), PERSON, (200, AGREED)),
    "delivered": (lambda it: operation(it)["delivered"].pop(), PERSON, (200, {"year": 2026})),
    "delivered more": (lambda it: operation(it)["delivered"].append(element("$.income.amount", "integer", "sensitive")), PERSON,
                       (200, {"year": 2026, "income": {"amount": 14250, "below_minimum": True}})),
}  # fmt: skip


@pytest.fixture(scope="module")
def working(consumer, provider, token, folder, source):
    """Both nodes, once a wire contract has followed from an agreement that is not edited."""
    source.respond = lambda request: Reply.of({**SOURCE, "gone": None})
    conclude(consumer, provider, consumer.drafts(document(provider.node, consumer.node), folder))
    eventually(lambda: ask(consumer, token).status == 200, "an answer under what is not edited", 60)


@pytest.mark.parametrize("member", WIRE)
def test_an_edit_on_the_wire(consumer, provider, token, folder, source, working, member):
    """Signed anew and asked by its name: the source is asked where it answers, and nowhere else."""
    edit, path, (status, expected) = WIRE[member]
    content = document(provider.node, consumer.node, id=another())
    edit(content)
    conclude(consumer, provider, consumer.drafts(content, folder))
    seen = []

    def outcome():
        source.forget()
        answer = ask(consumer, token, path, **{"Verbond-Agreement": content["id"]})
        says = answer.json()
        seen.append((answer.status, says))
        as_agreed = expected in (None, says if status == 200 else says["code"])
        return answer.status == status and as_agreed and bool(source.received()) == (status != 403)

    assert eventually(outcome, f"{status} {expected}", 30), seen[-1]
