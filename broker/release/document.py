"""release.pdf: the release for people, as PDF/A-3b, from the same content as release.json.

The template is fixed text; content reaches it as JSON data, so nothing in a name is ever markup. Only fonts
that the typesetter carries are used, so the same content gives the same bytes on every machine, without
network or system library. They have no glyphs for many scripts: such characters appear as a square, and
release.json prevails.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import typst

from broker.release.content import LineOutcome, ReleaseContent, ReleaseLine, check_content
from broker.release.errors import ReleaseContentError
from broker.release.sizes import MAX_DOCUMENT_LINES
from broker.release.which_address import SENTENCES

_TEMPLATE = Path(__file__).with_name("release.typ")
_SQUARE = "□"
# What Libertinus Serif, regular and bold, can show; a test sets each of these signs.
_SHOWN = (
    (0x20, 0x7E),
    (0xA0, 0xAC),
    (0xAE, 0x17F),
    (0x1A0, 0x1A1),
    (0x1AF, 0x1B0),
    (0x1CD, 0x1DC),
    (0x1F8, 0x21B),
    (0x300, 0x304),
    (0x306, 0x30C),
    (0x386, 0x386),
    (0x388, 0x38A),
    (0x38C, 0x38C),
    (0x38E, 0x3A1),
    (0x3A3, 0x3CE),
    (0x400, 0x45F),
    (0x490, 0x491),
    (0x1E00, 0x1E9B),
    (0x1E9E, 0x1E9E),
    (0x1EA0, 0x1EF9),
    (0x2010, 0x2015),
    (0x2018, 0x201E),
    (0x2020, 0x2022),
    (0x2026, 0x2026),
    (0x2030, 0x2030),
    (0x2039, 0x203A),
    (0x20AC, 0x20AC),
    (0x2116, 0x2116),
    (0x25A1, 0x25A1),
)


_NOT_SHOWN = re.compile("[^" + "".join(f"{chr(first)}-{re.escape(chr(last))}" for first, last in _SHOWN) + "]")


def render_document(content: ReleaseContent, *, summary: bool = False) -> bytes:
    """Set a release as PDF/A-3b.

    summary: leave out the answers and refer to release.json for all of them.

    Raises ReleaseContentError if the content breaks a limit or cannot be set.
    """
    check_content(content)
    try:
        pdf: bytes = typst.compile(
            _TEMPLATE.read_bytes(),
            font_paths=_fonts(),
            ignore_system_fonts=True,
            sys_inputs={"release": _page_data(content, summary=summary)},
            pdf_standards="a-3b",
            timestamp=int(content.issued_at.timestamp()),
            format="pdf",
        )
    except typst.TypstError:
        # The cause is dropped on purpose: the typesetter quotes the text it could not set.
        raise ReleaseContentError(
            f"release.pdf of release {content.release_id} could not be set; report this with its number."
        ) from None
    return pdf


def document_within(content: ReleaseContent, *, limit: int) -> bytes:
    """Set a release in at most `limit` bytes, if need be without the answers: release.json has them too.

    A release must not fail because of what a name looks like, for that would tell an answer from a miss.
    """
    try:
        pdf = render_document(content)
        if len(pdf) <= limit:
            return pdf
    except ReleaseContentError:
        # Broken limits are raised again by the next line; what remains is text that could not be set.
        pass
    return render_document(content, summary=True)


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False)


def _page_data(content: ReleaseContent, *, summary: bool) -> str:
    """Return what the template shows, as JSON in which every sign has a glyph."""
    shown = () if summary else content.lines[:MAX_DOCUMENT_LINES]
    data = content.as_dict() | {
        "requested": ", ".join(_people_word(category) for category in sorted(content.requested)),
        "issued_at": _people_time(content.issued_at),
        "summary": summary,
        "line_count": len(content.lines),
        "lines": [_page_line(line) for line in shown],
        "more": 0 if summary else len(content.lines) - len(shown),
    }
    # The signs of JSON itself are all shown, so that filtering the whole text changes values only.
    return _NOT_SHOWN.sub(_SQUARE, unicodedata.normalize("NFC", json.dumps(data, ensure_ascii=False)))


def _page_line(line: ReleaseLine) -> dict[str, object]:
    port = "" if line.source_port is None else f", port {line.source_port}"
    protocol = f" {line.protocol.upper()}" if line.protocol else ""
    return {
        "line": line.line,
        "selector": f"{line.address}{port}{protocol}",
        "observed_at": _people_time(line.observed_at),
        "window": " to ".join(_people_time(instant) for instant in line.window or ()),
        "identified": line.outcome is LineOutcome.IDENTIFIED,
        "reason": line.reason,
        "explanation": line.explanation,
        "subscriber": [(_people_word(key), line.subscriber[key]) for key in sorted(line.subscriber)],
        "address_note": "" if line.address_is is None else SENTENCES[line.address_is],
    }


def _people_word(code: str) -> str:
    return code.replace("-", " ").capitalize()


def _people_time(at: datetime) -> str:
    # A fraction of a second is shown only where there is one: it may decide who held an address.
    return at.astimezone(UTC).isoformat(sep=" ").removesuffix("+00:00") + " UTC"
