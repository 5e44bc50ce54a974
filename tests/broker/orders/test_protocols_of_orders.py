"""An order that names a transport protocol covers that one; one that names none covers all, and all are looked up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from broker.errors import InputError
from broker.intake.models import State
from broker.orders.matching import Selector, covering
from broker.orders.models import OrderTerms
from broker.orders.selectors import terms_data
from broker.orders.services import correct_terms
from broker.portal.lines import order_lines, order_lines_text
from tests.support.cases import assess, attach_and_check, cover, file_lines, make_line, order_terms, states
from tests.support.parties import make_cast

AT = datetime(2026, 9, 14, 19, 5, 9, tzinfo=UTC)


def selector(protocol: str, port: int | None = 50001) -> Selector:
    return Selector("198.51.100.23", port, AT, AT + timedelta(seconds=1), protocol)


@pytest.mark.parametrize(
    ("observed", "ordered", "looked_up"),
    [
        ("", [""], ""),
        ("tcp", [""], ""),
        ("", ["tcp"], "tcp"),
        ("tcp", ["tcp"], "tcp"),
        ("tcp", ["udp"], None),
        ("tcp", ["tcp", "udp"], "tcp"),
        ("tcp", ["", "udp"], ""),
        ("tcp", ["", "tcp"], "tcp"),
        # Which of the two is meant is not said, and doubt is not resolved.
        ("", ["tcp", "udp"], None),
    ],
)
def test_what_an_order_says_of_the_protocol_is_what_is_looked_up(
    observed: str, ordered: list[str], looked_up: str | None
) -> None:
    for each in (ordered, ordered[::-1]):
        found = covering(selector(observed), [selector(protocol) for protocol in each])
        assert (found and found.protocol) == looked_up


@pytest.mark.django_db
def test_a_line_of_another_protocol_is_not_covered_until_the_terms_are_corrected() -> None:
    desk = make_cast().desk
    line = make_line(1, protocol="tcp")
    request = file_lines(desk, [line])
    assess(request)
    order = attach_and_check(desk, request, [cover(line, protocol="udp")])
    assess(request)
    assert states(request) == [State.AWAITING_ORDER]
    assert list(order.checks.filter(passed=False).values_list("code", flat=True)) == ["line.covered"]
    correct_terms(desk.clerk, order, order_terms(desk, [cover(line, protocol="tcp")]))
    newest = OrderTerms.objects.latest("version")
    data = terms_data(newest)["lines"]
    assert data[0]["protocol"] == "tcp"
    # What the form shows to be corrected is read as the same lines.
    assert [row["protocol"] for row in order_lines(order_lines_text(data))] == ["tcp"]
    assert "protocol" not in order_lines_text([row | {"protocol": None} for row in data])


@pytest.mark.django_db
def test_an_unknown_protocol_is_refused_by_the_form_and_by_the_database() -> None:
    desk = make_cast().desk
    line = make_line(1)
    request = file_lines(desk, [line])
    assess(request)
    with pytest.raises(InputError) as error:
        attach_and_check(desk, request, [cover(line, protocol="icmp")])
    assert [(p.code, p.field, p.line) for p in error.value.problems] == [("PROTOCOL_SYNTAX", "protocol", 1)]
    attach_and_check(desk, request, [cover(line, protocol="tcp"), cover(line, protocol="udp")])
    for statement, why in (
        ("UPDATE terms_line SET protocol = 'udp'", "only ever added"),
        (
            "INSERT INTO terms_line (terms_id, number, address, protocol, from_at, until_at) "
            "SELECT terms_id, 9, address, 'xyz', from_at, until_at FROM terms_line LIMIT 1",
            "terms_line_protocol_known",
        ),
    ):
        with pytest.raises(IntegrityError, match=why), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
