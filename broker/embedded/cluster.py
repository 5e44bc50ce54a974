"""The embedded server as its users see it: it runs while anybody uses it.

Every user holds a shared lock on `.lock`. Whoever leaves and can have the lock alone is the last one and
stops the server; who comes meanwhile waits for that and starts it again. A user that is killed loses its lock
with its life; a server left over by it is found by the next user, used, and stopped.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from psycopg.conninfo import make_conninfo

from broker.embedded.errors import EmbeddedError
from broker.embedded.places import socket_folder
from broker.embedded.server import PORT, USER, Server


class Cluster:
    """A PostgreSQL cluster in one folder, shared by all processes of this user.

    Making the object touches nothing on disk. Cheap, and any number may exist for one folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    @property
    def socket_dir(self) -> Path:
        """The folder of the server's socket; the same in every process, whether the server runs or not."""
        return socket_folder(self.folder)

    def conninfo(self, name: str = USER) -> str:
        """Give a connection string for one database."""
        return make_conninfo(host=str(self.socket_dir), port=PORT, user=USER, dbname=name)

    @contextmanager
    def running(self, *, durable: bool = True) -> Iterator[Self]:
        """Keep the server running for the length of a `with` block.

        durable: False gives up safety against power loss for speed; for tests only.

        Makes the cluster on first use. Raises EmbeddedError when the folder cannot be used or the server does
        not come up.
        """
        server = Server(self.folder, self.socket_dir)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            users = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedError(
                f"{self.folder} cannot be written ({error.strerror}): set BROKER_HOME to a folder that can."
            ) from error
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                server.ensure_running(durable=durable)
                yield self
            finally:
                # Trying for the lock alone gives up the shared one, which is right on the way out.
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # Somebody else uses the server.
                else:
                    server.stop()
        finally:
            os.close(users)
