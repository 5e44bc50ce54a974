"""Decide whether signatures cover the whole file, and what else was added between them.

pyHanko's own answer is not enough here: it lets bytes after the end mark, unused objects and form
filling pass. The rules are:
1. A signature's byte range is the file from its first byte, with one gap that holds exactly the signature.
2. The last signature or document timestamp ends at the last byte of the file, or nothing follows it but a
   revision of validation data (DSS) alone: that is how PAdES B-LT leaves a file that B-LTA then closes.
3. After an earlier signature there is nothing but validation data (DSS), document timestamps that show
   nothing on a page, and further signatures. Whose these are is judged elsewhere.
"""

from collections.abc import Sequence
from typing import Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DocInfoRule,
    DSSCompareRule,
    FormUpdatingRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    XrefStreamRule,
)
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from broker.orders.pdf_tail import is_one_clean_revision
from broker.orders.verdict import Problem

# Signing programs rewrite the modification date in /Info and XMP with each revision, so those two may
# change; neither is shown on a page. Form filling, changed form resources and unused objects may not.
_UNSHOWN: Final = tuple(
    rule.as_qualified(ModificationLevel.LTA_UPDATES)
    for rule in (DocInfoRule(), MetadataUpdateRule(), XrefStreamRule(), ObjectStreamRule(), DSSCompareRule())
)
_UNSHOWN_KEYS: Final = frozenset({"/DSS", "/Extensions", "/Metadata", "/Version"})
_ONLY_SIGNATURES: Final = StandardDiffPolicy(
    global_rules=[CatalogModificationRule(_UNSHOWN_KEYS | {"/AcroForm"}), *_UNSHOWN],
    form_rule=FormUpdatingRule(
        [SigFieldCreationRule(), SigFieldModificationRule()], ignored_acroform_keys=frozenset({"/Fields"})
    ),
    ignore_orphaned_objects=False,
    ignore_identical_objects=False,
)
_ONLY_VALIDATION_DATA: Final = StandardDiffPolicy(
    global_rules=[CatalogModificationRule(_UNSHOWN_KEYS), *_UNSHOWN],
    form_rule=None,
    ignore_orphaned_objects=False,
    ignore_identical_objects=False,
)


def is_timestamp(signature: EmbeddedPdfSignature) -> bool:
    """Say whether a signature field holds a document timestamp rather than somebody's signature."""
    return str(signature.sig_object_type) == "/DocTimeStamp"


def check_byte_range(pdf: bytes, signature: EmbeddedPdfSignature) -> Problem | None:
    """Apply rule 1 to one signature."""
    numbers = list(signature.byte_range)
    if len(numbers) != 4 or not all(isinstance(number, int) for number in numbers):
        return Problem("order.byte-range", "The byte range of a signature is not two pairs of numbers.")
    start, length, resume, rest = (int(number) for number in numbers)
    if start != 0 or length <= 0 or resume <= length or rest <= 0 or resume + rest > len(pdf):
        return Problem("order.byte-range", "The byte range of a signature does not fit the file.")
    gap = pdf[length:resume]
    contents = signature.pkcs7_content
    if gap[:1] != b"<" or gap[-1:] != b">" or gap[1:-1].lower() != contents.hex().encode():
        return Problem("order.byte-range", "The part that a signature leaves out holds more than the signature.")
    return None


def check_coverage(pdf: bytes, reader: PdfFileReader, signatures: Sequence[EmbeddedPdfSignature]) -> Problem | None:
    """Return why the signatures do not cover the file, or None if they do.

    pdf: the whole file as received; reader: over it, or over it without what follows its last end mark.
    signatures: every filled signature field, cryptographically intact.
    Source: ETSI EN 319 142-1 5.4 and 6.3; ISO 32000-2 12.8.1.
    """
    for signature in signatures:
        problem = check_byte_range(pdf, signature)
        if problem is not None:
            return problem
    ordered = sorted(signatures, key=end_of)
    last = ordered[-1]
    signed_bytes, file_bytes = end_of(last), len(pdf)
    # Rule 2. An end mark in what follows means a whole further revision.
    if b"%%EOF" in pdf[signed_bytes:]:
        if _adds_only_validation_data(pdf, reader, last):
            return _check_additions(reader, ordered)
        return Problem(
            "order.changed-after-signing",
            f"The last signature ends at byte {signed_bytes} of {file_bytes}; what follows is not signed.",
        )
    if signed_bytes < file_bytes:
        return Problem(
            "order.trailing-bytes",
            f"{file_bytes - signed_bytes} bytes follow byte {signed_bytes}, where the signed file ends.",
        )
    return _check_additions(reader, ordered)


def _check_additions(reader: PdfFileReader, ordered: Sequence[EmbeddedPdfSignature]) -> Problem | None:
    # Rule 3. A timestamp may be had by anybody, so one that shows something could print over the order.
    for signature in ordered:
        if is_timestamp(signature) and _is_visible(signature.sig_field):
            return Problem("order.changed-between-signatures", "A document timestamp shows something on a page.")
    for number, signature in enumerate(ordered, start=1):
        signature.compute_integrity_info(diff_policy=_ONLY_SIGNATURES)
        # Rule 2 has said that the last one covers the whole file, or all but validation data.
        if (
            signature.coverage < SignatureCoverageLevel.ENTIRE_REVISION
            or signature.summarise_integrity_info()["docmdp_ok"] is not True
        ):
            return Problem(
                "order.changed-between-signatures",
                f"After signature {number} of {len(ordered)} more than a further signature was added.",
            )
    # A revision that is no signature has to be there for its validation data.
    signed = {signature.signed_revision for signature in ordered}
    for number in range(ordered[0].signed_revision + 1, reader.total_revisions):
        if number not in signed and not _changes_validation_data(reader, number):
            return Problem("order.changed-between-signatures", "The file was saved once more between signatures.")
    # An empty field that came later may show text without anybody having signed for it.
    first = reader.get_historical_resolver(ordered[0].signed_revision)
    empty_before = {name for name, _, _ in enumerate_sig_fields(first, filled_status=False)}
    empty_now = {name for name, _, _ in enumerate_sig_fields(reader, filled_status=False)}
    if not empty_now <= empty_before:
        return Problem("order.changed-between-signatures", "An empty signature field was added after signing.")
    return None


def _adds_only_validation_data(pdf: bytes, reader: PdfFileReader, last: EmbeddedPdfSignature) -> bool:
    if last.signed_revision != reader.total_revisions - 2 or not is_one_clean_revision(pdf, reader, end_of(last)):
        return False
    if not _changes_validation_data(reader, reader.total_revisions - 1):
        return False
    last.compute_integrity_info(diff_policy=_ONLY_VALIDATION_DATA)
    whole = last.coverage == SignatureCoverageLevel.ENTIRE_REVISION
    return whole and last.summarise_integrity_info()["docmdp_ok"] is True


def _changes_validation_data(reader: PdfFileReader, number: int) -> bool:
    before, after = (reader.get_historical_resolver(revision) for revision in (number - 1, number))
    store = _raw(after.root, "/DSS")
    if store is None or store != _raw(before.root, "/DSS"):
        return store is not None
    # The same place; then the store itself, or a list in it, was written anew.
    parts = [store, *(store.get_object().raw_get(key) for key in store.get_object())]
    written = after.explicit_refs_in_revision()
    return any(isinstance(part, generic.IndirectObject) and part.reference in written for part in parts)


def _raw(dictionary: generic.DictionaryObject, key: str) -> generic.PdfObject | None:
    return dictionary.raw_get(key) if key in dictionary else None


def _is_visible(field: generic.DictionaryObject) -> bool:
    widgets = [field, *(kid.get_object() for kid in field.get("/Kids", ()))]
    for widget in widgets:
        left, bottom, right, top = widget.get("/Rect", (0, 0, 0, 0))
        if (left != right and bottom != top) or "/AP" in widget:
            return True
    return False


def end_of(signature: EmbeddedPdfSignature) -> int:
    """Return where the bytes end that a signature says it covers, counted from the beginning of the file."""
    return int(signature.byte_range[2]) + int(signature.byte_range[3])
