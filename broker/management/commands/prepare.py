"""Bring all three stores to the present schema and grants."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections, transaction

from broker.assessment.enabling import say_whether_trials_count
from broker.grants import apply_grants


class Command(BaseCommand):
    help = "Apply the migrations of all three stores, then the rights of every process (process: owner)."

    def handle(self, *args: Any, **options: Any) -> None:
        for alias in connections:
            call_command("migrate", database=alias, verbosity=0, interactive=False)
            with transaction.atomic(using=alias):
                apply_grants(connections[alias])
        say_whether_trials_count()
        self.stdout.write("All stores are up to date.")
