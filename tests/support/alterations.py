"""What happens to orders on their way: changes before signing that are refused, and changes after signing.

Functions take PDF bytes and return PDF bytes; none of them re-signs.
"""

import re
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature


def name(text: str) -> generic.NameObject:
    """Return a PDF name, for entries given to the functions below."""
    return generic.NameObject("/" + text)


def _dictionary(**entries: generic.PdfObject) -> generic.DictionaryObject:
    return generic.DictionaryObject({pdf_name("/" + key): value for key, value in entries.items()})


def _names(**entries: str) -> generic.DictionaryObject:
    return _dictionary(**{key: pdf_name("/" + value) for key, value in entries.items()})


def _rectangle(left: int, bottom: int, right: int, top: int) -> generic.ArrayObject:
    return generic.ArrayObject(generic.NumberObject(side) for side in (left, bottom, right, top))


def _writer(pdf: bytes) -> IncrementalPdfFileWriter:
    return IncrementalPdfFileWriter(BytesIO(pdf))


def _written(writer: IncrementalPdfFileWriter) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


# Changes to any document.


def add_annotation(pdf: bytes, **extra: generic.PdfObject) -> bytes:
    """Put a note over the text of the first page, or any annotation with the entries given."""
    writer = _writer(pdf)
    note = _names(Type="Annot", Subtype="FreeText")
    note.update(_dictionary(Rect=_rectangle(70, 600, 400, 640), Contents=pdf_string("192.0.2.99")))
    note.update(_dictionary(**extra))
    page_ref, _ = writer.find_page_for_modification(0)
    page = page_ref.get_object()
    page[pdf_name("/Annots")] = generic.ArrayObject([*page.get("/Annots", ()), writer.add_object(note)])
    writer.mark_update(page_ref)
    return _written(writer)


def swap_page(pdf: bytes) -> bytes:
    """Replace what the first page shows."""
    writer = _writer(pdf)
    page_ref, _ = writer.find_page_for_modification(0)
    content = generic.StreamObject(stream_data=b"0.5 g 100 100 300 300 re f")
    page_ref.get_object()[pdf_name("/Contents")] = writer.add_object(content)
    writer.mark_update(page_ref)
    return _written(writer)


def add_unused_object(pdf: bytes) -> bytes:
    """Add an object that nothing refers to."""
    writer = _writer(pdf)
    writer.add_object(_dictionary(Note=pdf_string("192.0.2.99")))
    return _written(writer)


def add_revision(pdf: bytes) -> bytes:
    """Save once more without changing what is shown, as an office program does."""
    writer = _writer(pdf)
    writer.set_info(writer.add_object(_dictionary(Producer=pdf_string("Some office program"))))
    return _written(writer)


def add_text_field(pdf: bytes) -> bytes:
    """Add an empty text field, as a form has."""
    writer = _writer(pdf)
    field = _names(Type="Annot", Subtype="Widget", FT="Tx")
    field.update(_dictionary(T=pdf_string("address"), Rect=_rectangle(70, 500, 300, 520), V=pdf_string("")))
    page_ref, _ = writer.find_page_for_modification(0)
    reference = writer.add_object(field)
    page_ref.get_object()[pdf_name("/Annots")] = generic.ArrayObject([reference])
    writer.mark_update(page_ref)
    form = _dictionary(Fields=generic.ArrayObject([reference]))
    writer.root[pdf_name("/AcroForm")] = writer.add_object(form)
    writer.update_root()
    return _written(writer)


def fill_text_field(pdf: bytes) -> bytes:
    """Fill the field of `add_text_field`."""
    writer = _writer(pdf)
    fields = writer.root["/AcroForm"]["/Fields"]
    for index in range(len(fields)):
        reference = fields.raw_get(index)
        if str(reference.get_object().get("/FT", "")) == "/Tx":
            reference.get_object()[pdf_name("/V")] = pdf_string("192.0.2.99")
            writer.mark_update(reference)
    return _written(writer)


def change_form(pdf: bytes) -> bytes:
    """Change how form fields are drawn, without touching a field."""
    writer = _writer(pdf)
    writer.root["/AcroForm"][pdf_name("/DA")] = pdf_string("/Helv 0 Tf 1 g")
    reference = writer.root.raw_get("/AcroForm")
    if isinstance(reference, generic.IndirectObject):
        writer.mark_update(reference)
    else:
        writer.update_root()
    return _written(writer)


def add_empty_signature_field(pdf: bytes, name: str = "Empty") -> bytes:
    """Add a signature field that shows something and that nobody has signed."""
    writer = _writer(pdf)
    append_signature_field(writer, SigFieldSpec(name, box=(70, 600, 400, 640)))
    return _written(writer)


def truncate(pdf: bytes) -> bytes:
    """Cut the file off in its last quarter."""
    return pdf[: len(pdf) * 3 // 4]


def append_bytes(pdf: bytes, extra: bytes = b"192.0.2.99") -> bytes:
    """Put bytes after the end of the file."""
    return pdf + extra


def change_one_byte(pdf: bytes) -> bytes:
    """Change one byte of the first stream, where the signed text is."""
    at = pdf.index(b"stream\n") + 12
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def encrypt(pdf: bytes) -> bytes:
    """Protect the file with a password."""
    writer = copy_into_new_writer(PdfFileReader(BytesIO(pdf)))
    writer.encrypt("secret", "secret")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


# Changes to the catalog before signing: each adds one thing that no order may have.


def _with_catalog(pdf: bytes, key: str, value: generic.PdfObject) -> bytes:
    writer = _writer(pdf)
    writer.root[pdf_name(key)] = value
    writer.update_root()
    return _written(writer)


def add_javascript(pdf: bytes) -> bytes:
    """Run a script when the file is opened."""
    action = _names(S="JavaScript")
    action.update(_dictionary(JS=pdf_string("app.alert(1)")))
    return _with_catalog(pdf, "/OpenAction", action)


def add_spelled_javascript(pdf: bytes) -> bytes:
    """Run a script, its name written with an escape so that a search for the word misses it."""
    plain = add_javascript(pdf)
    # The escape makes the file two bytes longer, so the part before it is padded by nothing: only the
    # cross-reference table, which stands after it, moves.
    start = plain.index(b"/JavaScript", len(pdf))
    moved = plain[:start] + b"/J#61vaScript" + plain[start + 11 :]
    offset = int(re.findall(rb"startxref\s+(\d+)", plain)[-1])
    catalog = plain.rindex(b" 0 obj", 0, start)
    later = [int(m) for m in re.findall(rb"(\d{10}) 00000 n", plain[offset:]) if int(m) > catalog]
    for position in [*later]:
        moved = moved.replace(b"%010d 00000 n" % position, b"%010d 00000 n" % (position + 2))
    return moved.replace(b"startxref\n%d" % offset, b"startxref\n%d" % (offset + 2))


def replace_opening_action(pdf: bytes) -> bytes:
    """Overwrite what happens on opening by nothing, leaving the older revision in the file."""
    return _with_catalog(pdf, "/OpenAction", generic.NullObject())


def add_launch(pdf: bytes) -> bytes:
    """Start a program when the file is opened."""
    action = _names(S="Launch")
    action.update(_dictionary(F=pdf_string("calc.exe")))
    return _with_catalog(pdf, "/OpenAction", action)


def add_automatic_link(pdf: bytes) -> bytes:
    """Open a web page when the file is opened."""
    return _with_catalog(pdf, "/OpenAction", web_link("https://tracker.example/"))


def add_attachment(pdf: bytes) -> bytes:
    """Attach a file."""
    names = _dictionary(Names=generic.ArrayObject([pdf_string("a.txt"), _names(Type="Filespec")]))
    return _with_catalog(pdf, "/Names", _dictionary(EmbeddedFiles=names))


def add_xfa(pdf: bytes) -> bytes:
    """Add an XFA form."""
    form = _dictionary(Fields=generic.ArrayObject(), XFA=pdf_string("<xdp/>"))
    return _with_catalog(pdf, "/AcroForm", form)


def add_external_page(pdf: bytes) -> bytes:
    """Take the content of the first page from another file."""
    writer = _writer(pdf)
    page_ref, _ = writer.find_page_for_modification(0)
    content = generic.StreamObject(_dictionary(F=pdf_string("elsewhere.txt")), stream_data=b"")
    page_ref.get_object()[pdf_name("/Contents")] = writer.add_object(content)
    writer.mark_update(page_ref)
    return _written(writer)


def web_link(target: str) -> generic.DictionaryObject:
    """Return an action that opens an address."""
    action = _names(S="URI")
    action.update(_dictionary(URI=pdf_string(target)))
    return action


def add_odd_signature(pdf: bytes) -> bytes:
    """Add a signature of a kind that programs leave out when they list signatures."""
    writer = _writer(pdf)
    value = _names(Type="Sig", Filter="Adobe.PPKLite", SubFilter="adbe.x509.rsa_sha1")
    value.update(_dictionary(Contents=generic.ByteStringObject(b"\0" * 8)))
    field = _names(Type="Annot", Subtype="Widget", FT="Sig")
    field.update(_dictionary(T=pdf_string("Odd"), Rect=_rectangle(0, 0, 0, 0), V=writer.add_object(value)))
    form = _dictionary(Fields=generic.ArrayObject([writer.add_object(field)]))
    writer.root[pdf_name("/AcroForm")] = writer.add_object(form)
    writer.update_root()
    return _written(writer)


def hybrid_document() -> bytes:
    """Write a small file with a cross-reference table and, beside it, a cross-reference stream."""
    objects = [b"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n", b"2 0 obj\n<</Kids[]/Count 0>>\nendobj\n"]
    body = b"%PDF-1.7\n" + objects[0] + objects[1]
    rows = b"\1" + len(b"%PDF-1.7\n").to_bytes(2, "big") + b"\0"
    stream = b"<</Type/XRef/Size 4/W[1 2 1]/Index[1 1]/Root 1 0 R/Length 4>>"
    table = b"xref\n0 3\n0000000000 65535 f \n%010d 00000 n \n%010d 00000 n \n" % (9, 9 + len(objects[0]))
    third = b"3 0 obj\n" + stream + b"\nstream\n" + rows + b"\nendstream\nendobj\n"
    trailer = b"trailer\n<</Size 4/Root 1 0 R/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n"
    return body + third + table + trailer % (len(body), len(body) + len(third))


# Changes to the signature of a signed document.


def move_byte_range(pdf: bytes) -> bytes:
    """Wrap a signed file: the old signature still verifies over the old bytes while another page shows.

    The signed bytes stay, but their second part moves to the end of the file; between the parts comes a
    new cross-reference table with a new page and with the old signature under a new byte range.
    """
    reader = PdfFileReader(BytesIO(pdf))
    signature: EmbeddedPdfSignature = reader.embedded_signatures[0]
    _, length, resume, rest = (int(number) for number in signature.byte_range)
    # 1. Up to the old table everything stays in place, so all old objects keep their offsets; readers
    #    will look for the table there, because the moved second part still names that offset.
    table = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    prefix = pdf[:table]
    old_rows = pdf[table : pdf.index(b"trailer", table)]
    trailer = pdf[pdf.index(b"trailer", table) : pdf.index(b"startxref", table)]
    # 2. The new page content and the old signature's dictionary under a new byte range.
    size = int(re.findall(rb"/Size (\d+)", trailer)[-1])
    evil = b"%d 0 obj\n<</Length 26>>\nstream\n0.5 g 100 100 300 300 re f\nendstream\nendobj\n" % size
    page = signature.reader.root["/Pages"]["/Kids"].raw_get(0).reference
    page_start = int(_offset_of(old_rows, page.idnum))
    page_object = pdf[page_start : pdf.index(b"endobj", page_start) + 7]
    new_page = re.sub(rb"/Contents \d+ 0 R", b"/Contents %d 0 R" % size, page_object)
    signed = signature.sig_field.raw_get("/V").reference.idnum
    signed_start = int(_offset_of(old_rows, signed))
    signed_object = pdf[signed_start : pdf.index(b"endobj", resume) + 7]
    # 3. Where everything lies: the table first, then the three objects, then the moved part.
    objects_at = table + len(old_rows) + len(b"%d 1\n%010d 00000 n \n" % (size, 0)) + len(trailer) + 2
    total = objects_at + len(evil) + len(new_page) + len(signed_object)
    new_range = b"/ByteRange [0 %d %d %d]" % (length, total, rest)
    old_range = re.findall(rb"/ByteRange \[[^\]]*\] *", signed_object)[0]
    signed_object = signed_object.replace(old_range, new_range.ljust(len(old_range)))
    rows = old_rows.replace(b"%010d 00000 n" % page_start, b"%010d 00000 n" % (objects_at + len(evil)))
    rows = rows.replace(b"%010d 00000 n" % signed_start, b"%010d 00000 n" % (objects_at + len(evil) + len(new_page)))
    rows += b"%d 1\n%010d 00000 n \n" % (size, objects_at)
    trailer = trailer.replace(b"/Size %d" % size, b"/Size %d" % (size + 1))
    head = prefix + rows + trailer
    padding = b"\n" * (objects_at - len(head))
    return head + padding + evil + new_page + signed_object + pdf[resume:]


def signature_space(pdf: bytes, number: int = 0) -> tuple[int, int]:
    """Return where a signature's own hexadecimal digits begin and end; number 0 is the first signature."""
    numbers = PdfFileReader(BytesIO(pdf)).embedded_signatures[number].byte_range
    return int(numbers[1]) + 1, int(numbers[2]) - 1


def change_signature_value(pdf: bytes) -> bytes:
    """Change the signature itself and none of what it says it signs, as a forger without the key would."""
    signature: EmbeddedPdfSignature = PdfFileReader(BytesIO(pdf)).embedded_signatures[0]
    value: bytes = signature.signer_info["signature"].native
    last = pdf.lower().index(value.hex().encode()) + 2 * len(value) - 1
    digit = b"%x" % (int(pdf[last : last + 1], 16) ^ 1)
    return pdf[:last] + digit + pdf[last + 1 :]


def fill_signature_space(pdf: bytes) -> bytes:
    """Hide bytes in the zeros that fill up a signature's reserved space."""
    end = pdf.rindex(b"0000>")
    return pdf[: end - 60] + b"AB" * 30 + pdf[end:]


def _offset_of(rows: bytes, wanted: int) -> bytes:
    """Find an object's offset in the text of a cross-reference table."""
    lines = rows.split(b"\n")
    number = 0
    for line in lines:
        start = re.fullmatch(rb"(\d+) (\d+)", line.strip())
        row = re.fullmatch(rb"(\d{10}) \d{5} ([nf])", line.strip())
        if start is not None:
            number = int(start[1])
        elif row is not None:
            if number == wanted and row[2] == b"n":
                return row[1]
            number += 1
    raise ValueError(f"Object {wanted} is not in the table.")


# Changes for programs that guess.


def begin_as_web_page(pdf: bytes) -> bytes:
    """Make the file a web page too: the mark-up stands in a comment after the first line."""
    line, rest = pdf.split(b"\n", 1)
    page = b"%<html><script>alert(1)</script>"
    # The comment takes the place of the one that says "this file is binary", and its length is made up for in
    # every offset of the one cross-reference table.
    comment, body = rest.split(b"\n", 1)
    longer = len(page) - len(comment)
    moved = line + b"\n" + page + b"\n" + body
    table = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    rows = re.sub(rb"(\d{10}) (\d{5} n)", lambda row: b"%010d %s" % (int(row[1]) + longer, row[2]), pdf[table:])
    rows = rows.replace(b"startxref\n%d" % table, b"startxref\n%d" % (table + longer))
    return moved[: table + longer] + rows


def add_external_entity(pdf: bytes) -> bytes:
    """Add metadata (XMP) whose text is read from a file of whoever opens it."""
    xml = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&e;</x:xmpmeta>'
    writer = _writer(pdf)
    metadata = generic.StreamObject(_names(Type="Metadata", Subtype="XML"), stream_data=xml)
    writer.root[pdf_name("/Metadata")] = writer.add_object(metadata)
    writer.update_root()
    return _written(writer)


def hide_before_table(pdf: bytes, hidden: bytes = b"%192.0.2.99\n") -> bytes:
    """Put bytes between the objects of the newest revision and its cross-reference table."""
    table = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    rest = pdf[table:].replace(b"startxref\n%d" % table, b"startxref\n%d" % (table + len(hidden)))
    return pdf[:table] + hidden + rest
