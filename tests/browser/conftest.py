"""Headless Chromium, as a person would use it; skipped by name where the program is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from django.db import connections
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(autouse=True)
def _beside_a_running_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    # Playwright's synchronous calls keep an event loop in this thread; Django would take ours for asynchronous code.
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser for one test: its event loop must be gone before the next test that wants one of its own."""
    if CHROMIUM is None:
        pytest.skip("needs the browser Chromium")
    with sync_playwright() as playwright:
        # Without its own sandbox, because the tests also run as root, where Chromium refuses to use it.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *QUIET, "--disable-sync"])
        yield started
        started.close()
        # Beside the loop Django keeps connections of their own, which nobody else would close.
        connections.close_all()
