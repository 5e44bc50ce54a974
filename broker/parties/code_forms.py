"""Forms that take a code: each code once, for as long as it is good.

The library forgets a code after its own half minute, but takes codes of the half minutes before and after too, so
one that was seen over a shoulder could be used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.conf import settings
from django.core.cache import cache

from broker.parties.models import User

if TYPE_CHECKING:
    _Form = forms.Form
else:
    _Form = object


class _Once(_Form):
    user: User

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc] # of the form this is mixed into
        # Good from `tolerance` periods before its own to `tolerance` after it.
        seconds = 30 * (2 * settings.MFA_TOTP_TOLERANCE + 1)
        if not cache.add(f"code-shown:{self.user.pk}:{normalize_user_code(code)}", True, seconds):
            raise get_adapter().validation_error("incorrect_code")
        return code


class LogInCodeForm(_Once, AuthenticateForm):
    """The code at the log-in."""


class ConfirmCodeForm(_Once, ReauthenticateForm):
    """The code before something grave."""


class FirstCodeForm(_Once, ActivateTOTPForm):
    """The first code of an app that is being set up."""
