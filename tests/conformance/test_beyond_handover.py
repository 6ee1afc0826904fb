"""Beyond the suite: while a version takes over from another, what is under way may be permitted under the one here and under
the other there, the more so where clocks differ. The accounts name such exchanges, and do not disagree about them.
"""

import json
import time
from collections import Counter

import pytest
from test_beyond_account import change, digest_of, reconcile
from test_beyond_change import Load, agreed, amend, widened

from support.agreements import Organisation
from support.between_two import consumer, folder, token  # noqa: F401
from support.clock import shifted
from support.journal import position_of
from support.streams import lines, source  # noqa: F401

AHEAD = 4


@pytest.fixture(scope="module")
def provider(world, authority, folder, source):
    """Its clock is some seconds ahead of the consumer's."""
    made = Organisation(world, authority, "provider", folder, directory_role=True, environment=shifted(AHEAD))
    made.offers(source)
    return made


@pytest.fixture(scope="module")
def found(consumer, provider, token, folder):
    """What comes of comparing a period in which a version took over while the consumer asked and asked."""
    first = agreed(consumer, provider, token, folder)
    with Load(consumer, token) as load:
        _, moment = amend(consumer, provider, folder, first, widened, 40)
        time.sleep(max(0, moment - time.time()) + 3)
    assert [each for each in load.answers if each[2] != 200] == []
    return reconcile(consumer, provider)


def test_each_side_going_by_its_own_version_is_no_disagreement(found, provider, consumer):
    assert not found["disagrees"] and found["same"] > 20
    # For as long as one clock says that it is past the moment and the other that it is not.
    assert found["counts"].keys() == {"at_handover"} and found["counts"]["at_handover"] > 5
    members = Counter(tuple(each["members"]) for each in found["findings"])
    assert members.keys() == {("agreement", "elements")}
    theirs = reconcile(provider, consumer)
    assert (theirs["disagrees"], theirs["counts"]) == (False, found["counts"])
    # One of them, shown by itself with what the other party tells of it.
    one = found["findings"][0]["transaction_id"]
    shown = consumer.officer().afar("account", "exchange", one, "--with-counterpart")["items"][0]
    assert [each["kind"] for each in shown["other"]["findings"]] == ["at_handover"]


def test_what_does_not_follow_from_the_version_disagrees_as_ever(found, provider, consumer):
    one = found["findings"][0]["transaction_id"]
    position, said = position_of(provider.node, one, "completion")
    said["response"]["digest"] = digest_of(said["salt"], b"something else")
    unsealed = "UPDATE journal_entry SET payload = ?, salt = zeroblob(32), key_id = 0 WHERE position = ?"
    change(provider, unsealed, json.dumps(said).encode(), position)
    kinds = {(each["kind"], *each["members"]) for each in reconcile(consumer, provider, status=1)["findings"]
             if each["transaction_id"] == one}  # fmt: skip
    assert kinds == {("at_handover", "agreement", "elements"), ("differs", "response.digest")}
