"""Two forms of the decision page: keep log rows, and keep them no longer. Each is one call of a service."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from django import forms

from broker.decisions.forms import chosen_lines
from broker.decisions.holds.page import offers_of, standings_of
from broker.decisions.holds.services import end_hold, hold
from broker.decisions.selectors import LineStatus
from broker.intake.models import DisclosureRequest, RequestLine
from broker.parties.models import User


class HoldForm(forms.Form):
    """Which lines (KEY:N, as with decisions), through which day, and why."""

    hold_scope = forms.CharField(max_length=64, required=False)
    until = forms.DateField(required=False)
    hold_reason = forms.CharField(required=False)


def keep(user: User, disclosure: DisclosureRequest, form: HoldForm) -> str:
    """Hold the lines of one group and say so."""
    form.is_valid()
    groups = {offer.key: offer.lines for offer in offers_of(disclosure)}
    ids = _chosen(form, groups)
    until = form.cleaned_data.get("until")
    act = hold(user, disclosure, ids, until, form.cleaned_data.get("hold_reason", ""))
    return f"Held through {act.until_on}: {len(ids)} line{'' if len(ids) == 1 else 's'}. The worker does the rest."


def release(user: User, disclosure: DisclosureRequest, form: HoldForm) -> str:
    """End the holds of the lines of one act and say so."""
    form.is_valid()
    groups = {str(each.act.id): each.lines for each in standings_of(disclosure)}
    ids = _chosen(form, groups)
    count = end_hold(user, disclosure, ids, form.cleaned_data.get("hold_reason", ""))
    return f"Held no longer: {count} line{'' if count == 1 else 's'}."


def _chosen(form: HoldForm, groups: Mapping[str, Sequence[RequestLine]]) -> list[uuid.UUID]:
    lines = {
        key: [LineStatus(line.id, line.number, line.state, "", ()) for line in members]
        for key, members in groups.items()
    }
    return chosen_lines(form.cleaned_data.get("hold_scope", ""), (), lines)
