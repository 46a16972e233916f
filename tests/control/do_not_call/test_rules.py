"""CSV files of numbers: every row is read, or answered with its line."""

import csv
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.do_not_call.rules import MOST_FILE_ROWS, NewListing, parse_number_file
from shared.errors import Invalid

cells = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"", []),
        (b"\r\n\r\n", []),
        (b"number,note\r\n", []),
        (b"+12125550123\n+12125550124\n", [NewListing(1, "+12125550123"), NewListing(2, "+12125550124")]),
        (b"note, NUMBER \nx,+12125550123\ny\n", [NewListing(2, "+12125550123", "x"), NewListing(3, "", "y")]),
        ("\ufeffnumber\n+12125550123".encode(), [NewListing(2, "+12125550123")]),
        (b"number;note\r\n+12125550123;x, y\r\n", [NewListing(2, "+12125550123", "x, y")]),
        (b"number\tnote\r+12125550123\tx; y\r", [NewListing(2, "+12125550123", "x; y")]),
        (b'number,note\n+1,"a\nb"\n+2,c', [NewListing(3, "+1", "a b"), NewListing(4, "+2", "c")]),
    ],
)
def test_rows_of_a_file(content: bytes, rows: list[NewListing]) -> None:
    assert parse_number_file(content) == rows


@given(st.lists(st.tuples(cells, cells), max_size=8))
@settings(max_examples=50)
def test_no_row_is_lost(rows: list[tuple[str, str]]) -> None:
    file = StringIO()
    csv.writer(file).writerows([("number", "note"), *rows])
    parsed = parse_number_file(file.getvalue().encode())
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    assert [(one.number, one.note) for one in parsed] == [
        (" ".join(number.replace("\0", " ").split()), " ".join(note.replace("\0", " ").split()))
        for number, note in kept
    ]
    assert [one.row for one in parsed] == sorted({one.row for one in parsed})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff", "file_unreadable"),
        (b'number\n"+1', "file_unreadable"),
        (b"+12125550123\n" * (MOST_FILE_ROWS + 1), "file_too_long"),
        (b"number\n" + b"+12125550123\n" * (MOST_FILE_ROWS + 1), "file_too_long"),
    ],
)
def test_files_that_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_number_file(content)
    assert (refused.value.code, refused.value.param) == (code, "upload")


@pytest.mark.parametrize("header", [b"", b"number\n"])
def test_a_file_of_the_greatest_length(header: bytes) -> None:
    assert len(parse_number_file(header + b"+12125550123\n" * MOST_FILE_ROWS)) == MOST_FILE_ROWS
