"""The stages, and the rules that the database itself keeps."""

from __future__ import annotations

from tests.support.fixtures import world

__all__ = ["world"]
