"""Every change of meaning is found, with a case that shows it; "no difference" is a proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from legal_rules import PackError, load_pack
from legal_rules.__main__ import main
from legal_rules.cases import failing
from legal_rules.diff import Change, diff

from .small_pack import write

Edit = tuple[str, str]
SAME: dict[str, list[Edit]] = {
    "other words and a comment": [('says = "Not an odd one."', '# a comment\nsays = "Other words."')],
    "another citation": [('cite = "A law"', 'cite = "The same law"')],
    "the other order of conditions": [('"order-verified", "big"', '"big", "order-verified"')],
    "the same said otherwise": [('when = ["odd"]', 'when = [{ none = ["not odd"] }]')],
    "a year for twelve months": [("is within 12 months before", "is within 1 years before")],
    "a condition said twice": [('when = ["odd"]', 'when = ["odd", { any = ["odd", "big"] }]')],
}


def changes(folder: Path, *edits: Edit, more: str = "") -> tuple[Change, ...]:
    """Compare the small pack with an edited one."""
    return diff(load_pack(write(folder / "old")), load_pack(write(folder / "new", *edits, more=more))).changes


@pytest.mark.parametrize("what", SAME)
def test_what_means_the_same_is_proved_to(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert changes(tmp_path, *SAME[what]) == ()
    assert main(["diff", str(tmp_path / "old" / "small.toml"), str(tmp_path / "new" / "small.toml")]) == 0
    assert capsys.readouterr().out.startswith("no difference in meaning")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (('"big", "fresh"', '"fresh"'), ("outcome", "REFUSED becomes PERMITTED")),
        (("12 months", "13 months"), ("outcome", "REFUSED becomes PERMITTED")),
        (("from = 2000-01-01", "from = 2000-01-02"), ("outcome", "PERMITTED becomes REFUSED")),
        (('discloses = ["name"]', 'discloses = ["name", "email"]'), ("grant", "email is new")),
        (('unless = ["proceedings is criminal"]', ""), ("ground", "no-odd is new")),
        (
            ("[[case]]", '[[hold]]\nid = "h"\nsays = "Hold."\ncite = ["law"]\nwhen = ["big"]\n\n[[case]]'),
            ("hold", "allowed is new"),
        ),
        (
            ("[[case]]", '[[duty]]\nid = "d"\nsays = "Do."\ncite = ["law"]\nwithin = "3 days"\n\n[[case]]'),
            ("duty", "d is new"),
        ),
    ],
)
def test_a_change_is_named_with_a_case_that_holds_now_and_did_not_before(
    edit: Edit, expected: tuple[str, str], tmp_path: Path
) -> None:
    found = {(change.kind, change.what): change for change in changes(tmp_path, edit)}
    case = found[expected].case
    new = load_pack(write(tmp_path / "new", edit, more="\n" + case))
    assert new.cases[-1].name == ": ".join(expected)
    assert failing(new, new.cases[-1]) == []
    old = load_pack(write(tmp_path / "old", more="\n" + case))
    assert failing(old, old.cases[-1]) != []


def test_a_deadline_that_moves_is_a_change_of_its_own(tmp_path: Path) -> None:
    duty = '\n[[duty]]\nid = "d"\nsays = "Do."\ncite = ["law"]\nwithin = "{} days"\n'
    old = load_pack(write(tmp_path / "old", more=duty.format(3)))
    found = diff(old, load_pack(write(tmp_path / "new", more=duty.format(4)))).changes
    assert {(change.kind, change.what) for change in found} == {
        ("deadline", "d within 3 days from the event is gone"),
        ("deadline", "d within 4 days from the event is new"),
    }


def test_a_fact_of_one_side_only_is_free_for_the_other(tmp_path: Path) -> None:
    edits = (
        ("odd = {", 'new = { ask = "?", settled-by = "order" }\nodd = {'),
        ('"big", "fresh"', '"big", "fresh", "new"'),
    )
    found = {change.what: change for change in changes(tmp_path, *edits) if change.kind == "outcome"}
    assert set(found) == {"PERMITTED becomes REFUSED", "INCOMPLETE becomes REFUSED"}
    assert "new = false" in found["PERMITTED becomes REFUSED"].case


def test_values_of_one_side_only_are_named_and_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Equal on the values both know: yet nobody may read that as the same meaning."""
    shade = ("[fact]\n", '[fact]\nshade = { ask = "?", one-of = ["red", "blue"], settled-by = "order" }\n')
    rule = ('when = ["odd"]', 'when = ["odd", "shade is red"]')
    old = write(tmp_path / "old", shade, rule)
    new = write(tmp_path / "new", (shade[0], shade[1].replace('"blue"', '"blue", "green"')), rule)
    found = diff(load_pack(old), load_pack(new))
    assert found.changes == ()
    assert found.apart == ("fact 'shade': only one side knows green; such requests are not compared",)
    assert main(["diff", str(old), str(new)]) == 1
    assert "no difference" not in capsys.readouterr().out


def test_a_fact_of_another_type_is_two_facts(tmp_path: Path) -> None:
    number = ('odd = { ask = "Is it odd?",', 'odd = { ask = "How odd?", type = "number",')
    edits = (number, ('when = ["odd"]', 'when = ["odd is at least 3"]'), ("odd = false", "odd = 0"))
    found = diff(load_pack(write(tmp_path / "old")), load_pack(write(tmp_path / "new", *edits)))
    assert found.apart == ("fact 'odd' was bool and is number: compared as two facts",)
    outcomes = {change.what for change in found.changes if change.kind == "outcome"}
    assert outcomes >= {"PERMITTED becomes REFUSED", "REFUSED becomes PERMITTED"}


def test_union_law_and_spain_differ_in_what_spain_permits() -> None:
    with pytest.raises(PackError, match="no such pack"):
        diff(load_pack("eu"), load_pack("atlantis"))
    found = {(change.kind, change.what) for change in diff(load_pack("floor"), load_pack("eu")).changes}
    assert ("duty", "record-request is new") in found
    assert not any(kind in ("outcome", "grant") for kind, _ in found)
