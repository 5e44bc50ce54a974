"""Forms that show fields, keep what was typed, and show problems beside the fields. The services check the input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from broker.assessment.asked import asked_in
from broker.errors import InputError, Problem
from broker.intake.lines import CSV_HEADER
from broker.intake.models import CATEGORIES, Measure, Proceeding
from broker.intake.services import jurisdictions
from broker.orders.models import OrderTerms
from broker.orders.terms import LINE_HEADER
from broker.parties.accounts import accept_invitation
from broker.parties.authentication import KEY_DAYS
from broker.parties.models import Organisation, Scope, User
from legal_rules import FactSpec, load_pack

_CHOOSE = [("", "Choose ...")]

# What decides which questions the law has, in the order in which it is asked.
CHOICE = ("jurisdiction", "proceeding", "measure")


class PlainForm(forms.Form):
    """A form whose fields accept everything, so that the one check is the service's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def entered(self) -> dict[str, Any]:
        """What was typed, by field; files are left out."""
        return {
            name: self[name].data
            for name, field in self.fields.items()
            if not isinstance(field.widget, forms.FileInput)
        }

    def show(self, problems: Sequence[Problem]) -> None:
        """Put each problem beside its field; those of single lines stay in the table above the form."""
        self.full_clean()
        for problem in problems:
            name = self.place_of(problem)
            if name in self.fields and not self.has_error(name):
                above = "See the problems listed above."
                self.add_error(name, self.message_of(problem) if problem.line is None else above)

    def label_of(self, problem: Problem) -> str:
        """What a problem's field is called here; the columns of lines keep their own names."""
        name = self.place_of(problem)
        if problem.line is None and name in self.fields:
            return str(self.fields[name].label)
        return problem.field.replace("_", " ")

    def message_of(self, problem: Problem) -> str:
        """What to do, said for a list to choose from where the service says it for an API."""
        field = self.fields.get(self.place_of(problem))
        choices = field is not None and isinstance(field.widget, forms.Select | forms.CheckboxSelectMultiple)
        return "Choose from the list." if choices and problem.code.endswith(".unknown") else problem.message

    def place_of(self, problem: Problem) -> str:
        """The field a problem is shown beside; "" where there is none."""
        if problem.line is not None or problem.field in ("lines", "file"):
            return "lines"
        return problem.field

    def named(self, names: Iterable[str]) -> list[BoundField]:
        """Some fields in order, for a template."""
        return [self[name] for name in names]


def _text(label: str, limit: int, help_text: str = "", *, rows: int = 0) -> forms.Field:
    attrs: dict[str, Any] = {"maxlength": limit}
    widget = forms.Textarea({**attrs, "rows": rows}) if rows else forms.TextInput(attrs)
    return forms.Field(required=False, label=label, help_text=help_text, widget=widget)


def _select(label: str, choices: Iterable[tuple[Any, Any]], help_text: str = "") -> forms.Field:
    return forms.Field(
        required=False, label=label, help_text=help_text, widget=forms.Select(choices=[*_CHOOSE, *choices])
    )


def _day(label: str, help_text: str = "") -> forms.Field:
    return forms.Field(
        required=False,
        label=label,
        help_text=help_text,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )


def _categories(label: str, help_text: str = "") -> forms.Field:
    widget = forms.CheckboxSelectMultiple(choices=list(CATEGORIES.items()))
    return forms.Field(required=False, label=label, help_text=help_text, widget=widget)


def _lines(label: str, help_text: str) -> forms.Field:
    attrs = {"rows": 8, "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", "wrap": "off"}
    return forms.Field(required=False, label=label, help_text=help_text, widget=forms.Textarea(attrs))


def _file(label: str, accept: str, help_text: str = "") -> forms.Field:
    return forms.Field(required=False, label=label, help_text=help_text, widget=forms.FileInput({"accept": accept}))


def question_field(spec: FactSpec) -> forms.Field:
    """A field for one question of a pack; leaving it empty leaves the question open."""
    if spec.type == "bool":
        return forms.Field(
            required=False,
            label=spec.ask,
            widget=forms.Select(choices=[("", "Not answered"), ("true", "Yes"), ("false", "No")]),
        )
    if spec.type == "one-of":
        values = [(value, value.replace("-", " ").capitalize()) for value in spec.values]
        return forms.Field(required=False, label=spec.ask, widget=forms.Select(choices=[("", "Not answered"), *values]))
    if spec.type == "date":
        return _day(spec.ask)
    return forms.Field(required=False, label=spec.ask, widget=forms.TextInput({"inputmode": "numeric"}))


class ChoiceForm(PlainForm):
    """Where, in which proceeding, and what is asked for: what decides which questions the law has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = [(name, load_pack(name).title) for name in jurisdictions()]
        self.fields = {
            "jurisdiction": _select("Jurisdiction", places, "Its law decides."),
            "proceeding": _select("Proceeding", Proceeding.choices, "Nothing flows between civil and criminal cases."),
            "measure": _select(
                "What you ask for",
                Measure.choices,
                "Only a disclosure is made here; for the rest you are told where.",
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
            "court": _select(
                "Court",
                [(str(c.id), c.name) for c in courts],
                "The court whose order you have or will ask for.",
            ),
            "legal_relation": _text(
                "Rights or offence relied on",
                500,
                "The legal relation the request rests on. Up to 500 characters.",
            ),
            "purpose": _text("Purpose", 2000, "What the data are for. Up to 2000 characters.", rows=4),
            "categories": _categories(
                "Data asked for", "You receive what the court orders and the law allows, no more."
            ),
            **{name: question_field(spec) for name, spec in zip(self.question_names, asked, strict=True)},
            **{name: forms.Field(required=False, widget=forms.HiddenInput()) for name in self._kept()},
            "lines": _lines(
                "Lines",
                "The first row is the header. Leave the port empty only if it was not logged. Times carry their offset "
                "from UTC, such as 2026-03-01T20:15:30+01:00 or 2026-03-01T19:15:30Z.",
            ),
            "file": _file(
                "or a CSV file",
                ".csv,text/csv",
                "UTF-8, same header, up to 10,000 lines. It replaces the text.",
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
        data = {name: value for name, value in entered.items() if not name.startswith("facts.") and name != "lines"}
        facts = {name.split(".", 2)[2]: entered[name] for name in self.question_names}
        return data | {"facts": facts}

    def place_of(self, problem: Problem) -> str:
        if problem.field.startswith("facts."):
            return f"facts.{self['jurisdiction'].data}.{problem.field.removeprefix('facts.')}"
        return super().place_of(problem)


class TermsForm(PlainForm):
    """The terms of an order. Its findings are fields `findings.FACT`."""

    def __init__(self, findings: Sequence[FactSpec], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.finding_names = [f"findings.{spec.name}" for spec in findings]
        self.fields = {
            "order_by": _select("Made by", OrderTerms.OrderBy.choices),
            "proceeding": _select("Proceeding", Proceeding.choices),
            "judge": _text("Judge", 200, "Who signed the order, as it says."),
            "issued_on": _day("Issued on"),
            "expires_on": _day("Expires on", "The last day on which it may be executed."),
            "addressee": _text("Addressee", 200, "The operator, as the order names it."),
            "recipient": _text("Recipient", 200, "Who receives the answer, as the order names them."),
            "legal_basis": _text("Legal basis", 480, "The provisions the order cites."),
            "categories": _categories("Data ordered", "Exactly what the order says."),
            "use_terms": _text("Terms of use", 960, "What the recipient may do with the data.", rows=2),
            "notice_terms": _text("Notice", 960, "What the order says about telling the subscriber.", rows=2),
            **{name: question_field(spec) for name, spec in zip(self.finding_names, findings, strict=True)},
            "lines": _lines(
                "Lines the order covers",
                "The first row is the header. An empty port means that the order names none. Without an end, the line "
                "covers the instant as written.",
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
            "document": _file(
                "Order", ".pdf,application/pdf", "The PDF with the court's electronic signature, unchanged."
            ),
            "file_number": _text("File number", 100, "The court's own number of the case."),
            **self.fields,
        }


class AnswerForm(PlainForm):
    """An answer to one open question."""

    def __init__(self, spec: FactSpec, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"id_{spec.name}_%s")
        super().__init__(*args, **kwargs)
        self.fact = spec.name
        self.fields = {"value": question_field(spec), "reason": _text("Reason", 1000, rows=2)}


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
