"""Beyond the suite: the SyRI attempt that needs no agreement, personal data declared open (docs/conformance/syri.md)."""

import uuid

import pytest

from support.agreements import Organisation, write
from support.between_two import folder, source  # noqa: F401
from support.node import NodeFault


@pytest.fixture(scope="module")
def provider(world, authority, folder):
    return Organisation(world, authority, "provider", folder, directory_role=True)


def described(service, *elements):
    return {
        "service": service,
        "title": "What it gives",
        "description": "For this test.",
        "operations": [{
            "name": "read", "method": "GET", "path": "/things", "content_type": "application/json", "record": "$",
            "elements": [
                {"path": path, "type": "string", "category": category, "sensitivity": sensitivity, "meaning": "It."}
                for path, category, sensitivity in elements
            ],
        }],
    }  # fmt: skip


def declared(organisation, service, source, *more, category="open"):
    return organisation.node.cli("service", "add", service, "--upstream", source.url, "--class", category, "--steward",
                                 "S. Voorbeeld", "--reason", "there is nothing personal in it", *more)  # fmt: skip


@pytest.mark.parametrize(
    "element",
    [
        ("$.height", "trees", "sensitive"),
        ("$.owner.geboortedatum", "trees", "not_personal"),
        ("$.x", "diagnosis", "not_personal"),
    ],
)
def test_personal_data_declared_open_against_its_own_description(provider, source, folder, element):
    name = f"things-{uuid.uuid4().hex[:8]}"
    provider.put("description", name, described(name, ("$.year", "trees", "not_personal"), element), folder)
    with pytest.raises(NodeFault, match="OPEN_SERVICE_PERSONAL"):
        declared(provider, name, source)
    declared(provider, name, source, category="governed")
    with pytest.raises(NodeFault, match="OPEN_SERVICE_PERSONAL"):
        declared(provider, name, source)


def test_an_open_service_described_as_personal_afterwards(provider, source, folder):
    declared(provider, "plants", source)
    with pytest.raises(NodeFault, match="OPEN_SERVICE_PERSONAL"):
        provider.put("description", "plants", described("plants", ("$.height", "trees", "personal")), folder)
    provider.put("description", "plants", described("plants", ("$.height", "trees", "not_personal")), folder)


@pytest.mark.parametrize(
    "sample", [{"items": [{"BSN": "999990019"}]}, {"@type": "https://schema.org/Person"}, {"resourceType": "Patient"}]
)
def test_personal_data_declared_open_against_its_own_sample(provider, source, folder, sample):
    with pytest.raises(NodeFault, match="OPEN_SERVICE_PERSONAL") as refused:
        declared(provider, "samples", source, "--sample", write(folder, sample))
    assert "999990019" not in str(refused.value)
    # Never by digits alone: numbers of organisations look the same.
    declared(provider, "samples", source, "--sample", write(folder, {"rsin": "999990019"}))
