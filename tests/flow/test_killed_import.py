"""Imports killed by SIGKILL wherever it hurts, and run again, leave what undisturbed ones leave."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.core.management import call_command

from broker.audit.models import Event
from broker.leases.models import LeaseImport
from tests.support.deployment import nobody_else_connected, until
from tests.support.killed_imports import Feeder, forget_everything, stored
from tests.support.lease_files import HEADER
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"], transaction=True)

# The processes read the real clock, and what is older than a year is not stored.
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=40)
RADIUS = ("--format", "radius-detail", "--source", "radius")


@pytest.fixture
def feeder(tmp_path: Path, settings: Any) -> Iterator[Feeder]:
    kept = Feeder(tmp_path)
    settings.KEY_DIR = kept.keys
    yield kept
    # A killed process leaves its session behind until the server notices; the test database cannot go before.
    until(nobody_else_connected)


def sessions(seed: int, records: int) -> bytes:
    """A log of accounting of two devices with lost, repeated and broken records; some sessions stay open."""
    dice = Random(seed)
    found: list[tuple[datetime, str]] = []
    number = 0
    while len(found) < records:
        number += 1
        begin = DAY + timedelta(seconds=dice.randrange(30 * 86_400))
        length = timedelta(seconds=dice.randrange(300, 200_000))
        what = (f"s{number}", f"line-{dice.randrange(500)}", f"198.51.{dice.randrange(100, 102)}.{dice.randrange(256)}")
        for status, share in (("Start", 0.0), ("Interim-Update", 0.5), ("Stop", 1.0)):
            if dice.random() < 0.1:
                continue
            moment = begin + length * share
            seconds = None if status == "Start" else int(length.total_seconds() * share)
            stamp = moment - timedelta(seconds=number % 5)
            text = packet(moment, status, *what, seconds, nas=f"192.0.2.{number % 2}", stamp=stamp)
            found += [(moment, text)] * (2 if dice.random() < 0.05 else 1)
        if dice.random() < 0.02:
            found.append((begin, "no record at all\n\n"))
    return "".join(text for _, text in sorted(found, key=lambda pair: pair[0])).encode()


def leases(seed: int, rows: int) -> str:
    dice = Random(seed)
    lines = [HEADER]
    for number in range(rows):
        begin = DAY + timedelta(seconds=dice.randrange(30 * 86_400))
        end = begin + timedelta(seconds=dice.randrange(60, 400_000))
        until_text = "" if dice.random() < 0.1 else f"{end:%Y-%m-%dT%H:%M:%SZ}"
        first = 1024 + 512 * (number % 100)
        ports = "," if dice.random() < 0.5 else f"{first},{first + 511}"
        times = f"{begin:%Y-%m-%dT%H:%M:%SZ},{until_text}"
        lines.append(f"198.51.100.{dice.randrange(256)},{ports},{times},s-{number},business")
    return "\n".join([*lines, ""])


def told() -> dict[str, set[int]]:
    """How many records or rows the events say were imported, of what is in the store."""
    kept = Event.objects.filter(subject_id__in=list(LeaseImport.objects.values_list("key", flat=True)))
    found: dict[str, set[int]] = {}
    for event in kept:
        found.setdefault(event.kind, set()).add(event.body.get("records", event.body.get("rows")))
    return found


def undisturbed(*arguments: object) -> dict[str, list[Any]]:
    """What an undisturbed import leaves; the store is empty again afterwards."""
    call_command("import_leases", *map(str, arguments), stdout=StringIO())
    expected = stored()
    forget_everything()
    return expected


def check(expected: dict[str, list[Any]]) -> None:
    """The store is as expected, and events speak of every record in it."""
    found = stored()
    for what, rows in expected.items():
        assert found[what] == rows, what
    records = {counts["records"] for _, _, _, counts, _ in expected["progress"]}
    whole = {number for _, number, _, _ in expected["files"] if number is not None}
    assert told().get("lease-log:read", set()) >= records
    assert told().get("lease-import:stored", set()) == whole


def test_a_log_killed_in_its_transaction_and_before_its_event(tmp_path: Path, settings: Any) -> None:
    feeder = Feeder(tmp_path, fork=True)
    settings.KEY_DIR = feeder.keys
    log = tmp_path / "detail"
    log.write_bytes(sessions(1, 400))
    expected = undisturbed(log, *RADIUS)
    assert expected["open"]
    assert expected["rejects"]
    assert expected["clocks"]
    for table in ("lease_import", "open_lease", "log_holding", "log_reject", "lease_source_day"):
        assert feeder.kill_before(f"LOCK TABLE {table} IN SHARE MODE", log, *RADIUS)
        assert stored()["open"] == []
    assert feeder.kill_before("LOCK TABLE event IN SHARE MODE", log, *RADIUS, alias="default")
    # Everything is in, and the process that brought it died before it could say so.
    assert told() == {}
    feeder.finish(log, *RADIUS)
    check(expected)


def test_a_file_killed_before_its_commit_is_not_there_and_comes_again(tmp_path: Path) -> None:
    feeder = Feeder(tmp_path, fork=True)
    file = tmp_path / "leases.csv"
    file.write_text(leases(1, 300))
    expected = undisturbed(file)
    for table, alias in (("lease_holder", "leases"), ("open_lease", "leases"), ("event", "default")):
        assert feeder.kill_before(f"LOCK TABLE {table} IN SHARE MODE", file, alias=alias)
        assert stored()["files"] == stored()["leases"] == []
    feeder.finish(file)
    check(expected)


def test_the_process_of_the_feeder_may_store_what_an_import_stores(feeder: Feeder, tmp_path: Path) -> None:
    log, file = tmp_path / "detail", tmp_path / "leases.csv"
    log.write_bytes(sessions(2, 60))
    file.write_text(leases(2, 30))
    call_command("import_leases", str(file), stdout=StringIO())
    expected = undisturbed(log, *RADIUS)
    feeder.finish(file)
    feeder.finish(log, *RADIUS)
    check(expected)


@pytest.mark.long
@pytest.mark.parametrize("seed", [11, 12])
def test_a_log_on_standard_input_killed_anywhere(feeder: Feeder, tmp_path: Path, seed: int) -> None:
    dice = Random(seed)
    # More than two chunks, so that some of it is stored already when the later kills come.
    data = sessions(seed, 45_000)
    log = tmp_path / "log"
    log.write_bytes(data)
    feeder.finish("-", *RADIUS, stdin=log)
    expected = stored()
    forget_everything()
    for kill in range(8):
        match kill % 4:
            case 0:
                killed = feeder.kill_fed(data[: dice.randrange(len(data))], "-", *RADIUS)
            case 1:
                table = dice.choice(["open_lease", "log_holding", "log_reject", "lease_holder", "lease"])
                killed = feeder.kill_before(f"LOCK TABLE {table} IN SHARE MODE", "-", *RADIUS, stdin=log)
            case 2:
                killed = feeder.kill_before("LOCK TABLE event IN SHARE MODE", "-", *RADIUS, stdin=log, alias="default")
            case _:
                killed = feeder.kill_after(dice.random() * 3, "-", *RADIUS, stdin=log)
        if not killed:
            # It had come to its end in spite of those before, so another round begins.
            check(expected)
            forget_everything()
    feeder.finish("-", *RADIUS, stdin=log)
    assert feeder.kills >= 4
    check(expected)


@pytest.mark.long
def test_a_folder_that_is_followed_killed_anywhere(feeder: Feeder, tmp_path: Path) -> None:
    dice = Random(21)
    folder = tmp_path / "logs"
    folder.mkdir()
    records = sessions(21, 6_000).decode().split("\n\n")
    files = [folder / f"detail.{number}" for number in range(4)]
    for number, file in enumerate(files):
        part = records[number * len(records) // 4 : (number + 1) * len(records) // 4]
        file.write_text("\n\n".join(filter(None, part)) + "\n\n")
        os.utime(file, ns=(number * 10**9, number * 10**9))
    expected = undisturbed(folder, *RADIUS)
    # The last file grows while it is followed.
    whole = files[-1].read_bytes()
    for kill in range(1, 9):
        files[-1].write_bytes(whole[: len(whole) * kill // 9])
        os.utime(files[-1], ns=(10 * 10**9, 10 * 10**9))
        assert feeder.kill_after(dice.random() * 3, folder, *RADIUS, "--follow")
    files[-1].write_bytes(whole)
    feeder.finish(folder, *RADIUS)
    check(expected)


@pytest.mark.long
def test_a_large_file_killed_anywhere(feeder: Feeder, tmp_path: Path) -> None:
    dice = Random(31)
    file = tmp_path / "leases.csv"
    file.write_text(leases(31, 60_000))
    expected = undisturbed(file)
    for _ in range(8):
        if not feeder.kill_after(dice.random() * 4, file):
            check(expected)
            forget_everything()
    feeder.finish(file)
    check(expected)
