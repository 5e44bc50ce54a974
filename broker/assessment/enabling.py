"""Which packs may decide here: enabled by legal staff on the word of counsel of the place, until withdrawn.

A review is bound to the hash of what the rules mean. A request under other rules is filed and assessed for information;
nothing of it is approved or released. The database says the same (migration `packs_decide_once_enabled`); here is the
readable message, and the sentence that every page and letter shows beside an answer.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from broker.assessment.models import LineAssessment, PackVersion
from broker.assessment.pack_release import REASON_LENGTH, SIGNER_LENGTH, PackRelease
from broker.audit.services import record
from broker.errors import BrokerError, InputError, NotAllowed, NotFound, Problem, TransitionConflict
from broker.intake.lifecycle import TRANSITIONS, advance
from broker.intake.models import DisclosureRequest, RequestLine
from broker.intake.services import jurisdictions
from broker.parties.models import Role, User
from legal_rules import Pack, load_pack

DRAFT = "Draft rules: not reviewed by counsel of this place"
TRIAL_SIGNER = "Nobody has signed"
TRIAL_ROLE = "for trying out only"


class PackNotEnabledError(BrokerError):
    """The rules of a place are a draft here, so nothing is released under them."""

    code = "pack.not-enabled"


@dataclass(frozen=True, slots=True)
class Review:
    """What may be said of one meaning of a pack. text: the sentence shown with every answer.

    enabled: it may decide here. reviewed: counsel of the place signed it; a trial is enabled without that.
    """

    pack: str
    meaning_hash: str
    enabled: bool
    reviewed: bool
    text: str


def standing_releases() -> QuerySet[PackRelease]:
    """The rows that count here: not withdrawn, and those for trial in the embedded default only."""
    rows = PackRelease.objects.filter(withdrawn_at=None)
    return rows if settings.EMBEDDED else rows.filter(for_trial=False)


def review_of(pack: str, meaning_hash: str) -> Review:
    """Say whether one meaning of a pack may decide here, and on whose word."""
    found = standing_releases().filter(pack=pack, meaning_hash=meaning_hash).first()
    if found is not None and not found.for_trial:
        text = f"Reviewed by {found.signed_by}, {found.signed_as}, on {found.signed_on}"
        return Review(pack, meaning_hash, True, True, text)
    if found is not None:
        return Review(pack, meaning_hash, True, False, f"{DRAFT}; enabled for trying out only")
    last = PackRelease.objects.filter(pack=pack, meaning_hash=meaning_hash, for_trial=False).first()
    if last is not None and last.withdrawn_at is not None:
        return Review(
            pack, meaning_hash, False, False, f"{DRAFT}; a review was withdrawn on {last.withdrawn_at:%Y-%m-%d}"
        )
    return Review(pack, meaning_hash, False, False, DRAFT)


def review_of_pack(pack: Pack) -> Review:
    """The review of a loaded pack."""
    return review_of(pack.id, pack.meaning_hash)


def reviews_of_request(request: DisclosureRequest) -> list[Review]:
    """The reviews of the rules that a request's newest answers rest on, each once; today's while there are none."""
    newest = (
        LineAssessment.objects.filter(line__request=request)
        .order_by("line_id", "-sequence")
        .distinct("line_id")
        .values("record__pack_version_id")
    )
    return _reviews(newest) or [review_of_pack(load_pack(request.jurisdiction))]


def review_texts_by_line(lines: Iterable[RequestLine]) -> dict[uuid.UUID, str]:
    """The sentence about the rules that each line's newest answer rests on; lines without an answer are left out."""
    newest = (
        LineAssessment.objects.filter(line__in=[line.id for line in lines])
        .order_by("line_id", "-sequence")
        .distinct("line_id")
        .values_list("line_id", "record__pack_version__pack", "record__pack_version__meaning_hash")
    )
    rows = list(newest)
    texts = {(pack, meaning): review_of(pack, meaning).text for _, pack, meaning in rows}
    return {line: texts[pack, meaning] for line, pack, meaning in rows}


def reason_against_approval(pack_id: str, text_hashes: Iterable[str]) -> str:
    """Say why nothing can be approved for want of enabled rules; "" where they are enabled.

    pack_id: the rules of the request's place, which have to be enabled as they are today: the worker asks those.
    text_hashes: the packs of the answers an approval would rest on, those of earlier approvals included.
    """
    reviews = [review_of_pack(load_pack(pack_id)), *_reviews(list(text_hashes))]
    draft = next((review for review in reviews if not review.enabled), None)
    if draft is None:
        return ""
    return (
        f"{draft.text}. What the rules '{draft.pack}' say is for information only: nothing is approved or released "
        "before counsel of the place has signed them and legal staff have enabled them here."
    )


def _reviews(text_hashes: Any) -> list[Review]:
    versions = PackVersion.objects.filter(text_hash__in=text_hashes).order_by("pack", "meaning_hash")
    return [review_of(*key) for key in versions.values_list("pack", "meaning_hash").distinct()]


def require_enabled(pack: Pack) -> Review:
    """The review of a pack that may decide; raises PackNotEnabledError for any other."""
    review = review_of_pack(pack)
    if not review.enabled:
        raise PackNotEnabledError(f"Pack {pack.id} {pack.meaning_hash[:16]} is not enabled. {review.text}.")
    return review


def enable(
    user: User, pack_id: str, *, meaning_hash: str, signed_by: str, signed_as: str, signed_on: date | None
) -> PackRelease:
    """Enable today's rules of a place on the word of its counsel.

    meaning_hash: what the person has seen and counsel has signed.

    Raises NotAllowed for others than legal staff, NotFound for a pack nobody files under, InputError with every
    defect of what was typed, TransitionConflict when the rules are others by now or enabled already.
    """
    _require_legal(user)
    if pack_id not in jurisdictions():
        raise NotFound("There are no rules of this id that a request can be filed under.")
    problems = [*_text_problems("signed_by", signed_by), *_text_problems("signed_as", signed_as)]
    if signed_on is None or signed_on > timezone.now().date():
        problems.append(Problem("signed.on", "signed_on", "Give the day of the signature; it cannot be in the future."))
    if problems:
        raise InputError(problems)
    pack = load_pack(pack_id)
    if pack.meaning_hash != meaning_hash:
        raise TransitionConflict("The rules are not those you looked at. Load the page again and compare anew.")
    return _add(pack, user, signed_by=signed_by.strip(), signed_as=signed_as.strip(), signed_on=signed_on)


def enable_for_trial() -> list[PackRelease]:
    """Enable whatever is not enabled yet, with nobody's signature; in the embedded default only, by its owner.

    Raises NotAllowed where the broker is not in its embedded default.
    """
    if not settings.EMBEDDED:
        raise NotAllowed("Rules nobody has signed are enabled for trying out in the embedded default only.")
    say_whether_trials_count()
    packs = [load_pack(name) for name in jurisdictions()]
    return [
        _add(pack, None, signed_by=TRIAL_SIGNER, signed_as=TRIAL_ROLE, signed_on=None)
        for pack in packs
        if not review_of_pack(pack).enabled
    ]


def say_whether_trials_count() -> None:
    """Tell the database's guards whether this is the embedded default, where a trial counts; its owner may."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM trial_place")
        if settings.EMBEDDED:
            cursor.execute("INSERT INTO trial_place SELECT system_identifier FROM pg_control_system()")


def _add(pack: Pack, user: User | None, *, signed_by: str, signed_as: str, signed_on: date | None) -> PackRelease:
    with transaction.atomic():
        if PackRelease.objects.filter(pack=pack.id, meaning_hash=pack.meaning_hash, withdrawn_at=None).exists():
            raise TransitionConflict("These rules are enabled already.")
        identifier = uuid.uuid4()
        event = record(
            "pack:enabled",
            "pack",
            identifier,
            {
                "pack": pack.id,
                "meaning_hash": pack.meaning_hash,
                "text_hash": pack.text_hash,
                "signed_on": None if signed_on is None else signed_on.isoformat(),
                "for_trial": user is None,
            },
            actor=None if user is None else user.id,
        )
        return PackRelease.objects.create(
            id=identifier,
            pack=pack.id,
            meaning_hash=pack.meaning_hash,
            text_hash=pack.text_hash,
            content=json.dumps(pack.files, ensure_ascii=False),
            signed_by=signed_by,
            signed_as=signed_as,
            signed_on=signed_on,
            for_trial=user is None,
            enabled_by=user,
            event_id=event,
        )


def withdraw(user: User, release_id: uuid.UUID, reason: str) -> PackRelease:
    """Withdraw the rules of a place: from here on nothing is approved or released under them.

    Approved lines that are not answered yet are recalled. Waits for approvals and releases that are being made.

    Raises NotAllowed for others than legal staff, NotFound, InputError without a reason, TransitionConflict when
    they are withdrawn already.
    """
    _require_legal(user)
    if not 1 <= len(reason.strip()) <= REASON_LENGTH or "\x00" in reason:
        raise InputError([Problem("reason.text", "reason", f"Give the reason in 1 to {REASON_LENGTH} characters.")])
    with transaction.atomic():
        found = PackRelease.objects.filter(id=release_id).first()
        if found is None:
            raise NotFound("No pack was enabled under this id.")
        # Lines before everything else, as a release takes them; so neither waits for the other in a circle.
        rows = RequestLine.objects.select_for_update(of=("self",)).filter(id__in=_unanswered(found))
        list(rows.order_by("request_id", "number").values_list("id"))
        event = record(
            "pack:withdrawn",
            "pack",
            found.id,
            {"pack": found.pack, "meaning_hash": found.meaning_hash},
            actor=user.id,
        )
        done = PackRelease.objects.filter(id=release_id, withdrawn_at=None).update(
            withdrawn_by=user, withdrawn_at=timezone.now(), withdrawn_reason=reason.strip(), withdrawn_event_id=event
        )
        if not done:
            raise TransitionConflict("These rules were withdrawn already.")
        # Asked anew: an approval that was being made has been waited for by the update.
        by_request: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
        for line, request in _unanswered(found).items():
            by_request[request].append(line)
        for request, lines in by_request.items():
            advance("lose-rules", request, lines, actor=user.id)
        found.refresh_from_db()
    return found


def _unanswered(release: PackRelease) -> dict[uuid.UUID, uuid.UUID]:
    """The approved lines that rest on these rules and are not answered yet: line -> request.

    Today's rules are asked by the worker whatever the lines were assessed under, so all lines of the pack rest on them.
    """
    rows = (
        LineAssessment.objects.filter(line__state__in=TRANSITIONS["lose-rules"].old)
        .order_by("line_id", "-sequence")
        .distinct("line_id")
        .values_list("line_id", "line__request_id", "record__pack_version__pack", "record__pack_version__meaning_hash")
    )
    asked_today = _is_todays(release)
    return {
        line: request
        for line, request, pack, meaning in rows
        if pack == release.pack and (asked_today or meaning == release.meaning_hash)
    }


def _is_todays(release: PackRelease) -> bool:
    """Whether the pack means today what this release enabled; a pack that is gone means nothing."""
    return release.pack in jurisdictions() and load_pack(release.pack).meaning_hash == release.meaning_hash


def _require_legal(user: User) -> None:
    if user.role != Role.LEGAL or not user.is_active:
        raise NotAllowed("Rules are enabled and withdrawn by the operator's legal staff.")


def _text_problems(field: str, text: str) -> list[Problem]:
    shown = text.strip()
    # It stands in sealed letters, where a field has its place, and no sign that turns or hides what follows it.
    if (
        1 <= len(shown) <= SIGNER_LENGTH
        and len(shown.encode("utf-8", "surrogatepass")) <= 2 * SIGNER_LENGTH
        and shown.isprintable()
    ):
        return []
    return [Problem("signed.text", field, f"Write this in 1 to {SIGNER_LENGTH} characters on one line.")]
