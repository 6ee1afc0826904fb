"""A tap before the provider's inway. Fixtures as in `between_two`."""

import pytest

from .agreements import Organisation
from .tap import Tap
from .world import CAST


@pytest.fixture(scope="module")
def tap():
    made = Tap()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def provider(world, authority, folder, source, tap):
    inway = {"address": f"https://{CAST['provider'][2]}:{tap.port}"}
    made = Organisation(world, authority, "provider", folder, directory_role=True, settings={"inway": inway})
    made.offers(source)
    return made
