"""Requests that the operator's RADIUS database answers: a hit is named, and while it is away nothing can be told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from broker.attribution.describe import describe_source
from broker.attribution.history_import import import_lines
from broker.attribution.logs.identity import holder_digest
from broker.audit.models import Event, StateMove
from broker.decisions.models import Tranche
from broker.intake.models import DisclosureRequest, State
from broker.leases.models import AddressPlan
from broker.outbox.models import OutboxRow
from tests.support.flow import Flow, civil_terms
from tests.support.holds import answered, filed, held
from tests.support.radius import TABLE, RadiusDatabase, radius_database

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

SEEN = datetime(2026, 9, 14, 19, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
HIT = {"address": "192.0.2.7", "observed_at": SEEN.isoformat()}
MISS = {"address": "192.0.2.8", "observed_at": SEEN.isoformat()}


@pytest.fixture
def radius(flow: Flow, settings: Any, tmp_path: Path) -> Iterator[RadiusDatabase]:
    """Tells of 192.0.2.0/24; one session of a subscriber of the demo, and somebody who came on line long after."""
    with radius_database() as made:
        made.run(TABLE)
        made.let_read()
        keys = django_settings.KEY_DIR
        made.point_settings_at(settings, tmp_path)
        settings.KEY_DIR = keys
        since = datetime(2024, 1, 1, tzinfo=UTC)
        source = describe_source("radius", new=True, in_place="radacct")
        AddressPlan.objects.create(prefix="192.0.2.0/24", from_at=since, sharing="dedicated", source=source)
        lines = b"identity,subscriber,from,to\nuser:line-1,s-4f1c90a7,2024-01-01T00:00:00Z,\n"
        import_lines(io.BytesIO(lines), now=timezone.now(), digest=holder_digest(keys), unit=HOUR)
        made.run(
            "INSERT INTO radacct (username, acctstarttime, acctupdatetime, acctsessiontime, framedipaddress)"
            " VALUES ('line-1', %s, %s, 14400, '192.0.2.7'), ('line-2', %s, %s, 0, '192.0.2.200')",
            SEEN - 2 * HOUR,
            SEEN + 2 * HOUR,
            SEEN + 48 * HOUR,
            SEEN + 48 * HOUR,
        )
        yield made


def traces(request: DisclosureRequest) -> dict[str, Any]:
    line, tranche = request.lines.get(), Tranche.objects.get(request=request)
    work = OutboxRow.objects.get(kind="release", subject_id=tranche.id)
    return {
        "states": list(StateMove.objects.filter(subject_id=line.id).order_by("id").values_list("new_state", flat=True)),
        "work": (work.done, work.tries, work.last_error, work.version),
        "events": Event.objects.filter(subject_id__in=(request.id, tranche.id)).count(),
    }


def approved(flow: Flow, line: dict[str, str]) -> DisclosureRequest:
    request = flow.file([line])
    flow.run()
    flow.attach(request, civil_terms([line]))
    flow.run()
    flow.approve(request)
    return request


def test_a_hit_and_a_miss_wait_alike_while_it_is_away_and_are_answered_when_it_is_back(
    flow: Flow, radius: RadiusDatabase, settings: Any
) -> None:
    settings.RADIUS_DATABASE_URL = "postgresql://reader@127.0.0.1:1/radius"
    hit, miss = approved(flow, HIT), approved(flow, MISS)
    flow.run()
    assert traces(hit) == traces(miss)
    assert {hit.lines.get().state, miss.lines.get().state} == {State.WAITING}
    settings.RADIUS_DATABASE_URL = radius.url
    OutboxRow.objects.filter(kind="release").update(next_at=timezone.now())
    flow.run()
    assert traces(hit) == traces(miss)
    (named,), (nobody,) = flow.answers(hit), flow.answers(miss)
    assert (named["reason"], nobody["reason"]) == ("unique", "no-holder")
    # The holder of the demo's hit, by its own log.
    known = flow.answers(flow.released([{"address": "198.51.100.23", "observed_at": HIT["observed_at"]}]))[0]
    assert named["subscriber"] == known["subscriber"]


def test_when_the_wait_is_over_both_are_answered_as_not_settled(
    flow: Flow, radius: RadiusDatabase, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RADIUS_DATABASE_URL = "postgresql://reader@127.0.0.1:1/radius"
    requests = [approved(flow, line) for line in (HIT, MISS)]
    flow.run()
    # The worker's clock is the database's.
    monkeypatch.setattr("broker.release.services._database_now", lambda: timezone.now() + 73 * HOUR)
    OutboxRow.objects.filter(kind="release").update(next_at=timezone.now())
    flow.run()
    assert traces(requests[0]) == traces(requests[1])
    for request in requests:
        (answer,) = flow.answers(request)
        assert (answer["outcome"], answer["reason"], answer["subscriber"]) == ("not-identified", "not-settled", {})


def test_a_held_line_is_answered_after_its_rows_were_cleaned_up(
    flow: Flow, radius: RadiusDatabase, settings: Any
) -> None:
    requests = [filed(flow, line) for line in (HIT, MISS)]
    for request in requests:
        held(flow, request)
    radius.run("DELETE FROM radacct WHERE acctstarttime < %s", SEEN + HOUR)
    settings.RADIUS_COMPLETE_FROM = SEEN + HOUR
    found = [answered(flow, request, [line])[0]["reason"] for request, line in zip(requests, (HIT, MISS), strict=True)]
    assert found == ["unique", "no-holder"]
    (answer,) = flow.answers(flow.released([HIT]))
    assert answer["reason"] == "collection-gap"
