"""A governed service between the two of a pair: people of both publish activities, draft, offer and sign an agreement.

Shared by `drill/faults` and `bench/governed`."""

import json
import subprocess
import time
from pathlib import Path

from pair import CONSUMER, PROVIDER, Pair, Side

PASSPHRASE = "four arbitrary words together"


class Person:
    """Somebody at one organisation, with a key of their own."""

    def __init__(self, side: Side, room: Path, name: str, role: str):
        self.side, self.folder = side, room / f"{side.host}-{name}"
        self.run("person", "key", "--out", str(self.folder))
        added = side.command("person", "add", name, "--display-name", f"{name} Voorbeeld", "--role", role, "--json")
        self.afar("person", "enrol", "--code", json.loads(added)["code"])

    def run(self, *arguments: str) -> str:
        phrase = self.folder.parent / "phrase"
        phrase.touch(mode=0o600)
        phrase.write_text(PASSPHRASE + "\n")
        done = subprocess.run([self.side.program, "--passphrase-file", phrase, *arguments, "--json"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"verbond {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def afar(self, *arguments: str) -> str:
        return self.run("--node", f"https://localhost:{self.side.base_port + 4}", "--node-anchors", str(self.side.data / "trust-anchors.pem"),
                        "--client-certificate", str(self.folder / "certificate.pem"), "--client-key", str(self.folder / "key.pem"), *arguments)


def example(pair: Pair, service: str, *more: str) -> str:
    def address(side: Side) -> str:
        return f"http://{side.host}:{side.base_port + 3}"
    return pair.consumer.command(
        "agreement", "example", "--coalition", "verbond-test", "--provider", f"oin:{PROVIDER[0]}", "--receiver", f"oin:{CONSUMER[0]}",
        "--service", service, "--provider-address", address(pair.provider), "--receiver-address", address(pair.consumer), *more)


def of_nobody(document: dict) -> None:
    """The example in the shape of data that are about no person: the same size, without people, numbers, and the activities under
    which processing of personal data is recorded."""
    clause = document["clauses"][0]
    (operation,) = clause["operations"]
    operation.pop("people")
    for parameter in operation["parameters"]:
        parameter.pop("identifies")
    for element, path in zip(operation["delivered"], ("$.year", "$.depot.is_open"), strict=True):
        element |= {"path": path, "category": "depots", "sensitivity": "not_personal", "meaning": f"What {path} says of a depot"}
    for side in (clause["provider"], *(each["side"] for each in clause["receivers"])):
        side.pop("activity")
        for rule in side["retention"]:
            rule["category"] = "depots"


def agree(pair: Pair, room: Path, service: str, *operations: dict, change=lambda document: None) -> None:
    """The program's example, changed, with these operations beside its own, in force at both."""
    people = room / "people"
    people.mkdir()
    drafters = {side: Person(side, people, "drafter", "drafter") for side in (pair.provider, pair.consumer)}
    signatories = {side: Person(side, people, "signatory", "signatory") for side in (pair.provider, pair.consumer)}
    for side, which, name in ((pair.provider, "provider", "provide-incomes"), (pair.consumer, "receiver", "supplement-outreach")):
        place = people / f"{name}.json"
        place.write_text(example(pair, service, "--activity", which))
        drafters[side].afar("activity", "put", name, str(place))
    draft = people / "draft.json"
    document = json.loads(example(pair, service))
    change(document)
    clause = document["clauses"][0]
    clause["conditions"]["volume"]["most"] = 1_000_000_000
    clause["operations"] += operations
    draft.write_text(json.dumps(document))
    agreement = json.loads(drafters[pair.consumer].afar("agreement", "new", str(draft)))["hash"]
    drafters[pair.consumer].afar("agreement", "offer", agreement)
    deadline = time.monotonic() + 20
    while True:
        try:
            signatories[pair.provider].afar("agreement", "sign", agreement)
            break
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    signatories[pair.consumer].afar("agreement", "sign", agreement)
