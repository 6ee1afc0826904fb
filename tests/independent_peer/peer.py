"""A complete, minimal FSC peer: Manager, Inway, Outway and TransactionLog of one organisation.

    python -m independent_peer.peer --directory /tmp/peer --service files=http://127.0.0.1:8000

starts a peer in a group of its own and prints its addresses. The parts: `contract` has hashes and rules, `signing` the
signatures, `schema` the message formats, `manager` and `gateway` the interfaces, `web` the transport.
"""

import argparse
import http.client
import json
import ssl
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlencode

from cryptography import x509

from . import schema, signing
from .authority import Authority, Credential
from .contract import FSC_VERSION, STRING, Contract, Contracts, Refused, content_hash, grant_hash, parse_json, parties
from .gateway import Inway, Outway
from .manager import Manager
from .transaction_log import TransactionLog
from .web import Dialer, PeerMismatch, Response, Server

RETRY_SECONDS = (0.25, 0.5, 1, 2, 4, 4, 4, 4)
UNREACHABLE = (OSError, ssl.SSLError, http.client.HTTPException, PeerMismatch)


def accept_everything(_contract: Contract) -> str | None:
    return "accept"


def leave(_contract: Contract) -> str | None:
    return None


class Peer:
    """One organisation in a group.

    `reading` is the one reading of the grant hash that this peer knows, as a foreign implementation would. `decide`
    gives "accept", "reject" or None for each contract that this peer has not signed.
    """

    def __init__(
        self,
        directory: Path,
        authority: Authority,
        group_id: str,
        peer_id: str,
        name: str,
        host: str,
        *,
        kind: str = "RSA-2048",
        algorithm: str | None = None,
        reading: str = STRING,
        decide=accept_everything,
        hosts: dict[str, str] | None = None,
    ):
        self.id, self.name, self.host, self.group_id = peer_id, name, host, group_id
        self.readings, self._algorithm, self.decide = (reading,), algorithm, decide
        self.hosts = hosts if hosts is not None else {}
        self.hosts.update({host: "127.0.0.1", f"inway.{host}": "127.0.0.1", f"outway.{host}": "127.0.0.1"})
        # Three certificates of one organisation: the standard binds signatures, addresses and tokens to them separately.
        self.manager_credential = authority.issue(peer_id, name, [host], kind)
        self.inway_credential = authority.issue(peer_id, name, [f"inway.{host}"], kind)
        self.outway_credential = authority.issue(peer_id, name, [f"outway.{host}"], kind)
        self.signing_credentials: list[Credential] = [self.manager_credential]
        self._anchors_file = authority.anchors_file
        self._anchors = x509.load_pem_x509_certificates(self._anchors_file.read_bytes())
        self._files = {
            part: getattr(self, f"{part}_credential").write(directory, part) for part in ("manager", "inway", "outway")
        }
        self.contracts, self.log = Contracts(), TransactionLog(directory / "transactions.jsonl")
        self.peers: dict[str, dict] = {}
        self.services: dict[str, str] = {}
        self.directories: list[tuple[str, str]] = []
        self.refused: list[tuple[str, str, str]] = []
        self.undelivered: list[str] = []
        self._considering = threading.Lock()
        self._servers: list[Server] = []
        self._ports = {"manager": 0, "inway": 0}
        self._dialer = Dialer(self._files["manager"], self._anchors_file, self.hosts)
        outway_dialer = Dialer(self._files["outway"], self._anchors_file, self.hosts)
        self.outway = Outway(self, outway_dialer, self.outway_credential)

    # Life

    def start(self) -> "Peer":
        """Opens the Manager's and the Inway's port: the same ones as before after a `stop`."""
        for part, handle in (("manager", Manager(self).handle), ("inway", Inway(self).handle)):
            server = Server(self._files[part], self._anchors_file, handle, self._ports[part])
            self._ports[part] = server.port
            self._servers.append(server)
        return self

    def stop(self) -> None:
        while self._servers:
            self._servers.pop().stop()

    def __enter__(self) -> "Peer":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    @property
    def manager_address(self) -> str:
        return f"https://{self.host}:{self._ports['manager']}"

    @property
    def inway_address(self) -> str:
        return f"https://inway.{self.host}:{self._ports['inway']}"

    @property
    def thumbprint(self) -> str:
        return signing.public_key_thumbprint(self.outway_credential.certificate)

    # Other peers

    def remember(self, peer_id: str, name: str, address: str) -> None:
        """Core 4.4.1.2 and 4.4.1.9."""
        self.peers[peer_id] = {"id": peer_id, "name": name, "manager_address": address}

    def meet(self, peer_id: str, address: str) -> dict:
        """Asks the Manager at `address` who it is, and remembers it."""
        info = self._get(address, peer_id, "/v1/peer", "peerInfo")
        if info["peer_id"] != peer_id:
            raise PeerMismatch(f"{address} says it is {info['peer_id']}")
        self.remember(peer_id, info["peer_name"], address)
        return info

    def address_of(self, peer_id: str) -> str:
        """The Manager's address, asked of a Directory when it is not known (Core 3.2)."""
        if peer_id not in self.peers:
            for directory_id, address in self.directories:
                for found in self.fetch_all(directory_id, "peers", address, peer_id=peer_id):
                    self.remember(found["id"], found["name"], found["manager_address"])
        if peer_id not in self.peers:
            raise PeerMismatch(f"no address of peer {peer_id} is known")
        return self.peers[peer_id]["manager_address"]

    def announce(self, peer_id: str, address: str) -> None:
        """Core 4.4.2."""
        answer = self.send(address, peer_id, "PUT", "/v1/announce", None)
        if answer.status != 200:
            raise PeerMismatch(f"announcing gave {answer.status}")

    def fetch_all(self, at: str, what: str, address: str | None = None, /, **query) -> list:
        """All pages of `contracts`, `peers`, `services` or `logs` at another Manager."""
        address, entries, member = address or self.address_of(at), [], "records" if what == "logs" else what
        seen: set[str] = set()
        while True:
            parameters = {name: value for name, value in query.items() if value is not None}
            page = self._get(address, at, f"/v1/{what}?{urlencode(parameters)}", what)
            entries += page[member]
            query["cursor"] = page["pagination"].get("next_cursor") or None
            if query["cursor"] is None or not page[member]:
                return entries
            if query["cursor"] in seen:
                raise schema.SchemaError("the cursor comes back")
            seen.add(query["cursor"])

    def ask(self, address: str, peer_id: str, target: str) -> Response:
        """A GET to another Manager, whatever it answers."""
        return self._dialer.request(address, peer_id, "GET", target)

    def _get(self, address: str, peer_id: str, target: str, name: str):
        answer = self.ask(address, peer_id, target)
        if answer.status != 200:
            raise schema.SchemaError(f"GET {target} gave {answer.status} {answer.body[:300]!r}")
        value = json_of(answer)
        schema.validate(value, name)
        return value

    def send(self, address: str, peer_id: str, method: str, target: str, body) -> Response:
        """A POST or PUT to another Manager, with the own address (Core 4.4.4)."""
        headers = {"Fsc-Manager-Address": self.manager_address}
        encoded = None
        if body is not None:
            headers["Content-Type"], encoded = "application/json", json.dumps(body).encode()
        return self._dialer.request(address, peer_id, method, target, headers, encoded)

    # Signatures

    def certificate_of(self, peer_id: str, address: str, thumbprint: str) -> list[x509.Certificate]:
        """The chain with this thumbprint in the peer's key set, proven to be of the group and of the peer."""
        keys = self._get(address, peer_id, "/v1/.well-known/jwks.json", "jwks")["keys"]
        for key in keys:
            chain = signing.from_jwk(key)
            if signing.certificate_thumbprint(chain[0]) == thumbprint:
                signing.verify_chain(chain, self._anchors)
                if any(certificate in self._anchors for certificate in chain):
                    raise signing.CertificateInvalid("the chain has the root, which Core 4.4.1.4 excludes")
                return chain
        raise signing.CertificateInvalid(f"{address} has no certificate with thumbprint {thumbprint}")

    def verify_signature(self, signature: str, kind: str, content: dict, peer_id: str, address: str) -> None:
        """Core 4.2.3, 4.2.4 and 4.4.5.3."""
        try:
            header, _ = signing.parse(signature)
            chain = self.certificate_of(peer_id, address, header["x5t#S256"])
            if signing.peer_id(chain[0]) != peer_id:
                raise Refused("ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH", "the signature is of another peer")
            payload = signing.verify(signature, chain[0])
            schema.validate(payload, "signaturePayload")
        except signing.UnknownAlgorithm as error:
            raise Refused("ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE", str(error)) from error
        except (signing.SignatureInvalid, signing.CertificateInvalid, schema.SchemaError, *UNREACHABLE) as error:
            raise Refused("ERROR_CODE_SIGNATURE_VERIFICATION_FAILED", str(error)) from error
        if not payload["contract_content_hash"].startswith("$1$"):
            raise Refused("ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH", "the signed hash has an unknown algorithm")
        if payload["contract_content_hash"] != content_hash(content):
            raise Refused("ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH", "another content is signed")
        if payload["type"] != kind:
            raise Refused("ERROR_CODE_SIGNATURE_VERIFICATION_FAILED", "the signature is of another type")

    def signature(self, content: dict, kind: str) -> str:
        payload = {"contract_content_hash": content_hash(content), "type": kind, "signed_at": int(time.time())}
        return signing.sign(payload, self.signing_credentials[-1], self._algorithm)

    # Contracts

    def new_content(self, *grants: dict, days: int = 30) -> dict:
        # Another machine's clock may be behind; created_at must not be in its future.
        now = int(time.time()) - 2
        return {
            "fsc_version": FSC_VERSION,
            "iv": str(uuid.uuid4()),
            "group_id": self.group_id,
            "validity": {"not_before": now, "not_after": now + days * 86400},
            "grants": [{"data": data} for data in grants],
            "hash_algorithm": "HASH_ALGORITHM_SHA3_512",
            "created_at": now,
        }

    def connection(self, provider: str, service: str, **members) -> dict:
        """A ServiceConnectionGrant for the own Outway."""
        return {
            "type": "GRANT_TYPE_SERVICE_CONNECTION",
            "outway": {
                "peer_id": self.id,
                "identification": {
                    "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
                    "public_key_thumbprint": self.thumbprint,
                },
            },
            "service": {"type": "SERVICE_TYPE_SERVICE", "peer_id": provider, "name": service},
            **members,
        }

    def publication(self, directory: str, service: str, **members) -> dict:
        """A ServicePublicationGrant for an own service."""
        return {
            "type": "GRANT_TYPE_SERVICE_PUBLICATION",
            "directory": {"peer_id": directory},
            "service": {"peer_id": self.id, "name": service, "protocol": "PROTOCOL_TCP_HTTP_1.1"},
            **members,
        }

    def own_hash(self, contract: Contract, position: int = 0) -> str:
        """The hash of a grant under the reading of this peer."""
        return grant_hash(contract.content, contract.grants()[position], self.readings[0])

    def submit(self, content: dict) -> Contract:
        """Signs and offers a contract to all others on it; raises Refused when one refuses."""
        signature = self.signature(content, "accept")
        contract = self.contracts.add_signature(content, "accept", self.id, signature)
        for other in sorted(parties(content) - {self.id}):
            body = {"content": content, "signature": signature}
            answer = self.send(self.address_of(other), other, "POST", "/v1/contracts", body)
            if answer.status != 201:
                raise refusal(answer)
            if answer.body:
                raise schema.SchemaError("201 has no content in manager.yaml")
        return contract

    def sign(self, contract: Contract, kind: str) -> None:
        """Signs and sends the signature to all others on the contract, with retries (Core 4.4.1.3)."""
        signature = self.signature(contract.content, kind)
        self.contracts.add_signature(contract.content, kind, self.id, signature)
        body = {"content": contract.content, "signature": signature}
        for other in sorted(parties(contract.content) - {self.id}):
            target = f"/v1/contracts/{contract.hash}/{kind}"
            threading.Thread(target=self._deliver, args=(other, target, body), daemon=True).start()

    def _deliver(self, other: str, target: str, body: dict) -> None:
        for pause in (*RETRY_SECONDS, None):
            try:
                answer = self.send(self.address_of(other), other, "PUT", target, body)
                if answer.status == 201:
                    return
                reason = f"{answer.status} {answer.body[:300]!r}"
            except UNREACHABLE as error:
                reason = repr(error)
            if pause is not None:
                time.sleep(pause)
        self.undelivered.append(f"PUT {target} to {other}: {reason}")

    def consider(self, contract: Contract) -> None:
        """Signs a contract by policy, once, after the request that brought it is answered."""

        def work():
            with self._considering:
                signed = any(self.id in by for by in contract.signatures.values())
                decision = None if signed or contract.state != "proposed" else self.decide(contract)
                if decision is not None:
                    self.sign(contract, decision)

        threading.Thread(target=work, daemon=True).start()


def json_of(answer: Response):
    """The body of an answer that manager.yaml and logging.yaml have as application/json."""
    kind = (answer.header("Content-Type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise schema.SchemaError(f"an answer has the type {kind!r}")
    return parse_json(answer.body)


def refusal(answer: Response) -> Refused:
    """The error of another Manager, after its form is checked (Core 4.4.5.2)."""
    error = json_of(answer)
    schema.validate(error, "managerError")
    if answer.header("Fsc-Error-Code") != error["code"]:
        raise schema.SchemaError("Fsc-Error-Code is not the code of the body")
    return Refused(error["code"], error["message"], answer.status)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--directory", type=Path, required=True)
    arguments.add_argument("--group", default="independent-peer")
    arguments.add_argument("--id", default="00000099000000009000")
    arguments.add_argument("--name", default="Proefpeer")
    arguments.add_argument("--host", default="peer.test")
    arguments.add_argument("--service", action="append", default=[], metavar="NAME=URL")
    given = arguments.parse_args()
    authority = Authority(given.directory / "authority")
    peer = Peer(given.directory, authority, given.group, given.id, given.name, given.host)
    peer.services.update(entry.split("=", 1) for entry in given.service)
    with peer:
        print(json.dumps({"manager": peer.manager_address, "inway": peer.inway_address}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
