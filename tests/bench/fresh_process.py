"""Answer one batch in a process that has done nothing else, and say how much memory it took at its most, in MiB.

Reads from standard input, as JSON: name and password of the database, and the batch. Run by `attribution_run`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from datetime import datetime, timedelta

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
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tolerance = timedelta(seconds=given["tolerance"])
    found = attribute(batch, tolerance=tolerance, now=datetime.fromisoformat(given["now"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"answers": len(found), "idle_mib": idle / 1024, "peak_mib": peak / 1024}))


if __name__ == "__main__":
    main()
