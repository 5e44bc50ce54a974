"""The plain cases of attribution.md 2.4, one by one. Times are seconds of one invented day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.attribution.resolve import FOREVER, PROTOCOLS, REACH, Ground, Interval, Window, resolve
from broker.attribution.spans import ALWAYS
from broker.attribution.verdict import Provenance, Reason, Resolution, join

DAY = datetime(2026, 9, 14, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return DAY + timedelta(seconds=seconds)


def row(
    subscriber: str,
    start: float,
    end: float | None,
    *,
    certain: tuple[float, float] | None = None,
    ports: tuple[int, int] | None = None,
    provenance: Provenance = Provenance.BUSINESS,
) -> Interval:
    possible_to = FOREVER if end is None else at(end)
    sure = (at(start), possible_to) if certain is None else (at(certain[0]), at(certain[1]))
    return Interval(subscriber, at(start), possible_to, *sure, ports=ports, provenance=provenance)


def window(
    lo: float, hi: float, *, port: int | None = None, shared: tuple[float, float] | None = None, **ground: Any
) -> Window:
    known = Ground(
        ours=ALWAYS,
        shared=() if shared is None else ((at(shared[0]), at(shared[1])),),
        settled=((at(-80 * 86_400), at(86_400)),),
        retained_from=at(-90 * 86_400),
    )
    return Window(at(lo), at(hi), port, replace(known, **ground))


def test_names_the_one_subscriber_who_held_the_whole_window() -> None:
    verdict = resolve(window(1000, 1120), [row("a", 0, 5000)])
    assert verdict.outcome is Resolution.UNIQUE
    assert verdict.subscriber == "a"
    assert verdict.reasons == frozenset()
    assert verdict.provenance is Provenance.BUSINESS
    assert (verdict.from_at, verdict.until_at) == (at(1000), at(1120))
    assert verdict.margin == timedelta(seconds=1000)


def test_names_nobody_when_complete_evidence_shows_nobody() -> None:
    verdict = resolve(window(1000, 1120), [])
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.NONE, {Reason.NO_HOLDER})
    assert verdict.subscriber is None


@pytest.mark.parametrize("edges", [(1000, 1120), (999, 1121), (1000, None)])
def test_half_open_edges_of_a_row_may_coincide_with_the_window(edges: tuple[float, float | None]) -> None:
    assert resolve(window(1000, 1120), [row("a", *edges)]).subscriber == "a"


def test_a_neighbour_who_ends_where_the_window_begins_is_no_holder() -> None:
    evidence = [row("before", 0, 1000), row("a", 1000, 1120), row("after", 1120, 2000)]
    verdict = resolve(window(1000, 1120), evidence)
    assert verdict.subscriber == "a"
    assert verdict.margin == timedelta()


def test_refuses_to_choose_when_the_address_changed_hands_in_the_window() -> None:
    verdict = resolve(window(1000, 1120), [row("a", 0, 1060), row("b", 1060, 5000)])
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.CHANGE_IN_WINDOW})
    assert verdict.subscriber is None
    assert verdict.provenances == frozenset()
    assert verdict.holder_count == 2


def test_refuses_when_the_only_holder_was_away_for_part_of_the_window() -> None:
    verdict = resolve(window(1000, 1120), [row("a", 0, 1050), row("a", 1055, 5000)])
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.PARTIAL_COVER})
    assert verdict.holder_count == 1


def test_refuses_when_the_end_of_the_row_is_only_possible() -> None:
    verdict = resolve(window(1000, 1120), [row("a", 0, 5000, certain=(0, 1100))])
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})


def test_refuses_when_two_subscribers_certainly_held_it_at_once() -> None:
    verdict = resolve(window(1000, 1120), [row("a", 0, 5000), row("b", 1100, 5000)])
    assert verdict.reasons == {Reason.CHANGE_IN_WINDOW, Reason.CONFLICT}


def test_a_conflict_outside_the_window_does_not_touch_it_but_bounds_the_margin() -> None:
    verdict = resolve(window(1000, 1120), [row("a", 0, 5000), row("b", 1150, 1160)])
    assert verdict.subscriber == "a"
    assert verdict.margin == timedelta(seconds=30)


def test_a_second_possible_holder_is_never_outweighed_by_a_certain_one() -> None:
    verdict = resolve(window(1000, 1120), [row("a", 0, 5000), row("b", 0, 1001, certain=(0, 500))])
    assert verdict.outcome is Resolution.AMBIGUOUS
    assert verdict.reasons == {Reason.CHANGE_IN_WINDOW, Reason.UNCERTAIN_EDGE}


def test_a_renewal_seam_of_one_second_counts_as_continuous() -> None:
    verdict = resolve(window(1000, 1120), [row("a", 0, 1059), row("a", 1060, 5000)])
    assert verdict.subscriber == "a"


def test_a_seam_is_a_gap_when_somebody_else_possibly_meets_it() -> None:
    evidence = [row("a", 0, 1059), row("a", 1060, 5000), row("b", 1059.2, 1059.4, certain=(1059.2, 1059.2))]
    assert resolve(window(1000, 1120), evidence).outcome is Resolution.AMBIGUOUS
    # The same seam just outside the window: the answer holds, but not one second more.
    verdict = resolve(window(1060, 1120), evidence)
    assert (verdict.subscriber, verdict.margin) == ("a", timedelta())


def test_a_window_that_lies_inside_a_seam_belongs_to_its_holder() -> None:
    assert resolve(window(1059.2, 1059.6), [row("a", 0, 1059), row("a", 1060, 5000)]).subscriber == "a"


def test_evidence_that_is_missing_at_either_end_is_incomplete_and_not_none() -> None:
    late = window(1000, 1120, settled=((at(0), at(1119)),))
    assert resolve(late, []).outcome is Resolution.INCOMPLETE
    assert resolve(late, [row("a", 0, 5000)]).reasons == {Reason.NOT_SETTLED}
    early = window(1000, 1120, settled=((at(1001), at(5000)),))
    assert resolve(early, [row("a", 0, 5000)]).reasons == {Reason.COLLECTION_GAP}


def test_a_gap_between_two_deliveries_is_no_matter_of_waiting() -> None:
    for settled in (((at(0), at(1050)), (at(1060), at(5000))), ((at(0), at(900)), (at(1300), at(5000)))):
        verdict = resolve(window(1000, 1120, settled=settled), [row("a", 0, 5000)])
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INCOMPLETE, {Reason.COLLECTION_GAP})


def test_an_address_outside_the_plan_is_not_ours_and_never_none() -> None:
    for ours in ((), ((at(0), at(1119)),), ((at(1001), at(5000)),)):
        verdict = resolve(window(1000, 1120, ours=ours), [])
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INSUFFICIENT, {Reason.NOT_OUR_ADDRESS})


def test_a_day_with_a_wrong_clock_answers_nothing_and_bounds_the_margin() -> None:
    suspect = ((at(1119), at(5000)),)
    verdict = resolve(window(1000, 1120, suspect=suspect), [row("a", 0, 5000)])
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INCOMPLETE, {Reason.CLOCK_SUSPECT})
    assert resolve(window(1000, 1110, suspect=suspect), [row("a", 0, 5000)]).margin == timedelta(seconds=9)


def test_nothing_is_answered_where_nothing_is_known() -> None:
    verdict = resolve(Window(at(0), at(60)), [row("a", -9000, 9000)])
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INSUFFICIENT, {Reason.NOT_OUR_ADDRESS})
    verdict = resolve(window(0, 60, settled=()), [row("a", -9000, 9000)])
    assert verdict.reasons == {Reason.NOT_SETTLED, Reason.COLLECTION_GAP}


def test_a_window_that_begins_before_the_retention_floor_is_outside_it() -> None:
    verdict = resolve(window(1000, 1120, retained_from=at(1000.5)), [row("a", 0, 5000)])
    assert (verdict.outcome, set(verdict.reasons)) == (
        Resolution.OUTSIDE_RETENTION,
        {Reason.OUTSIDE_RETENTION},
    )


def test_bindings_of_different_lengths_that_name_different_subscribers_are_told_apart() -> None:
    evidence = [replace(row("a", 0, 5000), width=48), replace(row("b", 0, 5000), width=56)]
    assert Reason.NESTED_PREFIX in resolve(window(1000, 1120), evidence).reasons
    same = [replace(row("a", 0, 5000), width=48), replace(row("a", 0, 5000), width=56)]
    assert resolve(window(1000, 1120), same).subscriber == "a"


def test_one_port_that_served_two_subscribers_at_once_needs_the_destination() -> None:
    evidence = [row("a", 0, 5000, ports=(4000, 4000)), row("b", 1000, 1100, ports=(4000, 4000))]
    verdict = resolve(window(1000, 1120, port=4000), evidence)
    assert verdict.reasons == {Reason.ENDPOINT_REUSE, Reason.CHANGE_IN_WINDOW}


def test_only_every_so_manyeth_port_belongs_to_a_scattered_block() -> None:
    evidence = [replace(row("a", 0, 5000, ports=(1024, 1084)), step=4)]
    for port, holder in ((1024, "a"), (1028, "a"), (1084, "a"), (1025, None), (1026, None), (1088, None)):
        assert resolve(window(1000, 1120, port=port), evidence).subscriber == holder


def test_a_question_without_protocol_is_answered_only_if_both_protocols_say_the_same() -> None:
    tcp, udp = (replace(row("a", 0, 5000, ports=(1024, 2047)), protocol=number) for number in PROTOCOLS)
    asked = window(1000, 1120, port=1500)
    assert resolve(asked, [tcp, udp]).subscriber == "a"
    assert resolve(asked, [tcp]).outcome is Resolution.AMBIGUOUS
    assert resolve(asked, [tcp, replace(udp, subscriber="b")]).reasons == {Reason.CHANGE_IN_WINDOW}
    assert resolve(replace(asked, protocol=6), [tcp, replace(udp, subscriber="b")]).subscriber == "a"


@pytest.mark.parametrize("protocol", [None, *PROTOCOLS])
def test_an_address_shared_in_one_protocol_is_shared_whichever_is_asked_about(protocol: int | None) -> None:
    beside = replace(row("b", 0, 5000, ports=(5000, 5000)), protocol=17)
    verdicts = {
        port: resolve(replace(window(1000, 1120, port=port), protocol=protocol), [row("a", 0, 5000), beside])
        for port in (None, 5000, 40000)
    }
    assert [verdict.subscriber for verdict in verdicts.values()] == [None, None, None]
    assert all(verdict.shared for verdict in verdicts.values())
    assert verdicts[None].reasons == {Reason.PORT_REQUIRED}
    assert verdicts[40000].reasons == {Reason.UNCERTAIN_EDGE}


def test_the_margin_ends_where_another_protocol_begins_to_share_the_address() -> None:
    beside = replace(row("b", 1140, 5000, ports=(5000, 5000)), protocol=17)
    verdict = resolve(replace(window(1000, 1120, port=40000), protocol=6), [row("a", 0, 5000), beside])
    assert (verdict.subscriber, verdict.margin) == ("a", timedelta(seconds=20))


def test_a_shared_address_without_a_port_is_insufficient_even_with_one_holder() -> None:
    for asked, evidence in (
        (window(1000, 1120), [row("a", 0, 5000, ports=(20480, 20991))]),
        (window(1000, 1120, shared=(0, 5000)), [row("a", 0, 5000)]),
        (window(1000, 1120, shared=(0, 5000)), []),
    ):
        verdict = resolve(asked, evidence)
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INSUFFICIENT, {Reason.PORT_REQUIRED})
        assert verdict.shared is True
        assert verdict.holder_count == 0


@pytest.mark.parametrize(("port", "holder"), [(20480, "a"), (20991, "a"), (20992, "b"), (21503, "b"), (21504, None)])
def test_a_port_selects_its_block_edges_included(port: int, holder: str | None) -> None:
    evidence = [row("a", 0, 5000, ports=(20480, 20991)), row("b", 0, 5000, ports=(20992, 21503))]
    verdict = resolve(window(1000, 1120, port=port), evidence)
    assert verdict.subscriber == holder
    assert verdict.outcome is (Resolution.UNIQUE if holder else Resolution.NONE)
    assert verdict.shared is True


def test_a_row_without_ports_proves_no_port_of_a_shared_address() -> None:
    verdict = resolve(window(1000, 1120, port=20500, shared=(0, 5000)), [row("a", 0, 5000)])
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})


def test_a_port_block_after_a_dedicated_row_closes_no_seam_for_a_question_without_port() -> None:
    evidence = [row("a", 0, 1059), row("a", 1060, 5000, ports=(1024, 2047))]
    verdict = resolve(window(1000, 1059.5), evidence)
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.PARTIAL_COVER})


def test_the_margin_ends_where_sharing_begins_for_a_question_without_port() -> None:
    verdict = resolve(window(1000, 1120, shared=(1150, 2000)), [row("a", 0, 5000)])
    assert (verdict.subscriber, verdict.margin) == ("a", timedelta(seconds=30))
    evidence = [row("a", 0, 5000), row("b", 1140, 5000, ports=(1024, 2047))]
    assert resolve(window(1000, 1120), evidence).margin == timedelta(seconds=20)


def test_the_margin_is_reported_only_as_far_as_evidence_is_read() -> None:
    assert resolve(window(1000, 1120), [row("a", -50_000, 50_000)]).margin == REACH


def test_business_rows_that_cover_the_window_alone_give_the_provenance() -> None:
    retained = row("a", 0, 5000, provenance=Provenance.STATUTORY_RETENTION)
    assert resolve(window(1000, 1120), [retained, row("a", 0, 5000)]).provenance is Provenance.BUSINESS
    assert resolve(window(1000, 1120), [retained]).provenance is Provenance.STATUTORY_RETENTION


def test_a_mixed_provenance_is_stated_as_unknown() -> None:
    evidence = [row("a", 0, 1050), row("a", 1050, 5000, provenance=Provenance.STATUTORY_RETENTION)]
    verdict = resolve(window(1000, 1120), evidence)
    assert verdict.subscriber == "a"
    assert verdict.provenances == {Provenance.BUSINESS, Provenance.STATUTORY_RETENTION}
    assert verdict.provenance is None


def test_a_row_without_ports_lends_no_provenance_to_an_answer_on_a_shared_address() -> None:
    block = row("a", 0, 5000, ports=(1024, 2047), provenance=Provenance.STATUTORY_RETENTION)
    verdict = resolve(window(1000, 1120, port=1500), [block, row("a", 0, 5000)])
    assert (verdict.subscriber, verdict.provenance) == ("a", Provenance.STATUTORY_RETENTION)


def test_references_of_subscribers_do_not_show_in_the_printed_form() -> None:
    evidence = [row("reference-of-somebody", 0, 5000)]
    assert "reference-of-somebody" not in repr(resolve(window(1000, 1120), evidence)) + repr(evidence)


def test_raises_for_naive_times_and_for_empty_windows() -> None:
    naive = datetime(2026, 9, 14)  # noqa: DTZ001 - the defect under test
    with pytest.raises(ValueError, match="aware"):
        Window(naive, at(1))
    with pytest.raises(ValueError, match="aware"):
        Interval("a", naive, at(1), naive, at(1))
    with pytest.raises(ValueError, match="after it begins"):
        Window(at(1), at(1))
    with pytest.raises(ValueError, match="inside its possible part"):
        row("a", 0, 10, certain=(0, 11))


def test_a_unique_answer_says_whether_a_row_it_rests_on_is_derived() -> None:
    told = row("a", 0, 5000)
    for derived in (True, False):
        alone = resolve(window(1000, 1120), [replace(told, derived=derived)])
        assert (alone.outcome, alone.derived) == (Resolution.UNIQUE, derived)
        assert join(alone, resolve(window(1000, 1120), [told])).derived is derived
    for other in (row("b", 0, 5000, certain=(0, 0)), row("b", 1100, 5000)):
        assert resolve(window(1000, 1120), [replace(told, derived=True), other]).derived is False
