"""Which facts have to be settled before the law gives an answer, by whom, and what people have answered so far.

Where a fact takes two people, nobody is shown another person's answer before having given their own; the database
does not even hand it out (migration `lone_answers_are_secret`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broker.assessment.facts import TWO_PEOPLE, is_asked_of
from broker.assessment.models import FactAnswer
from broker.assessment.selectors import people_answered
from broker.decisions.answers import leads_of
from broker.decisions.selectors import Desk
from broker.decisions.shown import said
from broker.intake.models import DisclosureRequest, State
from broker.parties.models import User
from legal_rules import FactSpec, Pack, load_pack

# States in which an answer to a question still changes something.
UNDECIDED = frozenset({State.RECEIVED, State.INCOMPLETE, State.AWAITING_ORDER, State.UNDER_REVIEW})

# Whose questions legal staff answer on the decision page.
_OURS = ("legal staff", TWO_PEOPLE)


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One person's newest answer, in words."""

    text: str
    answer: FactAnswer


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A fact that has to be settled.

    spec: its question. leads: what each answer leads to. mine: this person may answer it. answered: this person has.
    given: the answers this person may see. hidden: how many they may not see yet.
    """

    spec: FactSpec
    leads: tuple[tuple[str, str], ...]
    mine: bool
    answered: bool
    given: tuple[GivenAnswer, ...]
    hidden: int

    @property
    def for_two(self) -> bool:
        return self.spec.settled_by == TWO_PEOPLE

    @property
    def settled(self) -> bool:
        """Whether the answers suffice: one, or those of two people who say the same."""
        if self.for_two:
            return len(self.given) > 1 and len({given.text for given in self.given}) == 1
        return bool(self.given)

    @property
    def standing(self) -> str:
        """Where a question for two people stands, as this person may know it; "" for other questions."""
        if not self.for_two:
            return ""
        if self.hidden:
            return "One person has answered. You see that answer once you have given yours."
        if not self.given:
            return "Two people answer this, each without seeing what the other says."
        if len(self.given) == 1:
            return "A second person has to answer, who does not see this."
        if self.settled:
            return "Two people say the same, so this is settled."
        return "The answers differ, so the question stays open until those who gave them agree."

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The choices of a question that has some: yes and no, or its values; none for a day or a number."""
        if self.spec.type == "bool":
            return [("true", "Yes"), ("false", "No")]
        return [(value, value.replace("-", " ").capitalize()) for value in self.spec.values]


def open_questions(user: User, request: DisclosureRequest, desk: Desk) -> list[OpenQuestion]:
    """List what has to be settled for lines nobody has decided on; what this person has to answer comes first."""
    pack = load_pack(request.jurisdiction)
    specs, given = pack.facts, _newest_answers(request, pack)
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
            if spec.name not in found:
                found[spec.name] = _question(user, request, spec, leads_of(question), given.get(spec.name, ()))
    # What legal staff settled stays open to correction as long as a line is undecided.
    if any(batch.state in UNDECIDED for batch in desk.batches):
        for name, answers in given.items():
            if name not in found and specs[name].settled_by in _OURS:
                found[name] = _question(user, request, specs[name], (), answers)
    return sorted(found.values(), key=lambda question: (not question.mine, question.answered or question.settled))


def _question(
    user: User,
    request: DisclosureRequest,
    spec: FactSpec,
    leads: tuple[tuple[str, str], ...],
    answers: Iterable[FactAnswer],
) -> OpenQuestion:
    by_person = {answer.person: answer for answer in answers}
    answered = user.person_id in by_person
    count = len(by_person)
    if spec.settled_by == TWO_PEOPLE:
        count = max(count, people_answered(request, spec.name))
    # One answer alone is a secret of whoever gave it; from the second on the engine has heard both.
    secret = spec.settled_by == TWO_PEOPLE and not answered and count == 1
    shown = () if secret else tuple(GivenAnswer(said(answer.value), answer) for answer in by_person.values())
    mine = spec.settled_by in _OURS and spec.known_to != "worker"
    return OpenQuestion(spec, leads, mine, answered, shown, count - len(shown))


def _newest_answers(request: DisclosureRequest, pack: Pack) -> dict[str, list[FactAnswer]]:
    """The answers that count, by fact: the newest one, or the newest one of each person where two are asked."""
    newest: dict[str, dict[object, FactAnswer]] = {}
    for answer in request.answers.select_related("answered_by").order_by("id"):
        if is_asked_of(pack, answer):
            for_two = pack.facts[answer.fact].settled_by == TWO_PEOPLE
            newest.setdefault(answer.fact, {})[answer.person if for_two else ""] = answer
    return {fact: list(answers.values()) for fact, answers in newest.items()}
