"""Packs are loaded again from the texts they were stored with, and from nothing else."""

from __future__ import annotations

import hashlib
import json

import pytest

from legal_rules import ENGINE, PackError, ReplayError, load_pack, pack_from_texts, packaged_ids, read_stored, replay
from legal_rules.doubts import WORST, confidence_of, doubts_of

from .random_packs import HEADER, parse
from .test_comparison import OLD, UNDER_THE_PRACTICE, decide, sketch


@pytest.mark.parametrize("name", packaged_ids())
def test_a_pack_loaded_from_its_stored_texts_is_the_same_pack(name: str) -> None:
    pack = load_pack(name)
    stored = json.loads(json.dumps(pack.files, ensure_ascii=False))
    assert pack_from_texts(stored, pack.text_hash) == pack


def test_the_floor_of_a_stored_pack_is_the_stored_one_and_not_todays() -> None:
    floor, rest = load_pack("eu").files[0], load_pack("eu").files[1:]
    assert floor[0] == "floor.toml"
    older = [("floor.toml", floor[1].replace("Nothing is disclosed without", "Without nothing is disclosed"))]
    assert older[0][1] != floor[1]
    with pytest.raises(PackError, match="not those of the hash"):
        pack_from_texts([*older, *rest], load_pack("eu").text_hash)
    # The hash is of names and bytes; nothing of today's folder can slip in.
    digests = [[name, hashlib.sha256(text.encode()).hexdigest()] for name, text in [*older, *rest]]
    pack = pack_from_texts([*older, *rest], hashlib.sha256(json.dumps(digests).encode()).hexdigest())
    assert any(rule.says.startswith("Without nothing is disclosed") for rule in pack.rules)
    assert pack.files[0] == older[0]


@pytest.mark.parametrize("texts", [[], [["a.toml"]], [["a.toml", 1]], ["ab"], [["a.toml", "x", "y"]], [None]])
def test_refuses_what_are_no_stored_texts(texts: list[object]) -> None:
    with pytest.raises(PackError):
        pack_from_texts(texts, "0" * 64)  # type: ignore[arg-type]  # wrong on purpose


def test_a_record_of_another_engine_is_told_from_one_of_another_pack() -> None:
    pack = sketch(OLD)
    stored = decide(pack, UNDER_THE_PRACTICE)
    older = stored.replace(f'"engine":"{ENGINE}"'.encode(), b'"engine":"1"')
    assert older != stored
    with pytest.raises(ReplayError, match=f"made by engine 1: not replayable by engine {ENGINE}") as caught:
        replay(older, pack)
    assert caught.value.code == "replay.other-engine"
    assert read_stored(older).key.engine == "1"
    with pytest.raises(ReplayError) as caught:
        replay(stored, parse(OLD + "\n# a comment\n", "sketch.toml"))
    assert caught.value.code == "replay.other-pack"


def test_an_altered_fact_gives_other_bytes() -> None:
    pack = sketch(OLD)
    stored = decide(pack, UNDER_THE_PRACTICE)
    altered = stored.replace(b'"type":"bool","value":true', b'"type":"bool","value":false')
    assert altered != stored
    assert replay(altered, pack) != altered


def test_the_doubts_of_a_pack_are_counted_by_the_worst_of_rule_and_sources() -> None:
    rule = """
[source]
sure = { cite = "A law", from = 2015-01-01, checked = 2026-11-21, confidence = "H" }
less = { cite = "Another", from = 2015-01-01, confidence = "M", verify-with-counsel = true }
[fact]
red = { ask = "Red?", settled-by = "order" }
[[basis]]
id = "one"
says = "One."
cite = ["sure"]
when = ["red"]
discloses = ["name"]
[[limit]]
id = "two"
says = "Two."
cite = ["sure", "less"]
keeps = ["name"]
[[refuse]]
id = "three"
says = "Three."
cite = ["sure"]
when = ["not red"]
confidence = "L"
"""
    pack = parse(HEADER + rule)
    found = doubts_of(pack)
    assert (found.rules, found.by_confidence) == (3, {"H": 1, "M": 1, "L": 1})
    assert (found.verify_with_counsel, found.unchecked) == (1, 1)
    assert sum(doubts_of(load_pack("es")).by_confidence.values()) == len(load_pack("es").rules)
    assert {confidence_of(pack, each) for each in pack.rules} == set(WORST)
