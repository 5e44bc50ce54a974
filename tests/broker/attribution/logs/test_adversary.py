"""Whatever bytes arrive in whatever format: nothing breaks, every record is accounted for, no contradiction answers."""

from __future__ import annotations

import io
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.codes import CODES
from broker.attribution.logs.events import Event, Kind, LogFormat
from broker.attribution.logs.formats import FORMATS, Told, make_format
from broker.attribution.logs.intervals import Fold
from broker.attribution.resolve import Ground, Window, resolve
from broker.attribution.spans import ALWAYS
from broker.attribution.verdict import Resolution
from tests.support.logs import FIXTURES, Outcome, outcome
from tests.support.look_ups import evidence

MADRID = ZoneInfo("Europe/Madrid")
# The good log of each format, and how another holder is written in it.
GOOD: dict[str, tuple[str, bytes, bytes]] = {
    "radius-detail": ("radius_detail/good.detail", b"line-48113", b"line-48114"),
    "radacct": ("radacct/good.csv", b"line-48113", b"line-48114"),
    "kea-forensic": ("kea_forensic/good.txt", b"02:00:5e:10:00:0", b"02:00:5e:10:00:f"),
    "kea-memfile": ("kea_memfile/good-v4.csv", b"02:00:5e:10:00:0", b"02:00:5e:10:00:f"),
    "isc-dhcpd": ("isc_dhcpd/good-v4.leases", b"1:2:0:5e:10:0:1", b"1:2:0:5e:10:0:f"),
    "cgn-junos": ("cgn_junos/good.log", b"100.64.3.9", b"100.64.3.8"),
    "cgn-cisco-xr": ("cgn_cisco_xr/good.log", b"100.64.3.9", b"100.64.3.8"),
    "cgn-a10": ("cgn_a10/good.log", b"100.64.3.9", b"100.64.3.8"),
    "cgn-mikrotik": ("cgn_mikrotik/good.log", b"100.64.3.9", b"100.64.3.8"),
    "conntrack": ("conntrack/good.log", b"100.64.3.9", b"100.64.3.8"),
    "ipfix": ("ipfix/good-rfc8158.ipfix", bytes((100, 64, 3, 9)), bytes((100, 64, 3, 8))),
}
LOGS = {name: (FIXTURES / file).read_bytes() for name, (file, _, _) in GOOD.items()}
SECOND = timedelta(seconds=1)


def reader(name: str) -> LogFormat:
    known = FORMATS[name]
    takes = known.needs | known.takes
    return make_format(
        name,
        Told(
            device="collector-1" if "device" in takes else None,
            holder="client" if "holder" in known.needs else None,
            zone=MADRID if "zone" in takes else None,
            numbering="rfc8158" if "numbering" in takes else None,
            address_fixed=True,
        ),
    )


def account(name: str, data: bytes) -> list[Outcome]:
    """Read a log and see that every byte, every record and every event is accounted for."""
    log = reader(name)
    outcomes = [(record, outcome(log, record)) for record in log.records(io.BytesIO(data), 0)]
    assert b"".join(record.data for record, _ in outcomes) == data
    became: Counter[str] = Counter()
    for _, said in outcomes:
        became["refused" if isinstance(said, str) else "used" if said else "ignored"] += 1
        assert not isinstance(said, str) or said in CODES
    assert became.total() == len(outcomes)
    events = found(outcomes)
    fold = Fold(FORMATS[name].policy)
    # The fold raises if an event or a holding is not accounted for.
    _, rejects = fold.feed(events)
    assert {reject.code.value for reject in rejects} <= CODES.keys()
    assert fold.counts.applied + fold.counts.duplicates + len(rejects) == len(events)
    return outcomes


def found(outcomes: list[Outcome]) -> list[Event]:
    return [event for _, said in outcomes if not isinstance(said, str) for event in said]


def placeless(events: list[Event]) -> Counter[Event]:
    return Counter(event._replace(pos=0) for event in events)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40)
@given(data=st.data())
def test_no_bytes_break_a_reader_or_get_lost(name: str, data: st.DataObject) -> None:
    log = bytearray(LOGS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(log)))
        length = data.draw(st.integers(0, 40))
        put = data.draw(st.one_of(st.binary(max_size=12), st.sampled_from(HOSTILE)))
        log[place : place + length] = put
    account(name, bytes(log))


# Ends of lines and records, quotes, and the same words in other encodings.
HOSTILE = (
    b"\0",
    b"\n\n",
    b"\r",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc3\x28",
    "línea".encode("latin-1"),
    "203.0.113.7".encode("utf-16"),
    "２０３".encode(),
    b"9" * 400,
    b"\x00\x0a\xff\xff",
)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("filler", [b"x", b"9", b'"', b"{", b"\0", b" "], ids=repr)
def test_a_line_of_a_megabyte_is_refused_and_hides_no_record_behind_it(name: str, filler: bytes) -> None:
    log = LOGS[name]
    long = account(name, log + filler * 2**20 + b"\n")
    assert found(long)[: len(found(account(name, log)))] == found(account(name, log))
    record, said = long[-1]
    assert isinstance(said, str) or record.data.isspace()


@pytest.mark.parametrize("name", FORMATS)
def test_a_log_cut_anywhere_says_nothing_that_the_whole_one_does_not(name: str) -> None:
    whole = placeless(found(account(name, LOGS[name])))
    step = max(1, len(LOGS[name]) // 150)
    for end in range(0, len(LOGS[name]), step):
        said = placeless(found(account(name, LOGS[name][:end])))
        assert said <= whole, end


@pytest.mark.parametrize("name", FORMATS)
def test_a_log_that_comes_twice_proves_what_it_proves_once(name: str) -> None:
    # Twice each event, as a relay repeats it.
    events = found(account(name, LOGS[name]))
    once, twice = Fold(FORMATS[name].policy), Fold(FORMATS[name].policy)
    first, _ = once.feed(events)
    second, _ = twice.feed([event for event in events for _ in range(2)])
    assert len(once.evidence()) + len(first) == len(twice.evidence()) + len(second)


@pytest.mark.parametrize("name", FORMATS)
def test_two_logs_that_contradict_each_other_name_nobody(name: str) -> None:
    """Of each record another one says the same of somebody else; which of the two is right, nothing says."""
    _, holder, other = GOOD[name]
    mine = found(account(name, LOGS[name]))
    theirs = found(account(name, LOGS[name].replace(holder, other)))
    assert len(mine) == len(theirs)
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a.holder != b.holder]
    assert pairs
    contradict(name, [event for a, b in pairs for event in (a, b)], pairs)
    contradict(name, [event for a, b in pairs for event in (b, a)], pairs)


def contradict(name: str, events: list[Event], pairs: list[tuple[Event, Event]]) -> None:
    fold = Fold(FORMATS[name].policy)
    closed, _ = fold.feed(sorted(events, key=lambda event: event.at))
    rows = evidence(closed + fold.evidence())
    for event, _ in pairs:
        assert event.address is not None
        for at in moments(event):
            port = None if event.ports is None else event.ports.first
            ground = Ground(ours=ALWAYS, shared=() if port is None else ALWAYS, settled=ALWAYS)
            verdict = resolve(Window(at, at + SECOND, port, ground, event.protocol), rows[event.address])
            assert verdict.outcome is not Resolution.UNIQUE, (event.kind, at)


def moments(event: Event) -> list[datetime]:
    """Just at an event, and within the lease that it gives."""
    found = [event.at - SECOND if event.kind is Kind.END else event.at]
    if event.expires_at is not None:
        found.append(event.at + (event.expires_at - event.at) / 2)
    return found
