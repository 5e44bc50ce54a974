"""Decided cases (`fixtures/cases/PLACE-NAME.toml`): the engine answers as written on the day of a real decision.

The files say what a court did and what the engine answers; where the two part, the note has to say so. Facts a report
does not tell are left out, so some answers wait for them.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from legal_rules import FactError, assess, load_pack, packaged_ids
from legal_rules.cases import run_cases
from legal_rules.model import OUTCOMES, Case

FOLDER = Path(__file__).parents[2] / "fixtures" / "cases"
FILES = sorted(FOLDER.glob("*.toml"))
PLACES = {"es", "de", "fr", "dk", "uk", "eu"}
DOSSIER = date(2026, 11, 21)  # the day on which sources were checked, if they were
FEWEST = 15

TEXTS = {"place", "court", "name", "reference", "reported", "did", "disclosure", "source", "confidence", "note"}
KEYS = {*TEXTS, "decided", "checked", "verify-with-counsel", "assessment"}
DISCLOSURE = {"ordered", "refused", "referred", "partly", "none-asked"}
ASSESSED = {"pack", "on", "requested", "ordered", "facts", "expect"}
EXPECTED = {
    "outcome", "grants", "grounds", "withheld", "limits", "duties", "missing", "unmet", "settle", "worker-settles",
    "weigh", "hold", "instead", "effective",
}  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def days_of(data: Mapping[str, Any]) -> list[date]:
    """The days to assess: the day of the decision; of a decision known by its year only, also the year's ends."""
    decided, on = data["decided"], data["assessment"]["on"]
    return [on] if isinstance(decided, date) else [date(decided, 1, 1), on, date(decided, 12, 31)]


def odd_keys(table: Mapping[str, Any], needed: set[str], allowed: set[str], where: str) -> list[str]:
    missing = [f"{where} lacks {key}" for key in sorted(needed - set(table))]
    return missing + [f"{where} has no {key}" for key in sorted(set(table) - allowed)]


def defects(stem: str, data: Mapping[str, Any]) -> list[str]:
    """List what is wrong with the shape of a file, keys first: no later check runs while one is missing."""
    keys = odd_keys(data, KEYS - {"checked"}, KEYS, "the file")
    found = data.get("assessment")
    if not isinstance(found, dict):
        return [*keys, "the assessment is no table"]
    keys += odd_keys(found, ASSESSED - {"ordered"}, ASSESSED, "the assessment")
    if keys:
        return keys
    return [*_about_the_decision(stem, data), *_about_the_assessment(data)]


def _about_the_decision(stem: str, data: Mapping[str, Any]) -> list[str]:
    odd = [f"{key} is no text" for key in sorted(TEXTS) if not isinstance(data[key], str) or not data[key].strip()]
    decided, checked = data["decided"], data.get("checked")
    if type(decided) not in (date, int):
        odd.append("decided is a day, or a year where no more is reported")
    if data["place"] not in PLACES or not stem.startswith(f"{data['place']}-"):
        odd.append("the place is known and begins the file's name")
    if data["disclosure"] not in DISCLOSURE:
        odd.append("disclosure says what the court did")
    if data["confidence"] not in ("H", "M", "L") or not isinstance(data["verify-with-counsel"], bool):
        odd.append("confidence is H, M or L, and verify-with-counsel true or false")
    if checked not in (None, DOSSIER) or (checked is None and data["confidence"] == "H"):
        odd.append("what nobody checked is never high")
    if "/" in data["source"]:
        odd.append("the source names no file")
    return odd


def _about_the_assessment(data: Mapping[str, Any]) -> list[str]:
    found, decided = data["assessment"], data["decided"]
    expect, on = found["expect"], found["on"]
    odd = odd_keys(expect, {"outcome"}, EXPECTED, "expect")
    if found["pack"] not in packaged_ids():
        odd.append("the pack is one of this package")
    if expect.get("outcome") not in (*OUTCOMES, "CONDITIONAL"):
        odd.append("the outcome is one of the engine's")
    if type(on) is not date or (on != decided if isinstance(decided, date) else on.year != decided):
        odd.append("the case is assessed on the day of the decision")
    for key in ("requested", "ordered"):
        if not all(isinstance(each, str) for each in found.get(key, [])):
            odd.append(f"{key} lists categories")
    agreed = {"ordered": expect.get("outcome") != "REFUSED", "refused": expect.get("outcome") == "REFUSED"}
    if not agreed.get(data["disclosure"], True) and "differs" not in data["note"]:
        odd.append("the note says that the engine differs from the court")
    return odd


def differences(data: Mapping[str, Any], on: date) -> list[str]:
    """Say how the engine's answer on a day differs from what the file expects; facts it cannot read included."""
    found = data["assessment"]
    pack = load_pack(found["pack"])
    requested, ordered = tuple(found["requested"]), found.get("ordered")
    order = None if ordered is None else tuple(ordered)
    case = Case(data["name"], found["facts"], requested, order, on, found["expect"], "decided case", 0)
    wrong = [problem.message for problem in run_cases(dataclasses.replace(pack, cases=(case,)))]
    try:
        wrong += assess(pack, found["facts"], requested=requested, ordered=order, on=on).remarks
    except FactError as error:
        wrong.append(str(error))
    return wrong + [f"no category {each}" for each in (*requested, *(order or ())) if each not in pack.categories]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_decided_case_is_written_as_agreed(path: Path) -> None:
    assert defects(path.stem, read(path)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_engine_answers_a_decided_case_as_written(path: Path) -> None:
    data = read(path)
    assert {on: differences(data, on) for on in days_of(data)} == {on: [] for on in days_of(data)}


def test_there_are_fifteen_decisions_and_every_place_has_one() -> None:
    decided = [(data["place"], data["court"], data["decided"], data["reference"]) for data in map(read, FILES)]
    assert {place for place, *_ in decided} >= PLACES
    assert len(set(decided)) >= FEWEST


@pytest.mark.parametrize(
    ("place", "key", "value", "said"),
    [
        ("", "cuort", "A court", "the file has no cuort"),
        ("", "place", "atlantis", "the place is known"),
        ("", "place", "uk", "begins the file's name"),
        ("", "decided", "2005-12-21", "decided is a day"),
        ("", "disclosure", "granted", "disclosure says"),
        ("", "confidence", "H", "never high"),
        ("", "checked", date(2026, 11, 22), "never high"),
        ("", "note", " ", "note is no text"),
        ("", "note", "No reason.", "the engine differs"),
        ("", "source", "/somewhere/eu.md", "names no file"),
        ("assessment", "on", date(2005, 12, 22), "on the day of the decision"),
        ("assessment", "pack", "atlantis", "one of this package"),
        ("assessment", "requets", [], "the assessment has no requets"),
        ("assessment", "requested", [1], "lists categories"),
        ("expect", "outcome", "DENIED", "one of the engine's"),
        ("expect", "ground", [], "expect has no ground"),
    ],
)
def test_notices_a_file_of_another_shape(place: str, key: str, value: Any, said: str) -> None:
    data = read(FOLDER / "es-promusicae-order.toml")
    table = {"": data, "assessment": data["assessment"], "expect": data["assessment"]["expect"]}[place]
    table[key] = value
    assert any(said in each for each in defects("es-promusicae-order", data))


@pytest.mark.parametrize("key", sorted(KEYS - {"checked"}))
def test_notices_a_file_that_lacks_something(key: str) -> None:
    data = read(FOLDER / "es-promusicae-order.toml")
    del data[key]
    assert defects("es-promusicae-order", data)


@pytest.mark.parametrize(
    ("table", "key", "value", "said"),
    [
        ("expect", "outcome", "PERMITTED", "expected PERMITTED, found REFUSED"),
        ("expect", "grounds", ["no-legal-basis"], "grounds: expected"),
        ("facts", "proceedings", 7, "proceedings"),
        ("facts", "proceeding", "civil", "proceeding"),
        ("assessment", "requested", ["nmae"], "no category nmae"),
    ],
)
def test_notices_another_answer_or_an_unreadable_fact(table: str, key: str, value: Any, said: str) -> None:
    data = read(FOLDER / "es-promusicae-order.toml")
    assessment = data["assessment"]
    {"assessment": assessment, "facts": assessment["facts"], "expect": assessment["expect"]}[table][key] = value
    assert any(said in each for each in differences(data, assessment["on"]))
