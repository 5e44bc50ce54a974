"""Make the one release of a tranche, and hand packages to their recipients.

1. Lock the lines; if the release exists, or nothing is approved any more, there is nothing to do. If logs that could
   show the answer have not been delivered yet, the lines wait.
2. Answer every line (`answers`), write the content, typeset it, sign it, seal it to the key frozen at approval.
3. Insert the release, move the lines, write the event. The caller's transaction makes it all or nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from broker.audit.services import record
from broker.crypto.epochs import load_private
from broker.crypto.seal_certificate import load_seal_signer
from broker.crypto.suites import sha256_hex
from broker.decisions.models import Tranche
from broker.errors import NotAllowed
from broker.faults import fault_point
from broker.intake.lifecycle import advance
from broker.intake.models import RequestLine, State
from broker.parties.models import Organisation, Role, User
from broker.parties.visibility import get_visible
from broker.release.answers import Answers, answer_lines, must_wait
from broker.release.content import (
    ReleaseContent,
    ReleaseOrder,
    ReleasePack,
    ReleaseRecipient,
    ReleaseTerms,
)
from broker.release.envelope import seal_release
from broker.release.models import SealedRelease

RETENTION_TERMS = (
    "Erase the data when the purpose named in the order has been achieved, and keep it from everybody else."
)


# While an answer waits for logs it is tried again this often.
LOOK_AGAIN = timedelta(minutes=15)
# Approved, and to be answered.
_DUE = (State.APPROVED, State.WAITING)


def release_tranche(tranche_id: uuid.UUID) -> timedelta | None:
    """Release a tranche exactly once; called in a transaction that also closes the work row.

    Gives how long to wait before trying again where logs have not been delivered yet, None when all is done.
    """
    started = time.monotonic()
    lines = list(
        RequestLine.objects.select_for_update(of=("self",))
        .filter(tranche_line__tranche_id=tranche_id, state__in=_DUE)
        .order_by("number")
    )
    if not lines or SealedRelease.objects.filter(tranche_id=tranche_id).exists():
        return None
    fault_point("locked")
    tranche = Tranche.objects.select_related(
        "request__organisation", "terms__order__document", "terms__order__court", "recipient_key"
    ).get(id=tranche_id)
    # A revocation of the order waits for this lock, or this release sees the revocation.
    tranche.terms.order.__class__.objects.select_for_update().get(id=tranche.terms.order_id)
    tranche.terms.order.refresh_from_db(fields=["state"])
    now = _database_now()
    if must_wait(tranche, lines, now=now):
        _move("wait-for-log", tranche, [line for line in lines if line.state == State.APPROVED])
        return LOOK_AGAIN
    _move("stop-waiting", tranche, [line for line in lines if line.state == State.WAITING])
    answers = answer_lines(tranche, lines, load_private(settings.KEY_DIR / "epoch.private"), now=now)
    fault_point("answered")
    identifier = uuid.uuid4()
    signer = load_seal_signer(
        (settings.KEY_DIR / "seal.key").read_bytes(), (settings.KEY_DIR / "seal.crt").read_bytes()
    )
    sealed = seal_release(_content(identifier, tranche, answers, now), signer, tranche.recipient_key.public_key)
    _wait_for_tick(started)
    fault_point("sealed")
    digest = sha256_hex(sealed)
    event = record(
        "release:sealed",
        "tranche",
        tranche.id,
        {"release": str(identifier), "package": digest, "lines": len(lines)},
    )
    SealedRelease.objects.create(
        id=identifier,
        tranche=tranche,
        package=sealed,
        sha256=digest,
        size_bytes=len(sealed),
        recipient_fingerprint=tranche.recipient_key.fingerprint,
        sealed_at=now,
        event_id=event,
    )
    fault_point("stored")
    advance("release", tranche.request_id, [line.id for line in lines])
    fault_point("advanced")
    return None


def _move(name: str, tranche: Tranche, lines: Sequence[RequestLine]) -> None:
    if lines:
        advance(name, tranche.request_id, [line.id for line in lines])


def _wait_for_tick(started: float) -> None:
    """Wait for the next whole tick since the work began.

    How long an answer takes depends on what it says, and whoever sees the state change must not learn that.
    """
    time.sleep(until_tick(time.monotonic() - started, settings.RELEASE_TICK_MS / 1000))


def until_tick(elapsed: float, tick: float) -> float:
    """Seconds from now to the next whole tick, 0 when there are no ticks."""
    return -elapsed % tick if tick else 0.0


def _content(identifier: uuid.UUID, tranche: Tranche, answers: Answers, now: datetime) -> ReleaseContent:
    terms, order = tranche.terms, tranche.terms.order
    return ReleaseContent(
        release_id=identifier,
        request_reference=tranche.request.reference,
        operator=Organisation.objects.get(kind=Organisation.Kind.OPERATOR).name,
        order=ReleaseOrder(
            court=order.court.name,
            file_number=order.file_number,
            sha256=order.document_id,
            issued_on=terms.issued_on,
            legal_basis=terms.legal_basis,
        ),
        recipient=ReleaseRecipient(
            organisation=tranche.request.organisation.name,
            key_fingerprint=tranche.recipient_key.fingerprint,
        ),
        issued_at=now,
        requested=tuple(tranche.request.categories),
        terms=ReleaseTerms(use=terms.use_terms, retention=RETENTION_TERMS),
        pack=ReleasePack(answers.pack_id, answers.text_hash, answers.meaning_hash, answers.review),
        lines=answers.lines,
    )


def give_up(tranche_id: uuid.UUID, code: str) -> None:
    """Put the lines of a tranche that failed too often before a person; the event says with which code."""
    with transaction.atomic():
        lines = list(
            RequestLine.objects.select_for_update(of=("self",))
            .filter(tranche_line__tranche_id=tranche_id, state__in=_DUE)
            .values_list("id", "request_id")
        )
        if lines:
            advance("give-up", lines[0][1], [line for line, _ in lines], facts={"code": code})


def releases_of(user: User) -> QuerySet[SealedRelease]:
    """All releases, without their bytes; narrow with `visible_to` before showing any."""
    return SealedRelease.objects.select_related("tranche__request").defer("package")


def download(user: User, release_id: object) -> SealedRelease:
    """Fetch a package for its recipient and record that it was fetched. It can be fetched again.

    Raises NotFound for anybody who may not see it and NotAllowed for those who see it but do not receive it.
    """
    with transaction.atomic():
        release = get_visible(user, SealedRelease.objects.select_related("tranche__request"), release_id)
        if user.role not in (Role.COUNSEL, Role.AUTHORITY):
            raise NotAllowed("Only the recipient downloads a release.")
        record(
            "release:downloaded",
            "tranche",
            release.tranche_id,
            {"release": str(release.id), "package": release.sha256},
            actor=user.id,
        )
    return release


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now
