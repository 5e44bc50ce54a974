"""Every address of the project, read from the URLconf, so that no test forgets a new one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from django.urls import URLPattern, URLResolver, get_resolver

SOME_ID = "00000000-0000-4000-8000-000000000000"
_SAMPLES = {"int": "1", "uuid": SOME_ID, "str": "x", "path": "x", "slug": "x"}


def routes(
    under: URLResolver | None = None, prefix: str = "/", values: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Give (path, name) of every route, parameters filled from `values` by name, else with a sample of their type."""
    for entry in (under or get_resolver()).url_patterns:
        text = prefix + _filled(str(entry.pattern), values or {})
        if isinstance(entry, URLResolver):
            yield from routes(entry, text, values)
        elif isinstance(entry, URLPattern):
            yield text, entry.name or ""


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    pattern = pattern.removeprefix("^").removesuffix("$").removesuffix("\\Z")
    # The admin writes two of its routes as expressions: a choice of applications, and a rest that nothing else takes.
    pattern = re.sub(r"\(\?P<app_label>[^)]*\)", "broker", pattern)
    pattern = re.sub(r"\(\?P<url>\.\*\)", "nothing", pattern)
    return re.sub(r"<(?:(\w+):)?(\w+)>", lambda m: values.get(m[2], _SAMPLES[m[1] or "str"]), pattern)
