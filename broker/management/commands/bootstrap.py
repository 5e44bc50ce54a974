"""Make the roles and databases on a server."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from broker.bootstrap import bootstrap_server, conninfo_of
from broker.databases import ALIASES, Process, place_of
from broker.errors import ConfigurationError


class Command(BaseCommand):
    help = "Make the database roles, their password files and the three databases (README, step 1)."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.EMBEDDED:
            # Every command that starts the embedded server does it first.
            self.stdout.write("The embedded server has its roles and databases. Next: manage.py prepare")
            return
        for conninfo, names in _servers().items():
            for line in bootstrap_server(conninfo, names, settings.PASSWORD_DIR):
                self.stdout.write(line)
        self.stdout.write("Move each password file to its process. Next: manage.py prepare")


def _servers() -> dict[str, dict[str, str]]:
    """The servers to make things on: connection string -> alias -> database name."""
    servers: dict[str, dict[str, str]] = defaultdict(dict)
    for alias in ALIASES[Process.OWNER]:
        url = settings.BOOTSTRAP_URLS.get(alias) or settings.BOOTSTRAP_URLS.get("default")
        if not url:
            raise ConfigurationError(
                "Set BROKER_BOOTSTRAP_URL to postgresql://user:password@host:5432/postgres, naming somebody who may "
                "create roles and databases there. It is needed for this command only."
            )
        place = place_of(alias, settings.DATABASE_URLS, None)
        servers[conninfo_of(place, url)][alias] = place["NAME"]
    return servers
