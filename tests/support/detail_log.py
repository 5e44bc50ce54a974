"""A RADIUS detail log in memory: its records, its reading, the contracts of its lines, and what it answers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from broker.attribution.history_import import import_lines
from broker.attribution.log_counts import LogReport
from broker.attribution.log_import import import_log
from broker.attribution.logs.formats import Told
from broker.attribution.logs.identity import HolderDigest
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Provenance, Verdict
from broker.leases.models import LeaseSource
from tests.support.lease_files import NOW
from tests.support.log_lines import packet

DAY = datetime(2026, 9, 14, tzinfo=UTC)
DIGEST = HolderDigest(b"a key of the tests")
HOUR = timedelta(hours=1)


def log(*records: str) -> io.BytesIO:
    return io.BytesIO("".join(records).encode())


def read(stream: BinaryIO, **changes: Any) -> LogReport:
    """Read a log. shows_within: how soon its source shows every holding, by default at once; None: as nobody said."""
    shows_within = changes.pop("shows_within", timedelta())
    options: dict[str, Any] = {
        "place": "detail",
        "source": "radius",
        "format_name": "radius-detail",
        "told": Told(),
        "digest": DIGEST,
        "provenance": Provenance.BUSINESS,
        "clock": lambda: NOW,
        "keep": timedelta(days=365),
    }
    options |= changes
    report = import_log(stream, **options)
    if shows_within is not None:
        LeaseSource.objects.filter(name=options["source"]).update(shows_within=shows_within)
    return report


def ask(address: str, at: datetime, port: int | None = None) -> Verdict:
    return ask_all(address, [at], port)[0]


def ask_all(address: str, moments: Sequence[datetime], port: int | None = None) -> list[Verdict]:
    asked = [Observation(str(n), address, port, at) for n, at in enumerate(moments)]
    found = attribute(asked, tolerance=timedelta(seconds=10), now=NOW)
    return [found[one.key] for one in asked]


def contracts(*rows: str) -> None:
    file = io.BytesIO("\n".join(["identity,subscriber,from,to", *rows, ""]).encode())
    import_lines(file, now=NOW, digest=DIGEST, unit=timedelta(seconds=1))


def two_sessions() -> list[str]:
    """line-1 from 06:00 to 09:00, line-2 from 10:00 on, then others, so that the log is settled until 13:00."""
    at = [DAY + n * HOUR for n in range(24)]
    return [
        packet(at[6], "Start", "s1", "line-1", "198.51.100.7"),
        packet(at[8], "Interim-Update", "s1", "line-1", "198.51.100.7", 7200),
        packet(at[9], "Stop", "s1", "line-1", "198.51.100.7", 10800),
        packet(at[10], "Start", "s2", "line-2", "198.51.100.7"),
        packet(at[12], "Interim-Update", "s2", "line-2", "198.51.100.7", 7200),
        packet(at[14], "Interim-Update", "s2", "line-2", "198.51.100.7", 14400),
    ]
