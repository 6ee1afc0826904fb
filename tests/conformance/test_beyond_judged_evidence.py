"""Beyond the suite: evidence carries the lists of revoked certificates by which its signatures can be judged, whoever verifies
brings those of later, and officers' advice is judged with the agreement that it is part of. Judged by the program and by the verifier in Python, which was written from docs/formats.
"""

import base64
import datetime
import json

import pytest
from cryptography import x509

from support.agreements import ask, conclude, document
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from verification import verifiers

DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def evidence(consumer, provider, folder, token):
    """The consumer's whole journal, after an exchange under an agreement on which its officer had advised."""
    digest = consumer.advise(consumer.drafts(document(provider.node, consumer.node), folder), text="Proportionate.")
    conclude(consumer, provider, digest)
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)
    file = folder / "journal.jsonl"

    def handed_over():
        """Up to the newest checkpoint, which may be of before the exchange."""
        file.unlink(missing_ok=True)
        consumer.officer().afar("account", "evidence", "--out", str(file))
        return '"type":"agreement"' in file.read_text()

    eventually(handed_over, "a checkpoint over the exchange", 30)
    return file


def lists(file):
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    encoded = [line["der"] for line in lines if line["type"] == "revocation_list"]
    return [x509.load_der_x509_crl(base64.urlsafe_b64decode(each + "=" * (-len(each) % 4))) for each in encoded]


def test_the_officers_advice_is_judged_as_the_node_wrote_it(evidence, authority):
    lines = [json.loads(line) for line in evidence.read_text().splitlines()]
    [agreement] = [line for line in lines if line["type"] == "agreement"]
    document = json.loads(agreement["document"])
    assert [each["outcome"] for each in document["advice"]] == ["positive"]
    assert verifiers.agreed([str(evidence)], str(authority.anchors))["outcome"] == "clean"


def codes(report, of="alarms"):
    return {each["code"] for each in report[of]}


def test_it_carries_the_lists_that_its_certificates_need(evidence, authority, tmp_path):
    held = lists(evidence)
    assert {each.issuer for each in held} == {authority.root.subject, authority.intermediate.subject} and len(held) == 2
    report = verifiers.agreed([str(evidence)], str(authority.anchors))
    assert report["outcome"] == "clean" and "REVOCATION_UNKNOWN" not in codes(report, "notes")
    without = tmp_path / "without.jsonl"
    lines = [json.loads(line) for line in evidence.read_text().splitlines()]
    kept = [line for line in lines if line["type"] != "revocation_list"]
    kept[-1]["lines"] = len(kept)
    without.write_text("".join(json.dumps(line) + "\n" for line in kept))
    report = verifiers.agreed([str(without)], str(authority.anchors))
    assert report["outcome"] == "clean" and "REVOCATION_UNKNOWN" in codes(report, "notes")


def test_evidence_of_one_exchange_holds_the_acts_by_which_it_is_judged(evidence, consumer, token, authority, tmp_path):
    transaction = ask(consumer, token).headers["Fsc-Transaction-Id"]
    file = tmp_path / "exchange.jsonl"

    def handed_over():
        file.unlink(missing_ok=True)
        try:
            consumer.officer().afar("account", "evidence", "--transaction", transaction, "--out", str(file))
        except NodeFault:
            return False
        return '"kind":"completion"' in file.read_text()

    eventually(handed_over, "the whole exchange", 20)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    acts = [json.loads(line["payload"]) for line in lines if line.get("kind") == "act"]
    by_action = {action: {act["subject"] for act in acts if act["action"] == action} for action in {act["action"] for act in acts}}
    stated = {"agreement.offered", "agreement.signed"}
    assert set(by_action) <= {"journal.key", "application.bind", "person.enrol", "person.roles", *stated}
    # Those who signed and advised, and nobody else who works there.
    assert by_action["person.enrol"] == {"fg", "directeur"}, by_action
    assert verifiers.agreed([str(file)], str(authority.anchors))["outcome"] == "clean"
    # Those who stated something about the agreement, and nothing else that was stated.
    assert by_action["agreement.offered"] == by_action["agreement.signed"] and len(by_action["agreement.signed"]) == 1, by_action
    for gone, found in (('"person.', {"SIGNATORY_KEY", "OFFICER_KEY"}), ('"agreement.', {"STATEMENTS_DIFFER"})):
        report = verifiers.agreed([str(without_acts(lines, gone, file))], str(authority.anchors))
        assert codes(report) == found, report["alarms"]


def without_acts(lines, named, file):
    """The evidence without acts in which that stands."""
    gone = {line["index"] for line in lines if line.get("kind") == "act" and named in line["payload"]}
    kept = [line for line in lines if line.get("index") not in gone]
    file.write_text("".join(json.dumps({**line, "lines": len(kept)} if line["type"] == "end" else line) + "\n" for line in kept))
    return file


@pytest.mark.parametrize("since, found", [(-DAY, True), (DAY, False)])
def test_what_issuers_say_by_now_is_brought_by_whoever_verifies(evidence, consumer, authority, tmp_path, since, found):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    authority.revoke(consumer.node.identity, at=now + DAY, invalid_from=now + since)
    try:
        files = authority.write_lists(tmp_path)
    finally:
        authority.forgive(consumer.node.identity)
    report = verifiers.agreed([str(evidence)], str(authority.anchors), lists=files)
    assert codes(report) == ({"CERTIFICATE_REVOKED"} if found else set()), report["alarms"][:5]


def test_a_list_that_its_issuer_did_not_sign_is_named(evidence, authority, foreign_authority, tmp_path):
    forged = foreign_authority.forged_list(authority.intermediate.subject)
    (tmp_path / "forged.crl").write_bytes(forged)
    report = verifiers.agreed([str(evidence)], str(authority.anchors), lists=[str(tmp_path / "forged.crl")])
    assert [(each["code"], each.get("participant")) for each in report["alarms"]] == [("REVOCATION_LIST", None)]
