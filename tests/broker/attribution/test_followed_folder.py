"""A folder that is followed goes on being read whatever becomes of one of its files."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from broker.errors import InputError
from broker.leases.models import LogProgress
from broker.management.commands import import_leases
from tests.support.detail_log import DAY, HOUR
from tests.support.lease_files import OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])


def records(first: int, last: int) -> list[str]:
    """More than a log is recognised by: hourly sights of somebody."""
    return [
        packet(DAY + n * HOUR / 10, "Interim-Update", f"s{n}", "line-1", "198.51.100.7", 60) for n in range(first, last)
    ]


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    plan(*OURS)
    settings.KEY_DIR = tmp_path / "keys"
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "detail").write_text("".join(records(0, 60)))
    return folder


def follow(place: Path, monkeypatch: pytest.MonkeyPatch, *rounds: Callable[[], object]) -> tuple[str, str]:
    """Follow a place; between its rounds these things happen, and after the last round somebody stops it."""
    left = list(rounds)

    def sleep(_: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr(time, "sleep", sleep)
    out, err = StringIO(), StringIO()
    with pytest.raises(KeyboardInterrupt):
        call_command(
            "import_leases", str(place), "--format=radius-detail", "--source=r", "--follow", stdout=out, stderr=err
        )
    return out.getvalue(), err.getvalue()


def read_of(name: str) -> int:
    return sum(int(log.counts["records"]) for log in LogProgress.objects.all() if Path(log.place).name == name)


def test_a_file_that_is_emptied_behind_our_back_does_not_stop_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def truncate() -> None:
        (folder / "detail").write_text("".join(records(0, 30)))
        (folder / "other").write_text("".join(records(100, 140)))

    _, said = follow(folder, monkeypatch, truncate, lambda: None)
    assert read_of("other") == 40
    # Once, although it was tried in each round.
    assert said.count("shorter") == said.count(str(folder / "detail")) == 1
    assert "tried again" in said


def test_what_was_refused_is_read_once_it_can_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short() -> None:
        (folder / "detail").write_text("".join(records(0, 30)))

    def whole() -> None:
        (folder / "detail").write_text("".join(records(0, 70)))

    follow(folder, monkeypatch, short, whole)
    assert read_of("detail") == 70


def test_a_file_that_is_renamed_between_listing_and_opening_is_read_under_its_new_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a").write_text("".join(records(100, 140)))
    read = import_leases.Command._log
    rotated: list[Path] = []

    def rotate_before(self: Any, file: Path, options: dict[str, Any]) -> None:
        if file.name == "detail" and not rotated:
            rotated.append(file.rename(folder / "detail.1"))
        read(self, file, options)

    monkeypatch.setattr(import_leases.Command, "_log", rotate_before)
    follow(folder, monkeypatch, lambda: None)
    assert (read_of("detail.1"), read_of("a")) == (60, 40)


def test_a_single_file_that_is_rotated_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "detail"

    def rotate() -> None:
        file.rename(folder / "detail.1")

    _, said = follow(file, monkeypatch, rotate, lambda: file.write_text("".join(records(60, 120))))
    assert said.count(str(file)) == 1
    assert read_of("detail") == 120


def test_what_can_never_be_read_stops_at_once(folder: Path) -> None:
    for changes in (("--device=d1",), ("--zone=Nowhere/At_All",)):
        with pytest.raises((InputError, CommandError)):
            call_command("import_leases", str(folder), "--format=radius-detail", "--source=r", "--follow", *changes)
    with pytest.raises(CommandError):
        call_command("import_leases", str(folder / "none"), "--format=radius-detail", "--source=r", "--follow")
