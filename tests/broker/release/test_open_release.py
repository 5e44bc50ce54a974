"""open_release.sh: what a recipient runs, with age, unzip and openssl, and nothing of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.release import sizes
from broker.release.envelope import seal_release
from tests.support.recipient import (
    Recipient,
    identified,
    not_identified,
    operator_seal,
    release_content,
    signer_of,
)

PROJECT = Path(__file__).resolve().parents[3]
SCRIPT = PROJECT / "broker" / "release" / "open_release.sh"
FOLDER = PROJECT / "fixtures" / "envelopes"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text())
PROGRAMS = ("age", "age-keygen", "unzip", "openssl")

pytestmark = pytest.mark.skipif(
    any(shutil.which(program) is None for program in PROGRAMS), reason=f"needs {', '.join(PROGRAMS)}"
)


def _run(package: Path, identity: Path, certificate: Path, outdir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT), str(package), str(identity), str(certificate), str(outdir)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_frozen_package_ends_with_its_exit_status(name: str, tmp_path: Path) -> None:
    case = EXPECTED[name]
    outdir = tmp_path / "out"
    ended = _run(FOLDER / name, FOLDER / case["identity"], FOLDER / "operator.crt", outdir)
    assert ended.returncode == case["exit_status"], ended.stderr
    if case["exit_status"] == 0:
        assert sorted(path.name for path in outdir.iterdir()) == [
            "META-INF",
            "mimetype",
            "release.json",
            "release.pdf",
        ]
    else:
        assert "NOT ACCEPTED" in ended.stderr
        assert ended.stdout == ""
        assert list(tmp_path.iterdir()) == []


def test_prints_the_order_and_each_answer(tmp_path: Path) -> None:
    recipient = Recipient.create("Asociación Fonográfica Ejemplo")
    tricky = {"name": 'Inés "Ina" \\ Invención', "postal-address": "Calle Ficticia 12\n28004 Madrid"}
    lines = (replace(identified(1, tricky), protocol="tcp"), not_identified(2, "ambiguous", "Two subscribers held it."))
    package = tmp_path / "package.age"
    package.write_bytes(
        seal_release(release_content(recipient, lines), signer_of(operator_seal()), recipient.public_key)
    )
    certificate = tmp_path / "operator.crt"
    certificate.write_bytes(operator_seal().certificate)
    ended = _run(package, recipient.write_identity(tmp_path / "key"), certificate, tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert "Order of      Juzgado de lo Mercantil n.º 99 de Madrid (ejemplo ficticio)\n" in ended.stdout
    assert "File number   DP 118/2026\n" in ended.stdout
    assert "To            Asociación Fonográfica Ejemplo\n" in ended.stdout
    assert "Line 1: 198.51.100.23 port 51820 TCP at 2026-09-14T19:05:09Z\n  identified (unique)\n" in ended.stdout
    assert '  name: Inés "Ina" \\ Invención\n' in ended.stdout
    assert "  postal-address: Calle Ficticia 12, 28004 Madrid\n  About the postal address: The only" in ended.stdout
    assert ended.stdout.count("About the postal address") == 1
    assert "Line 2: 2001:db8:41:7::5c at 2026-09-14T19:05:09Z\n  not-identified (ambiguous)\n" in ended.stdout
    assert "does not say who used the connection" in ended.stdout
    assert "All checks passed" in ended.stdout
    opened = json.loads((tmp_path / "out" / "release.json").read_text())
    assert opened["lines"][0]["subscriber"] == tricky


def test_opens_a_package_of_an_earlier_version(tmp_path: Path) -> None:
    old = FOLDER / "version-1"
    ended = _run(old / "good.age", old / "recipient.key", old / "operator.crt", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr


def test_opens_a_package_of_many_lines(tmp_path: Path) -> None:
    recipient = Recipient.create("Asociación Fonográfica Ejemplo")
    content = release_content(recipient, tuple(identified(n + 1) for n in range(1000)))
    package = tmp_path / "package.age"
    package.write_bytes(seal_release(content, signer_of(operator_seal()), recipient.public_key))
    assert package.stat().st_size == sizes.padded_size(1000, 2)
    certificate = tmp_path / "operator.crt"
    certificate.write_bytes(operator_seal().certificate)
    ended = _run(package, recipient.write_identity(tmp_path / "key"), certificate, tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("  identified (unique)") == 1000


def test_accepts_a_certificate_file_that_also_holds_the_authority(tmp_path: Path) -> None:
    certificate = tmp_path / "operator.crt"
    certificate.write_bytes((FOLDER / "operator.crt").read_bytes() + operator_seal("Another").authority)
    ended = _run(FOLDER / "good.age", FOLDER / "recipient.key", certificate, tmp_path / "out")
    assert ended.returncode == 0, ended.stderr


def test_refuses_another_operators_certificate(tmp_path: Path) -> None:
    certificate = tmp_path / "operator.crt"
    certificate.write_bytes(operator_seal("Another").certificate)
    ended = _run(FOLDER / "good.age", FOLDER / "recipient.key", certificate, tmp_path / "out")
    assert ended.returncode == 4


def test_opens_with_any_key_of_an_identity_file_that_holds_several(tmp_path: Path) -> None:
    identity = tmp_path / "keys"
    identity.write_text((FOLDER / "stranger.key").read_text() + (FOLDER / "recipient.key").read_text())
    ended = _run(FOLDER / "good.age", identity, FOLDER / "operator.crt", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr


def test_an_existing_folder_is_left_as_it_was(tmp_path: Path) -> None:
    outdir = tmp_path / "out"
    outdir.mkdir()
    (outdir / "mine.txt").write_text("kept")
    ended = _run(FOLDER / "good.age", FOLDER / "recipient.key", FOLDER / "operator.crt", outdir)
    assert ended.returncode == 1
    assert [path.name for path in outdir.iterdir()] == ["mine.txt"]


def test_wrong_use_is_said_and_makes_nothing(tmp_path: Path) -> None:
    good, key, certificate = FOLDER / "good.age", FOLDER / "recipient.key", FOLDER / "operator.crt"
    absent, outdir = tmp_path / "absent", tmp_path / "out"
    for arguments in (
        (absent, key, certificate),
        (good, absent, certificate),
        (good, key, absent),
        (good, key, good),
    ):
        assert _run(*arguments, outdir).returncode == 1
    few = subprocess.run(["sh", str(SCRIPT), str(good)], capture_output=True, text=True, check=False)
    assert few.returncode == 1
    assert few.stderr.startswith("usage:")
    assert list(tmp_path.iterdir()) == []


def test_awkward_file_names_work(tmp_path: Path) -> None:
    folder = tmp_path / "a folder -n 'quoted' $HOME"
    folder.mkdir()
    for name in ("good.age", "recipient.key", "operator.crt"):
        shutil.copy(FOLDER / name, folder / name)
    ended = _run(folder / "good.age", folder / "recipient.key", folder / "operator.crt", folder / "out put")
    assert ended.returncode == 0, ended.stderr


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    ended = _run(FOLDER / "good.age", FOLDER / "recipient.key", FOLDER / "operator.crt", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_every_common_shell_runs_it(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    arguments = (FOLDER / "good.age", FOLDER / "recipient.key", FOLDER / "operator.crt", tmp_path / "out")
    ended = subprocess.run([shell, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
