"""Whatever packets are lost, radacct names nobody who did not hold the address, and says "nobody" only if that is true.

The table is kept by the rules of FreeRADIUS's shipped queries, played in Python over invented histories.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import event, given
from hypothesis import strategies as st

from broker.attribution.radacct_rows import Row, intervals_of
from broker.attribution.resolve import Ground, Interval, Window, resolve
from broker.attribution.spans import ALWAYS
from broker.attribution.verdict import Resolution

DAY = datetime(2026, 9, 18, tzinfo=UTC)
EVERY = 30


def at(minutes: int) -> datetime:
    return DAY + timedelta(minutes=minutes)


class Session(NamedTuple):
    """Minutes of the day: `line` held the address from begin to end; the Stop came `late` minutes after the end."""

    line: str
    nas: str
    begin: int
    end: int
    late: int
    cause: str


@dataclass
class Entry:
    """One row of the table; minutes."""

    line: str
    nas: str
    start: int
    update: int
    stop: int | None = None
    interval: int | None = None
    seconds: int | None = 0
    cause: str | None = None


class Packet(NamedTuple):
    at: int
    kind: str
    session: int


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Session], list[tuple[int, str]], set[Packet], bool]:
    """Sessions one after the other on one address, restarts of their NAS, the packets that arrived."""
    sessions, now = [], 0
    restarts: list[tuple[int, str]] = []
    for _ in range(draw(st.integers(1, 4))):
        begin = now + draw(st.integers(0, 100))
        end = begin + draw(st.integers(1, 200))
        line, nas = draw(st.sampled_from(["line-1", "line-2"])), draw(st.sampled_from(["nas-1", "nas-2"]))
        cause = draw(st.sampled_from(["User-Request", "Lost-Carrier", "restart"]))
        # Before the NAS notices that the line is dead, it gives the address to nobody else.
        late = 0 if cause == "User-Request" else draw(st.integers(0, 40))
        if cause == "restart":
            restarts.append((end + late, nas))
            # A NAS that starts anew has no sessions: the ones it had on other addresses are not played here.
        sessions.append(Session(line, nas, begin, end, late, cause))
        now = end + late
    packets = set()
    for number, session in enumerate(sessions):
        sent = [Packet(session.begin, "Start", number)]
        sent += [Packet(minute, "Interim", number) for minute in range(session.begin + EVERY, session.end, EVERY)]
        if session.cause != "restart":
            sent.append(Packet(session.end + session.late, "Stop", number))
        packets |= {packet for packet in sent if draw(st.integers(0, 3)) > 0}
    return sessions, restarts, packets, draw(st.booleans())


def table_of(
    sessions: list[Session], restarts: list[tuple[int, str]], packets: set[Packet], counts: bool
) -> dict[int, Entry]:
    """Keep the table as the shipped queries do; counts: the NAS sends Acct-Session-Time with its interims."""
    table: dict[int, Entry] = {}
    order = {"On": 0, "Stop": 1, "Start": 2, "Interim": 3}
    happened = [*packets, *(Packet(minute, "On", -1 - i) for i, (minute, _) in enumerate(restarts))]
    for minute, kind, number in sorted(happened, key=lambda p: (p.at, order[p.kind])):
        if kind == "On":
            nas = restarts[-1 - number][1]
            for entry in table.values():
                if entry.stop is None and entry.nas == nas and entry.start <= minute:
                    entry.stop = entry.update = minute
                    entry.seconds = (minute - entry.start) * 60
                    entry.cause = "NAS-Reboot"
            continue
        session, found = sessions[number], table.get(number)
        held = (minute - session.begin) * 60
        if kind == "Start":
            table[number] = Entry(session.line, session.nas, minute, minute)
        elif kind == "Interim" and found is None:
            table[number] = Entry(session.line, session.nas, minute, minute, seconds=held if counts else None)
        elif kind == "Interim" and found is not None and found.stop is None:
            found.interval = (minute - found.update) * 60
            found.update, found.seconds = minute, held if counts else None
        elif kind == "Stop" and found is None:
            table[number] = Entry(
                session.line, session.nas, session.begin, minute, minute, seconds=held, cause=session.cause
            )
        elif kind == "Stop" and found is not None and found.stop is None:
            found.stop = found.update = minute
            found.seconds, found.cause = held, session.cause
    return table


def evidence_of(table: dict[int, Entry]) -> tuple[Interval, ...]:
    return intervals_of(
        [
            Row(
                number,
                entry.line,
                at(entry.start),
                at(entry.update),
                None if entry.stop is None else at(entry.stop),
                entry.interval,
                entry.seconds,
                entry.cause,
            )
            for number, entry in table.items()
        ],
        kind="user",
        address_fixed=True,
    )


@given(histories(), st.integers(0, 900), st.integers(1, 90))
def test_no_lost_packet_leads_to_somebody_else_or_to_nobody(
    history: tuple[list[Session], list[tuple[int, str]], set[Packet], bool], lo: int, long: int
) -> None:
    sessions = history[0]
    table = table_of(*history)
    ground = Ground(ours=ALWAYS, settled=((at(0), at(9999)),))
    window = Window(at(lo), at(lo + long), ground=ground)
    verdict = resolve(window, evidence_of(table))
    event(verdict.outcome)
    holders = [{s.line for s in sessions if s.begin <= minute < s.end} for minute in range(lo, lo + long)]
    if verdict.outcome is Resolution.UNIQUE:
        assert all({f"user:{line}" for line in held} == {verdict.subscriber} for held in holders)
    # A session of which not one packet arrived cannot be known of; all the others are.
    wholly_lost = any(number not in table for number in range(len(sessions)))
    if verdict.outcome is Resolution.NONE and not wholly_lost:
        assert not any(holders)
