"""legal_rules is pure: the standard library only, no clock, no network, no Django."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import legal_rules

FILES = sorted(Path(legal_rules.__file__).parent.glob("*.py"))
CLOCKS = {"now", "today", "utcnow", "time", "monotonic", "random", "getenv", "environ", "urlopen", "socket"}
# The solvers of the extra `prove`, imported inside a function by one module each, and by no other.
SOLVERS = {"sat.py": "pysat", "smt.py": "z3"}


def test_imports_the_standard_library_only() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                known = name.split(".")[0] in sys.stdlib_module_names or name.split(".")[0] == SOLVERS.get(path.name)
                assert known, f"{path.name} imports {name}"


def test_no_solver_is_loaded_before_a_proof_is_asked_for() -> None:
    code = (
        "import sys; import legal_rules.__main__ as m; m.main(['check', 'eu']); m.main(['test', 'floor']); "
        "assert not {'z3', 'pysat'} & set(sys.modules)"
    )
    root = Path(legal_rules.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, capture_output=True)


def test_asks_no_clock_no_chance_and_no_environment() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in CLOCKS, f"{path.name}:{node.lineno}"


def test_loads_without_django_or_anything_installed() -> None:
    """In a fresh isolated interpreter that sees this package and the standard library only."""
    root = Path(legal_rules.__file__).parents[1]
    code = (
        f"import sys; sys.path.append({str(root)!r}); import legal_rules; legal_rules.load_pack('es'); "
        "assert not {'django', 'site'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
