"""Which facts have to be settled before the law gives an answer, by whom, and what people have answered so far."""

from __future__ import annotations

from dataclasses import dataclass

from broker.assessment.models import FactAnswer
from broker.decisions.selectors import Desk
from broker.decisions.shown import said
from broker.intake.models import DisclosureRequest, State
from legal_rules import FactSpec, load_pack

# States in which an answer to a question still changes something.
UNDECIDED = frozenset({State.RECEIVED, State.INCOMPLETE, State.AWAITING_ORDER, State.UNDER_REVIEW})


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A fact that has to be settled. spec: its question. leads: what each answer leads to. mine: legal staff answer."""

    spec: FactSpec
    leads: tuple[tuple[str, str], ...]
    mine: bool
    given: FactAnswer | None

    @property
    def given_text(self) -> str:
        return "" if self.given is None else said(self.given.value)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The choices of a question that has some: yes and no, or its values; none for a day or a number."""
        if self.spec.type == "bool":
            return [("true", "Yes"), ("false", "No")]
        return [(value, value) for value in self.spec.values]


def open_questions(request: DisclosureRequest, desk: Desk) -> list[OpenQuestion]:
    """List what has to be settled for lines nobody has decided on; what legal staff answer comes first."""
    specs = load_pack(request.jurisdiction).facts
    given = {answer.fact: answer for answer in _newest_answers(request)}
    found: dict[str, OpenQuestion] = {}
    for batch in desk.batches:
        if batch.answer is None or batch.state not in UNDECIDED:
            continue
        for question in batch.answer.data["settle"]:
            spec = specs.get(question["fact"]) or FactSpec(
                question["fact"],
                question["ask"],
                question["type"],
                tuple(question["values"]),
                question["settled_by"],
            )
            leads = tuple((" or ".join(lead["answers"]), ", ".join(lead["outcomes"])) for lead in question["leads_to"])
            mine = spec.settled_by == "legal staff" and spec.known_to != "worker"
            found.setdefault(spec.name, OpenQuestion(spec, leads, mine, given.get(spec.name)))
    # What legal staff settled stays open to correction as long as a line is undecided.
    if any(batch.state in UNDECIDED for batch in desk.batches):
        for name, answer in given.items():
            if name in specs and specs[name].settled_by == "legal staff":
                found.setdefault(name, OpenQuestion(specs[name], (), True, answer))
    return sorted(found.values(), key=lambda question: (not question.mine, question.given is not None))


def _newest_answers(request: DisclosureRequest) -> list[FactAnswer]:
    newest = {a.fact: a for a in request.answers.select_related("answered_by").order_by("id")}
    return list(newest.values())
