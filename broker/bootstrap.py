"""Make the database roles and the three databases, on the embedded server or on one of somebody else.

1. One role for each kind of process that connects to the server, none of which may make or bypass anything; the owner
   of the tables is one of them. On a server each gets the password of its file, made here where there is none.
2. The owner may act as any of them: tests and the demo do, to be held to the same grants.
3. The databases, owned by the owner, which only the processes of `ALIASES` may connect to.
Everything can be done again and changes nothing then. Tables and grants follow by `prepare`.
Not here: row-level security (migrations), grants on tables (`broker.grants`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

from broker.databases import ALIASES, Process, role_of
from broker.errors import ConfigurationError
from broker.private_files import read_or_create_secret

OLDEST_SERVER = 15
# Roles that must be able to make temporary tables, in the stores they import into.
_MAKE_TEMPORARY = {(Process.FEEDER, "leases"), (Process.FEEDER, "identities")}
_NEVER = ("rolsuper", "rolcreatedb", "rolcreaterole", "rolreplication", "rolbypassrls")
_ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


def bootstrap_server(conninfo: str, names: Mapping[str, str], password_dir: Path | None) -> list[str]:
    """Make roles and databases on one server and say what was made, changed or set.

    conninfo: of somebody who may create roles and databases there.
    names: alias -> database name, for the stores that are on this server.
    password_dir: where each role's password is, by the process's name; None leaves the roles without (embedded).

    Raises ConfigurationError when the server is too old, the user may not do this, a role has rights it must
    not have, or a database belongs to somebody else.
    """
    processes = [process for process in Process if set(ALIASES[process]) & set(names)]
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            version = connection.info.server_version // 10_000
            if version < OLDEST_SERVER:
                raise ConfigurationError(f"The server is PostgreSQL {version}; {OLDEST_SERVER} or later is needed.")
            # Held until we disconnect: of two that start at once, one makes and one finds.
            connection.execute("SELECT pg_advisory_lock(hashtext('broker bootstrap'))")
            said = _make_roles(connection, processes, password_dir)
            said += _make_databases(connection, names)
    except psycopg.OperationalError as error:
        raise ConfigurationError(f"BROKER_BOOTSTRAP_URL cannot be used: {str(error).strip().splitlines()[0]}") from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"The user of BROKER_BOOTSTRAP_URL may not do this: {error.diag.message_primary}. Name a superuser, or a "
            "user with CREATEROLE and CREATEDB that made our roles and databases, if they exist."
        ) from None
    return said


def _make_roles(connection: Connection[Any], processes: Iterable[Process], password_dir: Path | None) -> list[str]:
    said = []
    columns = sql.SQL(", ").join(map(sql.Identifier, _NEVER))
    query = sql.SQL("SELECT rolname, {} FROM pg_roles WHERE rolname LIKE 'broker\\_%'").format(columns)
    there = {
        row[0]: [name for name, set_ in zip(_NEVER, row[1:], strict=True) if set_] for row in connection.execute(query)
    }
    for process in processes:
        role = role_of(process)
        name = sql.Identifier(role)
        if role not in there:
            # The owner of a database has its rights on the schema by inheritance (PostgreSQL 15).
            inherits = "INHERIT" if process == Process.OWNER else "NOINHERIT"
            connection.execute(sql.SQL("CREATE ROLE {} {}").format(name, sql.SQL(f"{_ATTRIBUTES} {inherits}")))
            said.append(f"role {role} made")
        elif there[role]:
            raise ConfigurationError(
                f"The role {role} has {', '.join(there[role])}, which no role of ours may have: take it away with "
                "ALTER ROLE as a superuser."
            )
        if password_dir is not None:
            password = read_or_create_secret(password_dir / process.value)
            # Hashed here, so that no server log can show it.
            hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(hashed.decode())))
            said.append(f"role {role} has the password in {password_dir / process.value}")
    owner = role_of(Process.OWNER)
    for process in processes:
        if process != Process.OWNER:
            _let_act_as(connection, owner, role_of(process))
    me = connection.info.user
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = current_user AND NOT rolsuper").fetchone():
        _let_act_as(connection, me, owner)
    return said


def _let_act_as(connection: Connection[Any], member: str, role: str) -> None:
    """Let a role become another by SET ROLE, and by that alone."""
    version = connection.info.server_version // 10_000
    how = " WITH INHERIT FALSE, SET TRUE" if version >= 16 else ""
    connection.execute(sql.SQL("GRANT {} TO {}{}").format(sql.Identifier(role), sql.Identifier(member), sql.SQL(how)))


def _make_databases(connection: Connection[Any], names: Mapping[str, str]) -> list[str]:
    said = []
    owner = role_of(Process.OWNER)
    query = "SELECT datname, pg_get_userbyid(datdba) FROM pg_database"
    there: dict[str, str] = dict(connection.execute(query).fetchall())
    for alias, name in names.items():
        if name not in there:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
            )
            said.append(f"database {name} made")
        elif there[name] != owner:
            raise ConfigurationError(
                f"The database {name} belongs to {there[name]}. Give it to us with "
                f"ALTER DATABASE {name} OWNER TO {owner}, or name another."
            )
        connect_only_ours(connection, alias, name)
    return said


def connect_only_ours(connection: Connection[Any], alias: str, name: str) -> None:
    """Let nobody connect to a database but the processes that are configured with its store."""
    database = sql.Identifier(name)
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role_of(Process.OWNER))))
    try:
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for process in Process:
            if alias not in ALIASES[process] or process == Process.OWNER:
                continue
            rights = "CONNECT, TEMPORARY" if (process, alias) in _MAKE_TEMPORARY else "CONNECT"
            connection.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(
                    sql.SQL(rights), database, sql.Identifier(role_of(process))
                )
            )
    finally:
        connection.execute("RESET ROLE")


def conninfo_of(place: Mapping[str, Any], url: str) -> str:
    """Give the connection string of somebody's URL for bootstrapping, on the server where a store is.

    place: NAME, HOST, PORT and OPTIONS of the store; url: names the user and, where needed, the password.
    """
    try:
        given = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ConfigurationError(
            "A bootstrap URL must look like postgresql://user:password@host:5432/postgres; this one does not."
        ) from None
    server = {"host": place["HOST"], "port": place["PORT"]} | place.get("OPTIONS", {})
    merged = {name: str(value) for name, value in (server | given).items() if value}
    return make_conninfo(**{"dbname": "postgres"} | merged)
