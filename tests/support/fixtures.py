"""Fixtures that several folders of tests share; their conftest imports them."""

from __future__ import annotations

import pytest

from tests.support.cases import Desk, make_desk
from tests.support.flow import Flow, load_stores
from tests.support.rows import World, make_world


@pytest.fixture
def desk(db: None) -> Desk:
    """An operator, a court and counsel with accounts, for tests of services and pages."""
    return make_desk()


@pytest.fixture
def flow(db: None) -> Flow:
    """The demo's people in `default`, its leases and subscribers in the other stores."""
    load_stores()
    return Flow.create()


@pytest.fixture
def world(db: None) -> World:
    """An operator, a court and counsel as bare rows, for tests of the database's own rules."""
    return make_world()
