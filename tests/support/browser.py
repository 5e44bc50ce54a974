"""People in browsers of their own, and pictures of what they see."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.test import override_settings
from playwright.sync_api import Browser, Page

# Where to keep pictures of the pages, for people who want to look at them.
PICTURES = os.environ.get("BROKER_TESTS_PICTURES")


@contextmanager
def person(browser: Browser, *, scripts: bool = True) -> Iterator[Page]:
    """A browser of somebody's own; nothing in it may break the content policy. scripts: it runs JavaScript."""
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [said for said in complaints if not re.search("status of (422|429|403)", said)] == []


def picture(page: Page, name: str) -> None:
    """Keep a picture of the whole page where somebody asked for pictures."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def real_hashes() -> override_settings:
    """Hash passwords as the web server does, which is a real one and knows nothing of the tests' settings."""
    return override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"])
