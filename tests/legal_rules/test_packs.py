"""The packs themselves: their cases hold, every rule has a case on each side of its line, nothing is upgraded."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from legal_rules import load_pack, packaged_ids
from legal_rules.cases import coverage, failing, run_cases, uncovered
from legal_rules.pack import PACKS

LEC = 'when = ["proceedings is civil", "court-order", "rightholder", "grave-enough", "served-within-a-year"]'


@pytest.mark.parametrize("name", packaged_ids())
def test_every_case_of_a_pack_holds(name: str) -> None:
    pack = load_pack(name)
    assert pack.cases
    assert run_cases(pack) == []


@pytest.mark.parametrize("name", packaged_ids())
def test_every_rule_has_a_case_on_each_side_of_its_line(name: str) -> None:
    pack = load_pack(name)
    assert uncovered(pack) == []
    assert {tally.rule for tally in coverage(pack)} == {rule.id for rule in pack.rules if rule.pack == name}


def test_the_packs_that_must_be_there_are_there() -> None:
    assert {"floor", "eu", "e-evidence", "es"} <= set(packaged_ids())
    assert load_pack("es").builds_on == ("floor", "eu", "e-evidence")
    assert load_pack("es").jurisdiction == "es"


def test_a_rule_without_a_case_on_one_side_is_named(tmp_path: Path) -> None:
    """Take away the cases in which police and prosecutors ask: three rules lose their side."""
    text = (PACKS / "es.toml").read_text()
    alone = ['with = { order-by = "police" }', 'with = { order-by = "prosecutor" }']
    for old in (*alone, 'instrument = "third-country-order", order-by = "police"'):
        assert old in text
        text = text.replace(old, re.sub(r'order-by = "\w+"', 'order-by = "court"', old))
    path = tmp_path / "es.toml"
    path.write_text(text)
    missing = {(problem.code, problem.message) for problem in uncovered(load_pack(path))}
    assert missing == {
        ("case.side-missing", f"'{rule}' has no case where it is met")
        for rule in ("judge-maps-addresses", "preserve-ninety-days", "preserve-180-days-at-most")
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LEC, LEC.replace('"grave-enough", ', "")),
        (LEC, LEC.replace('"served-within-a-year"', '"order-finds-service-relation"')),
        ("12 months before", "11 months before"),
        ('discloses = ["name", "postal-address"]', 'discloses = ["name"]'),
        ("until = 2014-12-31, confidence", "until = 2014-12-30, confidence"),
        ("until = 2007-11-07", "until = 2006-06-12"),
        ('exception-to = ["constantin-film"]\n', ""),
        ('needs = ["security-lodged"]', 'needs = ["order-verified"]'),
        ('"not offence-serious"', '"offence-serious"'),
        ("from = 2015-12-06, checked", "from = 2015-12-05, checked"),
        ('when = ["proceedings is criminal", "judge-order"]', 'when = ["proceedings is criminal", "court-order"]'),
        ('["proceedings is criminal", "judge-order"]\nwithin', '["proceedings is civil", "judge-order"]\nwithin'),
        ("more than 12 months before", "more than 13 months before"),
        ("within 180 days after", "within 181 days after"),
        ("until = 2015-12-05, confidence", "until = 2015-12-04, confidence"),
        ('"not security-lodged"', '"security-lodged"'),
        ("from = 2012-03-01, confidence", "from = 2012-03-02, confidence"),
        ('"civil-matter is not intellectual-property"', '"civil-matter is other"'),
    ],
)
def test_a_changed_rule_makes_a_case_fail(tmp_path: Path, old: str, new: str) -> None:
    """The cases are worth something: each of these changes of the law is noticed by one of them."""
    text = (PACKS / "es.toml").read_text()
    assert old in text
    path = tmp_path / "es.toml"
    path.write_text(text.replace(old, new, 1))
    pack = load_pack(path)
    assert any(failing(pack, case) for case in pack.cases)


@pytest.mark.parametrize("name", packaged_ids())
def test_every_rule_cites_a_dated_source_and_doubt_stays_visible(name: str) -> None:
    pack = load_pack(name)
    assert pack.status == "draft"
    for rule in pack.rules:
        assert rule.cite
        assert rule.says.endswith(".")
    for source in pack.sources.values():
        assert source.checked in (None, date(2026, 11, 21))
        assert not source.pinpoint_checked, "no paragraph number was compared with the official text"
        if source.checked is None and source.id != "floor":
            assert source.confidence != "H", f"{source.id}: unchecked is never high"
        in_part = any(text in source.note for text in ("the details not", "its text was not"))
        if source.verify_with_counsel or in_part:
            assert source.confidence != "H", f"{source.id}: what was read in part is never high"


@pytest.mark.parametrize("name", packaged_ids())
def test_no_pack_rests_on_the_directive_that_was_invalid_from_the_start(name: str) -> None:
    """C-293/12 Digital Rights Ireland: Directive 2006/24/EC never counts as a source."""
    assert [source.id for source in load_pack(name).sources.values() if "2006/24" in source.cite] == []


@pytest.mark.parametrize("name", packaged_ids())
def test_no_pack_opens_where_the_connection_is_installed(name: str) -> None:
    """A grant of the postal address is one of the contract's; the site is data of its own, and needs a source."""
    pack = load_pack(name)
    assert "installation-address" in pack.categories
    assert not any("installation-address" in rule.discloses + rule.keeps for rule in pack.rules)


@pytest.mark.parametrize("name", packaged_ids())
def test_every_question_can_be_asked_as_it_stands(name: str) -> None:
    for spec in load_pack(name).facts.values():
        assert spec.ask.endswith("?")
        assert (spec.known_to == "worker") == (spec.settled_by == "worker")


def test_the_facts_the_product_computes_keep_their_names_and_values() -> None:
    facts = load_pack("es").facts
    settled = {name: spec.settled_by for name, spec in facts.items()}
    assert {name for name, by in settled.items() if by == "product"} == {
        "proceedings", "measure", "event-date", "request-date", "port-given",
    }  # fmt: skip
    assert {name for name, by in settled.items() if by == "worker"} == {"log-provenance", "address-shared"}
    for name in ("order-by", "order-verified", "order-date", "order-names-further-data"):
        assert settled[name] == "order"
    assert facts["proceedings"].values == ("civil", "criminal", "administrative", "emergency")
    assert facts["order-by"].values == (
        "court", "investigating-judge", "prosecutor", "police", "independent-authority", "nobody",
    )  # fmt: skip
    assert facts["log-provenance"].values == ("business", "statutory-retention", "preserved")
