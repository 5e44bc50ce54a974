"""Settings of the test run: the owner's view of all three stores, in a home of its own that is thrown away."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

HOME_OF_TESTS = tempfile.mkdtemp(prefix="broker-tests-")
os.environ["BROKER_PROCESS"] = "owner"
os.environ["BROKER_HOME"] = HOME_OF_TESTS
for _name in ("BROKER_SECRET_KEY", "BROKER_KEY_DIR", "BROKER_DEBUG", "BROKER_OPERATOR_ID"):
    os.environ.pop(_name, None)
if os.environ.get("BROKER_DATABASE_URL"):
    # The second run, on a server: everything else stays as on the embedded default. Set once, for all processes of a
    # parallel run: the roles are the server's, and have one password each.
    os.environ.setdefault("BROKER_PASSWORD_DIR", str(Path(HOME_OF_TESTS) / "passwords"))
    os.environ |= {
        "BROKER_SECRET_KEY": "only for tests: not a secret, but as long as one has to be",
        "BROKER_OPERATOR_ID": "tests",
        "BROKER_ALLOWED_HOSTS": "localhost,127.0.0.1",
        "BROKER_ALLOW_DOCUMENTATION_ADDRESSES": "true",
        "BROKER_PLAIN_HTTP": "true",
    }

if os.environ.get("BROKER_CELERY_URL"):
    # Each process of a parallel run has a message server to itself: what one rings for is nothing to the other.
    _template = os.environ.setdefault("MESSAGE_SERVERS_OF_TESTS", os.environ["BROKER_CELERY_URL"])
    _number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    os.environ["BROKER_CELERY_URL"] = _template.replace("{process}", _number)

from broker.settings import *  # noqa: E402, F403 - the environment has to be set first

# Nobody watches the clock here; the tick has a test of its own.
RELEASE_TICK_MS = 0

# Hashing is made slow on purpose; tests log in hundreds of times and check no password's strength.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Every test client builds the middleware anew, which reads all static files; the real web server does it once.
WHITENOISE_AUTOREFRESH = True
