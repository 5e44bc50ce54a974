"""Packs signed and enabled, so that they may decide in a test; the one place that does so."""

from __future__ import annotations

import json
import uuid
from datetime import date

from django.db import transaction

from broker.assessment.pack_release import PackRelease
from broker.audit.services import record
from broker.intake.services import jurisdictions
from broker.parties.models import Organisation, Role, User
from legal_rules import load_pack

SIGNER, SIGNED_AS, SIGNED_ON = "Lucía Letrada Ejemplo", "abogada, colegiada 12.345 (ficticia)", date(2026, 11, 20)
REVIEWED = f"Reviewed by {SIGNER}, {SIGNED_AS}, on {SIGNED_ON}"


def enable_packs(by: User | None = None) -> list[PackRelease]:
    """Enable every pack requests are filed under, as it is today. by: legal staff; somebody invented where left out."""
    packs = [load_pack(name) for name in jurisdictions()]
    return [enable_meaning(p.id, p.meaning_hash, p.text_hash, json.dumps(p.files), by) for p in packs]


def enable_meaning(
    pack: str, meaning_hash: str, text_hash: str, content: str = "[]", by: User | None = None
) -> PackRelease:
    """Enable one meaning of a pack unless it stands already, whatever today's files say."""
    standing = PackRelease.objects.filter(pack=pack, meaning_hash=meaning_hash, withdrawn_at=None).first()
    if standing is not None:
        return standing
    identifier = uuid.uuid4()
    with transaction.atomic():
        return PackRelease.objects.create(
            id=identifier,
            pack=pack,
            meaning_hash=meaning_hash,
            text_hash=text_hash,
            content=content,
            signed_by=SIGNER,
            signed_as=SIGNED_AS,
            signed_on=SIGNED_ON,
            enabled_by=by or _legal_staff(),
            event_id=record("pack:enabled", "pack", identifier),
        )


def _legal_staff() -> User:
    found = User.objects.filter(role=Role.LEGAL, is_active=True).order_by("username").first()
    if found is not None:
        return found
    operator = Organisation.objects.get(kind=Organisation.Kind.OPERATOR)
    return User.objects.create_user(
        "enables-packs", None, display_name="Elena Enables", organisation=operator, role=Role.LEGAL
    )
