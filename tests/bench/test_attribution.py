"""The benchmark of attribution runs from end to end, small: every way of asking gives the true answers there too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = {
    *("probe_vs_orm", "probe_vs_prepared", "probe_vs_memory", "verdict_vs_probe", "verdict_vs_radacct"),
    *("ingest_rows_per_s", "wal_bytes_per_row"),
}


@pytest.mark.long
def test_the_benchmark_finds_every_answer_true_and_writes_its_ratios(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="needs the packages of the bench extra")
    file = tmp_path / "ratios.json"
    command = [sys.executable, "-m", "tests.bench.attribution", "--rows", "20000", "--rounds", "1", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    ratios = json.loads(file.read_text())
    assert set(ratios) >= NAMES
    assert all(ratios[name] > 0 for name in NAMES)
