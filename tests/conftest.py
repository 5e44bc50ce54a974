"""One PostgreSQL for the whole run, started when the first test needs a database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django.plugin import DjangoDbBlocker

from broker.bootstrap import connect_only_ours
from broker.grants import apply_grants
from tests.support.servers import admin_conninfo, running_server

# How long an example takes tells of the machine. The same examples on each; the nightly run draws new ones, and more.
PATIENT = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("short", PATIENT, derandomize=True)
hypothesis_settings.register_profile("long", PATIENT, max_examples=500)
hypothesis_settings.load_profile("long" if os.environ.get("BROKER_TESTS_LONG") else "short")

MUST_RUN = bool(os.environ.get("BROKER_TESTS_MUST_RUN"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """Run the server under pytest-django's own databases; the embedded one not durable, because nothing is kept."""
    with running_server():
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Grant in the test databases what is granted in real ones: the tests ask as each process's role."""
    with (
        django_db_blocker.unblock(),
        psycopg.connect(admin_conninfo(), autocommit=True) as connection,
    ):
        # Only the stores that the chosen tests use have been made.
        for alias in [a for a in connections if connections[a].settings_dict["NAME"].startswith("test_")]:
            connect_only_ours(connection, alias, connections[alias].settings_dict["NAME"])
            apply_grants(connections[alias])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where everything a test needs has been installed."""
    report = yield
    if MUST_RUN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and here nothing may be."
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that of two processes neither is left with it at the end."""
    slow = {Path(__file__).parent / name for name in ("flow", "browser")}
    items.sort(key=lambda item: item.path.parent not in slow)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(Path(settings.HOME), ignore_errors=True)
