"""Drives one node under test: writes its configuration, starts the binary, uses its command line, stops it."""

import contextlib
import copy
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import threading
from pathlib import Path

from .caller import Caller
from .contract import GROUP
from .wire import LOOPBACK, Client, UnixClient, free_port

START_SECONDS = 30


def toml(table, prefix=""):
    """A TOML document of plain values, lists and tables; enough for verbond.toml."""
    plain, tables = [], []
    for name, value in table.items():
        if isinstance(value, dict):
            tables.append((name, value))
        else:
            plain.append(f"{_key(name)} = {_value(value)}")
    text = "\n".join(plain) + ("\n" if plain else "")
    for name, value in tables:
        path = f"{prefix}.{_key(name)}" if prefix else _key(name)
        text += f"\n[{path}]\n" + toml(value, path)
    return text


def _key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value)


def merge(base, changes):
    """The base with the changes laid over it, table by table; None removes."""
    merged = dict(base)
    for name, value in (changes or {}).items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = value
    return merged


@contextlib.contextmanager
def writes_fail(pid):
    """Every write of the process to a file fails, by a file size limit of nothing; it must ignore SIGXFSZ."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


class NodeFault(AssertionError):
    """The node did not start, or one of its commands failed."""


class Node:
    """One participant's node: a process, a data directory and a database of its own."""

    def __init__(
        self,
        binary,
        folder,
        authority,
        identity,
        *,
        directories=(),
        directory_role=False,
        accept=False,
        settings=None,
        addresses=None,
        names=(),
        inway_host=None,
        within=None,
        roles=None,
        environment=None,
    ):
        """`within` gives, for the data directory, the words of a command that becomes the one that follows it."""
        self.binary = binary
        self.within = within or (lambda folder: [])
        self.roles = roles
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.authority = authority
        self.identity = identity
        self.inway_host = inway_host or identity.host
        self.environment = os.environ | (environment or {})
        self.stderr = []
        self.process = None
        self.ready = None
        bind = addresses or {}
        self.bind = {role: bind.get(role) or (LOOPBACK, free_port()) for role in ("manager", "inway", "outway")}
        self.settings = merge(self._settings(directories, directory_role, accept, names), settings)
        self._prepare()

    def _settings(self, directories, directory_role, accept, names):
        hosts = {name: LOOPBACK for name in names}
        hosts |= {self.inway_host: self.bind["inway"][0], self.identity.host: self.bind["manager"][0]}
        listen = {role: f"{host}:{port}" for role, (host, port) in self.bind.items()}
        return {
            "profile": "test",
            "database": "sqlite",
            "identity": {"certificate": "certificate.pem", "key": "key.pem"},
            "group": {
                "id": GROUP,
                "trust_anchors": ["trust-anchors.pem"],
                "directories": [
                    {"id": f"oin:{each.id}", "manager_address": each.manager_address} for each in directories
                ],
                "revocation": {"lists": ["root.crl", "intermediate.crl"]},
            },
            "manager": {"listen": listen["manager"], "address": self.manager_address},
            "inway": {"listen": listen["inway"], "address": self.inway_address},
            "outway": {"listen": listen["outway"]},
            "directory": {"enabled": directory_role},
            "hosts": hosts,
            "acceptance": {
                "known_consumers": ["*"],
                "connection": "accept" if accept else "leave",
                "maximum_validity_days": 366,
                "allowed_properties": [],
            },
        }

    def _prepare(self):
        for source, name in (
            (self.identity.certificate_file, "certificate.pem"),
            (self.identity.key_file, "key.pem"),
            (self.authority.anchors, "trust-anchors.pem"),
        ):
            target = self.folder / name
            target.write_bytes(Path(source).read_bytes())
            target.chmod(0o600)
        self.authority.write_lists(self.folder)
        (self.folder / "verbond.toml").write_text(toml(self.settings))

    @property
    def id(self):
        return self.identity.peer_id

    @property
    def manager_address(self):
        return f"https://{self.identity.host}:{self.bind['manager'][1]}"

    @property
    def inway_address(self):
        return f"https://{self.inway_host}:{self.bind['inway'][1]}"

    @property
    def database(self):
        return self.folder / "verbond.sqlite"

    # The process --------------------------------------------------------------------------------------------------

    def start(self):
        """Starts `verbond serve` and waits for its ready line."""
        if not os.access(self.binary, os.X_OK):
            raise NodeFault(f"there is no binary at {self.binary}")
        self.stderr = []
        # Without restored signals SIGXFSZ stays ignored, so that a full disk is an error and not a kill.
        self.process = subprocess.Popen(
            [
                *self.within(self.folder), self.binary, "--data", str(self.folder), "serve", "--json",
                *(["--roles", self.roles] if self.roles else []),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            restore_signals=False,
            env=self.environment,
        )
        process, is_ready = self.process, threading.Event()

        def read_output():
            for line in process.stdout:
                if line.strip() == "ready" or '"ready":true' in line.replace(" ", ""):
                    self.ready = line.strip()
                    is_ready.set()
            is_ready.set()

        def read_errors():
            for line in process.stderr:
                self.stderr.append(line.rstrip())

        self.ready = None
        threading.Thread(target=read_output, daemon=True).start()
        errors = threading.Thread(target=read_errors, daemon=True)
        errors.start()
        if not is_ready.wait(START_SECONDS) or self.ready is None:
            self.kill()
            errors.join(5)
            raise NodeFault("the node did not become ready: " + " | ".join(self.stderr[-8:]))
        return self

    def stop(self):
        """SIGTERM, and the exit status; SIGKILL after ten seconds."""
        if self.process is None:
            return None
        self.process.terminate()
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process = None
        return status

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def move_manager(self):
        """Gives the manager another port, and so another address; to be called while the node is down."""
        self.bind["manager"] = (LOOPBACK, free_port())
        listen = ":".join(str(each) for each in self.bind["manager"])
        self.settings = merge(self.settings, {"manager": {"listen": listen, "address": self.manager_address}})
        (self.folder / "verbond.toml").write_text(toml(self.settings))

    def another_process(self, roles):
        """The same node, to be started as a further process with these roles."""
        other = copy.copy(self)
        other.roles, other.process, other.stderr = roles, None, []
        return other

    # Set-up -------------------------------------------------------------------------------------------------------

    def cli(self, *arguments):
        """Runs a verb with --json; answers the parsed output, or its text when it is not JSON."""
        done = subprocess.run(
            [self.binary, "--data", str(self.folder), *arguments, "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
        )
        if done.returncode != 0:
            raise NodeFault(f"verbond {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    def diagnosis(self):
        """What `verbond doctor` finds; that it found something is in its exit status too."""
        done = subprocess.run(
            [self.binary, "--data", str(self.folder), "doctor", "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
        )
        return json.loads(done.stdout)

    def administration(self, method, path, body=None):
        return UnixClient(self.folder / "administration.sock").request(method, f"/v1{path}", json_body=body)

    def add_service(self, name, upstream):
        self.cli(
            "service", "add", name, "--upstream", upstream,
            "--class", "open", "--steward", "Conformance suite", "--reason", "synthetic data",
        )  # fmt: skip

    def add_application(self, name):
        """Makes an application with a bearer token; answers the token."""
        answer = self.cli("application", "add", name, "--token")
        return answer["token"] if isinstance(answer, dict) else re.findall(r"\S{20,}", answer)[-1]

    def allow(self, application, peer_id, service, alias):
        """Binds an application to a foreign service, declared open."""
        self.cli(
            "application", "allow", application, f"{peer_id}/{service}", "--alias", alias,
            "--class", "open", "--steward", "Conformance suite", "--reason", "synthetic data",
        )  # fmt: skip

    def in_force(self, answer=None):
        """Passes the answer on once inway and outway decide on what the manager has learnt: no act of the operator is
        confirmed earlier."""
        answered = self.administration("POST", "/reload")
        assert answered.status == 200, answered
        return answer

    def accept(self, content_hash):
        """Signs a contract by hand; one that the policy signed already is left as it is."""
        self.cli("contract", "accept", content_hash)

    def revoke(self, content_hash):
        self.cli("contract", "revoke", content_hash)

    def propose(self, peer_id, service, *more):
        """Proposes a connection contract; answers what the command printed."""
        return self.cli("contract", "propose", f"{peer_id}/{service}", *more)

    def outway(self, path, token, *, method="GET", headers=None, body=None):
        """One request of a local application."""
        headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        return self.outway_client().request(method, path, headers=headers, body=body)

    def caller(self):
        """A caller with the node's own certificate, to ask other nodes what they show to this one."""
        return Caller(self.identity, self.authority.anchors, self.manager_address)

    def outway_client(self):
        host, port = self.bind["outway"]
        return Client(f"http://{host}:{port}", dial=host)

    # The switches that break the log, both outside the node -----------------------------------------------------------

    @contextlib.contextmanager
    def full_disk(self):
        """Every write of the node to a file fails, as on a full disk."""
        with writes_fail(self.process.pid):
            yield

    @contextlib.contextmanager
    def locked_database(self):
        """Another process holds the write lock of the database."""
        connection = sqlite3.connect(self.database, isolation_level=None, timeout=10)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
        finally:
            connection.close()

    def hang_up(self):
        """SIGHUP: read certificates and revocation lists again."""
        self.process.send_signal(signal.SIGHUP)
