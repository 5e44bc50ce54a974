"""Register organisations, people and certificates from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from broker.parties.accounts import invite
from broker.parties.register import register_parties


class Command(BaseCommand):
    help = "Register what a TOML file like fixtures/demo/parties.toml names; prints an invitation for each new person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            registered = register_parties(options["file"])
            codes = {name: invite(registered.people[name], by=None) for name in registered.made}
        self.stdout.write(f"{len(registered.organisations)} organisations, {len(registered.people)} people known.")
        if codes:
            self.stdout.write("Give each new person their code, over a way you trust; it works once, for 7 days, at")
            self.stdout.write("/invitation/ of this server. It is kept nowhere.")
        for name, code in codes.items():
            self.stdout.write(f"  {name}: {code}")
