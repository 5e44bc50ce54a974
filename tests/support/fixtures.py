"""Fixtures that several folders of tests share; their conftest imports them."""

from __future__ import annotations

import pytest

from tests.support.flow import Flow, load_stores


@pytest.fixture
def flow(db: None) -> Flow:
    """The demo's people in `default`, its leases and subscribers in the other stores."""
    load_stores()
    return Flow.create()
