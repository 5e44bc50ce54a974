"""Abuse: what somebody tries who wants a name, or wants to learn whether there is one."""

from __future__ import annotations

from tests.support.fixtures import desk, flow, world

__all__ = ["desk", "flow", "world"]
