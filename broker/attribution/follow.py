"""From the holder a log names, or a rule computes, to the contract: lines by their history, inner addresses by the log.

Both over the very window of the first answer. What cannot be followed names nobody.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.attribution.holders import Inner, Named, name_holders
from broker.attribution.resolve import FOREVER, Ground, Interval, Window, resolve
from broker.attribution.spans import ALWAYS, EVER
from broker.attribution.stored import StoredLeases
from broker.attribution.verdict import Reason, Resolution, Verdict
from broker.leases.services import MAX_DEPTH


def follow(
    source: StoredLeases, verdicts: list[Verdict], cases: Sequence[uuid.UUID | None], depth: int = 0
) -> list[Verdict]:
    """Follow each unique holder to a contract, or say why not; changes the verdicts given and gives them back.

    cases: for each verdict, whose holds may be answered from.
    """
    unique = {n: who for n, verdict in enumerate(verdicts) if (who := verdict.subscriber) is not None}
    named = name_holders(set(unique.values()))
    inner: dict[int, Inner] = {}
    for n, who in unique.items():
        holder, verdict = named[who], verdicts[n]
        if holder.kind == "subscriber":
            verdict.holders = frozenset((holder.reference,))
        elif holder.kind == "line":
            # What is on record of contracts is the operator's own business, whatever the log is kept for.
            second = _of_line(verdict, holder)
            verdicts[n] = _through(verdict, replace(second, provenances=frozenset()))
        elif holder.inner is not None and depth < MAX_DEPTH:
            inner[n] = holder.inner
        else:
            verdicts[n] = _through(verdict, _unknown(verdict))
    for n, second in _of_inner(source, verdicts, inner, cases, depth).items():
        verdicts[n] = _through(verdicts[n], second)
    return verdicts


def _of_line(asked: Verdict, line: Named) -> Verdict:
    """Say to which contract a line belonged over the window; both ends of a term are uncertain by its unit."""
    if not line.terms:
        return _unknown(asked)
    rows = []
    for contract, lo, hi, unit in line.terms:
        possible_to = hi if hi == FOREVER else hi + unit
        sure_from = min(lo + unit, possible_to)
        sure_to = hi if hi == FOREVER else max(sure_from, hi - unit)
        rows.append(Interval(contract, max(lo, EVER + unit) - unit, possible_to, sure_from, sure_to))
    return resolve(Window(asked.from_at, asked.until_at, ground=Ground(ours=ALWAYS, settled=ALWAYS)), rows)


def _of_inner(
    source: StoredLeases,
    verdicts: Sequence[Verdict],
    inner: Mapping[int, Inner],
    cases: Sequence[uuid.UUID | None],
    depth: int,
) -> dict[int, Verdict]:
    if not inner:
        return {}
    own = [cases[n] for n in inner]
    asked = [
        (who, verdicts[n].from_at, verdicts[n].until_at, case)
        for (n, who), case in zip(inner.items(), own, strict=True)
    ]
    found = follow(source, source.answer(source.inner_questions(asked)), own, depth + 1)
    return dict(zip(inner, found, strict=True))


def _through(first: Verdict, second: Verdict) -> Verdict:
    """Combine who held the address with whose that holder was; both have to be unique.

    That nobody held an inner address through which somebody was seen is no "none": a record is missing.
    """
    if second.outcome is Resolution.UNIQUE:
        first.holders = second.holders
        first.provenances |= second.provenances
        first.derived = first.derived or second.derived
        first.margin = min(m for m in (first.margin, second.margin) if m is not None)
        return first
    outcome, reasons = second.outcome, second.reasons
    if outcome is Resolution.NONE:
        outcome, reasons = Resolution.AMBIGUOUS, frozenset({Reason.PARTIAL_COVER})
    if outcome is Resolution.INSUFFICIENT:
        outcome = Resolution.INCOMPLETE
    return Verdict(outcome, first.from_at, first.until_at, reasons, second.holders, shared=first.shared)


def _unknown(asked: Verdict) -> Verdict:
    return Verdict(Resolution.INCOMPLETE, asked.from_at, asked.until_at, frozenset({Reason.LINE_UNKNOWN}))
