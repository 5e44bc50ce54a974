"""Invite somebody to take an account that exists, anew if its password or second factor is lost."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from broker.errors import NotFound
from broker.parties.accounts import invite
from broker.parties.models import User


def account(name: str) -> User:
    """Find an account by its user name; raises NotFound."""
    if (user := User.objects.filter(username=name).first()) is None:
        raise NotFound("There is no account of this name. 'manage.py register_parties' makes accounts.")
    return user


class Command(BaseCommand):
    help = "Print a code that lets somebody take an account, once; what opened the account before stops doing so."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(invite(account(options["name"]), by=None))
