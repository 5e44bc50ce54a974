"""Deadlines of duties: "30 days" from a day, as a day. Hours stay words: no fact tells an hour."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date

from .phrases import UNITS, shift

WITHIN = re.compile(r"([0-9]{1,3}) (hour|day|working day|month|year)s?")


def due_on(within: str, start: date, closed: Collection[date]) -> date | None:
    """Give the last day of a deadline; None where it is counted in hours.

    within: as a pack writes it; start: the day it runs from, itself not counted; closed: public holidays.
    """
    found = WITHIN.fullmatch(within)
    if found is None or found[2] not in UNITS:
        return None
    return shift(start, int(found[1]), UNITS[found[2]], closed)
