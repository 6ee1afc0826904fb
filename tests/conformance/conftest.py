"""Fixtures of the suite, and the plugin that writes the conformance table."""

import os
from pathlib import Path

import pytest

from support import requirement_table
from support.authority import Authority
from support.report import Outcomes, as_json, as_markdown, totals
from support.scenarios import SCENARIOS
from support.world import Cast, World

WORKSPACE = Path(__file__).resolve().parents[2]
TABLES = WORKSPACE / "docs" / "conformance"


def pytest_addoption(parser):
    parser.addoption(
        "--write-conformance",
        action="store_true",
        help="after the run, write the tables under docs/conformance",
    )


def pytest_configure(config):
    config.pluginmanager.register(ConformancePlugin(config), "conformance")


class ConformancePlugin:
    """Follows the tests, and writes the tables when asked."""

    def __init__(self, config):
        self.write = config.getoption("--write-conformance")
        self.outcomes = Outcomes()

    def pytest_collection_modifyitems(self, items):
        for item in items:
            for marker in item.iter_markers("scenario"):
                for scenario in marker.args:
                    if scenario not in SCENARIOS:
                        raise pytest.UsageError(f"{item.nodeid} names a scenario that does not exist: {scenario}")
                    self.outcomes.collected(scenario, item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        failure = ""
        if call.excinfo is not None and report.outcome == "failed":
            failure = f"{call.excinfo.typename}: {call.excinfo.value}"
        self.outcomes.report(item.nodeid, report.when, report.outcome, failure)
        return report

    def pytest_terminal_summary(self, terminalreporter):
        rows = self.outcomes.rows()
        count = totals(rows)
        terminalreporter.write_line(
            f"FSC scenarios: {count['pass']} pass, {count['fail']} fail, {count['not run']} not run, of {len(rows)}"
        )
        if self.write:
            requirements = requirement_table.rows(self.outcomes.results)
            TABLES.mkdir(parents=True, exist_ok=True)
            for name, text in {
                "fsc.json": as_json(rows),
                "fsc.md": as_markdown(rows),
                "fsc-requirements.json": requirement_table.as_json(requirements),
                "fsc-requirements.md": requirement_table.as_markdown(requirements),
            }.items():
                (TABLES / name).write_text(text, encoding="utf-8")
                terminalreporter.write_line(f"written: {TABLES / name}")


@pytest.fixture(scope="session")
def binary():
    """The binary under test."""
    target = os.environ.get("CARGO_TARGET_DIR", str(WORKSPACE / "target"))
    return os.environ.get("VERBOND_BIN", f"{target}/debug/verbond")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The group's certification authority."""
    return Authority(tmp_path_factory.mktemp("authority"), "Conformance")


@pytest.fixture(scope="session")
def foreign_authority(tmp_path_factory):
    """An authority that is no trust anchor of the group."""
    return Authority(tmp_path_factory.mktemp("foreign"), "Foreign")


@pytest.fixture(scope="session")
def cast(authority):
    return Cast(authority)


@pytest.fixture(scope="module")
def world(binary, authority, cast, tmp_path_factory):
    made = World(binary, tmp_path_factory.mktemp("world"), authority, cast)
    yield made
    made.close()


@pytest.fixture(scope="module")
def settings():
    """What the nodes of `support.between_two` are set to beside the usual."""
    return {}


@pytest.fixture(scope="module")
def echo(world):
    """A source."""
    return world.echo()


@pytest.fixture(scope="module")
def consumer(world):
    """A peer that connects to services."""
    return world.peer("consumer")


@pytest.fixture(scope="module")
def delegator(world):
    """A peer on whose behalf another connects."""
    return world.peer("delegator")


@pytest.fixture(scope="module")
def publisher(world):
    """A peer on whose behalf another offers a service, or one that publishes at a directory."""
    return world.peer("publisher")


@pytest.fixture(scope="module")
def stranger(world):
    """A peer of the group that is on no contract."""
    return world.peer("stranger")
