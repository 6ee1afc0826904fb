"""Somebody with a key of their own."""

import http.client
import json
import ssl
import subprocess

from .node import NodeFault

PASSPHRASE = "vier willekeurige woorden samen"


class Person:
    """Somebody with a key on their own machine: runs the command line there, and speaks to the node without it."""

    def __init__(self, binary, folder, port, anchors):
        self.binary, self.port, self.anchors = binary, port, anchors
        self.folder = folder
        folder.mkdir()
        self.phrase = folder / "phrase"
        self.phrase.touch(mode=0o600)
        self.phrase.write_text(PASSPHRASE + "\n")
        self.key, self.certificate = folder / "key" / "key.pem", folder / "key" / "certificate.pem"
        self.run("person", "key", "--out", str(folder / "key"))

    def run(self, *arguments, phrase=None):
        done = subprocess.run(
            self.command(*arguments, phrase=phrase), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
            start_new_session=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise NodeFault(done.stderr.strip())
        return json.loads(done.stdout)

    def command(self, *arguments, phrase=None):
        return [
            self.binary, "--data", str(self.folder / "none"), "--passphrase-file", str(phrase or self.phrase), *arguments, "--json",
        ]  # fmt: skip

    def afar(self, *arguments, phrase=None):
        return self.run(*self.way(), *arguments, phrase=phrase)

    def way(self):
        """How the command line is told to go to the node."""
        return (
            "--node", f"https://localhost:{self.port}", "--node-anchors", self.anchors,
            "--client-certificate", str(self.certificate), "--client-key", str(self.key),
        )  # fmt: skip

    def lines(self, *arguments):
        """What a verb writes line by line, and its exit status."""
        done = subprocess.run(
            self.command(*self.way(), *arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
            start_new_session=True,
        )  # fmt: skip
        if not done.stdout:
            raise NodeFault(done.stderr.strip())
        return [json.loads(line) for line in done.stdout.splitlines()], done.returncode

    def enrol(self, code):
        return self.afar("person", "enrol", "--code", code)

    def connect(self):
        """A connection of our own making: OpenSSL opens the key with its passphrase."""
        context = ssl.create_default_context(cafile=self.anchors)
        context.load_cert_chain(self.certificate, self.key, PASSPHRASE)
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=15)
        connection.connect()
        return connection

    def ask(self, method, path, body=None, over=None):
        """Status and answer; None when the node breaks off."""
        connection = None
        try:
            connection = over or self.connect()
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except (ssl.SSLError, ConnectionError, http.client.HTTPException):
            return None
        finally:
            if connection is not None and over is None:
                connection.close()


def invite(node, name, *roles):
    """Adds a person to a node; gives the code that lets them enrol."""
    named = [part for role in roles for part in ("--role", role)]
    return node.cli("person", "add", name, "--display-name", f"{name} Voorbeeld", *named)["code"]
