"""What German law says through the pack, where an embedded case cannot say it: texts of the way that fits, the
questions asked, and the decided cases.
"""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from legal_rules import Assessment, Outcome, assess, load_pack

TODAY = date(2026, 11, 2)
CASES = Path(__file__).parents[2] / "fixtures" / "cases"
DEFAULT = ["name", "postal-address"]


def embedded(name: str) -> dict[str, Any]:
    """Give the facts of an embedded case."""
    return dict(next(case.facts for case in load_pack("de").cases if case.name == name))


def germany(facts: dict[str, Any], ordered: list[str] | None = None, on: date = TODAY) -> Assessment:
    return assess(load_pack("de"), facts, requested=DEFAULT, ordered=ordered, on=on)


@pytest.mark.parametrize(
    ("on", "act"),
    [
        (date(2017, 10, 1), "TMG"),
        (date(2021, 11, 30), "TMG"),
        (date(2021, 12, 1), "TTDSG"),
        (date(2024, 5, 13), "TTDSG"),
        (date(2024, 5, 14), "TDDDG"),
    ],
)
def test_sends_a_claim_over_speech_to_the_service_under_the_act_of_its_day(on: date, act: str) -> None:
    found = germany({"proceedings": "civil", "civil-matter": "other"}, on=on)
    assert found.outcome is Outcome.REFUSED
    acts = [each for each in ("TMG", "TTDSG", "TDDDG") if any(f"under {each} s." in text for text in found.instead)]
    assert acts == [act]
    assert not found.hold_allowed


@pytest.mark.parametrize(
    ("proceedings", "authority", "way"),
    [
        ("criminal", "police", "prosecutor's order under StPO s. 100j"),
        ("emergency", "police", "TKG s. 174(3) no. 2"),
        ("administrative", "independent-authority", "prosecutor's order in criminal proceedings"),
    ],
)
def test_names_the_desk_to_an_authority_and_keeps_the_rows_meanwhile(
    proceedings: str, authority: str, way: str
) -> None:
    facts = {"proceedings": proceedings, "order-by": authority, "instrument": "national-order"}
    found = germany(facts)
    assert found.outcome is Outcome.REFUSED
    assert any(way in text and "lawful-disclosure desk" in text for text in found.instead)
    assert found.hold_allowed
    assert "hold-within-hours" in {duty.id for duty in found.duties if duty.status == "due"}


def test_asks_nobody_about_the_scale_of_the_infringement() -> None:
    """BGH I ZB 80/11: the service has to be commercial, not the infringement."""
    scale = [spec.ask for spec in load_pack("de").facts.values() if "scale" in spec.ask]
    assert scale == [
        "Does the order find that the operator provides, on a commercial scale, the service used for the infringement?"
    ]


def test_asks_the_requester_for_the_industrial_right_only_where_one_is_relied_on() -> None:
    facts = embedded("A label has the Landgericht permit the use of traffic data")
    assert germany(facts, DEFAULT).settle == ()
    found = germany({**facts, "civil-matter": "industrial-property"}, DEFAULT)
    assert [question.fact for question in found.settle] == ["industrial-right"]


def test_opens_criminal_cases_without_a_gap_from_the_first_version_on() -> None:
    """Three versions of StPO s. 100j follow each other day by day."""
    facts = embedded("A prosecutor looks up who held an address")
    boundaries = [date(2013, 7, 1), date(2021, 4, 2), date(2024, 5, 14)]
    for first in boundaries:
        before = germany(facts, DEFAULT, first - timedelta(days=1))
        cited = [basis.citations[0].since for basis in germany(facts, DEFAULT, first).bases if basis.status == "met"]
        assert cited == [first]
        assert (before.outcome is Outcome.REFUSED) == (first == boundaries[0])


def test_calls_no_bill_a_source() -> None:
    pack = load_pack("de")
    own = {source for rule in pack.rules if rule.pack == "de" for source in (*rule.cite, *rule.see)}
    assert not [name for name in own if "bill" in pack.sources[name].cite.lower()]
    pending = [name for name in own if "bill" in pack.sources[name].note]
    assert sorted(pending) == ["bverwg-retention", "tdddg-21"]


@pytest.mark.parametrize("path", sorted(CASES.glob("de-*.toml")), ids=lambda path: path.stem)
def test_answers_decided_cases_as_the_file_says(path: Path) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    asked, expect = case["assessment"], case["assessment"]["expect"]
    found = assess(
        load_pack(asked["pack"]),
        asked["facts"],
        requested=asked["requested"],
        ordered=asked.get("ordered"),
        on=asked["on"],
    )
    assert found.outcome.value == expect["outcome"]
    assert asked["on"] == case["decided"]
    assert sorted(found.granted) == sorted(expect.get("grants", []))
    if "grounds" in expect:
        assert sorted(ground.id for ground in found.grounds) == sorted(expect["grounds"])
    if "settle" in expect:
        assert [question.fact for question in found.settle] == expect["settle"]
    if "worker-settles" in expect:
        assert [question.fact for question in found.worker_settles] == expect["worker-settles"]
    assert ("checked" in case) or case["confidence"] != "H"
