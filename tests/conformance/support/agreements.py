"""Agreements between organisations with people of their own: documents, registers, and how they are concluded."""

import hashlib
import json
import time

import rfc8785

from .checks import eventually
from .contract import GROUP
from .node import NodeFault
from .person import Person, invite
from .wire import free_port
from .world import CAST

SERVICE = "incomes"
PURPOSE = "supplement-outreach"
BSN = "999990019"
SOURCE = {
    "year": 2026,
    "bsn": BSN,
    "name": "A. Voorbeeld",
    "income": {"amount": 14250, "below_minimum": True, "employer": "Bakkerij Voorbeeld"},
}
AGREED = {"year": 2026, "income": {"below_minimum": True}}
ACTIVITIES = {"provider": "provide-incomes", "consumer": "outreach", "publisher": "provide-benefits"}


def article(law="BWBR0013060", name="Wet SUWI", number="54"):
    return {"law": law, "name": name, "article": number, "version": "2026-01-01"}


def ground(title):
    return {
        "title": title,
        "limb": "legal_obligation",
        "provisions": [article()],
        "national_number": {"provision": article("BWBR0022428", "Wabb", "10")},
        "purposes": [PURPOSE],
        "reasoning": "Judged for this test; nobody is bound by it.",
        "judged_by": "Afdeling Juridische Zaken",
        "judged_on": "2026-10-01",
    }


def activity(name):
    """What a party's register says, for everybody to read."""
    own = next(role for role, known in ACTIVITIES.items() if known == name)
    receives = own == "consumer"
    consumer = CAST["consumer"]
    return {
        "title": f"Activity {name}",
        "role": {"role": "controller"},
        "organisation": {"name": CAST[own][1], "address": f"https://{CAST[own][2]}"},
        "purposes": [PURPOSE],
        "description": "For this test; nobody is bound by it.",
        "grounds": [name],
        "data_subjects": [{"people": "people with an income", "data": ["income"]}],
        "recipients": [] if receives else [{"name": consumer[1], "participant": f"oin:{consumer[0]}"}],
        "transfers": [],
        "retention": [{"category": "income", "period": {"keep": "days", "days": 30}}],
        "security": "Access by function, logging, encryption.",
        "valid_from": "2026-01-01",
    }


def pinned(base, name, content, version=1):
    """A reference to an activity that stands at a node's public address."""
    digest = "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()
    entry = {"name": name, "version": version}
    return {"entry": entry, "url": f"{base}/v1/registers/activity/{name}/{version}", "hash": digest}


def side(name, title, keep, node):
    return {
        "role": {"role": "controller"},
        "regime": "gdpr",
        "ground": {"entry": {"name": name, "version": 1}, "ground": ground(title)},
        "activity": pinned(node.public_address, name, activity(name)),
        "compatibility": {"purpose": "by_law", "provision": article()},
        "informing": {"by": "notice", "place": "https://register.test/privacy"},
        "effect": {"effect": "support", "how": "Who may be entitled gets a letter."},
        "places": [{"country": "NL"}],
        "retention": [{"category": "income", "period": keep}],
    }


def rfc_3339(moment):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def document(provider, consumer, version=1, until=30 * 86400, **more):
    """An agreement between the two, of this moment on."""
    def party(node):
        return {"participant": f"oin:{node.id}", "name": node.id, "contact": {"name": "Team", "address": "team@example.test"}}

    def signatory(node):
        return {"participant": f"oin:{node.id}", "name": "De directeur", "mandate": "Mandaatbesluit 2026, art. 3"}

    made = {
        "format": "verbond-agreement/1",
        "id": "01932f5e-7c00-7000-8000-000000000001",
        "version": version,
        "coalition": GROUP,
        "title": {"nl": "Wie kan recht hebben op de aanvulling?", "en": "Who may be entitled to the supplement?"},
        "why": {"nl": "Om mensen te bereiken die haar mislopen.", "en": "To reach people who miss out on it."},
        "kind": {"type": "exchange"},
        "parties": [party(provider), party(consumer)],
        "clauses": [
            {
                "name": "incomes",
                "service": {"provider": f"oin:{provider.id}", "name": SERVICE},
                "provider": side("provide-incomes", "Provide incomes", {"keep": "not_kept"}, provider),
                "receivers": [
                    {
                        "participant": f"oin:{consumer.id}",
                        "side": side("outreach", "Reach people", {"keep": "days", "days": 30}, consumer),
                    }
                ],
                "purpose": PURPOSE,
                "purpose_text": {"nl": "Een brief sturen.", "en": "Sending a letter."},
                "operations": [
                    {
                        "name": "income-of-person",
                        "method": "GET",
                        "path": "/incomes/{person}",
                        "parameters": [
                            {
                                "name": "person",
                                "place": "path",
                                "required": True,
                                "values": {"allow": "identifier", "longest": 20},
                                "identifies": "national_number",
                            }
                        ],
                        "content_type": "application/json",
                        "record": "$",
                        "delivered": [
                            element("$.year", "integer", "personal"),
                            element("$.income.below_minimum", "boolean", "sensitive"),
                        ],
                        "people": [
                            {"at": {"place": "parameter", "name": "person"}, "identifies": "national_number"}
                        ],
                    }
                ],
                "conditions": {"algorithm": {"use": "none"}},
            }
        ],
        "term": {
            "from": rfc_3339(time.time() - 60),
            "until": rfc_3339(time.time() + until),
            "review": "After a year.",
        },
        "assessments": [],
        "algorithms": [],
        "advice": [],
        "signatories": [signatory(provider), signatory(consumer)],
        "publicity": {"publish": "whole"},
    }
    return {**made, **more}


def element(path, kind, sensitivity):
    return {"path": path, "type": kind, "category": "income", "sensitivity": sensitivity, "meaning": f"what stands at {path}"}


class Organisation:
    """A node with a drafter and a signatory, each on a machine of their own, and a public register."""

    def __init__(self, world, authority, role, folder, settings=None, **more):
        port, public = free_port(), free_port()
        identity = authority.issue(*CAST[role], kind="p256", hosts=("localhost",))
        address = f"http://{CAST[role][2]}:{public}"
        self.machine = lambda name: Person(world.binary, folder / f"{role}-{name}", port, authority.anchors)
        settings = {
            "administration": {"listen": f"127.0.0.1:{port}"},
            "public": {"listen": f"127.0.0.1:{public}", "address": address, "requests_per_minute": 10000},
            **(settings or {}),
        }
        self.node = world.node(role, identity=identity, settings=settings, **more)
        self.node.public_address = address
        self.people = {}
        for name, duty in (("opsteller", "drafter"), ("directeur", "signatory")):
            self.enrols(name, duty)
        # Whoever has no activity of its own in these tests receives for the consumer's.
        name = ACTIVITIES.get(role, ACTIVITIES["consumer"])
        self.put("activity", name, activity(name), folder)

    def enrols(self, name, role, duty=None):
        """Somebody with this role, on a machine of their own; from then on among the people, by their duty."""
        person = self.machine(name)
        person.enrol(invite(self.node, name, role))
        self.people[duty or role] = person
        return person

    def put(self, register, name, content, folder):
        """Writes an entry of a register."""
        return self.people["drafter"].afar(register, "put", name, write(folder, content))

    def officer(self):
        """The data protection officer, enrolled when first asked for."""
        return self.people.get("officer") or self.enrols("fg", "data_protection_officer", "officer")

    def advise(self, digest, outcome="positive", text="Not more is asked than is needed.", by=None):
        """The officer advises; gives the hash that the draft has from then on."""
        return (by or self.officer()).afar("agreement", "advise", digest, "--outcome", outcome,
                                           "--officer", "M. Voorbeeld, FG", "--text", text)["hash"]  # fmt: skip

    def agreement(self, digest):
        return self.people["signatory"].afar("agreement", "show", digest)

    def sees(self, digest, stage):
        def probe():
            try:
                return self.agreement(digest)["stage"] == stage
            except NodeFault:
                return False

        return eventually(probe, f"the agreement at stage {stage}", 15)

    def offers(self, source):
        """Offers the service, governed."""
        self.node.cli("service", "add", SERVICE, "--upstream", source.url, "--class", "governed",
                      "--steward", "S. Voorbeeld", "--reason", "incomes of people")  # fmt: skip

    def drafts(self, content, folder):
        """Takes a draft in; its hash. Who rests on an assessment has its officer advise."""
        digest = self.people["drafter"].afar("agreement", "new", write(folder, content))["hash"]
        return self.advise(digest) if content["assessments"] else digest


def joined(world, authority, folder, provider, role="consumer", **more):
    """Another organisation, known to the directory at the provider."""
    made = Organisation(world, authority, role, folder, directories=[provider.node], **more)
    made.node.cli("peer", "announce")
    return made


def allowed(organisation, provider):
    """Gives an organisation an application that may use the service; its token."""
    made = organisation.node.add_application("balie")
    organisation.node.cli("application", "allow", "balie", f"{provider.node.id}/{SERVICE}", "--alias", SERVICE,
                          "--class", "governed", "--steward", "S. Voorbeeld", "--reason", "incomes of people")  # fmt: skip
    return made


def conclude(first, second, digest):
    """Offered by the first, signed by both."""
    first.people["drafter"].afar("agreement", "offer", digest)
    second.sees(digest, "offered")
    for each in (second, first):
        each.people["signatory"].afar("agreement", "sign", digest)
    for each in (first, second):
        each.sees(digest, "signed")


def write(folder, content):
    file = folder / f"{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]}.json"
    file.write_text(json.dumps(content, indent=2))
    return str(file)


def ask(consumer, token, path=f"/{SERVICE}/incomes/{BSN}", **headers):
    return consumer.node.outway(path, token, headers=headers)
