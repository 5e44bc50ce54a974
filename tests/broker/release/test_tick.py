"""Answers appear at whole ticks, however long the work on them took."""

from __future__ import annotations

import pytest

from broker.release.services import until_tick


@pytest.mark.parametrize("elapsed", [0.0, 0.001, 1.2, 1.999, 2.0, 2.7, 13.4])
def test_every_answer_takes_a_whole_number_of_ticks(elapsed: float) -> None:
    whole = (elapsed + until_tick(elapsed, 2.0)) / 2.0
    assert whole == pytest.approx(round(whole))
    assert 0 <= until_tick(elapsed, 2.0) < 2.0


def test_two_answers_of_one_tick_appear_together() -> None:
    assert 0.3 + until_tick(0.3, 2.0) == pytest.approx(1.7 + until_tick(1.7, 2.0))


def test_no_tick_means_no_waiting() -> None:
    assert until_tick(1.3, 0.0) == 0.0
