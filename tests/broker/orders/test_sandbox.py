"""The child that examines orders: whatever it does, there is a verdict in time and no pass by mistake."""

import os
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.orders.sandbox import ask_child, run_verification
from broker.orders.trust import CourtTrust
from broker.orders.verification import verify_document
from tests.support import alterations as alter
from tests.support.court import SIGNED_AT, Court, TimestampAuthority, order_pdf
from tests.support.revocation import LENIENT, revocation_list

CHILD = Path(__file__).parents[3] / "broker" / "orders" / "verify_process.py"
AT = SIGNED_AT + timedelta(hours=1)
COURT = Court.create("Juzgado de ejemplo")
SIGNED = COURT.sign(order_pdf("Auto (ejemplo)", ["Datos del abonado."]))
TRUST = CourtTrust((COURT.certificate_der,), policy=LENIENT)
# Put before hostile code, so that it runs under the limits of the real child.
LIMITED = f"""
import runpy, sys
walls = runpy.run_path({str(CHILD.with_name("walls.py"))!r}, run_name="walls")
walls["limit_resources"](SECONDS)
"""


def hostile(code: str, *, timeout: float = 10.0, cpu_seconds: int = 30, question: bytes = b"") -> tuple[str, float]:
    """Run code in place of the child; return the code of the verdict and the seconds that it took."""
    started = time.monotonic()
    program = LIMITED.replace("SECONDS", str(cpu_seconds)) + code
    verdict = ask_child([sys.executable, "-I", "-B", "-c", program], question, timeout=timeout)
    assert not verdict.passed
    assert verdict.failure is not None
    assert verdict.failure.number == 0
    return verdict.failure.code, time.monotonic() - started


def test_gives_the_same_verdicts_as_the_examination_itself() -> None:
    for pdf in (SIGNED, alter.add_annotation(SIGNED), b"", b"no PDF"):
        assert run_verification(pdf, TRUST, AT) == verify_document(pdf, TRUST, at=AT)
    assert run_verification(SIGNED, TRUST, AT).passed


def test_hands_on_everything_that_is_registered() -> None:
    authority = TimestampAuthority.create("Sellado de tiempo")
    stamped = authority.timestamp(SIGNED)
    lists = (revocation_list(COURT, AT), revocation_list(authority.court, AT))
    full = CourtTrust((COURT.certificate_der,), (authority.certificate_der,), lists)
    assert run_verification(stamped, full, AT).passed
    for lacking in (
        replace(full, certificates=()),
        replace(full, timestamp_authorities=()),
        replace(full, revocation_lists=()),
        replace(full, policy=replace(full.policy, key_usage=frozenset({"key_agreement"}))),
    ):
        assert not run_verification(stamped, lacking, AT).passed


def test_rejects_an_instant_without_an_offset() -> None:
    with pytest.raises(ValueError, match="offset"):
        run_verification(SIGNED, TRUST, datetime(2026, 10, 21))  # noqa: DTZ001 - a naive time is the point


def test_ends_a_child_that_does_not_end_by_itself() -> None:
    code, seconds = hostile("while True: pass", timeout=1.5)
    assert code == "order.verifier-timeout"
    assert seconds < 4


def test_ends_a_child_that_sleeps_and_never_reads() -> None:
    code, seconds = hostile("import time; time.sleep(60)", timeout=1.5, question=b"x" * 5_000_000)
    assert code == "order.verifier-timeout"
    assert seconds < 4


def test_ends_a_child_that_closes_its_output_and_stays() -> None:
    code, seconds = hostile("import os, time; os.close(1); time.sleep(60)", timeout=1.5)
    assert code == "order.verifier-timeout"
    assert seconds < 4


def test_ends_a_child_that_uses_up_its_computing_time() -> None:
    code, _ = hostile("while True: pass", timeout=10, cpu_seconds=1)
    assert code == "order.verifier-timeout"


def test_limits_the_memory_of_the_child() -> None:
    # Without the limit this would need 4 GiB and then answer; with it the child ends.
    code, _ = hostile("b = b'x' * (4 << 30); print(len(b))")
    assert code == "order.verifier-crashed"
    code, _ = hostile("import sys; kept = []\nwhile True: kept.append(bytearray(16 << 20))")
    assert code == "order.verifier-crashed"


def test_the_child_cannot_write_a_file_or_raise_its_limits(tmp_path: Path) -> None:
    target = tmp_path / "leak"
    code, _ = hostile(f"open({str(target)!r}, 'w').write('x' * 100_000)")
    assert code == "order.verifier-crashed"
    assert not target.exists() or target.stat().st_size == 0


def test_the_child_has_an_empty_environment_and_no_file_of_ours(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    with secret.open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        # The child says through its exit status what it has: 3 is what it should be.
        code = (
            "import os\n"
            "extra = set(os.environ) - {'LC_CTYPE'}\n"
            "def is_ours(number):\n"
            "    try: return os.path.samestat(os.fstat(number), os.stat(PATH))\n"
            "    except OSError: return False\n"
            "inherited = any(is_ours(number) for number in range(32))\n"
            "sys.exit(4 if extra or inherited or os.getcwd() != '/' else 3)"
        ).replace("PATH", repr(str(secret)))
        program = LIMITED.replace("SECONDS", "5") + code
        verdict = ask_child([sys.executable, "-I", "-B", "-c", program], b"", timeout=10)
    assert verdict.failure is not None
    assert verdict.failure.detail == "The examination ended with status 3."


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "print('PASSED')",
        "print('{\"checks\": []}')",
        "sys.exit(1)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "sys.stdout.write('x' * 1_000_000)",
        "while True: sys.stdout.write('x' * 1_000_000)",
        "sys.stdout.buffer.write(bytes(range(256)))",
        "sys.stdout.write('[' * 60_000)",
    ],
)
def test_a_child_that_answers_nonsense_counts_as_crashed(code: str) -> None:
    assert hostile(code)[0] == "order.verifier-crashed"


def test_a_passing_answer_of_a_child_that_failed_does_not_count() -> None:
    passing = verify_document(SIGNED, TRUST, at=AT).to_json()
    assert hostile(f"sys.stdout.write({passing!r}); sys.stdout.flush(); sys.exit(1)")[0] == "order.verifier-crashed"


def test_the_child_has_nothing_to_fetch_with() -> None:
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(CHILD.parents[2])!r})\n"
        "from broker.orders.verify_process import leave_out_fetching\n"
        "leave_out_fetching()\n"
        "import broker.orders.verification\n"
        "fetching = {'aiohttp', 'httpx', 'requests', 'urllib3', 'http.client'}\n"
        "loaded = {name for name in fetching if getattr(sys.modules.get(name), '__file__', None)}\n"
        "sys.exit(5 if loaded else 3)"
    )
    verdict = ask_child([sys.executable, "-I", "-B", "-c", code], b"", timeout=20)
    assert verdict.failure is not None
    assert verdict.failure.detail == "The examination ended with status 3."


def test_the_child_imports_neither_django_nor_the_rest_of_the_broker() -> None:
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(CHILD.parents[2])!r})\n"
        "import broker.orders.verification\n"
        "ours = {name for name in sys.modules if name.startswith('broker.')}\n"
        "unwanted = {'django', 'celery', 'psycopg'} & set(sys.modules)\n"
        "sys.exit(5 if unwanted or any(not n.startswith('broker.orders') for n in ours) else 3)"
    )
    verdict = ask_child([sys.executable, "-I", "-B", "-c", code], b"", timeout=20)
    assert verdict.failure is not None
    assert verdict.failure.detail == "The examination ended with status 3."
