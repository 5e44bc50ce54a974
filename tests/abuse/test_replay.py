"""An order is used once, in whatever file, under whatever number, by however many at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from asn1crypto import cms
from django.db import connections, transaction
from pyhanko.pdf_utils.reader import PdfFileReader

from broker import tasks
from broker.crypto.suites import sha256_hex
from broker.databases import Process
from broker.errors import InputError
from broker.intake.models import DisclosureRequest
from broker.orders.models import CourtOrder, OrderCheck, OrderDocument
from broker.orders.services import attach_order, check_document
from broker.outbox.models import OutboxRow
from broker.parties.middleware import context_of
from broker.parties.models import CourtCertificate
from broker.parties.services import register_court_certificate
from broker.row_context import RowContext, acting
from tests.support import alterations as alter
from tests.support.cases import Desk, cover, file_lines, make_desk, make_line, order_terms
from tests.support.court import SIGNED_AT, Court, TimestampAuthority, order_pdf
from tests.support.revocation import add_evidence, revocation_list

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 50
TSA = TimestampAuthority.create("Sellado de tiempo")
COURT = Court.create("Juzgado de lo Mercantil de ejemplo")
SIGNED = COURT.sign(order_pdf("Auto (ejemplo)", ["Datos del abonado."]))


@pytest.fixture
def desk() -> Desk:
    made = make_desk()
    register_court_certificate(made.court, TSA.certificate_der, CourtCertificate.Use.TIMESTAMP)
    return made


def attach(
    desk: Desk, request: DisclosureRequest, pdf: bytes, number: str = "DP 118/2026", **line: object
) -> CourtOrder:
    terms = order_terms(desk, [cover(make_line(1), **line)])
    return attach_order(desk.clerk, request, number, pdf, terms)


def check(order: CourtOrder) -> str:
    """Check an order as jobs do; return the code of the check of its document that failed, "" for none."""
    with acting(RowContext(Process.JOBS, Process.JOBS.value)), transaction.atomic():
        check_document(order.id)
    failed = OrderCheck.objects.filter(order=order, terms=None, passed=False)
    return "".join(failed.values_list("code", flat=True))


def refused_as_replayed(attempt: Callable[[], object]) -> bool:
    with pytest.raises(InputError) as caught:
        attempt()
    return [problem.code for problem in caught.value.problems] == ["order.replayed"]


def swap_case(pdf: bytes) -> bytes:
    """Write the digits of the signature in the other case: other bytes, the same signature."""
    first, last = alter.signature_space(pdf)
    return pdf[:first] + pdf[first:last].swapcase() + pdf[last:]


def add_unsigned_attribute(pdf: bytes) -> bytes:
    """Put something among the attributes that a signature does not cover, as anybody can."""
    first, last = alter.signature_space(pdf)
    container = cms.ContentInfo.load(PdfFileReader(BytesIO(pdf)).embedded_signatures[0].pkcs7_content)
    info = container["content"]["signer_infos"][0]
    info["unsigned_attrs"] = cms.CMSAttributes([cms.CMSAttribute({"type": "1.2.3.4", "values": []})])
    written: bytes = container.dump(force=True).hex().encode().ljust(last - first, b"0")
    return pdf[:first] + written + pdf[last:]


RESAVED: dict[str, Callable[[bytes], bytes]] = {
    "digits in the other case": swap_case,
    "an unsigned attribute": add_unsigned_attribute,
    "a timestamp": TSA.timestamp,
    "validation data": lambda pdf: add_evidence(pdf, crls=[revocation_list(COURT, SIGNED_AT)]),
    "a second signature": lambda pdf: COURT.second_seal("Colega").sign(pdf, field="Segundo"),
}


def test_refuses_the_same_file_under_another_number_another_request_and_another_spelling(desk: Desk) -> None:
    line = make_line(1, address="2001:db8:41:7::5c")
    first, second = file_lines(desk, [line]), file_lines(desk, [line])
    attach(desk, first, SIGNED, address="2001:db8:41:7::5c")
    for request in (first, second):
        for number in ("DP 118/2026", "DP 119/2026", "dp 118/2026 "):
            for address in ("2001:DB8:41:7::5C", "2001:0db8:0041:0007:0000:0000:0000:005c"):
                assert refused_as_replayed(lambda: attach(desk, request, SIGNED, number, address=address))  # noqa: B023
    assert CourtOrder.objects.count() == 1


@pytest.mark.parametrize("how", RESAVED)
def test_refuses_the_same_order_saved_again_with(how: str, desk: Desk) -> None:
    resaved = RESAVED[how](SIGNED)
    assert resaved != SIGNED
    requests = file_lines(desk), file_lines(desk)
    assert check(attach(desk, requests[0], SIGNED)) == ""
    assert check(attach(desk, requests[1], resaved, "DP 119/2026")) == "order.replayed"
    assert list(CourtOrder.objects.order_by("uploaded_at").values_list("state", flat=True)) == ["VERIFIED", "REJECTED"]


@pytest.mark.parametrize("how", RESAVED)
def test_accepts_first_the_order_saved_again_with(how: str, desk: Desk) -> None:
    assert check(attach(desk, file_lines(desk), RESAVED[how](SIGNED))) == ""
    assert check(attach(desk, file_lines(desk), SIGNED, "DP 119/2026")) == "order.replayed"


def test_two_orders_that_the_court_signed_apart_are_two(desk: Desk) -> None:
    other = COURT.sign(order_pdf("Auto (ejemplo)", ["Otro abonado."]))
    assert check(attach(desk, file_lines(desk), SIGNED)) == check(attach(desk, file_lines(desk), other)) == ""


def test_a_rejected_file_can_be_attached_again_when_the_cause_is_mended(desk: Desk) -> None:
    CourtCertificate.objects.filter(court=desk.court).delete()
    request = file_lines(desk)
    assert check(attach(desk, request, SIGNED)) == "order.no-registered-certificate"
    register_court_certificate(desk.court, COURT.certificate_der)
    assert check(attach(desk, request, SIGNED)) == ""
    assert refused_as_replayed(lambda: attach(desk, request, SIGNED))


def in_threads(work: list[Callable[[], object]]) -> list[object]:
    """Do everything at once, each in a thread with a connection of its own; return results, or what was refused."""
    together = threading.Barrier(len(work))

    def do(one: Callable[[], object]) -> object:
        try:
            together.wait(60)
            return one()
        except InputError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(do, work))


def test_fifty_at_once_attach_one_order(desk: Desk) -> None:
    request = file_lines(desk)
    results = in_threads([lambda n=n: attach(desk, request, SIGNED, f"DP {n}/2026") for n in range(THREADS)])  # type: ignore[misc]
    assert CourtOrder.objects.count() == 1
    refused = [result for result in results if isinstance(result, InputError)]
    assert len(refused) == THREADS - 1
    assert {problem.code for error in refused for problem in error.problems} == {"order.replayed"}


def test_one_order_in_several_files_checked_at_once_is_verified_once(desk: Desk) -> None:
    files = [SIGNED, *(resave(SIGNED) for resave in RESAVED.values())]
    orders = [attach(desk, file_lines(desk), pdf, f"DP {n}/2026") for n, pdf in enumerate(files)]
    rows = {order.id: str(OutboxRow.objects.get(kind="check-order", subject_id=order.id).id) for order in orders}
    in_threads([lambda order=order: tasks.check_order(rows[order.id]) for order in orders])  # type: ignore[misc]
    # Whoever came second at the very same moment was refused by the database, and is tried again like any work.
    for order in orders:
        tasks.check_order(rows[order.id])
    states = sorted(CourtOrder.objects.values_list("state", flat=True))
    assert states == ["REJECTED"] * (len(files) - 1) + ["VERIFIED"]
    assert not OutboxRow.objects.filter(kind="check-order", done=False).exists()


def test_a_file_that_another_court_brought_is_taken_and_tells_nothing(desk: Desk) -> None:
    OrderDocument.objects.create(sha256=sha256_hex(SIGNED), content=SIGNED, size_bytes=len(SIGNED))
    request = file_lines(desk)
    with acting(context_of(desk.clerk)):
        order = attach(desk, request, SIGNED)
    assert order.document_id == sha256_hex(SIGNED)
