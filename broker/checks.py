"""System checks: what must hold before a process serves anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks

from broker.database_checks import require_walls
from broker.databases import Process
from broker.errors import ConfigurationError
from broker.orders.sandbox import missing_walls
from broker.orders.walls import WALLS


def require_safe_start() -> None:
    """Refuse to go on when a system check or a database finds an error; before a process serves anything.

    Raises ConfigurationError with each error in a sentence and what to do about it.
    """
    errors = [found for found in run_checks() if found.is_serious()]
    if errors:
        raise ConfigurationError(" ".join(f"{e.id}: {e.msg} {e.hint or ''}".strip() for e in errors))
    require_walls()


@register()
def settings_are_safe(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse debug mode, a weak secret, no host or no operator outside the embedded default."""
    found: list[CheckMessage] = []
    if settings.TIME_ZONE != "UTC" or not settings.USE_TZ:
        found.append(Error("The time zone must be UTC.", id="broker.E001"))
    if settings.EMBEDDED:
        return found
    if settings.DEBUG:
        found.append(
            Error("Debug pages show data to anybody.", hint="Unset BROKER_DEBUG on a server.", id="broker.E002")
        )
    if settings.PLAIN_HTTP and set(settings.ALLOWED_HOSTS) - {"localhost", "127.0.0.1", "[::1]"}:
        found.append(
            Error(
                "Sessions would travel over plain HTTP.",
                hint="Unset BROKER_PLAIN_HTTP; it is for this machine's own names only.",
                id="broker.E007",
            )
        )
    if len(settings.SECRET_KEY) < 40:
        found.append(
            Error("The secret key is shorter than 40 characters.", hint="Set BROKER_SECRET_KEY_FILE.", id="broker.E003")
        )
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        found.append(
            Error("The host names are not set.", hint="Set BROKER_ALLOWED_HOSTS to exact names.", id="broker.E004")
        )
    if not settings.OPERATOR_ID:
        found.append(
            Error(
                "The operator's id is not set; records are sealed under it.",
                hint="Set BROKER_OPERATOR_ID once and never change it.",
                id="broker.E005",
            )
        )
    return found


# The key files a process cannot work without, by process; public halves only where nothing is opened or signed.
NEEDED_KEYS: dict[Process, tuple[str, ...]] = {
    Process.WORKER: ("epoch.private", "seal.key", "seal.crt"),
    Process.FEEDER: ("epoch.public",),
}


@register()
def keys_are_present(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to start a worker or a feeder without its keys."""
    return [
        Error(
            f"The key file {name} of process '{settings.PROCESS}' is missing in BROKER_KEY_DIR.",
            hint="Run 'manage.py make_keys' once and give each process the files it needs, and no others.",
            id="broker.E006",
        )
        for name in NEEDED_KEYS.get(settings.PROCESS, ())
        if not (settings.KEY_DIR / name).is_file()
    ]


# Who opens the documents of orders, and the owner, who asks about a machine before anything runs on it.
_EXAMINERS = (Process.JOBS, Process.WORKER, Process.OWNER)


@register()
def documents_are_shut_in(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to open documents where the kernel offers no wall around it, and name the walls that are missing."""
    missing = missing_walls() if settings.PROCESS in _EXAMINERS else []
    if not missing:
        return []
    if len(missing) == len(WALLS):
        return [
            Error(
                "This machine's kernel offers no wall around the examination of orders.",
                hint="Run jobs and worker where seccomp, Landlock or user namespaces are allowed, Linux 3.5 or later.",
                id="broker.E008",
            )
        ]
    return [
        Warning(
            f"Orders are examined without these walls: {', '.join(missing)}.",
            hint="network: allow user namespaces. files: Landlock (Linux 5.13). calls: seccomp on x86_64 or aarch64.",
            id="broker.W009",
        )
    ]
