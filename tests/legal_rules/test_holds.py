"""A hold says how long it lasts, or that no source does. That earlier texts mean what they did is in `test_golden`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from legal_rules import PackError, assess, load_pack, packaged_ids
from legal_rules.diff import diff

from .test_bad_packs import GOOD

HOLD = """[[hold]]
id = "h"
says = "Data are kept."
cite = ["law"]
when = ["proceedings is civil"]
"""


def pack(folder: Path, more: str = "") -> Path:
    path = folder / "good.toml"
    path.write_text(GOOD + HOLD + more)
    return path


@pytest.mark.parametrize("name", packaged_ids())
def test_every_hold_of_our_packs_says_its_length_or_that_none_is_stated(name: str) -> None:
    assert all(rule.lasting is not None for rule in load_pack(name).rules if rule.kind == "hold")


@pytest.mark.parametrize(
    ("more", "code", "line"),
    [
        ("days = 0", "hold.days", 1),
        ("days = 4000", "hold.days", 1),
        ("days = true", "hold.days", 1),
        ('days = "90 days"', "hold.days", 1),
        ("days = 90.0", "hold.days", 1),
        ("days = 90\nat-most = 90", "hold.at-most", 2),
        ("days = 90\nat-most = true", "hold.at-most", 2),
        ('days = "none"\nat-most = 90', "hold.at-most", 2),
        ("at-most = 90", "hold.at-most", 1),
        ('days = "none"\nduty = true', "hold.duty", 2),
        ("duty = true", "hold.duty", 1),
        ("days = 90\nduty = 1", "key.type", 2),
        ("day = 90", "key.unknown", 0),
    ],
)
def test_a_wrong_length_is_refused_at_its_line(tmp_path: Path, more: str, code: str, line: int) -> None:
    path = pack(tmp_path, more + "\n")
    with pytest.raises(PackError) as caught:
        load_pack(path)
    # Counted from the last line of the hold before anything was added; an unknown key is shown at its table.
    where = GOOD.count("\n") + (HOLD.count("\n") + line if line else 1)
    assert (where, code) in {(problem.line, problem.code) for problem in caught.value.problems}


@pytest.mark.parametrize("kind", ["basis", "duty", "refuse"])
def test_no_other_rule_has_a_length(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "good.toml"
    path.write_text(GOOD + HOLD.replace("hold", kind) + "days = 90\n")
    with pytest.raises(PackError, match="has no 'days'"):
        load_pack(path)


def test_the_length_is_part_of_what_a_pack_means(tmp_path: Path) -> None:
    texts = [
        "",
        'days = "none"\n',
        "days = 60\n",
        "days = 90\n",
        "days = 90\nat-most = 180\n",
        "days = 90\nduty = true\n",
    ]
    hashes = [load_pack(pack(tmp_path, text)).meaning_hash for text in texts]
    assert len(set(hashes)) == len(texts)


def test_another_length_is_a_difference_with_a_case(tmp_path: Path) -> None:
    old = load_pack(pack(tmp_path, "days = 90\n"))
    new = load_pack(pack(tmp_path, "days = 60\n"))
    found = {(change.kind, change.what) for change in diff(old, new).changes}
    assert found == {("hold length", "h: 60 days is new"), ("hold length", "h: 90 days is gone")}


def test_an_answer_gives_the_length_and_says_nothing_where_the_text_does_not(tmp_path: Path) -> None:
    civil = {"proceedings": "civil"}
    day = date(2026, 11, 1)
    asked: dict[str, Any] = {"requested": ["name"], "ordered": None, "on": day}
    silent = assess(load_pack(pack(tmp_path)), civil, **asked)
    assert (silent.hold_allowed, silent.holds) == (True, ())
    assert b'"holds"' not in silent.to_json()
    said = assess(load_pack(pack(tmp_path, "days = 90\nat-most = 180\n")), civil, **asked)
    assert [hold.text for hold in said.holds] == ["h: 90 days, at most 180"]
    assert "[h, 90 days, at most 180] Data are kept." in said.to_text()
    other = assess(load_pack(pack(tmp_path, "days = 90\n")), {"proceedings": "criminal"}, **asked)
    assert other.holds == ()
