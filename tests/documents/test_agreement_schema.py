"""The published schema of an agreement, read by a validator in another language."""

import copy
import json
import os
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

EXAMPLES = Path(__file__).parents[2] / "crates/agreement/tests"
DOCUMENTS = [EXAMPLES / "pensioners.json", *(
    path for path in sorted((EXAMPLES / "examples").glob("*.json")) if ".registers" not in path.name
)]


@pytest.fixture(scope="module")
def validator():
    printed = subprocess.run(
        [os.environ["VERBOND_BIN"], "schema", "agreement"], check=True, capture_output=True, timeout=30
    )
    schema = json.loads(printed.stdout)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def objects(value, path=()):
    """Every object in a document, with the way to it."""
    if isinstance(value, dict):
        yield path
        value = value.items()
    elif isinstance(value, list):
        value = enumerate(value)
    else:
        return
    for name, member in value:
        yield from objects(member, (*path, name))


def at(document, path):
    for step in path:
        document = document[step]
    return document


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_an_example_is_valid_and_no_object_takes_more(validator, path):
    document = json.loads(path.read_text())
    assert [error.message for error in validator.iter_errors(document)] == []
    for way in objects(document):
        broken = copy.deepcopy(document)
        at(broken, way)["and_more"] = True
        assert not validator.is_valid(broken), way


@pytest.mark.parametrize(
    "way, value",
    [
        (("format",), "verbond-agreement/2"),
        (("version",), 0),
        (("version",), "1"),
        (("parties",), []),
        (("clauses",), []),
        (("clauses", 0, "receivers"), []),
        (("clauses", 0, "operations"), []),
        (("clauses", 0, "operations", 0, "method"), "OPTIONS"),
        (("clauses", 0, "operations", 0, "path"), "incomes"),
        (("clauses", 0, "operations", 0, "delivered", 0, "type"), "object"),
        (("clauses", 0, "operations", 0, "delivered", 0, "sensitivity"), "open"),
        (("clauses", 0, "provider", "activity", "hash"), "sha256:00"),
        (("clauses", 0, "provider", "role"), {"role": "processor"}),
        (("clauses", 0, "provider", "places", 0, "country"), "Nederland"),
        (("clauses", 0, "conditions", "algorithm"), {"use": "these"}),
        (("kind",), {"type": "statutory_collaboration"}),
        (("term", "until"), "2028-12-01"),
        (("parties", 0, "participant"), "00000099000000020000"),
        (("publicity",), {"publish": "withheld"}),
        (("signatories",), None),
    ],
)
def test_a_broken_document_is_not_valid(validator, way, value):
    document = json.loads(DOCUMENTS[0].read_text())
    at(document, way[:-1])[way[-1]] = value
    assert not validator.is_valid(document)


def test_what_must_be_there_cannot_be_left_out(validator):
    document = json.loads(DOCUMENTS[0].read_text())
    optional = {"assessments", "algorithms", "advice"}
    for name in document.keys() - optional:
        assert not validator.is_valid({key: value for key, value in document.items() if key != name}), name
    side = ("clauses", 0, "provider")
    for name in ("role", "regime", "compatibility", "informing", "effect", "places", "retention"):
        broken = copy.deepcopy(document)
        del at(broken, side)[name]
        assert not validator.is_valid(broken), name
