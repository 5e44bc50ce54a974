"""The shape of the project: imports run one way, the law stands alone, primitives have one door."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent

# The way through; a stage imports stages to its left, and what all may import.
STAGES = ["parties", "intake", "orders", "assessment", "decisions", "attribution", "release", "portal", "demo"]
# What all may import, and what imports no stage.
SHARED = ["audit", "outbox", "crypto"]
# The extra `prove`: each solver is imported in one place.
SOLVERS = {"sat.py": "pysat", "smt.py": "z3"}
# The two walled-off stores: only attribution and what follows it may open them.
STORES = ["leases", "identities"]


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module or node.level, file
            if node.level == 0:
                yield str(node.module)


def stage_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "broker" and len(parts) > 1 else None


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_the_stages_before_it(stage: str) -> None:
    allowed = STAGES[: STAGES.index(stage) + 1]
    files = list((ROOT / "broker" / stage).rglob("*.py"))
    assert files
    for file in files:
        for module in imports_of(file):
            other = stage_of(module)
            assert other not in STAGES or other in allowed, f"{file.relative_to(ROOT)} imports {module}"
            if STAGES.index(stage) < STAGES.index("attribution"):
                assert other not in STORES, f"{file.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("package", SHARED + STORES)
def test_what_all_may_import_imports_no_stage(package: str) -> None:
    for file in (ROOT / "broker" / package).rglob("*.py"):
        for module in imports_of(file):
            # The lease store keeps what the observation parser read; the parser itself is pure.
            if package in STORES and module == "broker.intake.observation":
                continue
            assert stage_of(module) not in STAGES, f"{file.relative_to(ROOT)} imports {module}"


def test_the_law_imports_only_the_standard_library() -> None:
    for file in (ROOT / "legal_rules").rglob("*.py"):
        for module in imports_of(file):
            top = module.split(".")[0]
            known = top in sys.stdlib_module_names or top == "legal_rules" or SOLVERS.get(file.name) == top
            assert known, f"{file.name} imports {module}"


def test_the_law_loads_its_solvers_only_when_a_proof_is_asked_for() -> None:
    for name, solver in SOLVERS.items():
        for node in ast.parse((ROOT / "legal_rules" / name).read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert solver not in ast.unparse(node)


def test_primitives_are_imported_in_one_place() -> None:
    for file in (ROOT / "broker").rglob("*.py"):
        modules = [m for m in imports_of(file) if m.startswith("cryptography.hazmat") or m in ("hashlib", "hmac")]
        foreign = [m for m in modules if m.startswith("cryptography.hazmat")]
        assert not foreign or file.parent.name == "crypto", f"{file.relative_to(ROOT)} imports {foreign}"


def test_only_known_names_stand_at_the_top_level() -> None:
    known = {"manage.py", "pyproject.toml", "README.md", "broker", "legal_rules", "tests", "fixtures"}
    seen = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    generated = {name for name in seen if name.endswith(".egg-info") or name in ("build", "__pycache__")}
    assert seen - generated == known


@pytest.mark.django_db(databases=["default", "leases", "identities"])
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_command_of_ours_runs_as_a_process_of_its_own_choice() -> None:
    text = (ROOT / "manage.py").read_text()
    for file in (ROOT / "broker" / "management" / "commands").glob("[a-z]*.py"):
        assert f'"{file.stem}": "' in text, f"manage.py runs {file.stem} as web, which may do next to nothing"


def test_the_readme_names_every_setting_and_no_other() -> None:
    readme = set(re.findall(r"BROKER_[A-Z_]+", (ROOT / "README.md").read_text()))
    source = (ROOT / "broker" / "settings.py").read_text()
    read = set(re.findall(r'"(BROKER_[A-Z_]+)"', source))
    # Each of the secrets may come from a file of the same name.
    assert readme == read | {"BROKER_SECRET_KEY_FILE"}
