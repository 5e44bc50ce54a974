"""One embedded PostgreSQL for the whole run, started when the first test needs a database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from broker.embedded import Cluster


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """Run the embedded server under pytest-django's own databases; not durable, because nothing is kept."""
    with Cluster(settings.EMBEDDED_FOLDER).running(durable=False):
        yield


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(Path(settings.HOME), ignore_errors=True)
