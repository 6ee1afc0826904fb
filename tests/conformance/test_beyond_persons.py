"""Beyond the suite: persons with keys of their own, who may do what their roles may and nothing else."""

import base64
import hashlib
import json
import os
import pty
import select
import sqlite3
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from support.checks import eventually
from support.node import NodeFault
from support.person import PASSPHRASE, Person, invite
from support.wire import free_port
from support.world import CAST

ROLES = ("operator", "steward", "drafter", "data_protection_officer", "signatory", "auditor")

SERVICE = {
    "upstream": "http://127.0.0.1:1/",
    "class": "governed",
    "steward": "S. Voorbeeld",
    "reason": "synthetic data",
}
NOBODYS = "01932f5e-7c00-7000-8000-000000000009"
ACTS = [
    ("GET", "/v1/services", None, set(ROLES)),
    ("GET", "/v1/persons", None, set(ROLES)),
    ("GET", "/v1/records", None, {"operator", "steward", "data_protection_officer", "auditor"}),
    ("GET", "/v1/outbox", None, {"operator", "data_protection_officer", "auditor"}),
    ("GET", "/v1/decisions", None, {"steward", "data_protection_officer", "auditor"}),
    ("GET", "/v1/decision-replays", None, {"steward", "data_protection_officer", "auditor"}),
    ("GET", f"/v1/decisions/{NOBODYS}", None, {"steward", "data_protection_officer", "auditor"}),
    ("GET", f"/v1/decisions/{NOBODYS}/replay", None, {"steward", "data_protection_officer", "auditor"}),
    ("PUT", "/v1/services/bomen", SERVICE, {"operator", "steward"}),
    ("PUT", "/v1/services/open", {**SERVICE, "class": "open"}, {"steward"}),
    ("PUT", "/v1/applications/zaaksysteem", {"credential": {"kind": "socket"}}, {"operator"}),
    ("POST", "/v1/reload", None, {"operator"}),
    ("POST", "/v1/persons/nobody/disable", {}, {"operator"}),
    ("POST", "/v1/contracts/unknown/accept", {}, {"operator"}),
    ("POST", "/v1/contracts/unknown/revoke", {}, {"operator", "steward", "signatory"}),
]
"""What is asked, and who is let through; written down here from the meaning of the roles, not from the node's matrix."""


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def node(world, authority, port):
    identity = authority.issue(*CAST["provider"], kind="p256", hosts=("localhost",))
    return world.node("provider", identity=identity, settings={"administration": {"listen": f"127.0.0.1:{port}"}})


@pytest.fixture(scope="module")
def somebody(world, authority, port, tmp_path_factory):
    """Makes persons, each on a machine of their own; they are not known anywhere yet."""
    folder = tmp_path_factory.mktemp("persons")

    def make(name):
        return Person(world.binary, folder / name, port, authority.anchors)

    return make


def acts(node):
    return [line["payload"] for line in node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]]


@pytest.fixture(scope="module")
def everybody(node, somebody):
    """One person of each role, enrolled."""
    persons = {}
    for role in ROLES:
        persons[role] = somebody(role)
        enrolled = persons[role].enrol(invite(node, role, role))
        assert (enrolled["state"], enrolled["roles"]) == ("enrolled", [role])
    return persons


@pytest.mark.parametrize("role", ROLES)
def test_each_role_does_what_it_may_and_is_refused_the_rest(everybody, role):
    person = everybody[role]
    for method, path, body, allowed in ACTS:
        status, answer = person.ask(method, path, body)
        refused = status == 403 and answer["code"] in ("NOT_PERMITTED", "STEWARD_NEEDED")
        assert refused != (role in allowed), f"{role}: {method} {path} gives {status} {answer}"
        if refused:
            assert answer["detail"] and answer["detail_nl"] and answer["next"] and answer["next_nl"]


def test_the_socket_is_for_technical_acts(node, everybody):
    """Whoever opens the socket is no steward once there is one."""
    with pytest.raises(NodeFault, match="STEWARD_NEEDED"):
        node.add_service("bomen-open", "http://127.0.0.1:1/")
    with pytest.raises(NodeFault, match="STEWARD_NEEDED"):
        node.allow("zaaksysteem", CAST["publisher"][0], "bomen", "bomen")
    assert node.cli("service", "list")["items"] is not None


def test_every_act_has_its_author(node, everybody):
    everybody["steward"].ask("PUT", "/v1/services/van-wie", SERVICE)

    def found():
        return [act for act in acts(node) if act["action"] == "service.put" and act["subject"] == "van-wie"]

    eventually(found, "the act in the journal")
    thumbprint = hashlib.sha256(public_key(everybody["steward"]).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()  # fmt: skip
    assert found()[0]["author"] == {"kind": "person", "name": "steward", "thumbprint": thumbprint}
    enrolments = {act["subject"]: act for act in acts(node) if act["action"] == "person.enrol"}
    assert enrolments["steward"]["author"]["name"] == "steward"
    assert enrolments["steward"]["detail"]["thumbprint"] == thumbprint


def test_roles_that_judge_each_other_are_not_one_persons(node):
    for roles in (("drafter", "signatory"), ("fg", "signatory"), ("fg", "steward"), ("fg", "operator")):
        with pytest.raises(NodeFault, match="ROLES_CONFLICT"):
            invite(node, "dubbel", *roles)
    with pytest.raises(NodeFault, match="ROLES_CONFLICT"):
        node.cli("person", "roles", "auditor", "--role", "signatory,drafter")


def test_who_is_disabled_is_cut_off(node, somebody):
    person = somebody("vertrokken")
    person.enrol(invite(node, "vertrokken", "auditor"))
    busy, idle = person.connect(), person.connect()
    for connection in (busy, idle):
        assert person.ask("GET", "/v1/records", over=connection)[0] == 200
    node.cli("person", "disable", "vertrokken")
    answer = person.ask("GET", "/v1/records", over=busy)
    assert answer is None or answer[0] == 403, answer
    idle.sock.settimeout(10)
    begun = time.monotonic()
    try:
        assert idle.sock.recv(1) == b"", "the node says something on an idle connection"
    except (ssl.SSLError, ConnectionError):
        pass
    assert time.monotonic() - begun < 10, "a standing connection outlives its person"
    answer = person.ask("GET", "/v1/records")
    assert answer is None or answer[0] == 403, answer
    assert node.cli("person", "show", "vertrokken")["state"] == "disabled"


def test_a_wrong_passphrase_opens_nothing(everybody, tmp_path):
    wrong = tmp_path / "phrase"
    wrong.touch(mode=0o600)
    wrong.write_text(PASSPHRASE.upper())
    with pytest.raises(NodeFault, match="PASSPHRASE_WRONG"):
        everybody["auditor"].afar("person", "list", phrase=wrong)
    wrong.chmod(0o644)
    with pytest.raises(NodeFault, match="PASSPHRASE_FILE_OPEN_TO_OTHERS"):
        everybody["auditor"].afar("person", "list", phrase=wrong)
    assert "ENCRYPTED" in everybody["auditor"].key.read_text()


def test_without_a_passphrase_file_and_a_terminal_the_passphrase_is_asked_for_in_vain(everybody, world):
    person = everybody["auditor"]
    done = subprocess.run(
        [world.binary, "person", "sign", "--key", str(person.key), str(person.certificate)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 1 and "PASSPHRASE_MISSING" in done.stderr, done.stderr


def at_a_terminal(command, line):
    """Runs the command at a terminal of its own and types one line at its prompt; answers status and all that was
    shown."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(command[0], command)
    shown, typed = b"", False
    while select.select([terminal], [], [], 30)[0]:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
        if shown.endswith(b": ") and not typed:
            typed = True
            # The prompt comes a moment before the terminal stops showing; nobody types as fast as this would.
            time.sleep(0.3)
            os.write(terminal, line.encode() + b"\n")
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_a_passphrase_that_is_typed_is_not_shown(everybody, world):
    person = everybody["auditor"]
    command = [world.binary, "person", "sign", "--key", str(person.key), str(person.certificate)]
    status, shown = at_a_terminal(command, PASSPHRASE)
    assert status == 0 and "Passphrase of " in shown, shown
    assert PASSPHRASE not in shown and ".." in shown, shown


def test_a_passphrase_comes_over_an_inherited_descriptor(everybody, world):
    person = everybody["auditor"]
    command = f'"$0" person sign --key "$1" --passphrase-file /dev/fd/3 "$2" 3<<<"{PASSPHRASE}"'
    done = subprocess.run(
        ["bash", "-c", command, world.binary, str(person.key), str(person.certificate)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.count(".") == 2, done.stderr


def test_a_code_works_once(node, somebody):
    first, second = somebody("eerste"), somebody("tweede")
    code = invite(node, "eerste", "auditor")
    first.enrol(code)
    # Nobody is invited: a key that nobody knows does not pass the handshake.
    with pytest.raises(NodeFault, match="CERTIFICATE_NOT_LET_IN"):
        second.enrol(code)
    other = invite(node, "tweede", "auditor")
    with pytest.raises(NodeFault, match="ENROLMENT_CODE_UNKNOWN"):
        second.enrol(code)
    assert second.ask("GET", "/v1/services")[0] == 403, "an invitation lets strangers do more than enrol"
    second.enrol(other)
    # The code is in no file of the node.
    for file in node.folder.rglob("*"):
        if file.is_file():
            assert other.removeprefix("vbe_").encode() not in file.read_bytes(), file


def test_one_key_is_not_two_persons(node, everybody):
    code = invite(node, "nog-een-naam", "signatory")
    answer = everybody["drafter"].ask("POST", "/v1/enrolments", {"code": code})
    assert answer[0] == 403, answer
    with pytest.raises(NodeFault, match="PERSON_KEY_TAKEN"):
        node.cli("person", "enrol", "nog-een-naam", "--certificate", str(everybody["drafter"].certificate))
    node.cli("person", "disable", "nog-een-naam")


def test_a_code_ends(node, somebody):
    """A code holds an hour at least, so its end is moved in the node's database while the node stands still."""
    person = somebody("laat")
    code = invite(node, "laat", "auditor")
    node.stop()
    with sqlite3.connect(node.database) as database:
        database.execute("UPDATE person SET invitation_ends_at = 1 WHERE name = 'laat'")
    node.start()
    with pytest.raises(NodeFault, match="CERTIFICATE_NOT_LET_IN"):
        person.enrol(code)
    invite(node, "iemand-anders", "auditor")
    with pytest.raises(NodeFault, match="ENROLMENT_CODE_EXPIRED"):
        person.enrol(code)
    node.cli("person", "disable", "iemand-anders")
    person.enrol(node.cli("person", "invite", "laat")["code"])
    assert person.afar("person", "show", "laat")["state"] == "enrolled"


def test_the_operator_enrols_a_certificate_that_was_handed_over(node, somebody):
    person = somebody("overhandigd")
    invite(node, "overhandigd", "auditor")
    node.cli("person", "enrol", "overhandigd", "--certificate", str(person.certificate))
    assert person.ask("GET", "/v1/records")[0] == 200


def public_key(person):
    return x509.load_pem_x509_certificate(person.certificate.read_bytes()).public_key()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_person_signs_a_file(everybody, tmp_path):
    """RFC 7515 appendix F: the payload takes its place between the two dots; RFC 7518 3.4: r and s, 32 bytes each."""
    person = everybody["signatory"]
    file = tmp_path / "brief.txt"
    file.write_bytes("Hierbij teken ik.\n".encode() * 1000)
    begun = int(time.time())
    header, empty, signature = person.run("person", "sign", "--key", str(person.key), str(file))["jws"].split(".")
    assert empty == ""
    members = json.loads(decoded(header))
    numbers = public_key(person).public_numbers()
    jwk = {
        "crv": "P-256",
        "kty": "EC",
        "x": base64url(numbers.x.to_bytes(32, "big")),
        "y": base64url(numbers.y.to_bytes(32, "big")),
    }
    thumbprint = hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
    assert begun <= members.pop("iat") <= int(time.time())
    assert members == {"alg": "ES256", "typ": "verbond-file", "kid": base64url(thumbprint)}
    raw = decoded(signature)
    assert len(raw) == 64
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    encoded = utils.encode_dss_signature(r, s)

    def verify(payload):
        public_key(person).verify(encoded, f"{header}.{base64url(payload)}".encode(), ec.ECDSA(hashes.SHA256()))

    verify(file.read_bytes())
    with pytest.raises(InvalidSignature):
        verify(file.read_bytes() + b" ")
