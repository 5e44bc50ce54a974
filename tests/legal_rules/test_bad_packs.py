"""Bad packs are refused with file, line and what to do. Each file of `bad_packs` is named by its one defect."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

import pytest

from legal_rules import PackError, Problem, load_pack
from legal_rules.pack import PACKS

BAD = sorted((Path(__file__).parent / "bad_packs").glob("*.toml"))
GOOD = """[pack]
id = "good"
title = "Good"
status = "draft"
jurisdiction = "nowhere"
language = "rules/1"
governed-by = "decision-date"
[source]
law = { cite = "A law", from = 2015-01-01, confidence = "L" }
[[refuse]]
id = "r"
says = "No."
cite = ["law"]
when = ["proceedings is civil"]
"""


def refusal(path: Path) -> PackError:
    with pytest.raises(PackError) as caught:
        load_pack(path)
    return caught.value


def problems_of(path: Path) -> tuple[Problem, ...]:
    try:
        load_pack(path)
    except PackError as error:
        return error.problems or (Problem(path.name, 0, "none", "an error that says nothing"),)
    return ()


def good(folder: Path, more: str = "") -> Path:
    path = folder / "good.toml"
    path.write_text(GOOD + more)
    return path


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_refuses_a_bad_pack_at_the_line_of_its_defect(path: Path) -> None:
    expected = re.match(r"# expect: (\d+) (\S+)\n", path.read_text())
    assert expected, "the first line says what to expect: # expect: LINE CODE"
    error = refusal(path)
    assert (int(expected[1]), expected[2]) in {(problem.line, problem.code) for problem in error.problems}
    assert f"{path.name}:{expected[1]}: " in str(error)
    assert {problem.file for problem in error.problems} == {path.name}


def test_the_good_pack_these_tests_start_from_loads(tmp_path: Path) -> None:
    assert load_pack(good(tmp_path)).id == "good"


def test_refuses_five_thousand_rules(tmp_path: Path) -> None:
    rules = "".join(
        f'[[refuse]]\nid = "x{number}"\nsays = "."\ncite = ["law"]\nwhen = ["order-verified"]\n'
        for number in range(4_999)
    )
    (problem,) = refusal(good(tmp_path, rules)).problems
    assert problem.code == "pack.too-many-rules"
    # The first rule of the file and 1,999 of five lines each fit; the next one is named.
    assert problem.line == GOOD.count("\n") + 1 + 5 * 1_999


def test_refuses_a_line_of_three_megabytes(tmp_path: Path) -> None:
    start = time.process_time()
    (problem,) = refusal(good(tmp_path, f"# {'x' * 3_000_000}\n")).problems
    assert (problem.code, problem.line) == ("file.too-large", GOOD.count("\n") + 1)
    assert time.process_time() - start < 1


def test_refuses_a_long_line_within_the_size_limit(tmp_path: Path) -> None:
    (problem,) = refusal(good(tmp_path, f"# {'x' * 5_000}\n")).problems
    assert (problem.code, problem.line) == ("file.long-line", GOOD.count("\n") + 1)


@pytest.mark.parametrize("text", ["x = " + "[" * 3_000 + "\n", "x = [\n" + "[\n" * 10_000, "x = " + "{a = " * 700])
def test_refuses_thousands_of_nested_brackets(tmp_path: Path, text: str) -> None:
    start = time.process_time()
    (problem,) = refusal(good(tmp_path, text)).problems
    assert problem.code == "file.too-deep"
    assert GOOD.count("\n") < problem.line <= GOOD.count("\n") + 17
    assert time.process_time() - start < 1


def test_refuses_ten_thousand_brackets_on_one_line(tmp_path: Path) -> None:
    (problem,) = refusal(good(tmp_path, "x = " + "[" * 10_000)).problems
    assert (problem.code, problem.line) == ("file.long-line", GOOD.count("\n") + 1)


def test_refuses_conditions_that_grow_through_terms(tmp_path: Path) -> None:
    """Terms that use terms twice each double in size at every step; the count is bounded before anything is built."""
    terms = '[term]\nt0 = ["order-verified", "proceedings is civil"]\n'
    terms += "".join(f't{step} = ["t{step - 1}", {{ none = ["t{step - 1}"] }}]\n' for step in range(1, 16))
    rule = '[[refuse]]\nid = "huge"\nsays = "."\ncite = ["law"]\nwhen = ["t15"]\n'
    start = time.process_time()
    (problem,) = refusal(good(tmp_path, terms + rule)).problems
    assert problem.code == "pack.too-many-conditions"
    assert time.process_time() - start < 2


def test_refuses_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = good(tmp_path)
    path.write_bytes(path.read_bytes() + b"# caf\xe9\n")
    (problem,) = refusal(path).problems
    assert (problem.code, problem.line) == ("file.not-utf-8", GOOD.count("\n") + 1)


def test_refuses_a_pack_that_is_not_there() -> None:
    assert refusal(Path("nowhere.toml")).code == "pack.not-found"
    with pytest.raises(PackError):
        load_pack("atlantis")


def test_refuses_a_pipe_instead_of_waiting_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "piped.toml"
    os.mkfifo(pipe)
    with pytest.raises(PackError, match="no such pack file can be read"):
        load_pack(pipe)


def test_refuses_two_packs_that_build_on_each_other(tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        text = GOOD.replace('"good"', f'"{name}"').replace("governed-by", f'builds-on = ["{other}"]\ngoverned-by', 1)
        (tmp_path / f"{name}.toml").write_text(text)
    error = refusal(tmp_path / "one.toml")
    assert error.code == "pack.cycle"
    assert "one.toml -> two.toml -> one.toml" in str(error)


def test_lists_every_problem_and_not_only_the_first(tmp_path: Path) -> None:
    error = refusal(
        good(tmp_path, '[[refuse]]\nid = "a b"\nsays = "."\ncite = ["lwa"]\nwhen = ["nothing", "at all"]\n')
    )
    assert len(error.problems) == 4


def test_damaged_packs_are_refused_located_and_never_crash(tmp_path: Path) -> None:
    """Damage the Spanish pack in 150 ways: text cut, doubled, or spliced with what TOML is made of."""
    text = (PACKS / "es.toml").read_bytes()
    pieces = [b"[", b"]", b"{", b"}", b'"', b"=", b"\n", b"\x00", b"\xff", b"[[case]]\n", b"[]", b"3.5", b"nan", b"'''"]
    refused = 0
    for seed in range(150):
        rng, damaged = random.Random(seed), bytearray(text)
        for _ in range(rng.randint(1, 3)):
            place, other = rng.randrange(len(damaged)), rng.randrange(len(damaged))
            how = rng.randrange(3)
            if how == 0:
                del damaged[place : place + rng.randint(1, 20)]
            else:
                damaged[place:place] = rng.choice(pieces) if how == 1 else damaged[other : other + rng.randint(1, 80)]
        path = tmp_path / "es.toml"
        path.write_bytes(damaged)
        problems = problems_of(path)
        assert all(problem.line >= 1 for problem in problems), f"seed {seed}"
        refused += bool(problems)
    assert refused > 100
