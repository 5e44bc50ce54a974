"""Read the signatures of a PDF: collect them, verify them cryptographically, gather what they bring along.

Nothing here says whose a signature is or what it covers; see `signer_trust.py` and `pdf_coverage.py`.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from asn1crypto import cms, core, x509
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
from broker.orders.revocation import Evidence
from broker.orders.timestamps import attached_timestamps, fits_timestamp, read_timestamp
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
    stamp = is_timestamp(signature)
    if not info["signed_attrs"] or content["content_type"].native != ("tst_info" if stamp else "data"):
        return Problem("order.signature-format", "A signature does not have the parts that PAdES asks for.")
    altered = Problem("order.altered", "The signature does not match the bytes it was made for.")
    if stamp:
        return None if fits_timestamp(signature.signed_data, lambda _: signature.compute_digest()) else altered
    if content["content"] is not core.VOID and content["content"].contents:
        return Problem("order.signature-format", "A signature carries its own content instead of the file's.")
    try:
        intact, valid = validate_sig_integrity(info, signature.signer_cert, "data", signature.compute_digest())
    except SignatureValidationError:
        return Problem("order.altered", "The signature contradicts itself about its certificate or algorithm.")
    if not intact or not valid:
        return altered
    tokens = attached_timestamps(info)
    return tokens if isinstance(tokens, Problem) else None


def claimed_time(signature: EmbeddedPdfSignature) -> datetime | None:
    """Return the instant at which the signature says it was made, aware, or None if it names none.

    It proves nothing; it can only contradict what is known.
    """
    claimed: datetime | None = signature.self_reported_timestamp
    if claimed is None or claimed.tzinfo is None:
        # A PDF date without an offset names no instant, so there is nothing to compare.
        return None
    return claimed.astimezone(UTC)


def signed_identity(ordered: list[EmbeddedPdfSignature]) -> str:
    """Return the identity of a signed order: the SHA-256, in hexadecimal digits, of what its first signer signed.

    ordered: all signatures of a document that holds, in the order of the file.
    What is digested are the signed attributes: they contain the digest of the signed bytes, and nobody without the
    court's key can change them. Everything else of the file has bytes that anybody may change without breaking a
    signature: unused certificates and unsigned attributes inside it, even its value (ECDSA has two for each), and
    timestamps, validation data and further signatures after it.
    """
    first = next(signature for signature in ordered if not is_timestamp(signature))
    return sha256(first.signer_info["signed_attrs"].untag().dump()).hexdigest()


def gather_evidence(reader: PdfFileReader, signatures: list[EmbeddedPdfSignature]) -> Evidence:
    """Collect certificates and revocation evidence from the signatures, their timestamps and the validation data (DSS).

    Raises ValueError for validation data that is not what it is said to be: nothing else may hide there.
    """
    certificates: list[x509.Certificate] = []
    crls: list[asn1_crl.CertificateList] = []
    ocsps: list[asn1_ocsp.OCSPResponse] = []
    for signature in signatures:
        certificates.extend(signature.other_embedded_certs)
        tokens = [] if is_timestamp(signature) else attached_timestamps(signature.signer_info)
        for token in () if isinstance(tokens, Problem) else tokens:
            certificates.extend(read_timestamp(token).others)
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
            asn1_crl.CertificateList.load(reference.get_object().read_data(DecodePurpose.CRL), strict=True)
            for reference in store.crls
        )
        ocsps.extend(
            asn1_ocsp.OCSPResponse.load(reference.get_object().read_data(DecodePurpose.OCSP_RESPONSE), strict=True)
            for reference in store.ocsps
        )
    return Evidence(tuple(certificates), tuple(crls), tuple(ocsps))
