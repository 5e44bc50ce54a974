"""What a file of parties says about a court's signatures: certificates, lists, and what they must bring.

certificate = "file.crt"                 the court's authority or signer, beside the file
timestamp-authorities = ["file.crt"]     whose timestamps over its orders are believed
revocation-lists = ["http://..."]        where lists are fetched, every hour
[organisation.signatures]                what is not said is as strict as below
timestamp-required = false               orders must prove when they were signed
revocation-required = true               orders without fresh evidence about revocation are refused
revocation-max-age-hours = 24            how much older than the signature that evidence may be
certificate-policies = ["1.2.3"]         the signer's certificate must name one of these; [] for any
key-usage = ["content-commitment"]       and be meant for all of these; "digital-signature" is the other
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.parties.court_trust import RevocationSource, SignaturePolicy
from broker.parties.models import CourtCertificate, Organisation
from broker.parties.services import register_court_certificate

# The names of RFC 5280, and those of the library that reads certificates.
_KEY_USAGE: Final = {"digital-signature": "digital_signature", "content-commitment": "non_repudiation"}
_DEFAULTS: Final[dict[str, Any]] = {
    "timestamp-required": False,
    "revocation-required": True,
    "revocation-max-age-hours": 24,
    "certificate-policies": [],
    "key-usage": [],
}
_IDENTIFIER: Final = re.compile(r"[0-2](\.(0|[1-9]\d*))+")


def register_trust(court: Organisation, item: dict[str, Any], folder: Path) -> None:
    """Register what one entry says; what is known already stays, and policies that differ become a new version.

    Raises ValueError that says which value is wrong, FileNotFoundError, and InputError for a file that is no
    certificate.
    """
    named = {"certificate", "timestamp-authorities", "revocation-lists", "signatures"} & set(item)
    if named and court.kind != Organisation.Kind.COURT:
        raise ValueError(f"{', '.join(sorted(named))} belong to an organisation of kind court")
    if "certificate" in item:
        register_court_certificate(court, (folder / item["certificate"]).read_bytes())
    for name in _texts(item, "timestamp-authorities"):
        register_court_certificate(court, (folder / name).read_bytes(), CourtCertificate.Use.TIMESTAMP)
    for url in _texts(item, "revocation-lists"):
        _register_source(court, url)
    if "signatures" in item:
        _register_policy(court, item["signatures"])


def _register_source(court: Organisation, url: str) -> None:
    try:
        URLValidator(schemes=["http", "https"])(url)
    except ValidationError:
        raise ValueError("revocation-lists holds something that is no http or https address") from None
    source, made = RevocationSource.objects.get_or_create(court=court, url=url)
    if made:
        facts = {"source": str(source.id), "url_sha256": sha256_hex(url.encode())}
        record("revocation-source:registered", "organisation", court.id, facts)


def _register_policy(court: Organisation, data: dict[str, Any]) -> None:
    if unknown := set(data) - set(_DEFAULTS):
        raise ValueError(f"signatures knows no {', '.join(sorted(unknown))}")
    said = _DEFAULTS | data
    for name in ("timestamp-required", "revocation-required"):
        if not isinstance(said[name], bool):
            raise ValueError(f"{name} is true or false")
    hours = said["revocation-max-age-hours"]
    if isinstance(hours, bool) or not isinstance(hours, int) or not 1 <= hours <= 24 * 366:
        raise ValueError("revocation-max-age-hours is a whole number from 1 to 8784")
    policies, usage = _texts(said, "certificate-policies"), _texts(said, "key-usage")
    if not all(_IDENTIFIER.fullmatch(policy) for policy in policies):
        raise ValueError("certificate-policies are dotted identifiers such as 1.3.6.1.4.1.5734.3.5")
    if not set(usage) <= set(_KEY_USAGE):
        raise ValueError(f"key-usage knows {', '.join(sorted(_KEY_USAGE))}")
    fields = {
        "timestamp_required": said["timestamp-required"],
        "revocation_required": said["revocation-required"],
        "revocation_max_age_hours": hours,
        "certificate_policies": sorted(policies),
        "key_usage": sorted(_KEY_USAGE[name] for name in usage),
    }
    newest = SignaturePolicy.objects.filter(court=court).last()
    if newest is None or any(getattr(newest, name) != value for name, value in fields.items()):
        made = SignaturePolicy.objects.create(court=court, **fields)
        # By its number: identifiers of policies look like addresses, and those have no place in the log.
        record("signature-policy:registered", "organisation", court.id, {"policy": made.id})


def _texts(item: dict[str, Any], name: str) -> list[str]:
    found = item.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{name} is a list of texts")
    return found
