"""Log-in, passwords and second factors: the pages of django-allauth that we use, under the names it looks for.

The others are not here on purpose: nobody signs up, no factor and no password comes by e-mail, and a password is no
step-up.
"""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.db import transaction
from django.urls import path

from broker.parties.second_factor import step_up
from broker.portal.views.account import remove_passkey

# Not in the request's transaction: what a log-in counts stays counted, whatever becomes of it, and nobody else waits.
apart = transaction.non_atomic_requests

urlpatterns = [
    path("login/", apart(account.login), name="account_login"),
    path("login/code/", apart(mfa.authenticate), name="mfa_authenticate"),
    path("login/passkey/", apart(webauthn.login_webauthn), name="mfa_login_webauthn"),
    path("account/", mfa.index, name="mfa_index"),
    path("account/confirm/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("account/confirm/passkey/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("account/password/", step_up(account.password_change), name="account_change_password"),
    path("account/app/", totp.activate_totp, name="mfa_activate_totp"),
    path("account/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/passkeys/add/", webauthn.add_webauthn, name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/remove/", remove_passkey, name="mfa_remove_webauthn"),
    path("account/recovery-codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/recovery-codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
]
