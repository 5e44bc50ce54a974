"""What is known of a place: whether it is in the Union, and how a moment is said there, in UTC and in its courts' zone.

A mistyped day of the month is seen by its day of the week, and a mistaken hour by its offset.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from broker.intake.evidence_file import written_time

# The zone in which a court of a place reads its clocks. A place that is not listed is shown in UTC only, never guessed.
COURT_ZONES: dict[str, str] = {"es": "Europe/Madrid"}

# The Union's member states on 21 November 2026, by the codes of ISO 3166. A place that is not listed is none.
MEMBER_STATES = frozenset(
    {"at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu"}
    | {"ie", "it", "lt", "lu", "lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk"}
)

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def court_zone(jurisdiction: str) -> ZoneInfo | None:
    """The zone of the courts of a place, None where it is not known."""
    name = COURT_ZONES.get(jurisdiction)
    return None if name is None else ZoneInfo(name)


def say_moment(at: datetime, zone: ZoneInfo | None) -> tuple[str, str]:
    """Say an aware instant in UTC and in a zone ("" where none is known), each with day of the week and offset."""
    in_utc = at.astimezone(UTC)
    if zone is None:
        return f"{_text(in_utc)} UTC", ""
    local = at.astimezone(zone)
    return f"{_text(in_utc)} UTC", f"{_text(local)} {offset_text(local)}"


def say_written(text: str, at: datetime) -> str:
    """Say a moment as it was typed: with its own offset, and with the day of the week that nobody typed.

    text: as `parse_instant` took it; at: the instant that it was read as.
    """
    local = written_time(text)
    offset = local - at.astimezone(UTC).replace(tzinfo=None)
    return f"{_text(local)} {offset_text(local.replace(tzinfo=timezone(offset)))}"


def read_as(text: str, at: datetime, zone: ZoneInfo | None) -> dict[str, str]:
    """Give a typed moment back as it was read: as written, in UTC, and in a zone ("" where none is known)."""
    utc, local = say_moment(at, zone)
    return {"written": say_written(text, at), "utc": utc, "local": local}


def offset_text(at: datetime) -> str:
    """Write the offset of an aware instant from UTC, such as +02:00."""
    minutes = int((at.utcoffset() or timedelta()).total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _text(at: datetime) -> str:
    written = at.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds" if at.microsecond else "seconds")
    return f"{_DAYS[at.weekday()]} {written}"
