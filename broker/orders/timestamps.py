"""Read timestamp tokens (RFC 3161), whether a document timestamp or attached to a signature (PAdES B-T).

A token attached to a signature stands among its unsigned attributes, where anybody can put one. So a token
that does not fit is refused, and whose tokens count is judged elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asn1crypto import cms, core, tsp, x509
from pyhanko.sign.general import extract_certificate_info, extract_signer_info, find_cms_attribute_iter
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from broker.orders.verdict import Problem

_MAX_TOKENS: Final = 5


@dataclass(frozen=True, slots=True)
class Timestamp:
    """One token: who made it and when it says it did, with which digests over itself and over what it stamps."""

    info: cms.SignerInfo
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    made_at: datetime
    digests: tuple[str, str]


def read_timestamp(token: cms.SignedData) -> Timestamp:
    """Read a token; raises ValueError, or what asn1crypto raises, for anything that is none."""
    content = token["encap_content_info"]
    stamped = content["content"].parsed if content["content_type"].native == "tst_info" else None
    if not isinstance(stamped, tsp.TSTInfo):
        raise ValueError("This is no timestamp token.")
    info, certificates = extract_signer_info(token), extract_certificate_info(token)
    return Timestamp(
        info=info,
        certificate=certificates.signer_cert,
        others=tuple(certificates.other_certs),
        made_at=stamped["gen_time"].native.astimezone(UTC),
        digests=(
            info["digest_algorithm"]["algorithm"].native,
            stamped["message_imprint"]["hash_algorithm"]["algorithm"].native,
        ),
    )


def attached_timestamps(info: cms.SignerInfo) -> list[cms.SignedData] | Problem:
    """Return the tokens attached to a signature, each of which is made for it, or why one is not."""
    if info["unsigned_attrs"] is core.VOID:
        return []
    values = list(find_cms_attribute_iter(info["unsigned_attrs"], "signature_time_stamp_token"))
    if len(values) > _MAX_TOKENS:
        return Problem("order.too-complex", f"A signature has {len(values)} timestamps; {_MAX_TOKENS} are allowed.")
    signature: bytes = info["signature"].native
    tokens = []
    for value in values:
        token = value["content"]
        if not fits_timestamp(token, lambda digest: hashlib.new(digest, signature).digest()):
            return Problem("order.timestamp-invalid", "A timestamp was not made for the signature that carries it.")
        tokens.append(token)
    return tokens


def fits_timestamp(token: cms.SignedData, digest_of: Callable[[str], bytes]) -> bool:
    """Say whether a token is intact and was made for what `digest_of` computes a digest of.

    digest_of: takes the name of the digest that the token uses for what it stamps.
    """
    read = read_timestamp(token)
    content = token["encap_content_info"]["content"]
    if content.parsed["message_imprint"]["hashed_message"].native != digest_of(read.digests[1]):
        return False
    own = hashlib.new(read.digests[0], bytes(content)).digest()
    try:
        intact, valid = validate_sig_integrity(read.info, read.certificate, "tst_info", own)
    except SignatureValidationError:
        return False
    return bool(intact and valid)
