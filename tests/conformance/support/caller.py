"""What a peer asks of other managers and inways (Core 4.4, 4.6); answers of managers are held against the schemas."""

from urllib.parse import quote, urlencode

from . import schemas, signing
from .hashing import content_hash
from .wire import Client

ACTIONS = ("accept", "reject", "revoke")


class Caller:
    """The calling half of a participant; keeps its own copy of what it submitted and signed."""

    def __init__(self, identity, anchors, manager_address):
        self.identity = identity
        self.anchors = anchors
        self.manager_address = manager_address
        self.signers = [identity]
        self.contracts = {}

    @property
    def id(self):
        return self.identity.peer_id

    def keep(self, content):
        """The peer's own copy of a contract, made when absent."""
        return self.contracts.setdefault(
            content_hash(content), {"content": content, "signatures": {each: {} for each in ACTIONS}}
        )

    def client(self, address, identity=None):
        return Client(address, anchors=self.anchors, identity=identity or self.identity)

    def send(self, address, method, path, *, headers=None, identity=None, **more):
        """A POST or PUT with the peer's manager address (Core 4.4.4); a header set to None is left out."""
        headers = {"Fsc-Manager-Address": self.manager_address, **(headers or {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        answer = self.client(address, identity).request(method, path, headers=headers, **more)
        schemas.check(method, path, answer)
        return answer

    def announce(self, address):
        return self.send(address, "PUT", "/v1/announce")

    def submit(self, address, content, *, signature=None, **more):
        """POST /contracts with the peer's accept."""
        signature = signature or signing.contract_signature(self.signers[0], content, "accept")
        self.keep(content)["signatures"]["accept"][self.id] = signature
        return self.send(
            address, "POST", "/v1/contracts", json_body={"content": content, "signature": signature}, **more
        )

    def sign(self, address, content, kind, *, signature=None, path_hash=None, **more):
        """PUT /contracts/{hash}/{kind} with the peer's signature of that kind."""
        signature = signature or signing.contract_signature(self.signers[0], content, kind)
        self.keep(content)["signatures"][kind][self.id] = signature
        place = f"/v1/contracts/{path_hash or content_hash(content)}/{kind}"
        return self.send(address, "PUT", place, json_body={"content": content, "signature": signature}, **more)

    def get(self, address, path, **query):
        """A listing, or another GET of the manager's interface."""
        asked = urlencode(query, safe="$,", quote_via=quote)
        target = f"/v1{path}" + (f"?{asked}" if asked else "")
        answer = self.client(address).get(target)
        schemas.check("GET", target, answer)
        return answer

    def all_of(self, address, path, member, **query):
        """Every item of a listing, page after page; ends at an empty cursor or an empty page."""
        items, cursor = [], ""
        for _ in range(200):
            answer = self.get(address, path, **query, **({"cursor": cursor} if cursor else {}))
            assert answer.status == 200, f"GET {path} gives {answer}"
            page = answer.json()
            items += page[member]
            cursor = page["pagination"].get("next_cursor", "")
            if not cursor or not page[member]:
                return items
        raise AssertionError(f"GET {path} never ends")

    def contract_at(self, address, wanted):
        """The contract with this content hash as the manager lists it to this peer, or None."""
        for each in self.all_of(address, "/contracts", "contracts", limit="1000"):
            if content_hash(each["content"]) == wanted:
                return each
        return None

    def token(self, address, scope, *, identity=None, **form):
        """POST /token; a form member set to None is left out."""
        form = {"grant_type": "client_credentials", "scope": scope, "client_id": self.id, **form}
        form = {name: value for name, value in form.items() if value is not None}
        return self.send(address, "POST", "/v1/token", form=form, identity=identity)

    def call(self, inway, token, *, transaction=None, method="GET", path="/", identity=None, headers=None, body=None):
        """One request of the peer's own outway to an inway."""
        headers = dict(headers or {})
        if token is not None:
            headers["Fsc-Authorization"] = f"Bearer {token}"
        if transaction is not None:
            headers["Fsc-Transaction-Id"] = transaction
        return self.client(inway, identity).request(method, path, headers=headers, body=body)
