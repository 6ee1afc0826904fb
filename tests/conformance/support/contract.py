"""Contract contents and grants as FSC Core 2.0.0 section 4.2 and its manager.yaml define them."""

import time
import uuid

GROUP = "verbond-conformance"
DAY = 86400


def contract(*grants, **changes):
    """The content of a contract over the given grants; `changes` replaces or (with None) removes members."""
    moment = int(time.time()) - 5
    content = {
        "fsc_version": "2.0.0",
        "iv": str(uuid.uuid4()),
        "group_id": GROUP,
        "validity": {"not_before": moment - 60, "not_after": moment + 30 * DAY},
        "grants": [{"data": each} for each in grants],
        "hash_algorithm": "HASH_ALGORITHM_SHA3_512",
        "created_at": moment,
    }
    content.update(changes)
    return {name: value for name, value in content.items() if value is not None}


def thumbprint_identification(identity):
    return {
        "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
        "public_key_thumbprint": identity.public_key_thumbprint,
    }


def domain_identification(domain_name):
    return {"type": "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME", "domain_name": domain_name}


def _with_properties(grant, properties):
    return grant if properties is None else {**grant, "properties": properties}


def _service(peer_id, name, publication_delegator):
    if publication_delegator is None:
        return {"type": "SERVICE_TYPE_SERVICE", "peer_id": peer_id, "name": name}
    return {
        "type": "SERVICE_TYPE_DELEGATED_SERVICE",
        "peer_id": peer_id,
        "name": name,
        "delegator": {"peer_id": publication_delegator},
    }


def connection(
    outway, provider_id, name, *, delegator=None, publication_delegator=None, identification=None, properties=None
):
    """A (delegated) service connection grant.

    `outway` is the connecting peer's identity; with `delegator` it connects on behalf of that peer; with
    `publication_delegator` the service is one that the provider offers on behalf of that peer.
    """
    grant = {
        "type": "GRANT_TYPE_SERVICE_CONNECTION",
        "outway": {
            "peer_id": outway.peer_id,
            "identification": identification or thumbprint_identification(outway),
        },
        "service": _service(provider_id, name, publication_delegator),
    }
    if delegator is not None:
        grant["type"] = "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"
        grant["delegator"] = {"peer_id": delegator}
    return _with_properties(grant, properties)


def publication(directory_id, provider_id, name, *, delegator=None, properties=None):
    """A (delegated) service publication grant; with `delegator` the provider offers the service on its behalf."""
    grant = {
        "type": "GRANT_TYPE_SERVICE_PUBLICATION",
        "directory": {"peer_id": directory_id},
        "service": {"peer_id": provider_id, "name": name, "protocol": "PROTOCOL_TCP_HTTP_1.1"},
    }
    if delegator is not None:
        grant["type"] = "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION"
        grant["delegator"] = {"peer_id": delegator}
    return _with_properties(grant, properties)


def peers_of(content):
    """The peer ids that occur in the grants, in the roles of Core 4.2.3."""
    found = set()
    for grant in content["grants"]:
        data = grant["data"]
        for role in ("directory", "outway", "service", "delegator"):
            if role in data:
                found.add(data[role]["peer_id"])
        if "delegator" in data["service"]:
            found.add(data["service"]["delegator"]["peer_id"])
    return found
