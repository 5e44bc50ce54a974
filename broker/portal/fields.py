"""Fields that accept everything and a form that keeps what was typed; the services check the input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from broker.errors import Problem
from broker.intake.models import CATEGORIES
from legal_rules import FactSpec

CHOOSE_FIRST = [("", "Choose ...")]


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


def text_field(label: str, limit: int, help_text: str = "", *, rows: int = 0) -> forms.Field:
    attrs: dict[str, Any] = {"maxlength": limit}
    widget = forms.Textarea({**attrs, "rows": rows}) if rows else forms.TextInput(attrs)
    return forms.Field(required=False, label=label, help_text=help_text, widget=widget)


def select_field(label: str, choices: Iterable[tuple[Any, Any]], help_text: str = "") -> forms.Field:
    return forms.Field(
        required=False, label=label, help_text=help_text, widget=forms.Select(choices=[*CHOOSE_FIRST, *choices])
    )


def day_field(label: str, help_text: str = "") -> forms.Field:
    return forms.Field(
        required=False,
        label=label,
        help_text=help_text,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )


def categories_field(label: str, help_text: str = "") -> forms.Field:
    widget = forms.CheckboxSelectMultiple(choices=list(CATEGORIES.items()))
    return forms.Field(required=False, label=label, help_text=help_text, widget=widget)


def lines_field(label: str, help_text: str) -> forms.Field:
    attrs = {"rows": 8, "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", "wrap": "off"}
    return forms.Field(required=False, label=label, help_text=help_text, widget=forms.Textarea(attrs))


def file_field(label: str, accept: str, help_text: str = "") -> forms.Field:
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
        return day_field(spec.ask)
    return forms.Field(required=False, label=spec.ask, widget=forms.TextInput({"inputmode": "numeric"}))
