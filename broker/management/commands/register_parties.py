"""Register organisations, people and certificates from a file."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from broker.parties.register import register_parties


class Command(BaseCommand):
    help = "Register what a TOML file like fixtures/demo/parties.toml names; prints new people's first passwords."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        passwords: dict[str, str] = {}

        def new_password(username: str) -> str:
            return passwords.setdefault(username, secrets.token_urlsafe(12))

        registered = register_parties(options["file"], new_password)
        self.stdout.write(f"{len(registered.organisations)} organisations, {len(registered.people)} people known.")
        for username in registered.made:
            self.stdout.write(f"  {username}: first password {passwords[username]}")
