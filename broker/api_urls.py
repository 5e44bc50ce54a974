"""The API, version 1. Ids are UUIDs or references; no personal data in any address."""

from __future__ import annotations

urlpatterns: list[object] = []
