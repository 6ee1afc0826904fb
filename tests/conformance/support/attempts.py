"""An agreement that would pass, changed in one thing, and what comes of it."""

import uuid

import pytest

from .node import NodeFault


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
