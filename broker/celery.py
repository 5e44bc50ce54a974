"""Celery as a doorbell: JSON messages that carry one UUID and nothing else."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker.settings")

from django.conf import settings

app = Celery("broker")

# RabbitMQ gets quorum queues; the file transport gets its folder. Nothing here is trusted or lasting.
_FILES = settings.CELERY_URL.startswith("filesystem:")
if _FILES:
    settings.CELERY_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)

app.conf.update(
    broker_url=settings.CELERY_URL,
    broker_transport_options=(
        {
            "data_folder_in": str(settings.CELERY_FOLDER),
            "data_folder_out": str(settings.CELERY_FOLDER),
            "control_folder": str(settings.CELERY_FOLDER / "control"),
            # The default of one second would be felt by everybody who waits for an answer.
            "polling_interval": 0.05,
        }
        if _FILES
        else {"visibility_timeout": 300}
        if settings.CELERY_URL.startswith("redis")
        else {"confirm_publish": True}
    ),
    broker_connection_retry_on_startup=True,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    result_backend=None,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # What takes too long fails by itself and counts as a try; killed at the hard limit it would come again for ever.
    task_soft_time_limit=100,
    task_time_limit=120,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=20,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    task_create_missing_queues=True,
    task_default_queue="jobs",
    task_default_queue_type="quorum" if settings.CELERY_URL.startswith("amqp") else "classic",
    task_routes={
        "release": {"queue": "release"},
        "assess": {"queue": "jobs"},
        "check-order": {"queue": "jobs"},
        "drop-leases": {"queue": "release"},
        "hold": {"queue": "release"},
    },
    worker_detect_quorum_queues=True,
    imports=["broker.tasks"],
)


@worker_init.connect
def refuse_unsafe_start(**_: Any) -> None:
    """Make the system checks; Celery only logs what they find, and goes on."""
    from broker.checks import require_safe_start
    from broker.errors import ConfigurationError

    try:
        require_safe_start()
    except ConfigurationError as error:
        # Celery swallows exceptions of signal handlers, but not this one.
        raise SystemExit(f"{error} [{error.code}]") from None
