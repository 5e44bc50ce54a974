"""How often the API may be called: by one address, and with one key.

Counted before the view and its transaction begin: there, calls of the same key would wait for one another, and what
is refused would not be counted.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.throttling import SimpleRateThrottle

from broker.api_errors import problem
from broker.crypto.suites import sha256_hex


class _Limit(SimpleRateThrottle):
    """Counts calls of one kind. It reads nothing of a request but its headers and address."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    def get_cache_key(self, request: Any, view: Any) -> str:
        # A key is counted as it was sent; whether it is a good one is found out later.
        key = request.headers.get("Authorization", "").encode("utf-8", "replace")
        ident = self.get_ident(request) if self.scope == "address" else sha256_hex(key)
        return str(self.cache_format % {"scope": self.scope, "ident": ident})


def refuse_too_many(request: HttpRequest) -> HttpResponse | None:
    """Count a call; give the answer for one too many, else None."""
    for scope in ("address", "key"):
        limit = _Limit(scope)
        if not limit.allow_request(request, None):  # type: ignore[arg-type] # it needs no view
            answer = problem("throttled", 429, "Too many calls. Wait as long as Retry-After says, in seconds.")
            answer["Retry-After"] = str(int(limit.wait() or 60) + 1)
            return answer
    return None
