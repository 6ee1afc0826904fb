"""Beyond the suite: what `account` tells of a period is what a client that counted did in it: by agreement, version, purpose, activity,
service, counterpart, period and person."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.agreements import BSN, PURPOSE, SERVICE, conclude, document, rfc_3339
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually

OTHERS = ("999990020", "999990032")
FIRST, SECOND = 12, 7
"""Rounds of the workload under the first and under the second version."""


def moment():
    """The second that begins next: what was done before it lies before it, and what is done now after it."""
    begin = int(time.time()) + 1
    time.sleep(max(0.0, begin + 0.05 - time.time()))
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin))


class Client:
    """An application that writes down itself what it asked for and what came of it."""

    def __init__(self, consumer, token):
        self.consumer, self.token, self.done = consumer, token, []

    def ask(self, person, version, purpose=PURPOSE, path="incomes"):
        headers = {} if purpose == PURPOSE else {"Verbond-Purpose": purpose}
        answer = self.consumer.node.outway(f"/{SERVICE}/{path}/{person}", self.token, headers=headers)
        self.done.append({
            "version": version, "purpose": purpose, "permitted": answer.status == 200, "person": person,
            "transaction": answer.headers["Fsc-Transaction-Id"],
        })  # fmt: skip
        return answer

    def round(self, number, version):
        assert self.ask(BSN, version).status == 200
        assert self.ask(OTHERS[number % 2], version).status == 200
        if number % 3 == 0:
            assert self.ask(BSN, version, purpose="enforcement").status == 403
        if number % 4 == 0:
            assert self.ask(BSN, version, path="secrets").status == 403

    def transactions(self, **members):
        return {each["transaction"] for each in self.done if all(each[name] == value for name, value in members.items())}


@pytest.fixture(scope="module")
def worked(consumer, provider, folder, token):
    """The client, the hashes of both versions, and the moment between the work under one and under the other."""
    client = Client(consumer, token)
    first = consumer.drafts(document(provider.node, consumer.node), folder)
    conclude(consumer, provider, first)
    eventually(lambda: consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token).status == 200, "an answer", 20)
    begun = moment()
    for number in range(FIRST):
        client.round(number, 1)
    content = document(provider.node, consumer.node, version=2, replaces=first)
    content["term"]["from"] = rfc_3339(time.time() + 10)
    second = consumer.drafts(content, folder)
    conclude(consumer, provider, second)
    between = moment()
    eventually(lambda: under(consumer, token) == 2, "the second version", 30)
    warm = moment()
    for number in range(SECOND):
        client.round(number, 2)
    return client, (first, second), (begun, between, warm), moment()


def under(consumer, token):
    """Which version counts, by the decision on one more exchange."""
    answer = consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token)
    officer, transaction = consumer.officer(), answer.headers["Fsc-Transaction-Id"]
    found = eventually(lambda: officer.afar("account", "exchanges", "--transaction", transaction)["items"], "it")
    return found[0]["agreement"]["version"]


def told(organisation, *words, verb="exchanges"):
    return organisation.officer().afar("account", verb, *words, "--limit", "1000")["items"]


def test_the_account_is_what_the_client_counted(consumer, provider, worked):
    client, (first, second), (begun, between, warm), end = worked
    all_of_it = ("--after", begun, "--before", end)
    last = max(client.transactions(version=2, permitted=True))
    for organisation, other in ((consumer, provider), (provider, consumer)):
        def transactions(*words, organisation=organisation):
            found = [each["transaction_id"] for each in told(organisation, *words)]
            assert len(found) == len(set(found)), "an exchange stands twice"
            return set(found)

        eventually(lambda transactions=transactions: last in transactions("--after", warm), "the last exchange")
        # What the consumer's own node refused never reached the provider.
        reached = {} if organisation is consumer else {"permitted": True}
        versions = {1: ("--after", begun, "--before", between), 2: ("--after", warm, "--before", end)}
        for version, period in versions.items():
            assert transactions(*period) == client.transactions(version=version, **reached)
            for name in ((first, second)[version - 1], f"{document_id(told(organisation, *period))}/{version}"):
                assert transactions(*all_of_it, "--agreement", name) & client.transactions() == client.transactions(version=version, **reached)
            for purpose in (PURPOSE, "enforcement"):
                assert transactions(*period, "--purpose", purpose) == client.transactions(version=version, purpose=purpose, **reached)
            permitted = client.transactions(version=version, permitted=True)
            (activity,) = {each["activity"] for each in told(organisation, *period) if each["permitted"]}
            assert transactions(*period, "--activity", activity) == permitted
            assert {each["transaction_id"] for each in told(organisation, *period) if each["permitted"]} == permitted
            assert transactions(*period, "--service", SERVICE, "--counterpart", f"oin:{other.node.id}") == transactions(*period)
            assert transactions(*period, "--peer", f"oin:{organisation.node.id}") == set()
            delivered = Counter((each["completion"] or {}).get("delivery") for each in told(organisation, *period) if each["permitted"])
            assert delivered == {"whole": len(permitted)}


def document_id(found):
    return next(each["agreement"]["id"] for each in found if each["agreement"])


def about(organisation, folder, person, *words):
    """The transactions of all records about somebody."""
    number = folder / f"number-{person}"
    number.touch(mode=0o600)
    number.write_text(person + "\n")
    asked = ("--identifies", "national-number", "--number-file", str(number), *words)
    return Counter(each["transaction_id"] for each in organisation.officer().afar("account", "person", *asked)["items"])


def test_what_was_recorded_of_each_person_is_what_the_client_asked_about_them(provider, worked, folder):
    client, _, (begun, between, warm), end = worked
    for person in (BSN, *OTHERS):
        for version, (after, before) in {1: (begun, between), 2: (warm, end)}.items():
            asked = client.transactions(version=version, person=person, permitted=True)
            assert about(provider, folder, person, "--after", after, "--before", before) == Counter(asked), (person, version)


def test_more_than_a_page_about_one_person_is_told_whole(consumer, provider, worked, token, folder):
    client, begun = Client(consumer, token), moment()
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda _: client.ask(OTHERS[0], 2), range(1005)))
    asked = client.transactions(permitted=True)
    assert len(asked) == 1005
    for organisation in (consumer, provider):
        found = eventually(lambda organisation=organisation: whole(about(organisation, folder, OTHERS[0], "--after", begun), asked), "the last")
        assert found == Counter(asked)


def whole(found, asked):
    return found if len(found) >= len(asked) else None
