"""Say whether the RADIUS database can be asked in place, and what it costs."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from broker.attribution.radius_check import check_radius
from broker.attribution.radius_connection import radius_connection


class Command(BaseCommand):
    help = (
        "Look at the RADIUS database without changing it; exit status 1 if something is to be mended (process: worker)."
    )
    # Nothing of the other databases is needed, and it may be run before they are there.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        with radius_connection() as connection:
            found = check_radius(connection)
        for finding in found.findings:
            self.stdout.write(finding)
        for fault in found.faults:
            self.stdout.write(f"TO MEND: {fault}")
        if found.faults:
            sys.exit(1)
