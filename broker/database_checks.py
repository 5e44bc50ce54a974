"""What must hold in the databases before a process serves anything: the right role, its walls, our schema.

Each finding is one sentence that says which store, what is wrong and what to do. Not here: the settings
(`broker.checks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from broker.attribution.logs.identity import KEY_FILE
from broker.bootstrap import OLDEST_SERVER
from broker.databases import ALIASES, OWN_STORE, Process, place_of, role_of
from broker.errors import ConfigurationError
from broker.grants import ROW_SECURITY, differences

_AGAIN = "Run 'manage.py bootstrap' and then 'manage.py prepare'."


def require_walls() -> None:
    """Refuse to go on when a database of this process is not as it has to be.

    The owner is let through: it is the one who mends. Raises ConfigurationError with every finding.
    """
    if settings.PROCESS == Process.OWNER:
        return
    try:
        found = [problem for alias in ALIASES[settings.PROCESS] for problem in problems_of(connections[alias])]
    finally:
        # Whoever asks may fork afterwards, and a connection belongs to one process.
        connections.close_all()
    if found:
        raise ConfigurationError(" ".join(found))


def problems_of(connection: BaseDatabaseWrapper) -> list[str]:
    """Say what is wrong with one database as this process sees it; the first defect that hides the others is alone."""
    process = Process(connection.settings_dict["PROCESS"])
    where = f"Store '{connection.alias}'"
    try:
        connection.ensure_connection()
    except OperationalError as error:
        # Host, database and role, never a statement.
        return [
            f"{where} cannot be used as {role_of(process)}: {str(error).strip().splitlines()[-1]}. {_password_hint()}"
        ]
    if (version := connection.connection.info.server_version // 10_000) < OLDEST_SERVER:
        return [f"{where} is on PostgreSQL {version}; {OLDEST_SERVER} or later is needed."]
    return _role(connection, process, where) or _schema(connection, where) or _walls(connection, process, where)


def _password_hint() -> str:
    return (
        "Check the URL, that the server is up, and that BROKER_DATABASE_PASSWORD_FILE is the file of process "
        f"'{settings.PROCESS}'."
    )


def _role(connection: BaseDatabaseWrapper, process: Process, where: str) -> list[str]:
    [(name, powerful)] = _ask(
        connection, "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user"
    )
    if powerful:
        return [f"{where}: the role {name} is a superuser or bypasses row-level security. {_AGAIN}"]
    if name != role_of(process):
        return [f"{where}: connected as {name}, but process '{process}' is {role_of(process)}. Leave users to us."]
    return []


def _schema(connection: BaseDatabaseWrapper, where: str) -> list[str]:
    ours = {
        f"{app}.{name}"
        for app, name in MigrationLoader(None).disk_migrations
        if app in ("broker", *OWN_STORE) and OWN_STORE.get(app, "default") == connection.alias
    }
    [(known,)] = _ask(connection, "SELECT to_regprocedure('public.broker_schema()') IS NOT NULL")
    theirs = {name for (name,) in _ask(connection, "SELECT * FROM public.broker_schema()")} if known else set()
    if ours - theirs:
        return [f"{where} lacks {min(ours - theirs)}: its schema is older than this program. Run 'manage.py prepare'."]
    if theirs - ours:
        return [f"{where} has {max(theirs - ours)}, which this program does not know. Install the newer version."]
    return []


def _walls(connection: BaseDatabaseWrapper, process: Process, where: str) -> list[str]:
    missing, extra = differences(connection, process)
    found = []
    if missing:
        found.append(f"{where}: {role_of(process)} lacks {', '.join(missing[:5])}. Run 'manage.py prepare'.")
    if extra:
        found.append(f"{where}: {role_of(process)} may {', '.join(extra[:5])}, and must not. Run 'manage.py prepare'.")
    if connection.alias == "default":
        query = "SELECT relname FROM pg_class WHERE relname = ANY (%s) AND relkind = 'r' AND NOT relrowsecurity"
        if bare := [name for (name,) in _ask(connection, query, [list(ROW_SECURITY)])]:
            found.append(f"{where}: row-level security is off for {', '.join(bare)}. Switch it on again as the owner.")
    if connection.alias == "default" and process in (Process.WEB, Process.WORKER) and not settings.EMBEDDED:
        # Such rows count nowhere but in the embedded default; here they can only mean that its data was taken over.
        [(trials,)] = _ask(connection, "SELECT count(*) FROM pack_release WHERE for_trial AND withdrawn_at IS NULL")
        if trials:
            found.append(
                f"{where}: {trials} pack(s) are enabled for trying out, which only the embedded default may do. "
                "Withdraw them there, or begin with data of your own."
            )
    if connection.alias == "leases" and process == Process.WORKER:
        [(asked,)] = _ask(connection, "SELECT count(*) FROM lease_source WHERE in_place <> ''")
        if asked and not (settings.RADIUS_DATABASE_URL and (settings.KEY_DIR / KEY_FILE).exists()):
            found.append(
                f"{where}: a source is to be asked in place. Set BROKER_RADIUS_DATABASE_URL, and put a copy of the "
                f"feeder's {KEY_FILE} into BROKER_KEY_DIR."
            )
    for name in _foreign_stores(process, connection.settings_dict):
        query = "SELECT has_database_privilege(oid, 'CONNECT') FROM pg_database WHERE datname = %s"
        if _ask(connection, query, [name]) == [(True,)]:
            found.append(f"{where}: {role_of(process)} may connect to {name}, and must not. {_AGAIN}")
    return found


def _foreign_stores(process: Process, own: Mapping[str, Any]) -> list[str]:
    """The stores that this process must not reach and that would be on the server of `own`."""
    socket = settings.DATABASES["default"]["HOST"] if settings.EMBEDDED else None
    places = [place_of(alias, settings.DATABASE_URLS, socket) for alias in ALIASES[Process.OWNER]]
    return [
        place["NAME"]
        for alias, place in zip(ALIASES[Process.OWNER], places, strict=True)
        if alias not in ALIASES[process] and (place["HOST"], place["PORT"]) == (own["HOST"], own["PORT"])
    ]


def _ask(connection: BaseDatabaseWrapper, query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
