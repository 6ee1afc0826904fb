"""The consumer's end of an exchange, without a node of the consumer's."""

import socket
from urllib.parse import urlsplit

from .agreements import PURPOSE
from .caller import Caller
from .checks import transaction_id
from .wire import LOOPBACK, tls_context


class Wire:
    """The consumer's end of the mutual TLS in another language, with the consumer's own certificate: what arrives here
    is what has been sent, before any node of the consumer's has touched it."""

    def __init__(self, consumer, provider, authority):
        self.node, self.provider = consumer.node, provider.node
        self.anchors = authority.anchors
        self.caller = Caller(consumer.node.identity, authority.anchors, consumer.node.manager_address)

    def scope(self):
        for contract in self.node.cli("contract", "list", "--state", "valid")["items"]:
            shown = self.node.cli("contract", "show", contract["hash"])
            for grant in shown["grants"]:
                if "CONNECTION" in grant["grant_type"]:
                    return grant["hash"]
        raise AssertionError("there is no contract to connect by")

    def ask(self, person):
        """All bytes that the provider's inway sends for one question."""
        return self.send("GET", f"/incomes/{person}")

    def send(self, method, path, body=b""):
        answer = self.caller.token(self.provider.manager_address, self.scope())
        assert answer.status == 200, answer
        address = urlsplit(self.provider.inway_address)
        context = tls_context(self.anchors, self.node.identity)
        lines = [
            f"{method} {path} HTTP/1.1", f"Host: {address.netloc}",
            f"Fsc-Authorization: Bearer {answer.json()['access_token']}",
            f"Fsc-Transaction-Id: {transaction_id()}", f"Verbond-Purpose: {PURPOSE}", "Connection: close",
        ]  # fmt: skip
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        with socket.create_connection((LOOPBACK, address.port), 15) as raw, context.wrap_socket(
            raw, server_hostname=address.hostname
        ) as sealed:
            sealed.sendall("\r\n".join((*lines, "", "")).encode() + body)
            read = b""
            while part := sealed.recv(65536):
                read += part
            return read
