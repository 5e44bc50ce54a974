"""Compare how addresses are attributed with what else could be done: `python -m tests.bench.attribution --rows N`.

1. An invented history of known truth is loaded into our own store: 1,000,000 rows, then all N (`lease_truth`).
2. Every way of asking is given the same fresh questions in turns: one IPv4 address, one port of a shared address, one
   address in an IPv6 prefix. Each answer is compared with the truth before its time is believed; one wrong answer
   ends the run. Ways are compared by the median, over the rounds, of the time for each question.
3. New leases are taken in by the product's own services, and a fresh process answers one batch.

Times are wall time, because the server works in another process. PostgreSQL is the embedded one with durable settings,
in a folder that is thrown away, or the one BROKER_DATABASE_URL names, as for the tests. Ratios above 1 mean that ours
is faster, except `verdict_vs_probe`, `probe_vs_memory` and `cost_growth`, which say how much more ours costs.

Needs numpy and duckdb, which the product itself never uses.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import django


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison, print it, and write the ratios where --json says."""
    parser = argparse.ArgumentParser(description="Compare ways of attributing addresses in one run.")
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N", help="rows of history, default 1,000,000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the ratios here")
    parser.add_argument("--rounds", type=int, default=5, metavar="R", help="turns of each way, default 5")
    options = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from tests.bench.attribution_run import run  # Needs settings.

    ratios = run(options.rows, options.rounds)
    print(json.dumps(ratios))
    if options.json:
        options.json.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
