"""What an order names is neither stretched to the whole minute a request asks about nor missed for its spelling."""

from __future__ import annotations

import pytest

from broker.intake.models import State
from tests.support.flow import HIT, Flow, civil_terms

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])


def test_an_order_for_a_second_does_not_cover_a_line_that_means_some_moment_of_that_minute(flow: Flow) -> None:
    request = flow.file([{**HIT, "observed_at": "2026-09-14T21:05+02:00"}])
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    assert request.lines.get().state == State.AWAITING_ORDER


def test_an_order_that_spells_address_and_instant_in_another_way_covers_the_line(flow: Flow) -> None:
    spelled = {"address": "::ffff:c633:6417", "observed_at": "2026-09-14T19:05:09Z"}
    request = flow.released([{**HIT, "address": "::ffff:198.51.100.23"}], [spelled])
    assert flow.answers(request)[0]["outcome"] == "identified"
