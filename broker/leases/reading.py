"""Run the statements of the lease store that read."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connections

from broker.leases import packed
from broker.leases.services import STORE


def fetch(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement with the parameters beside it and the rows in binary: half the time of text for ten thousand."""
    connection = connections[STORE]
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        packed.register(cursor)
        cursor.execute(statement, parameters, binary=True)
        return cursor.fetchall()
