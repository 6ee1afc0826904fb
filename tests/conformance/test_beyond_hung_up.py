"""Beyond the suite: an application that hangs up leaves no permit without a completion, whenever it does."""

import random
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.agreements import BSN, SERVICE, ask
from support.between_two import consumer, folder, provider, source, token, working  # noqa: F401
from support.checks import eventually

HUNG_UP = 400
LONGEST = 0.03
"""Seconds until it hangs up: an exchange takes less."""

WITHOUT = """SELECT COUNT(*) FROM transaction_record JOIN journal_entry ON journal_entry.position = transaction_record.position
    WHERE kind = 'permit' AND transaction_id NOT IN (SELECT transaction_id FROM completion_record)"""


def counted(organisation, query):
    with sqlite3.connect(f"file:{organisation.node.database}?mode=ro", uri=True) as database:
        return database.execute(query).fetchone()[0]


@pytest.fixture(scope="module")
def hung_up(consumer, working, token):
    """Applications that ask and hang up, each after another time: some at once, some when the answer is there."""
    address = consumer.node.bind["outway"]
    asked = f"GET /{SERVICE}/incomes/{BSN} HTTP/1.1\r\nHost: outway\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    chance = random.Random(5)

    def hang_up(seconds):
        with socket.create_connection(address, 10) as connection:
            connection.sendall(asked)
            time.sleep(seconds)

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(hang_up, [chance.uniform(0, LONGEST) for _ in range(HUNG_UP)]))
    last = ask(consumer, token)
    assert last.status == 200
    return last.headers["Fsc-Transaction-Id"]


@pytest.mark.parametrize("who", ["consumer", "provider"])
def test_every_permit_has_its_completion(consumer, provider, hung_up, who):
    organisation = {"consumer": consumer, "provider": provider}[who]
    listed = ("account", "exchanges", "--transaction", hung_up)
    eventually(lambda: organisation.officer().afar(*listed)["items"], "what was asked after all of them", 15)
    eventually(lambda: counted(organisation, WITHOUT) == 0, "completion of every permit", 15)
    items = organisation.officer().afar("account", "exchanges", "--limit", "1000")["items"]
    told = [each["completion"]["delivery"] for each in items if each["permitted"]]
    # Or nobody had hung up half way.
    assert "nothing" in told and "whole" in told, set(told)
