"""Each place and proceeding asks its own questions, and two people answer one without seeing each other's answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from broker.assessment.asked import asked_in
from broker.intake.models import DisclosureRequest
from broker.intake.services import jurisdictions
from broker.supervise import Supervisor
from legal_rules import load_pack
from tests.support.accounts import give_app, log_in_page
from tests.support.answers import FINDINGS, STATEMENTS
from tests.support.browser import person, picture, real_hashes
from tests.support.cases import (
    PASSWORD,
    SEEN_AT,
    Desk,
    assess,
    attach_and_check,
    cover,
    file_lines,
    make_desk,
    make_line,
    signed_order,
    states,
)
from tests.support.deployment import add_web

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True, scope="module")
def _order_before_the_browser() -> None:
    # Signing runs an event loop of its own, which cannot be while the browser's runs; once made, the order is kept.
    signed_order()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server on the test databases."""
    with Supervisor(tmp_path / "logs", say=lambda _: None) as supervisor:
        yield add_web(supervisor)


@pytest.fixture
def desk() -> Desk:
    with real_hashes():
        made = make_desk()
        for user in (made.filer, made.clerk, made.ana, made.luis):
            give_app(user)
    return made


def asked(page: Page, place: str) -> set[str]:
    """The facts of a place that the page asks for in the open."""
    fields = page.locator(f"[name^='facts.{place}.']:not([type=hidden])")
    names = [fields.nth(number).get_attribute("name") or "" for number in range(fields.count())]
    return {name.removeprefix(f"facts.{place}.") for name in names}


def other_kinds() -> list[tuple[str, str]]:
    """Other laws than the civil law of Spain: both of Germany, else of some other place, and Spain's criminal law."""
    places = [place for place in ("de", *jurisdictions()) if place in jurisdictions() and place != "es"]
    return [*((place, proceeding) for place in places[:1] for proceeding in ("civil", "criminal")), ("es", "criminal")]


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_counsel_is_asked_what_the_chosen_law_wants_to_know(
    browser: Browser, address: str, desk: Desk, scripts: bool
) -> None:
    with person(browser, scripts=scripts) as page:
        log_in_page(page, address, desk.filer.username, PASSWORD)
        page.goto(f"{address}/requests/new/")
        picture(page, "new-request-1-kind")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Choose from the list.").first).to_be_visible()
        picture(page, "new-request-2-kind-missing")
        choose(page, "es", "civil")
        page.get_by_role("button", name="Continue").click()
        assert asked(page, "es") == set(STATEMENTS)
        page.get_by_label("Purpose").fill("To prepare a suit")
        page.locator("[name='facts.es.civil-matter']").select_option("intellectual-property")
        picture(page, "new-request-3-spain-civil")
        # Another law, without asking for its questions first: nothing is filed, they are shown.
        for place, proceeding in other_kinds():
            choose(page, place, proceeding)
            page.get_by_role("button", name="File the request").click()
            expect(page.get_by_role("alert")).to_contain_text("Nothing is filed yet")
            expect(page.get_by_label("Purpose")).to_have_value("To prepare a suit")
            expected = {spec.name for spec in asked_in(place, proceeding, "disclosure").requester}
            assert asked(page, place) == expected != set(STATEMENTS)
            section = page.locator("section", has=page.locator("#questions"))
            expect(section).to_contain_text(f"{load_pack(place).title}, {proceeding} proceedings")
            picture(page, f"new-request-4-{place}-{proceeding}")
        # And back: what was answered there is still there.
        choose(page, "es", "civil")
        page.get_by_role("button", name="Show the questions of this kind").click()
        expect(page.locator("[name='facts.es.civil-matter']")).to_have_value("intellectual-property")
        page.get_by_label("Court", exact=True).select_option(label=desk.court.name)
        page.get_by_label("Rights or offence relied on").fill("Producer of phonograms")
        page.get_by_label("Name", exact=True).check()
        page.locator("textarea[name=lines]").fill(
            f"address,source_port,observed_at,evidence\n198.51.100.7,50007,{SEEN_AT},A-1\n"
        )
        page.get_by_role("button", name="File the request").click()
        expect(page).to_have_url(re.compile(r"/requests/R-[A-Z0-9-]+/\?filed=1$"))
        picture(page, "new-request-5-filed")
    filed = DisclosureRequest.objects.get()
    assert (filed.jurisdiction, filed.proceeding) == ("es", "civil")
    assert filed.facts == {"civil-matter": "intellectual-property"}


def choose(page: Page, place: str, proceeding: str) -> None:
    page.get_by_label("Jurisdiction", exact=True).select_option(place)
    page.get_by_label("Proceeding", exact=True).select_option(proceeding)


def test_the_whole_form_is_filled_by_keyboard_alone(browser: Browser, address: str, desk: Desk) -> None:
    with person(browser) as page:
        log_in_page(page, address, desk.filer.username, PASSWORD)
        page.goto(f"{address}/requests/new/")
        page.get_by_label("Jurisdiction", exact=True).focus()
        page.keyboard.type("Spain")
        for text in ("Civil", "Disclosure"):
            page.keyboard.press("Tab")
            page.keyboard.type(text)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("[name='facts.es.civil-matter']")).to_be_visible()
        # Every field that can be seen has a name that a screen reader can say.
        for field in page.locator("main form :is(input:not([type=hidden]), select, textarea)").all():
            assert field.evaluate("element => element.labels.length > 0"), field.get_attribute("name")


def test_the_clerk_is_asked_what_the_order_settles(browser: Browser, address: str, desk: Desk) -> None:
    request = file_lines(desk)
    assess(request)
    with person(browser) as page:
        log_in_page(page, address, desk.clerk.username, PASSWORD)
        page.goto(f"{address}/requests/{request.reference}/orders/new/")
        for fact in set(FINDINGS) - {"order-finds-service-relation"}:
            expect(page.locator(f"[name='findings.{fact}']")).to_have_count(1)
        expect(page.locator("[name='findings.offence-named']")).to_have_count(0)
        picture(page, "order-form-spain-civil")


def test_two_of_the_legal_staff_answer_without_seeing_each_other(browser: Browser, address: str, desk: Desk) -> None:
    request = file_lines(desk, answered=False)
    assess(request)
    with person(browser) as ana, person(browser) as luis:
        log_in_page(ana, address, desk.ana.username, PASSWORD)
        log_in_page(luis, address, desk.luis.username, PASSWORD)
        for page in (ana, luis):
            page.goto(f"{address}/admin/broker/disclosurerequest/{request.id}/change/")
        picture(ana, "questions-1-before-the-order")
        answer(ana, "settlement-pattern", "false", "Three suits in twelve months.")
        attach_and_check(desk, request, [cover(make_line(1))])
        assess(request)
        answer(ana, "works-sensitive", "false", "Ana read annex 1.")
        assess(request)
        ana.reload()
        expect(ana.get_by_text("A second person has to answer, who does not see this.")).to_be_visible()
        picture(ana, "questions-2-first-of-two")
        luis.reload()
        expect(luis.get_by_text("You see that answer once you have given yours.")).to_be_visible()
        assert "Ana read annex 1." not in luis.content()
        picture(luis, "questions-3-second-of-two")
        answer(luis, "works-sensitive", "true", "One title names a clinic.")
        assess(request)
        luis.reload()
        expect(luis.get_by_text("The answers differ")).to_be_visible()
        expect(luis.get_by_text("Ana read annex 1.")).to_be_visible()
        assert "the sources do not agree" in luis.content()
        assert states(request) == ["INCOMPLETE"]
        picture(luis, "questions-4-answers-differ")
        answer(luis, "works-sensitive", "false", "Ana is right: it is a band.")
        assess(request)
        luis.reload()
        expect(luis.get_by_text("Two people say the same, so this is settled.")).to_be_visible()
        picture(luis, "questions-5-settled")
    assert states(request) == ["UNDER_REVIEW"]


def answer(page: Page, fact: str, value: str, reason: str) -> None:
    """Answer one question on the decision page that is open."""
    page.reload()
    names_it = page.locator(f"input[name=fact][value={fact}]")
    form = page.locator("#questions form", has=names_it)
    again = page.locator("#questions details", has=names_it)
    if again.count():
        again.locator("summary").click()
    form.locator(f"input[name=value][value={value}]").check()
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name="Record this answer").click()
    expect(page.get_by_text("Your answer is recorded")).to_be_visible()
