"""Beyond the suite: an agreed element that came in none of a thousand whole responses raises a task, once, at both parties."""

import threading
import time

import pytest

from support.agreements import SERVICE, allowed, conclude, document, element
from support.between_two import consumer, folder, provider  # noqa: F401
from support.checks import eventually
from support.servers import Reply

ENOUGH = 1000
"""So many responses in a row."""

HERE, NEVER, RARE = "$.year", "$.income.pension", "$.income.rare"


@pytest.fixture(scope="module")
def source(world):
    echo = world.echo()
    echo.left, echo.breaks = ENOUGH // 2, False

    def respond(request):
        if echo.breaks:
            return Reply(200, b'{"year":2026,"income":{}', {"Content-Type": "application/json"})
        echo.left -= 1
        # What comes once in the middle has come; what is whole and empty of records lacks nothing.
        return Reply.of({"year": 2026, "income": {"rare": 1} if echo.left == 0 else {}})

    echo.respond = respond
    return echo


@pytest.fixture(scope="module")
def token(consumer, provider, folder):
    content = document(provider.node, consumer.node)
    content["clauses"][0]["operations"][0]["delivered"] = [
        element(HERE, "integer", "personal"), element(NEVER, "integer", "sensitive"), element(RARE, "integer", "sensitive"),
    ]  # fmt: skip
    made = allowed(consumer, provider)
    conclude(consumer, provider, consumer.drafts(content, folder))
    eventually(lambda: call(consumer, made).status == 200, "an answer under the agreement", 20)
    return made


def call(consumer, token):
    return consumer.node.outway(f"/{SERVICE}/incomes/P-0042", token)


def many(consumer, token, count, status=200):
    """So many answers, by a few callers at a time."""
    left = list(range(count))

    def work():
        while left:
            try:
                left.pop()
            except IndexError:
                return
            answers.append(call(consumer, token).status)

    answers = []
    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert answers == [status] * count


def tasks(organisation, *more):
    return [one for one in organisation.node.cli("task", "list", *more)["items"] if "agreed element" in one["what"]["en"]]


def test_an_element_that_never_comes_raises_one_task_and_one_that_came_does_not(consumer, provider, token, source):
    # Responses that end too early are not whole: however many, they say nothing.
    source.breaks = True
    many(consumer, token, ENOUGH + 20, status=502)
    source.breaks = False
    many(consumer, token, ENOUGH - 20)
    assert tasks(provider) == tasks(consumer) == []
    # A node that starts again goes on where it was when that was last written.
    time.sleep(31)
    provider.node.stop()
    provider.node.start()
    eventually(lambda: call(consumer, token).status == 200, "an answer after the start", 20)
    many(consumer, token, 40)
    for each in (provider, consumer):
        eventually(lambda each=each: tasks(each), "the task", 45)
        [task] = tasks(each)
        assert NEVER in task["what"]["en"] and NEVER in task["what"]["nl"]
        assert (task["clause"], task["service"]["name"]) == ("incomes", SERVICE) and task["due"]
    # Once, also when it goes on not to come, and also when somebody has closed it.
    provider.enrols("steward", "steward")
    provider.people["steward"].afar("task", "done", task["id"], "--note", "The source has no pensions; amended.")
    assert tasks(provider) == []
    many(consumer, token, ENOUGH + 20)
    eventually(lambda: len(tasks(consumer)) == 2, "the task on what came once, long ago", 45)
    assert [RARE in one["what"]["en"] for one in tasks(provider)] == [True]
    [done] = [one for one in tasks(provider, "--all") if one.get("done_at")]
    assert done["id"] == task["id"] and done["note"].startswith("The source")

