"""Flows: requests taken through all stages."""

from __future__ import annotations

from tests.support.fixtures import flow

__all__ = ["flow"]
