"""Why a line of a release has a name or none: published codes, each with its sentence."""

from __future__ import annotations

from broker.attribution.verdict import Reason, Resolution, Verdict

# Silence of a log is no proof that nobody had the address, and the sentence must not say so.
_SHOWN_NOBODY = "The logs delivered for this time show nobody with the address; a record that was lost would not show."
# The sentences are for the recipient; at most 256 bytes each, and they say what could still be done.
EXPLANATIONS: dict[str, str] = {
    "unique": "One subscriber held the address over the whole time window.",
    "none": _SHOWN_NOBODY,
    "not-our-address": "The address was not one of this operator's at that time.",
    "port-required": "Several subscribers shared the address at that time; without a source port nobody is named.",
    "port-out-of-range": "At that time this source port of the address was given to nobody, so it cannot be right.",
    "outside-retention": "The time is older than what the operator may keep.",
    "not-settled": "The logs of that time are not complete yet.",
    "collection-gap": "The logs of that time are not complete.",
    "clock-suspect": "The clock of a log was found wrong at that time, so its answer is not given.",
    "line-unknown": "The log names a connection, and there is no record of whose it was at that time.",
    "no-holder": _SHOWN_NOBODY,
    "change-in-window": "The address changed hands within the time window, so nobody is named.",
    "partial-cover": "For part of the time window there is no record of a holder, so nobody is named.",
    "not-shown": "No record shows a holder, but the logs may lack one who had it since before; that proves nothing.",
    "uncertain-edge": "For part of the time window the holder is only possible, not certain, so nobody is named.",
    "nested-prefix": "Records for prefixes of different lengths name different subscribers, so nobody is named.",
    "endpoint-reuse": "The port served several subscribers at once, so without the destination nobody is named.",
    "conflict": "The logs contradict each other for this time, so nobody is named.",
    "not-permitted": "What is on record shows that the law does not allow this disclosure.",
    "no-identity": "The address was held by one connection, but there is no record of its holder.",
    "order-not-in-force": "The order was revoked or is not in force.",
    "order-expired": "The order had expired when the answer was made.",
    "order-not-verified": "The order's signature could not be verified again when the answer was made.",
    "not-approved": "The approvals this answer needs were not found.",
    "not-covered": "The order does not cover this address, port and time.",
}

# Where several reasons hold, the one that can be acted on is said first.
_ORDER: tuple[Reason, ...] = tuple(Reason)


def reason_code(verdict: Verdict | None, identified: bool) -> str:
    """The published code for a looked-up line: `unique` with a name, else the first reason why there is none."""
    if identified:
        return "unique"
    if verdict is None:
        return "not-permitted"
    if verdict.outcome is Resolution.UNIQUE:
        return "not-permitted"
    first = min(verdict.reasons, key=_ORDER.index, default=None)
    return first.value.lower().replace("_", "-") if first is not None else verdict.outcome.value
