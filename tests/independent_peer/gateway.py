"""The data path: Inway and Outway (Core 4.6, 4.7; Logging 3.3, 3.4)."""

import http.client
import threading
import time
from urllib.parse import urlencode, urlsplit

from . import schema, signing
from .transaction_log import (
    INCOMING,
    OUTGOING,
    LogWriteError,
    is_transaction_id,
    new_transaction_id,
    record_of,
)
from .web import TIMEOUT, Response, end_to_end, exchange, json_response, read_body


class Inway:
    """The reverse proxy in front of the own services."""

    def __init__(self, peer):
        self._peer = peer

    def handle(self, handler) -> None:
        body = read_body(handler)
        try:
            claims, transaction_id = self._authorize(handler)
            self._peer.log.append(record_of(claims, transaction_id, INCOMING))
        except _InwayError as error:
            handler.answer(_error(error.status, error.code))
            return
        except LogWriteError:
            handler.answer(_error(500, "TRANSACTION_LOG_WRITE_ERROR"))
            return
        handler.answer(self._forward(handler, self._peer.services[claims["svc"]], body))

    def _authorize(self, handler) -> tuple[dict, str]:
        """Core 4.7.1.2 and 4.7.2.2.1, Logging 3.3.1.3."""
        token = handler.headers.get("Fsc-Authorization", "")
        if token.lower().startswith("bearer "):
            token = token[len("bearer ") :].strip()
        if not token:
            raise _InwayError(401, "ERROR_CODE_ACCESS_TOKEN_MISSING")
        claims = self._verified(token)
        now = time.time()
        if claims["exp"] <= now:
            raise _InwayError(401, "ERROR_CODE_ACCESS_TOKEN_EXPIRED")
        bound = claims["cnf"]["x5t#S256"] == signing.certificate_thumbprint(handler.peer_certificate)
        if claims["nbf"] > now or not bound or claims["aud"] != self._peer.inway_address:
            raise _InwayError(401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
        if claims["gid"] != self._peer.group_id:
            raise _InwayError(403, "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN")
        if claims["svc"] not in self._peer.services:
            raise _InwayError(404, "ERROR_CODE_SERVICE_NOT_FOUND")
        transaction_id = handler.headers.get("Fsc-Transaction-Id")
        if transaction_id is None:
            raise _InwayError(400, "MISSING_LOG_RECORD_ID")
        if not is_transaction_id(transaction_id):
            raise _InwayError(400, "INVALID_LOG_RECORD_ID")
        return claims, transaction_id

    def _verified(self, token: str) -> dict:
        """Signed by the same peer that owns this Inway."""
        try:
            header, _ = signing.parse(token)
            for credential in self._peer.signing_credentials:
                if signing.certificate_thumbprint(credential.certificate) == header["x5t#S256"]:
                    claims = signing.verify(token, credential.certificate)
                    schema.validate(claims, "accessToken")
                    if claims["iss"] == self._peer.id:
                        return claims
        except (signing.SignatureInvalid, signing.UnknownAlgorithm, schema.SchemaError):
            pass
        raise _InwayError(401, "ERROR_CODE_ACCESS_TOKEN_INVALID")

    @staticmethod
    def _forward(handler, upstream: str, body: bytes) -> Response:
        parts = urlsplit(upstream)
        kept = end_to_end(handler.headers.items(), {"host", "content-length", "expect"})
        has_body = "Content-Length" in handler.headers or "Transfer-Encoding" in handler.headers
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
        try:
            target = parts.path.rstrip("/") + handler.target
            answer = exchange(connection, handler.command, target, kept, body if has_body else None)
        except (OSError, http.client.HTTPException):
            return _error(502, "ERROR_CODE_SERVICE_UNREACHABLE")
        finally:
            connection.close()
        answer.headers = end_to_end(answer.headers)
        return answer


class _InwayError(Exception):
    def __init__(self, status: int, code: str):
        super().__init__(code)
        self.status, self.code = status, code


def _error(status: int, code: str) -> Response:
    headers = {"Fsc_Error_Code": code}
    if status == 401:
        headers["WWW_Authenticate"] = "Bearer"
    body = {"message": code.lower().replace("_", " "), "domain": "ERROR_DOMAIN_INWAY", "code": code}
    return json_response(status, body, **headers)


class TokenRefused(Exception):
    """The provider's Manager gave no token; `error` is of RFC 6749 section 5.2."""

    def __init__(self, error: str, description: str):
        super().__init__(f"{error}: {description}")
        self.error = error


class TokenWrong(Exception):
    """The provider's Manager gave a token that does not say what the standard prescribes."""


class Outway:
    """The forward proxy, as a library: the application names the grant by its hash."""

    def __init__(self, peer, dialer, credential):
        self._peer, self._dialer, self._credential = peer, dialer, credential
        self._tokens: dict[str, tuple[str, dict]] = {}
        self._lock = threading.Lock()

    def call(self, grant_hash: str, method: str, target: str, headers=None, body=None) -> tuple[Response, str]:
        """The Inway's answer and the transaction id. The log record is on disk before anything is sent."""
        token, claims = self.token(grant_hash)
        transaction_id = new_transaction_id()
        self._peer.log.append(record_of(claims, transaction_id, OUTGOING))
        return self.send(token, claims, transaction_id, method, target, headers, body), transaction_id

    def send(self, token, claims, transaction_id, method, target, headers=None, body=None) -> Response:
        sent = dict(end_to_end((headers or {}).items()))
        sent["Fsc-Authorization"] = f"Bearer {token}"
        if transaction_id is not None:
            sent["Fsc-Transaction-Id"] = transaction_id
        return self._dialer.request(claims["aud"], claims["iss"], method, target, sent, body)

    def token(self, grant_hash: str, fresh: bool = False) -> tuple[str, dict]:
        """A token of the service's peer, from memory while it lasts (Core 4.6.1.2, 4.6.1.3)."""
        with self._lock:
            kept = self._tokens.get(grant_hash)
            if kept is None or fresh or kept[1]["exp"] <= time.time() + 5:
                kept = self._fetch(grant_hash)
                self._tokens[grant_hash] = kept
            return kept

    def request_token(self, address: str, provider: str, **form: str) -> Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Fsc-Manager-Address": self._peer.manager_address}
        return self._dialer.request(address, provider, "POST", "/v1/token", headers, urlencode(form).encode())

    def _fetch(self, grant_hash: str) -> tuple[str, dict]:
        found = self._peer.contracts.by_grant_hash(grant_hash)
        if found is None:
            raise TokenRefused("invalid_scope", "this peer has no such grant")
        data = found[1]
        provider = data["service"]["peer_id"]
        address = self._peer.address_of(provider)
        answer = self.request_token(
            address, provider, grant_type="client_credentials", scope=grant_hash, client_id=self._peer.id
        )
        if answer.status in (400, 401):
            error = answer.json()
            schema.validate(error, "tokenError")
            raise TokenRefused(error["error"], error.get("error_description", ""))
        if answer.status != 200:
            raise TokenWrong(f"status {answer.status}")
        schema.validate(answer.json(), "tokenResponse")
        token = answer.json()["access_token"]
        return token, self._checked(token, grant_hash, data, provider, address)

    def _checked(self, token: str, grant_hash: str, data: dict, provider: str, address: str) -> dict:
        """Core 4.3 and 4.3.1: each claim follows from the grant."""
        header, _ = signing.parse(token)
        chain = self._peer.certificate_of(provider, address, header["x5t#S256"])
        claims = signing.verify(token, chain[0])
        schema.validate(claims, "accessToken")
        expected = {
            "gth": grant_hash,
            "gid": self._peer.group_id,
            "sub": data["outway"]["peer_id"],
            "iss": provider,
            "svc": data["service"]["name"],
            "cnf": {"x5t#S256": signing.certificate_thumbprint(self._credential.certificate)},
            "pdi": data["service"].get("delegator", {}).get("peer_id"),
            "prp": data.get("properties"),
        }
        for name, value in expected.items():
            if claims.get(name) != value:
                raise TokenWrong(f"claim {name} is {claims.get(name)!r}, the grant gives {value!r}")
        if (claims.get("act", {}).get("sub") or None) != data.get("delegator", {}).get("peer_id"):
            raise TokenWrong("claim act does not follow from the grant")
        if not claims["nbf"] <= time.time() + 1 or claims["exp"] <= time.time():
            raise TokenWrong("the token is not valid now")
        return claims
