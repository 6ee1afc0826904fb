"""Beyond the suite: a data protection officer advises by an act of their own, under a key of their own; what is typed in is
no advice. What the officer's signature covers is made and verified here with Python's own means.
"""

import base64
import hashlib
import json
import time

import pytest
import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from test_beyond_agreement import unpadded
from test_beyond_syri import another, assessed, assessment, cannot_be_offered, refusing

from support.agreements import document, write
from support.between_two import consumer, folder, provider, source  # noqa: F401
from support.node import NodeFault


@pytest.fixture
def draft(consumer, provider):
    return document(provider.node, consumer.node, id=another())


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def payload(content, advice):
    """What an officer signs: the advice, and the hash of the text without any."""
    text = hashlib.sha256(rfc8785.dumps({**content, "advice": []})).hexdigest()
    words = {name: advice[name] for name in ("participant", "officer", "given_on", "outcome", "text")}
    return rfc8785.dumps({"format": "verbond-advice/1", "document": f"sha256:{text}", **words})


def verify(content, advice):
    header, _, signature = advice["act"]["signature"].partition("..")
    assert json.loads(unpadded(header))["typ"] == "verbond-advice+jws"
    raw = unpadded(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    key = serialization.load_der_public_key(unpadded(advice["act"]["key"]))
    key.verify(der, f"{header}.{encoded(payload(content, advice))}".encode(), ec.ECDSA(hashes.SHA256()))


def typed(consumer, **more):
    made = {"participant": f"oin:{consumer.node.id}", "officer": "M. Voorbeeld, FG",
            "given_on": time.strftime("%Y-%m-%d", time.gmtime()), "outcome": "positive", "text": "Proportionate."}  # fmt: skip
    return {**made, **more}


def under(key, content, advice, typ="verbond-advice+jws"):
    """The advice with a signature of this key over it."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    signature = under_bytes(key, payload(content, advice), typ, int(time.time()))
    return {**advice, "act": {"key": encoded(der), "signature": signature}}


def under_bytes(key, signed, typ, at):
    """A detached JWS over these bytes, on P-256, of this moment."""
    public = key.public_key()
    numbers = public.public_numbers()
    jwk = {"crv": "P-256", "kty": "EC", "x": encoded(numbers.x.to_bytes(32)), "y": encoded(numbers.y.to_bytes(32))}
    kid = encoded(hashlib.sha256(json.dumps(jwk, separators=(",", ":")).encode()).digest())
    header = encoded(json.dumps({"alg": "ES256", "typ": typ, "kid": kid, "iat": at}).encode())
    made = key.sign(f"{header}.{encoded(signed)}".encode(), ec.ECDSA(hashes.SHA256()))
    raw = b"".join(number.to_bytes(32) for number in utils.decode_dss_signature(made))
    return f"{header}..{encoded(raw)}"


def test_the_officer_advises_under_a_key_of_their_own_and_it_becomes_part_of_the_document(consumer, draft, folder):
    before = consumer.drafts(draft, folder)
    after = consumer.advise(before, text="Proportionate: no incomes are collected.")
    assert after != before
    with pytest.raises(NodeFault, match="AGREEMENT_UNKNOWN"):
        consumer.agreement(before)
    shown = consumer.people["drafter"].afar("agreement", "document", after)
    assert {**shown, "advice": []} == draft
    [advice] = shown["advice"]
    assert (advice["outcome"], advice["text"]) == ("positive", "Proportionate: no incomes are collected.")
    verify(draft, advice)
    assert refusing(consumer, after) == set()
    acts = [line["payload"] for line in
            consumer.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]]  # fmt: skip
    act = next(each for each in acts if each["action"] == "agreement.advise" and each["subject"] == after)
    assert act["author"]["name"] == "fg" and act["detail"]["act"] == advice["act"]
    assert act["detail"]["draft"] == before and advice["text"] not in json.dumps(act)
    # Who advises again takes the earlier advice back.
    again = consumer.advise(after, outcome="negative")
    [advice] = consumer.people["drafter"].afar("agreement", "document", again)["advice"]
    assert advice["outcome"] == "negative"


def test_whoever_drafts_or_signs_does_not_advise(consumer, draft, folder):
    digest = consumer.drafts(draft, folder)
    for duty in ("drafter", "signatory"):
        with pytest.raises(NodeFault, match="NOT_PERMITTED"):
            consumer.advise(digest, by=consumer.people[duty])


def test_advice_that_is_typed_in_is_none(consumer, draft, folder):
    draft["advice"] = [typed(consumer)]
    cannot_be_offered(consumer, draft, folder, "ADVICE_WITHOUT_ACT")


def test_advice_is_on_one_text_and_says_one_thing(consumer, draft, folder):
    digest = consumer.advise(consumer.drafts(draft, folder))
    advised = consumer.people["drafter"].afar("agreement", "document", digest)
    [advice] = advised["advice"]
    for changed in (
        {**advised, "id": another(), "why": {"nl": "Iets anders.", "en": "Something else."}},
        {**advised, "id": another()},
    ):
        cannot_be_offered(consumer, changed, folder, "ADVICE_WITHOUT_ACT")
    turned = {**advised, "advice": [{**advice, "text": "Whatever you like."}]}
    cannot_be_offered(consumer, turned, folder, "ADVICE_WITHOUT_ACT")


def test_only_an_officer_who_is_known_here_gives_this_party_s_advice(consumer, draft, folder):
    stranger = ec.generate_private_key(ec.SECP256R1())
    draft["advice"] = [under(stranger, draft, typed(consumer))]
    cannot_be_offered(consumer, draft, folder, "ADVICE_NOT_BY_OFFICER")
    # A signature that was made for something else is none under advice.
    draft["advice"] = [under(stranger, draft, typed(consumer), typ="verbond-agreement+jws")]
    cannot_be_offered(consumer, draft, folder, "ADVICE_WITHOUT_ACT")
    # Nor does the node take it in from the officer's hands.
    digest = consumer.drafts({**draft, "id": another(), "advice": []}, folder)
    status, problem = consumer.officer().ask("POST", f"/v1/agreements/{digest}/advice", draft["advice"][0])
    assert (status, problem["code"]) == (422, "ADVICE_NOT_SIGNED")


def test_advice_bears_its_own_day(consumer, draft, folder):
    key = serialization.load_pem_private_key(consumer.officer().key.read_bytes(), b"vier willekeurige woorden samen")
    digest = consumer.drafts(draft, folder)
    early = under(key, draft, typed(consumer, given_on="2026-10-01"))
    status, problem = consumer.officer().ask("POST", f"/v1/agreements/{digest}/advice", early)
    assert (status, problem["code"]) == (422, "ADVICE_DAY")


def test_who_rests_on_an_assessment_asks_the_officer(consumer, draft, folder):
    content = assessment(made_by="Afdeling Risico")
    assessed(draft, consumer, content)
    digest = consumer.people["drafter"].afar("agreement", "new", write(folder, draft))["hash"]
    assert refusing(consumer, digest) == {"ADVICE_REQUIRED"}
    assert refusing(consumer, consumer.advise(digest)) == set()


def test_against_advice_needs_a_reason_and_both_officers_can_advise(consumer, provider, draft, folder):
    digest = consumer.advise(consumer.drafts(draft, folder), outcome="negative", text="Too much is asked.")
    assert refusing(consumer, digest) == {"ADVICE_UNANSWERED"}
    shown = consumer.people["drafter"].afar("agreement", "document", digest)
    shown["advice"][0]["not_followed_because"] = "One yes or no is the least that can be asked."
    # The answer is the parties': the officer's signature still stands, and the draft takes the other's place.
    answered = consumer.drafts(shown, folder)
    with pytest.raises(NodeFault, match="AGREEMENT_UNKNOWN"):
        consumer.agreement(digest)
    assert refusing(consumer, answered) == set()
    # The other party takes the text in, has its own officer advise, and gives it back.
    theirs = provider.advise(provider.drafts(shown, folder))
    both = provider.people["drafter"].afar("agreement", "document", theirs)
    assert len(both["advice"]) == 2
    assert consumer.drafts(both, folder) == theirs
    for advice in both["advice"]:
        verify(draft, advice)
    consumer.people["drafter"].afar("agreement", "offer", theirs)
    provider.sees(theirs, "offered")
    with pytest.raises(NodeFault, match="ADVICE_TOO_LATE"):
        provider.advise(theirs)
    for each in (provider, consumer):
        each.people["signatory"].afar("agreement", "sign", theirs)
    for each in (consumer, provider):
        each.sees(theirs, "signed")


def test_the_other_party_s_node_looks_for_the_signature_too(consumer, provider, draft, folder):
    """What a party's own node would not find the other one finds before it signs."""
    draft["advice"] = [{**typed(consumer), "participant": f"oin:{consumer.node.id}"}]
    digest = provider.people["drafter"].afar("agreement", "new", write(folder, draft))["hash"]
    assert refusing(provider, digest) == {"ADVICE_WITHOUT_ACT"}
