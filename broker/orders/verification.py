"""Examine an order document: bytes and registered certificates in, a verdict of numbered checks out.

Pure: no Django, no clock, no network, no file. The document is hostile until the verdict says otherwise, so
only `sandbox.py` runs this on uploads. Not here: comparing the text with the terms, which people do, and
fetching revocation lists, which `revocation_lists.py` does beforehand.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from typing import Final

from asn1crypto import cms
from asn1crypto.crl import CertificateList
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from broker.orders.pdf_coverage import check_coverage, end_of, is_timestamp
from broker.orders.pdf_features import find_forbidden_feature, is_picture_only, looks_like_web_page
from broker.orders.pdf_signatures import check_integrity, collect_signatures, gather_evidence, signed_identity
from broker.orders.revocation import Evidence
from broker.orders.signer_trust import Registered, find_path
from broker.orders.signing_time import Seal, Stamp, judge_times
from broker.orders.timestamps import attached_timestamps, read_timestamp
from broker.orders.trust import CourtTrust
from broker.orders.verdict import CODES, Check, DocumentVerdict, Problem, build_verdict

__all__ = ["CODES", "MAX_BYTES", "Check", "DocumentVerdict", "verify_document"]

MAX_BYTES: Final = 20 * 1024 * 1024
_MAX_OBJECTS: Final = 50_000
_MAX_REVISIONS: Final = 50

# What the PDF and ASN.1 readers raise on hostile input, as found by reading and fuzzing them. Anything else,
# MemoryError above all, is left to end the process: the sandbox makes a refusal of that as well.
_MALFORMED: Final = (
    PdfError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    struct.error,
    zlib.error,
)


def verify_document(pdf: bytes, trust: CourtTrust, *, at: datetime) -> DocumentVerdict:
    """Say whether a PDF is an unchanged document signed by the court as it is registered.

    pdf: the file exactly as received.
    trust: what is registered for that court.
    at: the instant of examination, aware. A signature that no registered timestamp proves to be older is
        judged at this instant, and no claimed time may be later.

    Returns all checks of the published table, and if they all hold the identity of the signed order. The first
    that fails ends the examination. Raises ValueError for a naive `at`, never for anything in the document.
    Source: ETSI EN 319 142-1; ETSI EN 319 102-1 5.2; RFC 5280 6.
    """
    if at.tzinfo is None:
        raise ValueError("The instant of examination needs an offset; pass an aware datetime.")
    examination = _Examination(pdf, trust, at)
    results: list[Problem | None] = []
    for step in _STEPS:
        try:
            problem = step(examination)
        except _MALFORMED:
            problem = Problem("order.malformed", "The file could not be read at this check.")
        results.append(problem)
        if problem is not None:
            break
    return build_verdict(results, identity=examination.identity)


@dataclass
class _Examination:
    """What the steps have found so far; each step may rely on those before it having held."""

    pdf: bytes
    trust: CourtTrust
    at: datetime
    body: bytes = b""
    objects: list[generic.PdfObject] = field(default_factory=list)
    signatures: list[EmbeddedPdfSignature] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    found: list[Seal | Stamp] = field(default_factory=list)
    identity: str = ""
    _reader: PdfFileReader | None = None

    @property
    def reader(self) -> PdfFileReader:
        if self._reader is None:
            self._reader = PdfFileReader(BytesIO(self.body), strict=True)
        return self._reader


def _check_size(examination: _Examination) -> Problem | None:
    size = len(examination.pdf)
    if size == 0:
        return Problem("order.empty", "The file has no bytes.")
    if size > MAX_BYTES:
        return Problem("order.too-large", f"The file has {size} bytes; {MAX_BYTES} are allowed.")
    return None


def _check_readable(examination: _Examination) -> Problem | None:
    # 1. The file begins as a PDF with its first byte and has an end mark. What follows the last mark is set
    #    aside; check 6 refuses it, because only there is it known what was signed.
    pdf = examination.pdf
    if not pdf.startswith(b"%PDF-"):
        return Problem("order.not-a-pdf", "The file does not begin with %PDF-.")
    if looks_like_web_page(pdf):
        return Problem("order.ambiguous-structure", "The file begins like a PDF and like a web page.")
    mark = pdf.rfind(b"%%EOF")
    if mark < 0:
        return Problem("order.truncated", "The file has no end mark.")
    after = pdf[mark + 5 :]
    examination.body = pdf[: len(pdf) - len(after.lstrip(b"\0\t\n\f\r "))]
    cut = len(examination.body) < len(pdf)
    # 2. Every object of every revision can be read, and there are not too many.
    try:
        problem = _read_objects(examination)
        signed = problem is None and bool(collect_signatures(examination.reader))
    except _MALFORMED:
        if not cut:
            raise
        signed = False
        problem = None
    if problem is None and cut and not signed:
        return Problem("order.truncated", "The file goes on after its last end mark but does not come to another.")
    return problem


def _read_objects(examination: _Examination) -> Problem | None:
    reader = examination.reader
    if "/Encrypt" in reader.trailer:
        return Problem("order.encrypted", "The file's trailer names an encryption.")
    if reader.xrefs.hybrid_xrefs_present:
        return Problem("order.ambiguous-structure", "The file has hybrid cross-references.")
    revisions = [
        reader.get_historical_resolver(number) for number in range(min(reader.total_revisions, _MAX_REVISIONS + 1))
    ]
    count = sum(len(revision.explicit_refs_in_revision()) for revision in revisions)
    if len(revisions) > _MAX_REVISIONS or count > _MAX_OBJECTS:
        return Problem(
            "order.too-complex",
            f"The file has {reader.total_revisions} revisions and {count} objects or more.",
        )
    examination.objects = [
        revision(reference) for revision in revisions for reference in revision.explicit_refs_in_revision()
    ]
    examination.objects.append(reader.trailer_view)
    _ = reader.root["/Pages"]
    return None


def _check_content(examination: _Examination) -> Problem | None:
    return find_forbidden_feature(examination.objects)


def _check_signed(examination: _Examination) -> Problem | None:
    found = collect_signatures(examination.reader)
    if isinstance(found, Problem):
        return found
    if not any(not is_timestamp(signature) for signature in found):
        if is_picture_only(examination.objects):
            return Problem("order.image-only", "The file has pictures, no text and no signature.")
        return Problem("order.unsigned", "The file has no signature; a timestamp alone is none.")
    examination.signatures = found
    return None


def _check_intact(examination: _Examination) -> Problem | None:
    problems = (check_integrity(examination.body, signature) for signature in examination.signatures)
    return next((problem for problem in problems if problem is not None), None)


def _check_coverage(examination: _Examination) -> Problem | None:
    problem = check_coverage(examination.pdf, examination.reader, examination.signatures)
    if problem is None:
        examination.signatures.sort(key=end_of)
    return problem


def _check_signer(examination: _Examination) -> Problem | None:
    trust = examination.trust
    try:
        court = Registered.load(trust.certificates)
        authorities = Registered.load(trust.timestamp_authorities)
        fetched = tuple(CertificateList.load(der, strict=True) for der in trust.revocation_lists)
    except ValueError:
        return Problem("order.no-registered-certificate", "A registered certificate or list cannot be read.")
    gathered = gather_evidence(examination.reader, examination.signatures)
    evidence = examination.evidence = replace(gathered, crls=(*gathered.crls, *fetched))
    for signature in examination.signatures:
        item: Seal | Stamp | Problem
        if is_timestamp(signature):
            item = _find_stamp(signature.signed_data, authorities, evidence)
        else:
            item = _find_seal(signature, court, authorities, evidence)
        if isinstance(item, Problem):
            return item
        examination.found.append(item)
    return None


def _find_seal(
    signature: EmbeddedPdfSignature, court: Registered, authorities: Registered, evidence: Evidence
) -> Seal | Problem:
    path = find_path(signature.signer_cert, court, evidence)
    if isinstance(path, Problem):
        return path
    tokens = attached_timestamps(signature.signer_info)
    if isinstance(tokens, Problem):
        return tokens
    stamps = []
    for token in tokens:
        stamp = _find_stamp(token, authorities, evidence)
        if isinstance(stamp, Problem):
            return stamp
        stamps.append(stamp)
    return Seal(signature, path, tuple(stamps))


def _find_stamp(token: cms.SignedData, authorities: Registered, evidence: Evidence) -> Stamp | Problem:
    timestamp = read_timestamp(token)
    path = find_path(timestamp.certificate, authorities, evidence)
    if isinstance(path, Problem):
        return Problem("order.timestamp-untrusted", "A timestamp is from an unregistered authority.")
    return Stamp(timestamp, path)


def _check_certificates(examination: _Examination) -> Problem | None:
    problem = judge_times(examination.found, examination.evidence, examination.trust.policy, at=examination.at)
    if problem is None:
        examination.identity = signed_identity(examination.signatures)
    return problem


# Step n is check n of the published table.
_STEPS: Final[tuple[Callable[[_Examination], Problem | None], ...]] = (
    _check_size,
    _check_readable,
    _check_content,
    _check_signed,
    _check_intact,
    _check_coverage,
    _check_signer,
    _check_certificates,
)
