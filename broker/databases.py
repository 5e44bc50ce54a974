"""Which process opens which database, and where each database is.

The one place for both: the three stores of the design (case files, address log, identities) are kept
apart so that joining them is a deliberate act of one process, the release worker.
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

# Django apps that live in a database of their own; every other app lives in `default`.
OWN_STORE = {"leases": "leases", "identities": "identities"}

EMBEDDED_NAMES = {"default": "broker", "leases": "broker_leases", "identities": "broker_identities"}
EMBEDDED_USER = "postgres"


def database_settings(
    process: Process, urls: dict[str, str], embedded_socket: Path | None
) -> dict[str, dict[str, Any]]:
    """Build Django's DATABASES for one kind of process.

    urls: alias -> URL as the operator set it; `default` missing means the embedded server.
    embedded_socket: folder of the embedded server's socket, needed when `default` has no URL.

    `leases` and `identities` without a URL of their own are databases beside `default`, on the same
    server. Raises ConfigurationError for a URL that is no PostgreSQL URL or has no database name.
    """
    settings: dict[str, dict[str, Any]] = {}
    for alias in ALIASES[process]:
        if alias in urls:
            settings[alias] = _from_url(alias, urls[alias])
        elif "default" in urls:
            beside = _from_url("default", urls["default"])
            settings[alias] = {**beside, "NAME": f"{beside['NAME']}_{alias}"}
        elif embedded_socket is not None:
            settings[alias] = _postgresql(
                NAME=EMBEDDED_NAMES[alias], USER=EMBEDDED_USER, HOST=str(embedded_socket), PORT="5432"
            )
        else:
            raise ConfigurationError("BROKER_DATABASE_URL is not set and there is no embedded server.")
    return settings


def _from_url(alias: str, url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    try:
        port = str(parts.port or "")
    except ValueError:
        raise ConfigurationError(f"The port in the database URL for '{alias}' is not a port.") from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ConfigurationError(
            f"The database URL for '{alias}' must look like postgresql://host:5432/name; it does not."
        )
    return _postgresql(
        NAME=unquote(parts.path.lstrip("/")),
        USER=unquote(parts.username or ""),
        PASSWORD=unquote(parts.password or ""),
        HOST=unquote(parts.hostname or ""),
        PORT=port,
        OPTIONS=dict(parse_qsl(parts.query)),
    )


def _postgresql(**values: Any) -> dict[str, Any]:
    # Identities and leases are read inside explicit transactions; a request outside one would be a bug we
    # want to see, so ATOMIC_REQUESTS stays off and services open their own blocks.
    return {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True} | values


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
