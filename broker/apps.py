"""The one app of the stages."""

from __future__ import annotations

from django.apps import AppConfig


class BrokerConfig(AppConfig):
    name = "broker"
    label = "broker"
    verbose_name = "Disclosure broker"

    def ready(self) -> None:
        # Registers the system checks; they refuse a start with unsafe settings.
        from broker import checks  # noqa: F401 - imported for its registrations
