"""A real object store that speaks S3's protocol (SeaweedFS, from the environment's packages), and requests to it signed from the
text of AWS Signature Version 4."""

import contextlib
import datetime
import hashlib
import hmac
import json
import re
import select
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from .checks import eventually
from .tap import Listening
from .wire import LOOPBACK, free_port

KEY, SECRET = "AKVERBONDTEST0000001", "secret-of-the-bucket/with+signs="
BUCKET = "journals"
REGION = "eu-test-1"
HOST = "objecten.test"

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def hashed(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(method, host, path, body, key=KEY, secret=SECRET):
    """The header fields of a request in one piece."""
    now = datetime.datetime.now(datetime.UTC)
    moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    content = hashlib.sha256(body).hexdigest()
    fields = {"host": host, "x-amz-content-sha256": content, "x-amz-date": moment}
    names = ";".join(fields)
    request = "\n".join([method, path, "", *(f"{name}:{value}" for name, value in fields.items()), "", names, content])
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    signing = hashed(hashed(hashed(hashed(b"AWS4" + secret.encode(), day), REGION), "s3"), "aws4_request")
    signature = hashed(signing, text).hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={key}/{scope},SignedHeaders={names},Signature={signature}"
    return fields | {"authorization": authorization}


class ObjectStore:
    """One server with one bucket that everybody may read, over TLS and, for readers, without."""

    def __init__(self, folder, identity):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.identity = identity
        self.process = None
        names = ("https", "http", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "admin", "admin.grpc")
        self.ports = {name: free_port() for name in names}
        (self.folder / "identities.json").write_text(json.dumps({"identities": [
            {"name": "node", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]},
            {"name": "anonymous", "actions": [f"Read:{BUCKET}"]},
        ]}))  # fmt: skip

    @property
    def address(self):
        return f"https://{HOST}:{self.ports['https']}"

    @property
    def plain(self):
        """Where readers without a key read."""
        return f"http://{LOOPBACK}:{self.ports['http']}"

    def start(self):
        port = self.ports
        (self.folder / "data").mkdir(exist_ok=True)
        words = [
            f"-dir={self.folder / 'data'}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", f"-bucket={BUCKET}",
            f"-s3.config={self.folder / 'identities.json'}", "-s3.iam=false", "-s3.autoCreateBucket=false",
            f"-s3.port={port['http']}", f"-s3.port.https={port['https']}", f"-s3.port.grpc={port['s3.grpc']}",
            f"-s3.cert.file={self.identity.certificate_file}", f"-s3.key.file={self.identity.key_file}",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false",
            *(f"-{each}.port={port[each]}" for each in ("master", "volume", "filer", "admin")),
            *(f"-{each}.port.grpc={port[f'{each}.grpc']}" for each in ("master", "volume", "filer", "admin")),
        ]  # fmt: skip
        log = (self.folder / "log").open("ab")
        program = Path(sys.executable).parent / "weed"
        self.process = subprocess.Popen([program, "mini", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        eventually(self._takes, f"an object store: see {self.folder / 'log'}", 60)
        return self

    def _takes(self):
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text()[-2000:])
        # What was put before a death is there again a few seconds after the server answers.
        with contextlib.suppress(OSError, AssertionError):
            return self.get("first") is not None or (self.put("first", b"") and self.get("first") is not None)
        return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    stop = kill

    def put(self, path, body, secret=SECRET):
        """Puts an object; False when it is refused."""
        path, host = f"/{BUCKET}/{path}", f"{LOOPBACK}:{self.ports['http']}"
        request = urllib.request.Request(
            f"{self.plain}{path}", body, signed("PUT", host, path, body, secret=secret), method="PUT"
        )
        try:
            with direct.open(request, timeout=10) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            assert error.code < 500, error
            return False

    def answer(self, path):
        """As anybody reads it: header fields and body; None when there is nothing."""
        try:
            with direct.open(f"{self.plain}/{BUCKET}/{path}", timeout=10) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return None

    def get(self, path):
        answer = self.answer(path)
        return None if answer is None else answer[1]

    def settings(self, prefix, credentials_file="object-store-key", **more):
        """For a node's section [journal] and what belongs to it."""
        store = {
            "address": self.address, "bucket": BUCKET, "prefix": prefix, "region": REGION,
            "credentials_file": credentials_file, "anchors": ["trust-anchors.pem"], "timeout_ms": 3000,
        } | more  # fmt: skip
        store = {name: value for name, value in store.items() if value is not None}
        return {"journal": {"checkpoint_seconds": 1, "object_store": store}, "hosts": {HOST: LOOPBACK}}


class Relay(Listening):
    """Stands before a store without TLS, keeps the lines of requests in their order, and falls silent when told."""

    def __init__(self, port):
        self.to, self.silent, self.raw = port, False, b""
        super().__init__()

    def put(self, prefix):
        """What was put below a prefix, in order: path, and of a checkpoint the number of entries, else None."""
        found = []
        for each in re.finditer(rb"PUT /\S+?/" + prefix.encode() + rb"/(\S+) HTTP/1.1\r\n", self.raw):
            path = each[1].decode()
            size = re.compile(rb"/journal/\d+\n(\d+)\n").search(self.raw, each.end()) if path == "checkpoint" else None
            found.append((path, size and int(size[1])))
        return found

    def _pass(self, near):
        with contextlib.suppress(OSError), near, socket.create_connection((LOOPBACK, self.to)) as far:
            while True:
                for ready in select.select([near, far], [], [], 30)[0]:
                    part = ready.recv(65536)
                    if not part:
                        return
                    if ready is near:
                        self.raw += part
                    if not self.silent:
                        (far if ready is near else near).sendall(part)
