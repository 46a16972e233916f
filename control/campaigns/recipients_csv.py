"""Reads recipients from a CSV file (RFC 4180, with a header). Pure functions."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from control.agents.variables import VARIABLE_NAME
from control.campaigns.recipients import NewRecipient, RowFault
from control.platform.csv_cells import find_delimiter
from shared.errors import ErrorDetail, Invalid

MOST_ROWS: Final = 10_000
MOST_COLUMNS: Final = 60
_PARAM: Final = "file"


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The headers of the columns to read."""

    phone_number: str = "phone_number"
    timezone: str = "timezone"
    reference: str = "reference"
    variables: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The rows of a file, the faults of unreadable rows, and the headers of unused columns."""

    rows: list[NewRecipient] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    ignored_columns: Sequence[str] = ()


def read_csv(data: bytes, columns: ColumnMap) -> CsvRows:
    """Read a file. The place of a row is the number of its last line.

    Raises Invalid (codes file_unknown, column_missing, too_many_rows, file_empty).
    """
    reader = _open(data)
    header = next(_read_lines(reader), (0, [""]))[1]
    if not isinstance(header, list) or not any(header):
        raise Invalid("file: has no header.", code="file_empty", param=_PARAM)
    places = _find_places(header, columns)
    found = CsvRows(ignored_columns=[name for at, name in enumerate(header) if at not in places.used])
    for line, cells in _read_lines(reader):
        if isinstance(cells, str):
            found.faults.append(RowFault(line, ErrorDetail(None, "row_unreadable", cells)))
        elif len(cells) > len(header) and any(cells[len(header) :]):
            found.faults.append(RowFault(line, ErrorDetail(None, "row_too_long", "has more cells than the header")))
        elif any(cells):
            found.rows.append(_make_row(line, cells, places))
        if len(found.rows) + len(found.faults) > MOST_ROWS:
            text = f"file: has more than {MOST_ROWS:,} rows; upload it in parts. Nothing was stored."
            raise Invalid(text, code="too_many_rows", param=_PARAM)
    return found


def parse_variable_columns(text: str) -> dict[str, str]:
    """Parse "name=Header;name=Header". Raises Invalid (code columns_invalid)."""
    columns: dict[str, str] = {}
    for part in text.split(";"):
        name, sign, header = (piece.strip() for piece in part.partition("="))
        if not sign or not header or name in columns or not re.fullmatch(VARIABLE_NAME, name):
            message = "variable_columns must be like customer_name=Full name;city=Town, each variable once."
            raise Invalid(message, code="columns_invalid", param="variable_columns")
        columns[name] = header
    return columns


class _LineReader(Protocol):
    """The type of csv.reader's result."""

    line_num: int

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class _Places:
    """Positions of the columns in a row."""

    phone_number: int
    timezone: int
    reference: int
    variables: Mapping[str, int]

    @property
    def used(self) -> set[int]:
        return {self.phone_number, self.timezone, self.reference, *self.variables.values()}


def _open(data: bytes) -> _LineReader:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"file: is not UTF-8 at byte {error.start}.", code="file_unknown", param=_PARAM) from None
    if "\0" in text:
        raise Invalid("file: contains the character NUL, so it is not a CSV file.", code="file_unknown", param=_PARAM)
    # Without strict mode, a quote that is never closed would silently merge all following rows into one cell.
    return csv.reader(io.StringIO(text, newline=""), delimiter=find_delimiter(text), strict=True)


def _read_lines(reader: _LineReader) -> Iterator[tuple[int, list[str] | str]]:
    """Yield each row with the number of its last line. If a row is unreadable, the reason replaces its cells."""
    while True:
        first = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, f"cannot be read, from line {first} on: {error}"
        else:
            yield reader.line_num, cells


def _find_places(header: Sequence[str], columns: ColumnMap) -> _Places:
    if len(header) > MOST_COLUMNS:
        raise Invalid(f"file: has more than {MOST_COLUMNS} columns.", code="column_missing", param=_PARAM)
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise Invalid(f"file: has several columns {doubled[0]!r}.", code="column_missing", param=_PARAM)
    places = {name: at for at, name in enumerate(header)}
    if columns.phone_number not in places:
        raise _missing(columns.phone_number)
    own = (columns.phone_number, columns.timezone, columns.reference)
    return _Places(
        places[columns.phone_number],
        places.get(columns.timezone, -1),
        places.get(columns.reference, -1),
        _find_variables({name: at for name, at in places.items() if name not in own}, columns.variables),
    )


def _find_variables(places: Mapping[str, int], chosen: Mapping[str, str] | None) -> dict[str, int]:
    if chosen is not None:
        for header in chosen.values():
            if header not in places:
                raise _missing(header)
        return {name: places[header] for name, header in chosen.items()}
    named = {re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_"): at for header, at in places.items()}
    return {name: at for name, at in named.items() if re.fullmatch(VARIABLE_NAME, name)}


def _missing(header: str) -> Invalid:
    return Invalid(f"file: has no column {header!r}.", code="column_missing", param=_PARAM)


def _make_row(line: int, cells: Sequence[str], places: _Places) -> NewRecipient:
    """Convert a row to a recipient. An empty cell counts as no value."""

    def cell(at: int) -> str:
        return cells[at] if 0 <= at < len(cells) else ""

    return NewRecipient(
        place=line,
        phone_number=cell(places.phone_number),
        timezone=cell(places.timezone) or None,
        reference=cell(places.reference) or None,
        variables={name: value for name, at in places.variables.items() if (value := cell(at))},
    )
