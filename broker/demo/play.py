"""Play one case of a demo folder through the real services, as the people it names, and see what came of it.

1. Counsel files the request; the engine answers, in the jobs process.
2. A clerk attaches the order; jobs check it, and the engine answers again.
3. The operator's legal staff answer what the law asks of them, then two of them approve.
4. The release worker answers; the recipient downloads the package and opens it with its own key.
The player waits for the other processes by looking at the same rows they work from.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from django.conf import settings

from broker.assessment.services import answer_question, newest_assessments
from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.demo.world import DemoError, World, read_toml
from broker.intake.models import DisclosureRequest, State
from broker.intake.services import file_request
from broker.orders.models import CourtOrder, OrderCheck
from broker.orders.services import attach_order
from broker.outbox.models import OutboxRow
from broker.parties.middleware import context_of
from broker.release.envelope import open_package
from broker.release.models import SealedRelease
from broker.release.services import download
from broker.row_context import acting

WAIT_SECONDS = 90.0


@dataclass(slots=True)
class Played:
    """What came of a case; the fields that `--json` writes."""

    id: str
    title: str
    outcome: str = ""
    state: str = ""
    grounds: list[str] = field(default_factory=list)
    released_categories: list[str] = field(default_factory=list)
    package_sha256: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "outcome": self.outcome,
            "state": self.state,
            "grounds": self.grounds,
            "released_categories": self.released_categories,
            "package_sha256": self.package_sha256,
        }


def play(folder: Path, file: Path, world: World, say: Callable[[str], None], output: Path | None) -> Played:
    """Play one case file and return what came of it. output: folder that gets the package as downloaded."""
    case = read_toml(file)
    try:
        played = Played(case["id"], case["title"])
        say(f"\n── {case['title']}")
        say(indent(dedent(case["tells"]).strip(), "   "))
        filer = world.people[case["filed_by"]]
        with acting(context_of(filer)):
            request = file_request(filer, _with_court(case["request"], world), as_of=case.get("as_of"))
        say(f"   {filer} files request {request.reference}.")
        _settle(request)
        _tell_law(request, say)
        if "order" in case and _states(request) != {State.REFUSED}:
            order = _attach(folder, case, request, world, say)
            _settle(request, order)
            _tell_checks(order, say)
            _tell_law(request, say)
        if "answers" in case and _states(request) == {State.INCOMPLETE}:
            _answer(case, request, world, say)
        if _states(request) == {State.UNDER_REVIEW}:
            _approve(case, request, world, say)
        _conclude(played, request, world, case["filed_by"], say, output)
    except KeyError as error:
        raise DemoError(f"{file.name} lacks {error}, or names somebody parties.toml does not.") from None
    return played


def _with_court(request: Mapping[str, Any], world: World) -> dict[str, Any]:
    return dict(request) | {"court": str(world.organisations[request["court"]].id)}


def _states(request: DisclosureRequest) -> set[str]:
    return set(request.lines.values_list("state", flat=True))


def _settle(request: DisclosureRequest, *others: CourtOrder) -> None:
    """Wait until jobs has done what was asked of it for these subjects."""
    subjects = [request.id, *(other.id for other in others)]
    rows = OutboxRow.objects.filter(subject_id__in=subjects)
    _until(f"request {request.reference} to be assessed", lambda: not rows.filter(done=False).exists())
    if (failed := rows.exclude(last_error="").first()) is not None:
        raise DemoError(f"The work '{failed.kind}' was given up: {failed.last_error}.")


def _until(what: str, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise DemoError(f"Waited {WAIT_SECONDS:g} s for {what}. The logs of the processes say why.")
        time.sleep(0.05)


def _answers(request: DisclosureRequest) -> list[dict[str, Any]]:
    """The distinct newest answers of the engine for a request's lines."""
    newest = newest_assessments(list(request.lines.all())).values()
    return [json.loads(content) for content in dict.fromkeys(a.record.content for a in newest)]


def _tell_law(request: DisclosureRequest, say: Callable[[str], None]) -> None:
    for answer in _answers(request):
        pack = f"{answer['replay']['pack']}, {answer['pack_status']}, as of {answer['on']}"
        say(f"   The law ({pack}): {answer['outcome']}.")
        for ground in answer["grounds"]:
            if ground["status"] == "met":
                cites = "; ".join(_cite(c) for c in ground["citations"])
                say(f"     - {ground['says']} [{cites}]")
                if ground["instead"]:
                    say(f"       Instead: {ground['instead']}")
        for question in answer["settle"]:
            if question["settled_by"] != "order":
                say(f"     ? {question['ask']} (settled by: {question['settled_by']})")
        if waiting := sum(question["settled_by"] == "order" for question in answer["settle"]):
            say(f"     ? {waiting} question(s) that only a court's order can settle.")


def _cite(citation: Mapping[str, Any]) -> str:
    pinpoint = f", {citation['pinpoint']}" if citation["pinpoint"] else ""
    unchecked = " (unchecked)" if pinpoint and not citation["pinpoint_checked"] else ""
    return f"{citation['cite']}{pinpoint}{unchecked}"


def _attach(
    folder: Path, case: Mapping[str, Any], request: DisclosureRequest, world: World, say: Callable[[str], None]
) -> CourtOrder:
    order = case["order"]
    terms = dict(order["terms"])
    # Where the folder does not spell the order's own lines out, they are those of the request.
    terms.setdefault(
        "lines",
        [
            {"address": line["address"], "source_port": line.get("source_port"), "from": line["observed_at"]}
            for line in case["request"]["lines"]
        ],
    )
    clerk = world.people[order["clerk"]]
    with acting(context_of(clerk)):
        attached = attach_order(clerk, request, order["file_number"], (folder / order["document"]).read_bytes(), terms)
    say(f"   {clerk} of {clerk.organisation} attaches order {order['file_number']}.")
    return attached


def _tell_checks(order: CourtOrder, say: Callable[[str], None]) -> None:
    checks = OrderCheck.objects.filter(order=order)
    failed = checks.filter(passed=False).first()
    if failed is None:
        say(f"   All {checks.count()} checks of the order hold, its signature among them.")
    else:
        say(f"   The order fails check {failed.number}, {failed.title}: {failed.detail} [{failed.code}]")


def _answer(case: Mapping[str, Any], request: DisclosureRequest, world: World, say: Callable[[str], None]) -> None:
    asked = {question["fact"]: question["ask"] for answer in _answers(request) for question in answer["settle"]}
    for answer in case["answers"]:
        person = world.people[answer["by"]]
        with acting(context_of(person)):
            answer_question(person, request, answer["fact"], answer["value"], answer["reason"])
        said = {True: "yes", False: "no"}.get(answer["value"], answer["value"])
        say(f"   {person} answers “{asked.get(answer['fact'], answer['fact'])}” {said}: {answer['reason']}")
    _settle(request)
    _tell_law(request, say)


def _approve(case: Mapping[str, Any], request: DisclosureRequest, world: World, say: Callable[[str], None]) -> None:
    ids = list(request.lines.values_list("id", flat=True))
    for approval in case["approvals"]:
        person = world.people[approval["by"]]
        with acting(context_of(person)):
            decide(person, request, ids, Decision.Verdict.APPROVE, approval["reason"])
        say(f"   {person} approves: {approval['reason']}")
    _until(
        f"request {request.reference} to be answered",
        lambda: not _states(request) & {State.APPROVED, State.WAITING, State.RELEASING},
    )


def _conclude(
    played: Played,
    request: DisclosureRequest,
    world: World,
    filer: str,
    say: Callable[[str], None],
    output: Path | None,
) -> None:
    played.state = "/".join(sorted(_states(request)))
    release = SealedRelease.objects.filter(tranche__request=request).first()
    if release is None:
        answers = _answers(request)
        played.outcome = answers[0]["outcome"]
        played.grounds = sorted({g["id"] for a in answers for g in a["grounds"] if g["status"] == "met"})
        played.grounds += list(
            OrderCheck.objects.filter(order__request=request, passed=False).values_list("code", flat=True)
        )
        say(f"   → {played.state}. Nothing was looked up.")
        return
    with acting(context_of(world.people[filer])):
        package = bytes(download(world.people[filer], release.id).package)
    identity = next(
        file for name, file in world.identities.items() if world.organisations[name].id == request.organisation_id
    )
    opened = open_package(
        package,
        identity.read_text().strip(),
        operator_certificate=(settings.KEY_DIR / "seal.crt").read_bytes(),
    )
    lines = opened.release["lines"]
    played.outcome = "RELEASED" if any(line["subscriber"] for line in lines) else "NOT_IDENTIFIED"
    played.grounds = sorted({line["reason"] for line in lines if not line["subscriber"]})
    played.released_categories = sorted({c for line in lines for c in line["subscriber"]})
    played.package_sha256 = release.sha256
    say(f"   The recipient opens a package of {len(package):,} bytes; its signature and digests hold.")
    for line in lines:
        for category, value in line["subscriber"].items():
            say(f"     {category}: {value}".replace("\n", ", "))
        if line["address_note"]:
            say(f"       ({line['address_note']})")
        if not line["subscriber"]:
            say(f"     Nobody is named: {line['explanation']} [{line['reason']}]")
    say(f"   → {played.state}.")
    if output is not None:
        (output / f"{played.id}.age").write_bytes(package)
