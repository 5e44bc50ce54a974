"""`python -m legal_rules check|test|assess|explain|prove|diff|mutants`.

check and test look at packs and run their cases; assess (or explain: the same) says what the law allows and why, or
why not, for facts from a file. prove, diff and mutants need the solvers of the extra `prove`, and load them only then.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from .assess import assess
from .cases import run_cases, uncovered
from .commands import print_coverage, run_diff, run_mutants_of, run_prove
from .errors import FactError, PackError
from .facts_file import FactsFile
from .given import decision_day
from .model import Pack
from .pack import load_pack, packaged_ids
from .phrases import EARLIEST, LATEST


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0 when all is well, 1 for problems found, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="legal_rules", description="Rule packs: the law as data.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("check", "load packs and list every defect"), ("test", "run the cases packs carry")):
        command = commands.add_parser(name, help=text)
        command.add_argument("packs", nargs="*", metavar="PACK", help="an id or a file; all packs when left out")
        if name == "test":
            command.add_argument("--propose", action="store_true", help="write the missing cases; needs the solvers")
            command.add_argument("--strict", action="store_true", help="fail where a condition is not shown to matter")
    for name, text in (
        ("prove", "prove what must never come out of a pack, with two solvers"),
        ("mutants", "change one thing at a time and see whether a case or an invariant notices"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("packs", nargs="*", metavar="PACK", help="an id or a file; all packs when left out")
    command = commands.add_parser("diff", help="list every change of meaning between two packs")
    command.add_argument("old", metavar="OLD")
    command.add_argument("new", metavar="NEW")
    command = commands.add_parser("assess", aliases=["explain"], help="assess facts from a TOML file, and say why")
    command.add_argument("pack", metavar="PACK")
    command.add_argument("facts", metavar="FACTS.toml", type=Path)
    command.add_argument("--as-of", metavar="DATE", help="the day whose law governs; else `on` of the file")
    command.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    options = parser.parse_args(arguments)
    try:
        if options.command in ("assess", "explain"):
            return _assess(options)
        if options.command == "diff":
            return run_diff(options.old, options.new)
        packs = options.packs or packaged_ids()
        if options.command == "prove":
            return run_prove(packs)
        if options.command == "mutants":
            return run_mutants_of(packs)
        return _each(options, packs)
    except PackError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, FactError) else 1


def _each(options: argparse.Namespace, names: Sequence[str]) -> int:
    command, failed = options.command, False
    for name in names:
        try:
            pack = load_pack(name)
        except PackError as error:
            print(error)
            failed = True
            continue
        problems = [*run_cases(pack), *uncovered(pack)] if command == "test" else []
        for problem in problems:
            print(problem)
        failed = failed or bool(problems)
        if not problems:
            print(_line(pack, command))
        if command == "test":
            complete = print_coverage(pack, options.propose)
            failed = failed or (options.strict and not complete)
    return int(failed)


def _line(pack: Pack, command: str) -> str:
    own = [rule for rule in pack.rules if rule.file == f"{pack.id}.toml"]
    if command == "test":
        return f"{pack.id}: {len(pack.cases)} cases hold, {len(own)} rules covered on each side"
    hashes = f"text {pack.text_hash[:16]}, meaning {pack.meaning_hash[:16]}"
    return f"{pack.id}: {len(own)} rules, {pack.status}, {hashes}"


def _assess(options: argparse.Namespace) -> int:
    """Assess a file of facts on the day it names, or on that of --as-of."""
    pack = load_pack(options.pack)
    try:
        day = decision_day(date.fromisoformat(options.as_of)) if options.as_of else None
    except (ValueError, FactError) as error:
        raise FactError(f"--as-of takes a day such as 2026-11-01, within {EARLIEST} to {LATEST}", "facts.on") from error
    file = FactsFile(options.facts, has_day=day is not None)
    try:
        found = assess(pack, file.facts, requested=file.requested, ordered=file.ordered, on=day or file.on)
    except FactError as error:
        raise file.locate(error) from error
    if options.format == "json":
        sys.stdout.write(found.to_json().decode() + "\n")
    else:
        sys.stdout.write(found.to_text() if options.format == "text" else found.to_markdown())
    return 0


def _run() -> int:
    """Run as a program: whoever stops reading ends it quietly, and a full disk is one line."""
    try:
        code = main()
        sys.stdout.flush()
    except OSError as error:
        # Python writes what is left once more at its end; that goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"cannot write: {error.strerror}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(_run())
