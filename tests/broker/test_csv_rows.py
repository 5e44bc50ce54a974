"""CSV is read strictly; every defect is located, all are collected."""

from __future__ import annotations

import hashlib
import io

import pytest

from broker.csv_rows import LISTED, MAX_LINE_BYTES, CsvFile, Problems
from broker.errors import InputError

COLUMNS = ("reference", "text")


def read(
    data: bytes, further: tuple[str, ...] = ()
) -> tuple[list[tuple[int, dict[str, str]]], list[dict[str, object]]]:
    problems = Problems()
    sheet = CsvFile(io.BytesIO(data), COLUMNS, further)
    rows = [(row.line, row.values) for row in sheet.rows(problems)]
    try:
        problems.refuse()
    except InputError as error:
        return rows, [dict(p.as_dict()) for p in error.problems]
    return rows, []


def codes(data: bytes, further: tuple[str, ...] = ()) -> list[tuple[object, object]]:
    return [(p.get("line"), p["code"]) for p in read(data, further)[1]]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_reads_rows_with_their_lines(mark: bytes, end: bytes) -> None:
    data = mark + end.join([b"reference,text", b"a,1", b"", b'b,"2, 3"', "c,Łęcka".encode()])
    assert read(data) == (
        [
            (2, {"reference": "a", "text": "1"}),
            (4, {"reference": "b", "text": "2, 3"}),
            (5, {"reference": "c", "text": "Łęcka"}),
        ],
        [],
    )


def test_a_value_with_new_lines_counts_as_one_row_and_lines_after_it_stay_right() -> None:
    rows, problems = read(b'reference,text\na,"one\ntwo\nthree"\nb,2\n')
    assert [line for line, _ in rows] == [2, 5]
    assert rows[0][1]["text"] == "one\ntwo\nthree"
    assert problems == []


def test_further_columns_are_read_in_any_order() -> None:
    assert read(b"reference,text,y,x\na,1,2,3\n", ("x", "y"))[0] == [
        (2, {"reference": "a", "text": "1", "y": "2", "x": "3"})
    ]


@pytest.mark.parametrize(
    "header",
    [b"text,reference", b"reference", b"Reference,text", b"reference,text,z", b"a,1", b"reference, text"],
)
def test_refuses_another_header(header: bytes) -> None:
    assert codes(header + b"\na,1\n", ("x",)) == [(1, "csv.header")]


def test_refuses_a_header_that_names_a_column_twice() -> None:
    assert codes(b"reference,text,x,x\na,1,2,3\n", ("x",)) == [(1, "csv.header")]


@pytest.mark.parametrize("sign", [b";", b"\t", b"|"])
def test_refuses_another_delimiter_by_name(sign: bytes) -> None:
    assert codes(b"reference" + sign + b"text\na" + sign + b"1\n") == [(1, "csv.delimiter")]


def test_refuses_an_empty_file() -> None:
    assert codes(b"") == [(1, "csv.header")]


def test_refuses_other_encodings_and_names_the_lines() -> None:
    assert codes(b"reference,text\na,Jos\xe9\nb,1\nc,Mu\xf1iz\n") == [
        (2, "csv.encoding"),
        (4, "csv.encoding"),
    ]
    assert codes("reference,text\na,1\n".encode("utf-16")) == [(1, "csv.encoding")]
    assert codes("reference,text\na,1\n".encode("utf-16-le")) == [(1, "csv.encoding")]


def test_reports_defects_after_a_line_in_another_encoding_at_their_own_lines() -> None:
    assert codes(b"reference,text\na,Jos\xe9\nb\n") == [(2, "csv.encoding"), (3, "csv.columns")]


@pytest.mark.parametrize("row", [b"a", b"a,1,2"])
def test_refuses_rows_with_another_number_of_values(row: bytes) -> None:
    assert codes(b"reference,text\nx,0\n" + row + b"\n") == [(3, "csv.columns")]


@pytest.mark.parametrize("row", [b'a,"1', b'a,"1"2', b'"a,1\nb,2\n'])
def test_refuses_broken_quotes_at_the_line_where_the_row_begins(row: bytes) -> None:
    assert codes(b"reference,text\n" + row) == [(2, "csv.quoting")]


def test_refuses_line_ends_of_carriage_return_alone() -> None:
    assert [code for _, code in codes(b"reference,text\ra,1\rb,2\r")] == ["csv.quoting"]


def test_refuses_binary_content_and_endless_lines() -> None:
    assert codes(b"reference,text\na,\x00\n") == [(2, "csv.encoding")]
    assert codes(b"reference,text\na," + b"x" * MAX_LINE_BYTES) == [(2, "csv.line")]


def test_lists_the_first_defects_and_counts_the_others() -> None:
    _, problems = read(b"reference,text\n" + b"a\n" * (LISTED + 7))
    assert len(problems) == LISTED + 1
    assert problems[-1]["code"] == "csv.more"
    assert str(problems[-1]["message"]).startswith("7 ")


def test_messages_never_repeat_a_value() -> None:
    _, problems = read(b'reference,text\nSecretName\n"SecretName\n')
    assert problems
    assert "SecretName" not in str(problems)


def test_a_file_whose_last_line_may_be_cut_off_is_refused_where_that_would_not_show() -> None:
    for data, expected in ((b"reference,text\na,1\nb,", ["csv.cut"]), (b"reference,text\na,1\nb,\n", [])):
        problems = Problems()
        rows = list(CsvFile(io.BytesIO(data), COLUMNS, ended=True).rows(problems))
        assert (len(rows), problems.count) == (2 - len(expected), len(expected))
        if expected:
            with pytest.raises(InputError) as refused:
                problems.refuse()
            assert [(p.code, p.line) for p in refused.value.problems] == [("csv.cut", 3)]


def test_digests_the_bytes_and_counts_all_rows() -> None:
    data = b"reference,text\na,1\nb\n"
    sheet = CsvFile(io.BytesIO(data), COLUMNS)
    problems = Problems()
    for _ in range(2):
        assert len(list(sheet.rows(problems))) == 1
        assert sheet.row_count == 2
        assert sheet.sha256() == hashlib.sha256(data).hexdigest()
