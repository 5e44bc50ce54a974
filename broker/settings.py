"""Settings, read from the environment once and refused when unsafe.

Every name is prefixed `BROKER_` and described in the README. With no `BROKER_DATABASE_URL` the broker is in
its embedded default: for trying and testing, everything under `BROKER_HOME`, reachable from this machine only.
"""

from __future__ import annotations

import os
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

from broker.databases import Process, database_settings
from broker.embedded import Cluster
from broker.errors import ConfigurationError
from broker.private_files import read_or_create_secret

BASE_DIR = Path(__file__).resolve().parent.parent


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in ("", "1", "true", "yes", "0", "false", "no"):
        return default if value == "" else value in ("1", "true", "yes")
    raise ConfigurationError(f"{name} must be true or false.")


def env_int(name: str, default: int, low: int, high: int) -> int:
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigurationError(f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def env_instant(name: str) -> datetime | None:
    """Read an instant with its offset, like 2026-01-01T00:00:00Z; None if it is not set."""
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    try:
        if (instant := datetime.fromisoformat(text)).utcoffset() is not None:
            return instant
    except ValueError:
        pass
    raise ConfigurationError(f"{name} must be an instant with its offset, like 2026-01-01T00:00:00Z.")


def env_prefixes(name: str) -> list[IPv4Network | IPv6Network]:
    """Read address ranges with commas between, such as 198.51.100.0/24,2001:db8::/32."""
    try:
        return [ip_network(text.strip()) for text in os.environ.get(name, "").split(",") if text.strip()]
    except ValueError:
        raise ConfigurationError(f"{name} must be address ranges such as 198.51.100.0/24, with commas.") from None


def env_secret(name: str, fallback: Path | None) -> str:
    """Read NAME, else the file NAME_FILE, else a file we make ourselves where `fallback` allows it."""
    if value := os.environ.get(name, ""):
        return value
    if file := os.environ.get(f"{name}_FILE", ""):
        try:
            return Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"{name}_FILE names a file that cannot be read by this process.") from None
    if fallback is None:
        raise ConfigurationError(f"Set {name}, or {name}_FILE to a file only this process can read.")
    return read_or_create_secret(fallback)


def env_by_store(names: dict[str, str]) -> dict[str, str]:
    """Read one variable for each store, those that are set."""
    return {alias: os.environ[name] for alias, name in names.items() if os.environ.get(name)}


def env_password(usual: Path) -> str:
    """Read this process's database password from the file the operator named, else from the usual one if it is there.

    No file is no password: a server may know the process by its operating-system user or its certificate.
    """
    named = os.environ.get("BROKER_DATABASE_PASSWORD_FILE", "")
    if not named and not usual.exists():
        return ""
    try:
        return (Path(named) if named else usual).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{'BROKER_DATABASE_PASSWORD_FILE' if named else usual} cannot be read by this process: it has to be "
            f"the password file of process '{PROCESS}' and belong to its operating-system user."
        ) from None


# --- Which process this is, and where its things are -------------------------------------------------

try:
    PROCESS = Process(os.environ.get("BROKER_PROCESS", "web"))
except ValueError:
    raise ConfigurationError(f"BROKER_PROCESS must be one of: {', '.join(Process)}.") from None
HOME = Path(os.environ.get("BROKER_HOME", "") or BASE_DIR / ".var").resolve()
KEY_DIR = Path(os.environ.get("BROKER_KEY_DIR", "") or HOME / "keys")
DATABASE_URLS = env_by_store(
    {
        "default": "BROKER_DATABASE_URL",
        "leases": "BROKER_LEASES_DATABASE_URL",
        "identities": "BROKER_IDENTITIES_DATABASE_URL",
    }
)
# Who may make roles and databases on the server of each store; read by `bootstrap` alone.
BOOTSTRAP_URLS = env_by_store(
    {
        "default": "BROKER_BOOTSTRAP_URL",
        "leases": "BROKER_LEASES_BOOTSTRAP_URL",
        "identities": "BROKER_IDENTITIES_BOOTSTRAP_URL",
    }
)
EMBEDDED = "default" not in DATABASE_URLS
EMBEDDED_FOLDER = HOME / "postgres"
# Where `bootstrap` leaves a password for each role, and each process finds its own if no file of its own is named.
PASSWORD_DIR = Path(os.environ.get("BROKER_PASSWORD_DIR", "") or HOME / "passwords")
DATABASES = database_settings(
    PROCESS,
    DATABASE_URLS,
    Cluster(EMBEDDED_FOLDER).socket_dir if EMBEDDED else None,
    "" if EMBEDDED else env_password(PASSWORD_DIR / PROCESS.value),
)
DATABASE_ROUTERS = ["broker.databases.StoreRouter"]

DEBUG = env_bool("BROKER_DEBUG", False)
SECRET_KEY = env_secret("BROKER_SECRET_KEY", HOME / "secret-key" if EMBEDDED else None)
ALLOWED_HOSTS = [h for h in os.environ.get("BROKER_ALLOWED_HOSTS", "").split(",") if h] or (
    ["localhost", "127.0.0.1", "[::1]"] if EMBEDDED else []
)
# The public name under which records are sealed; part of every seal, so it must never change.
OPERATOR_ID = os.environ.get("BROKER_OPERATOR_ID", "") or ("embedded" if EMBEDDED else "")

# --- What the stages read -----------------------------------------------------------------------------

# Clock error of whoever observed an address, where the request states none (attribution.md 2.2).
TOLERANCE_SECONDS = env_int("BROKER_TOLERANCE_SECONDS", 60, 0, 86_400)
# The operator's RADIUS accounting, asked in place; only the worker knows of it.
RADIUS_DATABASE_URL = os.environ.get("BROKER_RADIUS_DATABASE_URL", "") if PROCESS == Process.WORKER else ""
RADIUS_PASSWORD_FILE = os.environ.get("BROKER_RADIUS_PASSWORD_FILE", "")
RADIUS_IDENTITY = os.environ.get("BROKER_RADIUS_IDENTITY", "") or "username"
RADIUS_ADDRESS_FIXED = env_bool("BROKER_RADIUS_ADDRESS_FIXED", False)
RADIUS_COMPLETE_FROM = env_instant("BROKER_RADIUS_COMPLETE_FROM")
LEASE_RETENTION_DAYS = env_int("BROKER_LEASE_RETENTION_DAYS", 365, 1, 3_660)
# How long after its approval an answer waits for logs to be delivered; then it says that they were not.
LOG_WAIT_HOURS = env_int("BROKER_LOG_WAIT_HOURS", 72, 0, 8_760)
ORDER_MAX_BYTES = env_int("BROKER_ORDER_MAX_BYTES", 20 * 2**20, 1_024, 200 * 2**20)
RELAY_INTERVAL_MS = env_int("BROKER_RELAY_INTERVAL_MS", 200, 10, 60_000)
# A rung row is rung again after this many seconds if nobody closed it, doubling with each failed try.
RELAY_LEASE_SECONDS = env_int("BROKER_RELAY_LEASE_SECONDS", 15, 1, 3_600)
# Answers appear at whole ticks after the work on them began, so that their time says nothing of what they hold.
RELEASE_TICK_MS = env_int("BROKER_RELEASE_TICK_MS", 2_000, 0, 60_000)
# Evidence that comes with a request is read while its sender waits.
EVIDENCE_MAX_BYTES = env_int("BROKER_EVIDENCE_MAX_BYTES", 4 * 2**20, 1_024, 64 * 2**20)
# The operator's public ranges: an address outside them is questioned when a request is filed. None named, none asked.
OWN_PREFIXES = env_prefixes("BROKER_OWN_PREFIXES")
REQUEST_MAX_LINES = 10_000
# Addresses reserved for examples are nobody's; only the embedded default takes them, for its demo.
ALLOW_DOCUMENTATION_ADDRESSES = env_bool("BROKER_ALLOW_DOCUMENTATION_ADDRESSES", EMBEDDED)

# --- Celery: a doorbell ------------------------------------------------------------------------------

CELERY_URL = os.environ.get("BROKER_CELERY_URL", "") or "filesystem://"
CELERY_FOLDER = HOME / "celery"

# --- Django ------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "broker.apps.BrokerAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "broker",
    "broker.leases",
    "broker.identities",
]
MIDDLEWARE = [
    "broker.parties.middleware.NobodyAsksMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "broker.portal.middleware.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "broker.portal.middleware.AccessMiddleware",
    "broker.parties.middleware.PersonAsksMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "broker.urls"
WSGI_APPLICATION = "broker.wsgi.application"
AUTH_USER_MODEL = "broker.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "broker" / stage / "templates" for stage in ("portal", "decisions")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
# The second reads what was stored before; a log-in stores it anew by the first.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "broker" / stage / "static" for stage in ("portal", "decisions")]
# Served straight from the packages: there is no build step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 2**20
# Orders and evidence stay in memory until they are rows: nothing of a case is left in temporary files.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = max(ORDER_MAX_BYTES, EVIDENCE_MAX_BYTES) + DATA_UPLOAD_MAX_MEMORY_SIZE
DATA_UPLOAD_MAX_NUMBER_FIELDS = 25_000

# --- Log-ins, sessions, limits -----------------------------------------------------------------------

# Django's own, which says the same, in the same time, of an unknown user, a wrong password and an inactive account.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal:home"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "broker.parties.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
# What is grave needs a second factor not older than this, in seconds.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key,50/d/key", "reauthenticate": "10/m/user"}
MFA_ADAPTER = "broker.parties.adapters.MFAAdapter"
MFA_FORMS = {
    "authenticate": "broker.parties.code_forms.LogInCodeForm",
    "reauthenticate": "broker.parties.code_forms.ConfirmCodeForm",
    "activate_totp": "broker.parties.code_forms.FirstCodeForm",
}
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Codes of the half minute before and after, for clocks that differ a little.
MFA_TOTP_TOLERANCE = 1

# The store ends a session this long after its last request (`sessions.keep_alive`); no cookie outlives its browser.
SESSION_COOKIE_AGE = 15 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_ABSOLUTE_SECONDS = 8 * 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# Limits are counted in the database, because several processes serve one address. Only web may write this table.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "limit_count",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# The embedded default is plain HTTP on this machine only; a server of somebody's own is behind TLS.
PLAIN_HTTP = env_bool("BROKER_PLAIN_HTTP", EMBEDDED)
# How many proxies of our own stand before us; only what they say of a client's address is believed.
TRUSTED_PROXIES = env_int("BROKER_TRUSTED_PROXIES", 0 if PLAIN_HTTP else 1, 0, 9)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

# --- What browsers are told --------------------------------------------------------------------------

SECURE_PROXY_SSL_HEADER = None if PLAIN_HTTP else ("HTTP_X_FORWARDED_PROTO", "https")
# The prefix binds a cookie to this very host and to TLS; browsers refuse it over plain HTTP.
SESSION_COOKIE_NAME = "sessionid" if PLAIN_HTTP else "__Host-sessionid"
CSRF_COOKIE_NAME = "csrftoken" if PLAIN_HTTP else "__Host-csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not PLAIN_HTTP
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else 2 * 365 * 86_400
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not PLAIN_HTTP
SECURE_CONTENT_TYPE_NOSNIFF = True
# Not no-referrer: browsers then send a null Origin with forms, which the CSRF check has to refuse.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Nothing anywhere is inline. Scripts of ours carry a nonce; the admin's own come from its files (`broker.admin_site`).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

REST_FRAMEWORK = {
    # Keys alone: without cookies no other site can make a browser call the API, and no session goes round its factor.
    "DEFAULT_AUTHENTICATION_CLASSES": ["broker.parties.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["broker.parties.authentication.HasScope"],
    "DEFAULT_THROTTLE_RATES": {"address": "600/min", "key": "300/min"},
    "NUM_PROXIES": TRUSTED_PROXIES,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "EXCEPTION_HANDLER": "broker.api_errors.problem_response",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "COERCE_DECIMAL_TO_STRING": True,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "broker": {"level": "INFO"},
        # Django's request logger writes paths only; query strings never carry personal data by design.
        "django.server": {"level": "WARNING"},
    },
}
