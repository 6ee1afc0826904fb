"""Agreements with participants that run another program: what a document says of them, and what they do on the wire."""

import types
import uuid

from .agreements import BSN
from .checks import transaction_id
from .contract import connection, contract
from .hashing import content_hash, grant_hash
from .world import CAST

PROPERTY = "verbond.agreement"
PROBE = "/verbond/v1/agreements"
MARK = {"nl": "aanvaard op de lijn", "en": "accepted on the wire"}


def another():
    """An identifier that no other agreement has, of version 7."""
    digits = uuid.uuid4().hex
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def stand_in(peer, role, register):
    """What a document says of a foreign participant."""
    return types.SimpleNamespace(id=peer.id, public_address=f"http://{CAST[role][2]}:{register.port}", role=role)


def names(content, digest, **changes):
    """The property by which a contract names a version."""
    named = {"id": content["id"], "version": content["version"], "hash": digest, **changes}
    return {PROPERTY: named}


def wire(provider, peer, service, properties=None):
    """The contract by which a foreign participant connects with a service."""
    return contract(connection(peer.identity, provider.node.id, service, properties=properties))


def party(organisation, digest, peer):
    """How an organisation sees a party bound."""
    parties = organisation.agreement(digest)["parties"]
    return next(each for each in parties if each["participant"] == f"oin:{peer.id}")


def proposed(peer, digest):
    """The contract that reached a foreign provider and names the version, with its properties."""
    for each in peer.contracts.values():
        properties = each["content"]["grants"][0].get("properties") or each["content"]["grants"][0]["data"].get("properties")
        if properties and properties.get(PROPERTY, {}).get("hash") == digest:
            return each["content"], properties
    return None


def seen(organisation, digest, step):
    """What was stated of foreign participants: who stated it, and the statement."""
    statements = organisation.agreement(digest)["statements"]
    return {each["participant"]: each["on_the_wire"] for each in statements if each["step"] == step}


def asked(organisation, peer, content):
    """One exchange of the foreign consumer's outway."""
    answer = peer.token(organisation.node.manager_address, grant_hash(content, 0))
    if answer.status != 200:
        return answer
    token = answer.json()["access_token"]
    return peer.call(organisation.node.inway_address, token, transaction=transaction_id(), path=f"/incomes/{BSN}")


def state(organisation, content):
    """How far an organisation has a contract."""
    return organisation.node.cli("contract", "show", content_hash(content))["state"]
