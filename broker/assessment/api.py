"""API: what the law says about each line, and the answers to its questions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from broker.api_input import ApiView, page_of, read_object
from broker.assessment.asked import asked_in
from broker.assessment.enabling import review_of_pack, review_texts_by_line
from broker.assessment.selectors import grounds_by_line, open_questions
from broker.assessment.services import answer_question
from broker.errors import InputError, Problem
from broker.intake.models import DisclosureRequest, Measure, Proceeding, RequestLine
from broker.intake.places import court_zone, read_as
from broker.intake.selectors import kept_until, public_state, request_of, text_of
from broker.intake.services import jurisdictions, read_choice
from broker.parties.authentication import api_user
from broker.parties.models import Scope
from legal_rules import FactSpec, load_pack


class Lines(ApiView):
    """GET: the lines of a request, each with its state, and its grounds if it was refused.

    kept_until: the day through which log rows are kept, only where that is what was asked for.
    """

    scopes = {"GET": Scope.READ}

    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        found = request_of(api_user(request), request_id)
        zone = court_zone(found.jurisdiction)
        return page_of(self, request, found.lines.order_by("number"), lambda lines: _lines(found, lines, zone))


class Questions(ApiView):
    """GET: the questions that are open, and who may settle them. POST: answer one, with the reason."""

    scopes = {"GET": Scope.READ, "POST": Scope.FILE}

    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        found = request_of(api_user(request), request_id)
        return Response([asdict(question) for question in open_questions(found)])

    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        user = api_user(request)
        found = request_of(user, request_id)
        data = read_object(request.data, ("fact", "value", "reason"))
        stored = answer_question(user, found, str(data.get("fact", "")), data.get("value"), str(data.get("reason", "")))
        return Response(
            {"fact": stored.fact, "value": stored.value, "answered_at": stored.answered_at},
            status=status.HTTP_201_CREATED,
        )


class PackQuestions(ApiView):
    """GET: what the rules of a place ask about a kind of request, of the requester, of an order, of legal staff.

    Query: `proceeding`, and `measure`, which is a disclosure where it is left out.
    """

    scopes = {"GET": Scope.READ}

    def get(self, request: Request, pack_id: str) -> Response:
        if pack_id not in jurisdictions():
            raise Http404
        data = read_object(request.query_params.dict(), ("proceeding", "measure"))
        problems: list[Problem] = []
        proceeding = read_choice(data, "proceeding", Proceeding.values, problems)
        measure = read_choice({"measure": Measure.DISCLOSURE.value} | data, "measure", Measure.values, problems)
        if problems:
            raise InputError(problems)
        pack, asked = load_pack(pack_id), asked_in(pack_id, proceeding, measure)
        review = review_of_pack(pack)
        return Response(
            {
                "pack": pack.id,
                "title": pack.title,
                "status": pack.status,
                "review": review.text,
                "enabled": review.enabled,
                "proceeding": proceeding,
                "measure": measure,
                "requester": [_question(spec) for spec in asked.requester],
                "order": [_question(spec) for spec in asked.order],
                "legal_staff": [_question(spec) for spec in asked.staff],
                "exact": asked.exact,
                "refused": asked.refused,
                "instead": list(asked.instead),
                "preserved": asked.preserved,
            }
        )


def _question(spec: FactSpec) -> dict[str, Any]:
    return {"fact": spec.name, "ask": spec.ask, "type": spec.type, "values": list(spec.values)}


def _lines(found: DisclosureRequest, lines: Sequence[RequestLine], zone: ZoneInfo | None) -> list[dict[str, Any]]:
    grounds, reviews = grounds_by_line(lines), review_texts_by_line(lines)
    kept = kept_until([line.id for line in lines]) if found.measure == Measure.PRESERVATION else {}
    return [
        {
            "number": line.number,
            "address": line.address,
            "source_port": line.source_port,
            "protocol": line.protocol or None,
            "observed_at": line.observed_at,
            "observed_text": line.observed_text,
            # With the day of the week, by which a mistyped day is seen.
            "read_as": read_as(line.observed_text, line.observed_at, zone),
            "evidence": line.evidence,
            "state": public_state(line.state),
            "meaning": text_of(public_state(line.state), found.measure).meaning,
            "kept_until": kept.get(line.id),
            "grounds": [asdict(ground) for ground in grounds.get(line.id, ())],
            "rules": reviews.get(line.id, ""),
        }
        for line in lines
    ]
