"""The paths that are measured: how each is started, which processes it consists of, and how a client reaches it."""

import http.client
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

WORKERS = 2                 # of each nginx, threads of each HAProxy; tokio takes as many as there are processors
CIPHER = "TLS_AES_256_GCM_SHA384"
LARGE = 10 * 1000 * 1000    # bytes
BODIES = {"1 KiB": "/1k", "10 MB": "/10m"}


@dataclass
class Keys:
    """One party's certificate chain and key, and the anchors it trusts."""

    certificate: Path
    key: Path
    anchors: Path
    name: str


@dataclass
class Path_:
    """A running path: `gateways` and `databases` are the processes whose work is counted."""

    name: str
    between: str                    # protocol between the parties
    port: int
    prefix: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    gateways: list[int] = field(default_factory=list)
    databases: list[int] = field(default_factory=list)
    tls_port: int = 0               # of the hop between the parties


class Started:
    """Processes that the bench started; ended by their id."""

    def __init__(self):
        self.processes: list[subprocess.Popen] = []

    def run(self, command: list, log: Path) -> subprocess.Popen:
        with open(log, "ab") as out:
            process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=out, start_new_session=True)
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


def program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or name


def wait_for(port: int, path: str, headers: dict[str, str], process: subprocess.Popen | None, log: Path, timeout: float = 15) -> None:
    deadline = time.monotonic() + timeout
    last = ""
    while time.monotonic() < deadline:
        if process and process.poll() is not None:
            break
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return
            last = str(answer.status)
        except OSError as error:
            last = str(error)
        finally:
            connection.close()
        time.sleep(0.02)
    raise RuntimeError(f"nothing good at port {port}: {last}; log {log}: {log.read_text()[-800:] if log.exists() else ''}")


NGINX = """daemon off;
user {user};
worker_processes {workers};
pid {room}/nginx.pid;
error_log {room}/error.log warn;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {room}/body; proxy_temp_path {room}/proxy; fastcgi_temp_path {room}/f; uwsgi_temp_path {room}/u; scgi_temp_path {room}/s;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_max_temp_file_size 0;
  proxy_buffers 8 32k;
  proxy_buffer_size 32k;
{servers}
}}
"""

UPSTREAM = """  upstream {name} {{ server 127.0.0.1:{port}; keepalive 256; keepalive_requests 1000000000; }}
"""


def nginx(started: Started, room: Path, servers: str, workers: int = WORKERS) -> subprocess.Popen:
    room.mkdir()
    room.chmod(0o755)
    user = "root" if os.geteuid() == 0 else "nobody"
    (room / "nginx.conf").write_text(NGINX.format(room=room, servers=servers, workers=workers, user=user))
    return started.run([program("nginx"), "-p", room, "-c", room / "nginx.conf"], room / "nginx.log")


def start_source(started: Started, room: Path, port: int) -> subprocess.Popen:
    """The source: nginx with one worker, 1 KiB from memory and 10 MB from a file."""
    files = room / "files"
    files.mkdir(parents=True)
    (files / "10m").write_bytes(os.urandom(LARGE))
    (files / "1k").write_bytes(os.urandom(1024))
    for place in (room, files):
        place.chmod(0o755)
    process = nginx(started, room / "nginx", f"""  server {{ listen 127.0.0.1:{port} backlog=4096; root {files}; sendfile on; tcp_nopush on;
    open_file_cache max=10; default_type application/octet-stream; }}""", workers=1)
    wait_for(port, "/1k", {}, process, room / "nginx" / "nginx.log")
    return process


def start_nginx(started: Started, room: Path, ports: tuple[int, int], source: int, consumer: Keys, provider: Keys) -> Path_:
    room.mkdir()
    near, far = ports
    second = nginx(started, room / "provider", UPSTREAM.format(name="source", port=source) + f"""  server {{
    listen 127.0.0.1:{far} ssl backlog=4096;
    ssl_certificate {provider.certificate}; ssl_certificate_key {provider.key};
    ssl_client_certificate {provider.anchors}; ssl_verify_client on; ssl_verify_depth 3;
    ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {CIPHER}; ssl_ecdh_curve X25519;
    location / {{ proxy_pass http://source; }}
  }}""")
    first = nginx(started, room / "consumer", UPSTREAM.format(name="peer", port=far) + f"""  server {{
    listen 127.0.0.1:{near} backlog=4096;
    location / {{
      proxy_pass https://peer;
      proxy_ssl_certificate {consumer.certificate}; proxy_ssl_certificate_key {consumer.key};
      proxy_ssl_trusted_certificate {consumer.anchors}; proxy_ssl_verify on; proxy_ssl_verify_depth 3;
      proxy_ssl_name {provider.name}; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3;
      proxy_ssl_conf_command Ciphersuites {CIPHER};
    }}
  }}""")
    wait_for(near, "/1k", {}, first, room / "consumer" / "error.log")
    return Path_("nginx", "HTTP/1.1", near, gateways=[first.pid, second.pid], tls_port=far)


HAPROXY = """global
  nbthread {workers}
  maxconn 8192
  ssl-default-bind-ciphersuites {cipher}
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-ciphersuites {cipher}
  ssl-default-server-options ssl-min-ver TLSv1.3
  ssl-default-bind-curves X25519
  tune.h2.initial-window-size 1048576
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
"""


def start_haproxy(started: Started, room: Path, ports: tuple[int, int], source: int, consumer: Keys, provider: Keys) -> Path_:
    room.mkdir()
    near, far = ports
    for keys, name in ((consumer, "consumer"), (provider, "provider")):
        (room / f"{name}.pem").write_text(keys.certificate.read_text() + keys.key.read_text())
    common = HAPROXY.format(workers=WORKERS, cipher=CIPHER)
    (room / "provider.cfg").write_text(common + f"""frontend peers
  bind 127.0.0.1:{far} backlog 4096 ssl crt {room}/provider.pem ca-file {provider.anchors} verify required alpn h2
  default_backend source
backend source
  server source 127.0.0.1:{source}
""")
    (room / "consumer.cfg").write_text(common + f"""frontend applications
  bind 127.0.0.1:{near} backlog 4096
  default_backend peer
backend peer
  server peer 127.0.0.1:{far} ssl crt {room}/consumer.pem ca-file {consumer.anchors} verify required verifyhost {provider.name} sni str({provider.name}) alpn h2
""")
    second = started.run([program("haproxy"), "-db", "-f", room / "provider.cfg"], room / "provider.log")
    first = started.run([program("haproxy"), "-db", "-f", room / "consumer.cfg"], room / "consumer.log")
    wait_for(near, "/1k", {}, first, room / "consumer.log")
    return Path_("haproxy", "HTTP/2", near, gateways=[first.pid, second.pid], tls_port=far)


def start_forwarders(started: Started, room: Path, ports: tuple[int, int], source: int, consumer: Keys, provider: Keys) -> Path_:
    """The nodes' own HTTP and TLS alone, built when they are asked for."""
    room.mkdir()
    near, far = ports
    cargo = ["cargo", "build", "--quiet", "--release", "--locked", "--package", "verbond-transport", "--example", "forward", "--message-format", "json"]
    built = subprocess.run(cargo, cwd=Path(__file__).resolve().parents[2], check=True, stdout=subprocess.PIPE, text=True).stdout
    program = next(found["executable"] for line in built.splitlines() if (found := json.loads(line)).get("executable"))
    def files(keys):
        return [keys.certificate, keys.key, keys.anchors]
    second = started.run([program, "provider", far, f"localhost:{source}", *files(provider)], room / "provider.log")
    first = started.run([program, "consumer", near, f"{provider.name}:{far}", *files(consumer)], room / "consumer.log")
    wait_for(near, "/1k", {}, first, room / "consumer.log")
    return Path_("transport alone", "HTTP/1.1", near, gateways=[first.pid, second.pid], tls_port=far)


def make_keys(room: Path, names: tuple[str, str]) -> tuple[Keys, Keys]:
    """A throw-away authority and two certificates (ECDSA P-256), for a run without the node."""
    room.mkdir()
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=room)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=bench authority", "-days", "2")
    made = []
    for name in names:
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        (room / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        made.append(Keys(room / f"{name}.pem", room / f"{name}.key", room / "ca.pem", name))
    return made[0], made[1]


def key_type(certificate: Path) -> str:
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-text"], check=True, capture_output=True, text=True).stdout
    lines = [line.strip() for line in text.splitlines()]
    algorithm = next(line.split(":")[1].strip() for line in lines if line.startswith("Public Key Algorithm"))
    size = next(line.split("(")[1].rstrip(")") for line in lines if line.startswith("Public-Key"))
    return f"{algorithm}, {size}"
