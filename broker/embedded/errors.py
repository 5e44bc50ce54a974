"""The one error of the embedded server."""

from __future__ import annotations

from broker.errors import BrokerError


class EmbeddedError(BrokerError):
    """The embedded PostgreSQL cannot be used; the message says why and what to do."""

    code = "embedded.unusable"
