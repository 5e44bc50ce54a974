"""Show the code that a demo log-in asks for now."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.http import urlencode

from broker.crypto.factor_secrets import open_factor_secret
from broker.errors import ConfigurationError, NotFound


class Command(BaseCommand):
    help = "Show the present code of a demo log-in, and what to enter into an app of your own (embedded default only)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name, such as carla")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise ConfigurationError("Codes are shown for the demo people of the embedded default only.")
        name = options["name"]
        factor = Authenticator.objects.filter(user__username=name, type=Authenticator.Type.TOTP).first()
        if factor is None:
            raise NotFound("Nobody of this name has an app set up. 'manage.py up' lists the demo log-ins.")
        secret = open_factor_secret(factor.data["secret"])
        _, now, _ = yield_hotp_counters_from_time()
        self.stdout.write(format_hotp_value(hotp_value(secret, now)))
        query = urlencode({"secret": secret, "issuer": "Disclosure broker demo"})
        self.stdout.write(f"otpauth://totp/{name}?{query}")
