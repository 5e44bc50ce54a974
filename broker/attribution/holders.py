"""Who evidence names: by the number that the store knows a holder by, or by a key where no row of it does.

A key has its kind before it: `inner|realm|address` for an inside that a rule computes, the address with its length if
it is a delegated prefix; `line:reference` for a connection, digested as the logs' are, that another database names.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from broker.attribution.spans import FOREVER
from broker.leases import queries
from broker.leases.packed import big_integers
from broker.leases.reading import fetch

LINE = "line"
_INNER = "inner"


class Inner(NamedTuple):
    """An inside address, or a delegated prefix with its length, and the realm it belongs to."""

    realm: str
    address: str

    @property
    def delegated(self) -> bool:
        """Whether it is a prefix, of addresses that are seen outside as well."""
        return "/" in self.address

    def key(self) -> str:
        """Give the name by which evidence holds it."""
        return f"{_INNER}|{self.realm}|{self.address}"


def inner_of(key: str) -> Inner | None:
    """Read what `Inner.key` gave; None for everything else."""
    kind, _, rest = key.partition("|")
    realm, bar, address = rest.partition("|")
    return Inner(realm, address) if kind == _INNER and bar else None


class Named(NamedTuple):
    """What is known of a holder. inner: for an inside. terms: of a line, (contract, from, to, unit)."""

    kind: str
    reference: str
    inner: Inner | None
    terms: list[tuple[str, datetime, datetime, timedelta]]


def name_holders(holders: Iterable[str]) -> dict[str, Named]:
    """Say who these are, however evidence names them; a line that the store does not know belonged to nobody known."""
    found: dict[str, Named] = {}
    numbers = []
    for who in holders:
        if who.isdecimal():
            numbers.append(int(who))
        else:
            inner = inner_of(who)
            found[who] = Named(LINE if inner is None else _INNER, "", inner, [])
    if numbers:
        # In order, so that neighbours share pages.
        ids = big_integers(sorted(numbers))
        lines = []
        for number, kind, reference, address, realm in fetch(queries.HOLDERS, {"ids": ids}):
            inner = None if address is None else Inner(realm, address)
            found[str(number)] = Named._make((kind, reference, inner, []))
            if kind == LINE:
                lines.append(number)
        terms = fetch(queries.LINE_TERMS, {"ids": big_integers(lines)}) if lines else []
        for number, contract, from_at, to_at, unit in terms:
            found[str(number)].terms.append((contract, from_at, to_at or FOREVER, unit))
    return found


def stored_numbers(keys: Iterable[str]) -> dict[str, str]:
    """Give the numbers of those keys whose holders the store knows too: whoever goes by both names is one holder."""
    inners: list[Inner] = []
    lines: list[str] = []
    for key in keys:
        if (inner := inner_of(key)) is not None:
            if not inner.delegated:
                inners.append(inner)
        elif key.startswith(f"{LINE}:"):
            lines.append(key.removeprefix(f"{LINE}:"))
    numbers: dict[str, str] = {}
    if inners:
        asked = {"addresses": [inner.address for inner in inners], "realms": [inner.realm for inner in inners]}
        numbers = {Inner(realm, host).key(): str(n) for n, realm, host in fetch(queries.INNER_HOLDERS, asked)}
    if lines:
        found = fetch(queries.LINE_HOLDERS, {"references": lines})
        numbers |= {f"{LINE}:{reference}": str(n) for n, reference in found}
    return numbers
