"""CSV files of numbers for the do-not-call list. Pure."""

import csv
from io import StringIO
from typing import Final

from control.do_not_call.model import NewListing
from control.platform.csv_cells import find_delimiter
from shared.errors import Invalid

# Reading and storing as many takes 0.6 s, a third of it on the event loop.
MOST_ROWS: Final = 10_000
LONGEST_FILE: Final = 1_000_000
_PARAM: Final = "upload"


def parse_number_file(content: bytes) -> list[NewListing]:
    """The rows of a file, each with its line. The columns are told by a header with `number` (and `note`); without one,
    the first column has the numbers. Empty lines are left out. Raises Invalid (file_unreadable, file_too_long)."""
    rows = [(line, fields) for line, fields in _read_rows(content) if any(field.strip() for field in fields)]
    names = [name.strip().casefold() for name in rows[0][1]] if rows else []
    has_header = "number" in names
    if len(rows) - has_header > MOST_ROWS:
        raise Invalid(f"{_PARAM} has more than {MOST_ROWS:,} rows.", code="file_too_long", param=_PARAM)
    if not has_header:
        return [NewListing(line, fields[0]) for line, fields in rows]
    number, note = names.index("number"), names.index("note") if "note" in names else -1
    return [NewListing(line, _field(fields, number), _field(fields, note)) for line, fields in rows[1:]]


def _read_rows(content: bytes) -> list[tuple[int, list[str]]]:
    """Each row with the line that it ends in."""
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(StringIO(text, newline=""), delimiter=find_delimiter(text), strict=True)
        return [(reader.line_num, fields) for fields in reader]
    except UnicodeDecodeError:
        raise Invalid(f"{_PARAM} must be text in UTF-8.", code="file_unreadable", param=_PARAM) from None
    except csv.Error as error:
        text = f"{_PARAM} cannot be read as CSV near line {reader.line_num}: {error}."
        raise Invalid(text, code="file_unreadable", param=_PARAM) from None


def _field(fields: list[str], index: int) -> str:
    """One that a short row lacks, or that has no column, is empty. Characters that no text may hold become spaces."""
    value = fields[index] if 0 <= index < len(fields) else ""
    return " ".join(value.replace("\0", " ").split())
