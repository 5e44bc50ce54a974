"""Look for what an order may not contain: scripts, actions, attachments, forms of XFA, outside references.

Every object of every revision is looked at, reachable or not, so that nothing hides in an old revision.
Names are compared after decoding, so `/J#61vaScript` is the same as `/JavaScript`.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from broker.orders.verdict import Problem

# Entries that are wrong wherever they stand.
_FORBIDDEN_KEYS: Final = {
    "/JS": "order.javascript",
    "/JavaScript": "order.javascript",
    "/AA": "order.automatic-action",
    "/EmbeddedFiles": "order.embedded-file",
    "/EF": "order.embedded-file",
    "/AF": "order.embedded-file",
    "/Collection": "order.embedded-file",
    "/XFA": "order.xfa",
    "/OPI": "order.external-reference",
    "/RichMediaContent": "order.multimedia",
}

# Kinds of action (/S). What is not listed here or as harmless is refused as external.
_FORBIDDEN_ACTIONS: Final = {
    "/JavaScript": "order.javascript",
    "/Launch": "order.launch-action",
    "/GoToR": "order.external-reference",
    "/GoToE": "order.embedded-file",
    "/SubmitForm": "order.external-reference",
    "/ImportData": "order.external-reference",
    "/Thread": "order.external-reference",
    "/Rendition": "order.multimedia",
    "/Sound": "order.multimedia",
    "/Movie": "order.multimedia",
    "/GoTo3DView": "order.multimedia",
    "/RichMediaExecute": "order.multimedia",
}

_FORBIDDEN_KINDS: Final = {
    "/EmbeddedFile": "order.embedded-file",
    "/FileAttachment": "order.embedded-file",
    "/Filespec": "order.external-reference",
    "/PS": "order.javascript",
    "/Screen": "order.multimedia",
    "/Sound": "order.multimedia",
    "/Movie": "order.multimedia",
    "/RichMedia": "order.multimedia",
    "/3D": "order.multimedia",
}

_GUESSED_BYTES: Final = 1_445  # what browsers look at (WHATWG MIME Sniffing 5.2)

_SENTENCES: Final = {
    "order.javascript": "a script",
    "order.launch-action": "an action that starts a program",
    "order.automatic-action": "an action that runs by itself",
    "order.embedded-file": "an attached file or a reference to one",
    "order.xfa": "an XFA form",
    "order.external-reference": "a reference to something outside the file",
    "order.multimedia": "sound, film or 3D content",
}


def find_forbidden_feature(objects: Iterable[generic.PdfObject]) -> Problem | None:
    """Return the first feature that an order may not have, or None.

    objects: all indirect objects of all revisions, and the trailers.
    A link that a reader clicks, to a web or mail address, is allowed: courts print where to verify
    their document. The same address in an automatic action is not.
    """
    for top in objects:
        for dictionary in _dictionaries(top):
            code = _forbidden(dictionary) or _external_entity(dictionary)
            if code is not None:
                return Problem(code, f"The file holds {_SENTENCES[code]}.")
    return None


def looks_like_web_page(pdf: bytes) -> bool:
    """Say whether a program that guesses kinds of files by their beginning could take this one for a web page."""
    beginning = pdf[:_GUESSED_BYTES].lower()
    return any(mark in beginning for mark in (b"<html", b"<!doctype", b"<script", b"<svg"))


def is_picture_only(objects: Iterable[generic.PdfObject]) -> bool:
    """Say whether the file has images but not one font, so that all its text is a picture."""
    has_image = False
    for top in objects:
        for dictionary in _dictionaries(top):
            if _name(dictionary, "/Type") == "/Font":
                return False
            has_image = has_image or _name(dictionary, "/Subtype") == "/Image"
    return has_image


def _forbidden(dictionary: generic.DictionaryObject) -> str | None:
    for key, code in _FORBIDDEN_KEYS.items():
        if key in dictionary:
            return code
    for kind in (_name(dictionary, "/Type"), _name(dictionary, "/Subtype")):
        # A page's dictionary of fonts may name one "/PS"; only the values of Type and Subtype count.
        if kind in _FORBIDDEN_KINDS:
            return _FORBIDDEN_KINDS[kind]
    action = _name(dictionary, "/S")
    if action in _FORBIDDEN_ACTIONS:
        return _FORBIDDEN_ACTIONS[action]
    if action == "/URI" and not _is_plain_link(dictionary):
        return "order.external-reference"
    opening = dictionary.raw_get("/OpenAction").get_object() if "/OpenAction" in dictionary else None
    if isinstance(opening, generic.DictionaryObject) and _name(opening, "/S") != "/GoTo":
        return _FORBIDDEN_ACTIONS.get(_name(opening, "/S"), "order.automatic-action")
    return _external_data(dictionary)


def _external_data(dictionary: generic.DictionaryObject) -> str | None:
    # A stream's /F names the file that its data is really in; an annotation's /F is a number.
    if isinstance(dictionary, generic.StreamObject) and "/F" in dictionary:
        return "order.external-reference"
    # A reference XObject shows a page of another file (ISO 32000-2, 8.10.4).
    if _name(dictionary, "/Subtype") == "/Form" and "/Ref" in dictionary:
        return "order.external-reference"
    if "/FS" in dictionary and _name(dictionary, "/FS") != "":
        return "order.external-reference"
    return None


def _external_entity(dictionary: generic.DictionaryObject) -> str | None:
    # XMP is XML, and a declaration in XML can name files and addresses to be read in its place. No XMP has one.
    if not isinstance(dictionary, generic.StreamObject) or _name(dictionary, "/Subtype") != "/XML":
        return None
    text = dictionary.read_data(DecodePurpose.XMP_METADATA).replace(b"\0", b"").upper()
    return "order.external-reference" if b"<!DOCTYPE" in text or b"<!ENTITY" in text else None


def _is_plain_link(action: generic.DictionaryObject) -> bool:
    target = action.raw_get("/URI").get_object() if "/URI" in action else None
    if isinstance(target, generic.ByteStringObject):
        target = target.decode("ascii", errors="replace")
    return isinstance(target, str) and urlsplit(target).scheme.lower() in {"http", "https", "mailto"}


def _name(dictionary: generic.DictionaryObject, key: str) -> str:
    """Return the name under a key, "" if there is none or it is something else."""
    value = dictionary.raw_get(key).get_object() if key in dictionary else None
    return str(value) if isinstance(value, generic.NameObject) else ""


def _dictionaries(top: generic.PdfObject) -> Iterator[generic.DictionaryObject]:
    """Walk the direct dictionaries inside one object, without following references and without recursion."""
    waiting = [top]
    while waiting:
        value = waiting.pop()
        if isinstance(value, generic.DictionaryObject):
            yield value
            waiting.extend(value.raw_get(key) for key in value)
        elif isinstance(value, generic.ArrayObject):
            waiting.extend(value.raw_get(index) for index in range(len(value)))
