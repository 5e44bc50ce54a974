"""The two import commands, on the files of the demo: what they store, and what they say."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Provenance, Reason, Verdict
from broker.crypto.epochs import EpochPrivateKey, new_epoch, save_public
from broker.errors import InputError
from broker.identities.services import open_identities
from broker.intake.observation import parse_address, parse_instant
from broker.leases.models import Lease, OddBlock, OpenLease, PortBlock
from tests.support.lease_files import HEADER

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

DEMO = Path(__file__).resolve().parents[3] / "fixtures" / "demo"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def epoch(tmp_path: Path, settings: object) -> EpochPrivateKey:
    key = new_epoch(1)
    save_public(key.public, tmp_path / "epoch.public")
    settings.KEY_DIR = tmp_path  # type: ignore[attr-defined]  # pytest-django's wrapper has no type
    return key


def run(command: str, *arguments: object) -> str:
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out)
    return out.getvalue()


def test_says_how_many_rows_went_in_and_that_none_was_lost() -> None:
    said = run("import_leases", DEMO / "leases.csv")
    rows = len((DEMO / "leases.csv").read_text().splitlines()) - 1
    assert f"{rows} rows read, {rows} stored, 0 rejected." in said
    assert "complete from 2026-08-30T00:00:00+00:00 until 2026-11-01T00:00:00+00:00" in said
    assert "overlap" not in said
    tables = (Lease, PortBlock, OddBlock, OpenLease)
    # One row that goes over the end of a month is two in the store.
    assert len({pos for table in tables for pos in table.objects.values_list("source_pos", flat=True)}) == rows


def test_says_that_a_file_was_imported_before() -> None:
    run("import_leases", DEMO / "leases.csv")
    assert "nothing was stored again" in run("import_leases", DEMO / "leases.csv")


def test_says_which_lines_overlap(tmp_path: Path) -> None:
    path = tmp_path / "leases.csv"
    row = "198.51.100.23,,,2026-09-14T00:00:00Z,2026-09-15T00:00:00Z,s-{},business"
    path.write_text("\n".join([HEADER, row.format(1), row.format(2), ""]))
    said = run("import_leases", path, "--source", "dhcp-1", "--complete-until", "2026-10-01T00:00:00Z")
    assert "2 rows overlap rows of other subscribers" in said
    assert "lines 2, 3." in said
    assert "Source dhcp-1 is complete" in said


def test_refuses_a_span_without_an_offset() -> None:
    with pytest.raises(InputError) as caught:
        run("import_leases", DEMO / "leases.csv", "--complete-until", "2026-10-01 00:00")
    assert [(p.field, p.code) for p in caught.value.problems] == [("complete-until", "ZONE_MISSING")]


@pytest.mark.parametrize("command", ["import_leases", "import_subscribers"])
def test_says_that_a_file_cannot_be_read(command: str, tmp_path: Path, epoch: EpochPrivateKey) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run(command, tmp_path / "nothing.csv")


def demo(address: str, instant: str, port: int | None = None) -> Verdict:
    text = str(parse_address(address, allow_documentation=True))
    at = parse_instant(instant, NOW)
    observation = Observation("q", text, port, at.value, at.unit)
    return attribute([observation], tolerance=timedelta(seconds=60), now=NOW)["q"]


def test_the_demo_leases_answer_the_demo_cases() -> None:
    assert run("import_plan", DEMO / "address_plan.csv").startswith("3 rows added, 0 ended, 0 known")
    run("import_leases", DEMO / "leases.csv")
    for instant in ("2026-09-14T00:03:00Z", "2026-09-14T21:17:03+02:00", "2026-09-14T23:59:00Z"):
        verdict = demo("198.51.100.23", instant)
        assert (verdict.subscriber, verdict.provenance) == ("s-4f1c90a7", Provenance.BUSINESS)
    assert demo("198.51.100.77", "2026-09-14T21:17:03+02:00").subscriber == "s-9a26d3c5"
    assert demo("198.51.100.77", "2026-09-14T04:09:47Z").subscriber == "s-9a26d3c5"
    assert demo("2001:db8:41:7::5c", "2026-10-02T12:00:00+02:00").subscriber == "s-3e7fb095"
    shared = "2026-09-18T22:41:10+02:00"
    assert demo("203.0.113.7", shared).reasons == {Reason.PORT_REQUIRED}
    assert demo("203.0.113.7", shared, 20600).subscriber == "s-5be0174c"
    assert demo("203.0.113.7", shared, 21001).subscriber == "s-c21f8d90"
    assert demo("203.0.113.7", shared, 21600).reasons == {Reason.CHANGE_IN_WINDOW, Reason.PARTIAL_COVER}
    assert demo("198.51.100.24", "2026-09-14T21:17:03+02:00").subscriber is None


def test_every_subscriber_of_the_demo_leases_is_sealed_and_opens(epoch: EpochPrivateKey) -> None:
    assert "14 rows read, 14 stored, 0 rejected." in run("import_subscribers", DEMO / "subscribers.csv")
    assert "nothing was stored again" in run("import_subscribers", DEMO / "subscribers.csv")
    with (DEMO / "leases.csv").open(encoding="utf-8") as file:
        references = {row["subscriber"] for row in csv.DictReader(file)}
    opened = open_identities(
        references, epoch_private=epoch, isp=settings.OPERATOR_ID, categories={"name", "postal-address"}
    )
    assert set(opened) == references
    with (DEMO / "subscribers.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            expected = {"name": row["name"], "postal-address": row["postal-address"]}
            assert opened[row["subscriber"]].values == expected


LOGS = Path(__file__).resolve().parents[3] / "fixtures" / "logs"


def test_a_log_is_imported_by_its_format_and_read_on_when_it_has_grown(tmp_path: Path, settings: Any) -> None:
    settings.KEY_DIR, settings.LEASE_RETENTION_DAYS = tmp_path / "keys", 20 * 365
    folder = tmp_path / "logs"
    folder.mkdir()
    data = (LOGS / "kea_forensic" / "good.txt").read_bytes()
    records = data.count(b"\n")
    (folder / "kea.log").write_bytes(data[: data.index(b"\n") + 1])
    options = ("--format", "kea-forensic", "--source", "kea", "--device", "dhcp1", "--holder", "remote-id")
    assert "1 records read, 1 since the beginning" in run("import_leases", folder, *options)
    (folder / "kea.log").write_bytes(data)
    assert f"{records - 1} records read, {records} since the beginning" in run("import_leases", folder, *options)
    assert f"0 records read, {records} since the beginning" in run("import_leases", folder, *options)


def test_refusals_are_counted_by_code_and_each_is_explained(tmp_path: Path, settings: Any) -> None:
    settings.KEY_DIR = tmp_path / "keys"
    path = tmp_path / "detail"
    path.write_text("no record\n\n" * 3)
    said = run("import_leases", path, "--format", "radius-detail", "--source", "radius")
    assert "3 refusals" in said
    assert "  3 x " in said


def test_a_zone_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nat.log"
    path.write_text("x\n")
    with pytest.raises(CommandError, match="IANA"):
        run("import_leases", path, "--format", "cgn-a10", "--source", "nat", "--zone", "Nowhere/At_All")
