"""Read the signatures of a PDF: collect them, verify them cryptographically, gather what they bring along.

Nothing here says whose a signature is or what it covers; see `signer_trust.py` and `pdf_coverage.py`.
"""

import hashlib
from datetime import UTC, datetime
from typing import Final

from asn1crypto import cms, core, tsp, x509
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.general import find_cms_attribute_iter
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from broker.orders.pdf_coverage import check_byte_range, is_timestamp
from broker.orders.signer_trust import Evidence
from broker.orders.verdict import Problem

_MAX_SIGNATURES: Final = 20
_SUBFILTERS: Final = {
    "/Sig": frozenset({"/ETSI.CAdES.detached", "/adbe.pkcs7.detached"}),
    "/DocTimeStamp": frozenset({"/ETSI.RFC3161"}),
}


def collect_signatures(reader: PdfFileReader) -> list[EmbeddedPdfSignature] | Problem:
    """Return every filled signature field, timestamps included, or why one of them cannot be accepted.

    pyHanko's own collection leaves unknown kinds out; a document must not hide a signature that way.
    """
    fields = list(enumerate_sig_fields(reader, filled_status=True))
    if len(fields) > _MAX_SIGNATURES:
        return Problem("order.too-complex", f"The file has {len(fields)} signatures; {_MAX_SIGNATURES} are allowed.")
    signatures = []
    for name, value, field in fields:
        dictionary = value.get_object()
        if not isinstance(dictionary, generic.DictionaryObject):
            return Problem("order.signature-format", "A signature field holds something else than a signature.")
        accepted = _SUBFILTERS.get(str(dictionary.get("/Type", "/Sig")), frozenset())
        if str(dictionary.get("/SubFilter", "")) not in accepted:
            return Problem("order.signature-format", "A signature is of a kind that is not accepted.")
        signatures.append(EmbeddedPdfSignature(reader, field, name))
    return signatures


def check_integrity(body: bytes, signature: EmbeddedPdfSignature) -> Problem | None:
    """Return why a signature does not fit the bytes it names, or None.

    body: the bytes that the signature's reader was opened on.
    """
    numbers = signature.byte_range
    if len(numbers) % 2 or not all(isinstance(n, int) and 0 <= n <= len(body) for n in numbers):
        # The digest below needs a readable byte range; what it must cover is another check's question.
        return check_byte_range(body, signature)
    container = cms.ContentInfo.load(signature.pkcs7_content)
    if signature.pkcs7_content[len(container.dump()) :].strip(b"\0"):
        return Problem("order.byte-range", "The space reserved for a signature holds something else as well.")
    info = signature.signer_info
    content = signature.signed_data["encap_content_info"]
    expected = "tst_info" if is_timestamp(signature) else "data"
    if not info["signed_attrs"] or content["content_type"].native != expected:
        return Problem("order.signature-format", "A signature does not have the parts that PAdES asks for.")
    if is_timestamp(signature):
        digest = _digest_of_timestamp(signature)
    elif content["content"] is core.VOID or not content["content"].contents:
        digest = signature.compute_digest()
    else:
        return Problem("order.signature-format", "A signature carries its own content instead of the file's.")
    altered = Problem("order.altered", "The signature does not match the bytes it was made for.")
    if digest is None:
        return altered
    try:
        intact, valid = validate_sig_integrity(info, signature.signer_cert, expected, digest)
    except SignatureValidationError:
        return Problem("order.altered", "The signature contradicts itself about its certificate or algorithm.")
    return None if intact and valid else altered


def claimed_time(signature: EmbeddedPdfSignature) -> datetime | None:
    """Return the instant at which the signature says it was made, aware, or None if it names none.

    It proves nothing; it can only contradict what is known.
    """
    if is_timestamp(signature):
        content = signature.signed_data["encap_content_info"]["content"].parsed
        claimed: datetime | None = content["gen_time"].native
    else:
        claimed = signature.self_reported_timestamp
    if claimed is None or claimed.tzinfo is None:
        # A PDF date without an offset names no instant, so there is nothing to compare.
        return None
    return claimed.astimezone(UTC)


def gather_evidence(reader: PdfFileReader, signatures: list[EmbeddedPdfSignature]) -> Evidence:
    """Collect certificates and revocation evidence from the signatures and the validation data (DSS)."""
    certificates: list[x509.Certificate] = []
    crls: list[asn1_crl.CertificateList] = []
    ocsps: list[asn1_ocsp.OCSPResponse] = []
    for signature in signatures:
        certificates.extend(signature.other_embedded_certs)
        for archive in find_cms_attribute_iter(signature.signer_info["signed_attrs"], "adobe_revocation_info_archival"):
            crls.extend(archive["crl"] or ())
            ocsps.extend(archive["ocsp"] or ())
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        store = None
    if store is not None:
        certificates.extend(store.load_certs())
        crls.extend(
            asn1_crl.CertificateList.load(reference.get_object().read_data(DecodePurpose.CRL))
            for reference in store.crls
        )
        ocsps.extend(
            asn1_ocsp.OCSPResponse.load(reference.get_object().read_data(DecodePurpose.OCSP_RESPONSE))
            for reference in store.ocsps
        )
    return Evidence(tuple(certificates), tuple(crls), tuple(ocsps))


def _digest_of_timestamp(signature: EmbeddedPdfSignature) -> bytes | None:
    """Return the digest of the timestamp's own content, or None if it was made for other bytes."""
    content = signature.signed_data["encap_content_info"]["content"]
    stamped = content.parsed
    if not isinstance(stamped, tsp.TSTInfo):
        return None
    if stamped["message_imprint"]["hashed_message"].native != signature.compute_digest():
        return None
    return hashlib.new(signature.md_algorithm, bytes(content)).digest()
