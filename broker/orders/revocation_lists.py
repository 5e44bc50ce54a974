"""Fetch revocation lists from the places registered for courts, and keep the last one of each.

The only door of the broker to other people's servers: a place is a row that the operator registered, redirections
are not followed, and what comes back is data until the sandbox has verified its signature. Not here: OCSP, whose
answers count when the order brings them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from http.client import HTTPException, HTTPMessage
from typing import IO, Final
from urllib.request import HTTPRedirectHandler, Request, build_opener

from asn1crypto import crl
from django.db import connection
from django.utils import timezone

from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.errors import BrokerError
from broker.parties.court_trust import RevocationSource

FETCH_EVERY_HOURS: Final = 1
_SECONDS: Final = 10
_MAX_BYTES: Final = 8 * 2**20


class FetchError(BrokerError):
    """A registered place gave no revocation list."""

    code = "revocation.fetch"


class _StayThere(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def ask_due_sources() -> list[uuid.UUID]:
    """Return the places whose list is to be fetched now, each once an hour; called in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE revocation_source SET asked_at = now()
             WHERE withdrawn_at IS NULL
               AND (asked_at IS NULL OR asked_at <= now() - make_interval(hours => %s)) RETURNING id
            """,
            [FETCH_EVERY_HOURS],
        )
        return [row[0] for row in cursor.fetchall()]


def fetch_source(source_id: uuid.UUID) -> None:
    """Fetch the list of one registered place and store it; a withdrawn place is left alone.

    Raises FetchError when the place does not answer with a revocation list; the stored one stays.
    """
    source = RevocationSource.objects.get(id=source_id)
    if source.withdrawn_at is not None:
        return
    der = _download(source.url)
    issued_at, next_at = _read(der)
    record("revocation-list:fetched", "revocation-source", source.id, {"sha256": sha256_hex(der)})
    RevocationSource.objects.filter(id=source.id).update(
        content=der, issued_at=issued_at, next_at=next_at, fetched_at=timezone.now()
    )


def _download(url: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise FetchError("Revocation lists are fetched over http and https only; register another place.")
    try:
        with build_opener(_StayThere).open(url, timeout=_SECONDS) as response:
            content: bytes = response.read(_MAX_BYTES + 1)
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"A registered place does not answer: {type(error).__name__}. Try again later.") from None
    if len(content) > _MAX_BYTES:
        raise FetchError(f"A registered place answers with more than {_MAX_BYTES} bytes; register another one.")
    return content


def _read(content: bytes) -> tuple[datetime, datetime | None]:
    try:
        tbs = crl.CertificateList.load(content, strict=True)["tbs_cert_list"]
        issued_at, next_at = tbs["this_update"].native, tbs["next_update"].native
        _ = tbs["issuer"].native, tbs["revoked_certificates"].native
    except (ValueError, TypeError):
        raise FetchError("A registered place answers with something else than a revocation list (DER).") from None
    return issued_at, next_at
