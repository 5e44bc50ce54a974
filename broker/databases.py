"""Which process opens which database, and where each database is.

The one place for both: the three stores of the design (case files, address log, identities) are kept
apart so that joining them is a deliberate act of one process, the release worker.
Each kind of process is a role of the database with its own grants (`broker.grants`); `bootstrap` makes them.
Not here: starting the embedded server (`broker.embedded`).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from broker.errors import ConfigurationError


class Process(StrEnum):
    """The kinds of process; `BROKER_PROCESS` says which one this is."""

    WEB = "web"
    WORKER = "worker"
    JOBS = "jobs"
    FEEDER = "feeder"
    OWNER = "owner"


# Which stores a process is configured with at all. An alias that is missing cannot be opened by mistake.
ALIASES: dict[Process, tuple[str, ...]] = {
    Process.WEB: ("default",),
    Process.WORKER: ("default", "leases", "identities"),
    Process.JOBS: ("default",),
    Process.FEEDER: ("default", "leases", "identities"),
    Process.OWNER: ("default", "leases", "identities"),
}


def role_of(process: Process) -> str:
    """The database role of a kind of process."""
    return f"broker_{process.value}"


# Django apps that live in a database of their own; every other app lives in `default`.
OWN_STORE = {"leases": "leases", "identities": "identities"}

EMBEDDED_NAMES = {"default": "broker", "leases": "broker_leases", "identities": "broker_identities"}


def database_settings(
    process: Process, urls: dict[str, str], embedded_socket: Path | None, password: str = ""
) -> dict[str, dict[str, Any]]:
    """Build Django's DATABASES for one kind of process.

    urls: alias -> URL as the operator set it; `default` missing means the embedded server.
    embedded_socket: folder of the embedded server's socket, needed when `default` has no URL.
    password: of this process's role; empty where the server knows the process by other means.

    `leases` and `identities` without a URL of their own are databases beside `default`, on the same
    server. Raises ConfigurationError for a URL that is no PostgreSQL URL, has no database name or names a user:
    the role follows from the process.
    """
    settings: dict[str, dict[str, Any]] = {}
    for alias in ALIASES[process]:
        place = place_of(alias, urls, embedded_socket)
        settings[alias] = {
            "ENGINE": "broker.database_backend",
            "PROCESS": process.value,
            "USER": role_of(process),
            "PASSWORD": password,
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            # Rows are seen inside a transaction only, because that is where the database learns who asks.
            "ATOMIC_REQUESTS": alias == "default",
            **place,
        }
    return settings


def place_of(alias: str, urls: dict[str, str], embedded_socket: Path | None) -> dict[str, Any]:
    """Say where a store is, in Django's words: NAME, HOST, PORT and OPTIONS."""
    if alias in urls:
        return read_url(alias, urls[alias])
    if "default" in urls:
        beside = read_url("default", urls["default"])
        return {**beside, "NAME": f"{beside['NAME']}_{alias}"}
    if embedded_socket is not None:
        return {"NAME": EMBEDDED_NAMES[alias], "HOST": str(embedded_socket), "PORT": "5432"}
    raise ConfigurationError("BROKER_DATABASE_URL is not set and there is no embedded server.")


def read_url(alias: str, url: str) -> dict[str, Any]:
    """Take the URL of a store apart; raises ConfigurationError that says what is wrong with it."""
    parts = urlsplit(url)
    try:
        port = str(parts.port or "")
    except ValueError:
        raise ConfigurationError(f"The port in the database URL for '{alias}' is not a port.") from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ConfigurationError(
            f"The database URL for '{alias}' must look like postgresql://host:5432/name; it does not."
        )
    if parts.username or parts.password:
        raise ConfigurationError(
            f"The database URL for '{alias}' names a user. Leave it out: every process connects as its own role, "
            "with the password from BROKER_DATABASE_PASSWORD_FILE."
        )
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", "") or unquote(parts.hostname or "")
    return {
        "NAME": unquote(parts.path.lstrip("/")),
        "HOST": host,
        "PORT": options.pop("port", "") or port,
        "OPTIONS": options,
    }


class StoreRouter:
    """Send each app to its own store, and refuse relations between stores."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return OWN_STORE.get(model._meta.app_label, "default")

    db_for_write = db_for_read

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        # By _meta, because request.user is a lazy object whose type is no model.
        return self.db_for_read(obj1) == self.db_for_read(obj2)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return OWN_STORE.get(app_label, "default") == db
