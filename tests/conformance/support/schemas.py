"""Answers of a manager against the norm's own OpenAPI schemas (tests/norm), as Core 4.4.3 and Logging 3.2.2 demand."""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from jsonschema import Draft4Validator

NORM = Path(__file__).resolve().parents[2] / "norm"
SIGNED = re.compile(r"^/contracts/[^/]+/(accept|reject|revoke)$")

ONE_TYPE_EACH = {
    "grantServicePublication": "GRANT_TYPE_SERVICE_PUBLICATION",
    "grantServiceConnection": "GRANT_TYPE_SERVICE_CONNECTION",
    "grantDelegatedServiceConnection": "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION",
    "grantDelegatedServicePublication": "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION",
    "service": "SERVICE_TYPE_SERVICE",
    "delegatedService": "SERVICE_TYPE_DELEGATED_SERVICE",
    "serviceListingService": "SERVICE_TYPE_SERVICE",
    "serviceListingDelegatedService": "SERVICE_TYPE_DELEGATED_SERVICE",
    "source": "SOURCE_TYPE_SOURCE",
    "sourceDelegated": "SOURCE_TYPE_DELEGATED_SOURCE",
    "destination": "DESTINATION_TYPE_DESTINATION",
    "destinationDelegated": "DESTINATION_TYPE_DELEGATED_DESTINATION",
}
"""`oneOf` and the discriminator's mapping mean one type for each form; without it each grant fits two forms."""

CODES_OF_THE_TEXT = [
    "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT",
    "ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT",
    "ERROR_CODE_UNKNOWN_FSC_VERSION",
]
"""Core 4.4.5.3 has them, the enumeration does not."""


class AnswerFault(AssertionError):
    """A manager's answer is not what the norm's schema says."""


@cache
def documents():
    core, logging = (yaml.safe_load((NORM / name).read_text()) for name in ("manager.yaml", "logging.yaml"))
    for document in (core, logging):
        schemas = document["components"]["schemas"]
        for name, kind in ONE_TYPE_EACH.items():
            if name in schemas:
                schemas[name]["properties"]["type"] = {"type": "string", "enum": [kind]}
    schemas = core["components"]["schemas"]
    schemas["fscVersion"]["enum"].append("2.0.0")
    schemas["managerErrorCode"]["enum"] += CODES_OF_THE_TEXT
    # Codes of our own (4.4.5.2, a named departure) are no fault of form.
    schemas["errorCode"] = {"type": "string"}
    # A key has the members of its own kind; a coordinate of P-256 or P-384 is shorter than P-521's 66 octets.
    schemas["rsaPublicKey"]["required"] = ["n", "e"]
    schemas["ecPublicKey"]["required"] = ["crv", "x", "y"]
    for bound in ("minLength", "maxLength"):
        del schemas["ecPublicKey"]["properties"]["y"][bound]
    return core, logging


def operation(method, path):
    """The document and the operation for a path under /v1; no operation for a path or method that neither has."""
    template = SIGNED.sub(r"/contracts/{hash}/\1", path)
    for document in documents():
        if template in document["paths"]:
            return document, document["paths"][template].get(method.lower())
    return documents()[0], None


def check(method, target, answer):
    """Raises AnswerFault unless status, headers and body of a manager's answer are by the schema. What the yaml does not
    foresee (405, 404, 413, 429) must still have the error object."""
    path = unquote(urlsplit(target).path)
    if method == "HEAD" or not path.startswith("/v1/"):
        return
    document, known = operation(method, path.removeprefix("/v1"))
    foreseen = known["responses"].get(answer.status) if known else None
    if foreseen is None:
        foreseen = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}}
        document = documents()[0]
    for name in foreseen.get("headers", {}):
        if answer.headers.get(name) is None:
            raise AnswerFault(f"{method} {target} gives no {name}: {answer}")
    content = foreseen.get("content", {}).get("application/json")
    if content is None:
        if answer.body:
            raise AnswerFault(f"{method} {target} gives a body where the schema has none: {answer}")
        return
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        raise AnswerFault(f"{method} {target} gives no application/json: {answer}")
    schema = {**content["schema"], "components": document["components"]}
    fault = next(Draft4Validator(schema).iter_errors(json.loads(answer.body)), None)
    if fault is not None:
        place = "/".join(str(each) for each in fault.absolute_path)
        raise AnswerFault(f"{method} {target} gives {answer.status}, not by the schema at /{place}: {fault.message[:300]}")
