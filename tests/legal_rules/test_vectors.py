"""The test vectors of the law dossier are embedded cases of the packs, named with their number: "... (T7)".

A vector says place and outcome; here both are held against the cases that bear its number, so that a case can neither
lose its vector nor expect something else. That the cases hold is `test_packs.py`. Places without a pack have no vector.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import pytest

from legal_rules import Assessment, Outcome, assess, load_pack, packaged_ids
from legal_rules.model import Case

# Number: pack and the outcomes the dossier's words allow. T15 has two days: the old practice (for a person), the new.
# T24 is written for Union law and holds in each pack.
VECTORS: Mapping[str, tuple[str, set[str]]] = {
    "T1": ("es", {"REFUSED"}),
    "T2": ("es", {"REFUSED"}),
    "T3": ("es", {"PERMITTED"}),
    "T4": ("es", {"REFUSED"}),
    "T5": ("es", {"PERMITTED"}),
    "T7": ("de", {"REFUSED"}),
    "T11": ("fr", {"REFUSED"}),
    "T12": ("fr", {"REFUSED"}),
    "T13": ("fr", {"REFUSED"}),
    "T14": ("fr", {"REFUSED"}),
    "T15": ("dk", {"NEEDS_JUDGEMENT", "REFUSED"}),
    "T19": ("e-evidence", {"PERMITTED"}),
    "T20": ("e-evidence", {"REFUSED"}),
    "T21": ("e-evidence", {"REFUSED"}),
    "T22": ("e-evidence", {"REFUSED"}),
    "T23": ("e-evidence", {"REFUSED"}),
    "T24": ("eu", {"REFUSED"}),
    "T25": ("es", {"NEEDS_JUDGEMENT"}),
}
NUMBER = re.compile(r"\((T\d+)\)$")


def numbered() -> Iterator[tuple[str, str, Case]]:
    for pack in packaged_ids():
        for case in load_pack(pack).cases:
            if found := NUMBER.search(case.name):
                yield found[1], pack, case


def the_case(number: str, pack: str) -> tuple[Case, Assessment]:
    """Give the one case of a pack with this number, and its assessment."""
    (case,) = (case for each, place, case in numbered() if (each, place) == (number, pack))
    return case, assess(load_pack(pack), case.facts, requested=case.requested, ordered=case.ordered, on=case.on)


@pytest.mark.parametrize("number", VECTORS)
def test_every_vector_is_a_case_of_its_pack_and_expects_what_the_dossier_says(number: str) -> None:
    pack, outcomes = VECTORS[number]
    expected = {case.expect["outcome"] for each, place, case in numbered() if (each, place) == (number, pack)}
    assert expected == outcomes


def test_a_number_in_another_pack_expects_the_same_and_none_is_unknown() -> None:
    for number, pack, case in numbered():
        assert number in VECTORS, f"{pack}: {case.name}"
        assert case.expect["outcome"] in VECTORS[number][1], f"{pack}: {case.name}"


def test_the_grants_of_the_spanish_vectors_are_name_and_postal_address() -> None:
    """T3 and T5: whatever else is asked for is struck."""
    for number in ("T3", "T5"):
        assert the_case(number, "es")[1].granted == {"name", "postal-address"}
    asked = the_case("T5", "es")[0].requested
    assert {"email", "phone"} <= set(asked)


def test_promusicae_is_asked_as_of_its_two_days() -> None:
    """T1 and T2."""
    assert the_case("T1", "es")[0].on == date(2005, 12, 21)
    assert the_case("T2", "es")[0].on == date(2008, 1, 29)


def test_a_production_order_is_answered_within_ten_days_of_its_receipt() -> None:
    """T19."""
    case, found = the_case("T19", "e-evidence")
    (duty,) = (duty for duty in found.duties if duty.id == "answer-epoc")
    assert (duty.status, duty.due_on) == ("due", case.facts["request-date"] + timedelta(days=10))


def test_a_wrong_issuer_is_answered_with_the_form_of_annex_iii() -> None:
    """T20."""
    found = the_case("T20", "e-evidence")[1]
    assert any("Annex III" in text and "article 4(2)" in text for text in found.instead)


def test_police_alone_get_a_hold_and_forty_eight_hours_to_be_validated() -> None:
    """T21."""
    found = the_case("T21", "e-evidence")[1]
    (duty,) = (duty for duty in found.duties if duty.id == "watch-for-validation")
    assert (duty.status, duty.within) == ("due", "48 hours")
    assert found.hold_allowed
    assert found.instead


def test_denmark_is_pointed_to_mutual_legal_assistance() -> None:
    """T22."""
    assert any("utual legal assistance" in text for text in the_case("T22", "e-evidence")[1].instead)


def test_a_valid_order_in_doubt_goes_to_people_with_its_deadline_kept() -> None:
    """T25, as far as the rules go: the grading of the balance itself is no rule."""
    case, found = the_case("T25", "es")
    assert found.outcome is Outcome.NEEDS_JUDGEMENT
    (duty,) = (duty for duty in found.duties if duty.id == "decide-on-opposition")
    assert (duty.status, duty.due_on) == ("due", case.facts["order-date"] + timedelta(days=5))
