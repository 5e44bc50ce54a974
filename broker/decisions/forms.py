"""The two forms of the decision page. They read what was typed; the services judge it."""

from __future__ import annotations

from typing import Any

from django import forms

from broker.decisions.abilities import Action
from legal_rules import FactSpec

TICKED = "ticked"
EVERY = "under-review"


class DecisionForm(forms.Form):
    """Which lines, which action, and why.

    scope: "ticked", "under-review:N" for all N lines under review, or "KEY:N" for the N lines of a batch. N is the
    number that was shown, so that a decision on many lines at once never takes in lines that were not among them.
    """

    action = forms.ChoiceField(choices=[(action.value, action.value) for action in Action])
    scope = forms.CharField(max_length=64)
    lines = forms.TypedMultipleChoiceField(coerce=str, required=False)
    reason = forms.CharField(required=False, strip=True)
    seen = forms.IntegerField(min_value=0)

    def __init__(self, data: Any, known: dict[str, Any]) -> None:
        super().__init__(data)
        field = self.fields["lines"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(identifier, identifier) for identifier in known]


class AnswerForm(forms.Form):
    """An answer to one question of the engine; the widget follows the kind of fact."""

    fact = forms.CharField(max_length=64)
    value = forms.CharField(required=False)
    reason = forms.CharField(required=False)


def answer_choices(spec: FactSpec) -> list[tuple[str, str]]:
    """The choices of a question that has some: yes and no, or its values; none for a day or a number."""
    if spec.type == "bool":
        return [("true", "Yes"), ("false", "No")]
    return [(value, value) for value in spec.values]
