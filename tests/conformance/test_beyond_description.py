"""Beyond the suite: a service is described from an OpenAPI document or from a sample, and people complete the draft."""

import json
import subprocess

import pytest
from support.agreements import Organisation, write

from support.node import NodeFault

UNDECIDED = "TO BE DECIDED"
SAMPLE = {
    "total": 2,
    "items": [
        {"id": "T-0001", "height": 12, "felled": None, "keeper": {"bsn": "999990019", "name": "A. Voorbeeld"}},
        {"id": "T-0002", "height": 3.25, "felled": True},
    ],
}
OPENAPI = """
openapi: 3.0.3
info: {title: Bomen, version: '1'}
paths:
  /trees/{id}:
    get:
      operationId: getTree
      parameters: [{name: id, in: path, required: true, schema: {type: string, maxLength: 20}}]
      responses:
        '200':
          description: ok
          content: {application/json: {schema: {$ref: '#/components/schemas/Tree'}}}
components:
  schemas:
    Tree: {type: object, properties: {height: {type: number}, parent: {$ref: '#/components/schemas/Tree'}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("described")


@pytest.fixture(scope="module")
def provider(world, authority, folder):
    return Organisation(world, authority, "provider", folder, directory_role=True)


def imported(world, *arguments, text=""):
    """The draft and what was told beside it; no node has anything to do with it."""
    command = [world.binary, "--data", "/nonexistent", "description", "import", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False, env={"LANG": "C"})
    return done.returncode, done.stdout, done.stderr


def completed(draft, category="trees", sensitivity="not_personal"):
    """What a person does with a draft."""
    decided = {"category": category, "sensitivity": sensitivity, "meaning": "It.", "people": [], "type": "string",
               "values": {"allow": "identifier", "longest": 20}, "title": "Trees", "description": "Of a town."}  # fmt: skip

    def visit(value):
        if isinstance(value, dict):
            return {name: decided[name] if each == UNDECIDED else visit(each) for name, each in value.items()}
        return [visit(each) for each in value] if isinstance(value, list) else value

    return visit(draft)


def test_a_draft_from_openapi_is_completed_by_a_person(world, provider, folder):
    code, draft, told = imported(world, "openapi", "-", "--service", "trees", text=OPENAPI)
    assert code == 0, told
    assert "the schema holds itself" in told and "1 operations, 2 elements" in told
    draft = json.loads(draft)
    (operation,) = draft["operations"]
    assert [(each["path"], each["type"]) for each in operation["elements"]] == [("$.height", "number"), ("$.parent", "subtree")]
    assert operation["parameters"] == [
        {"name": "id", "place": "path", "required": True, "values": {"allow": "text", "longest": 20}}
    ]
    with pytest.raises(NodeFault, match="DESCRIPTION_UNDECIDED") as refused:
        provider.put("description", "trees", draft, folder)
    assert "/operations/0/elements/0/sensitivity ($.height)" in str(refused.value)
    # One that is forgotten is enough.
    almost = completed(draft)
    almost["operations"][0]["elements"][1]["meaning"] = UNDECIDED
    with pytest.raises(NodeFault, match="1 fields that are still to be decided"):
        provider.put("description", "trees", almost, folder)
    assert provider.put("description", "trees", completed(draft), folder)["version"] == 1


def test_a_draft_from_a_sample_holds_nothing_of_its_values(world, provider, folder):
    file = write(folder, SAMPLE)
    code, draft, told = imported(world, "sample", file, "--service", "trees", "--operation", "GET /trees")
    assert code == 0, told
    assert "2 records" in told and "$.items[*]: taken as one record" in told
    for value in ("T-0001", "999990019", "Voorbeeld", "3.25"):
        assert value not in draft + told
    (operation,) = json.loads(draft)["operations"]
    assert operation["record"] == "$.items[*]"
    types = {each["path"]: each["type"] for each in operation["elements"]}
    assert types["$.items[*].height"] == "number" and types["$.items[*].keeper.bsn"] == "string"
    provider.put("description", "sampled", completed(json.loads(draft)), folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OPENAPI.replace("#/components/schemas/Tree'}}}\n", "https://a.test/tree.json'}}}\n", 1), "DESCRIPTION_REFERENCE_REMOTE"),
        ("swagger: '2.0'", "DESCRIPTION_UNREADABLE"),
        ("a: [", "DESCRIPTION_UNREADABLE"),
        ("[" * 100_000, "DESCRIPTION_UNREADABLE"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(world, text, expected):
    code, draft, told = imported(world, "openapi", "-", "--service", "trees", text=text)
    assert code != 0 and expected in told and draft == ""
