"""Account for every byte of a revision that nobody has signed.

What the cross-references name is judged by comparing revisions. This is about the bytes between: a reader
that repairs files, or another program, might find something there. So the revision may be objects that its own
cross-references name, those cross-references, and white space; nothing else, and nothing twice.
"""

import re
from io import BytesIO
from typing import Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

_SPACE: Final = re.compile(rb"[\0\t\n\f\r ]*")
_HEADER: Final = re.compile(rb"(\d{1,10}) (\d{1,5}) obj(?![a-z])")
_TABLE: Final = re.compile(rb"xref[\r\n]+(?:\d+ \d+ *[\r\n]+(?:\d{10} \d{5} [nf][ \r\n]{1,2})*)+trailer\s*")
_END: Final = re.compile(rb"startxref[\r\n]+(\d{1,10})[\r\n]+%%EOF[\r\n]*\Z")


def is_one_clean_revision(pdf: bytes, reader: PdfFileReader, signed_bytes: int) -> bool:
    """Say whether the bytes from `signed_bytes` on are one revision and nothing besides.

    Raises what the PDF reader raises for what it cannot read.
    """
    stream = BytesIO(pdf)
    newest = reader.get_historical_resolver(reader.total_revisions - 1)
    named = {(reference.idnum, reference.generation) for reference in newest.explicit_refs_in_revision()}
    references_at = None
    position = _skip(pdf, signed_bytes)
    while references_at is None:
        header = _HEADER.match(pdf, position)
        table = _TABLE.match(pdf, position)
        if header is not None:
            key = (int(header[1]), int(header[2]))
            stream.seek(_skip(pdf, header.end()))
            value = generic.read_object(stream, generic.Reference(*key, pdf=reader))
            is_table = isinstance(value, generic.StreamObject) and value.get("/Type") == "/XRef"
            if key not in named and not is_table:
                return False
            named.discard(key)
            references_at = position if is_table else None
            position = _skip(pdf, stream.tell())
            if not pdf.startswith(b"endobj", position):
                return False
            position = _skip(pdf, position + len(b"endobj"))
        elif table is not None:
            references_at = position
            stream.seek(table.end())
            generic.read_object(stream, generic.TrailerReference(reader))
            position = _skip(pdf, stream.tell())
        else:
            return False
    end = _END.match(pdf, position)
    return end is not None and int(end[1]) == references_at


def _skip(pdf: bytes, position: int) -> int:
    found = _SPACE.match(pdf, position)
    return position if found is None else found.end()
