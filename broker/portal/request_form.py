"""The form of a new request: first its kind, then the questions that the law asks about that kind."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from broker.assessment.asked import asked_in
from broker.errors import Problem
from broker.intake.lines import CSV_HEADER
from broker.intake.models import Measure, Proceeding
from broker.intake.services import jurisdictions
from broker.parties.models import Organisation
from broker.portal.fields import (
    PlainForm,
    categories_field,
    file_field,
    lines_field,
    question_field,
    select_field,
    text_field,
)
from legal_rules import load_pack

# What decides which questions the law has, in the order in which it is asked.
CHOICE = ("jurisdiction", "proceeding", "measure")
# What is sent beside the head of a request.
_NOT_HEAD = ("lines", "evidence_zone")


class ChoiceForm(PlainForm):
    """Where, in which proceeding, and what is asked for: what decides which questions the law has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = [(name, load_pack(name).title) for name in jurisdictions()]
        self.fields = {
            "jurisdiction": select_field("Jurisdiction", places, "Its law decides."),
            "proceeding": select_field(
                "Proceeding", Proceeding.choices, "Nothing flows between civil and criminal cases."
            ),
            "measure": select_field(
                "What you ask for",
                Measure.choices,
                "Only a disclosure is made here, and data are preserved by a hold; for the rest you are told where.",
            ),
        }
        self.initial.setdefault("measure", Measure.DISCLOSURE)
        if len(places) == 1:
            self.initial.setdefault("jurisdiction", places[0][0])

    @property
    def choice(self) -> tuple[str, str, str] | None:
        """Place, proceeding and measure as chosen; None while one of them is missing or unknown."""
        place, proceeding, measure = (str(self[name].value() or "") for name in CHOICE)
        known = place in jurisdictions() and proceeding in Proceeding.values and measure in Measure.values
        return (place, proceeding, measure) if known else None

    def show_missing(self) -> None:
        """Put a message beside each choice that is still to be made."""
        known = dict(zip(CHOICE, (jurisdictions(), Proceeding.values, Measure.values), strict=True))
        unknown = [name for name, values in known.items() if str(self[name].value() or "") not in values]
        self.show([Problem(f"{name}.unknown", name, "Choose from the list.") for name in unknown])


class RequestForm(ChoiceForm):
    """A new request of a kind that was chosen first.

    The questions are fields `facts.PLACE.FACT`, those that the law asks about the chosen kind. Answers to others, typed
    before another kind was chosen, are kept out of sight, so that nobody has to type them again. `asked_about` is the
    kind whose questions were on the page: sent with another choice, the form is to be shown anew and not filed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        courts = Organisation.objects.filter(kind=Organisation.Kind.COURT).order_by("name")
        self.asked = None if self.choice is None else asked_in(*self.choice)
        place = str(self["jurisdiction"].value() or "")
        asked = () if self.asked is None else self.asked.requester
        self.question_names = [f"facts.{place}.{spec.name}" for spec in asked]
        self.fields |= {
            "court": select_field(
                "Court",
                [(str(c.id), c.name) for c in courts],
                "The court whose order you have or will ask for.",
            ),
            "legal_relation": text_field(
                "Rights or offence relied on",
                500,
                "The legal relation the request rests on. Up to 500 characters.",
            ),
            "purpose": text_field("Purpose", 2000, "What the data are for. Up to 2000 characters.", rows=4),
            "categories": categories_field(
                "Data asked for", "You receive what the court orders and the law allows, no more."
            ),
            **{name: question_field(spec) for name, spec in zip(self.question_names, asked, strict=True)},
            **{name: forms.Field(required=False, widget=forms.HiddenInput()) for name in self._kept()},
            "lines": lines_field(
                "Lines",
                "The first row is the header. Leave the port empty only if it was not logged. Times carry their offset "
                "from UTC, such as 2026-03-01T20:15:30+01:00 or 2026-03-01T19:15:30Z. One more column, protocol, may "
                "say tcp or udp where that was logged.",
            ),
            "file": file_field(
                "or a CSV file",
                ".csv,text/csv",
                "UTF-8, same header, up to 10,000 lines. It replaces the text.",
            ),
            "evidence_file": file_field(
                "Evidence",
                ".log,.txt,.csv,.pdf,text/plain,text/csv",
                "The log from which the lines were typed, as text or CSV in UTF-8. Each line is compared with it, and "
                "where the two differ you are asked. Of a PDF or picture only the digest is kept; nothing is compared.",
            ),
            "evidence_zone": text_field(
                "Time zone of the evidence",
                64,
                "Only where its times do not say it: Europe/Madrid, +02:00 or Z. Left empty, you are asked about them.",
            ),
        }
        self.initial.setdefault("lines", ",".join(CSV_HEADER) + "\n")

    @property
    def asked_about(self) -> str:
        """The kind of request whose questions are on the page."""
        return "/".join(self.choice or ())

    @property
    def questions(self) -> list[BoundField]:
        """The questions of the law, to be answered."""
        return self.named(self.question_names)

    @property
    def kept(self) -> list[BoundField]:
        """Answers that are not asked for now, kept for another choice."""
        return self.named(self._kept())

    @property
    def title(self) -> str:
        """The law that is applied."""
        return "" if self.choice is None else load_pack(self.choice[0]).title

    @property
    def kind(self) -> str:
        """The chosen proceeding in words."""
        return "" if self.choice is None else f"{Proceeding(self.choice[1]).label.lower()} proceedings"

    def _kept(self) -> list[str]:
        known = (
            f"facts.{place}.{name}"
            for place in jurisdictions()
            for name, spec in load_pack(place).facts.items()
            if spec.settled_by == "requester"
        )
        return [name for name in known if name not in self.question_names and self.data.get(name)]

    def head(self) -> dict[str, Any]:
        """What was typed, in the shape of `file_request` but without lines."""
        entered = self.entered()
        data = {
            name: value for name, value in entered.items() if not name.startswith("facts.") and name not in _NOT_HEAD
        }
        facts = {name.split(".", 2)[2]: entered[name] for name in self.question_names}
        return data | {"facts": facts}

    def place_of(self, problem: Problem) -> str:
        if problem.field in ("evidence_file", "evidence_zone"):
            return problem.field
        if problem.field.startswith("facts."):
            return f"facts.{self['jurisdiction'].data}.{problem.field.removeprefix('facts.')}"
        return super().place_of(problem)
