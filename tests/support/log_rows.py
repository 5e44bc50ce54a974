"""Rows as logs leave them in the store: prefixes, inside addresses and ports, told by sources of any realm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from broker.leases.models import LeaseImport
from broker.leases.rows import PROVENANCE_CODES, NewRow
from broker.leases.services import STORE, cover, drop_staged, source_named, stage, store_staged
from tests.support.lease_files import NOW

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Held:
    """Somebody held an address or prefix, or a block of its ports, for some days of September 2026.

    who: a contract, or the inside address that a translation's log names. line: `who` is a digested connection.
    protocol: of the ports, as an IANA number; None: all.
    """

    address: str
    who: str
    first_day: int = 1
    last_day: int = 30
    ports: tuple[int, int] | None = None
    provenance: str = "business"
    realm: str = ""
    line: bool = False
    protocol: int | None = None

    def row(self, position: int) -> NewRow:
        begins, ends = (datetime(2026, 9, day, tzinfo=UTC) for day in (self.first_day, self.last_day))
        first, last = self.ports or (None, None)
        inner = self.who if "." in self.who else None
        kind = "inner" if inner else "line" if self.line else "subscriber"
        return NewRow(
            position,
            self.address,
            first,
            last,
            1 if self.ports else None,
            self.protocol,
            kind,
            "" if inner else self.who,
            inner,
            self.realm if inner else "",
            begins,
            ends,
            begins,
            ends,
            PROVENANCE_CODES[self.provenance],
        )


def keep(source: str, *held: Held, until: datetime = NOW) -> None:
    """Store these rows as what a source told; it has delivered everything of the year so far."""
    with transaction.atomic(using=STORE):
        teller = source_named(source)
        log = LeaseImport.objects.using(STORE).create(source=teller, started_at=NOW)
        staged = stage([each.row(position) for position, each in enumerate(held)], NOW)
        if staged is not None:
            store_staged(teller.pk, log.pk, staged, now=NOW)
        drop_staged()
        cover(teller.pk, SINCE, until, stated=True)
