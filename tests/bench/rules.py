"""Compare our kernel with CEL, Cedar and OpenFisca on one policy: `python -m tests.bench.rules --json FILE`.

One case: 30 plain facts in a dict to "permitted or not"; ours also says so when facts are open, the others need them
all. A batch: 10,000 lines in which five facts vary, to one answer a line. All engines are shown to agree on every case
before anything is timed, are then timed in turns in one process, and are compared by the median of their turns, in
process time. Ratios above 1 mean that ours is faster.

Needs cel-expr-python, cedarpy and openfisca-core (and NumPy), which the product itself never uses.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from legal_rules import assess_lines
from legal_rules.decider import decider
from legal_rules.kernel import kernel_of
from legal_rules.phrases import Value
from tests.bench import policy

CASES, LINES, TURNS = 2_000, 10_000, 15
VARYING = ("n1", "d1", "sharing", "b11", "b06")

Runner = Callable[[], Sequence[bool]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison, print it, and write the ratios where --json says."""
    parser = argparse.ArgumentParser(description="Compare the rules kernel with other engines in one run.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the four ratios here")
    options = parser.parse_args(arguments)
    rng = random.Random(20_261_122)
    cases = [policy.facts(rng) for _ in range(CASES)]
    common, lines = _batch(rng)
    single = _timed({"kernel": _kernel(cases), "cel": _cel(cases), "cedar": _cedar(cases)})
    merged = [{**common, **line} for line in lines]
    batch = _timed(
        {"batch": _lines(common, lines), "cedar": _cedar_batch(merged), "openfisca": _openfisca(common, lines)}
    )
    ratios = {
        "kernel_vs_cel": single["cel"] / single["kernel"],
        "kernel_vs_cedar": single["cedar"] / single["kernel"],
        "batch_vs_cedar": batch["cedar"] / batch["batch"],
        "batch_vs_openfisca": batch["openfisca"] / batch["batch"],
    }
    for title, found, count in (("one case", single, CASES), ("batch of 10,000 lines", batch, 1)):
        for name, seconds in found.items():
            print(f"{title}: {name}: {seconds / count * 1e6:,.1f} µs")
    rounded = {name: round(value, 2) for name, value in ratios.items()}
    print(json.dumps(rounded))
    if options.json:
        options.json.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
    return 0


def _timed(engines: dict[str, Runner]) -> dict[str, float]:
    """Show that all engines agree, then time them in turns; gives the median of each, in process seconds."""
    answers = {name: list(run()) for name, run in engines.items()}
    first = next(iter(answers.values()))
    for name, found in answers.items():
        if found != first:
            place = next(number for number, pair in enumerate(zip(first, found, strict=True)) if len(set(pair)) > 1)
            raise SystemExit(f"{name} decides case {place} otherwise; the policies are not the same")
    if len(set(first)) != 2:
        raise SystemExit("every case has the same answer; such a run compares nothing")
    taken: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(TURNS):
        for name, run in engines.items():
            start = time.process_time()
            run()
            taken[name].append(time.process_time() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def _batch(rng: random.Random) -> tuple[dict[str, Value], list[dict[str, Value]]]:
    """Facts of one request that can be permitted, and 10,000 lines in which five facts vary."""
    common: dict[str, Value] = {**policy.facts(rng), "track": "civil", "orderer": "court", "origin": "business"}
    common |= {name: name not in ("b05", "b07", "b09", "b14") for name in policy.BOOLS}
    for name in VARYING:
        del common[name]
    lines: list[dict[str, Value]] = []
    for _ in range(LINES):
        varied = policy.facts(rng)
        lines.append({name: varied[name] for name in VARYING} | {"n1": rng.choice((1, 50, 101))})
    return common, lines


def _kernel(cases: Sequence[dict[str, Value]]) -> Runner:
    program = kernel_of(policy.pack()).program
    decide = decider(program, requested={"name"}, ordered={"name"}, on=policy.DAY)
    return lambda: [decide(values) == "PERMITTED" for values in cases]


def _lines(common: dict[str, Value], lines: Sequence[dict[str, Value]]) -> Runner:
    pack = policy.pack()

    def run() -> list[bool]:
        found = assess_lines(pack, common, lines, requested=["name"], ordered=["name"], on=policy.DAY)
        return [outcome == "PERMITTED" for outcome in found.outcomes]

    return run


def _cel(cases: Sequence[dict[str, Value]]) -> Runner:
    cel: Any = importlib.import_module("cel_expr_python.cel")
    types = dict.fromkeys(policy.BOOLS, cel.Type.BOOL) | dict.fromkeys(policy.CHOICES, cel.Type.STRING)
    types |= dict.fromkeys((*policy.NUMBERS, *policy.DATES), cel.Type.INT)
    expression = cel.NewEnv(variables=types).compile(policy.cel_text())
    given = [policy.as_numbers(values) for values in cases]
    return lambda: [expression.eval(data=values).value() for values in given]


def _requests(cases: Sequence[dict[str, Value]]) -> list[dict[str, Any]]:
    names = {"principal": 'P::"p"', "action": 'Action::"a"', "resource": 'R::"r"'}
    return [{**names, "context": policy.as_numbers(values)} for values in cases]


def _cedar(cases: Sequence[dict[str, Value]]) -> Runner:
    cedar: Any = importlib.import_module("cedarpy")
    policies, entities = cedar.PolicySet.from_str(policy.cedar_text()), cedar.Entities.from_json_str("[]")
    given = _requests(cases)
    return lambda: [cedar.is_authorized(request, policies, entities).allowed for request in given]


def _cedar_batch(cases: Sequence[dict[str, Value]]) -> Runner:
    cedar: Any = importlib.import_module("cedarpy")
    policies, entities = cedar.PolicySet.from_str(policy.cedar_text()), cedar.Entities.from_json_str("[]")
    given = _requests(cases)
    return lambda: [found.allowed for found in cedar.is_authorized_batch(given, policies, entities)]


def _openfisca(common: dict[str, Value], lines: Sequence[dict[str, Value]]) -> Runner:
    """OpenFisca, vectorised over all lines; it makes its arrays from the same dicts as ours makes its columns."""
    from tests.bench.openfisca_policy import permitted  # needs packages only the bench has

    return lambda: permitted(common, lines)


if __name__ == "__main__":
    sys.exit(main())
