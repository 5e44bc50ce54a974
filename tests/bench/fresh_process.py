"""Answer one batch in a process that has done nothing else, and say how much memory it took at its most, in MiB.

Reads from standard input, as JSON: name and password of the database, and the batch. Run by `attribution_run`.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import django


def main() -> None:
    """Answer and report."""
    given = json.load(sys.stdin)
    os.environ["DJANGO_SETTINGS_MODULE"] = "broker.settings"
    django.setup()
    from django.conf import settings
    from django.db import connections

    from broker.attribution.services import Observation, attribute

    connections["leases"].settings_dict |= {"NAME": given["name"], "PASSWORD": given["password"]}
    settings.LEASE_RETENTION_DAYS = given["retention_days"]
    batch = [
        Observation(number, address, port, datetime.fromisoformat(at))
        for number, (address, port, at) in enumerate(given["batch"])
    ]
    idle = _peak()
    tolerance = timedelta(seconds=given["tolerance"])
    found = attribute(batch, tolerance=tolerance, now=datetime.fromisoformat(given["now"]))
    peak = _peak()
    print(json.dumps({"answers": len(found), "idle_mib": idle, "peak_mib": peak}))


def _peak() -> float:
    """Give the largest memory of this program so far, in MiB; `getrusage` would count whoever started it as well."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
