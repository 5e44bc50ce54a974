"""The other forms of the portal: an order and its terms, answers, keys, invitations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.forms.boundfield import BoundField

from broker.errors import InputError, Problem
from broker.intake.models import LineAnswer, LineQuestion, Proceeding
from broker.intake.places import say_moment
from broker.intake.slip_questions import EXPLANATION_LENGTH, says
from broker.orders.models import OrderTerms
from broker.orders.terms import LINE_HEADER
from broker.parties.accounts import accept_invitation
from broker.parties.authentication import KEY_DAYS
from broker.parties.models import Scope, User
from broker.portal.fields import (
    PlainForm,
    categories_field,
    day_field,
    file_field,
    lines_field,
    question_field,
    select_field,
    text_field,
)
from legal_rules import FactSpec


class TermsForm(PlainForm):
    """The terms of an order. Its findings are fields `findings.FACT`."""

    def __init__(self, findings: Sequence[FactSpec], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.finding_names = [f"findings.{spec.name}" for spec in findings]
        self.fields = {
            "order_by": select_field("Made by", OrderTerms.OrderBy.choices),
            "proceeding": select_field("Proceeding", Proceeding.choices),
            "judge": text_field("Judge", 200, "Who signed the order, as it says."),
            "issued_on": day_field("Issued on"),
            "expires_on": day_field("Expires on", "The last day on which it may be executed."),
            "addressee": text_field("Addressee", 200, "The operator, as the order names it."),
            "recipient": text_field("Recipient", 200, "Who receives the answer, as the order names them."),
            "legal_basis": text_field("Legal basis", 480, "The provisions the order cites."),
            "categories": categories_field("Data ordered", "Exactly what the order says."),
            "use_terms": text_field("Terms of use", 960, "What the recipient may do with the data.", rows=2),
            "notice_terms": text_field("Notice", 960, "What the order says about telling the subscriber.", rows=2),
            **{name: question_field(spec) for name, spec in zip(self.finding_names, findings, strict=True)},
            "lines": lines_field(
                "Lines the order covers",
                "The first row is the header. An empty port means that the order names none. Without an end, the line "
                "covers the instant as written. One more column, protocol, says tcp or udp where the order names it.",
            ),
        }
        self.initial.setdefault("lines", ",".join(LINE_HEADER) + "\n")

    @property
    def findings(self) -> list[BoundField]:
        """The questions about the order."""
        return self.named(self.finding_names)

    def terms(self) -> dict[str, Any]:
        """What was typed, in the shape of `attach_order` but without lines."""
        entered = self.entered()
        plain = ("lines", "file_number", *self.finding_names)
        data = {name: value for name, value in entered.items() if name not in plain}
        return data | {"findings": {n.removeprefix("findings."): entered[n] for n in self.finding_names}}

    def place_of(self, problem: Problem) -> str:
        # The service that reads answers calls them facts, whoever gave them.
        for prefix in ("facts.", "findings."):
            if problem.field.startswith(prefix):
                return f"findings.{problem.field.removeprefix(prefix)}"
        return super().place_of(problem)


class OrderForm(TermsForm):
    """A new order: the document, the court's file number, and the terms."""

    def __init__(self, findings: Sequence[FactSpec], *args: Any, **kwargs: Any) -> None:
        super().__init__(findings, *args, **kwargs)
        self.fields = {
            "document": file_field(
                "Order", ".pdf,application/pdf", "The PDF with the court's electronic signature, unchanged."
            ),
            "file_number": text_field("File number", 100, "The court's own number of the case."),
            **self.fields,
        }


class AnswerForm(PlainForm):
    """An answer to one open question."""

    def __init__(self, spec: FactSpec, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"id_{spec.name}_%s")
        super().__init__(*args, **kwargs)
        self.fact = spec.name
        self.fields = {"value": question_field(spec), "reason": text_field("Reason", 1000, rows=2)}


class LineQuestionForm(PlainForm):
    """An answer to a question about what was typed, with the line as it is understood here."""

    def __init__(self, question: LineQuestion, zone: ZoneInfo | None, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"id_{question.id}_%s")
        super().__init__(*args, **kwargs)
        self.question = question
        self.says = says(question)
        self.utc, self.local = say_moment(question.line.observed_at, zone)
        self.fields = {
            "reason": select_field("It is right as typed, because", LineAnswer.Reason.choices),
            "explanation": text_field(
                "What you compared",
                EXPLANATION_LENGTH,
                "Read by your organisation and by the operator's legal staff.",
                rows=2,
            ),
        }


class ApiKeyForm(PlainForm):
    """What a new API key may do, and for how long."""

    scopes = forms.Field(
        required=False,
        label="What the key may do",
        initial=[Scope.READ],
        widget=forms.CheckboxSelectMultiple(choices=Scope.choices),
    )
    days = forms.Field(
        required=False,
        label="How long it works",
        initial=90,
        widget=forms.Select(choices=[(days, f"{days} days") for days in KEY_DAYS]),
    )


class KeyForm(PlainForm):
    """The age public key answers are sealed to."""

    public_key = forms.Field(
        required=False,
        label="age public key",
        help_text="One word of 62 characters that begins with age1. Never the secret key.",
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}),
    )


class InvitationForm(PlainForm):
    """The code of an invitation, and the first password, twice."""

    code = forms.Field(
        required=False,
        label="Code of your invitation",
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}),
    )
    password1 = forms.Field(required=False)
    password2 = forms.Field(required=False)

    def accept(self) -> User:
        """Take the invitation; raises InputError."""
        sent = {name: str(value or "") for name, value in self.entered().items()}
        if sent["password1"] != sent["password2"]:
            raise InputError([Problem("password.differs", "password2", "This is not the same. Type it again.")])
        return accept_invitation(sent["code"], sent["password1"])
