"""What must never come out of a pack is proved by two solvers; a planted bug is found by both and shown as a case."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest

from legal_rules import Outcome, PackError, assess, load_pack, pack, packaged_ids
from legal_rules.cases import run_cases
from legal_rules.ir import Graph, lower
from legal_rules.kernel import kernel_of
from legal_rules.notes import notes
from legal_rules.phrases import Vocabulary
from legal_rules.prove import prove
from legal_rules.sat import Sat
from legal_rules.smt import Smt
from legal_rules.solvers import Solvers
from legal_rules.worlds import World, said, status

from .random_packs import pack_text, parse, random_case
from .small_pack import write

RECKLESS = """
[[basis]]
id = "reckless"
says = "Everything is open."
cite = ["floor"]
when = ["proceedings is civil", "order-by is court"{more}]
discloses = ["name"]
"""
PLANTS = {
    "order-not-verified": ("", "never.civil-needs-verified-order"),
    "retained-data-in-civil": (', "order-verified"', "never.retained-never-civil"),
}


def toothless(folder: Path, phrase: str) -> None:
    """Make every refusal that looks at a phrase one that is never effective, in all packs of a folder."""
    for path in folder.glob("*.toml"):
        blocks = path.read_text().split("\n[[")
        refusing = [block.startswith("refuse]]") and phrase in block for block in blocks]
        blocks = [
            block.replace("when = [", 'when = ["order-verified", "not order-verified", ') if teeth else block
            for block, teeth in zip(blocks, refusing, strict=True)
        ]
        path.write_text("\n[[".join(blocks))


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all packs that the loader takes for the packaged ones."""
    folder = tmp_path / "packs"
    shutil.copytree(pack.PACKS, folder)
    monkeypatch.setattr(pack, "PACKS", folder)
    return folder


@pytest.mark.parametrize("name", packaged_ids())
def test_every_claim_holds_in_every_packaged_pack(name: str) -> None:
    proof = prove(load_pack(name))
    assert [str(failure.problem) for failure in proof.failures] == []
    assert {"never.civil-needs-court", "some-outcome", "permits.civil", "granted-ordered.name"} <= set(proof.proved)
    assert sum(each.startswith("never.") for each in proof.proved) == 8


@pytest.mark.parametrize("rule", PLANTS)
@pytest.mark.parametrize("name", packaged_ids())
def test_a_planted_bug_is_found_by_both_solvers_and_shown_as_a_ready_case(name: str, rule: str, planted: Path) -> None:
    """Disarm what keeps something out, and add a basis that does not ask for it."""
    more, broken = PLANTS[rule]
    toothless(planted, SITUATION[rule][1])
    path = planted / f"{name}.toml"
    path.write_text(path.read_text() + RECKLESS.format(more=more))
    bad = load_pack(path)
    failures = {failure.claim.id: failure for failure in prove(bad).failures}
    failure = failures[broken]
    assert failure.world is not None
    assert said(bad, failure.world).outcome is Outcome.PERMITTED
    assert "PERMITTED" in failure.explanation
    program, graph = lower(bad), Graph()
    literal = graph.take(program)
    claim = [literal(program.outcome["PERMITTED"])]
    claim += [graph.condition(Vocabulary(bad.facts, bad.terms).parse(each)) for each in SITUATION[rule]]
    assert Sat(graph, bad.facts).possible(claim)
    assert Smt(graph, bad.facts).world(claim) is not None
    # The printed case can be pasted: it loads, and it says what the engine says.
    assert failure.case is not None
    path.write_text(path.read_text() + "\n" + failure.case)
    pasted = load_pack(path)
    assert pasted.cases[-1].expect["outcome"] == "PERMITTED"
    assert [problem for problem in run_cases(pasted) if "Breaks" in problem.message] == []


SITUATION = {
    "order-not-verified": ["proceedings is civil", "not order-verified"],
    "retained-data-in-civil": ["proceedings is civil", "log-provenance is statutory-retention"],
}


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ('permits = ["civil"]', "permits = []", "permits.civil"),
        ('permits = ["civil"]', 'permits = ["civil", "criminal"]', "permits.criminal"),
        ('when = ["odd"]', 'when = ["odd", "not odd"]', "reached.no-odd.2000-01-01"),
    ],
)
def test_a_wrong_permits_and_a_rule_that_cannot_be_reached_are_named_with_their_line(
    tmp_path: Path, old: str, new: str, broken: str
) -> None:
    (failure,) = prove(load_pack(write(tmp_path, (old, new)))).failures
    assert failure.claim.id == broken
    assert str(failure.problem).startswith("small.toml:")
    assert failure.problem.line > 1


def test_duties_that_say_the_opposite_are_a_conflict_until_one_prevails(tmp_path: Path) -> None:
    duties = """
[[duty]]
id = "tell"
says = "Tell."
cite = ["law"]
when = ["big"]
[[duty]]
id = "keep-silent"
says = "Do not tell."
cite = ["law"]
when = ["odd"]
opposes = ["tell"]
"""
    (failure,) = prove(load_pack(write(tmp_path, more=duties))).failures
    assert failure.claim.id == "conflict.keep-silent.tell"
    assert failure.case is not None
    assert prove(load_pack(write(tmp_path, more=duties + 'despite = ["tell"]\n'))).failures == ()


def test_a_rule_others_make_needless_and_a_fact_that_never_matters_are_noted(tmp_path: Path) -> None:
    again = '\n[[refuse]]\nid = "again"\nsays = "No."\ncite = ["law"]\nwhen = ["odd", "big", "proceedings is civil"]\n'
    fact = ("[fact]\n", '[fact]\nidle = { ask = "?", settled-by = "order" }\n')
    found = list(notes(load_pack(write(tmp_path, fact, more=again))))
    assert any("'again' changes no outcome" in note for note in found)
    assert [note for note in found if note.startswith("fact")] == [
        "fact 'idle' changes nothing an assessment of this pack says"
    ]
    assert any(note.startswith("gap: in emergency") for note in found)


def test_what_holds_for_all_facts_holds_for_open_ones() -> None:
    """Facts left out at random: nothing is permitted that a completion would not permit."""
    spain, rng = load_pack("es"), random.Random(7)
    permitted = 0
    for _ in range(400):
        case = rng.choice([case for case in spain.cases if case.ordered is not None])
        facts = {name: value for name, value in case.facts.items() if rng.random() < 0.97}
        found = assess(spain, facts, requested=case.requested, ordered=case.ordered, on=case.on)
        if found.outcome is not Outcome.PERMITTED:
            continue
        permitted += 1
        assert (facts.get("order-verified"), facts.get("measure")) == (True, "disclosure")
        civil, national = facts.get("proceedings") == "civil", facts.get("instrument") == "national-order"
        abroad = {"court", "investigating-judge", "prosecutor"}  # of a European production order
        assert facts["order-by"] in ({"court"} if civil else {"investigating-judge"} if national else abroad)
        assert (facts.get("proceedings"), facts.get("log-provenance")) != ("civil", "statutory-retention")
        assert facts.get("proceedings") != "civil" or "log-provenance" in facts
    assert permitted > 20


@pytest.mark.parametrize("seed", range(12))
def test_the_solvers_find_whatever_random_facts_reach_and_their_facts_do_what_they_say(seed: int) -> None:
    rng = random.Random(seed)
    bad = parse(pack_text(rng))
    program, graph = lower(bad), Graph()
    literal = graph.take(program)
    solvers = Solvers(graph, bad.facts)
    names = {**program.outcome, **{f"grant {name}": each for name, each in program.granted.items()}}
    reached = set()
    for _ in range(300):
        case = random_case(rng, open_share=0)
        states = [
            status(atom, World(case.values, case.requested, case.ordered or frozenset(), case.on))
            for atom in program.atoms
        ]
        rails = kernel_of(bad).run_cases([states])
        reached |= {name for name, each in names.items() if rails.status(each)}
    for name, each in names.items():
        world = solvers.world([literal(each)])  # replays what it finds, or raises
        assert world is not None or name not in reached
        if world is not None and name in program.outcome:
            assert said(bad, world).outcome.value == name


@pytest.mark.parametrize(
    ("one", "other", "possible"),
    [
        ("within 12 months after", "more than 366 days after", False),
        ("within 12 months after", "more than 365 days after", True),
        ("within 1 months after", "more than 31 days after", False),
        ("within 28 days after", "more than 1 months after", False),
        ("within 3 years before", "more than 1096 days before", False),
        ("before", "more than 0 days after", False),
        ("within 5 working days after", "more than 7 days after", True),
    ],
)
def test_days_months_and_working_days_are_those_of_the_calendar(one: str, other: str, possible: bool) -> None:
    """Two phrases about the same two days: both can hold, or the calendar does not let them."""
    floor, graph = load_pack("floor"), Graph()
    phrases = [f"event-date is {each} request-date" for each in (one, other)]
    literals = [graph.condition(Vocabulary(floor.facts, {}).parse(phrase)) for phrase in phrases]
    world = Solvers(graph, floor.facts).world(literals)
    assert (world is not None) is possible
    if world is not None:
        assert world.holidays is any("working" in phrase for phrase in phrases)


def test_without_a_solver_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("z3", "pysat.solvers"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(PackError, match="pip install"):
                prove(load_pack("floor"))


def test_solvers_that_do_not_agree_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sat, "possible", lambda self, literals: False)
    with pytest.raises(PackError, match="do not agree"):
        prove(load_pack("floor"))


def test_the_file_of_invariants_is_no_pack() -> None:
    assert "never" not in packaged_ids()
    assert (pack.PACKS / "never.toml").is_file()
