"""Golden records: while the engine keeps its number it gives the same answers to the byte, or the build fails here."""

from __future__ import annotations

import importlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from legal_rules import ENGINE, Outcome, Pack, ReplayError, pack_from_texts, packaged_ids, read_stored, replay

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "golden"
RECORDS = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.json"))}
PERMITTED = [name for name in RECORDS if "-permitted-" in name]


@cache
def pack_of(text_hash: str) -> Pack:
    return pack_from_texts(json.loads((FOLDER / "packs" / f"{text_hash}.json").read_text("utf-8")), text_hash)


def again(stored: bytes) -> bytes:
    return replay(stored, pack_of(read_stored(stored).key.text_hash))


@pytest.mark.parametrize("name", RECORDS)
def test_a_golden_record_comes_out_byte_for_byte(name: str) -> None:
    made_by = read_stored(RECORDS[name]).key.engine
    assert made_by == ENGINE, "the engine has a new number: make the records again, see fixtures/golden/make.py"
    assert again(RECORDS[name]) == RECORDS[name]


def test_the_records_show_every_outcome_and_three_packs_and_every_text_is_used() -> None:
    stored = [read_stored(content) for content in RECORDS.values()]
    assert {each.data["outcome"] for each in stored} == {outcome.value for outcome in Outcome}
    assert {each.key.pack for each in stored} == {"es", "eu", "e-evidence"} <= set(packaged_ids())
    assert {each.key.text_hash for each in stored} == {path.stem for path in (FOLDER / "packs").glob("*.json")}
    assert any(each.closed_days for each in stored)
    assert any(each.data["remarks"] for each in stored)
    assert any(each.ordered is None for each in stored)


@pytest.mark.parametrize("name", RECORDS)
def test_an_altered_byte_of_the_answer_is_noticed(name: str) -> None:
    content = RECORDS[name]
    alterations = {
        b'"says":"': b'"says":"X',
        b'"status":"met"': b'"status":"open"',
        b'"hold_allowed":': b'"hold_allowed": ',
    }
    for old, new in alterations.items():
        altered = content.replace(old, new, 1)
        assert altered != content
        assert again(altered) != altered, old


@pytest.mark.parametrize("name", PERMITTED)
def test_an_altered_fact_gives_another_answer_than_the_stored_one(name: str) -> None:
    altered = RECORDS[name].replace(b'"type":"bool","value":true', b'"type":"bool","value":false', 1)
    assert again(altered) != altered


def test_an_altered_text_of_a_pack_is_noticed() -> None:
    path = next((FOLDER / "packs").glob("*.json"))
    texts = json.loads(path.read_text("utf-8"))
    texts[0][1] += "\n"
    with pytest.raises(Exception, match="not those of the hash"):
        pack_from_texts(texts, path.stem)


@pytest.mark.parametrize(
    ("module", "name", "changed"),
    [
        ("assess", "why_not", lambda *_: ()),
        ("assess", "due_on", lambda *_: None),
        ("findings", "STATUS", {True: "met", False: "not met", None: "open"}),
        ("assess", "ENGINE", "another"),
    ],
)
def test_an_engine_that_answers_otherwise_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, changed: Any
) -> None:
    monkeypatch.setattr(importlib.import_module(f"legal_rules.{module}"), name, changed)
    assert [record for record, content in RECORDS.items() if again(content) != content]


def test_a_record_of_an_engine_before_is_not_taken_for_equal() -> None:
    content = next(iter(RECORDS.values())).replace(f'"engine":"{ENGINE}"'.encode(), b'"engine":"0"')
    with pytest.raises(ReplayError, match="made by engine 0"):
        again(content)
