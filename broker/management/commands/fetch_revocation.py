"""Fetch the revocation lists of all registered places, now."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from broker.orders.revocation_lists import FetchError, fetch_source
from broker.parties.court_trust import RevocationSource


class Command(BaseCommand):
    help = "Fetch the revocation lists of all registered places now; exit status 1 if one failed (process: jobs)."

    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        for source in RevocationSource.objects.filter(withdrawn_at=None):
            try:
                with transaction.atomic():
                    fetch_source(source.id)
            except FetchError as error:
                failed += 1
                self.stdout.write(f"{source.url}: {error}")
            else:
                self.stdout.write(f"{source.url}: fetched")
        if failed:
            sys.exit(1)
