"""Where a connection is installed is kept apart from where its bills go, and counts for its own time only."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from broker.crypto.epochs import EpochPrivateKey, new_epoch
from broker.crypto.records import seal_record
from broker.errors import InputError
from broker.identities.models import SealedKey, SealedRecord
from broker.identities.services import OpenedIdentity, import_subscribers, open_identities
from broker.identities.sites import Site
from broker.identities.subscriber_file import COLUMNS
from broker.release.which_address import SENTENCES, WhichAddress, told
from tests.support.lease_files import NOW

pytestmark = pytest.mark.django_db(databases=["default", "identities"])

SITE_COLUMNS = "installation-address,installed-from,installed-until"
HEADER = f"{','.join(COLUMNS)},{SITE_COLUMNS}"
ADA = "s-1,Ada Inventada,Calle Falsa 1 28999 Villaficticia,,,"
MARCH, MAY = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def epoch() -> EpochPrivateKey:
    return new_epoch(1)


def store(epoch: EpochPrivateKey, site: str, header: str = HEADER) -> None:
    file = io.BytesIO(f"{header}\n{ADA},{site}\n".encode())
    import_subscribers(file, isp="embedded", epoch=epoch.public, now=NOW)


def opened(epoch: EpochPrivateKey, *categories: str) -> OpenedIdentity:
    (identity,) = open_identities(
        ["s-1"], epoch_private=epoch, isp="embedded", categories=categories or ("postal-address",)
    ).values()
    return identity


def answer(epoch: EpochPrivateKey, at: datetime, *categories: str) -> tuple[dict[str, str], WhichAddress | None]:
    identity = opened(epoch, *categories)
    return told(identity.values, identity.site, (at, at + timedelta(minutes=2)))


def test_a_grant_of_the_postal_address_opens_the_contracts_and_never_the_installations(epoch: EpochPrivateKey) -> None:
    store(epoch, "Plaza Otra 2,2026-03-01T00:00:00Z,")
    values, which = answer(epoch, MAY)
    assert values == {"postal-address": "Calle Falsa 1 28999 Villaficticia"}
    assert which is WhichAddress.INSTALLED_ELSEWHERE


def test_says_that_the_connection_was_installed_at_the_contracts_address(epoch: EpochPrivateKey) -> None:
    store(epoch, '"Calle Falsa 1,  28999 VILLAFICTICIA",2026-03-01T00:00:00Z,')
    assert answer(epoch, MAY)[1] is WhichAddress.INSTALLED_HERE


def test_says_of_one_address_that_it_is_the_contracts(epoch: EpochPrivateKey) -> None:
    store(epoch, ",,")
    assert opened(epoch).site is None
    which = answer(epoch, MAY)[1]
    assert which is WhichAddress.ONLY_ADDRESS
    assert "not necessarily where the connection is installed" in SENTENCES[which]


def test_of_a_record_sealed_before_sites_were_kept_only_the_contracts_address_is_known(epoch: EpochPrivateKey) -> None:
    store(epoch, ",,")
    sealed = SealedRecord.objects.get()
    plaintext = json.dumps({"name": "Ada", "postal-address": "Calle Falsa 1"}).encode()
    parts = seal_record(plaintext, isp="embedded", record_id=sealed.id, schema=1, epoch=epoch.public)
    SealedRecord.objects.update(schema=1, nonce=parts.nonce, body=parts.body)
    SealedKey.objects.update(wrapped=parts.wrapped_key)
    assert answer(epoch, MAY) == ({"postal-address": "Calle Falsa 1"}, WhichAddress.ONLY_ADDRESS)


@pytest.mark.parametrize(
    ("at", "known"),
    [
        (MARCH - DAY, False),
        (MARCH + DAY - timedelta(seconds=1), False),
        (MARCH + DAY, True),
        (MAY - DAY - timedelta(minutes=2), True),
        (MAY - DAY - timedelta(minutes=1), False),
        (MAY + DAY, False),
    ],
)
def test_the_site_of_another_time_is_not_given_and_nothing_stands_in_for_it(
    epoch: EpochPrivateKey, at: datetime, known: bool
) -> None:
    store(epoch, "Plaza Otra 2,2026-03-01T00:00:00Z,2026-05-01T02:00:00+02:00")
    both = ("installation-address", "postal-address")
    values, which = answer(epoch, at, *both)
    assert set(values) == (set(both) if known else {"postal-address"})
    assert which is (WhichAddress.INSTALLED_ELSEWHERE if known else WhichAddress.SITE_UNKNOWN_THEN)
    only, none = answer(epoch, at, "installation-address")
    assert (only, none) == ({"installation-address": "Plaza Otra 2"} if known else {}, None)


def test_an_end_that_lies_ahead_is_taken() -> None:
    assert Site(True, MARCH, MAY).covers(MARCH + DAY, MAY - DAY)
    assert Site(True, MARCH, None).covers(MARCH + DAY, datetime(2200, 1, 1, tzinfo=UTC))


def test_the_times_of_a_site_are_no_data_that_could_be_granted(epoch: EpochPrivateKey) -> None:
    store(epoch, "Plaza Otra 2,2026-03-01T00:00:00Z,")
    assert set(opened(epoch, "name", "postal-address", "installation-address").values) == {
        "name",
        "postal-address",
        "installation-address",
    }


@pytest.mark.parametrize(
    ("site", "field", "code"),
    [
        ("Plaza Otra 2,,", "installed-from", "subscriber.site"),
        (",2026-03-01T00:00:00Z,", "installation-address", "subscriber.site"),
        (",,2026-03-01T00:00:00Z", "installation-address", "subscriber.site"),
        ("Plaza Otra 2,2026-03-01T00:00:00,", "installed-from", "ZONE_MISSING"),
        ("Plaza Otra 2,01/03/2026,", "installed-from", "TIME_FORMAT"),
        ("Plaza Otra 2,2027-03-01T00:00:00Z,", "installed-from", "TIME_FUTURE"),
        ("Plaza Otra 2,2026-03-01T00:00:00Z,2026-03-01T01:00:00+01:00", "installed-until", "subscriber.site"),
        ("Plaza\u0007 Otra 2,2026-03-01T00:00:00Z,", "installation-address", "subscriber.value"),
    ],
)
def test_refuses_a_site_without_its_time_and_says_where(
    epoch: EpochPrivateKey, site: str, field: str, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        store(epoch, site)
    assert [(p.line, p.field, p.code) for p in caught.value.problems] == [(2, field, code)]
    assert "Plaza" not in str(caught.value)
    assert not SealedRecord.objects.exists()


def test_every_sentence_about_an_address_is_short_enough_for_its_place() -> None:
    assert set(SENTENCES) == set(WhichAddress)
    assert all(len(sentence.encode()) <= 200 for sentence in SENTENCES.values())
