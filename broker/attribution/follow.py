"""From the holder a log names to the contract: lines are looked up in their history, inner addresses in the log.

Both over the very window of the first answer. What cannot be followed names nobody.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from broker.attribution.resolve import FOREVER, Ground, Interval, Window, resolve
from broker.attribution.sources import CandidateSet
from broker.attribution.spans import ALWAYS, EVER
from broker.attribution.stored import Question, StoredLeases, fetch, number_of
from broker.attribution.verdict import Reason, Resolution, Verdict
from broker.leases import queries
from broker.leases.services import MAX_DEPTH


class Named(NamedTuple):
    """What the store knows of a holder. terms: (contract, from, to, unit), for a line."""

    kind: str
    reference: str
    inner: str | None
    realm: str
    terms: list[tuple[str, datetime, datetime, timedelta]]


def follow(
    source: StoredLeases, candidates: Sequence[CandidateSet], cases: Sequence[uuid.UUID | None], depth: int = 0
) -> list[Verdict]:
    """Resolve candidate sets and follow each unique holder to a contract, or say why not.

    cases: for each set, whose holds may be answered from.
    """
    verdicts = [resolve(c.window, c.evidence) for c in candidates]
    unique = {n: int(who) for n, verdict in enumerate(verdicts) if (who := verdict.subscriber) is not None}
    named = _named(sorted(set(unique.values())))
    inner: dict[int, Named] = {}
    for n, number in unique.items():
        holder = named[number]
        if holder.kind == "subscriber":
            verdicts[n] = verdicts[n].naming(holder.reference)
        elif holder.kind == "line":
            # What is on record of contracts is the operator's own business, whatever the log is kept for.
            second = _of_line(candidates[n].window, holder)
            verdicts[n] = _through(verdicts[n], replace(second, provenances=frozenset()))
        elif depth < MAX_DEPTH:
            inner[n] = holder
        else:
            verdicts[n] = _through(verdicts[n], _unknown(candidates[n].window))
    for n, second in _of_inner(source, verdicts, inner, cases, depth).items():
        verdicts[n] = _through(verdicts[n], second)
    return verdicts


def _named(holders: list[int]) -> dict[int, Named]:
    if not holders:
        return {}
    found: dict[int, Named] = {}
    for number, kind, reference, inner, realm, contract, from_at, to_at, unit in fetch(
        queries.HOLDERS, {"ids": holders}
    ):
        known = found.get(number)
        if known is None:
            known = found[number] = Named(kind, reference, inner, realm, [])
        if contract is not None:
            known.terms.append((contract, from_at, to_at or FOREVER, unit))
    return found


def _of_line(window: Window, line: Named) -> Verdict:
    """Say to which contract a line belonged over the window; both ends of a term are uncertain by its unit."""
    if not line.terms:
        return _unknown(window)
    rows = []
    for contract, lo, hi, unit in line.terms:
        possible_to = hi if hi == FOREVER else hi + unit
        sure_from = min(lo + unit, possible_to)
        sure_to = hi if hi == FOREVER else max(sure_from, hi - unit)
        rows.append(Interval(contract, max(lo, EVER + unit) - unit, possible_to, sure_from, sure_to))
    return resolve(Window(window.lo, window.hi, ground=Ground(ours=ALWAYS, settled=ALWAYS)), rows)


def _of_inner(
    source: StoredLeases,
    verdicts: Sequence[Verdict],
    inner: Mapping[int, Named],
    cases: Sequence[uuid.UUID | None],
    depth: int,
) -> dict[int, Verdict]:
    grounds = source.grounds
    if not inner or grounds is None:
        return {}
    questions = []
    for n, who in inner.items():
        address = who.inner or ""
        version, value = number_of(address)
        ground, sources = grounds.of_inner(who.realm)
        error = grounds.tolerance(sources, verdicts[n].from_at, verdicts[n].until_at)
        lo, hi = verdicts[n].from_at - error, verdicts[n].until_at + error
        questions.append(Question(address, version, value, None, lo, hi, ground, sources, cases[n]))
    found = follow(source, source.ask(questions), [question.case for question in questions], depth + 1)
    return dict(zip(inner, found, strict=True))


def _through(first: Verdict, second: Verdict) -> Verdict:
    """Combine who held the address with whose that holder was; both have to be unique.

    That nobody held an inner address through which somebody was seen is no "none": a record is missing.
    """
    if second.outcome is Resolution.UNIQUE:
        return replace(
            first,
            holders=second.holders,
            provenances=first.provenances | second.provenances,
            derived=first.derived or second.derived,
            margin=min(m for m in (first.margin, second.margin) if m is not None),
        )
    outcome, reasons = second.outcome, second.reasons
    if outcome is Resolution.NONE:
        outcome, reasons = Resolution.AMBIGUOUS, frozenset({Reason.PARTIAL_COVER})
    if outcome is Resolution.INSUFFICIENT:
        outcome = Resolution.INCOMPLETE
    return Verdict(outcome, first.from_at, first.until_at, reasons, second.holders, shared=first.shared)


def _unknown(window: Window) -> Verdict:
    return Verdict(Resolution.INCOMPLETE, window.lo, window.hi, frozenset({Reason.LINE_UNKNOWN}))
