"""Judge every signature of a document at the latest instant at which it can have been made.

The walk goes from the end of the file to its beginning:
1. What stands last was made by the instant of examination; nothing else proves when.
2. A document timestamp that holds at the instant known so far proves that everything before it was there
   when it was made. From there on, that is the instant.
3. A timestamp attached to a signature does the same for that signature alone.
4. Each signature is judged at the instant so proved: its certificates, and whether they were revoked.

So an order stays good after its certificate has run out, or was revoked for a reason that came later, as long
as an unbroken chain of timestamps leads back to it. Source: ETSI EN 319 102-1 5.6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import cms, x509
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko_certvalidator.path import ValidationPath

from broker.orders.algorithms import weak_signature
from broker.orders.pdf_signatures import claimed_time
from broker.orders.revocation import CLOCK_TOLERANCE, Evidence, judge_revocation
from broker.orders.signer_trust import judge_path, judge_timestamp_path
from broker.orders.timestamps import Timestamp
from broker.orders.trust import SignaturePolicy
from broker.orders.verdict import Problem


@dataclass(frozen=True, slots=True)
class Stamp:
    """A timestamp and its verified chain to a registered authority."""

    timestamp: Timestamp
    path: ValidationPath


@dataclass(frozen=True, slots=True)
class Seal:
    """A signature of the court, its verified chain, and the timestamps attached to it."""

    signature: EmbeddedPdfSignature
    path: ValidationPath
    stamps: tuple[Stamp, ...]


def judge_times(
    found: Sequence[Seal | Stamp], evidence: Evidence, policy: SignaturePolicy, *, at: datetime
) -> Problem | None:
    """Return why a signature or timestamp does not hold at the instant proved for it, or None.

    found: all of a document in the order of the file, each covering all before it. at: the examination, aware.
    """
    known, proved = at, False
    for item in reversed(found):
        if isinstance(item, Stamp):
            problem = _judge_stamp(item, evidence, policy, known=known, at=at)
            known, proved = min(known, item.timestamp.made_at), True
        else:
            problem = _judge_seal(item, evidence, policy, known=known, proved=proved, at=at)
        if problem is not None:
            return problem
    return None


def _judge_stamp(
    stamp: Stamp, evidence: Evidence, policy: SignaturePolicy, *, known: datetime, at: datetime
) -> Problem | None:
    timestamp = stamp.timestamp
    return (
        _weak(timestamp.info, timestamp.digests)
        or judge_timestamp_path(stamp.path, evidence, when=known)
        or judge_revocation(stamp.path, evidence, policy, when=known, at=at)
        or _contradicted(timestamp.made_at, stamp.path.last, known=known, at=at)
    )


def _judge_seal(
    seal: Seal, evidence: Evidence, policy: SignaturePolicy, *, known: datetime, proved: bool, at: datetime
) -> Problem | None:
    signature = seal.signature
    when = known
    for stamp in seal.stamps:
        problem = _judge_stamp(stamp, evidence, policy, known=known, at=at)
        if problem is not None:
            return problem
        when = min(when, stamp.timestamp.made_at)
    if policy.timestamp_required and not (proved or seal.stamps):
        return Problem("order.timestamp-missing", "No timestamp proves when a signature was made.")
    return (
        _weak(signature.signer_info, (signature.md_algorithm, signature.external_md_algorithm))
        or judge_path(seal.path, evidence, policy, when=when)
        or judge_revocation(seal.path, evidence, policy, when=when, at=at)
        or _contradicted(claimed_time(signature), seal.path.last, known=when, at=at)
    )


def _weak(info: cms.SignerInfo, digests: Sequence[str]) -> Problem | None:
    # Two digests are named: one over the content and one over the attributes.
    for digest in digests:
        weakness = weak_signature(info["signature_algorithm"], digest)
        if weakness is not None:
            return Problem("order.weak-algorithm", f"A signature uses {weakness}.")
    return None


def _contradicted(
    claimed: datetime | None, certificate: x509.Certificate, *, known: datetime, at: datetime
) -> Problem | None:
    """A claimed time proves nothing; it can only contradict what is known."""
    if claimed is None:
        return None
    if claimed > at + CLOCK_TOLERANCE:
        return Problem("order.signed-in-the-future", f"A signature names {claimed:%Y-%m-%d %H:%M} UTC.")
    if claimed > known + CLOCK_TOLERANCE:
        return Problem("order.timestamp-contradicted", "A signature names a time after the timestamp that follows it.")
    if claimed < certificate.not_valid_before:
        return Problem("order.certificate-not-yet-valid", "A signature says it is older than its certificate.")
    return None
