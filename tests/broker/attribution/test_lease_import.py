"""A file of leases is stored whole or not at all, and nothing of it is lost or changed."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, connections, transaction

from broker.attribution.lease_import import import_leases
from broker.attribution.resolve import REACH
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.audit.models import Event
from broker.errors import InputError
from broker.leases.models import Lease, LeaseImport, OpenLease
from tests.support.lease_files import HEADER, NOW, lease_file, store

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

GOOD = "198.51.100.23,,,2026-09-14T00:00:00Z,2026-09-15T00:00:00Z,s-1,business"


def defects(data: io.BytesIO) -> list[tuple[int | None, str, str]]:
    """Import a file that must be refused; give line, column and code of its defects."""
    before = (Lease.objects.count(), LeaseImport.objects.count(), Event.objects.count())
    with pytest.raises(InputError) as caught:
        import_leases(data, now=NOW)
    assert (Lease.objects.count(), LeaseImport.objects.count(), Event.objects.count()) == before
    return [(p.line, p.field, p.code) for p in caught.value.problems]


def row(column: int, value: str) -> str:
    values = GOOD.split(",")
    values[column] = value
    return ",".join(values)


def test_stores_every_row_with_what_it_shows() -> None:
    report = store(
        "198.51.100.23,,,2026-09-14T02:00:00+02:00,2026-09-15T00:00:00Z,s-1,business",
        "203.0.113.7,20480,20991,2026-09-18T20:00:00Z,,s-2,statutory-retention",
        "2001:DB8:41:7:0::5C,,,2026-10-02T00:00:00Z,2026-12-01T00:00:00Z,s-3,preserved",
    )

    def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
        return datetime(year, month, day, hour, tzinfo=UTC)

    closed = Lease.objects.values_list(
        "source_pos",
        "address",
        "valid_from",
        "valid_to",
        "certain_after",
        "certain_before",
        "holder__reference",
        "flags",
    )
    assert list(closed) == [(2, "198.51.100.23", at(2026, 9, 14), at(2026, 9, 15), 0, 0, "s-1", 0)]
    still_open = OpenLease.objects.order_by("source_pos").values_list(
        *("source_pos", "address", "port_from", "port_to", "possible_from", "possible_to"),
        *("certain_from", "certain_to", "holder__reference", "flags"),
    )
    began, leased = at(2026, 9, 18, 20), at(2026, 10, 2)
    assert list(still_open) == [
        # Still open: certain as far as the file is complete, possible beyond.
        (3, "203.0.113.7", 20480, 20991, began, None, began, NOW, "s-2", 1),
        # Expiry ahead: the lease may still be given back before.
        (4, "2001:db8:41:7::5c", None, None, leased, at(2026, 12, 1), leased, NOW, "s-3", 2),
    ]
    assert (report.imported.row_count, report.already_imported, report.overlap_lines) == (3, False, ())


def test_a_lease_over_several_months_is_cut_where_they_end_and_says_the_same_as_before() -> None:
    store("198.51.100.23,,,2026-07-31T22:00:00Z,2026-09-02T00:00:00Z,s-1,business")
    parts = list(Lease.objects.order_by("valid_from").values_list("valid_from", "valid_to"))
    edges = [datetime(2026, 7, 31, 22, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)]
    assert parts == list(zip(edges, [*edges[1:], datetime(2026, 9, 2, tzinfo=UTC)], strict=True))
    seen = Observation("q", "198.51.100.23", None, edges[2])
    verdict = attribute([seen], tolerance=timedelta(hours=20), now=NOW)["q"]
    assert (verdict.subscriber, verdict.margin) == ("s-1", REACH)


def test_a_file_without_a_stated_span_is_complete_for_the_span_of_its_stamps_only() -> None:
    report = store(
        GOOD,
        "198.51.100.24,,,2026-09-10T00:00:00Z,,s-2,business",
        "198.51.100.25,,,2026-09-16T00:00:00Z,2026-12-24T00:00:00Z,s-3,business",
        complete_from=None,
        complete_until=None,
    )
    assert report.imported.complete_from == datetime(2026, 9, 10, tzinfo=UTC)
    assert report.imported.complete_until == datetime(2026, 9, 16, tzinfo=UTC)


def test_the_event_names_the_import_and_holds_counts_and_a_digest_only() -> None:
    imported = store(GOOD).imported
    event = Event.objects.get()
    assert (event.kind, event.subject_id) == ("lease-import:stored", imported.key)
    assert event.body == {"file_sha256": imported.sha256, "rows": 1, "overlaps": 0}


def test_recognises_a_file_that_comes_again_and_stores_nothing() -> None:
    first = store(GOOD)
    again = import_leases(lease_file(GOOD), now=NOW, source="another-name")
    assert again.already_imported is True
    assert again.imported.id == first.imported.id
    assert (Lease.objects.count(), LeaseImport.objects.count(), Event.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize(
    ("column", "name", "value", "code"),
    [
        (0, "address", "198.51.100.023", "ADDRESS_SYNTAX"),
        (0, "address", "198.51.100.0/24", "ADDRESS_SYNTAX"),
        (0, "address", "100.64.3.9", "ADDRESS_NOT_PUBLIC"),
        (1, "port_to", "1024", "lease.ports"),
        (2, "port_from", "1024", "lease.ports"),
        (3, "valid_from", "2026-09-14T00:00:00", "ZONE_MISSING"),
        (3, "valid_from", "2026-03-29T02:30:00[Europe/Madrid]", "TIME_NONEXISTENT"),
        (3, "valid_from", "2026-11-01T00:00:01Z", "TIME_FUTURE"),
        (3, "valid_from", "", "TIME_FORMAT"),
        (4, "valid_to", "2026-09-14T00:00:00Z", "lease.interval"),
        (4, "valid_to", "2026-09-13T23:59:59Z", "lease.interval"),
        (4, "valid_to", "2026-09-15 00:00", "ZONE_MISSING"),
        (4, "valid_to", "9999-12-31T23:59:59Z", "TIME_FORMAT"),
        (5, "subscriber", "", "subscriber.reference"),
        (5, "subscriber", "Jane Doe", "subscriber.reference"),
        (5, "subscriber", "x" * 65, "subscriber.reference"),
        (6, "provenance", "Business", "lease.provenance"),
        (6, "provenance", "", "lease.provenance"),
    ],
)
def test_refuses_the_whole_file_for_one_bad_value(column: int, name: str, value: str, code: str) -> None:
    assert defects(lease_file(GOOD, row(column, value), GOOD)) == [(3, name, code)]


@pytest.mark.parametrize("ports", [("20991", "20480"), ("0", "65536"), ("-1", "5"), ("x", "5"), ("080", "90")])
def test_refuses_port_blocks_that_are_none(ports: tuple[str, str]) -> None:
    values = GOOD.split(",")
    values[1:3] = ports
    assert [code for _, _, code in defects(lease_file(",".join(values)))] == ["lease.ports"]


def test_names_all_defects_of_all_rows_at_once() -> None:
    found = defects(lease_file("x,,,y,z,a b,c", GOOD, row(6, "nobody")))
    assert [(line, field) for line, field, _ in found] == [
        (2, "address"),
        (2, "valid_from"),
        (2, "valid_to"),
        (2, "subscriber"),
        (2, "provenance"),
        (4, "provenance"),
    ]


def test_refuses_wrong_encoding_delimiter_and_header_and_files_without_rows() -> None:
    assert defects(io.BytesIO(f"{HEADER}\n{GOOD}\n".encode("utf-16"))) == [(1, "file", "csv.encoding")]
    assert defects(io.BytesIO(f"{HEADER}\n{GOOD}ñ\n".encode("latin-1"))) == [(2, "file", "csv.encoding")]
    semicolons = f"{HEADER}\n{GOOD}\n".replace(",", ";").encode()
    assert defects(io.BytesIO(semicolons)) == [(1, "file", "csv.delimiter")]
    assert defects(io.BytesIO(f"{GOOD}\n".encode())) == [(1, "file", "csv.header")]
    assert defects(io.BytesIO(f"{HEADER}\n".encode())) == [(None, "file", "csv.empty")]


def test_a_defect_on_the_last_of_many_rows_leaves_nothing_behind() -> None:
    rows = [f"198.51.100.{n % 250},,,2026-09-14T00:00:00Z,,s-{n},business" for n in range(3000)]
    assert defects(lease_file(*rows, row(0, "nowhere"))) == [(3002, "address", "ADDRESS_SYNTAX")]


def test_keeps_counts_and_reports_rows_that_overlap_rows_of_other_subscribers() -> None:
    report = store(
        GOOD,
        "198.51.100.23,,,2026-09-14T23:00:00Z,2026-09-16T00:00:00Z,s-2,business",
        "198.51.100.23,,,2026-09-16T00:00:00Z,2026-09-17T00:00:00Z,s-3,business",
        "198.51.100.24,,,2026-09-14T00:00:00Z,,s-4,business",
    )
    assert report.overlap_lines == (2, 3)
    assert (Lease.objects.count(), OpenLease.objects.count()) == (3, 1)


def test_an_overlap_with_rows_of_an_earlier_file_is_reported_too() -> None:
    store(GOOD)
    report = store("198.51.100.23,,,2026-09-14T12:00:00Z,2026-09-14T13:00:00Z,s-2,business", GOOD.replace("s-1", "s-9"))
    assert report.overlap_lines == (2, 3)


def test_the_same_lease_in_two_files_is_no_overlap() -> None:
    store(GOOD)
    assert store(GOOD, "198.51.100.99,,,2026-09-14T00:00:00Z,,s-5,business").overlap_lines == ()


def test_an_open_lease_that_a_later_file_shows_closed_no_longer_overlaps_its_successor() -> None:
    store("198.51.100.23,,,2026-09-14T00:00:00Z,,s-1,business", complete_until=datetime(2026, 9, 15, tzinfo=UTC))
    later = store(
        "198.51.100.23,,,2026-09-14T00:00:00Z,2026-09-15T10:00:00Z,s-1,business",
        "198.51.100.23,,,2026-09-15T11:00:00Z,,s-2,business",
    )
    assert later.overlap_lines == ()


def test_a_span_that_the_file_itself_contradicts_is_refused() -> None:
    tomorrow = datetime(2026, 11, 2, tzinfo=UTC)
    for complete_from, complete_until in (
        (None, datetime(2026, 9, 14, 12, tzinfo=UTC)),
        (None, tomorrow),
        (tomorrow, None),
    ):
        with pytest.raises(InputError):
            import_leases(lease_file(GOOD), now=NOW, complete_from=complete_from, complete_until=complete_until)
    with pytest.raises(InputError):
        import_leases(lease_file(GOOD), now=NOW, source="two words")
    assert LeaseImport.objects.count() == 0


def test_without_its_event_an_import_does_not_happen() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse_all() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no events today'; END $$;"
            "CREATE TRIGGER refuse_all BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION refuse_all()"
        )
    with pytest.raises(DatabaseError, match="no events today"):
        store(GOOD)
    assert (Lease.objects.count(), LeaseImport.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lease SET holder_id = 0",
        "UPDATE lease_holder SET reference = 's-other'",
        "UPDATE lease_import SET complete_until = complete_until + interval '1 day'",
        "DELETE FROM lease_import",
        "INSERT INTO lease SELECT valid_to, valid_from, holder_id, 9, 0, 0, import_id, source_id, flags, address"
        " FROM lease",
    ],
)
def test_the_database_refuses_to_change_evidence(statement: str) -> None:
    store(GOOD)
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(using="leases"),
        connections["leases"].cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Lease.objects.get().holder.reference == "s-1"


@pytest.mark.django_db(databases=["default", "leases"], transaction=True)
def test_of_two_imports_of_one_file_at_once_one_stores_it() -> None:
    reports: list[bool] = []

    def run() -> None:
        try:
            reports.append(store(GOOD).already_imported)
        finally:
            for alias in ("default", "leases"):
                connections[alias].close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reports) == [False, True, True, True]
    assert (Lease.objects.count(), LeaseImport.objects.count()) == (1, 1)
