"""Django's own command, which asks every store for the migrations of its own apps only."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from broker.databases import OWN_STORE


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        # In a walled-off store the migrations of all other apps change nothing (`StoreRouter`), and working that out
        # takes most of the time that migrating takes.
        if not options["app_label"] and options["database"] in OWN_STORE.values():
            [app] = [app for app, store in OWN_STORE.items() if store == options["database"]]
            options |= {"app_label": app, "run_syncdb": False}
        super().handle(*args, **options)
