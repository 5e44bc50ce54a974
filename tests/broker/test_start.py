"""Unsafe or missing settings stop a process at its start, with a sentence that says which."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.deployment import environment_of_tests

SERVER = {
    "BROKER_DATABASE_URL": "postgresql://localhost:1/none",
    "BROKER_SECRET_KEY": "x" * 50,
    "BROKER_ALLOWED_HOSTS": "broker.example",
    "BROKER_OPERATOR_ID": "operator",
}
UNSAFE: list[tuple[str, dict[str, str], str]] = [
    ("debug pages", {"BROKER_DEBUG": "true"}, "broker.E002"),
    ("short secret", {"BROKER_SECRET_KEY": "short"}, "broker.E003"),
    ("no secret", {"BROKER_SECRET_KEY": ""}, "BROKER_SECRET_KEY_FILE"),
    ("any host", {"BROKER_ALLOWED_HOSTS": "*"}, "broker.E004"),
    ("no host", {"BROKER_ALLOWED_HOSTS": ""}, "broker.E004"),
    ("no operator", {"BROKER_OPERATOR_ID": ""}, "broker.E005"),
    ("plain HTTP", {"BROKER_PLAIN_HTTP": "true"}, "broker.E007"),
    ("no such process", {"BROKER_PROCESS": "everything"}, "web, worker, jobs, feeder, owner"),
    ("no number", {"BROKER_TOLERANCE_SECONDS": "a minute"}, "BROKER_TOLERANCE_SECONDS"),
    ("out of range", {"BROKER_TOLERANCE_SECONDS": "-1"}, "BROKER_TOLERANCE_SECONDS"),
    ("no range", {"BROKER_OWN_PREFIXES": "198.51.100.0/24,all"}, "BROKER_OWN_PREFIXES"),
    ("a host for a range", {"BROKER_OWN_PREFIXES": "198.51.100.7/24"}, "BROKER_OWN_PREFIXES"),
    ("no truth value", {"BROKER_DEBUG": "maybe"}, "BROKER_DEBUG"),
    ("no offset", {"BROKER_RADIUS_COMPLETE_FROM": "2026-01-01T00:00:00"}, "BROKER_RADIUS_COMPLETE_FROM"),
    ("another database", {"BROKER_DATABASE_URL": "mysql://localhost/x"}, "postgresql://host:5432/name"),
    ("a user in the URL", {"BROKER_DATABASE_URL": "postgresql://me@localhost/x"}, "names a user"),
    ("no password file", {"BROKER_DATABASE_PASSWORD_FILE": "/nowhere/web"}, "password file of process 'web'"),
    ("no database name", {"BROKER_DATABASE_URL": "postgresql://localhost"}, "postgresql://host:5432/name"),
]


def start(tmp_path: Path, command: list[str], changes: dict[str, str]) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("BROKER_", "DJANGO_"))}
    environment = clean | {"BROKER_HOME": str(tmp_path)} | SERVER | changes
    return subprocess.run(
        command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=120
    )


WEB = [sys.executable, "-c", "import broker.wsgi; print('started')"]


@pytest.mark.django_db(databases=["default", "leases", "identities"])
def test_web_starts_with_safe_settings(tmp_path: Path) -> None:
    of_tests = environment_of_tests()
    place = {name: of_tests[name] for name in of_tests if name.endswith(("DATABASE_URL", "PASSWORD_DIR"))}
    assert start(tmp_path, WEB, place).stdout == "started\n"


def test_web_refuses_without_its_database(tmp_path: Path) -> None:
    done = start(tmp_path, WEB, {})
    assert done.returncode != 0
    assert "Store 'default' cannot be used as broker_web" in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(("changes", "says"), [(c, s) for _, c, s in UNSAFE], ids=[name for name, _, _ in UNSAFE])
def test_web_refuses(tmp_path: Path, changes: dict[str, str], says: str) -> None:
    done = start(tmp_path, WEB, changes)
    assert done.returncode != 0
    assert says in done.stderr.strip().splitlines()[-1]


def test_a_worker_refuses_to_start_without_its_keys(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "celery", "-A", "broker.celery", "worker", "-Q", "release", "-c", "1"]
    done = start(tmp_path, command, {"BROKER_PROCESS": "worker"})
    assert done.returncode != 0
    assert "seal.key" in done.stderr
    assert "make_keys" in done.stderr


def test_a_command_says_it_in_one_sentence_and_shows_no_traceback(tmp_path: Path) -> None:
    done = start(tmp_path, [sys.executable, "manage.py", "check"], {"BROKER_DEBUG": "maybe"})
    assert done.returncode == 1
    assert done.stderr == "BROKER_DEBUG must be true or false. [configuration]\n"
