"""A small invented pack on the floor, with cases, for trying provers on; tests change its text."""

from __future__ import annotations

from pathlib import Path

SMALL = """
[pack]
id = "small"
title = "Small"
status = "draft"
jurisdiction = "nowhere"
language = "rules/1"
governed-by = "decision-date"
permits = ["civil"]

[source]
law = { cite = "A law", from = 2000-01-01, confidence = "H" }

[fact]
big = { ask = "Is it big?", settled-by = "order" }
odd = { ask = "Is it odd?", settled-by = "order" }

[term]
fresh = ["event-date is within 12 months before request-date"]

[[basis]]
id = "identify"
says = "A court may have a big one identified."
cite = ["law"]
when = ["proceedings is civil", "order-by is court", "order-verified", "big", "fresh"]
discloses = ["name"]

[[refuse]]
id = "no-odd"
says = "Not an odd one."
cite = ["law"]
when = ["odd"]
unless = ["proceedings is criminal"]

[[case]]
name = "A big one"
on = 2026-01-01
requested = ["name", "email"]
ordered = ["name", "email"]
expect = { outcome = "PERMITTED", grants = ["name"] }
[case.facts]
proceedings = "civil"
measure = "disclosure"
order-by = "court"
order-verified = true
big = true
odd = false
event-date = 2025-06-01
request-date = 2025-12-01
log-provenance = "business"
address-shared = false
port-given = true

[[case]]
name = "A small one"
like = "A big one"
with = { big = false }
expect = { outcome = "REFUSED", grounds = ["no-legal-basis"] }
"""


def write(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    """Write the small pack with parts of its text exchanged and more text at its end."""
    text = SMALL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    folder.mkdir(exist_ok=True)
    path = folder / "small.toml"
    path.write_text(text + more)
    return path
