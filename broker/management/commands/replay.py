"""Replay every stored assessment; or ask which of them today's packs would decide otherwise."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from broker.assessment.replaying import Otherwise, Reconsidered, Replayed, reconsider_all, replay_all
from legal_rules import ENGINE

_QUESTIONS = {
    "encoding": "On the day that governed then, today's packs decide otherwise (the encoding changed)",
    "today": "On {on}, today's packs decide otherwise (the law or its encoding changed, or a time limit ran out)",
}
_SHOWN_DIGESTS = 3
_PROGRESS_EVERY = 1_000


class Command(BaseCommand):
    help = (
        "Replay every stored assessment with the pack text it was made with: the same bytes have to come out, else "
        "exit status 1 (process: jobs). With --with-todays-packs: report what today's packs would decide otherwise."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--with-todays-packs", action="store_true", help="the second report; exit status 0")
        parser.add_argument("--on", metavar="DATE", help="the day that stands for today in the second report")
        parser.add_argument("--json", action="store_true", help="write one JSON document and no progress")

    def handle(self, *args: Any, **options: Any) -> None:
        self._quiet: bool = options["json"]
        if options["with_todays_packs"]:
            reconsidered = reconsider_all(_day(options["on"]), self._progress)
            self.stdout.write(_as_json(reconsidered) if self._quiet else "\n".join(_report(reconsidered)))
            return
        if options["on"]:
            raise CommandError("--on belongs to --with-todays-packs: a replay is as of the stored day.")
        found = replay_all(self._progress)
        self.stdout.write(_replayed_json(found) if self._quiet else "\n".join(_summary(found)))
        if found.different:
            sys.exit(1)

    def _progress(self, done: int, total: int) -> None:
        if not self._quiet and (done % _PROGRESS_EVERY == 0 or done == total):
            self.stderr.write(f"{done} of {total} records")


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else timezone.now().date()
    except ValueError:
        raise CommandError("--on takes a day such as 2026-11-01.") from None


def _summary(found: Replayed) -> Iterator[str]:
    for digest, code in found.different.items():
        yield f"{digest} differs [{code}]"
    for engine, count in sorted(found.other_engines.items()):
        yield f"{count} record(s) made by engine {engine}: not replayable by engine {ENGINE}"
    yield f"{found.total} record(s): {found.equal} the same byte for byte, {len(found.different)} different."


def _replayed_json(found: Replayed) -> str:
    return json.dumps(
        {
            "engine": ENGINE,
            "records": found.total,
            "equal": found.equal,
            "different": found.different,
            "other_engines": found.other_engines,
        },
        indent=2,
    )


def _report(found: Reconsidered) -> Iterator[str]:
    for question, title in _QUESTIONS.items():
        groups = [group for group in found.otherwise if group.question == question]
        yield f"{title.format(on=found.on)}: {sum(len(group.digests) for group in groups)} of {found.total} record(s)."
        for group in groups:
            yield ""
            yield from _group(group)
        yield ""
    for digest, code in found.unusable.items():
        yield f"{digest} could not be decided again [{code}]"


def _group(group: Otherwise) -> Iterator[str]:
    first, last = min(group.days), max(group.days)
    days = f"as of {first}" if first == last else f"as of {first} to {last}"
    yield f"Pack {group.pack}, {len(group.digests)} record(s) {days}: {group.comparison.to_text()}"
    if group.not_asked:
        yield f"  known then, not asked by today's pack: {', '.join(group.not_asked)}"
    if group.made_by != {ENGINE}:
        yield f"  made by engine {', '.join(sorted(group.made_by))}; a part of the difference may be the engine's"
    more = len(group.digests) - _SHOWN_DIGESTS
    yield f"  records: {', '.join(group.digests[:_SHOWN_DIGESTS])}" + (f" and {more} more" if more > 0 else "")


def _as_json(found: Reconsidered) -> str:
    return json.dumps(
        {
            "on": found.on.isoformat(),
            "engine": ENGINE,
            "records": found.total,
            "otherwise": [group.as_dict() for group in found.otherwise],
            "unusable": found.unusable,
        },
        indent=2,
        ensure_ascii=False,
    )
