"""An ordinary web server with files made for the run: nginx where it is installed, else Python's own."""

import contextlib
import http.client
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from .web import Response, exchange

SMALL, LARGE = 1_733, 5 * 1024 * 1024 + 17
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {directory}/access.log;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  default_type application/octet-stream;
  log_format headers '$request_method $request_uri | $http_fsc_transaction_id | $http_authorization | $http_fsc_authorization';
  access_log {directory}/headers.log headers;
  server {{
    listen 127.0.0.1:{port};
    root {directory}/files;
    location = /old {{ return 302 /small.bin; }}
    location = /nothing {{ return 204; }}
  }}
}}
"""


def free_port() -> int:
    """Below those that the kernel gives to connections going out."""
    while True:
        port = 10_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def request(port: int, method: str, target: str, headers=None, body: bytes | None = None) -> Response:
    """A plain request to a port of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        return exchange(connection, method, target, headers or {}, body)
    finally:
        connection.close()


class WebServer:
    """Serves `small.bin`, `large.bin` and `map met spatie/é.txt` from its own directory."""

    def __init__(self, directory: Path):
        self.directory, self.port = directory, free_port()
        files = directory / "files"
        (files / "map met spatie").mkdir(parents=True)
        (files / "small.bin").write_bytes(secrets.token_bytes(SMALL))
        (files / "large.bin").write_bytes(secrets.token_bytes(LARGE))
        (files / "map met spatie" / "é.txt").write_text("beëdigd\n")
        if NGINX:
            configuration = directory / "nginx.conf"
            # Started by root, nginx would give its workers another user, which cannot read the directory.
            user = "user root root;" if os.geteuid() == 0 else ""
            configuration.write_text(CONFIGURATION.format(user=user, directory=directory, port=self.port))
            command = [NGINX, "-p", str(directory), "-e", str(directory / "start.log"), "-c", str(configuration)]
        else:
            command = [sys.executable, "-m", "http.server", str(self.port), "--bind", "127.0.0.1", "-d", str(files)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.request("GET", "/small.bin")
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.05)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def file(self, name: str) -> bytes:
        return (self.directory / "files" / name).read_bytes()

    def request(self, method: str, target: str, headers=None, body: bytes | None = None) -> Response:
        return request(self.port, method, target, headers, body)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
