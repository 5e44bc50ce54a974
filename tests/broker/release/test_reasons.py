"""What a recipient is told of a line claims no more than the logs can show."""

from __future__ import annotations

import re

from broker.release.reasons import EXPLANATIONS


def test_silence_of_the_logs_is_not_said_to_be_proof() -> None:
    for code in ("none", "no-holder"):
        sentence = EXPLANATIONS[code]
        assert "logs" in sentence
        assert "lost" in sentence
    assert not [code for code, text in EXPLANATIONS.items() if re.search(r"nobody (held|had)|logs are complete", text)]


def test_every_sentence_fits_its_place() -> None:
    assert all(len(text.encode()) <= 256 for text in EXPLANATIONS.values())
