"""The stages, and the rules that the database itself keeps."""

from __future__ import annotations

from tests.support.fixtures import desk, flow, world

__all__ = ["desk", "flow", "world"]
