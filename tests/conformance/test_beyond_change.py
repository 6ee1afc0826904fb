"""Beyond the suite: an agreement is amended while it is in use. A later version takes over at the moment that it names, on
both nodes, without a restart and without a call that is refused; what runs under the version before ends under it.
"""

import copy
import http.client
import json
import threading
import time

import pytest

from support.agreements import (
    AGREED,
    BSN,
    SERVICE,
    Organisation,
    ask,
    conclude,
    document,
    element,
    rfc_3339,
    write,
)
from support.between_two import consumer, folder, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from support.postgres import IS_MISSING, empty_database
from support.streams import Stream, lines, source, with_years  # noqa: F401

MORE = {"year": 2026, "income": {"amount": 14250, "below_minimum": True}}
"""What the second version delivers."""


@pytest.fixture(scope="module")
def database(folder):
    """Where there is a PostgreSQL: the address of an empty database, in a file."""
    if IS_MISSING:
        yield None
        return
    with empty_database() as address:
        secret = folder / "database-url.txt"
        secret.touch(mode=0o600)
        secret.write_text(f"{address}\n")
        yield str(secret)


@pytest.fixture(scope="module")
def provider(world, authority, folder, source, database):
    """On SQLite one process; on PostgreSQL the manager and the gateways apart."""
    more = {}
    if database:
        more = {"settings": {"database": {"file": database}}, "roles": "manager"}
    made = Organisation(world, authority, "provider", folder, directory_role=True, **more)
    gateways = made.node.another_process("inway,outway").start() if database else None
    made.offers(source)
    yield made
    if gateways:
        gateways.stop()
        made.node.stop()


def widened(content):
    """The next version: one element more in each answer."""
    changed = copy.deepcopy(content)
    single, many = changed["clauses"][0]["operations"]
    single["delivered"].append(element("$.income.amount", "integer", "sensitive"))
    many["delivered"].append(element("$[*].name", "string", "not_personal"))
    return changed


def agreed(consumer, provider, token, folder, **more):
    """A signed agreement under which the consumer gets answers; its hash."""
    content = with_years(document(provider.node, consumer.node, **more))
    digest = consumer.drafts(content, folder)
    conclude(consumer, provider, digest)
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)
    return digest


def amend(consumer, provider, folder, digest, change, seconds):
    """A successor that all have signed; its hash and the moment at which it takes over."""
    drafter = consumer.people["drafter"]
    changed = change(drafter.afar("agreement", "document", digest))
    moment = int(time.time()) + seconds
    drafted = drafter.afar("agreement", "amend", digest, write(folder, changed), "--from", rfc_3339(moment))
    assert (drafted["stage"], drafted["replaces"], drafted["from"]) == ("draft", digest, rfc_3339(moment))
    conclude(consumer, provider, drafted["hash"])
    assert time.time() < moment, "the handover came before it was signed; give it more time"
    return drafted["hash"], moment


class Load:
    """Asks and asks; keeps when, and what was answered."""

    def __init__(self, consumer, token, threads=2):
        self.answers, self.over = [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(consumer, token)) for _ in range(threads)]

    def run(self, consumer, token):
        while not self.over.is_set() and len(self.answers) < 20_000:
            begun = time.time()
            answer = ask(consumer, token)
            self.answers.append((begun, time.time(), answer.status, answer.json()))
            time.sleep(0.01)

    def __enter__(self):
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for each in self.threads:
            each.join(30)


@pytest.fixture(scope="module")
def first(consumer, provider, token, folder):
    return agreed(consumer, provider, token, folder)


def grants(organisation):
    """Version and grant of the newest permits."""
    lines = organisation.node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]
    for permit in (line["payload"] for line in lines):
        agreement = permit["decision"]["attributes"]["adl.core.policies"]["agreement"]
        yield agreement["version"], permit["wire"]["grant_hash"]


def test_a_successor_takes_over_at_its_moment_and_no_call_is_refused(consumer, provider, token, folder, first):
    with Load(consumer, token) as load:
        second, moment = amend(consumer, provider, folder, first, widened, 40)
        for each in (consumer, provider):
            shown = each.agreement(first)
            assert shown["in_force"] and shown["replaced_by"] == second and shown["stage"] == "signed"
            assert not each.agreement(second)["in_force"]

            def ready(each=each):
                contracts = each.node.cli("contract", "list")["items"]
                valid = [json.dumps(one) for one in contracts if one["state"] == "valid"]
                return all(any(digest in one for one in valid) for digest in (first, second))

            eventually(ready, "both wire contracts in force beforehand", max(1, moment - time.time()))
        time.sleep(max(0, moment - time.time()) + 6)
    refused = [each for each in load.answers if each[2] != 200]
    assert refused == [], f"{len(refused)} of {len(load.answers)} refused: {refused[:3]}"
    before = [body for _, ended, _, body in load.answers if ended < moment]
    after = [body for begun, _, _, body in load.answers if begun >= moment]
    assert len(before) > 20 and len(after) > 20
    assert [body for body in before if body != AGREED] == []
    assert [body for body in after if body != MORE] == []
    for each in (consumer, provider):
        assert each.agreement(first)["stage"] == "replaced" and not each.agreement(first)["in_force"]
        assert each.agreement(second)["in_force"]
    used = {}
    for version, grant in grants(consumer):
        used.setdefault(version, set()).add(grant)
    # Each version's exchanges go under the contract that followed from it.
    assert len(used[1]) == len(used[2]) == 1 and used[1] != used[2], used

    told = provider.people["signatory"].afar("agreement", "diff", first, second)
    assert {(each["kind"], each["place"]) for each in told["changes"]} >= {
        ("added", "clauses[incomes].operations[income-of-person].delivered[$.income.amount]"),
        ("changed", "version"),
    }
    assert told["after"]["author"]["id"] == f"oin:{consumer.node.id}"
    assert told["changes"] == consumer.people["drafter"].afar("agreement", "diff", second)["changes"]

    # What has taken over and is ended brings nothing back.
    provider.people["signatory"].afar("agreement", "revoke", second, "--reason", "No longer needed.")
    eventually(lambda: ask(consumer, token).status == 403, "a refusal after the end", 15)
    assert not provider.agreement(first)["in_force"] and ask(consumer, token).json()["code"] == "AGREEMENT_ENDED"


def test_a_stream_ends_under_the_version_of_its_permit_unless_that_was_revoked(
    consumer, provider, token, folder, lines
):
    other = "01932f5e-7c00-7000-8000-0000000000aa"
    version = agreed(consumer, provider, token, folder, id=other)
    ended, broken = Stream(consumer, token), Stream(consumer, token)
    assert ended.answer.status == broken.answer.status == 200
    mine = lines[-2:]
    successor, moment = amend(consumer, provider, folder, version, widened, 30)
    time.sleep(max(0, moment - time.time()) + 2)
    eventually(lambda: ask(consumer, token).json() == MORE, "an answer under the successor", 10)
    received = len(ended.text)
    eventually(lambda: len(ended.text) > received + 100, "the stream goes on", 10)
    mine[0].go_on.set() if len(mine) == 2 else None
    one, two = ended, broken
    one.reader.join(1)
    two.reader.join(1)
    # Which of the two lists belongs to which stream the source cannot say.
    whole, going_on = (one, two) if one.whole else (two, one)
    assert whole.whole and going_on.whole is None
    items = json.loads(whole.text)
    assert len(items) > 100 and all(set(item) == {"year"} for item in items), items[-3:]
    provider.people["signatory"].afar("agreement", "revoke", version, "--reason", "Streams too.")
    going_on.reader.join(15)
    assert going_on.whole is False, "a stream outlived the version that permitted it"
    assert ask(consumer, token).json() == MORE
    provider.people["signatory"].afar("agreement", "revoke", successor, "--reason", "The test is over.")
    eventually(lambda: ask(consumer, token).status == 403, "a refusal after the end", 15)


def test_a_successor_that_is_ended_before_its_moment_leaves_the_version_before_in_force(
    consumer, provider, token, folder
):
    version = agreed(consumer, provider, token, folder, id="01932f5e-7c00-7000-8000-0000000000bb")
    successor, moment = amend(consumer, provider, folder, version, widened, 30)
    consumer.people["signatory"].afar("agreement", "revoke", successor, "--reason", "We think again.")
    provider.sees(successor, "revoked")
    time.sleep(max(0, moment - time.time()) + 1)
    assert provider.agreement(version)["in_force"] and consumer.agreement(version)["in_force"]
    assert ask(consumer, token).json() == AGREED
    consumer.people["signatory"].afar("agreement", "revoke", version, "--reason", "The test is over.")


def test_a_handover_is_in_the_future_and_leaves_nobody_out(consumer, provider, token, folder):
    version = agreed(consumer, provider, token, folder, id="01932f5e-7c00-7000-8000-0000000000cc")
    drafter = consumer.people["drafter"]
    with pytest.raises(NodeFault, match="AGREEMENT_HANDOVER"):
        drafter.afar("agreement", "amend", version, "--from", rfc_3339(time.time() - 1))
    moment = int(time.time()) + 12
    late = drafter.afar("agreement", "amend", version, "--from", rfc_3339(moment))["hash"]
    drafter.afar("agreement", "offer", late)
    provider.sees(late, "offered")
    time.sleep(max(0, moment - time.time()) + 1)
    with pytest.raises(NodeFault, match="AGREEMENT_HANDOVER"):
        provider.people["signatory"].afar("agreement", "sign", late)
    assert provider.agreement(version)["in_force"]

    # A document of another making that names a version which is not known, or leaves a party out.
    text = drafter.afar("agreement", "document", version)
    text |= {"version": 9, "replaces": "sha256:" + "1" * 64}
    text["term"] |= {"from": rfc_3339(time.time() + 600)}
    with pytest.raises(NodeFault, match="AGREEMENT_PREDECESSOR"):
        drafter.afar("agreement", "new", write(folder, text))
    third = text | {"replaces": version}
    third["parties"][0] = third["parties"][0] | {"participant": "oin:00000099000000099999"}
    third["clauses"][0]["service"]["provider"] = "oin:00000099000000099999"
    third["signatories"][0] |= {"participant": "oin:00000099000000099999"}
    with pytest.raises(NodeFault, match="AGREEMENT_PREDECESSOR"):
        drafter.afar("agreement", "new", write(folder, third))
    provider.people["signatory"].afar("agreement", "revoke", version, "--reason", "The test is over.")


def refused(consumer, token, path=f"/{SERVICE}/incomes/{BSN}", **headers):
    """The transaction of a refusal that stands in the listing."""
    answer = ask(consumer, token, path, **headers)
    assert answer.status == 403, answer
    told = answer.json()
    # One sentence for who asked, the same whatever the reason; one for who administers, and what to do next.
    assert told["user"].startswith("No answer: do not decide") and told["user_nl"].startswith("Geen antwoord")
    assert all(told[member] for member in ("detail", "detail_nl", "next", "next_nl"))
    assert BSN not in answer.body.decode()
    # Its type is where everybody can read what it means.
    address = consumer.node.public_address
    assert told["type"] == f"{address}/refusals/{told['code']}"
    public = http.client.HTTPConnection("127.0.0.1", int(address.rsplit(":", 1)[1]), timeout=10)
    public.request("GET", f"/refusals/{told['code']}")
    page = public.getresponse()
    assert page.status == 200 and told["next_nl"] in page.read().decode()
    transaction = answer.headers["Fsc-Transaction-Id"]
    held = ("record", "list", "--transaction", transaction)
    eventually(lambda: consumer.node.cli(*held)["items"], "the refusal in the listing", 10)
    return transaction


def test_a_refusal_becomes_a_draft_with_what_was_missing(consumer, provider, token, folder):
    version = agreed(consumer, provider, token, folder, id="01932f5e-7c00-7000-8000-0000000000ff")
    drafter = consumer.people["drafter"]
    for_another_purpose = refused(consumer, token, **{"Verbond-Purpose": "debt-relief"})
    drafted = drafter.afar("agreement", "amend", "--from-refusal", for_another_purpose)
    assert (drafted["stage"], drafted["replaces"]) == ("draft", version)
    text = drafter.afar("agreement", "document", drafted["hash"])
    old, new = text["clauses"]
    assert (old["name"], new["name"], new["purpose"]) == ("incomes", "incomes-debt-relief", "debt-relief")
    # That somebody asked is no ground.
    assert "ground" not in new["provider"] and "ground" not in new["receivers"][0]["side"]
    findings = {(each["code"], each.get("clause")) for each in drafter.afar("agreement", "check", drafted["hash"])["items"]}
    assert any(clause == "incomes-debt-relief" and "GROUND" in code for code, clause in findings), findings

    # Which operation was meant no record says: a path may hold somebody's number.
    elsewhere = refused(consumer, token, f"/{SERVICE}/employers/{BSN}")
    with pytest.raises(NodeFault, match="OPERATION_UNCLEAR"):
        drafter.afar("agreement", "amend", "--from-refusal", elsewhere)
    operation = {
        "name": "employers-of-person",
        "method": "GET",
        "path": "/employers/{person}",
        "parameters": old["operations"][0]["parameters"],
        "content_type": "application/json",
        "record": "$",
        "elements": [element("$.employer", "string", "personal")],
        "people": old["operations"][0]["people"],
    }
    described = {"service": SERVICE, "title": "Incomes", "description": "Of people.", "operations": [operation]}
    drafter.afar("description", "put", "incomes", write(folder, described))
    drafted = drafter.afar("agreement", "amend", "--from-refusal", elsewhere, "--operation", "employers-of-person")
    told = drafter.afar("agreement", "diff", drafted["hash"])
    assert ("added", "clauses[incomes].operations[employers-of-person]") in {
        (each["kind"], each["place"]) for each in told["changes"]
    }
    assert BSN not in json.dumps(drafter.afar("agreement", "document", drafted["hash"]))

    with pytest.raises(NodeFault, match="REFUSAL_NOT_MENDABLE"):
        drafter.afar("agreement", "amend", "--from-refusal", refused(consumer, token, f"/{SERVICE}/incomes/{BSN}?a=1"))
    # A parameter is filled in once the service describes it; the value that was sent stands nowhere.
    income = {name: value for name, value in old["operations"][0].items() if name != "delivered"}
    income["elements"] = old["operations"][0]["delivered"]
    income["parameters"] = [*income["parameters"], {"name": "since", "place": "query", "values": {"allow": "day"}}]
    described["operations"].append(income)
    drafter.afar("description", "put", "incomes", write(folder, described))
    with_parameter = refused(consumer, token, f"/{SERVICE}/incomes/{BSN}?since=2026-02-03")
    drafted = drafter.afar("agreement", "amend", "--from-refusal", with_parameter)
    text = drafter.afar("agreement", "document", drafted["hash"])
    agreed_now = text["clauses"][0]["operations"][0]["parameters"]
    assert [each["name"] for each in agreed_now] == ["person", "since"], agreed_now
    assert "2026-02-03" not in json.dumps(text["clauses"])

    with pytest.raises(NodeFault, match="REFUSAL_UNKNOWN"):
        drafter.afar("agreement", "amend", "--from-refusal", "01890a5d-ac96-774b-bcce-b302099a8057")
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        consumer.people["signatory"].afar("agreement", "amend", "--from-refusal", elsewhere)
