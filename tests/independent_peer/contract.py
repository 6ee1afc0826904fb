"""Contracts: hashes, validation rules, required signatures and states (Core 3.2.1, 4.1.8, 4.2)."""

import base64
import hashlib
import json
import re
import threading
import time
import uuid

import rfc8785

from . import schema

FSC_VERSION = "2.0.0"
HASH_ALGORITHMS = {"HASH_ALGORITHM_SHA3_512": (1, hashlib.sha3_512)}
HASH_TYPE_CONTRACT = 1
GRANT_HASH_TYPES = {
    "GRANT_TYPE_SERVICE_PUBLICATION": 2,
    "GRANT_TYPE_SERVICE_CONNECTION": 3,
    "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION": 4,
    "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION": 5,
}
CONNECTIONS = {"GRANT_TYPE_SERVICE_CONNECTION", "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"}
PUBLICATIONS = set(GRANT_HASH_TYPES) - CONNECTIONS
# Core 4.2.5 step 3 appends to "the content hash": the string with its prefix, or the digest that is in it.
STRING, DIGEST = "string", "digest"
LARGEST_INTEGER = 2**53 - 1
LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


class Refused(Exception):
    """A request that the Manager must refuse; `code` is one of Core 4.4.5.3, or None where the text has none."""

    def __init__(self, code: str | None, message: str, status: int = 422):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def parse_json(data: bytes):
    """I-JSON (RFC 7493, Core 4.1.8): UTF-8, no double members, no lone surrogates, numbers within 2^53."""

    def members(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a member occurs twice")
        return dict(pairs)

    def integer(text):
        if abs(int(text)) > LARGEST_INTEGER:
            raise ValueError("a number is outside the range of I-JSON")
        return int(text)

    def constant(text):
        raise ValueError(f"{text} is no JSON")

    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=members, parse_int=integer, parse_constant=constant
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Refused(None, f"the body is no I-JSON: {error}", 400) from error
    return value


def _encode(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _algorithm(content: dict):
    if content["hash_algorithm"] not in HASH_ALGORITHMS:
        raise Refused("ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH", "the hash algorithm is not supported")
    return HASH_ALGORITHMS[content["hash_algorithm"]]


def content_hash(content: dict) -> str:
    """Core 4.2.4."""
    number, digest = _algorithm(content)
    return f"${number}${HASH_TYPE_CONTRACT}${_encode(digest(rfc8785.dumps(content)).digest())}"


def grant_hash(content: dict, data: dict, reading: str = STRING) -> str:
    """Core 4.2.5, under one of the two readings of its third step."""
    number, digest = _algorithm(content)
    of_content = content_hash(content)
    if reading == STRING:
        start = of_content.encode("utf-8")
    else:
        start = digest(rfc8785.dumps(content)).digest()
    result = digest(start + rfc8785.dumps(data)).digest()
    return f"${number}${GRANT_HASH_TYPES[data['type']]}${_encode(result)}"


def parties(content: dict) -> set[str]:
    """The peers that may sign (Core 4.2.3), which are those that must sign (4.2.1)."""
    return {peer for grant in content["grants"] for peer in _grant_parties(grant["data"])}


def _grant_parties(data: dict) -> set[str]:
    found = {data["service"]["peer_id"]}
    for role in ("outway", "directory", "delegator"):
        if role in data:
            found.add(data[role]["peer_id"])
    if data["type"] in CONNECTIONS and data["service"]["type"] == "SERVICE_TYPE_DELEGATED_SERVICE":
        found.add(data["service"]["delegator"]["peer_id"])
    return found


def check_content(content: dict, group_id: str, own_peer_id: str, offered: set[str], *, known: bool) -> None:
    """The rules of Core 4.2.1 that hold whoever sends the contract.

    `offered` are the own service names. With `known` the contract was stored before, and the rules about the present
    moment are not applied again: a signature may arrive after the end of the validity.
    """
    try:
        schema.validate(content, "contractContent")
    except schema.SchemaError as error:
        raise Refused(None, str(error), 400) from error
    if content["fsc_version"] != FSC_VERSION:
        raise Refused("ERROR_CODE_UNKNOWN_FSC_VERSION", "the version of FSC is unknown")
    _algorithm(content)
    if content["group_id"] != group_id:
        raise Refused("ERROR_CODE_INCORRECT_GROUP_ID", "the contract is of another group")
    try:
        if str(uuid.UUID(content["iv"])) != content["iv"].lower():
            raise ValueError
    except ValueError as error:
        raise Refused(None, "iv is no UUID") from error
    types = {grant["data"]["type"] for grant in content["grants"]}
    if types & PUBLICATIONS and types & CONNECTIONS:
        raise Refused("ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED", "a publication cannot be mixed with other grants")
    if own_peer_id not in parties(content):
        raise Refused("ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT", "the receiving peer is not on the contract")
    if not known:
        now = int(time.time())
        if content["created_at"] > now:
            raise Refused(None, "created_at is in the future")
        if content["validity"]["not_after"] <= now:
            raise Refused(None, "the validity has ended")
    if content["validity"]["not_after"] <= content["validity"]["not_before"]:
        raise Refused(None, "the validity ends before it begins")
    for grant in content["grants"]:
        _check_grant(grant["data"], own_peer_id, offered)


def _check_grant(data: dict, own_peer_id: str, offered: set[str]) -> None:
    if data["type"] in PUBLICATIONS:
        return
    identification = data["outway"]["identification"]
    if identification["type"] == "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME":
        if not re.fullmatch(rf"{LABEL}(\.{LABEL})*", identification["domain_name"]):
            raise Refused(None, "the domain name of the outway is no domain name")
    if data["service"]["peer_id"] == own_peer_id and data["service"]["name"] not in offered:
        raise Refused(None, "the service is not offered by this peer")


def check_offering(content: dict, offering_peer_id: str, own_peer_id: str) -> None:
    """Who may offer a contract to whom: second rules of Core 4.2.1.1 and 4.2.1.3."""
    if offering_peer_id not in parties(content):
        raise Refused("ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT", "the submitting peer is not on the contract")
    for grant in content["grants"]:
        data = grant["data"]
        if data["type"] == "GRANT_TYPE_SERVICE_PUBLICATION" and data["directory"]["peer_id"] == own_peer_id:
            if data["service"]["peer_id"] != offering_peer_id:
                raise Refused(None, "a publication is offered to the Directory by the peer with the service")
        if data["type"] == "GRANT_TYPE_SERVICE_CONNECTION" and data["service"]["peer_id"] == own_peer_id:
            if data["outway"]["peer_id"] != offering_peer_id:
                raise Refused(None, "a connection is offered to the service's peer by the peer with the Outway")


class Contract:
    """A content with the signatures on it."""

    def __init__(self, content: dict):
        self.content = content
        self.hash = content_hash(content)
        self.signatures: dict[str, dict[str, str]] = {"accept": {}, "reject": {}, "revoke": {}}

    def to_json(self) -> dict:
        return {"content": self.content, "signatures": {kind: dict(by) for kind, by in self.signatures.items()}}

    @property
    def state(self) -> str:
        """Core 3.2.1; before `not_before` the contract is not valid yet."""
        if self.signatures["revoke"]:
            return "revoked"
        if self.signatures["reject"]:
            return "rejected"
        now, validity = time.time(), self.content["validity"]
        if now >= validity["not_after"]:
            return "expired"
        if parties(self.content) - set(self.signatures["accept"]):
            return "proposed"
        return "valid" if now >= validity["not_before"] else "accepted"

    def grants(self):
        return [grant["data"] for grant in self.content["grants"]]

    def grant_hashes(self, readings=(STRING, DIGEST)) -> dict[str, dict]:
        return {grant_hash(self.content, data, reading): data for data in self.grants() for reading in readings}


class Contracts:
    """All contracts of a peer in order of arrival; one contract per iv (Core 4.2.1)."""

    def __init__(self):
        self._by_hash: dict[str, Contract] = {}
        self._lock = threading.Lock()

    def add_signature(self, content: dict, kind: str, peer_id: str, signature: str) -> Contract:
        """Stores a verified signature; a later one of the same peer replaces the first (Core 4.2.7)."""
        with self._lock:
            found = self._by_hash.get(content_hash(content))
            if found is None:
                if any(contract.content["iv"] == content["iv"] for contract in self._by_hash.values()):
                    raise Refused(None, "another contract has this iv")
                found = Contract(content)
                self._by_hash[found.hash] = found
            found.signatures[kind][peer_id] = signature
            return found

    def get(self, wanted: str) -> Contract | None:
        with self._lock:
            return self._by_hash.get(wanted)

    def all(self) -> list[Contract]:
        with self._lock:
            return list(self._by_hash.values())

    def by_grant_hash(self, wanted: str, readings=(STRING, DIGEST)) -> tuple[Contract, dict] | None:
        for contract in self.all():
            data = contract.grant_hashes(readings).get(wanted)
            if data is not None:
                return contract, data
        return None
