"""Start everything on this machine, for people to click through."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from broker.assessment.enabling import enable_for_trial
from broker.databases import Process
from broker.demo.world import LEASES_COMPLETE, World, make_world
from broker.errors import ConfigurationError
from broker.private_files import write_private
from broker.processes import run_command, start_web, start_workers
from broker.supervise import Supervisor


class Command(BaseCommand):
    help = "Start web, worker and jobs on the embedded default, with demo log-ins; Ctrl-C stops everything."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise ConfigurationError(
                "'up' is for trying on the embedded default. With BROKER_DATABASE_URL set, run each process as a "
                "service; the README says how."
            )
        port = options["port"]
        _require_free(port)
        folder = settings.BASE_DIR / "fixtures" / "demo"
        run_command(Process.OWNER, "make_keys")
        run_command(Process.OWNER, "prepare")
        enable_for_trial()
        run_command(Process.FEEDER, "import_subscribers", str(folder / "subscribers.csv"))
        run_command(Process.FEEDER, "import_plan", str(folder / "address_plan.csv"))
        run_command(Process.FEEDER, "import_leases", str(folder / "leases.csv"), *LEASES_COMPLETE)
        password = _password(settings.HOME / "demo-password")
        world = make_world(folder, settings.HOME / "recipients", password)
        with Supervisor(settings.HOME / "logs", say=self.stdout.write) as supervisor:
            start_workers(supervisor)
            start_web(supervisor, f"127.0.0.1:{port}")
            self._welcome(port, world, password)
            supervisor.run()

    def _welcome(self, port: int, world: World, password: str) -> None:
        self.stdout.write(f"\nThe broker is at http://localhost:{port}/ , for this machine only.")
        self.stdout.write(f"Every demo log-in has the password {password}")
        self.stdout.write(
            "and asks for a code, which 'manage.py totp NAME' tells you, or an app it shows how to set up."
        )
        for name, person in world.people.items():
            self.stdout.write(f"  {name:<12} {person.get_role_display()}, {person.organisation}")
        self.stdout.write(f"Secret keys of the demo recipients: {settings.HOME / 'recipients'}")
        self.stdout.write("The rules are drafts that no counsel has signed, enabled here for trying out only.")
        self.stdout.write("Orders to upload and data to ask for are in fixtures/demo. Ctrl-C stops everything.")
        self.stdout.flush()


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise ConfigurationError(f"Port {port} is taken or not ours to use. Name another: up --port N.") from None


def _password(file: Path) -> str:
    if not file.exists():
        write_private(file, secrets.token_urlsafe(9).encode())
    return file.read_text()
