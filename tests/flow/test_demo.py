"""The demo is the product's promise: what it shows, and what each change of its folder changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

DEMO = Path(settings.BASE_DIR) / "fixtures" / "demo"
Cases = dict[str, dict[str, Any]]


def play(folder: Path, at: Path) -> Cases:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BROKER_", "DJANGO_"))}
    manage = Path(settings.BASE_DIR) / "manage.py"
    arguments = ["demo", "--fixtures", str(folder), "--json", str(at / "demo.json"), "--output", str(at / "kept")]
    done = subprocess.run(
        [sys.executable, str(manage), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    cases = json.loads((at / "demo.json").read_text())["cases"]
    return {case["id"]: case for case in cases}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shipped(kept: Path) -> Cases:
    return play(DEMO, kept)


def test_plays_five_cases_with_five_outcomes(shipped: Cases) -> None:
    seen = {i: (c["outcome"], c["state"], c["released_categories"]) for i, c in shipped.items()}
    assert seen == {
        "promusicae": ("REFUSED", "REFUSED", []),
        "civil-order": ("RELEASED", "RELEASED", ["name", "postal-address"]),
        "criminal-order": ("RELEASED", "RELEASED", ["account-id", "name", "postal-address"]),
        "forged-order": ("REFUSED", "REFUSED", []),
        "shared-address": ("NOT_IDENTIFIED", "RELEASED", []),
    }
    assert {i for i, c in shipped.items() if c["package_sha256"]} == {"civil-order", "criminal-order", "shared-address"}
    assert "no-legal-basis" in shipped["promusicae"]["grounds"]
    assert "order.unknown-signer" in shipped["forged-order"]["grounds"]
    assert shipped["shared-address"]["grounds"] == ["port-required"]


@pytest.mark.skipif(shutil.which("age") is None, reason="needs the program age")
def test_the_package_opens_with_the_shell_script_and_holds_two_categories_only(shipped: Cases, kept: Path) -> None:
    script = Path(settings.BASE_DIR) / "broker" / "release" / "open_release.sh"
    out = kept / "kept"
    opened = subprocess.run(
        ["sh", str(script), out / "civil-order.age", out / "phonograms.key", out / "operator.crt", out / "opened"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert opened.returncode == 0, opened.stderr
    release = json.loads((out / "opened" / "release.json").read_text())
    assert [set(line["subscriber"]) for line in release["lines"]] == [{"name", "postal-address"}]
    assert (out / "opened" / "release.pdf").read_bytes().startswith(b"%PDF-")


def swap_certificate(folder: Path) -> None:
    shutil.copy(folder / "other-court.crt", folder / "court-madrid-mercantil.crt")


def add_port(folder: Path) -> None:
    edit(folder / "cases" / "5-shared-address.toml", 'evidence = "A-17"', 'evidence = "A-17"\nsource_port = 20500')


def order_email(folder: Path) -> None:
    edit(
        folder / "cases" / "2-civil-order.toml",
        'categories = ["name", "postal-address"]',
        'categories = ["name", "postal-address", "email"]',
    )


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


REFUSED_AT_SIGNATURE = {
    "outcome": "REFUSED",
    "state": "REFUSED",
    "grounds": ["no-legal-basis", "order-not-verified", "order.unknown-signer"],
    "released_categories": [],
    "package_sha256": None,
}
# What is changed at once concerns different cases, so each shows in its own and nowhere else.
CHANGES: list[tuple[list[Callable[[Path], None]], dict[str, dict[str, Any]]]] = [
    ([swap_certificate], {"civil-order": REFUSED_AT_SIGNATURE, "shared-address": REFUSED_AT_SIGNATURE}),
    (
        [add_port, order_email],
        {
            "shared-address": {
                "outcome": "RELEASED",
                "grounds": [],
                "released_categories": ["name", "postal-address"],
            },
            "civil-order": {"released_categories": ["email", "name", "postal-address"]},
        },
    ),
]


@pytest.mark.long
@pytest.mark.parametrize(("changes", "expected"), CHANGES, ids=["another signer", "a port, and e-mail ordered"])
def test_a_change_of_the_folder_changes_what_it_should_and_nothing_else(
    shipped: Cases, tmp_path: Path, changes: list[Callable[[Path], None]], expected: dict[str, dict[str, Any]]
) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(DEMO, folder)
    for change in changes:
        change(folder)
    played = play(folder, tmp_path)
    for case in (*shipped.values(), *played.values()):
        # Sealing is random, so the digest of a package that exists in both is never the same.
        case["package_sha256"] = case["package_sha256"] and "made"
    assert played == {i: case | expected.get(i, {}) for i, case in shipped.items()}
