"""Give an account another role, also one that decides; here and nowhere else."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from broker.management.commands.invite import account
from broker.parties.accounts import change_role
from broker.parties.models import Role


class Command(BaseCommand):
    help = "Give an account another role of its kind of organisation; all its sessions end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name")
        parser.add_argument("role", choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        change_role(account(options["name"]), options["role"], by=None)
