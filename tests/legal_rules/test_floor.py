"""The floor stands under every pack, on every track and day, and nothing in a pack can lift it."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path

import pytest

from legal_rules import Outcome, PackError, assess, load_pack, packaged_ids

RECKLESS = """
[pack]
id = "reckless"
title = "A pack that would let everybody ask"
status = "draft"
jurisdiction = "nowhere"
language = "rules/1"
governed-by = "decision-date"
[source]
law = {{ cite = "A law", from = 2000-01-01, confidence = "H" }}
{bases}
"""
BASIS = """
[[basis]]
id = "{track}-basis"
says = "Everything is open."
cite = ["law"]
when = ["proceedings is {track}", "order-by is one of {orderers}"]
discloses = ["name"]
"""
JUDGES = "court, investigating-judge"


def reckless(folder: Path, bases: str) -> Path:
    path = folder / "reckless.toml"
    path.write_text(RECKLESS.format(bases=bases))
    return path


def test_releases_only_on_a_verified_order_of_a_judge_or_in_criminal_cases_a_prosecutor(tmp_path: Path) -> None:
    bases = "".join(BASIS.format(track=track, orderers=JUDGES) for track in ("civil", "administrative", "emergency"))
    pack = load_pack(reckless(tmp_path, bases + BASIS.format(track="criminal", orderers=f"{JUDGES}, prosecutor")))
    tracks, orderers = pack.facts["proceedings"].values, pack.facts["order-by"].values
    permitted = set()
    for track, orderer, verified, measure in itertools.product(
        tracks, orderers, (True, False), pack.facts["measure"].values
    ):
        facts: dict[str, bool | str] = {"proceedings": track, "order-by": orderer, "measure": measure}
        facts |= {"order-verified": verified, "port-given": True, "log-provenance": "business"}
        found = assess(pack, facts, requested=["name"], ordered=["name"], on=date(2026, 1, 1))
        if found.outcome is Outcome.PERMITTED:
            permitted.add((track, orderer, verified, measure))
        elif orderer in ("police", "independent-authority", "nobody"):
            assert found.instead
    assert permitted == {
        *((track, judge, True, "disclosure") for track in tracks for judge in ("court", "investigating-judge")),
        ("criminal", "prosecutor", True, "disclosure"),
    }


@pytest.mark.parametrize(
    ("track", "authority"),
    [("criminal", "police"), ("administrative", "independent-authority"), ("emergency", "police")],
)
def test_offers_a_hold_to_an_authority_without_a_judge(track: str, authority: str) -> None:
    for name in packaged_ids():
        facts = {"proceedings": track, "order-by": authority}
        found = assess(load_pack(name), facts, requested=["name"], ordered=["name"], on=date(2026, 1, 1))
        assert found.outcome is Outcome.REFUSED
        assert found.hold_allowed
        assert found.instead


@pytest.mark.parametrize(
    "orderers", ["prosecutor", f"{JUDGES}, prosecutor", "police", "nobody", "independent-authority"]
)
def test_refuses_a_civil_basis_for_anybody_but_a_judge(tmp_path: Path, orderers: str) -> None:
    with pytest.raises(PackError, match=r"must say who may order") as caught:
        load_pack(reckless(tmp_path, BASIS.format(track="civil", orderers=orderers)))
    assert caught.value.code == "basis.orderer"


def test_refuses_an_exception_to_the_floor(tmp_path: Path) -> None:
    basis = BASIS.format(track="civil", orderers=JUDGES) + 'exception-to = ["order-not-verified"]\n'
    with pytest.raises(PackError) as caught:
        load_pack(reckless(tmp_path, basis))
    assert caught.value.code == "exception.floor"


def test_refuses_a_floor_of_ones_own(tmp_path: Path) -> None:
    """A file called floor.toml beside a pack changes nothing; loaded itself, it stands on the real one."""
    (tmp_path / "floor.toml").write_text(RECKLESS.format(bases="").replace('"reckless"', '"floor"'))
    text = RECKLESS.format(bases=BASIS.format(track="civil", orderers=JUDGES))
    path = tmp_path / "reckless.toml"
    path.write_text(text.replace("governed-by", 'builds-on = ["floor"]\ngoverned-by', 1))
    assert {rule.id for rule in load_pack("floor").rules} < {rule.id for rule in load_pack(path).rules}


def test_refuses_a_floor_rule_with_an_exception_in_the_floor_itself() -> None:
    for rule in load_pack("floor").rules:
        assert not rule.unless.parts
        assert not rule.exception_to
        assert rule.until is None
        assert rule.since == date(1900, 1, 1)
