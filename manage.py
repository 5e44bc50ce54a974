#!/usr/bin/env python3
"""Run a management command as the kind of process it belongs to."""

import os
import sys

# A command runs as the process that has the rights for it; everything else is the least privileged process.
COMMAND_PROCESS = {
    "bootstrap": "owner",
    "check_radius": "worker",
    "clear_drift": "feeder",
    "demo": "owner",
    "describe_source": "feeder",
    "fetch_revocation": "jobs",
    "import_leases": "feeder",
    "import_lines": "feeder",
    "import_mappings": "feeder",
    "import_plan": "feeder",
    "import_subscribers": "feeder",
    "invite": "owner",
    "lease_report": "feeder",
    "make_keys": "owner",
    "makemigrations": "owner",
    "migrate": "owner",
    "prepare": "owner",
    "register_parties": "owner",
    "relay": "jobs",
    "replay": "jobs",
    "set_clock": "feeder",
    "set_role": "owner",
    "sweep": "jobs",
    "totp": "owner",
    "up": "owner",
}


def main() -> None:
    """Choose the process, keep the embedded server running for the command, and run it."""
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    os.environ.setdefault("BROKER_PROCESS", COMMAND_PROCESS.get(command, "web"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker.settings")
    from broker.cli import run

    sys.exit(run(sys.argv))


if __name__ == "__main__":
    main()
