"""A changed pack is noticed by its cases or invariants; what nobody notices is proved the same or a missing case."""

from __future__ import annotations

from pathlib import Path

import pytest

from legal_rules import load_pack
from legal_rules.__main__ import main
from legal_rules.cases import run_cases
from legal_rules.mutants import run_mutants
from legal_rules.mutations import mutations

from .small_pack import write


def test_every_kind_of_change_is_made(tmp_path: Path) -> None:
    limit = """
[[limit]]
id = "less"
says = "Less."
cite = ["law"]
when = ["odd", { any = ["big", "fresh"] }]
keeps = []
[[hold]]
id = "more"
says = "More."
cite = ["law"]
exception-to = ["less"]
despite = ["no-odd"]
"""
    made = {mutant.what for mutant in mutations(load_pack(write(tmp_path, more=limit)))}
    assert made >= {
        "'identify' when: without 'big'",
        "'identify' when: 'big' turned round",
        "'identify' when: prosecutor for court in 'order-by is court'",
        "'no-odd' unless: without 'proceedings is criminal'",
        "'less' when: without 'fresh'",
        "term 'fresh': 'event-date is within 12 months before request-date' turned round",
        "'more': no exception to 'less'",
        "'more': no longer despite 'no-odd'",
        "'less': the limit is gone",
        "'identify': discloses email too",
        "source 'law' from 1999-12-31",
        "source 'law' from 2000-01-02",
    }
    assert "'identify': discloses name too" not in made


def test_every_mutant_means_something_else_or_is_proved_not_to(tmp_path: Path) -> None:
    """A condition said twice, the second time beside another: that other one is idle, and nothing else is."""
    twice = ('when = ["odd"]', 'when = ["odd", { any = ["odd", "big"] }]')
    tally = run_mutants(load_pack(write(tmp_path, twice)))
    idle = ["'no-odd' when: without 'big'", "'no-odd' when: 'big' turned round"]
    assert [mutant.what for mutant in tally.equivalent] == idle
    assert tally.killed["load"]
    assert tally.killed["case"]
    assert tally.share < 0.95


def test_the_cases_printed_for_survivors_kill_them_when_they_are_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    tally = run_mutants(load_pack(path))
    assert "'no-odd' when: without 'odd'" not in {each.mutant.what for each in tally.survivors}
    assert "'no-odd' unless: 'proceedings is criminal' turned round" in {each.mutant.what for each in tally.survivors}
    assert main(["mutants", str(path)]) == 1
    assert "small.toml:" in capsys.readouterr().out
    more = "".join(f"\n{survivor.case}\n" for survivor in tally.survivors)
    full = load_pack(write(tmp_path, more=more))
    assert run_cases(full) == []
    after = run_mutants(full)
    assert after.survivors == ()
    assert after.share == 1
    assert main(["mutants", str(path)]) == 0


def test_a_mutant_that_lets_out_what_never_may_be_is_killed_by_the_invariant_alone(tmp_path: Path) -> None:
    """No case of this pack speaks of it: the pack permits criminal proceedings only if the civil word is turned."""
    basis = """
[[basis]]
id = "second"
says = "A judge may."
cite = ["law"]
when = ["proceedings is criminal", "order-by is one of court, prosecutor", "big"]
discloses = ["name"]
"""
    refuse = '[[refuse]]\nid = "never-there"\nsays = "No."\ncite = ["law"]\nwhen = ["proceedings is criminal", "big"]\n'
    tally = run_mutants(load_pack(write(tmp_path, more=basis + refuse)))
    assert tally.killed["invariant"] > 0


def test_a_pack_that_permits_nothing_is_judged_by_each_of_its_rules() -> None:
    tally = run_mutants(load_pack("floor"))
    assert tally.equivalent == ()
    for survivor in tally.survivors:
        assert "expect = {" in survivor.case
