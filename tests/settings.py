"""Settings of the test run: the owner's view of all three stores, in a home of its own that is thrown away."""

from __future__ import annotations

import os
import tempfile

HOME_OF_TESTS = tempfile.mkdtemp(prefix="broker-tests-")
os.environ["BROKER_PROCESS"] = "owner"
os.environ["BROKER_HOME"] = HOME_OF_TESTS
for _name in ("BROKER_SECRET_KEY", "BROKER_KEY_DIR", "BROKER_DEBUG", "BROKER_OPERATOR_ID"):
    os.environ.pop(_name, None)

from broker.settings import *  # noqa: E402, F403 - the environment has to be set first

# Nobody watches the clock here; the tick has a test of its own.
RELEASE_TICK_MS = 0

# Hashing is made slow on purpose; tests log in hundreds of times and check no password's strength.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
