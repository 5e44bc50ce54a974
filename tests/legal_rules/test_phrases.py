"""Every phrase of the language means what it says, at its edges too."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legal_rules.errors import PhraseError
from legal_rules.findings import STATUS
from legal_rules.phrases import (
    All,
    AnyOf,
    Condition,
    FactSpec,
    Leaf,
    Not,
    Term,
    Value,
    Vocabulary,
    facts_of,
    holds,
    shift,
)

FACTS = {
    "signed": FactSpec("signed", "?", "bool", (), "order"),
    "track": FactSpec("track", "?", "one-of", ("civil", "criminal", "other"), "order"),
    "count": FactSpec("count", "?", "number", (), "order"),
    "asked-on": FactSpec("asked-on", "?", "date", (), "order"),
    "used-on": FactSpec("used-on", "?", "date", (), "order"),
}
TERMS: dict[str, Condition] = {"good": Vocabulary(FACTS, {}).parse("signed")}
LANGUAGE = Vocabulary(FACTS, TERMS)


def says(phrase: str, **facts: Value) -> bool:
    values = {name.replace("_", "-"): value for name, value in facts.items()}

    def decide(condition: Condition) -> bool:
        match condition:
            case Leaf(test):
                return holds(test, values)
            case Not(part) | Term(_, part):
                return decide(part) ^ isinstance(condition, Not)
            case All(parts):
                return all(decide(part) for part in parts)
            case AnyOf(parts):
                return any(decide(part) for part in parts)

    return decide(LANGUAGE.parse(phrase))


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_bool_and_term_phrases() -> None:
    assert says("signed", signed=True)
    assert not says("not signed", signed=True)
    assert says("good", signed=True)
    assert says("not good", signed=False)


def test_one_of_phrases() -> None:
    assert says("track is civil", track="civil")
    assert not says("track is not civil", track="civil")
    assert says("track is one of civil, other", track="other")
    assert not says("track is one of civil, other", track="criminal")


@pytest.mark.parametrize(
    ("phrase", "true"),
    [
        ("count is at least 3", {3, 4}),
        ("count is at most 3", {2, 3}),
        ("count is more than 3", {4}),
        ("count is less than 3", {2}),
    ],
)
def test_number_phrases_at_their_edges(phrase: str, true: set[int]) -> None:
    assert {number for number in (2, 3, 4) if says(phrase, count=number)} == true


@pytest.mark.parametrize(
    ("phrase", "true"),
    [
        ("asked-on is before 2024-03-31", {30}),
        ("asked-on is after 2024-03-31", {32}),
        ("asked-on is on or before 2024-03-31", {30, 31}),
        ("asked-on is on or after 2024-03-31", {31, 32}),
    ],
)
def test_day_phrases_at_their_edges(phrase: str, true: set[int]) -> None:
    days = {number: day("2024-03-01") + timedelta(number - 1) for number in (30, 31, 32)}
    assert {number for number, each in days.items() if says(phrase, asked_on=each)} == true


@pytest.mark.parametrize(
    ("phrase", "first", "last"),
    [
        ("asked-on is within 10 days after used-on", "2024-01-31", "2024-02-10"),
        ("asked-on is within 10 days before used-on", "2024-01-21", "2024-01-31"),
        ("asked-on is within 1 month after used-on", "2024-01-31", "2024-02-29"),
        ("asked-on is within 12 months before used-on", "2023-01-31", "2024-01-31"),
        ("asked-on is within 1 year after used-on", "2024-01-31", "2025-01-31"),
        ("asked-on is between 1 and 3 months after used-on", "2024-02-29", "2024-04-30"),
        ("asked-on is between 1 and 2 days before used-on", "2024-01-29", "2024-01-30"),
    ],
)
def test_spans_hold_from_their_first_to_their_last_day(phrase: str, first: str, last: str) -> None:
    used, one = day("2024-01-31"), timedelta(1)
    for edge, inside, outside in ((day(first), 0, -1), (day(last), 0, 1)):
        assert says(phrase, used_on=used, asked_on=edge + inside * one)
        assert not says(phrase, used_on=used, asked_on=edge + outside * one)


def test_more_than_a_span_begins_where_the_span_ends() -> None:
    used = day("2023-02-28")
    assert not says("asked-on is more than 12 months after used-on", used_on=used, asked_on=day("2024-02-28"))
    assert says("asked-on is more than 12 months after used-on", used_on=used, asked_on=day("2024-02-29"))
    assert not says("asked-on is more than 2 days before used-on", used_on=used, asked_on=day("2023-02-26"))
    assert says("asked-on is more than 2 days before used-on", used_on=used, asked_on=day("2023-02-25"))


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)), st.integers(-600, 600))
def test_a_month_that_lacks_the_day_ends_on_its_last(start: date, months: int) -> None:
    moved = shift(start, months, "months")
    assert (moved.year * 12 + moved.month) - (start.year * 12 + start.month) == months
    assert moved.day == start.day or (moved.day < start.day and (moved + timedelta(1)).day == 1)


def test_a_condition_over_two_days_names_both_facts() -> None:
    condition = LANGUAGE.parse("asked-on is after used-on")
    assert isinstance(condition, Leaf)
    assert facts_of(condition.test) == ("asked-on", "used-on")


@pytest.mark.parametrize(
    ("phrase", "code"),
    [
        ("", "phrase.unknown"),
        ("Signed", "phrase.unknown"),
        ("signed ", "phrase.unknown"),
        ("signed and good", "phrase.unknown"),
        ("not not signed", "phrase.unknown"),
        ("track is civil or other", "phrase.unknown"),
        ("signed\n", "phrase.unknown"),
        ("count is at least 3.5", "phrase.unknown"),
        ("asked-on is within 10 hours after used-on", "phrase.unknown"),
        ("unsigned", "phrase.unknown-name"),
        ("asked-on is after never-on", "phrase.unknown-name"),
        ("track is civill", "phrase.unknown-value"),
        ("track is one of civil, civill", "phrase.unknown-value"),
        ("track", "phrase.wrong-type"),
        ("signed is civil", "phrase.wrong-type"),
        ("count is after 2024-01-01", "phrase.wrong-type"),
        ("asked-on is after track", "phrase.wrong-type"),
        ("asked-on is after 2023-02-29", "phrase.impossible-date"),
        ("asked-on is after 1899-12-31", "phrase.impossible-date"),
        ("asked-on is between 3 and 1 months after used-on", "phrase.bad-span"),
        ("asked-on is within 1201 months after used-on", "phrase.bad-span"),
        ("signed" * 100, "phrase.too-long"),
    ],
)
def test_refuses_whatever_is_not_a_phrase(phrase: str, code: str) -> None:
    with pytest.raises(PhraseError) as caught:
        LANGUAGE.parse(phrase)
    assert caught.value.code == code


def test_offers_the_nearest_name() -> None:
    with pytest.raises(PhraseError, match="did you mean 'signed'"):
        LANGUAGE.parse("singed")


def test_there_are_three_states_and_open_is_one_of_them() -> None:
    assert STATUS == {True: "met", False: "unmet", None: "open"}


@pytest.mark.parametrize(
    ("fact", "value", "words"),
    [
        ("signed", True, "yes"),
        ("signed", False, "no"),
        ("track", "not-yet-known", "not yet known"),
        ("count", 3, "3"),
        ("asked-on", date(2026, 11, 1), "2026-11-01"),
        ("asked-on", "2026-11-01", "2026-11-01"),
    ],
)
def test_values_read_as_words_and_days_stay_days(fact: str, value: bool | int | str | date, words: str) -> None:
    assert FACTS[fact].in_words(value) == words
