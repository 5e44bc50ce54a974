"""A changed pack is noticed by its cases or invariants; what nobody notices is proved the same or a missing case."""

from __future__ import annotations

from pathlib import Path

import pytest

from legal_rules import load_pack
from legal_rules.__main__ import main
from legal_rules.cases import run_cases
from legal_rules.kernel import kernel_of
from legal_rules.mutants import _Bench, _evaluated, run_mutants
from legal_rules.mutations import mutations
from legal_rules.phrases import IsOneOf, Leaf, Not

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
        "'identify' when: 'order-by is court', or prosecutor",
        "'no-odd' unless: 'proceedings is criminal', or civil",
        "'identify': exception to 'no-odd' too",
        "'identify': exception to 'less' too",
    }
    assert "'identify': discloses name too" not in made
    assert "'more': exception to 'less' too" not in made
    assert not any("exception to 'order-of-nobody'" in what for what in made)


def test_a_negated_value_is_widened_within_its_negation(tmp_path: Path) -> None:
    pack = load_pack(write(tmp_path, ('when = ["odd"]', 'when = ["odd", "measure is not disclosure"]')))
    wider = next(each for each in mutations(pack) if "'measure is not disclosure', or filtering" in each.what)
    assert wider.pack is not None
    rule = next(rule for rule in wider.pack.rules if rule.id == "no-odd")
    assert rule.when.parts[1] == Not(Leaf(IsOneOf("measure", ("disclosure", "filtering")), ""))


MATTER = ("big = true\n", 'big = true\ncivil-matter = "other"\n')
TWO_STOPS = """
[[refuse]]
id = "no-foreigner"
says = "Not one of these."
cite = ["law"]
when = ["big", "civil-matter is intellectual-property"]

[[case]]
name = "Odd alone"
like = "A big one"
with = { odd = true, big = false, civil-matter = "other" }
expect = { outcome = "REFUSED", grounds = ["no-legal-basis", "no-odd"] }

[[case]]
name = "The other alone"
like = "A big one"
with = { civil-matter = "intellectual-property" }
expect = { outcome = "REFUSED", grounds = ["no-foreigner"] }
"""


def test_a_stop_that_hides_another_is_noticed_once_a_case_has_both(tmp_path: Path) -> None:
    both = """
[[case]]
name = "Both at once"
like = "The other alone"
with = { odd = true }
expect = { outcome = "REFUSED", grounds = ["no-foreigner", "no-odd"] }
"""
    hidden = {"'no-odd': exception to 'no-foreigner' too", "'no-foreigner': exception to 'no-odd' too"}
    before = run_mutants(load_pack(write(tmp_path, MATTER, more=TWO_STOPS)))
    assert hidden <= {survivor.mutant.what for survivor in before.survivors}
    after = run_mutants(load_pack(write(tmp_path, MATTER, more=TWO_STOPS + both)))
    assert not hidden & {survivor.mutant.what for survivor in after.survivors}
    assert not hidden & {mutant.what for mutant in after.equivalent}


def test_a_condition_that_takes_one_more_value_is_noticed_once_a_case_has_that_value(tmp_path: Path) -> None:
    wider = "'no-foreigner' when: 'civil-matter is intellectual-property', or industrial-property"
    case = """
[[case]]
name = "A trade mark"
like = "The other alone"
with = { civil-matter = "industrial-property" }
expect = { outcome = "PERMITTED", grants = ["name"] }
"""
    before = run_mutants(load_pack(write(tmp_path, MATTER, more=TWO_STOPS)))
    assert wider in {survivor.mutant.what for survivor in before.survivors}
    after = run_mutants(load_pack(write(tmp_path, MATTER, more=TWO_STOPS + case)))
    assert wider not in {survivor.mutant.what for survivor in after.survivors}


def test_an_exception_between_rules_that_never_meet_is_proved_to_change_nothing(tmp_path: Path) -> None:
    other = '\n[[refuse]]\nid = "no-even"\nsays = "No."\ncite = ["law"]\nwhen = ["not odd"]\n'
    tally = run_mutants(load_pack(write(tmp_path, more=other)))
    planted = {"'no-odd': exception to 'no-even' too", "'no-even': exception to 'no-odd' too"}
    assert planted <= {mutant.what for mutant in tally.equivalent}


@pytest.mark.parametrize("name", ["floor", "dk"])
def test_what_the_bench_evaluates_is_what_the_kernel_says(name: str) -> None:
    """And a case that it calls failed without assessing it fails when it is assessed."""
    pack = load_pack(name)
    bench = _Bench(pack)
    kernel, ones = kernel_of(pack), (1 << len(pack.cases)) - 1
    states = [bench._states(atom) for atom in kernel.program.atoms]
    compiled = kernel.run([known for known, _ in states], [denied for _, denied in states], ones)
    assert _evaluated(kernel.program, states, ones) == compiled
    changed = [mutant.pack for mutant in mutations(pack) if mutant.pack is not None][::7]
    plain = [each for each in changed if bench._plainly(bench._run(each)[0])]
    assert plain
    for each in plain:
        assert run_cases(each)


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
