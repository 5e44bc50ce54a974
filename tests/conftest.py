"""One embedded PostgreSQL for the whole run, started when the first test needs a database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import settings as hypothesis_settings

from broker.embedded import Cluster

# The same examples on every machine; the nightly run draws new ones, and more.
hypothesis_settings.register_profile("short", derandomize=True)
hypothesis_settings.register_profile("long", max_examples=500)
hypothesis_settings.load_profile("long" if os.environ.get("BROKER_TESTS_LONG") else "short")

MUST_RUN = bool(os.environ.get("BROKER_TESTS_MUST_RUN"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """Run the embedded server under pytest-django's own databases; not durable, because nothing is kept."""
    with Cluster(settings.EMBEDDED_FOLDER).running(durable=False):
        yield


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


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(Path(settings.HOME), ignore_errors=True)
