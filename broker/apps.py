"""The one app of the stages, and Django's admin with our site."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps as admin


class BrokerAdminConfig(admin.AdminConfig):
    default = False  # The app of this package is the one below.
    default_site = "broker.admin_site.BrokerAdminSite"


class BrokerConfig(AppConfig):
    name = "broker"
    label = "broker"
    verbose_name = "Disclosure broker"

    def ready(self) -> None:
        # Registers the system checks; they refuse a start with unsafe settings.
        from broker import checks  # noqa: F401 - imported for its registrations

        # Records log-ins, and ends sessions when a factor changes.
        from broker.parties import account_events  # noqa: F401 - imported for its registrations
