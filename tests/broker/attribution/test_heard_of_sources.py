"""What logs kept of the clocks of their devices, before their source did, is not lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connections

from broker.attribution.logs.clocks import ClockState, PutBack
from broker.leases.models import LeaseImport, LogProgress
from broker.leases.services import source_named

DAY = datetime(2026, 9, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.django_db(databases=["default", "leases"])
def test_what_each_log_kept_is_taken_over_by_its_source() -> None:
    clocks = [(DAY + n * HOUR).isoformat() for n in range(4)]
    source = source_named("radius")
    source.clocks = {"a": clocks[2], "b": clocks[2]}
    source.save(using="leases")
    old = {
        "ahead": {"a": clocks[1], "b": clocks[2]},
        "back": {"c": [clocks[3], 7200.0, clocks[1]], "d": [clocks[3], -3600.0, clocks[0]]},
        "leaps": {"a": [[clocks[0], clocks[2]]]},
        "rhythms": {"a": [600.0, 3]},
        "longest": 3600.0,
    }
    newer = {"rhythms": {"a": [1800.0, 1]}, "longest": 60.0, "back": {"d": [clocks[3], 0.0, clocks[2]]}}
    for counts in (old, newer, {}):
        log = LeaseImport.objects.using("leases").create(source=source, started_at=DAY)
        LogProgress.objects.using("leases").create(
            log=log,
            format="radius-detail",
            place="",
            head_bytes=0,
            head_sha256="",
            reader={},
            offset=0,
            counts=counts,
            updated_at=DAY,
        )
    migration = import_module("broker.leases.migrations.0013_clocks_and_rhythms_are_of_the_source")
    with connections["leases"].schema_editor() as editor:
        migration.take_over(apps, editor)
    source.refresh_from_db()
    assert source.heard["rhythms"] == {"a": [1800.0, 1]}
    assert ClockState.from_json(source.heard) == ClockState(
        ahead={"b": DAY + 2 * HOUR},
        leaps={"a": [(DAY, DAY + 2 * HOUR)]},
        back={"c": PutBack(DAY + 3 * HOUR, DAY + HOUR, [2 * HOUR]), "d": PutBack(DAY + 3 * HOUR, DAY + 2 * HOUR, [])},
        longest=HOUR,
    )
