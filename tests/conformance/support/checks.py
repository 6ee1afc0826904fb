"""Assertions that many tests share, each with the sentence of the norm that it stands for."""

import os
import time
import uuid

from . import signing
from .contract import GROUP
from .wire import Refused

STATUS = {
    "ERROR_CODE_PEER_CERTIFICATE_VERIFICATION_FAILED": 400,
    "ERROR_CODE_ACCESS_TOKEN_MISSING": 401,
    "ERROR_CODE_ACCESS_TOKEN_INVALID": 401,
    "ERROR_CODE_ACCESS_TOKEN_EXPIRED": 401,
    "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN": 403,
    "ERROR_CODE_SERVICE_NOT_FOUND": 404,
    "ERROR_CODE_SERVICE_UNREACHABLE": 502,
    "ERROR_CODE_METHOD_UNSUPPORTED": 405,
    "TRANSACTION_LOG_WRITE_ERROR": 500,
    "INVALID_LOG_RECORD_ID": 400,
    "MISSING_LOG_RECORD_ID": 400,
}
"""HTTP status by code (Core 4.6.1.4, 4.7.2.2, Logging 3.3.1.3, 3.4.1.3); every other manager code has 422 (4.4.5.3)."""

TOKEN_ERRORS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
}


def eventually(probe, what, seconds=6):
    """The first true answer of the probe; an assertion error when the time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"within {seconds} s there is no {what}")
        time.sleep(0.03)


def fsc_error(answer, domain):
    """The error object and header of Core 4.1.7 and 4.4.5.2; answers the code."""
    assert answer.status >= 400, f"expected a refusal, got {answer}"
    code = answer.headers.get("Fsc-Error-Code")
    assert code, f"no Fsc-Error-Code header (Core 4.1.7) on {answer}"
    assert answer.headers.get_content_type() == "application/json", f"content type of {answer}"
    body = answer.json()
    assert {"message", "domain", "code"} <= body.keys(), f"error object lacks a required member: {answer}"
    assert body["code"] == code, f"code in body and header differ: {answer}"
    assert body["domain"] == domain, f"domain is not {domain}: {answer}"
    assert isinstance(body["message"], str) and body["message"], f"empty message: {answer}"
    return code


def manager_refuses(answer, *codes):
    """A refusal of a manager with one of the codes, each with the status of its table; without codes any 4xx."""
    code = fsc_error(answer, "ERROR_DOMAIN_MANAGER")
    if codes:
        assert code in codes, f"expected {' or '.join(codes)}, got {answer}"
        assert answer.status == STATUS.get(code, 422), f"status does not belong to the code: {answer}"
    else:
        assert 400 <= answer.status < 500, f"expected a 4xx, got {answer}"


def inway_refuses(answer, code):
    got = fsc_error(answer, "ERROR_DOMAIN_INWAY")
    assert got == code and answer.status == STATUS[code], f"expected {STATUS[code]} {code}, got {answer}"
    if answer.status == 401:
        challenge = answer.headers.get("WWW-Authenticate")
        assert challenge == "Bearer", f"WWW-Authenticate MUST be Bearer (Core 4.7.2.2.1), got {challenge!r}"


def token_refused(answer, *errors):
    """RFC 6749 section 5.2, as Core 4.4.5.1 demands of /token."""
    assert answer.status == 400 or (answer.status == 401 and answer.json()["error"] == "invalid_client"), (
        f"expected 400 (or 401 invalid_client), got {answer}"
    )
    error = answer.json().get("error")
    assert error in (errors or TOKEN_ERRORS), f"expected {' or '.join(errors) or 'an RFC 6749 error'}, got {answer}"
    assert "access_token" not in answer.json()


def cut_off(action):
    """The TLS connection is refused, or nothing but a 4xx comes over it."""
    try:
        answer = action()
    except Refused:
        return
    assert 400 <= answer.status < 500, f"a connection that must not be accepted got {answer}"


def access_token(answer, *, by, of, grant_hash, service):
    """A token response of Core 4.4.1.6 and the claims of 4.3.1, signature verified; answers token and claims.

    `by` is the node that issued, `of` the peer that asked.
    """
    assert answer.status == 200, f"expected a token, got {answer}"
    body = answer.json()
    assert body["token_type"].lower() == "bearer", f"token_type: {answer}"
    keys = of.get(by.manager_address, "/.well-known/jwks.json").json()
    _, claims = signing.verify(body["access_token"], keys)
    expected = {
        "gth": grant_hash,
        "gid": GROUP,
        "sub": of.id,
        "iss": by.id,
        "svc": service,
        "aud": by.inway_address,
        "cnf": {"x5t#S256": of.identity.certificate_thumbprint},
    }
    for claim, value in expected.items():
        got = claims.get(claim)
        if claim == "aud" and isinstance(got, str):
            got = got.rstrip("/")
        assert got == value, f"claim {claim} is {got!r}, not {value!r} (Core 4.3.1)"
    moment = time.time()
    assert claims["nbf"] <= moment + 5 and moment < claims["exp"], f"nbf {claims['nbf']}, exp {claims['exp']}"
    return body["access_token"], claims


def log_record(record, *, transaction, direction, grant_hash, outway, provider, service, **delegators):
    """A record of Logging 3.1; `delegators` may hold source_delegator and destination_delegator."""
    source = {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": outway}
    if peer := delegators.get("source_delegator"):
        source |= {"type": "SOURCE_TYPE_DELEGATED_SOURCE", "delegator_peer_id": peer}
    destination = {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": provider}
    if peer := delegators.get("destination_delegator"):
        destination |= {"type": "DESTINATION_TYPE_DELEGATED_DESTINATION", "delegator_peer_id": peer}
    expected = {
        "transaction_id": transaction,
        "direction": direction,
        "grant_hash": grant_hash,
        "source": source,
        "destination": destination,
        "service_name": service,
    }
    for member, value in expected.items():
        assert record.get(member) == value, f"record's {member} is {record.get(member)!r}, not {value!r}"
    assert abs(record["created_at"] - time.time()) < 120, f"created_at {record['created_at']}"


def records_of(peer, node, transaction):
    """The node's records of one transaction as it lists them to the peer (Logging 3.2)."""
    answer = peer.get(node.manager_address, "/logs", transaction_ids=transaction)
    assert answer.status == 200, f"GET /logs gives {answer}"
    return answer.json()["records"]


def record_of(peer, node, transaction):
    """The one record of a transaction, waited for."""
    found = eventually(lambda: records_of(peer, node, transaction), f"log record of {transaction}")
    assert len(found) == 1, f"{len(found)} records for one transaction"
    return found[0]


def transaction_id(moment=None):
    """A UUID version 7 (RFC 9562 section 5.7) of this moment, or of the given Unix time."""
    milliseconds = int((time.time() if moment is None else moment) * 1000)
    raw = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(raw)))
