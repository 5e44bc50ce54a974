"""The two forms of the decision page. They read what was typed; the services judge it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from django import forms

from broker.decisions.abilities import Action
from broker.decisions.selectors import LineStatus
from broker.errors import InputError, Problem, TransitionConflict

TICKED = "ticked"
_NOTHING_CHOSEN = Problem("lines.scope", "lines", "Choose which lines: the ones you tick, or all lines of one group.")


class DecisionForm(forms.Form):
    """Which lines, which action, and why.

    scope: "ticked", or "KEY:N" for all N lines of a batch. N is the number that was shown, so that a decision on
    many lines at once never takes in a line that was not among them. seen: the newest assessment run that was shown.
    """

    action = forms.ChoiceField(choices=[(action.value, action.value) for action in Action])
    scope = forms.CharField(max_length=64)
    reason = forms.CharField(required=False)
    seen = forms.IntegerField(min_value=0)


class AnswerForm(forms.Form):
    """An answer to one question of the engine, with its reason."""

    fact = forms.CharField(max_length=64)
    value = forms.CharField(required=False)
    reason = forms.CharField(required=False)


def read_ticked(values: Sequence[str]) -> list[uuid.UUID]:
    """Read the ids of ticked lines; raises InputError for what is no id."""
    try:
        return [uuid.UUID(value) for value in values]
    except ValueError:
        raise InputError([_NOTHING_CHOSEN]) from None


def chosen_lines(
    scope: str, ticked: Sequence[uuid.UUID], groups: Mapping[str, Sequence[LineStatus]]
) -> list[uuid.UUID]:
    """Say which lines a scope means. groups: the lines of each key that the page offered.

    Raises InputError for no or an unknown scope and TransitionConflict when a group has changed since it was shown.
    """
    if scope == TICKED:
        return list(ticked)
    key, _, shown = scope.partition(":")
    lines = groups.get(key, ())
    if not shown.isascii() or not shown.isdigit():
        raise InputError([_NOTHING_CHOSEN])
    if len(lines) != int(shown):
        raise TransitionConflict(
            f"This group had {int(shown)} line(s) when you looked and has {len(lines)} now: somebody decided, or the "
            "law was asked again. Nothing was done. Look at the page as it is now and choose again."
        )
    return [line.id for line in lines]
