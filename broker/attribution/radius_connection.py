"""The operator's RADIUS database: a server and a role of theirs, that we only ever read.

Not here: what its rows prove (`radacct_source`), whether it is fit to be asked (`radius_check`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import psycopg
from django.conf import settings

from broker.errors import BrokerError, ConfigurationError

# Columns that can say whose line a session is, and the kind each one is called in our own words.
IDENTITY_KINDS = {"username": "user", "callingstationid": "calling", "nasportid": "port", "class": "class"}
STATEMENT_TIMEOUT_MS = 30_000


class RadiusUnavailable(BrokerError):
    """The RADIUS database did not answer; nothing is known of anybody."""

    code = "attribution.radius-unavailable"


@contextmanager
def radius_connection() -> Iterator[psycopg.Connection]:
    """Open the RADIUS database for reading, for the length of the block.

    The server itself refuses writes in this session, and statements that run longer than STATEMENT_TIMEOUT_MS.
    Raises ConfigurationError if it is not set up, RadiusUnavailable if it cannot be reached or a statement fails.
    """
    conninfo = radius_conninfo(settings.RADIUS_DATABASE_URL)
    options = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_TIMEOUT_MS} -c TimeZone=UTC"
    try:
        with psycopg.connect(
            conninfo, password=_password(), options=options, connect_timeout=10, application_name="broker"
        ) as connection:
            yield connection
    except psycopg.Error as error:
        # The kind of error, never its text: that may quote the addresses we asked for.
        raise RadiusUnavailable(
            f"The RADIUS database could not be read ({type(error).__name__}). Run 'manage.py check_radius'."
        ) from None


def radius_conninfo(url: str) -> str:
    """Give the URL if it is one to use: PostgreSQL, with a database and a user, without a password."""
    if not url:
        raise ConfigurationError("BROKER_RADIUS_DATABASE_URL is not set, or this process is not the worker.")
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/") or not parts.username:
        raise ConfigurationError("BROKER_RADIUS_DATABASE_URL must look like postgresql://reader@host:5432/radius.")
    if parts.password or "password" in dict(parse_qsl(parts.query)):
        raise ConfigurationError(
            "BROKER_RADIUS_DATABASE_URL holds a password. Put it into a file that BROKER_RADIUS_PASSWORD_FILE names."
        )
    return url


def _password() -> str | None:
    if not settings.RADIUS_PASSWORD_FILE:
        return None
    try:
        return Path(settings.RADIUS_PASSWORD_FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError("BROKER_RADIUS_PASSWORD_FILE names a file that this process cannot read.") from None
