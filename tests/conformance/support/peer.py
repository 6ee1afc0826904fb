"""A peer of the group in Python: its manager, its inway, and, from Caller, the calls that it makes."""

import threading
import time
from urllib.parse import parse_qs

from . import signing
from .caller import Caller
from .contract import GROUP, peers_of
from .hashing import READINGS, grant_hash
from .servers import Echo, Recorder, Reply
from .wire import tls_context


class _Manager(Recorder):
    def __init__(self, peer, context):
        self.peer = peer
        super().__init__(context)

    def answer(self, request):
        return self.peer.answer(request)


class Peer(Caller):
    """A participant with manager and inway under its own certificate.

    Its manager stores each contract and signature that it receives. With `accepts` it signs a submitted contract at
    once and sends the signature back. `token_claims` (a function of the claims) can spoil the tokens that it issues;
    `readings` are the readings of the grant hash that it knows; `inway` is the kind of server that its inway is.
    While `hold` is an event that is not set, its manager takes contracts and signatures in and does not answer.
    """

    def __init__(self, identity, anchors, *, accepts=False, inway=Echo):
        self.accepts = accepts
        self.services = []
        self.known = {}
        self.token_claims = None
        self.readings = READINGS
        self.hold = None
        self.manager = _Manager(self, tls_context(anchors, identity, server=True))
        self.inway = inway(tls_context(anchors, identity, server=True))
        self.inway_address = f"https://{identity.host}:{self.inway.port}"
        super().__init__(identity, anchors, f"https://{identity.host}:{self.manager.port}")

    def stop(self):
        self.manager.stop()
        self.inway.stop()

    def publish(self, name, protocol):
        """Lists a service of its own, as a directory does (Core 4.4.1.8)."""
        data = {
            "type": "SERVICE_TYPE_SERVICE",
            "peer": {"id": self.id, "name": self.identity.name, "manager_address": self.manager_address},
            "name": name,
            "protocol": protocol,
        }
        self.services.append({"data": data})

    def answer(self, request):
        path = request.path
        if address := request.headers.get("Fsc-Manager-Address"):
            self.known[request.peer_id] = address
        if path == "/v1/.well-known/jwks.json":
            return Reply.of({"keys": [signing.json_web_key(each) for each in self.signers]})
        if path == "/v1/peer":
            return Reply.of(
                {
                    "peer_id": self.id,
                    "peer_name": self.identity.name,
                    "fsc_version": "2.0.0",
                    "enabled_extensions": {"EXTENSION_TRANSACTION_LOGGING": "1.1.0"},
                }
            )
        if path == "/v1/announce" and request.method == "PUT":
            return Reply(200)
        if path == "/v1/contracts" and request.method == "POST":
            return self._receive(request, "accept")
        if path == "/v1/contracts":
            return self._list(request)
        if path.startswith("/v1/contracts/") and request.method == "PUT":
            return self._receive(request, path.rsplit("/", 1)[1])
        if path == "/v1/token" and request.method == "POST":
            return self._token(request)
        if path == "/v1/services":
            return Reply.of({"services": self.services, "pagination": {"next_cursor": ""}})
        if path in ("/v1/peers", "/v1/logs"):
            name = {"/v1/logs": "records"}.get(path, path[4:])
            return Reply.of({name: [], "pagination": {"next_cursor": ""}})
        return Reply(404)

    def _receive(self, request, kind):
        if self.hold is not None:
            self.hold.wait(60)
            return Reply(close=True)
        message = request.json()
        content = message["content"]
        held = self.keep(content)
        held["signatures"][kind][request.peer_id] = message["signature"]
        if request.method == "POST" and self.accepts:
            self._answer_in_time(content, request.headers.get("Fsc-Manager-Address"))
        return Reply(201)

    def _answer_in_time(self, content, address):
        """Signs after the answer to the submission has gone out."""

        def sign():
            time.sleep(0.02)
            self.sign(address, content, "accept")

        threading.Thread(target=sign, daemon=True).start()

    def _list(self, request):
        wanted = request.query.get("grant_hash", [""])[0].split(",")
        found = [
            each
            for each in self.contracts.values()
            if request.peer_id in peers_of(each["content"])
            and (wanted == [""] or set(wanted) & self._grant_hashes(each["content"]))
        ]
        if request.query.get("cursor", [""])[0]:
            found = []
        return Reply.of({"contracts": found, "pagination": {"next_cursor": ""}})

    def _grant_hashes(self, content):
        indices = range(len(content["grants"]))
        return {grant_hash(content, index, each) for index in indices for each in self.readings}

    def _token(self, request):
        form = {name: value[0] for name, value in parse_qs(request.body.decode()).items()}
        scope = form.get("scope", "")
        for held in self.contracts.values():
            content = held["content"]
            for index, grant in enumerate(content["grants"]):
                if scope in {grant_hash(content, index, each) for each in self.readings}:
                    if held["signatures"]["revoke"] or held["signatures"]["reject"]:
                        return Reply.of({"error": "invalid_grant"}, 400)
                    return self._issue(request, scope, grant["data"])
        return Reply.of({"error": "invalid_scope"}, 400)

    def _issue(self, request, scope, grant):
        moment = int(time.time())
        claims = {
            "gth": scope,
            "gid": GROUP,
            "sub": request.peer_id,
            "iss": self.id,
            "svc": grant["service"]["name"],
            "aud": self.inway_address,
            "nbf": moment - 5,
            "exp": moment + 60,
            "cnf": {"x5t#S256": signing.certificate_thumbprint(request.certificate)},
        }
        if "delegator" in grant:
            claims["act"] = {"sub": grant["delegator"]["peer_id"]}
        if "delegator" in grant["service"]:
            claims["pdi"] = grant["service"]["delegator"]["peer_id"]
        if "properties" in grant:
            claims["prp"] = grant["properties"]
        if self.token_claims is not None:
            claims = self.token_claims(claims)
        return Reply.of(
            {"access_token": signing.sign(self.identity, claims), "token_type": "bearer"},
            **{"Cache-Control": "no-store"},
        )
