"""Import the stages' admins so that Django finds them, and take away those of the libraries."""

from __future__ import annotations

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group

from broker.assessment.admin import AssessmentRecordAdmin, PackVersionAdmin
from broker.assessment.pack_admin import PackReleaseAdmin
from broker.decisions.admin import DisclosureRequestAdmin
from broker.parties.account_admin import AccountAdmin
from broker.release.admin import SealedReleaseAdmin

__all__ = [
    "AccountAdmin",
    "AssessmentRecordAdmin",
    "DisclosureRequestAdmin",
    "PackReleaseAdmin",
    "PackVersionAdmin",
    "SealedReleaseAdmin",
]

# Roles are a property of the account; Django's groups mean nothing here, and factors are nobody else's to see.
for model in (Group, EmailAddress, EmailConfirmation, Authenticator, UserSession):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
