"""The web process's entry point for a WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from broker.checks import require_safe_start

os.environ.setdefault("BROKER_PROCESS", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker.settings")

application = get_wsgi_application()

# A server that starts us runs no system checks, so they are made here: unsafe settings stop the start.
require_safe_start()
