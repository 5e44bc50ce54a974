"""What a DHCP client says of itself names nobody by itself: it can say what another line's client says."""

from __future__ import annotations

from datetime import datetime

import pytest

from broker.attribution.logs.formats import Told
from broker.attribution.verdict import Resolution
from broker.errors import InputError
from tests.support.detail_log import DAY, HOUR, ask, contracts, log, read
from tests.support.lease_files import OURS, plan

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

CLIENT = "01:02:00:5e:10:00:01"
HARDWARE = "02:00:5e:10:00:01"
# Where the client of line 1 is connected, and a clone of it at another line.
OWN, OTHER = "65:74:68:30", "65:74:68:31"


def relayed(circuit: str) -> str:
    return f" connected via relay at address: 198.51.100.1, identified by circuit-id: {circuit}"


def forensic(at: datetime, what: str, address: str, where: str, client: str = CLIENT) -> str:
    lasts = "released from" if what == "released" else f"{what} for 4 hrs 0 mins 0 secs to"
    device = f"hardware address: hwtype=1 {HARDWARE}, client-id: {client}"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC Address: {address} has been {lasts} a device with {device}{where}\n"


def memfile(at: datetime, address: str, circuit: str, client: str = CLIENT) -> str:
    option = f"0x01{len(circuit.split(':')):02x}{circuit.replace(':', '')}"
    context = f'{{ "ISC": {{ "relay-agent-info": "{option}" }} }}' if circuit else ""
    return f"{address},{HARDWARE},{client},14400,{int(at.timestamp()) + 14400},1,0,0,,0,{context}\n"


MEMFILE_HEADER = (
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"
)


def leases(since: datetime, at: datetime, address: str, circuit: str, client: str = CLIENT) -> str:
    times = "".join(
        f"  {name} {moment.isoweekday() % 7} {moment:%Y/%m/%d %H:%M:%S};\n"
        for name, moment in (("starts", since), ("ends", at + 4 * HOUR), ("cltt", at))
    )
    option = f"  option agent.circuit-id {circuit};\n" if circuit else ""
    identity = f"  uid {client};\n  hardware ethernet {HARDWARE};\n"
    return f"lease {address} {{\n{times}  binding state active;\n{identity}{option}}}\n"


def of(format_name: str, circuit: str) -> list[str]:
    """A log in which the client is at this circuit ("": nothing is said of any) from 06:00 on and renews for hours."""
    hours = range(6, 18)
    last = DAY + 20 * HOUR
    if format_name == "kea-forensic":
        first = forensic(DAY + 6 * HOUR, "assigned", "198.51.100.9", relayed(circuit) if circuit else "")
        # A renewal comes from the client itself, and current releases call it assigned as well.
        verbs = (("renewed", "assigned")[n % 2] for n in hours)
        more = [forensic(DAY + n * HOUR, verb, "198.51.100.9", "") for n, verb in zip(hours, verbs, strict=True)]
        return [first, *more[1:], forensic(last, "assigned", "198.51.100.77", "", "01:ff")]
    if format_name == "kea-memfile":
        rows = [memfile(DAY + n * HOUR, "198.51.100.9", circuit) for n in hours]
        return [MEMFILE_HEADER, *rows, memfile(last, "198.51.100.77", "", "01:ff")]
    blocks = [leases(DAY + 6 * HOUR, DAY + n * HOUR, "198.51.100.9", circuit) for n in hours]
    return [*blocks, leases(last, last, "198.51.100.77", "", "1:ff")]


DHCP = ("kea-forensic", "kea-memfile", "isc-dhcpd")


@pytest.fixture(autouse=True)
def _lines(db: None) -> None:
    plan(*OURS)
    contracts(
        f"client:{CLIENT.replace(':', '')},c-1,2026-01-01T00:00:00Z,",
        f"circuit:{OWN.replace(':', '')},c-1,2026-01-01T00:00:00Z,",
        f"circuit:{OTHER.replace(':', '')},c-2,2026-01-01T00:00:00Z,",
    )


@pytest.mark.parametrize("format_name", DHCP)
def test_a_log_of_leases_is_not_read_before_it_is_said_what_names_a_line(format_name: str) -> None:
    with pytest.raises(InputError) as refused:
        read(log(*of(format_name, OTHER)), source="dhcp", format_name=format_name, told=Told(device="d1"))
    (problem,) = refused.value.problems
    assert problem.field == "holder"
    assert "circuit-id" in problem.message


@pytest.mark.parametrize("format_name", DHCP)
@pytest.mark.parametrize(
    ("holder", "circuit", "named"),
    [
        ("circuit-id", OWN, "c-1"),
        # A clone is on its own line, whatever it calls itself.
        ("circuit-id", OTHER, "c-2"),
        ("client", "", "c-1"),
        # The word of the operator against the log: nobody is named, also where it agrees by chance.
        ("client", OTHER, None),
        ("client", OWN, None),
    ],
)
def test_a_client_is_named_by_its_line_and_by_its_own_word_only_where_no_record_shows_a_line(
    format_name: str, holder: str, circuit: str, named: str | None
) -> None:
    told = Told(device="d1", holder=holder)
    report = read(log(*of(format_name, circuit)), source="dhcp", format_name=format_name, told=told)
    for hours in (9.3, 10.3, 12.6):
        verdict = ask("198.51.100.9", DAY + hours * HOUR)
        assert verdict.subscriber == named
        # Where no record is believed, the log vouches for no time either.
        assert named or verdict.outcome in (Resolution.AMBIGUOUS, Resolution.INCOMPLETE)
    assert set(report.rejected) == ({"LATE_CHANGE"} if named is None else set())


def named_by(*records: str) -> dict[float, str | None]:
    """Read a forensic log of circuits until 18:00, and say who is named at each half hour from 06:15 to 12:15."""
    last = forensic(DAY + 18 * HOUR, "assigned", "198.51.100.77", relayed("66"), "01:ff")
    told = Told(device="d1", holder="circuit-id")
    report = read(log(*records, last), source="dhcp", format_name="kea-forensic", told=told)
    assert not report.rejected
    return {n / 2: ask("198.51.100.9", DAY + (n / 2 + 0.25) * HOUR).subscriber for n in range(12, 25)}


def assigned(hour: float, circuit: str = OWN, client: str = CLIENT) -> str:
    return forensic(DAY + hour * HOUR, "assigned", "198.51.100.9", relayed(circuit), client)


def test_a_lease_that_its_relay_has_renewed_is_assigned_again_and_goes_on() -> None:
    said = named_by(*(assigned(6 + n / 2) for n in range(13)))
    assert said == {at: "c-1" if at < 12 else None for at in said}


def test_a_lease_that_is_assigned_again_after_it_ran_out_did_not_go_on() -> None:
    said = named_by(assigned(6), assigned(7), assigned(11.5), assigned(12.5))
    assert said == {at: "c-1" if at < 7 or at > 11 else None for at in said}


def test_a_lease_that_is_assigned_again_after_a_release_did_not_go_on() -> None:
    released = forensic(DAY + 8 * HOUR, "released", "198.51.100.9", relayed(OWN))
    said = named_by(assigned(6), assigned(7), released, assigned(10), assigned(11), assigned(12.5))
    assert said == {at: "c-1" if at < 8 or at >= 10 else None for at in said}


def test_somebody_else_who_had_it_meanwhile_is_named_for_his_time_alone() -> None:
    said = named_by(assigned(6), assigned(7), assigned(8, OTHER, "01:aa"), assigned(9, OTHER, "01:aa"), assigned(10))
    assert said == {at: "c-1" if at < 7 else "c-2" if 8 <= at < 9 else None for at in said}


def test_a_client_that_shows_at_another_line_holds_nothing_for_its_old_one() -> None:
    said = named_by(assigned(6), assigned(7), assigned(8, OTHER), assigned(9, OTHER), assigned(10), assigned(12.5))
    assert said == {at: "c-1" if at < 7 or at >= 10 else "c-2" if 8 <= at < 9 else None for at in said}
