"""A RADIUS database of an operator, on the server under the tests, and FreeRADIUS itself where it is installed."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker.attribution.describe import describe_source
from broker.attribution.history_import import import_lines
from broker.attribution.logs.identity import holder_digest
from tests.support.lease_files import NOW, plan
from tests.support.servers import admin_conninfo

SHIPPED = Path("/etc/freeradius/3.0")
# Debian's names; elsewhere the server is called radiusd.
PROGRAMS = ("freeradius", "radclient")
SECRET = "testing123"

NAS, OTHER_NAS = "192.0.2.9", "192.0.2.10"
# A day that is over: the server stamps by the Event-Timestamp of the packets.
NOON = datetime(2026, 9, 18, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

# The columns of radacct that anybody looks at, as FreeRADIUS 3.2 types them.
TABLE = """
CREATE TABLE radacct (
    radacctid bigserial PRIMARY KEY, username text, callingstationid text, nasportid text, class text,
    acctstarttime timestamptz, acctupdatetime timestamptz, acctstoptime timestamptz, acctinterval bigint,
    acctsessiontime bigint, acctterminatecause text, framedipaddress inet, framedipv6address inet,
    framedipv6prefix inet, delegatedipv6prefix inet
)"""


@dataclass(frozen=True)
class RadiusDatabase:
    """owner: connection string of whoever may do everything in it. url, password: of a role that may only read."""

    owner: str
    url: str
    password: str

    def run(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Do something as the owner."""
        with psycopg.connect(self.owner, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def let_read(self) -> None:
        """Let the reader read radacct."""
        self.run(f"GRANT SELECT ON radacct TO {conninfo_to_dict(self.url)['user']}")

    def make_a_source(self, *lines: str, folder: Path) -> None:
        """Let the address plan rest on it, and the connections of these user names belong to contracts called alike."""
        ranges = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
        plan(*((prefix, "dedicated") for prefix in ranges))
        describe_source("radius", new=True, in_place="radacct")
        rows = [f"user:{line},c-{line},2020-01-01T00:00:00Z," for line in lines]
        file = io.BytesIO("\n".join(["identity,subscriber,from,to", *rows, ""]).encode())
        import_lines(file, now=NOW, digest=holder_digest(folder), unit=timedelta(seconds=1))

    def point_settings_at(self, settings: Any, folder: Path) -> None:
        """Set the broker up to ask this database, its addresses fixed and complete since 2020."""
        file = folder / "radius-password"
        file.write_text(self.password)
        settings.RADIUS_DATABASE_URL = self.url
        settings.RADIUS_PASSWORD_FILE = str(file)
        settings.RADIUS_IDENTITY = "username"
        settings.RADIUS_ADDRESS_FIXED = True
        settings.RADIUS_COMPLETE_FROM = datetime(2020, 1, 1, tzinfo=UTC)
        settings.KEY_DIR = folder
        holder_digest(folder)


@contextmanager
def radius_database() -> Iterator[RadiusDatabase]:
    """Make a database and a role that may only connect to it, for the length of the block."""
    name = f"test_radius_{secrets.token_hex(4)}"
    reader, password = f"{name}_reader", secrets.token_hex(16)
    with psycopg.connect(admin_conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(reader), sql.Literal(password))
        )
        try:
            place = conninfo_to_dict(admin_conninfo(name))
            where = {key: str(place[key]) for key in ("host", "port") if place.get(key)}
            url = f"postgresql://{quote(reader)}@/{name}?{urlencode(where)}"
            yield RadiusDatabase(admin_conninfo(name), url, password)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(reader)))


def missing_programs() -> str:
    """Name what of FreeRADIUS is missing here; empty if nothing is."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    schema = SHIPPED / "mods-config/sql/main/postgresql/schema.sql"
    if not os.access(schema, os.R_OK):
        missing.append(f"{schema} to read")
    return ", ".join(missing)


class FreeRadius:
    """A FreeRADIUS server of our own, taking accounting packets on loopback and writing them into a database."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.detail = folder / "detail"

    def send(self, **attributes: str | int) -> None:
        """Send one accounting packet; names with underscores for dashes. Fails unless the server acknowledges it."""
        lines = [f'{name.replace("_", "-")} = "{value}"' for name, value in attributes.items()]
        done = subprocess.run(
            ["radclient", "-r", "3", "-t", "3", "-x", f"127.0.0.1:{self.port}", "acct", SECRET],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Accounting-Response" in done.stdout, done.stdout


def play_a_day(server: FreeRadius) -> None:
    """Send the packets of one day in their order: of sessions that end well, lose their Stop or their Start, are closed
    by a restart of their device, are over IPv6, or change their address."""
    packets: list[tuple[datetime, dict[str, str | int]]] = []

    def packet(kind: str, sid: str, at: datetime, nas: str = NAS, **more: str | int) -> None:
        what: dict[str, str | int] = {"Acct_Status_Type": kind, "Acct_Session_Id": sid, "NAS_IP_Address": nas}
        packets.append((at, {**what, "Event_Timestamp": int(at.timestamp()), **more}))

    def session(sid: str, line: str, **address: str) -> dict[str, str]:
        return {"sid": sid, "User_Name": line, **address}

    ended = session("01", "line-1", Framed_IP_Address="203.0.113.1")
    packet("Start", at=NOON, **ended)
    packet("Interim-Update", at=NOON + HOUR, Acct_Session_Time=3600, **ended)
    packet("Stop", at=NOON + 2 * HOUR, Acct_Session_Time=7200, Acct_Terminate_Cause="User-Request", **ended)
    lost_stop = session("02", "line-2", Framed_IP_Address="203.0.113.2")
    packet("Start", at=NOON, **lost_stop, nas=OTHER_NAS)
    packet("Interim-Update", at=NOON + HOUR, Acct_Session_Time=3600, **lost_stop, nas=OTHER_NAS)
    restarted = session("03", "line-3", Framed_IP_Address="203.0.113.3")
    packet("Start", at=NOON, **restarted)
    packet("Interim-Update", at=NOON + HOUR, Acct_Session_Time=3600, **restarted)
    lost_start = session("04", "line-4", Framed_IP_Address="203.0.113.4")
    packet("Interim-Update", at=NOON + 2 * HOUR, Acct_Session_Time=7200, nas=OTHER_NAS, **lost_start)
    packet("Interim-Update", at=NOON + 3 * HOUR, Acct_Session_Time=10800, nas=OTHER_NAS, **lost_start)
    home = session("05", "line-5", Framed_IPv6_Prefix="2001:db8:5:ff::/64", Delegated_IPv6_Prefix="2001:db8:500::/56")
    packet("Start", at=NOON, nas=OTHER_NAS, **home)
    packet("Interim-Update", at=NOON + 3 * HOUR, Acct_Session_Time=10800, nas=OTHER_NAS, **home)
    moved = session("06", "line-6", Framed_IP_Address="203.0.113.6")
    packet("Start", at=NOON, nas=OTHER_NAS, **moved)
    moved["Framed_IP_Address"] = "203.0.113.66"
    packet("Interim-Update", at=NOON + HOUR, Acct_Session_Time=3600, nas=OTHER_NAS, **moved)
    packet("Interim-Update", at=NOON + 2 * HOUR, Acct_Session_Time=7200, nas=OTHER_NAS, **moved)
    packet("Accounting-On", "00", NOON + 3 * HOUR)
    # Later life on other addresses shows that the collection went on.
    for sid, nas in (("07", OTHER_NAS), ("08", NAS)):
        later = session(sid, f"line-{sid[1]}", Framed_IP_Address=f"203.0.113.{sid[1]}")
        packet("Start", at=NOON + 9 * HOUR, nas=nas, **later)
    for _, attributes in sorted(packets, key=lambda one: one[0]):
        server.send(**attributes)


@contextmanager
def free_radius(database: RadiusDatabase, folder: Path) -> Iterator[FreeRadius]:
    """Run FreeRADIUS with its shipped schema and queries, everything it writes below `folder`."""
    schema = (SHIPPED / "mods-config/sql/main/postgresql/schema.sql").read_text()
    database.run(schema)
    database.let_read()
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database_words = make_conninfo(database.owner)
    (folder / "radiusd.conf").write_text(_CONFIGURATION.format(folder=folder, port=port, database=database_words))
    shutil.copytree(SHIPPED / "mods-config/sql/main/postgresql", folder / "mods-config/sql/main/postgresql")
    (folder / "policy.d").mkdir()
    shutil.copy(SHIPPED / "policy.d/accounting", folder / "policy.d")
    (folder / "dictionary").touch()
    log = folder / "radius.log"
    with log.open("w") as said:
        server = subprocess.Popen(
            ["freeradius", "-X", "-f", "-d", str(folder)], stdout=said, stderr=subprocess.STDOUT, cwd=folder
        )
    try:
        deadline = time.monotonic() + 30
        while "Ready to process requests" not in log.read_text():
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.05)
        yield FreeRadius(port, folder)
    finally:
        server.terminate()
        server.wait(10)


_CONFIGURATION = """
name = broker-test
prefix = /usr
libdir = /usr/lib/freeradius
confdir = {folder}
modconfdir = {folder}/mods-config
raddbdir = {folder}
logdir = {folder}
run_dir = {folder}
pidfile = {folder}/radiusd.pid
log {{
    destination = stdout
}}
security {{
    allow_core_dumps = no
}}
proxy_requests = no
client loopback {{
    ipaddr = 127.0.0.1
    secret = testing123
}}
thread pool {{
    start_servers = 1
    max_servers = 2
    min_spare_servers = 1
    max_spare_servers = 1
}}
modules {{
    expr {{
    }}
    detail {{
        filename = {folder}/detail
        permissions = 0600
        header = "%t"
    }}
    sql {{
        dialect = "postgresql"
        driver = "rlm_sql_postgresql"
        radius_db = "{database}"
        acct_table1 = "radacct"
        acct_table2 = "radacct"
        postauth_table = "radpostauth"
        authcheck_table = "radcheck"
        groupcheck_table = "radgroupcheck"
        authreply_table = "radreply"
        groupreply_table = "radgroupreply"
        usergroup_table = "radusergroup"
        client_table = "nas"
        group_attribute = "SQL-Group"
        read_clients = no
        pool {{
            start = 1
            min = 1
            max = 2
        }}
        $INCLUDE ${{modconfdir}}/sql/main/postgresql/queries.conf
    }}
}}
policy {{
    $INCLUDE ${{confdir}}/policy.d/accounting
}}
server default {{
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {port}
    }}
    preacct {{
        acct_unique
    }}
    accounting {{
        detail
        sql
    }}
}}
"""
