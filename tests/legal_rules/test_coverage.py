"""Each condition is shown by the cases to matter alone; what is missing is named, and proposed as a case."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from legal_rules import load_pack
from legal_rules.__main__ import main
from legal_rules.cases import run_cases
from legal_rules.coverage import proposals, uncovered_conditions

from .small_pack import write

ODD = """
[[case]]
name = "An odd one"
like = "A big one"
with = { odd = true }
expect = { outcome = "REFUSED" }
"""


def gaps(path: Path) -> set[tuple[str, str, bool]]:
    """List what is missing as where, phrase and side."""
    return {(gap.where, gap.site.text, gap.holds) for gap in uncovered_conditions(load_pack(path))[1]}


def test_a_condition_counts_on_a_side_once_it_alone_decides_there(tmp_path: Path) -> None:
    total, _ = uncovered_conditions(load_pack(write(tmp_path)))
    assert total == 2 * (5 + 1 + 1 + 1)  # of the basis, of the refusal, of its exception, of the term
    missing = gaps(tmp_path / "small.toml")
    assert ("'identify' when", "big", True) not in missing
    assert ("'identify' when", "big", False) not in missing
    assert ("'identify' when", "order-verified", False) in missing
    assert ("'no-odd' when", "odd", True) in missing
    assert ("'no-odd' when", "odd", True) not in gaps(write(tmp_path, more=ODD))


def test_a_case_in_which_two_conditions_fail_shows_neither(tmp_path: Path) -> None:
    both = ODD.replace("odd = true", "order-verified = false, big = false")
    assert ("'identify' when", "order-verified", False) in gaps(write(tmp_path, more=both))
    alone = ODD.replace("odd = true", "order-verified = false")
    assert ("'identify' when", "order-verified", False) not in gaps(write(tmp_path, more=alone))


def test_an_open_condition_shows_nothing(tmp_path: Path) -> None:
    open_one = ODD.replace("with = { odd = true }", 'without = ["order-verified"]').replace("REFUSED", "INCOMPLETE")
    assert ("'identify' when", "order-verified", False) in gaps(write(tmp_path, more=open_one))


def test_what_the_solvers_propose_closes_every_gap(tmp_path: Path) -> None:
    small = load_pack(write(tmp_path))
    cases = [case for _, case in proposals(small, uncovered_conditions(small)[1])]
    assert None not in cases
    full = load_pack(write(tmp_path, more="".join(f"\n{case}\n" for case in cases)))
    assert run_cases(full) == []
    assert uncovered_conditions(full)[1] == []


def test_a_condition_that_can_never_decide_is_proved_not_to(tmp_path: Path) -> None:
    small = load_pack(write(tmp_path, ('when = ["odd"]', 'when = ["odd", { any = ["odd", "big"] }]')))
    never = {gap.where for gap, case in proposals(small, uncovered_conditions(small)[1]) if case is None}
    assert never == {"'no-odd' when"}


def test_the_command_counts_names_and_with_strict_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any solver: only proposals need one."""
    monkeypatch.setitem(sys.modules, "z3", None)
    path = str(
        write(
            tmp_path,
            more=ODD
            + ODD.replace("An odd one", "Odd, criminal").replace("odd = true", 'odd = true, proceedings = "criminal"'),
        )
    )
    assert main(["test", path]) == 0
    out = capsys.readouterr().out
    assert "sides of conditions shown to matter alone" in out
    assert "note: `test --propose`" in out
    assert main(["test", "--strict", path]) == 1
    assert main(["test", "--propose", path]) == 1
    assert "pip install" in capsys.readouterr().err
