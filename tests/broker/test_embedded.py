"""The embedded PostgreSQL, with real servers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker import launch
from broker.bootstrap import bootstrap_server
from broker.databases import EMBEDDED_NAMES
from broker.embedded import Cluster, EmbeddedError
from broker.embedded.places import SOCKET_PATH_BYTES, is_private, make_private, program_copy_folder

HERE = Path(__file__).parent
AS_ROOT = os.geteuid() == 0
LAUNCH = (sys.executable, "-I", "-S", launch.__file__)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster that was started once; initdb is what takes long."""
    folder = tmp_path_factory.mktemp("template") / "cluster"
    with Cluster(folder).running(durable=False):
        pass
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """The folder of a cluster of its own, initialised and stopped."""
    target = tmp_path / "cluster"
    subprocess.run(["cp", "-a", str(template), str(target)], check=True)
    return target


def ask(cluster: Cluster, query: str = "SELECT 1", database: str = "postgres") -> Any:
    with psycopg.connect(cluster.conninfo(database)) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def main_process(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split("\n")[0])


def processes_in(folder: Path) -> list[int]:
    """Every process that works in the cluster's data folder: a server's main process and its children."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").samefile(folder / "data"):
                found.append(int(process.name))
        except OSError:
            continue  # Ended meanwhile.
    return found


@contextmanager
def another_user(folder: Path, *before: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process that uses the cluster until the block ends; `before` is what starts it."""
    command = [*before, sys.executable, str(HERE / "cluster_user.py"), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the other process could not use the cluster"
        yield process, json.loads(line)


def as_root() -> tuple[str, ...]:
    """What makes the next process root: nothing, or for an ordinary user a namespace where it is."""
    return () if AS_ROOT else (*LAUNCH, "namespace=0:0", "--")


class TestRunning:
    def test_starts_on_first_use_and_leaves_no_process_and_no_temporary_folder(self, tmp_path: Path) -> None:
        cluster = Cluster(tmp_path / "new" / "cluster")
        with cluster.running():
            assert ask(cluster, "SHOW server_version_num").startswith("18")
            assert ask(cluster, "SHOW fsync") == "on"
            assert ask(cluster, "SHOW listen_addresses") == ""
            assert ask(cluster, "SELECT lower('ÄÖÑ')") == "äöñ"
            assert processes_in(cluster.folder)
        assert processes_in(cluster.folder) == []
        assert not cluster.socket_dir.joinpath(".s.PGSQL.5432").exists()
        copy = program_copy_folder(cluster.folder)
        assert copy is None or not copy.exists()

    def test_keeps_what_was_written_when_started_again(self, folder: Path) -> None:
        cluster = Cluster(folder)
        with cluster.running():
            bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, None)
            with psycopg.connect(cluster.conninfo("broker")) as connection:
                connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        with cluster.running():
            assert bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, None) == []
            assert ask(cluster, "SELECT number FROM kept", "broker") == 7
            assert ask(cluster, "SELECT count(*) FROM pg_database WHERE datname LIKE 'broker%'") == 3

    def test_opens_its_socket_and_data_to_nobody_else(self, folder: Path) -> None:
        cluster = Cluster(folder)
        with cluster.running(durable=False):
            for place in (cluster.socket_dir, folder / "data", folder / "server.log"):
                assert place.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) == 0

    def test_never_writes_a_statement_or_a_value_to_its_log(self, folder: Path) -> None:
        cluster = Cluster(folder)
        with (
            cluster.running(durable=False),
            psycopg.connect(cluster.conninfo(), autocommit=True) as connection,
        ):
            connection.execute("CREATE TABLE t (secret text PRIMARY KEY CHECK (secret <> 'Hildegard'))")
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute("INSERT INTO t VALUES ('Hildegard')")
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                connection.execute("SELECT 'Hildegard'::inet")
            # A server process that crashes has the server report what it was doing.
            backend = connection.info.backend_pid
            connection.pgconn.send_query(b"SELECT 'Hildegard', pg_sleep(60)")
            running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%Hildegard%pg_sleep(60)%'"
            while ask(cluster, running + f" AND pid = {backend}") != 1:
                time.sleep(0.02)
            os.kill(backend, signal.SIGKILL)
            while connection.pgconn.get_result():
                pass
        log = (folder / "server.log").read_text()
        assert "was terminated by signal 9" in log
        assert "Hildegard" not in log

    def test_uses_a_private_temporary_folder_when_the_path_is_too_long_for_a_socket(
        self, folder: Path, tmp_path: Path
    ) -> None:
        long = tmp_path / ("x" * SOCKET_PATH_BYTES) / "cluster"
        long.parent.mkdir()
        folder.rename(long)
        cluster = Cluster(long)
        assert not cluster.socket_dir.is_relative_to(long)
        assert cluster.socket_dir == Cluster(long).socket_dir
        with cluster.running(durable=False):
            assert ask(cluster) == 1
            assert cluster.socket_dir.parent.stat().st_mode & 0o777 == 0o700
        assert not cluster.socket_dir.parent.exists()

    def test_takes_a_path_with_quotes_commas_and_spaces(self, folder: Path, tmp_path: Path) -> None:
        odd = tmp_path / 'a "b", c\'s =d'
        folder.rename(odd)
        with Cluster(odd).running(durable=False):
            assert ask(Cluster(odd)) == 1


class TestSharing:
    def test_serves_the_second_user_after_the_first_has_left(self, folder: Path) -> None:
        cluster = Cluster(folder)
        with another_user(folder) as (other, seen):
            with cluster.running(durable=False):
                assert ask(cluster, "SELECT pg_postmaster_start_time()::text") == seen["started"]
                other.communicate()
                assert other.returncode == 0
                assert ask(cluster, "SELECT pg_postmaster_start_time()::text") == seen["started"]
            assert processes_in(folder) == []

    def test_starts_one_server_for_processes_that_start_at_once(self, tmp_path: Path) -> None:
        command = [sys.executable, str(HERE / "cluster_user.py"), str(tmp_path / "cluster")]
        users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        lines = [user.stdout.readline() for user in users if user.stdout]
        for user in users:
            user.communicate()
        assert [user.returncode for user in users] == [0, 0, 0]
        assert len({json.loads(line)["started"] for line in lines}) == 1
        assert processes_in(tmp_path / "cluster") == []

    def test_nested_uses_in_one_process_share_the_server(self, folder: Path) -> None:
        with Cluster(folder).running(durable=False):
            with Cluster(folder).running(durable=False):
                first = main_process(folder)
            assert ask(Cluster(folder)) == 1
            assert main_process(folder) == first
        assert processes_in(folder) == []

    def test_finds_and_stops_a_server_left_by_a_user_that_was_killed(self, folder: Path) -> None:
        with another_user(folder) as (other, _):
            other.kill()
            other.wait()
            left = main_process(folder)
            assert left in processes_in(folder)
            with Cluster(folder).running(durable=False):
                assert main_process(folder) == left
            assert processes_in(folder) == []

    def test_refuses_durable_use_of_a_server_that_runs_without_durability(self, folder: Path) -> None:
        with Cluster(folder).running(durable=False):
            with pytest.raises(EmbeddedError, match="without durable writes"), Cluster(folder).running():
                pass
            assert ask(Cluster(folder)) == 1

    def test_stays_up_while_all_connections_are_taken(self, folder: Path) -> None:
        cluster = Cluster(folder)
        with cluster.running(durable=False):
            taken = [psycopg.connect(cluster.conninfo()) for _ in range(60)]
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(cluster.conninfo())
            with Cluster(folder).running(durable=False):
                assert main_process(folder) in processes_in(folder)
            for connection in taken:
                connection.close()


class TestRecovery:
    def test_recovers_committed_rows_after_the_main_process_was_killed(self, folder: Path) -> None:
        cluster = Cluster(folder)
        with cluster.running():
            with psycopg.connect(cluster.conninfo()) as connection:
                connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
            killed = main_process(folder)
            os.kill(killed, signal.SIGKILL)
            with cluster.running():
                assert main_process(folder) != killed
                assert ask(cluster, "SELECT number FROM kept") == 7
        assert processes_in(folder) == []

    @pytest.mark.parametrize("somebody", ["this process", "a dead process", "nothing readable"])
    def test_starts_over_the_process_id_that_a_power_loss_left(self, folder: Path, somebody: str) -> None:
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        pid = {"this process": os.getpid(), "a dead process": dead.pid, "nothing readable": ""}[somebody]
        file = folder / "data" / "postmaster.pid"
        file.write_text(f"{pid}\n{folder / 'data'}\n0\n5432\n{folder / 'socket'}\n\n  1 1\nready   \n")
        if AS_ROOT:
            os.chown(file, (folder / "data").stat().st_uid, -1)
        with Cluster(folder).running(durable=False):
            assert ask(Cluster(folder)) == 1
            assert main_process(folder) != os.getpid()

    def test_makes_the_data_folder_anew_when_initialising_was_interrupted(self, tmp_path: Path) -> None:
        half = tmp_path / "cluster" / "data.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")
        with Cluster(tmp_path / "cluster").running(durable=False):
            assert ask(Cluster(tmp_path / "cluster")) == 1
        assert not half.exists()

    def test_says_what_the_log_says_when_the_server_does_not_start(self, folder: Path) -> None:
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write("no_such_setting = 1\n")
        with pytest.raises(EmbeddedError) as caught, Cluster(folder).running():
            pass
        assert "no_such_setting" in str(caught.value)
        assert str(folder / "server.log") in str(caught.value)
        assert caught.value.code == "embedded.unusable"

    @pytest.mark.parametrize(("version", "words"), [("17", "17"), (None, "not a data folder")])
    def test_refuses_data_of_another_version(self, folder: Path, version: str | None, words: str) -> None:
        file = folder / "data" / "PG_VERSION"
        if version is None:
            file.unlink()
        else:
            file.write_text(f"{version}\n")
        with pytest.raises(EmbeddedError, match=words), Cluster(folder).running():
            pass

    def test_refuses_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(EmbeddedError, match="BROKER_HOME"), Cluster(tmp_path / "file" / "x").running():
            pass


class TestTemporaryFolder:
    @pytest.mark.parametrize("defect", ["open to others", "a symbolic link"])
    def test_refuses_a_prepared_folder(self, tmp_path: Path, defect: str) -> None:
        trap = tmp_path / "trap"
        if defect == "a symbolic link":
            trap.symlink_to(tmp_path / "cluster", target_is_directory=True)
            (tmp_path / "cluster").mkdir(mode=0o700)
        else:
            trap.mkdir()
            trap.chmod(0o755)
        with pytest.raises(EmbeddedError, match="0700"):
            make_private(trap)

    def test_refuses_a_folder_of_another_user(self, tmp_path: Path) -> None:
        folder = tmp_path / "ours"
        make_private(folder)
        assert is_private(folder.lstat(), os.geteuid())
        assert not is_private(folder.lstat(), os.geteuid() + 1)


class TestAccounts:
    def test_runs_for_root_under_a_closed_folder_with_nothing_changed_outside(self, folder: Path) -> None:
        folder.parent.chmod(0o700)
        before = [(place.stat().st_mode, place.stat().st_uid) for place in folder.parents]
        with another_user(folder, *as_root()) as (_, seen):
            assert seen["uid"] == 0
            assert Path(f"/proc/{main_process(folder)}/uid_map").read_text().split()[1:] == [str(os.geteuid()), "1"]
        assert [(place.stat().st_mode, place.stat().st_uid) for place in folder.parents] == before

    def test_runs_without_namespaces_and_for_root_then_as_an_unprivileged_user(self, folder: Path) -> None:
        folder.parent.chmod(0o700)
        before = [(place.stat().st_mode, place.stat().st_uid) for place in folder.parents]
        refuse = (sys.executable, str(HERE / "refuse_namespaces.py"))
        with another_user(folder, *refuse) as (other, seen):
            assert seen["uid"] == os.geteuid()
            assert seen["data_owner"] == Path(f"/proc/{main_process(folder)}").stat().st_uid != 0
            copy = program_copy_folder(folder)
            assert copy is not None
            assert copy.exists() is AS_ROOT
            other.communicate()
            assert other.returncode == 0
            assert not copy.exists()
        assert processes_in(folder) == []
        assert [(place.stat().st_mode, place.stat().st_uid) for place in folder.parents] == before
        # The data changes hands again when namespaces are there again.
        with Cluster(folder).running(durable=False):
            assert ask(Cluster(folder)) == 1

    def test_says_so_where_root_can_become_nobody_else_and_leaves_no_copy(self, folder: Path) -> None:
        refuse = (*as_root(), *LAUNCH, "namespace=0:0", "--", sys.executable, str(HERE / "refuse_namespaces.py"))
        command = [*refuse, sys.executable, str(HERE / "cluster_user.py"), str(folder)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 1
        assert "neither a user namespace nor a change of user was possible" in done.stderr
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        assert list(Path(tempfile.gettempdir()).glob(f"broker-*-{name}-programs")) == []

    def test_runs_for_an_ordinary_user(self, folder: Path) -> None:
        become = (*LAUNCH, "namespace=1000:1000", "--") if AS_ROOT else ()
        with another_user(folder, *become) as (_, seen):
            assert seen["uid"] == (1000 if AS_ROOT else os.geteuid())
            assert seen["data_owner"] == seen["uid"]
        assert processes_in(folder) == []
