"""The Manager: the HTTP interface of Core 4.4 and Logging 3.2."""

import re
import time
from urllib.parse import parse_qs, unquote, urlsplit

from . import schema, signing
from .contract import (
    CONNECTIONS,
    PUBLICATIONS,
    Contract,
    Refused,
    check_content,
    check_offering,
    content_hash,
    parse_json,
    parties,
)
from .transaction_log import involves
from .web import Response, json_response, read_body

TOKEN_SECONDS = 60
PAGE = 25
EXTENSIONS = {"EXTENSION_DELEGATION": "1.0.0", "EXTENSION_TRANSACTION_LOGGING": "1.1.0"}


class TokenRefused(Exception):
    """An error of RFC 6749 section 5.2."""

    def __init__(self, error: str, description: str):
        super().__init__(description)
        self.error, self.description = error, description


class Manager:
    """Answers the other peers; what it knows is kept in `peer`."""

    def __init__(self, peer):
        self._peer = peer

    def handle(self, handler) -> None:
        """One request. `refused` of the peer keeps what was refused, for whoever wants to know why."""
        try:
            response = self._route(handler)
        except Refused as refused:
            self._peer.refused.append((handler.command, handler.target, refused.message))
            body = {"message": refused.message, "domain": "ERROR_DOMAIN_MANAGER"}
            headers = {}
            # The text has no code for some rules; a code of another rule would mislead.
            if refused.code is not None:
                body["code"] = headers["Fsc_Error_Code"] = refused.code
            response = json_response(refused.status, body, **headers)
        handler.answer(response)

    def _route(self, handler) -> Response:
        parts = urlsplit(handler.target)
        body = read_body(handler)
        caller = self._caller(handler.peer_certificate)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        plain = {
            ("GET", "/v1/contracts"): lambda: self._contracts(caller, query),
            ("GET", "/v1/peer"): self._peer_info,
            ("GET", "/v1/peers"): lambda: self._peers(query),
            ("GET", "/v1/services"): lambda: self._services(query),
            ("GET", "/v1/.well-known/jwks.json"): self._jwks,
            ("GET", "/v1/logs"): lambda: self._logs(caller, query),
            ("POST", "/v1/token"): lambda: self._token(handler, caller, body),
        }
        if (handler.command, parts.path) in plain:
            return plain[handler.command, parts.path]()
        signature = re.fullmatch("/v1/contracts/([^/]+)/(accept|reject|revoke)", parts.path)
        if (handler.command, parts.path) == ("PUT", "/v1/announce"):
            self._remember(handler, caller)
            return Response(200)
        if (handler.command, parts.path) == ("POST", "/v1/contracts"):
            return self._submit(handler, caller, body)
        if handler.command == "PUT" and signature:
            return self._sign(handler, caller, body, unquote(signature[1]), signature[2])
        return Response(404)

    # Callers

    @staticmethod
    def _caller(certificate) -> tuple[str, str]:
        try:
            return signing.peer_id(certificate), signing.peer_name(certificate)
        except signing.CertificateInvalid as error:
            raise Refused("ERROR_CODE_PEER_CERTIFICATE_VERIFICATION_FAILED", str(error), 400) from error

    def _manager_address(self, handler) -> str:
        """Core 4.4.4 and the yaml: required, https, with a port."""
        address = handler.headers.get("Fsc-Manager-Address", "")
        parts = urlsplit(address)
        try:
            usable = parts.scheme == "https" and parts.hostname and parts.port is not None
        except ValueError:
            usable = False
        if not usable or len(address) > 255:
            raise Refused(None, "Fsc-Manager-Address must be an https address with a port", 400)
        return address.rstrip("/")

    def _remember(self, handler, caller) -> str:
        address = self._manager_address(handler)
        self._peer.remember(caller[0], caller[1], address)
        return address

    # Contracts and signatures

    def _submit(self, handler, caller, body: bytes) -> Response:
        content, signature = self._signature_request(body)
        known = self._peer.contracts.get(self._hash(content)) is not None
        self._check_content(content, known)
        check_offering(content, caller[0], self._peer.id)
        self._store(handler, caller, content, "accept", signature)
        return Response(201)

    def _sign(self, handler, caller, body: bytes, in_path: str, kind: str) -> Response:
        content, signature = self._signature_request(body)
        if not in_path.startswith("$1$"):
            raise Refused("ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH", "the hash in the path has an unknown algorithm")
        actual = self._hash(content)
        known = self._peer.contracts.get(actual) is not None
        self._check_content(content, known)
        if actual != in_path:
            raise Refused("ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH", "the hash in the path is of another content")
        if caller[0] not in parties(content):
            raise Refused(
                "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT", "the submitting peer is not on the contract"
            )
        self._store(handler, caller, content, kind, signature)
        return Response(201)

    @staticmethod
    def _signature_request(body: bytes) -> tuple[dict, str]:
        request = parse_json(body)
        try:
            schema.validate(request, "signatureRequest")
        except schema.SchemaError as error:
            raise Refused(None, str(error), 400) from error
        return request["content"], request["signature"]

    @staticmethod
    def _hash(content: dict) -> str:
        try:
            return content_hash(content)
        except ValueError as error:
            raise Refused(None, f"the content has no canonical form: {error}", 400) from error

    def _check_content(self, content: dict, known: bool) -> None:
        check_content(content, self._peer.group_id, self._peer.id, set(self._peer.services), known=known)

    def _store(self, handler, caller, content: dict, kind: str, signature: str) -> None:
        address = self._manager_address(handler)
        self._peer.verify_signature(signature, kind, content, caller[0], address)
        contract = self._peer.contracts.add_signature(content, kind, caller[0], signature)
        self._peer.remember(caller[0], caller[1], address)
        self._peer.consider(contract)

    # Tokens

    def _token(self, handler, caller, body: bytes) -> Response:
        try:
            token = self._issue(handler.peer_certificate, caller[0], body)
        except TokenRefused as refused:
            self._peer.refused.append((handler.command, handler.target, refused.description))
            answer = {"error": refused.error, "error_description": refused.description}
            return json_response(400, answer, Cache_Control="no-store")
        return json_response(200, {"access_token": token, "token_type": "bearer"}, Cache_Control="no-store")

    def _issue(self, certificate, caller_id: str, body: bytes) -> str:
        """The checks of Core 4.4.1.6 in its order, then the claims of 4.3.1."""
        try:
            form = parse_qs(body.decode("ascii"), strict_parsing=True)
            wanted = {name: form[name] for name in ("grant_type", "scope", "client_id")}
        except (ValueError, KeyError) as error:
            raise TokenRefused("invalid_request", "grant_type, scope and client_id are needed") from error
        if any(len(values) != 1 for values in wanted.values()):
            raise TokenRefused("invalid_request", "a parameter occurs twice")
        if wanted["grant_type"] != ["client_credentials"]:
            raise TokenRefused("unsupported_grant_type", "FSC knows client_credentials only")
        scope = wanted["scope"][0]
        found = self._peer.contracts.by_grant_hash(scope, self._peer.readings)
        if found is None or found[1]["type"] not in CONNECTIONS:
            raise TokenRefused("invalid_scope", "there is no connection grant with this hash")
        contract, data = found
        if contract.state != "valid":
            raise TokenRefused("invalid_grant", f"the contract is {contract.state}")
        if wanted["client_id"] != [caller_id]:
            raise TokenRefused("invalid_client", "client_id is not the peer of the certificate")
        if data["service"]["peer_id"] != self._peer.id or data["service"]["name"] not in self._peer.services:
            raise TokenRefused("invalid_grant", "the service is not offered here")
        self._check_outway(data["outway"], certificate, caller_id)
        now = int(time.time())
        claims = {
            "gth": scope,
            "gid": self._peer.group_id,
            "sub": data["outway"]["peer_id"],
            "iss": self._peer.id,
            "svc": data["service"]["name"],
            "aud": self._peer.inway_address,
            "exp": now + TOKEN_SECONDS,
            "nbf": now,
            "cnf": {"x5t#S256": signing.certificate_thumbprint(certificate)},
        }
        if "delegator" in data:
            claims["act"] = {"sub": data["delegator"]["peer_id"]}
        if "delegator" in data["service"]:
            claims["pdi"] = data["service"]["delegator"]["peer_id"]
        if "properties" in data:
            claims["prp"] = data["properties"]
        return signing.sign(claims, self._peer.manager_credential)

    @staticmethod
    def _check_outway(outway: dict, certificate, caller_id: str) -> None:
        if outway["peer_id"] != caller_id:
            raise TokenRefused("unauthorized_client", "the grant is for another peer")
        identification = outway["identification"]
        if identification["type"] == "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT":
            right = identification["public_key_thumbprint"].lower() == signing.public_key_thumbprint(certificate)
        else:
            names = [name.lower() for name in signing.host_names(certificate)]
            right = identification["domain_name"].lower() in names
        if not right:
            raise TokenRefused("unauthorized_client", "the grant is for another Outway")

    # Lists

    def _contracts(self, caller, query: dict) -> Response:
        own = [contract for contract in self._peer.contracts.all() if caller[0] in parties(contract.content)]
        own.sort(key=lambda contract: contract.content["created_at"])
        if "grant_hash" in query:
            wanted = set(query["grant_hash"].split(","))
            own = [contract for contract in own if wanted & set(contract.grant_hashes(self._peer.readings))]
            return self._listing("contracts", [contract.to_json() for contract in own], {}, everything=True)
        if "grant_type" in query:
            own = [contract for contract in own if any(data["type"] == query["grant_type"] for data in contract.grants())]
        return self._listing("contracts", [contract.to_json() for contract in own], query)

    def _peer_info(self) -> Response:
        return json_response(
            200,
            {
                "peer_id": self._peer.id,
                "peer_name": self._peer.name,
                "fsc_version": "2.0.0",
                "enabled_extensions": EXTENSIONS,
            },
        )

    def _peers(self, query: dict) -> Response:
        peers = list(self._peer.peers.values())
        if "peer_id" in query:
            wanted = query["peer_id"].split(",")
            return self._listing("peers", [peer for peer in peers if peer["id"] in wanted], {}, everything=True)
        part = query.get("peer_name", "").lower()
        return self._listing("peers", [peer for peer in peers if part in peer["name"].lower()], query)

    def _services(self, query: dict) -> Response:
        found = [
            self._listed_service(contract, data)
            for contract in self._peer.contracts.all()
            if contract.state == "valid"
            for data in contract.grants()
            if data["type"] in PUBLICATIONS and data["directory"]["peer_id"] == self._peer.id
        ]
        conditions = []
        if "peer_id" in query:
            conditions.append(lambda service: service["peer"]["id"] == query["peer_id"])
        if "service_name" in query:
            conditions.append(lambda service: query["service_name"].lower() in service["name"].lower())
        if conditions:
            found = [service for service in found if any(condition(service) for condition in conditions)]
        return self._listing("services", [{"data": service} for service in found], query)

    def _listed_service(self, contract: Contract, data: dict) -> dict:
        service = data["service"]
        listed = {
            "type": "SERVICE_TYPE_SERVICE",
            "peer": self._peer.peers[service["peer_id"]],
            "name": service["name"],
            "protocol": service["protocol"],
        }
        if "properties" in data:
            listed["properties"] = data["properties"]
        if "delegator" in data:
            delegator = self._peer.peers[data["delegator"]["peer_id"]]
            listed["type"] = "SERVICE_TYPE_DELEGATED_SERVICE"
            listed["delegator"] = {"peer_id": delegator["id"], "peer_name": delegator["name"]}
        return listed

    def _jwks(self) -> Response:
        return json_response(200, {"keys": [signing.to_jwk(credential) for credential in self._peer.signing_credentials]})

    def _logs(self, caller, query: dict) -> Response:
        records = [record for record in self._peer.log.records() if involves(record, caller[0])]
        if "transaction_ids" in query:
            wanted = query["transaction_ids"].split(",")
            chosen = [record for record in records if record["transaction_id"] in wanted]
            return self._listing("records", chosen, {}, everything=True)
        if "after" in query:
            records = [record for record in records if record["created_at"] > int(query["after"])]
        if "before" in query:
            records = [record for record in records if record["created_at"] < int(query["before"])]
        either = [name for name in ("grant_hash", "service_name") if name in query]
        if either:
            records = [
                record for record in records if any(record[name] in query[name].split(",") for name in either)
            ]
        return self._listing("records", records, query)

    @staticmethod
    def _listing(name: str, entries: list, query: dict, everything: bool = False) -> Response:
        """A page of `entries`, which come in ascending order; the cursor is the number of entries already given."""
        try:
            limit, start = int(query.get("limit", PAGE)), int(query.get("cursor") or 0)
        except ValueError as error:
            raise Refused(None, "limit and cursor are wrong", 400) from error
        order = query.get("sort_order", "SORT_ORDER_DESCENDING")
        if not 1 <= limit <= 1000 or start < 0 or order not in ("SORT_ORDER_ASCENDING", "SORT_ORDER_DESCENDING"):
            raise Refused(None, "limit, cursor or sort_order is wrong", 400)
        if order == "SORT_ORDER_DESCENDING":
            entries = entries[::-1]
        end = len(entries) if everything else min(start + limit, len(entries))
        cursor = str(end) if end < len(entries) else ""
        return json_response(200, {name: entries[start:end], "pagination": {"next_cursor": cursor}})
