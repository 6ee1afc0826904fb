"""Drives the node under test by what its users have: its configuration, its command line and its ports."""

import json
import queue
import subprocess
import threading
from pathlib import Path

from .authority import Authority
from .web_server import free_port

START_SECONDS = 20


class CommandFailed(Exception):
    """A verb of the command line ended with an error."""


class Node:
    """A node with certificates of the run's own authority."""

    def __init__(
        self,
        binary: Path,
        directory: Path,
        authority: Authority,
        group_id: str,
        peer_id: str,
        name: str,
        host: str,
        *,
        kind: str = "P-256",
        hosts: dict[str, str],
        directories: list[tuple[str, str]],
        directory_role: bool = False,
    ):
        self.id, self.name, self.host, self.directory, self._binary = peer_id, name, host, directory, binary
        self._process: subprocess.Popen | None = None
        self.certificate = authority.issue(peer_id, name, [host], kind)
        self.certificate.write(directory, "node")
        self.manager_port, self.inway_port, self.outway_port = free_port(), free_port(), free_port()
        hosts.update({host: "127.0.0.1"})
        self.settings = {
            "profile": "test",
            "database": "sqlite",
            "identity": {"certificate": "node.pem", "key": "node-key.pem"},
            "group": {
                "id": group_id,
                "trust_anchors": [str(authority.anchors_file)],
                "directories": [
                    {"id": f"oin:{known}", "manager_address": address} for known, address in directories
                ],
                "revocation": {"lists": [str(path) for path in authority.revocation_files]},
            },
            "manager": {"listen": f"127.0.0.1:{self.manager_port}", "address": self.manager_address},
            "inway": {"listen": f"127.0.0.1:{self.inway_port}", "address": self.inway_address},
            "outway": {"listen": f"127.0.0.1:{self.outway_port}", "sockets": "sockets"},
            "administration": {"socket": "administration.sock"},
            "directory": {"enabled": directory_role},
            "acceptance": {"known_consumers": ["*"], "connection": "accept", "allowed_properties": ["afspraak"]},
            "hosts": {"*.test": "127.0.0.1"},
        }

    @property
    def manager_address(self) -> str:
        return f"https://{self.host}:{self.manager_port}"

    @property
    def inway_address(self) -> str:
        return f"https://{self.host}:{self.inway_port}"

    def start(self) -> "Node":
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "verbond.toml").write_text(
            "\n".join(f"{key} = {_toml(value)}" for key, value in self.settings.items())
        )
        log = open(self.directory / "serve.log", "ab")
        command = [self._binary, "--data", self.directory, "serve", "--json"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        lines: queue.Queue = queue.Queue()
        threading.Thread(target=lambda: lines.put(self._process.stdout.readline()), daemon=True).start()
        try:
            ready = json.loads(lines.get(timeout=START_SECONDS))
        except (queue.Empty, ValueError) as error:
            self.stop()
            log_text = (self.directory / "serve.log").read_text()[-2000:]
            raise CommandFailed(f"the node does not start: {log_text}") from error
        assert ready["ready"] is True
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(40)
            finally:
                self._process.kill()
            self._process = None

    def run(self, *arguments: str):
        """A verb with `--json`; its parsed output."""
        command = [self._binary, "--data", self.directory, "--json", *arguments]
        ended = subprocess.run(command, capture_output=True, timeout=30, check=False)
        if ended.returncode != 0:
            raise CommandFailed(f"{arguments}: {ended.returncode} {ended.stdout!r} {ended.stderr!r}")
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    def log_text(self) -> str:
        return (self.directory / "serve.log").read_text()


def _toml(value) -> str:
    """A value as inline TOML; JSON writes strings, numbers and booleans the same way."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    return json.dumps(value, ensure_ascii=False)
