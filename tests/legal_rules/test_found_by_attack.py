"""What an attack on the engine found once: each of these gave a wrong answer, a false proof, a hang or a traceback."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from legal_rules import FactError, PackError, assess, assess_lines, load_pack
from legal_rules.cases import run_cases
from legal_rules.completions import split, trace
from legal_rules.diff import diff
from legal_rules.given import read_given
from legal_rules.kernel import kernel_of
from legal_rules.phrases import EARLIEST
from legal_rules.prove import prove
from legal_rules.search import Search
from legal_rules.verdict import _searched

from .small_pack import write

ON = date(2026, 1, 1)
FRESH = 'fresh = ["event-date is within 12 months before request-date"]'
ODD = 'odd = { ask = "Is it odd?", settled-by = "order" }'
FACTS: dict[str, Any] = {
    "proceedings": "civil",
    "measure": "disclosure",
    "order-by": "court",
    "order-verified": True,
    "log-provenance": "business",
    "address-shared": False,
    "port-given": True,
    "big": True,
    "odd": False,
}


@pytest.mark.parametrize("day", [date(1850, 1, 1), date(1899, 12, 31), date(2201, 1, 1), date(2250, 1, 1)])
def test_lines_do_not_rely_on_a_day_outside_the_calendar_of_packs(tmp_path: Path, day: date) -> None:
    near = '{ any = ["event-date is within 100 years before 1900-01-01", "event-date is after 2200-12-30", '
    pack = load_pack(write(tmp_path, (FRESH, f'fresh = [{near}"event-date is after 2200-12-29"] }}]')))
    alone = assess(pack, {**FACTS, "event-date": day}, requested=["name"], ordered=["name"], on=ON)
    lines = assess_lines(pack, FACTS, [{"event-date": day}] * 2, requested=["name"], ordered=["name"], on=ON)
    assert alone.outcome == "INCOMPLETE"
    assert [alone.to_json()] * 2 == [each.to_json() for each in lines]
    assert lines.outcomes == [alone.outcome] * 2


def test_a_search_that_runs_out_of_steps_anywhere_still_answers() -> None:
    pack = load_pack("es")
    kernel = kernel_of(pack)
    given = read_given(pack, kernel.program, {}, ("email", "name"), None, date(2026, 11, 1))
    rails = kernel.run_cases([given.states])
    digits = split(kernel.program, trace(kernel.program, rails, kernel.program.results), given.open_facts, pack.facts)
    for steps in range(120):
        assert not _searched(pack, Search(kernel, given.states, digits, steps)).granted
    assert Search(kernel, given.states, digits, 0).any_completion()


@pytest.mark.parametrize(
    "other",
    [
        'odd = { ask = "Is it odd?", known-to = "worker" }',
        'odd = { ask = "Is it odd?", settled-by = "order", burden = false }',
        'odd = { ask = "Is it odd?", settled-by = "requester" }',
    ],
)
def test_diff_names_a_change_of_how_a_fact_is_settled(tmp_path: Path, other: str) -> None:
    pytest.importorskip("z3")
    old, new = load_pack(write(tmp_path / "old")), load_pack(write(tmp_path / "new", (ODD, other)))
    assert any("'odd'" in sentence for sentence in diff(old, new).apart)


@pytest.mark.parametrize(
    "impossible",
    [
        '"event-date is on or after 2026-01-02", "event-date is within 5 days after 2026-01-02", '
        '{ none = ["event-date is within 5 working days after 2026-01-02"] }',
        '"event-date is more than 5 working days after request-date", '
        '{ none = ["event-date is more than 3 working days after request-date"] }',
        '"event-date is more than 1 working day after 2026-01-02", "event-date is before 2026-01-05"',
    ],
)
def test_days_that_no_calendar_has_prove_nothing_reachable(tmp_path: Path, impossible: str) -> None:
    pytest.importorskip("z3")
    proof = prove(load_pack(write(tmp_path, (FRESH, f"fresh = [{impossible}]"))))
    assert {failure.claim.id for failure in proof.failures} == {"permits.civil", "reached.identify.2000-01-01"}


def test_what_must_never_be_released_is_not_left_to_people_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("z3")
    always = '\n[[weigh]]\nid = "w"\nsays = "Weigh."\ncite = ["law"]\nbetween = ["one", "other"]\n'
    path = write(tmp_path / "packs", ('permits = ["civil"]', "permits = []"), more=always)
    floor = Path("legal_rules/packs/floor.toml").read_text()
    bug = floor.replace(
        'when = ["proceedings is civil", "log-provenance is statutory-retention"]',
        'when = ["proceedings is criminal", "log-provenance is statutory-retention"]',
    )
    assert bug != floor
    (path.parent / "floor.toml").write_text(bug)
    monkeypatch.setattr("legal_rules.pack.PACKS", path.parent)
    failed = [
        failure for failure in prove(load_pack(path)).failures if failure.claim.id == "never.retained-never-civil"
    ]
    assert ["NEEDS_JUDGEMENT" in str(each.case) for each in failed] == [True]


def test_a_burden_is_a_day_that_packs_may_name(tmp_path: Path) -> None:
    odd = 'met-on = { ask = "When?", type = "date", settled-by = "order", burden = 0001-01-01 }\n'
    with pytest.raises(PackError, match=r"small\.toml:\d+: 'burden' must be a day"):
        load_pack(write(tmp_path, (ODD, odd + ODD)))


@pytest.mark.parametrize("many", [200, 8_000])
def test_a_long_chain_of_terms_gets_a_stated_limit(tmp_path: Path, many: int) -> None:
    terms = "\n".join(f'a{number} = ["a{number + 1}"]' for number in range(many)) + f'\na{many} = ["big"]'
    started = time.monotonic()
    with pytest.raises(PackError, match=r"small\.toml:\d+: terms build on terms at most 16 deep"):
        load_pack(write(tmp_path, (FRESH, f"{FRESH}\n{terms}")))
    assert time.monotonic() - started < 20


def test_lines_are_counted_as_toml_counts_them(tmp_path: Path) -> None:
    path = write(tmp_path, ("\n[pack]", "# one\u2028line\x85of\u2029TOML\n[pack]"), ('"odd"]', '"oddd"]'))
    wrong = next(n for n, line in enumerate(path.read_text().split("\n"), 1) if '"oddd"' in line)
    with pytest.raises(PackError, match=rf"small\.toml:{wrong}: "):
        load_pack(path)


def test_a_case_that_expects_a_rule_nobody_knows_not_to_hold_says_so(tmp_path: Path) -> None:
    """A misspelt id is never effective, so the case would hold whatever the rules say."""
    told = ('grounds = ["no-legal-basis"] }', 'not-effective = ["no-ood"] }')
    (problem,) = run_cases(load_pack(write(tmp_path, told)))
    assert "no rule 'no-ood'; did you mean 'no-odd'?" in problem.message


def test_a_deadline_in_digits_of_another_script_is_none(tmp_path: Path) -> None:
    duty = '\n[[duty]]\nid = "d"\nsays = "Do."\ncite = ["law"]\nwithin = "\u0663 days"\nruns-from = "request-date"\n'
    with pytest.raises(PackError, match=r"small\.toml:\d+: "):
        load_pack(write(tmp_path, more=duty))


@pytest.mark.parametrize("value", [10**5000, -(10**5000), "\ud800"], ids=["huge", "negative", "half"])
def test_a_value_that_cannot_be_written_down_is_open_and_says_so(value: int | str) -> None:
    pack = load_pack("es")
    found = assess(pack, {"proceedings": value}, requested=["name"], ordered=None, on=ON)
    lines = assess_lines(pack, {}, [{"proceedings": value}], requested=["name"], ordered=None, on=ON)
    assert found.to_json() == lines[0].to_json()
    assert any(remark.startswith("proceedings: given as") for remark in found.remarks)


def test_a_category_that_cannot_be_written_down_is_refused() -> None:
    with pytest.raises(FactError):
        assess(load_pack("es"), {}, requested=["\ud800"], ordered=None, on=EARLIEST)


@pytest.mark.parametrize("value", ["[" * 10_000, "0x" + "f" * 5_000])
def test_a_nasty_facts_file_is_no_traceback(tmp_path: Path, value: str) -> None:
    path = tmp_path / "facts.toml"
    path.write_text(f'requested = ["name"]\non = 2026-11-01\n[facts]\nproceedings = {value}\n')
    done = subprocess.run(
        [sys.executable, "-m", "legal_rules", "explain", "es", path], capture_output=True, check=False
    )
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["check", "test"])
def test_a_reader_who_leaves_is_no_traceback(command: str) -> None:
    program = [sys.executable, "-m", "legal_rules", command, "floor"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1
