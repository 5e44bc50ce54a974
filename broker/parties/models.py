"""Who takes part: organisations, their people, the keys and certificates they registered."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac


class Organisation(models.Model):
    """A party: the operator itself, a court, rights-holder counsel, an authority, an auditor."""

    class Kind(models.TextChoices):
        OPERATOR = "operator"
        COURT = "court"
        COUNSEL = "counsel"
        AUTHORITY = "authority"
        AUDITOR = "auditor"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=120)
    jurisdiction = models.CharField(max_length=8, help_text="Id of the rule pack of its place, such as es.")

    class Meta:
        db_table = "organisation"
        constraints = [
            models.UniqueConstraint(fields=["kind", "name"], name="organisation_known_once"),
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind="operator"), name="organisation_one_operator"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a person may do; one role a person."""

    CLERK = "clerk", "Court clerk"
    LEGAL = "legal", "Legal staff of the operator"
    COUNSEL = "counsel", "Rights-holder counsel"
    AUTHORITY = "authority", "Criminal authority"
    ENGINEER = "engineer", "Engineer of the operator"
    AUDITOR = "auditor", "Auditor"


# A role makes sense in one kind of organisation only; the database says so too.
ROLE_KIND: dict[str, str] = {
    Role.CLERK: Organisation.Kind.COURT,
    Role.LEGAL: Organisation.Kind.OPERATOR,
    Role.ENGINEER: Organisation.Kind.OPERATOR,
    Role.COUNSEL: Organisation.Kind.COUNSEL,
    Role.AUTHORITY: Organisation.Kind.AUTHORITY,
    Role.AUDITOR: Organisation.Kind.AUDITOR,
}


class UserManager(BaseUserManager["User"]):
    """Make users with a role in an organisation; there are no superusers."""

    def create_user(self, username: str, password: str | None, **fields: Any) -> User:
        user = User(username=username, **fields)
        user.set_password(password)
        user.full_clean()
        user.save(force_insert=True)
        return user


class User(AbstractBaseUser):
    """A person with one role in one organisation.

    `person_id` is the natural person: two accounts of one person share it, and count as one person
    wherever two different people are needed. A session holds as long as password, role and `session_stamp`
    are those of its log-in; a new stamp ends all sessions.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    person_id = models.UUIDField(default=uuid.uuid4)
    username = models.CharField(max_length=150, unique=True)
    display_name = models.CharField(max_length=150)
    email = models.EmailField(blank=True)
    organisation = models.ForeignKey(Organisation, models.PROTECT)
    role = models.CharField(max_length=16, choices=Role)
    is_active = models.BooleanField(default=True)
    session_stamp = models.UUIDField(default=uuid.uuid4)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        db_table = "user_account"
        verbose_name = "account"

    def __str__(self) -> str:
        return self.display_name

    @property
    def is_staff(self) -> bool:
        """Only the operator's legal staff reach the admin."""
        return self.is_active and self.role == Role.LEGAL

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Legal staff may look at everything the admin shows; changes go through services, never permissions."""
        return self.is_staff and perm.startswith("broker.view_")

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff and app_label == "broker"

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session is bound to; Django compares it with each request and ends sessions that differ."""
        bound = f"{self.password}|{self.role}|{self.session_stamp}"
        return salted_hmac("broker.parties.session", bound, secret=secret, algorithm="sha256").hexdigest()


def _invitation_end() -> datetime:
    return timezone.now() + timedelta(days=7)


class Invitation(models.Model):
    """Lets one person take possession of one account, once: set its password, then a second factor.

    What somebody is invited as (organisation, role, e-mail) are columns of the account. The code is kept as its
    digest. made_by: None for the operator's own command line.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(User, models.PROTECT, related_name="invitations")
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=_invitation_end)
    used_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "invitation"
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(used_at=None, withdrawn_at=None),
                name="invitation_one_open",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class RecipientKey(models.Model):
    """An age public key to which an organisation's answers are sealed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="recipient_keys")
    public_key = models.CharField(max_length=2048)
    fingerprint = models.CharField(max_length=64)
    registered_by = models.ForeignKey(User, models.PROTECT)
    registered_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "recipient_key"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"],
                condition=models.Q(withdrawn_at=None),
                name="recipient_key_one_active",
            )
        ]

    def __str__(self) -> str:
        return self.fingerprint


class CourtCertificate(models.Model):
    """A certificate registered for a court: its signatures, or the timestamps over them, must chain to one of these."""

    class Use(models.TextChoices):
        SIGNATURE = "signature"
        TIMESTAMP = "timestamp"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    court = models.ForeignKey(Organisation, models.PROTECT, related_name="certificates")
    der = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    use = models.CharField(max_length=16, choices=Use, default=Use.SIGNATURE)
    registered_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "court_certificate"
        constraints = [
            models.UniqueConstraint(fields=["court", "sha256", "use"], name="court_certificate_known_once"),
            models.CheckConstraint(
                condition=models.Q(use__in=["signature", "timestamp"]), name="court_certificate_use_known"
            ),
        ]

    def __str__(self) -> str:
        return self.sha256


def _new_prefix() -> str:
    return secrets.token_hex(8)


class Scope(models.TextChoices):
    """What a program may do with a key, within what its person may do."""

    READ = "read", "Read requests, orders and their checks"
    FILE = "file", "File and withdraw requests, answer questions"
    UPLOAD = "upload", "Attach orders and correct their terms"
    DOWNLOAD = "download", "Download sealed packages"


def _all_scopes() -> list[str]:
    return list(Scope.values)


def _key_end() -> datetime:
    return timezone.now() + timedelta(days=90)


class ApiKey(models.Model):
    """A key for the API, kept as its digest: shown once when made, never again."""

    prefix = models.CharField(primary_key=True, max_length=16, default=_new_prefix)
    digest = models.CharField(max_length=64)
    user = models.ForeignKey(User, models.PROTECT, related_name="api_keys")
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope), default=_all_scopes)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=_key_end)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_key"

    def __str__(self) -> str:
        return self.prefix

    @property
    def works(self) -> bool:
        """Say whether the key opens anything now; its person's account is another question."""
        return self.revoked_at is None and self.expires_at > timezone.now()
