"""Which address a release gives: the contract's, and whether the connection was installed there at the time.

The bill and the connection may go to two places. Where only one address is known it is said to be the contract's, and
never offered as the place of use. Source: attribution.md 2.4 and 3.9 (IPCO 2019, investigation 8: the address of the
bill was given for that of the installation, and whoever lived there was arrested).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from broker.identities.sites import CONTRACT, INSTALLATION, Site


class WhichAddress(StrEnum):
    """What is known of the postal address in an answer; the codes are published and never renamed."""

    INSTALLED_HERE = "contract-and-installation"
    INSTALLED_ELSEWHERE = "contract-installed-elsewhere"
    SITE_UNKNOWN_THEN = "contract-site-unknown-then"
    ONLY_ADDRESS = "contract-only-address"


# For the recipient; at most 200 bytes each.
SENTENCES: dict[WhichAddress, str] = {
    WhichAddress.INSTALLED_HERE: "The contract's address, to which bills go. By the operator's records the connection "
    "was installed at this address at that time.",
    WhichAddress.INSTALLED_ELSEWHERE: "The contract's address, to which bills go. By the operator's records the "
    "connection was installed at another address at that time; this is not the place of use.",
    WhichAddress.SITE_UNKNOWN_THEN: "The contract's address, to which bills go. Where the connection was installed at "
    "that time is not on record; do not take this address for it.",
    WhichAddress.ONLY_ADDRESS: "The only address on file. It is that of the contract, not necessarily where the "
    "connection is installed; do not take it for the place of use.",
}


def told(
    granted: Mapping[str, str], site: Site | None, window: tuple[datetime, datetime]
) -> tuple[dict[str, str], WhichAddress | None]:
    """Give the values to release about one window, and what its postal address is; None without such an address.

    granted: category -> value, as opened. site: what the record says of it. window: [lo, hi), aware. An address of the
    installation that does not count for all of it is left out: today's place says nothing of then, and no other address
    ever stands in for it.
    """
    values = dict(granted)
    known = site is not None and site.covers(*window)
    if not known:
        values.pop(INSTALLATION, None)
    return values, _which(site, known=known) if CONTRACT in values else None


def _which(site: Site | None, *, known: bool) -> WhichAddress:
    if site is None:
        return WhichAddress.ONLY_ADDRESS
    if not known:
        return WhichAddress.SITE_UNKNOWN_THEN
    return WhichAddress.INSTALLED_HERE if site.is_contract_address else WhichAddress.INSTALLED_ELSEWHERE
