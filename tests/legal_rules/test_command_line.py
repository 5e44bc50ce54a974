"""`python -m legal_rules` checks packs, runs their cases and assesses a file of facts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from legal_rules import packaged_ids
from legal_rules.__main__ import main

FACTS = """
requested = ["name", "email"]
ordered = ["name"]
on = 2026-10-12
[facts]
proceedings = { value = "criminal", source = "request", by = "unit 7", at = "2026-10-05T08:00:00Z" }
measure = "disclosure"
order-by = "investigating-judge"
order-verified = true
instrument = "national-order"
order-names-further-data = false
offence-named = true
port-given = true
log-provenance = "business"
event-date = 2026-10-02
"""


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    path = tmp_path / "facts.toml"
    path.write_text(FACTS)
    return path


def test_check_and_test_pass_for_every_pack_of_the_package() -> None:
    for command in ("check", "test"):
        done = subprocess.run([sys.executable, "-m", "legal_rules", command], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert list(dict.fromkeys(line.split(":")[0] for line in done.stdout.splitlines())) == list(packaged_ids())


def test_check_names_file_and_line_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    bad = Path(__file__).parent / "bad_packs" / "unknown-value.toml"
    assert main(["check", str(bad), "es"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("unknown-value.toml:27: fact 'order-by' is never 'curt'")
    assert lines[1].startswith("es: ")


def test_test_names_a_case_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from legal_rules.pack import PACKS

    text = (PACKS / "es.toml").read_text()
    (tmp_path / "es.toml").write_text(text.replace('"CONDITIONAL"', '"PERMITTED"', 1))
    assert main(["test", str(tmp_path / "es.toml")]) == 1
    out = capsys.readouterr().out
    assert "Nobody but the worker knows the log row and the sharing: expected PERMITTED, found CONDITIONAL" in out
    assert out.startswith("es.toml:")


def test_assess_prints_text_markdown_or_json(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", "es", str(facts)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("PERMITTED.")
    assert "criminal, request, by unit 7, 2026-10-05T08:00:00Z" in text
    assert main(["assess", "es", str(facts), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("## PERMITTED\n")
    assert main(["assess", "es", str(facts), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["granted"], data["withheld"]["email"]["code"]) == (["name"], "not-ordered")


def test_assess_takes_another_day(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", "es", str(facts), "--as-of", "2015-12-05"]) == 0
    assert capsys.readouterr().out.startswith("REFUSED.")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("measure =", "mesure =", "facts.toml:7: this pack has no fact 'mesure'; did you mean 'measure'"),
        ('requested = ["name", "email"]', "", "requested = [...]"),
        ('requested = ["name", "email"]', 'requested = "name"', "facts.toml:2: `requested` must be a collection"),
        ("on = 2026-10-12", "", "--as-of"),
        ("on = 2026-10-12", "on = 2026-10-12T08:00:00Z", "facts.toml:4: `on` must be a day"),
        ("on = 2026-10-12", "on = 2026-10-12\nin = 3", "facts.toml:5: no 'in' in a file of facts"),
        ("[facts]", "[facs]", "facts.toml:5: no 'facs' in a file of facts; write [facts]"),
        ("[facts]", "[facts", "facts.toml:5: not TOML"),
        ("offence-named = true", "offence-named = " + "[" * 500, "facts.toml:12: brackets nest at most 16 deep"),
        ("offence-named = true", f"offence-named = '{'x' * 5_000}'", "facts.toml:12: a line has at most"),
        ("by =", "buy =", "facts.toml:6: fact 'proceedings': a table has value"),
    ],
)
def test_assess_explains_a_wrong_file(
    facts: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    facts.write_text(FACTS.replace(old, new, 1))
    assert main(["assess", "es", str(facts)]) == 2
    assert said in capsys.readouterr().err


def test_assess_explains_a_wrong_day_and_a_missing_file(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day in ("12/05/2015", "0001-01-01", "9999-12-31"):
        assert main(["assess", "es", str(facts), "--as-of", day]) == 2
        assert "--as-of takes a day such as 2026-11-01, within 1900-01-01" in capsys.readouterr().err
    # A device would never end.
    for unreadable in ("missing.toml", "/dev/zero", str(facts.parent)):
        assert main(["assess", "es", unreadable]) == 2
        assert "no such file of facts can be read" in capsys.readouterr().err
    assert main(["assess", "atlantis", str(facts)]) == 1
    assert "no such pack" in capsys.readouterr().err


def test_assess_says_where_the_text_is_not_utf_8(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts.write_bytes(FACTS.replace("unit 7", "señor").encode("latin-1"))
    assert main(["explain", "es", str(facts)]) == 2
    assert "facts.toml:6: the text is not UTF-8" in capsys.readouterr().err


def test_explain_is_another_word_for_assess(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", "es", str(facts), "--as-of", "2015-12-05"]) == 0
    assessed = capsys.readouterr().out
    assert main(["explain", "es", str(facts), "--as-of", "2015-12-05"]) == 0
    assert capsys.readouterr().out == assessed
    assert "What would have to be different" in assessed
