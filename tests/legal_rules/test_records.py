"""What is stored can be run again: canonical bytes, replay, hashes, provenance, renderings, many lines at once."""

from __future__ import annotations

import dataclasses
import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from legal_rules import Fact, FactError, Outcome, ReplayError, assess, load_pack, replay
from legal_rules.pack import PACKS

from .random_packs import HEADER, pack_text, parse, random_case
from .test_spanish_law import DEFAULT, LOG, ORDER, REQUESTER, TODAY, spain

DISPUTED = [Fact("court", source="document"), Fact("prosecutor", source="clerk")]


def test_the_same_facts_in_another_order_give_the_same_bytes() -> None:
    facts: dict[str, Any] = {**REQUESTER, **ORDER, **LOG}
    backwards = dict(reversed(facts.items()))
    assert spain(facts, DEFAULT).to_json() == spain(backwards, DEFAULT[::-1], DEFAULT[::-1]).to_json()


def test_replay_gives_the_stored_bytes_again() -> None:
    facts: dict[str, Any] = {
        **REQUESTER,
        "proceedings": Fact("civil", source="request", by="counsel 4", at="2026-10-01T09:00:00Z"),
        "order-by": DISPUTED,
        "order-verified": "yes",
        "order-date": "2026-10-20",
        "event-date": datetime(2026, 9, 14, tzinfo=UTC),
        "security-lodged": Fact(Fact.CANNOT_BE_ESTABLISHED, by="clerk 2"),
        "address-shared": [1],
    }
    stored = spain(facts, None, [*DEFAULT, "shoe-size"]).to_json()
    assert replay(stored, load_pack("es")) == stored
    assert json.loads(stored)["replay"]["engine"] == "3"


def test_replay_gives_the_stored_bytes_again_for_random_packs() -> None:
    for seed in range(150):
        rng = random.Random(seed)
        pack = parse(pack_text(rng))
        case = random_case(rng)
        found = assess(
            pack, dict(case.values), requested=case.requested, ordered=case.ordered, on=case.on, closed_days=case.closed
        )
        assert replay(found.to_json(), pack) == found.to_json()


def test_refuses_to_replay_with_another_pack_or_other_bytes() -> None:
    stored = spain(REQUESTER, None).to_json()
    with pytest.raises(ReplayError) as caught:
        replay(stored, load_pack("eu"))
    assert caught.value.code == "replay.other-pack"
    for broken in (
        b"",
        b"[]",
        b"{}",
        stored[:-1],
        stored.replace(b'"type":"bool","value":true', b'"type":"bool","value":1'),
    ):
        with pytest.raises(ReplayError):
            replay(broken, load_pack("es"))


def test_prose_changes_the_text_hash_and_only_law_changes_the_meaning_hash(tmp_path: Path) -> None:
    text = (PACKS / "es.toml").read_text()
    original = load_pack("es")

    def changed(old: str, new: str) -> tuple[bool, bool]:
        assert old in text
        (tmp_path / "es.toml").write_text(text.replace(old, new, 1))
        pack = load_pack(tmp_path / "es.toml")
        return pack.text_hash != original.text_hash, pack.meaning_hash != original.meaning_hash

    assert changed("# Spain. Draft", "# Spain: draft") == (True, False)
    assert changed("Carry the order out within ten days.", "Carry it out.") == (True, False)
    assert changed("Does the applicant hold", "Does this applicant hold") == (True, False)
    assert changed('name = "One film', 'name = "A single film') == (True, False)
    assert changed("from = 2015-12-06, checked", "from = 2015-12-07, checked") == (True, True)
    assert changed('discloses = ["email", "phone"]', 'discloses = ["email"]') == (True, True)
    assert changed('"not offence-serious"]', '"offence-serious"]') == (True, True)
    permitted = text.splitlines()[next(n for n, line in enumerate(text.splitlines()) if line.startswith("permits"))]
    assert changed(permitted, 'permits = ["civil"]') == (True, True)
    assert changed("LECrim art. 588 octies", "LECrim art. 588 nonies") == (True, True)


@pytest.mark.parametrize(
    ("given", "remark"),
    [
        ("yes", "order-verified: given as str, but it is bool"),
        (1, "order-verified: given as int, but it is bool"),
        (DISPUTED, "order-verified: given as str, but it is bool; the sources do not agree"),
        ([Fact(True), Fact(False)], "order-verified: the sources do not agree"),
        ([Fact(True), Fact(1)], "order-verified: given as int, but it is bool; the sources do not agree"),
        (Fact(Fact.CANNOT_BE_ESTABLISHED), "order-verified: it was found that this cannot be established"),
    ],
)
def test_a_fact_that_cannot_be_used_is_open_and_says_so(given: Any, remark: str) -> None:
    found = spain({**REQUESTER, **ORDER, **LOG, "order-verified": given}, DEFAULT)
    assert found.outcome is Outcome.INCOMPLETE
    assert [question.fact for question in found.settle] == ["order-verified"]
    assert found.remarks == (remark,)
    assert remark in found.to_text()


BURDEN = """
[source]
law = { cite = "A law", from = 2015-01-01, confidence = "L" }
[fact]
owner = { ask = "Does the applicant own the work?", settled-by = "requester", burden = false }
[[basis]]
id = "b"
says = "An owner may ask."
cite = ["law"]
when = ["owner"]
discloses = ["name"]
"""


def test_what_cannot_be_established_counts_against_who_bears_the_burden() -> None:
    """Only where the pack names a burden; a fact that is simply missing stays open."""
    pack = parse(HEADER + BURDEN)
    outcomes = {}
    for name, facts in (("missing", {}), ("found", {"owner": Fact(Fact.CANNOT_BE_ESTABLISHED, by="legal 3")})):
        found = assess(pack, facts, requested=["name"], ordered=["name"], on=TODAY)
        outcomes[name] = (found.outcome.value, found.remarks)
        assert replay(found.to_json(), pack) == found.to_json()
    assert outcomes == {"missing": ("INCOMPLETE", ()), "found": ("REFUSED", ())}


def test_two_sources_that_agree_make_a_known_fact() -> None:
    facts = {**REQUESTER, **ORDER, **LOG, "order-by": [Fact("court", source="document"), Fact("court", source="clerk")]}
    assert spain(facts, DEFAULT).outcome is Outcome.PERMITTED


def test_a_value_outside_its_list_is_open_and_not_repeated() -> None:
    found = spain({**REQUESTER, **ORDER, **LOG, "order-by": "Maria Example"}, DEFAULT)
    assert found.outcome is Outcome.INCOMPLETE
    assert "Maria" not in found.remarks[0]


def test_refuses_facts_and_arguments_that_are_programming_errors() -> None:
    pack = load_pack("es")
    with pytest.raises(FactError, match="did you mean 'order-by'"):
        spain({"orderby": "court"}, None)
    for requested, ordered, on in (
        ("name", None, TODAY),
        (["name"], "name", TODAY),
        ([1], None, TODAY),
        (["name"], None, datetime(2026, 1, 1, tzinfo=UTC)),
        (["name"], None, "2026-01-01"),
        (["name"], None, date(1899, 12, 31)),
    ):
        with pytest.raises(FactError):
            assess(pack, {}, requested=requested, ordered=ordered, on=on)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("origin", [{"source": "\ud800"}, {"by": 3}, {"at": None}])
def test_refuses_a_provenance_that_cannot_be_written_down(origin: dict[str, Any]) -> None:
    fact = Fact(True, **origin)
    with pytest.raises(FactError, match="must be plain text"):
        assess(load_pack("es"), {"port-given": fact}, requested=["name"], ordered=None, on=date(2026, 11, 1))


def test_an_unknown_category_is_withheld_and_the_rest_granted() -> None:
    found = spain({**REQUESTER, **ORDER, **LOG}, [*DEFAULT, "shoe-size"], ["name", "shoe-size"])
    assert found.granted == {"name"}
    assert found.withheld["shoe-size"].code == "unknown-category"


def test_an_assessment_cannot_be_changed() -> None:
    found = spain(REQUESTER, DEFAULT)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.outcome = Outcome.PERMITTED  # type: ignore[misc]  # trying is the test
    with pytest.raises(TypeError):
        found.withheld["name"] = found.withheld["postal-address"]  # type: ignore[index]  # trying is the test


def test_json_holds_no_float_and_is_sorted() -> None:
    stored = spain({**REQUESTER, **ORDER, **LOG}, DEFAULT).to_json()
    data = json.loads(stored, parse_float=lambda text: pytest.fail(f"a float: {text}"))
    assert json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() == stored
    assert data["outcome"] == "PERMITTED"
    assert data["granted"] == DEFAULT


def test_text_and_markdown_say_the_same_and_markdown_escapes_what_people_typed() -> None:
    known = Fact("civil", source="<script>*alert*</script> [x](y)")
    found = spain({**REQUESTER, **ORDER, **LOG, "proceedings": known}, DEFAULT)
    markdown, text = found.to_markdown(), found.to_text()
    assert "<script>" not in markdown
    assert "<script>" in text
    for finding in (*found.bases, *found.limits):
        assert finding.says in text
        assert finding.says in markdown
