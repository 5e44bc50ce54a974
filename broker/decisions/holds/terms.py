"""How long the law lets log rows be kept, read from a stored answer. Pure; the database counts the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

# Where no rule states a length; then it has to be confirmed anew. A rule of this project.
MOST_DAYS = 365


@dataclass(frozen=True, slots=True)
class Terms:
    """What one answer allows. rules: those that say so, as the answer has them; days, at_most: None where none says.

    A stated length binds also where another rule states none; of several the longest counts.
    duty: the days of a hold that the law has made on receipt, None where a person is asked.
    """

    allowed: bool
    rules: tuple[dict[str, Any], ...]
    days: int | None
    at_most: int | None
    duty: int | None

    def latest(self, today: date, first_on: date | None) -> date:
        """Give the last day that an act of today may name. first_on: when the line was first held, if it was."""
        if self.days is None or self.at_most is None:
            return today + timedelta(days=MOST_DAYS)
        return min(today + timedelta(days=self.days), (first_on or today) + timedelta(days=self.at_most))


def read_terms(content: str) -> Terms:
    """Read a stored answer. An older one says whether a hold is allowed and by no rule for how long."""
    data = json.loads(content)
    rules = tuple(data.get("holds", ()))
    stated = [rule for rule in rules if rule["days"] is not None]
    return Terms(
        allowed=bool(data["hold_allowed"]),
        rules=rules,
        days=max((rule["days"] for rule in stated), default=None),
        at_most=max((rule["at_most"] for rule in stated), default=None),
        duty=max((rule["days"] for rule in stated if rule["duty"]), default=None),
    )
