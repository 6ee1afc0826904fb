"""Two organisations: one offers incomes under agreements, one asks. A module takes the fixtures by importing them, each
module its own."""

import pytest

from .agreements import SOURCE, Organisation, allowed, joined
from .servers import Reply


@pytest.fixture(scope="module")
def source(world):
    echo = world.echo()
    echo.respond = lambda request: Reply.of(SOURCE)
    return echo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("organisations")


@pytest.fixture(scope="module")
def provider(world, authority, folder, source):
    made = Organisation(world, authority, "provider", folder, directory_role=True)
    made.offers(source)
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider):
    return joined(world, authority, folder, provider)


@pytest.fixture(scope="module")
def token(consumer, provider):
    return allowed(consumer, provider)
