"""Play the demo: whole cases through the real services and real worker processes."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from broker.assessment.enabling import enable_for_trial
from broker.databases import Process
from broker.demo.play import Played, play
from broker.demo.world import LEASES_COMPLETE, DemoError, make_world
from broker.processes import run_command, start_workers
from broker.supervise import Supervisor


class Command(BaseCommand):
    help = "Play the cases of a demo folder from request to opened package, in stores of its own, and narrate them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", type=Path, metavar="FILE", help="write what came of each case")
        parser.add_argument(
            "--fixtures",
            type=Path,
            metavar="DIR",
            default=settings.BASE_DIR / "fixtures" / "demo",
            help="play another folder of the same form as fixtures/demo",
        )
        parser.add_argument(
            "--output",
            type=Path,
            metavar="DIR",
            help="keep the packages, the recipients' keys and the operator's certificate",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder, output = options["fixtures"], options["output"]
        cases = sorted((folder / "cases").glob("*.toml"))
        if not cases:
            raise DemoError("The demo folder has no cases/*.toml.")
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
        if options["json"] is not None:
            # Now rather than after the last case, should it not be possible.
            options["json"].write_text("")
        self._say("Starting PostgreSQL, the release worker and the jobs, all on this machine only ...")
        run_command(Process.OWNER, "make_keys")
        run_command(Process.OWNER, "prepare")
        for release in enable_for_trial():
            self._say(f"Rules '{release.pack}' are a draft. {release.signed_by}; enabled {release.signed_as}.")
        run_command(Process.FEEDER, "import_subscribers", str(folder / "subscribers.csv"))
        run_command(Process.FEEDER, "import_plan", str(folder / "address_plan.csv"))
        run_command(Process.FEEDER, "import_leases", str(folder / "leases.csv"), *LEASES_COMPLETE)
        with Supervisor(settings.HOME / "logs", say=self._say) as supervisor:
            start_workers(supervisor)
            world = make_world(folder, settings.HOME / "recipients", secrets.token_urlsafe(16))
            played = [play(folder, file, world, self._say, output) for file in cases]
        self._table(played)
        if output is not None:
            shutil.copy(settings.KEY_DIR / "seal.crt", output / "operator.crt")
            for file in world.identities.values():
                shutil.copy(file, output / file.name)
        if options["json"] is not None:
            options["json"].write_text(json.dumps({"cases": [p.as_dict() for p in played]}, indent=2) + "\n")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _table(self, played: list[Played]) -> None:
        self._say(f"\n{'case':<16} {'outcome':<16} {'state':<12} what was released, or why nothing")
        for p in played:
            what = ", ".join(p.released_categories or p.grounds)
            self._say(f"{p.id:<16} {p.outcome:<16} {p.state:<12} {what}")
