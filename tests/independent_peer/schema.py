"""The message formats of the two OpenAPI documents of the standard, and their validation.

`SCHEMAS` carries over the component schemas of Core's `manager.yaml` and Logging's `logging.yaml` under their own names,
without descriptions and examples. Where a document contradicts the text of the standard or refuses valid messages, the
text is followed. These are all the differences:

 1. `oneOf` of alternatives that only a discriminator keeps apart: the alternative is chosen by the discriminator and
    `type` has that one value. As printed, both delegated grants, the delegated service, the delegated listing, the
    delegated source and the delegated destination match two alternatives and are refused.
 2. `jwk`: chosen by `kty`, and the key members are required. As printed, each key matches both alternatives.
 3. `ecPublicKey.y` had a fixed length of 66 characters, which no curve has (P-256: 43, P-384: 64, P-521: 88).
 4. `format: byte` of the key members means base64; RFC 7518 has base64url, and so have the descriptions.
 5. `fscVersion`, `delegationVersion` and `loggingVersion` allow "1.0.0" only: any `n.n.n` here.
 6. `managerErrorCode` lacks three codes of Core 4.4.5.3 and has two that the text lacks: both sets are read.
 7. `inwayErrorsCode` and `outwayErrorCode` lack the three codes of Logging 3.3.1.3 and 3.4.1.3.
 8. `serviceListing` requires a `type` beside `data`, but `type` stands inside `data`: not required.
 9. The JWK member `x5t#s256` is `x5t#S256` in RFC 7517; either is read.
10. `serviceName` has 3 to 255 characters; Core 4.2.1.1 has `^[a-zA-Z0-9-._]{1,100}$`.
11. `contractContent.grants` may be empty; Core 4.2.1 wants at least one grant.
12. `paginationResult.next_cursor` is required in Logging and optional in Core: optional.
13. `/token` knows status 400 only; RFC 6749 section 5.2 allows 401 for `invalid_client`.
14. Logging's `peerID` has 1 to 20 characters and Core's 3 to 255: Core's, since the text gives neither.
15. `hashAlgorithm` is an enum; an unknown one has a code of its own (Core 4.4.5.3), so the Manager checks it.
16. `publicKeyThumbprint` is hexadecimal by its description only: here by its form, in either case.
"""

import re

NAME = "^[a-zA-Z0-9\\-._]{1,100}$"
VERSION = "^[0-9]+\\.[0-9]+\\.[0-9]+$"
BASE64URL = "^[A-Za-z0-9_-]+$"


def _object(required: dict, optional: dict | None = None) -> dict:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def _string(**limits) -> dict:
    return {"type": "string", **limits}


def _array(items: dict, **limits) -> dict:
    return {"type": "array", "items": items, **limits}


def _one_of(**alternatives) -> dict:
    return {"discriminator": "type", "mapping": {kind: {"$ref": name} for kind, name in alternatives.items()}}


def _ref(name: str) -> dict:
    return {"$ref": name}


TIMESTAMP = {"type": "integer", "minimum": 0}
FREE_OBJECT = {"type": "object"}
PROPERTIES = {"properties": FREE_OBJECT}
PEER = {"peer_id": _ref("peerID")}
SERVICE = _one_of(SERVICE_TYPE_SERVICE="service", SERVICE_TYPE_DELEGATED_SERVICE="delegatedService")
KEY_MEMBERS = {
    "use": _string(enum=["sig", "enc"]),
    "key_ops": _array(_string()),
    "alg": _string(enum=[f"{family}{bits}" for family in ("RS", "ES", "PS") for bits in (256, 384, 512)]),
    "x5c": _array(_string()),
}
PAGINATION = {"pagination": _ref("paginationResult")}

SCHEMAS = {
    "peerID": _string(minLength=3, maxLength=255),
    "peerName": _string(minLength=3, maxLength=255),
    "serviceName": _string(pattern=NAME),
    "fscVersion": _string(pattern=VERSION),
    "grantHash": _string(maxLength=1024),
    "protocol": _string(enum=["PROTOCOL_TCP_HTTP_1.1", "PROTOCOL_TCP_HTTP_2"]),
    "paginationResult": {"type": "object", "properties": {"next_cursor": _string()}},
    # Contracts
    "contract": _object({"content": _ref("contractContent"), "signatures": _ref("signatures")}),
    "contractContent": _object(
        {
            "fsc_version": _string(),
            "iv": _string(minLength=36, maxLength=36),
            "group_id": _string(),
            "validity": _object({"not_before": TIMESTAMP, "not_after": TIMESTAMP}),
            "grants": _array(_object({"data": _ref("grant")}), minItems=1),
            "hash_algorithm": _string(),
            "created_at": TIMESTAMP,
        }
    ),
    "signatures": _object({kind: {"type": "object", "values": _string()} for kind in ("accept", "reject", "revoke")}),
    "signatureRequest": _object({"content": _ref("contractContent"), "signature": _string()}),
    "grant": _one_of(
        GRANT_TYPE_SERVICE_PUBLICATION="grantServicePublication",
        GRANT_TYPE_SERVICE_CONNECTION="grantServiceConnection",
        GRANT_TYPE_DELEGATED_SERVICE_CONNECTION="grantDelegatedServiceConnection",
        GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION="grantDelegatedServicePublication",
    ),
    "grantServicePublication": _object(
        {"type": _string(), "directory": _object(PEER), "service": _ref("servicePublication")}, PROPERTIES
    ),
    "grantServiceConnection": _object({"type": _string(), "outway": _ref("outway"), "service": SERVICE}, PROPERTIES),
    "grantDelegatedServiceConnection": _object(
        {"type": _string(), "outway": _ref("outway"), "service": SERVICE, "delegator": _object(PEER)}, PROPERTIES
    ),
    "grantDelegatedServicePublication": _object(
        {
            "type": _string(),
            "directory": _object(PEER),
            "service": _ref("servicePublication"),
            "delegator": _object(PEER),
        },
        PROPERTIES,
    ),
    "outway": _object(
        {
            **PEER,
            "identification": _one_of(
                OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT="outwayIdentificationPublicKeyThumbprint",
                OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME="outwayIdentificationDomainName",
            ),
        }
    ),
    "outwayIdentificationPublicKeyThumbprint": _object(
        {"type": _string(), "public_key_thumbprint": _string(pattern="^[0-9a-fA-F]{64}$")}
    ),
    "outwayIdentificationDomainName": _object({"type": _string(), "domain_name": _string(minLength=1, maxLength=255)}),
    "service": _object({"type": _string(), **PEER, "name": _ref("serviceName")}),
    "delegatedService": _object(
        {"type": _string(), **PEER, "name": _ref("serviceName"), "delegator": _object(PEER)}
    ),
    "servicePublication": _object({"name": _ref("serviceName"), **PEER, "protocol": _ref("protocol")}),
    # Answers of the Manager
    "contracts": _object({"contracts": _array(_ref("contract")), **PAGINATION}),
    "peer": _object(
        {"id": _ref("peerID"), "name": _ref("peerName"), "manager_address": _string(minLength=3, maxLength=255)}
    ),
    "peers": _object({"peers": _array(_ref("peer")), **PAGINATION}),
    "peerInfo": _object(
        {
            "peer_id": _ref("peerID"),
            "peer_name": _ref("peerName"),
            "fsc_version": _ref("fscVersion"),
            "enabled_extensions": {
                "type": "object",
                "properties": {
                    "EXTENSION_DELEGATION": _ref("fscVersion"),
                    "EXTENSION_TRANSACTION_LOGGING": _ref("fscVersion"),
                },
            },
        }
    ),
    "services": _object(
        {
            "services": _array(
                _object(
                    {
                        "data": _one_of(
                            SERVICE_TYPE_SERVICE="serviceListingService",
                            SERVICE_TYPE_DELEGATED_SERVICE="serviceListingDelegatedService",
                        )
                    }
                )
            ),
            **PAGINATION,
        }
    ),
    "serviceListingService": _object(
        {"type": _string(), "peer": _ref("peer"), "name": _ref("serviceName"), "protocol": _ref("protocol")}, PROPERTIES
    ),
    "serviceListingDelegatedService": _object(
        {
            "type": _string(),
            "delegator": _object({"peer_id": _ref("peerID"), "peer_name": _ref("peerName")}),
            "peer": _ref("peer"),
            "name": _ref("serviceName"),
            "protocol": _ref("protocol"),
        },
        PROPERTIES,
    ),
    "tokenResponse": _object({"access_token": _string(), "token_type": _string(enum=["bearer"])}),
    "tokenError": _object(
        {
            "error": _string(
                enum=[
                    "invalid_request",
                    "invalid_client",
                    "invalid_grant",
                    "invalid_scope",
                    "unauthorized_client",
                    "unsupported_grant_type",
                ]
            )
        },
        {"error_description": _string()},
    ),
    "jwks": _object({"keys": _array({"discriminator": "kty", "mapping": {"RSA": _ref("rsaKey"), "EC": _ref("ecKey")}})}),
    "rsaKey": _object({"kty": _string(), "n": _string(pattern=BASE64URL), "e": _string(pattern=BASE64URL)}, KEY_MEMBERS),
    "ecKey": _object(
        {
            "kty": _string(),
            "crv": _string(),
            "x": _string(pattern=BASE64URL),
            "y": _string(pattern=BASE64URL),
        },
        KEY_MEMBERS,
    ),
    "managerError": _object(
        {
            "message": _string(),
            "domain": _string(enum=["ERROR_DOMAIN_MANAGER"]),
            "code": _string(
                enum=[
                    "ERROR_CODE_INCORRECT_GROUP_ID",
                    "ERROR_CODE_PEER_NOT_PART_OF_CONTRACT",
                    "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT",
                    "ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT",
                    "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH",
                    "ERROR_CODE_PEER_CERTIFICATE_VERIFICATION_FAILED",
                    "ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH",
                    "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED",
                    "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED",
                    "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH",
                    "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH",
                    "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE",
                    "ERROR_CODE_UNKNOWN_FSC_VERSION",
                    "ERROR_CODE_INCORRECT_PUBLIC_KEY_THUMBPRINT",
                ]
            ),
        }
    ),
    "inwayError": _object(
        {
            "message": _string(),
            "domain": _string(enum=["ERROR_DOMAIN_INWAY"]),
            "code": _string(
                enum=[
                    "ERROR_CODE_ACCESS_TOKEN_MISSING",
                    "ERROR_CODE_ACCESS_TOKEN_INVALID",
                    "ERROR_CODE_ACCESS_TOKEN_EXPIRED",
                    "ERROR_CODE_SERVICE_NOT_FOUND",
                    "ERROR_CODE_SERVICE_UNREACHABLE",
                    "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN",
                    "TRANSACTION_LOG_WRITE_ERROR",
                    "INVALID_LOG_RECORD_ID",
                    "MISSING_LOG_RECORD_ID",
                ]
            ),
        }
    ),
    # Logging
    "logs": _object({"records": _array(_ref("logRecord")), "pagination": _object({"next_cursor": _string()})}),
    "logRecord": _object(
        {
            "transaction_id": _string(),
            "direction": _string(enum=["DIRECTION_INCOMING", "DIRECTION_OUTGOING"]),
            "grant_hash": _ref("grantHash"),
            "source": _one_of(SOURCE_TYPE_SOURCE="source", SOURCE_TYPE_DELEGATED_SOURCE="sourceDelegated"),
            "destination": _one_of(
                DESTINATION_TYPE_DESTINATION="destination",
                DESTINATION_TYPE_DELEGATED_DESTINATION="destinationDelegated",
            ),
            "service_name": _ref("serviceName"),
            "created_at": TIMESTAMP,
        },
        {"additional_data": FREE_OBJECT},
    ),
    "source": _object({"type": _string(), "outway_peer_id": _ref("peerID")}),
    "sourceDelegated": _object(
        {"type": _string(), "outway_peer_id": _ref("peerID"), "delegator_peer_id": _ref("peerID")}
    ),
    "destination": _object({"type": _string(), "service_peer_id": _ref("peerID")}),
    "destinationDelegated": _object(
        {"type": _string(), "service_peer_id": _ref("peerID"), "delegator_peer_id": _ref("peerID")}
    ),
    # The payloads that Core describes in its text: 4.2.3 and 4.3.1
    "signaturePayload": _object(
        {
            "contract_content_hash": _string(),
            "type": _string(enum=["accept", "reject", "revoke"]),
            "signed_at": {"type": "integer", "minimum": 0},
        }
    ),
    "accessToken": _object(
        {
            "gth": _ref("grantHash"),
            "gid": _string(pattern="^[a-zA-Z0-9./_-]{1,100}$"),
            "sub": _ref("peerID"),
            "iss": _ref("peerID"),
            "svc": _ref("serviceName"),
            "aud": _string(pattern="^https://[^/?#]+:[0-9]+(/.*)?$"),
            "exp": TIMESTAMP,
            "nbf": TIMESTAMP,
            "cnf": _object({"x5t#S256": _string(pattern="^[A-Za-z0-9_-]{43}$")}),
        },
        {"act": _object({"sub": _string()}), "pdi": _ref("peerID"), "prp": FREE_OBJECT, "add": FREE_OBJECT},
    ),
}

TYPES = {"string": str, "integer": int, "array": list, "object": dict}


class SchemaError(Exception):
    """A message does not have the form that the standard gives it."""


def validate(value, name: str) -> None:
    """Raises SchemaError with the place of the first fault."""
    _check(value, SCHEMAS[name], name)


def _check(value, schema: dict, place: str) -> None:
    if "$ref" in schema:
        return _check(value, SCHEMAS[schema["$ref"]], place)
    if "discriminator" in schema:
        kind = value.get(schema["discriminator"]) if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in schema["mapping"]:
            raise SchemaError(f"{place}: unknown {schema['discriminator']}")
        return _check(value, schema["mapping"][kind], place)
    if not isinstance(value, TYPES[schema["type"]]) or isinstance(value, bool):
        raise SchemaError(f"{place}: not of type {schema['type']}")
    if "enum" in schema and value not in schema["enum"]:
        raise SchemaError(f"{place}: {value!r} is not allowed")
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            raise SchemaError(f"{place}: wrong length")
        if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
            raise SchemaError(f"{place}: wrong form")
    elif isinstance(value, int) and value < schema.get("minimum", value):
        raise SchemaError(f"{place}: too small")
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            raise SchemaError(f"{place}: too few entries")
        for position, entry in enumerate(value):
            _check(entry, schema["items"], f"{place}[{position}]")
    elif isinstance(value, dict):
        for member in schema.get("required", ()):
            if member not in value:
                raise SchemaError(f"{place}.{member}: missing")
        for member, entry in value.items():
            if member in schema.get("properties", {}):
                _check(entry, schema["properties"][member], f"{place}.{member}")
            elif "values" in schema:
                _check(entry, schema["values"], f"{place}.{member}")
