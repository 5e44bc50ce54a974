"""Identities are sealed as they come in, whole or not at all, and opened in the granted parts only."""

from __future__ import annotations

import io
import json
from collections.abc import Collection

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from broker.audit.models import Event
from broker.crypto.epochs import EpochPrivateKey, new_epoch
from broker.crypto.errors import UnsealError
from broker.errors import InputError
from broker.identities.models import SealedKey, SealedRecord, SubscriberImport
from broker.identities.services import STORE, import_subscribers, open_identities
from broker.identities.subscriber_file import COLUMNS, MAX_VALUE_BYTES, canonical, value_problem
from broker.release.content import MAX_FIELD_BYTES, field_problem
from tests.support.lease_files import NOW

pytestmark = pytest.mark.django_db(databases=["default", "identities"])

HEADER = ",".join(COLUMNS)
ADA = 's-1,Ada Inventada,"Calle Falsa 1\n28999 Villaficticia",ada@example.org,+34 000,K-1'
BOB = "s-2,Żółć Ødegård 見本,ulica Próbna 9,,,"


@pytest.fixture(scope="module")
def epoch() -> EpochPrivateKey:
    return new_epoch(1)


def file(*rows: str, header: str = HEADER) -> io.BytesIO:
    return io.BytesIO("\n".join([header, *rows, ""]).encode("utf-8"))


def store(epoch: EpochPrivateKey, *rows: str, header: str = HEADER) -> None:
    import_subscribers(file(*rows, header=header), isp="embedded", epoch=epoch.public, now=NOW)


def opened(epoch: EpochPrivateKey, *references: str, categories: Collection[str]) -> dict[str, dict[str, str]]:
    """Open these parts of identities: reference -> category -> value."""
    found = open_identities(references, epoch_private=epoch, isp="embedded", categories=categories)
    return {reference: identity.values for reference, identity in found.items()}


def defects(epoch: EpochPrivateKey, data: io.BytesIO) -> list[tuple[int | None, str, str]]:
    """Import a file that must be refused; give line, column and code of its defects."""
    counted = (SealedRecord, SealedKey, SubscriberImport, Event)
    before = [model.objects.count() for model in counted]
    with pytest.raises(InputError) as caught:
        import_subscribers(data, isp="embedded", epoch=epoch.public, now=NOW)
    assert [model.objects.count() for model in counted] == before
    return [(p.line, p.field, p.code) for p in caught.value.problems]


def test_opens_exactly_the_categories_that_were_granted(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA, BOB)
    assert opened(epoch, "s-1", "s-2", categories={"name", "postal-address"}) == {
        "s-1": {"name": "Ada Inventada", "postal-address": "Calle Falsa 1\n28999 Villaficticia"},
        "s-2": {"name": "Żółć Ødegård 見本", "postal-address": "ulica Próbna 9"},
    }


def test_a_category_without_a_value_is_absent_and_not_empty(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA, BOB)
    found = opened(epoch, "s-1", "s-2", categories={"email", "phone"})
    assert found == {"s-1": {"email": "ada@example.org", "phone": "+34 000"}, "s-2": {}}


def test_opens_nothing_when_nothing_was_granted(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA)
    assert opened(epoch, "s-1", categories=()) == {}


def test_unknown_and_erased_subscribers_are_absent(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA, BOB)
    SealedKey.objects.using(STORE).filter(record__subscriber_ref="s-2").delete()
    assert set(opened(epoch, "s-1", "s-2", "s-3", categories={"name"})) == {"s-1"}


def test_further_categories_are_sealed_and_opened_like_the_others(epoch: EpochPrivateKey) -> None:
    store(epoch, f"{ADA},12 months,DE89", header=f"{HEADER},contract-meta,billing")
    assert opened(epoch, "s-1", categories={"billing"}) == {"s-1": {"billing": "DE89"}}


def test_nothing_readable_is_stored(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA, BOB)
    with connections[STORE].cursor() as cursor:
        cursor.execute("SELECT string_agg(r::text, ' ') || string_agg(k::text, ' ') FROM sealed_record r, sealed_key k")
        (stored,) = cursor.fetchone()
    everything = stored + json.dumps(list(Event.objects.values_list("body", flat=True)))
    for part in ("Ada", "Falsa", "example.org", "K-1", "Żółć"):
        assert part not in everything
        assert part.encode().hex() not in everything
    assert "s-1" in everything


def test_a_record_under_another_operator_epoch_or_subscriber_does_not_open(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA, BOB)
    asked = {"references": ["s-1"], "categories": {"name"}}
    with pytest.raises(UnsealError):
        open_identities(**asked, epoch_private=epoch, isp="another")
    with pytest.raises(UnsealError):
        open_identities(**asked, epoch_private=new_epoch(1), isp="embedded")
    with pytest.raises(UnsealError):
        open_identities(**asked, epoch_private=new_epoch(2), isp="embedded")
    first, second = SealedRecord.objects.using(STORE).order_by("subscriber_ref")
    SealedRecord.objects.using(STORE).filter(id=first.id).update(nonce=second.nonce, body=second.body)
    with pytest.raises(UnsealError):
        open_identities(**asked, epoch_private=epoch, isp="embedded")


def test_the_event_holds_counts_and_a_digest_only(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA, BOB)
    imported = SubscriberImport.objects.get()
    event = Event.objects.get()
    assert (event.kind, event.subject_id) == ("subscriber-import:stored", imported.id)
    assert event.body == {"file_sha256": imported.sha256, "rows": 2, "epoch": 1}


def test_recognises_a_file_that_comes_again_and_stores_nothing(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA)
    again = import_subscribers(file(ADA), isp="embedded", epoch=epoch.public, now=NOW)
    assert again.already_imported is True
    assert (SealedRecord.objects.count(), SubscriberImport.objects.count(), Event.objects.count()) == (
        1,
        1,
        1,
    )


def test_refuses_a_reference_given_twice_and_names_both_lines(epoch: EpochPrivateKey) -> None:
    data = file(ADA, BOB, BOB.replace("Próbna", "Inna"))
    with pytest.raises(InputError) as caught:
        import_subscribers(data, isp="embedded", epoch=epoch.public, now=NOW)
    (problem,) = caught.value.problems
    # The address of the first subscriber takes two lines.
    assert (problem.line, problem.field, problem.code) == (5, "subscriber", "subscriber.duplicate")
    assert "line 4" in problem.message
    assert SealedRecord.objects.count() == 0


def test_refuses_references_that_an_earlier_file_brought(epoch: EpochPrivateKey) -> None:
    store(epoch, ADA)
    assert defects(epoch, file(BOB, ADA)) == [(3, "subscriber", "subscriber.known")]


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("Ada Inventada,Ada,x,,,", "subscriber", "subscriber.reference"),
        (",Ada,x,,,", "subscriber", "subscriber.reference"),
        ("s-1,,x,,,", "name", "subscriber.name"),
        ("s-1,Ada\u0007,x,,,", "name", "subscriber.value"),
        ("s-1,Ada \u202eadA,x,,,", "name", "subscriber.value"),
        ('s-1,Ada,"x\r\ny",,,', "postal-address", "subscriber.value"),
        ("s-1,Ada, ,,,", "postal-address", "subscriber.value"),
        (f"s-1,{'é' * 256},x,,,", "name", "subscriber.value"),
        ("s-1,Ada,x,,", "file", "csv.columns"),
    ],
)
def test_refuses_the_whole_file_for_one_bad_row(epoch: EpochPrivateKey, row: str, field: str, code: str) -> None:
    found = defects(epoch, file(BOB, row))
    assert {(f, c) for _, f, c in found} == {(field, code)}
    assert {line for line, _, _ in found} == {3}


def test_refuses_wrong_encoding_delimiter_and_header_and_files_without_rows(epoch: EpochPrivateKey) -> None:
    latin = io.BytesIO(f"{HEADER}\ns-1,Jos\xe9,x,,,\n".encode("latin-1"))
    assert defects(epoch, latin) == [(2, "file", "csv.encoding")]
    assert defects(epoch, io.BytesIO(HEADER.replace(",", ";").encode())) == [(1, "file", "csv.delimiter")]
    assert defects(epoch, file(ADA, header=f"{HEADER},traffic")) == [(1, "file", "csv.header")]
    assert defects(epoch, file(ADA, header=f"{HEADER},location")) == [(1, "file", "csv.header")]
    assert defects(epoch, file()) == [(None, "file", "csv.empty")]


def test_problems_never_quote_a_person(epoch: EpochPrivateKey) -> None:
    with pytest.raises(InputError) as caught:
        store(epoch, "Ada Inventada,Ada\u0007 Inventada,\u202eCalle,,,", 's-1,"Ada')
    text = str(caught.value) + str([p.as_dict() for p in caught.value.problems])
    assert "Ada" not in text
    assert "Calle" not in text


def test_an_import_needs_the_operators_id(epoch: EpochPrivateKey) -> None:
    with pytest.raises(ValueError, match="operator"):
        import_subscribers(file(ADA), isp="", epoch=epoch.public, now=NOW)


@given(st.text(max_size=300))
def test_what_an_import_accepts_a_release_can_hold(value: str) -> None:
    if value_problem(value) is None:
        assert field_problem(value) is None


def test_the_limits_of_import_and_release_are_the_same() -> None:
    assert MAX_VALUE_BYTES == MAX_FIELD_BYTES
    assert value_problem("x" * (MAX_VALUE_BYTES - 2)) is None
    assert value_problem("x" * (MAX_VALUE_BYTES - 1)) is not None


def test_the_sealed_form_is_canonical_json() -> None:
    assert canonical({"name": 'é"', "email": "x"}) == '{"email":"x","name":"é\\""}'.encode()
