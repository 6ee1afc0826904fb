"""Two organisations: one offers incomes under agreements, one asks. A module takes the fixtures by importing them, each
module its own; what its nodes are set to it says by a fixture `settings` (conftest.py)."""

import pytest

from .agreements import SOURCE, Organisation, allowed, ask, conclude, document, joined
from .checks import eventually
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
def provider(world, authority, folder, source, settings):
    made = Organisation(world, authority, "provider", folder, settings=settings, directory_role=True)
    made.offers(source)
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider, settings):
    return joined(world, authority, folder, provider, settings=settings)


@pytest.fixture(scope="module")
def token(consumer, provider):
    return allowed(consumer, provider)


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token):
    """They exchange under an agreement: its hash."""
    digest = consumer.drafts(document(provider.node, consumer.node), folder)
    conclude(consumer, provider, digest)
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)
    return digest
