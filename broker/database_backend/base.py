"""The backend that Django loads: PostgreSQL's own, which says at every outermost BEGIN who is asking."""

from __future__ import annotations

from django.db.backends.postgresql import base

from broker import row_context
from broker.databases import Process

# Processes that always ask on their own behalf say so once for the whole connection.
_OWN_BEHALF = (Process.JOBS, Process.WORKER)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL with the row context of `broker.row_context` in every transaction."""

    def init_connection_state(self) -> None:
        super().init_connection_state()
        process = Process(self.settings_dict["PROCESS"])
        if process in _OWN_BEHALF:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('broker.role', %s, false)", [process.value])

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs leave out what every backend has
        if not autocommit:
            row_context.apply(self)
