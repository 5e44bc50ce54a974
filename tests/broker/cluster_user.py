"""Uses a cluster as a process of its own; started by test_embedded.py, never imported.

Argument: FOLDER. Prints one line of JSON when the server runs, then waits for its input to end.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psycopg

# The tests start this file by its path, also where the project is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from broker.bootstrap import bootstrap_server
from broker.databases import EMBEDDED_NAMES
from broker.embedded import Cluster


def main() -> None:
    cluster = Cluster(Path(sys.argv[1]))
    with cluster.running(durable=False):
        bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, None)
        with psycopg.connect(cluster.conninfo()) as connection:
            row = connection.execute("SELECT pg_postmaster_start_time()::text").fetchone()
        assert row is not None
        owner = cluster.folder.joinpath("data").stat().st_uid
        print(json.dumps({"started": row[0], "uid": os.geteuid(), "data_owner": owner}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
