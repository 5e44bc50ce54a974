"""Accounts: how they come (by invitation only), change role, and go.

Nobody makes a second pair of eyes for themselves in a browser: accounts of the operator's own staff are invited, and
raised to a role that decides, from the server's command line only. There `by` is None.
"""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.errors import InputError, NotAllowed, Problem
from broker.parties.models import ROLE_KIND, Invitation, Organisation, Role, User
from broker.parties.sessions import end_sessions

_NO_INVITATION = "This code does not open anything. Check it, or ask the operator for a new invitation."


def open_account(fields: dict[str, Any], *, by: User | None) -> User:
    """Make an account that nobody can use yet; `invite` lets somebody take it.

    fields: username, display_name, email, role, organisation (a row). Raises InputError for what cannot be stored.
    """
    organisation: Organisation = fields["organisation"]
    _require_reach(organisation, by)
    problems = []
    if fields["role"] not in ROLE_KIND or ROLE_KIND[fields["role"]] != organisation.kind:
        problems.append(Problem("account.role", "role", "Choose a role that this kind of organisation has."))
    try:
        with transaction.atomic():
            if problems:
                raise InputError(problems)
            user = User.objects.create_user(password=None, **fields)
            facts = {"role": str(user.role), "organisation": str(organisation.id)}
            record("user:registered", "user", user.id, facts, actor=_id(by))
    except ValidationError as error:
        raise InputError(
            [Problem("account.field", name, " ".join(said)) for name, said in error.message_dict.items()]
        ) from None
    return user


def invite(user: User, *, by: User | None) -> str:
    """Invite somebody to take this account, and return the code, which is shown once and kept nowhere.

    What opened the account before stops doing so: password, second factors, sessions, API keys, older invitations.
    So this is also the answer to a lost password or factor. Raises NotAllowed.
    """
    _require_reach(user.organisation, by)
    code = secrets.token_urlsafe(32)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if not user.is_active:
            raise NotAllowed("The account is closed. Open it again first.")
        again = user.has_usable_password()
        now = timezone.now()
        user.invitations.filter(used_at=None, withdrawn_at=None).update(withdrawn_at=now)
        user.api_keys.filter(revoked_at=None).update(revoked_at=now)
        Authenticator.objects.filter(user=user).delete()
        user.set_unusable_password()
        user.save(update_fields=["password"])
        end_sessions(user)
        Invitation.objects.create(user=user, made_by=by, digest=sha256_hex(code.encode()))
        record("user:invited", "user", user.id, {"role": str(user.role), "again": again}, actor=_id(by))
    return code


def accept_invitation(code: str, password: str) -> User:
    """Set the first password of an invited account; the code works once.

    Raises InputError, with the same words for every code that does not work.
    """
    with transaction.atomic():
        rows = Invitation.objects.select_for_update(of=("self",)).select_related("user")
        found = rows.filter(digest=sha256_hex(code.strip().encode()), used_at=None, withdrawn_at=None).first()
        if found is None or found.expires_at <= timezone.now() or not found.user.is_active:
            raise InputError([Problem("invitation.unknown", "code", _NO_INVITATION)])
        user = found.user
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise InputError([Problem("password.weak", "password1", " ".join(error.messages))]) from None
        user.set_password(password)
        user.save(update_fields=["password"])
        found.used_at = timezone.now()
        found.save(update_fields=["used_at"])
        record("invitation:accepted", "user", user.id, {"invitation": str(found.id)}, actor=user.id)
    return user


def change_role(user: User, role: str, *, by: User | None) -> None:
    """Give an account another role of its kind of organisation; all its sessions end. Raises NotAllowed."""
    _require_staff(user, by)
    if ROLE_KIND.get(role) != user.organisation.kind:
        raise NotAllowed("This kind of organisation has no such role.")
    if by is not None and role == Role.LEGAL:
        raise NotAllowed("Who decides is settled on the server: manage.py set_role. In the browser roles only shrink.")
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        before, user.role = user.role, role
        user.save(update_fields=["role"])
        end_sessions(user)
        record("user:role-changed", "user", user.id, {"from": before, "to": str(role)}, actor=_id(by))


def set_active(user: User, active: bool, *, by: User | None) -> None:
    """Close an account, which ends its sessions and stops its API keys, or open it again. Raises NotAllowed."""
    _require_staff(user, by)
    if active:
        _require_reach(user.organisation, by)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        user.is_active = active
        user.save(update_fields=["is_active"])
        end_sessions(user)
        record("user:opened" if active else "user:closed", "user", user.id, actor=_id(by))


def _id(by: User | None) -> UUID | None:
    return None if by is None else by.id


def _require_staff(user: User, by: User | None) -> None:
    if by is not None and not by.is_staff:
        raise NotAllowed("Only the operator's legal staff look after accounts.")
    if by is not None and by.person_id == user.person_id:
        raise NotAllowed("This account is your own. Ask a colleague.")


def _require_reach(organisation: Organisation, by: User | None) -> None:
    if by is not None and not by.is_staff:
        raise NotAllowed("Only the operator's legal staff look after accounts.")
    if by is not None and organisation.kind == Organisation.Kind.OPERATOR:
        raise NotAllowed("Accounts of the operator's own staff are opened on the server: manage.py invite.")
