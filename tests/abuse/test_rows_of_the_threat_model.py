"""Each abuse case of the threat model has its named test, or is listed here as open: none is forgotten quietly."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

# Number in the threat model -> what it is, and the file whose tests are its test.
TESTED = {
    1: ("forged order", "abuse/test_pki.py"),
    2: ("replayed order", "abuse/test_replay.py"),
    3: ("order for another address or time", "flow/test_never_outside_the_order.py"),
    4: ("PDF changed after signing", "abuse/test_pades_updates.py"),
    5: ("expired or revoked certificate", "abuse/test_pki.py"),
    6: ("malicious PDF", "abuse/test_evil_pdf.py"),
    7: ("PDF bomb", "abuse/test_bomb.py"),
    8: ("stolen account of counsel", "abuse/test_stolen_counsel.py"),
    10: ("one person approves alone", "abuse/test_four_eyes.py"),
    13: ("another organisation's ids", "abuse/test_idor.py"),
    14: ("hidden fields", "abuse/test_fields.py"),
    15: ("another site's requests", "abuse/test_csrf.py"),
    16: ("names of files", "abuse/test_upload_names.py"),
    17: ("hit told from miss", "flow/test_hit_miss_refusal.py"),
    19: ("revoked between approval and release", "abuse/test_revoked_order.py"),
    21: ("crash in mid-release", "flow/test_crash.py"),
    23: ("forged message", "abuse/test_forged_message.py"),
    27: ("session theft and fixation", "abuse/test_session.py"),
    28: ("guessed passwords", "abuse/test_login_limits.py"),
    29: ("admin without a second factor", "abuse/test_admin_mfa.py"),
}
OPEN = {
    9: "browsing by insiders: cases are not assigned to people yet",
    11: "the log edited by a database superuser: the log of hashes is not built yet",
    12: "theft of the worker's key: one epoch, no rotation and no budget yet",
    18: "bulk fishing: no budgets yet",
    20: "one message many times on many workers: only crashes and doubled work rows are tried",
    22: "messages lost and doubled at random: only single losses are tried",
    24: "clock attacks",
    25: "split view of the log: the log of hashes is not built yet",
    26: "an answer sealed again to somebody else: the opener checks it, no test of that name",
    30: "theft of a backup",
    31: "leakage into logs: single places are tested, not the whole suite's output",
    32: "swapped dependencies",
}


def test_every_row_is_tested_or_open() -> None:
    assert set(TESTED) | set(OPEN) == set(range(1, 33))
    assert not set(TESTED) & set(OPEN)


@pytest.mark.parametrize("row", TESTED, ids=lambda row: f"row {row}")
def test_the_test_of_a_row_is_there(row: int) -> None:
    tree = ast.parse((TESTS / TESTED[row][1]).read_text())
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert tests
