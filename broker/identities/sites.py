"""Where a connection is installed, as a record says it, and for which times that counts. Pure.

A bill goes to the contract's address; the connection may end elsewhere, and people have been arrested for the
difference (attribution.md 3.9, IPCO 2019). Not here: which of the two a release may say (`broker.release`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.csv_rows import Problems
from broker.intake.observation import ObservationError, parse_instant

CONTRACT = "postal-address"
INSTALLATION = "installation-address"
INSTALLED_FROM, INSTALLED_UNTIL = "installed-from", "installed-until"
COLUMNS = frozenset({INSTALLATION, INSTALLED_FROM, INSTALLED_UNTIL})
# Contracts know the day on which somebody came or left, so that neither day is proof.
UNIT = timedelta(days=1)
_NO_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a connection was installed over [from_at, until_at), UTC; until_at None: until further notice.

    is_contract_address: it is written like the contract's postal address.
    """

    is_contract_address: bool
    from_at: datetime
    until_at: datetime | None

    def covers(self, lo: datetime, hi: datetime) -> bool:
        """Tell whether the connection was surely there over all of [lo, hi), both aware."""
        return self.from_at + UNIT <= lo and (self.until_at is None or hi <= self.until_at - UNIT)


def check_site(values: Mapping[str, str], line: int, now: datetime, problems: Problems) -> dict[str, str]:
    """Read the columns of a site, some or none; give them as the sealed record has them, with times in UTC.

    The times are instants with their offset; `installed-until` may lie ahead or be empty. What is wrong goes to
    `problems`, and so does an address without its time: it would be taken for the address of any time.
    """
    address, first, last = (values.get(name, "") for name in (INSTALLATION, INSTALLED_FROM, INSTALLED_UNTIL))
    if not (address or first or last):
        return {}
    if not address or not first:
        message = "Give the address of the installation and since when, or neither. Only the end may be left out."
        problems.add("subscriber.site", INSTALLATION if first or last else INSTALLED_FROM, message, line)
        return {}
    times: dict[str, datetime] = {}
    for name, text, latest in ((INSTALLED_FROM, first, now), (INSTALLED_UNTIL, last, _NO_END)):
        try:
            if text:
                times[name] = parse_instant(text, latest).value
        except ObservationError as error:
            problems.append(error.problem(name, line))
            return {}
    if times.get(INSTALLED_UNTIL, _NO_END) <= times[INSTALLED_FROM]:
        problems.add("subscriber.site", INSTALLED_UNTIL, "This ends before or when it begins.", line)
    return {INSTALLATION: address} | {name: at.isoformat() for name, at in times.items()}


def site_of(identity: Mapping[str, str]) -> Site | None:
    """Read the site of an opened record; None if it has none. Raises ValueError for one that is not as sealed."""
    if INSTALLATION not in identity:
        return None
    until = identity.get(INSTALLED_UNTIL)
    return Site(
        _plain(identity[INSTALLATION]) == _plain(identity.get(CONTRACT, "")),
        _moment(identity.get(INSTALLED_FROM, "")),
        None if until is None else _moment(until),
    )


def _plain(address: str) -> str:
    return " ".join(address.replace(",", " ").split()).casefold()


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.utcoffset() is None:
        raise ValueError("a time without its offset")
    return at
