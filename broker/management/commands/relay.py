"""Ring for work that is due, and sweep every minute, until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import Any

from celery.exceptions import OperationalError as BellError
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections

from broker.celery import app
from broker.outbox.services import due_work
from broker.release.sweep import sweep

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0


class Command(BaseCommand):
    help = "Ring the Celery workers for every due row of the outbox, and sweep every minute (process: jobs)."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        sweep_at = time.monotonic() + SWEEP_SECONDS
        while not stop.wait(settings.RELAY_INTERVAL_MS / 1000):
            try:
                for work in due_work():
                    app.send_task(work.kind, [str(work.id)])
                if time.monotonic() >= sweep_at:
                    sweep_at = time.monotonic() + SWEEP_SECONDS
                    sweep()
            except (OperationalError, BellError, OSError) as error:
                # A server that is away comes back; the rows are still due then. Nothing is lost by waiting.
                log.warning("Relay waits: %s", type(error).__name__)
                close_old_connections()
                stop.wait(1.0)
