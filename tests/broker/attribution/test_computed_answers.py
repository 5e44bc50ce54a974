"""Addresses shared by rule: the port leads to an inside by arithmetic, and that to whoever had it at the same time."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from broker.attribution.describe import describe_source, set_clock
from broker.attribution.mapping_import import import_mappings
from broker.attribution.services import attribute, awaits_logs
from broker.attribution.sources import Observation
from broker.attribution.verdict import Provenance, Reason, Resolution, Verdict
from broker.audit.models import Event
from broker.errors import InputError
from broker.leases.models import AddressPlan, LeaseSource, MappingEpoch
from tests.support.lease_files import NOW, plan
from tests.support.log_rows import Held, keep

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

EVENING = datetime(2026, 9, 18, 20, 41, 10, tzinfo=UTC)
CHANGE = datetime(2026, 9, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE = timedelta(seconds=60)

# Blocks of 3584 ports from 1024 on, and a pool of the last 7168; the inside of port 5000 is the second, 100.64.0.1.
NAT = """
[[epoch]]
name = "cgn-1"
kind = "deterministic-nat"
from = 2026-01-01T00:00:00Z
{end}
inside = ["{inside}"]
outside = ["203.0.113.0/31"]
boundary-addresses = true
order = "sequential"
sharing-ratio = 16
dynamic-factor = 2
realm = "north"
"""
# PSIDs of 8 bits: port 1234 has 0x34, and ports below 1024 are nobody's.
MAP = """
[[epoch]]
name = "map-1"
kind = "map"
from = 2026-01-01T00:00:00Z
ipv6-prefix = "2001:db8::/40"
ipv4-prefix = "192.0.2.0/24"
ea-bits = 16
"""


def state(text: str, now: datetime = NOW) -> None:
    import_mappings(io.BytesIO(text.encode()), now=now)


def nat(inside: str = "100.64.0.0/27", end: str = "") -> str:
    return NAT.format(inside=inside, end=end)


def ask(address: str, port: int | None, at: datetime = EVENING, tolerance: timedelta = MINUTE) -> Verdict:
    return attribute([Observation("q", address, port, at)], tolerance=tolerance, now=NOW)["q"]


def named(name: str, realm: str | None = None) -> LeaseSource:
    return describe_source(name, new=True, realm=realm)


@pytest.fixture
def north() -> None:
    """A deterministic NAT whose insides a source of its realm tells of, and the same insides in another realm.

    The log of its pool has been delivered.
    """
    plan(("203.0.113.0/31", "deterministic"))
    AddressPlan.objects.update(source=named("pool-log"))
    named("bng-north", "north")
    named("bng-south", "south")
    keep("pool-log")
    keep("bng-north", Held("100.64.0.1", "s-1"), Held("100.64.0.2", "s-2"))
    keep("bng-south", Held("100.64.0.1", "s-9"))
    state(nat())


def test_names_the_holder_of_the_inside_that_the_port_leads_to(north: None) -> None:
    for port, who in ((4608, "s-1"), (8191, "s-1"), (8192, "s-2")):
        verdict = ask("203.0.113.0", port)
        assert (verdict.outcome, verdict.subscriber) == (Resolution.UNIQUE, who)
        assert (verdict.shared, verdict.derived) == (True, False)
        assert verdict.margin == HOUR
    # The next outside address has the next sixteen insides.
    assert ask("203.0.113.1", 4608).subscriber is None


def test_no_port_no_answer(north: None) -> None:
    verdict = ask("203.0.113.0", None)
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INSUFFICIENT, {Reason.PORT_REQUIRED})


@pytest.mark.parametrize("port", [0, 80, 1023])
def test_a_reserved_port_is_out_of_range(north: None, port: int) -> None:
    verdict = ask("203.0.113.0", port)
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INSUFFICIENT, {Reason.PORT_OUT_OF_RANGE})


def test_a_log_cannot_give_away_a_port_that_is_nobodys(north: None) -> None:
    keep("pool-log", Held("203.0.113.0", "100.64.0.2", ports=(512, 1023), realm="north"))
    assert ask("203.0.113.0", 1000).reasons == {Reason.PORT_OUT_OF_RANGE}


def test_a_port_of_the_pool_is_what_its_log_says(north: None) -> None:
    assert ask("203.0.113.0", 60000).outcome is Resolution.NONE
    keep("pool-log", Held("203.0.113.0", "100.64.0.2", ports=(58368, 65535), realm="north"))
    assert ask("203.0.113.0", 60000).subscriber == "s-2"


def test_a_port_of_the_pool_waits_for_its_log_and_a_computed_one_does_not(north: None) -> None:
    AddressPlan.objects.update(source=named("late-log"))
    assert ask("203.0.113.0", 60000).outcome is Resolution.INCOMPLETE
    assert ask("203.0.113.0", 5000).subscriber == "s-1"


def test_a_log_that_names_another_holder_of_a_computed_port_is_a_conflict(north: None) -> None:
    keep("pool-log", Held("203.0.113.0", "100.64.0.2", ports=(4608, 8191), realm="north"))
    verdict = ask("203.0.113.0", 5000)
    assert (verdict.outcome, verdict.subscriber) == (Resolution.AMBIGUOUS, None)
    assert Reason.CONFLICT in verdict.reasons
    assert ask("203.0.113.0", 8192).subscriber == "s-2"


def test_an_inside_that_a_log_names_as_well_is_one_holder_and_in_another_realm_it_is_not(north: None) -> None:
    keep("pool-log", Held("203.0.113.0", "100.64.0.1", ports=(4608, 8191), realm="north"))
    assert ask("203.0.113.0", 5000).subscriber == "s-1"
    keep("pool-log", Held("203.0.113.0", "100.64.0.2", ports=(8192, 11775), realm="south"))
    assert Reason.CONFLICT in ask("203.0.113.0", 8192).reasons


def test_the_window_of_the_inside_is_the_very_same(north: None) -> None:
    keep("bng-north", Held("100.64.0.3", "s-3", 1, 10), Held("100.64.0.3", "s-4", 10, 30))
    handover = datetime(2026, 9, 10, tzinfo=UTC)
    across = ask("203.0.113.0", 12000, handover + timedelta(seconds=50))
    assert (across.outcome, set(across.reasons)) == (Resolution.AMBIGUOUS, {Reason.CHANGE_IN_WINDOW})
    assert ask("203.0.113.0", 12000, handover - timedelta(seconds=55)).reasons == {Reason.CHANGE_IN_WINDOW}
    after = ask("203.0.113.0", 12000, handover + timedelta(seconds=90))
    assert after.subscriber == "s-4"
    assert after.margin is not None
    assert after.margin < timedelta(seconds=30)


def test_a_new_configuration_is_a_new_epoch_and_a_window_across_it_is_judged_by_both(north: None) -> None:
    state(nat(end="to = 2026-09-20T00:00:00Z") + nat("100.64.0.1/32").replace("2026-01-01", "2026-09-20"))
    assert ask("203.0.113.0", 5000, CHANGE - HOUR).subscriber == "s-1"
    # From then on the first block is that of 100.64.0.1, and the second is nobody's.
    assert ask("203.0.113.0", 2000, CHANGE + HOUR).subscriber == "s-1"
    assert ask("203.0.113.0", 5000, CHANGE + HOUR).reasons == {Reason.PORT_OUT_OF_RANGE}
    assert ask("203.0.113.0", 5000, CHANGE).reasons == {Reason.PORT_OUT_OF_RANGE}
    across = ask("203.0.113.0", 2000, CHANGE)
    assert (across.outcome, set(across.reasons)) == (Resolution.AMBIGUOUS, {Reason.CHANGE_IN_WINDOW})


def test_an_unchanged_inside_is_named_across_a_change(north: None) -> None:
    state(nat(end="to = 2026-09-20T00:00:00Z") + nat("100.64.0.0/28").replace("2026-01-01", "2026-09-20"))
    assert ask("203.0.113.0", 5000, CHANGE).subscriber == "s-1"


def test_what_no_configuration_covers_is_never_nobodys() -> None:
    plan(("203.0.113.0/31", "deterministic"))
    keep("bng", Held("100.64.0.1", "s-1"))
    verdict = ask("203.0.113.0", 5000)
    assert (verdict.outcome, verdict.subscriber) == (Resolution.INCOMPLETE, None)


def test_a_configuration_is_believed_as_far_as_it_was_last_stated_and_the_answer_waits_for_the_next_word() -> None:
    plan(("203.0.113.0/31", "deterministic"))
    named("bng", "north")
    keep("bng", Held("100.64.0.1", "s-1"))
    observations = [Observation("q", "203.0.113.0", 5000, EVENING)]
    state(nat(), now=EVENING - DAY)
    assert ask("203.0.113.0", 5000, EVENING - 2 * DAY).subscriber == "s-1"
    assert ask("203.0.113.0", 5000).reasons == {Reason.NOT_SETTLED}
    assert awaits_logs(observations, tolerance=MINUTE, now=NOW) == {"q"}
    state(nat(), now=EVENING + DAY)
    assert ask("203.0.113.0", 5000).subscriber == "s-1"
    assert not awaits_logs(observations, tolerance=MINUTE, now=NOW)


def test_an_answer_waits_for_the_log_of_the_inside_whoever_is_behind_it(north: None) -> None:
    named("bng-north-2", "north")
    keep("bng-north-2", Held("100.64.0.9", "s-5"), until=EVENING - DAY)
    observations = [Observation(port, "203.0.113.0", port, EVENING) for port in (5000, 40000, 80, 60000)]
    # The inside of 40000 has no holder, and the log of 60000 may name any inside; 80 is nobody's port.
    assert awaits_logs(observations, tolerance=MINUTE, now=NOW) == {5000, 40000, 60000}
    for port in (5000, 40000):
        verdict = ask("203.0.113.0", port)
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INCOMPLETE, {Reason.NOT_SETTLED})


def test_the_clock_of_the_source_of_the_inside_counts_and_that_of_an_unused_log_does_not(north: None) -> None:
    set_clock("pool-log", EVENING.date(), timedelta(seconds=9), 1, now=NOW)
    assert ask("203.0.113.0", 5000).subscriber == "s-1"
    assert ask("203.0.113.0", 60000).reasons == {Reason.CLOCK_SUSPECT}
    set_clock("bng-north", EVENING.date(), timedelta(seconds=9), 1, now=NOW)
    assert ask("203.0.113.0", 5000).reasons == {Reason.CLOCK_SUSPECT}


def test_what_is_computed_adds_no_provenance_of_its_own(north: None) -> None:
    keep("bng-north", Held("100.64.0.5", "s-5", provenance="statutory-retention"))
    verdict = ask("203.0.113.0", 1024 + 5 * 3584)
    assert (verdict.subscriber, verdict.provenance) == ("s-5", Provenance.STATUTORY_RETENTION)


def test_a_batch_mixes_addresses_of_all_kinds(north: None) -> None:
    plan(("198.51.100.0/24", "dedicated"), ("192.0.2.0/24", "map"), ("2001:db8::/40", "dedicated"))
    state(MAP)
    keep("bng-south", Held("198.51.100.23", "s-6"), Held("2001:db8:12:3400::/56", "s-8"))
    asked = [("203.0.113.0", 5000), ("198.51.100.23", None), ("192.0.2.18", 1234), ("203.0.113.0", 1), ("192.0.2.9", 1)]
    observations = [Observation(n, address, port, EVENING) for n, (address, port) in enumerate(asked)]
    verdicts = attribute(observations, tolerance=MINUTE, now=NOW)
    assert [verdicts[n].subscriber for n in range(5)] == ["s-1", "s-6", "s-8", None, None]


@pytest.fixture
def mapped() -> None:
    """MAP-E: port 1234 of 192.0.2.18 belongs to 2001:db8:12:3400::/56."""
    plan(("192.0.2.0/24", "map"), ("2001:db8::/40", "dedicated"))
    state(MAP)


def test_a_delegated_prefix_leads_to_whoever_holds_it(mapped: None) -> None:
    keep("pd", Held("2001:db8:12:3500::/56", "s-1"), Held("2001:db8:12:3400::/56", "s-2"))
    assert ask("192.0.2.18", 1234).subscriber == "s-2"
    assert ask("192.0.2.0", 1024 + 0x12 * 4).reasons == {Reason.PARTIAL_COVER}
    assert ask("192.0.2.18", 1023).reasons == {Reason.PORT_OUT_OF_RANGE}
    assert ask("192.0.2.18", None).reasons == {Reason.PORT_REQUIRED}


def test_whoever_holds_a_part_of_the_delegated_prefix_is_not_named_for_all_of_it(mapped: None) -> None:
    keep("pd", Held("2001:db8:12:3400::/64", "s-1"))
    assert ask("192.0.2.18", 1234).reasons == {Reason.UNCERTAIN_EDGE}
    assert ask("192.0.2.18", 1234).subscriber is None
    keep("pd", Held("2001:db8:12:3400::/56", "s-2"))
    assert ask("192.0.2.18", 1234).outcome is Resolution.AMBIGUOUS


def test_whoever_holds_more_than_the_delegated_prefix_is_named_unless_somebody_else_does_too(mapped: None) -> None:
    keep("pd", Held("2001:db8:12::/48", "s-1"))
    assert ask("192.0.2.18", 1234).subscriber == "s-1"
    keep("pd", Held("2001:db8:12:3400::/56", "s-2"))
    assert Reason.NESTED_PREFIX in ask("192.0.2.18", 1234).reasons


@pytest.mark.parametrize("sharing", ["shared", "unknown", None])
def test_a_delegated_prefix_that_the_plan_shares_or_does_not_know_names_nobody(
    mapped: None, sharing: str | None
) -> None:
    keep("pd", Held("2001:db8:12:3400::/56", "s-2"))
    rows = AddressPlan.objects.filter(prefix="2001:db8::/40")
    if sharing:
        rows.update(sharing=sharing)
    else:
        rows.delete()
    verdict = ask("192.0.2.18", 1234)
    assert (verdict.outcome, verdict.subscriber) == (Resolution.INCOMPLETE, None)


# -- The import ------------------------------------------------------------------------------------------------------


def codes(text: str, now: datetime = NOW) -> list[tuple[str, str, int | None]]:
    before = list(MappingEpoch.objects.order_by("id").values())
    with pytest.raises(InputError) as refused:
        state(text, now)
    assert list(MappingEpoch.objects.order_by("id").values()) == before
    return [(p.code, p.field, p.line) for p in refused.value.problems]


def test_a_file_that_comes_again_adds_nothing_and_confirms_what_it_states() -> None:
    first = import_mappings(io.BytesIO((nat() + MAP).encode()), now=EVENING)
    assert (first.added, first.ended, first.known) == (2, 0, 0)
    again = import_mappings(io.BytesIO(nat(end="to = 2026-09-20T00:00:00Z").encode()), now=NOW)
    assert (again.added, again.ended, again.known) == (0, 1, 0)
    rows = MappingEpoch.objects.order_by("name").values_list("name", "to_at", "stated_at", "realm")
    assert list(rows) == [("cgn-1", CHANGE, NOW, "north"), ("map-1", None, EVENING, "")]
    known = import_mappings(io.BytesIO(nat().encode()), now=EVENING)
    assert (known.added, known.ended, known.known) == (0, 0, 1)
    assert MappingEpoch.objects.get(name="cgn-1").stated_at == NOW
    assert Event.objects.filter(kind="mappings:stored").count() == 3


def test_what_was_in_force_is_never_rewritten() -> None:
    state(nat(end="to = 2026-09-20T00:00:00Z"))
    assert codes(nat("100.64.0.0/28")) == [("mapping.changed", "from", 2)]
    assert codes(nat(end="to = 2026-09-21T00:00:00Z")) == [("history.end", "to", 2)]
    assert codes(nat().replace("north", "south")) == [("mapping.changed", "from", 2)]


def test_epochs_that_overlap_those_of_the_store_are_refused_by_their_line() -> None:
    state(nat())
    later = nat("100.64.0.0/28").replace("2026-01-01", "2026-09-20")
    assert codes(MAP + later) == [("mapping.epochs-overlap", "from", 10)]
    assert codes(nat("100.64.0.0/28").replace("2026-01-01", "2025-09-20")) == [("mapping.epochs-overlap", "from", 2)]
    state(nat(end="to = 2026-09-20T00:00:00Z") + later)
    assert MappingEpoch.objects.count() == 2


def test_a_configuration_that_lies_ahead_is_refused() -> None:
    assert codes(nat(), now=datetime(2025, 12, 31, tzinfo=UTC)) == [("mapping.future", "from", 2)]


def test_a_defect_of_the_file_is_located() -> None:
    assert codes(nat().replace("sequential", "random")) == [("mapping.order", "order", 10)]
