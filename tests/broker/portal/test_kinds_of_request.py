"""Counsel chooses place and proceeding first and is then asked what the law there wants to know; without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest

from broker.intake.models import DisclosureRequest
from tests.support.answers import STATEMENTS
from tests.support.cases import SEEN_AT
from tests.support.parties import Cast, make_cast, page_client

pytestmark = pytest.mark.django_db

NEW = "/requests/new/"
CIVIL = {"jurisdiction": "es", "proceeding": "civil", "measure": "disclosure"}
CRIMINAL = CIVIL | {"proceeding": "criminal"}
WORDS = {True: "true", False: "false"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def typed(cast: Cast, **changes: Any) -> dict[str, Any]:
    return {
        **CIVIL,
        "asked_about": "es/civil/disclosure",
        "court": str(cast.desk.court.id),
        "legal_relation": "Licensee of the recordings in annex 1.",
        "purpose": "To prepare a suit.",
        "categories": ["name"],
        **{f"facts.es.{name}": WORDS.get(value, value) for name, value in STATEMENTS.items()},
        "lines": f"address,source_port,observed_at,evidence\n198.51.100.7,50000,{SEEN_AT},A-1\n",
    } | changes


def asked(page: str) -> set[str]:
    """The facts that a page asks for in the open."""
    return set(re.findall(r'<(?:select|input type="(?:text|date)") name="facts\.es\.([a-z-]+)"', page))


def test_asks_first_for_the_kind_of_request_and_for_nothing_else(cast: Cast) -> None:
    page = page_client(cast.desk.filer).get(NEW).content.decode()
    assert re.findall(r'<select name="([a-z]+)"', page) == ["jurisdiction", "proceeding", "measure"]
    assert "facts." not in page


def test_asks_what_the_chosen_law_wants_to_know_and_no_more(cast: Cast) -> None:
    client = page_client(cast.desk.filer)
    civil = client.get(NEW, CIVIL).content.decode()
    assert asked(civil) == set(STATEMENTS)
    assert '<option value="civil" selected>' in civil
    criminal = client.get(NEW, CRIMINAL).content.decode()
    assert asked(criminal) == set()
    assert "It has no question for you" in criminal


@pytest.mark.parametrize("wrong", [{"proceeding": ""}, {"proceeding": "divorce"}, {"jurisdiction": "eu"}])
def test_says_which_choice_is_still_to_be_made(cast: Cast, wrong: dict[str, str]) -> None:
    response = page_client(cast.desk.filer).get(NEW, CIVIL | wrong)
    page = response.content.decode()
    assert response.status_code == 422
    assert page.count("Choose from the list.") == 1
    assert 'aria-invalid="true"' in page


def test_shows_the_questions_of_another_kind_and_keeps_what_was_typed(cast: Cast) -> None:
    client = page_client(cast.desk.filer)
    page = client.post(NEW, typed(cast, **CRIMINAL, choose="1")).content.decode()
    assert asked(page) == set()
    assert "Nothing is filed yet" in page
    assert "Licensee of the recordings in annex 1." in page
    assert "198.51.100.7,50000" in page
    # Going back finds the answers where they were left.
    hidden = dict(re.findall(r'<input type="hidden" name="(facts\.[^"]+)" value="([^"]+)"', page))
    assert set(hidden) == {f"facts.es.{name}" for name in STATEMENTS}
    back = client.post(NEW, typed(cast) | hidden | {"choose": "1", "asked_about": "es/criminal/disclosure"})
    assert asked(back.content.decode()) == set(STATEMENTS)
    assert '<option value="intellectual-property" selected>' in back.content.decode()
    assert not DisclosureRequest.objects.exists()


def test_files_nothing_under_another_kind_than_the_one_whose_questions_were_shown(cast: Cast) -> None:
    response = page_client(cast.desk.filer).post(NEW, typed(cast, proceeding="criminal"))
    assert response.status_code == 200
    assert "Nothing is filed yet" in response.content.decode()
    assert not DisclosureRequest.objects.exists()


def test_states_only_what_was_asked(cast: Cast) -> None:
    sent = typed(cast, **CRIMINAL, asked_about="es/criminal/disclosure")
    assert page_client(cast.desk.filer).post(NEW, sent).status_code == 302
    filed = DisclosureRequest.objects.get()
    assert (filed.proceeding, filed.facts) == ("criminal", {})


def test_says_beforehand_that_a_kind_is_refused_and_what_fits_instead(cast: Cast) -> None:
    page = page_client(cast.desk.filer).get(NEW, CIVIL | {"measure": "disconnection"}).content.decode()
    assert "The law refuses a request of this kind whatever else is said." in page
    assert "An injunction against the operator" in page
    assert asked(page) == set()
