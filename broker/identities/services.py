"""Seal identities into the store, and open the parts of them that were granted.

Sealing needs the public key of the epoch only; opening needs the private key, which the release worker has.
Not here: who may be opened (`broker.release`). Identity parts are never logged and never part of a message.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from django.db import connections, transaction
from django.utils import timezone

from broker.audit.services import record
from broker.crypto.epochs import EpochPrivateKey, EpochPublicKey
from broker.crypto.errors import UnsealError
from broker.crypto.records import SealedRecordParts, open_record, seal_record
from broker.csv_rows import CsvFile, Problems
from broker.errors import InputError, Problem
from broker.identities.models import SealedKey, SubscriberImport
from broker.identities.sites import Site, site_of
from broker.identities.subscriber_file import COLUMNS, FURTHER_COLUMNS, Subscriber, read_subscribers

STORE = "identities"
# Version of the plaintext: canonical JSON, data category to text; since 2 with where the connection is installed, and
# when (`sites`). Records of version 1 stay as they are: of them nobody knows where that is.
SCHEMA = 2
_READ = frozenset({1, 2})
# Any number that nothing else in this database locks: imports run one after the other.
_IMPORT_LOCK = 7_301_002

_STAGE = """
CREATE TEMPORARY TABLE subscriber_staging (
    line bigint, id uuid, subscriber_ref text, epoch int, nonce bytea, body bytea, suite int, wrapped bytea
) ON COMMIT DROP"""
_COPY = "COPY subscriber_staging (line, id, subscriber_ref, epoch, nonce, body, suite, wrapped) FROM STDIN"
_KNOWN = """
SELECT s.line FROM subscriber_staging s JOIN sealed_record r USING (subscriber_ref) ORDER BY s.line"""
_STORE_RECORDS = """
INSERT INTO sealed_record (id, subscriber_ref, isp, epoch, schema, nonce, body)
SELECT id, subscriber_ref, %s, epoch, %s, nonce, body FROM subscriber_staging"""
_STORE_KEYS = """
INSERT INTO sealed_key (record_id, epoch, suite, wrapped)
SELECT id, epoch, suite, wrapped FROM subscriber_staging"""


@dataclass(frozen=True, slots=True)
class SubscriberImportReport:
    """What became of a file: all its rows are stored, or it had been imported before and nothing was done."""

    imported: SubscriberImport
    already_imported: bool = False


def import_subscribers(file: BinaryIO, *, isp: str, epoch: EpochPublicKey, now: datetime) -> SubscriberImportReport:
    """Seal and store the subscribers of a CSV file, all of them or none.

    file: binary and seekable; columns as in `subscriber_file.COLUMNS`, further data categories may follow.
    isp: the operator's id, bound into every seal. epoch: the key that is sealed to. now: aware.

    1. Recognise a file that was imported before. 2. Check it whole: sealing is slow, so nothing is sealed for
    a file that will be refused. 3. Seal into a staging table; refuse references that are stored already.
    4. Store. 5. Write the event. 6. Commit.

    Raises InputError with all defects by line; then nothing is stored.
    """
    if not isp:
        raise ValueError("the operator's id is empty")
    sheet = CsvFile(file, COLUMNS, FURTHER_COLUMNS, ended=True)
    sha256 = sheet.sha256()
    with transaction.atomic(using=STORE), connections[STORE].cursor() as cursor:
        # 1. Under the lock: of two imports of one file, the second sees the first.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IMPORT_LOCK])
        before = SubscriberImport.objects.using(STORE).filter(sha256=sha256).first()
        if before is not None:
            return SubscriberImportReport(before, already_imported=True)
        # 2.
        problems = Problems()
        count = sum(1 for _ in read_subscribers(sheet.rows(problems), problems, now))
        problems.refuse()
        if not count:
            raise _refusal("csv.empty", "The file has a header and no rows. There is nothing to store.")
        # 3.
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            for row in _sealed(read_subscribers(sheet.rows(problems), problems, now), isp, epoch):
                copy.write_row(row)
        problems.refuse()
        if sheet.sha256() != sha256:
            raise _refusal("csv.changed", "The file changed while it was read. Import it again.")
        cursor.execute(_KNOWN)
        for (line,) in cursor.fetchall():
            problems.add(
                "subscriber.known",
                "subscriber",
                "This reference is stored already, from an earlier file. Leave out the line, or give a new "
                "reference if it is somebody else.",
                line,
            )
        problems.refuse()
        # 4.
        cursor.execute(_STORE_RECORDS, [isp, SCHEMA])
        records = cursor.rowcount
        cursor.execute(_STORE_KEYS)
        if (records, cursor.rowcount) != (count, count):
            # Count in must be count out at every stage; a lost row would be a lost person.
            raise RuntimeError(f"{count} subscribers read, {records} records, {cursor.rowcount} keys stored")
        # Gone at commit in any case; a caller with several imports in one transaction needs it gone now.
        cursor.execute("DROP TABLE subscriber_staging")
        imported = SubscriberImport.objects.using(STORE).create(
            sha256=sha256, row_count=count, started_at=now, finished_at=timezone.now()
        )
        # 5. The event is in another database. It commits first: an event without its import shows as one that
        # failed, an import without an event would show nowhere.
        with transaction.atomic():
            record(
                "subscriber-import:stored",
                "subscriber-import",
                imported.id,
                {"file_sha256": sha256, "rows": count, "epoch": epoch.epoch_id},
            )
    # 6.
    return SubscriberImportReport(imported)


def _sealed(subscribers: Iterator[Subscriber], isp: str, epoch: EpochPublicKey) -> Iterator[tuple[object, ...]]:
    for subscriber in subscribers:
        record_id = uuid.uuid4()
        parts = seal_record(subscriber.plaintext(), isp=isp, record_id=record_id, schema=SCHEMA, epoch=epoch)
        yield (
            subscriber.line,
            record_id,
            subscriber.reference,
            parts.epoch_id,
            parts.nonce,
            parts.body,
            parts.suite,
            parts.wrapped_key,
        )


@dataclass(frozen=True, slots=True)
class OpenedIdentity:
    """What was granted of one identity, category -> value, and what the record says of its site; None: nothing."""

    values: dict[str, str] = field(repr=False)
    site: Site | None


def open_identities(
    references: Collection[str],
    *,
    epoch_private: EpochPrivateKey,
    isp: str,
    categories: Collection[str],
) -> dict[str, OpenedIdentity]:
    """Open the granted parts of identities, by their references.

    categories: what was granted (requested, ordered and allowed); no other value leaves this function, and with
        no category nothing is opened. Of the site only its times leave it, and whether it is the contract's address.

    A reference that has no record, or whose key was erased, is absent from the answer: the caller must treat
    it as not identified. A granted category the subscriber has no value for is absent too.
    Raises UnsealError if a record does not open, or is no identity.
    """
    if not categories:
        return {}
    keys = (
        SealedKey.objects.using(STORE)
        .filter(record__subscriber_ref__in=set(references))
        .select_related("record")
        .order_by("record__subscriber_ref")
    )
    return {key.record.subscriber_ref: _open(key, epoch_private, isp, frozenset(categories)) for key in keys}


def require_store() -> None:
    """Touch the store as `open_identities` does, so that whoever names nobody fails when it is away just the same."""
    SealedKey.objects.using(STORE).select_related("record").first()


def _open(key: SealedKey, epoch_private: EpochPrivateKey, isp: str, categories: frozenset[str]) -> OpenedIdentity:
    sealed = key.record
    if sealed.schema not in _READ:
        raise UnsealError(f"Record {sealed.id} has form {sealed.schema}; this version reads up to {SCHEMA}.")
    parts = SealedRecordParts(
        nonce=bytes(sealed.nonce),
        body=bytes(sealed.body),
        suite=key.suite,
        epoch_id=key.epoch,
        wrapped_key=bytes(key.wrapped),
    )
    plaintext = open_record(parts, isp=isp, record_id=sealed.id, schema=sealed.schema, epoch_private=epoch_private)
    try:
        identity = json.loads(plaintext)
        if not isinstance(identity, dict) or not all(isinstance(v, str) for v in identity.values()):
            raise ValueError("not a mapping of texts")
        site = site_of(identity)
    except ValueError:
        # The cause is dropped on purpose: it would carry the identity.
        raise UnsealError(f"Record {sealed.id} opened to something that is no identity.") from None
    return OpenedIdentity({category: value for category, value in identity.items() if category in categories}, site)


def _refusal(code: str, message: str) -> InputError:
    return InputError([Problem(code, "file", message)])
