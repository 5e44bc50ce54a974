"""Evidence as text, lines as typed, and what is asked about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from broker.intake.evidence_file import Sighting, read_evidence, written_time
from broker.intake.observation import parse_instant
from broker.intake.slips import Typed, compare

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def read(text: str, zone: str = "") -> list[Sighting]:
    return read_evidence(text.encode(), zone, NOW, max_bytes=2**20, allow_documentation=True)


def typed(text: str, address: str = "198.51.100.23", port: int | None = 50001, number: int = 1) -> Typed:
    instant = parse_instant(text, NOW)
    unit = timedelta(seconds=float(instant.unit))
    return Typed(number, address, port, instant.value, written_time(text), unit)


def codes(line: Typed, evidence: list[Sighting]) -> list[str]:
    return [finding.code for finding in compare([line], evidence)]
