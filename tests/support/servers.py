"""The PostgreSQL under the tests, as its superuser sees it: the embedded one, or the one BROKER_DATABASE_URL names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo

from broker.bootstrap import bootstrap_server, conninfo_of
from broker.databases import EMBEDDED_NAMES, Process, place_of
from broker.embedded import Cluster


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[None]:
    """Keep the server under the tests running, with our roles on it; durable: the embedded one writes as in service."""
    if settings.EMBEDDED:
        with Cluster(settings.EMBEDDED_FOLDER).running(durable=durable) as cluster:
            bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, None)
            _let_owner_make_databases("CREATEDB")
            yield
        return
    with psycopg.connect(admin_conninfo(), autocommit=True) as connection:
        # Held until we disconnect: of two test processes that start at once, one makes the roles and one finds them.
        connection.execute("SELECT pg_advisory_lock(hashtext('broker tests'))")
        if not all((settings.PASSWORD_DIR / process.value).exists() for process in Process):
            # As an earlier run has left it, which bootstrapping refuses.
            _let_owner_make_databases("NOCREATEDB")
            names = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
            bootstrap_server(admin_conninfo(), names, settings.PASSWORD_DIR)
            _let_owner_make_databases("CREATEDB")
    for alias in connections:
        # Read again: the files have just been made.
        connections[alias].settings_dict["PASSWORD"] = password_of(settings.PROCESS)
    yield


def _let_owner_make_databases(right: str) -> None:
    """The owner makes the test databases; nowhere else may it make any, and bootstrapping refuses one that may."""
    with psycopg.connect(admin_conninfo(), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'broker_owner'").fetchone():
            connection.execute(f"ALTER ROLE broker_owner {right}")


def admin_conninfo(name: str = "postgres") -> str:
    """The connection string of a superuser for one database of the server under the tests."""
    if settings.EMBEDDED:
        return Cluster(settings.EMBEDDED_FOLDER).conninfo(name)
    place = place_of("default", settings.DATABASE_URLS, None)
    return make_conninfo(conninfo_of(place, settings.BOOTSTRAP_URLS["default"]), dbname=name)


def password_of(process: Process) -> str:
    """The password of a process's role on this server; the embedded one asks for none."""
    return "" if settings.EMBEDDED else (settings.PASSWORD_DIR / process.value).read_text()


def store_names() -> dict[str, str]:
    """The names of the real stores on this server, as the processes know them."""
    socket = Cluster(settings.EMBEDDED_FOLDER).socket_dir if settings.EMBEDDED else None
    return {alias: place_of(alias, settings.DATABASE_URLS, socket)["NAME"] for alias in EMBEDDED_NAMES}
