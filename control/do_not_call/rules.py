"""Records of do-not-call lists, and the parsing of numbers from requests and files. Pure functions."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from control.http.fields import CreatedAt, Id
from control.platform.csv_cells import find_delimiter
from shared.errors import Invalid

# How a number came onto the list. member: a member of the workspace added it. api: a request with an API key. import: a
# file. caller_words, caller_keypad: the person on the phone requested it, in words or by a key.
ListingSource = Literal["member", "api", "import", "caller_words", "caller_keypad"]
# Returns the possible pseudonyms of a workspace's number: one pseudonym for each secret key.
PseudonymsOf = Callable[[UUID, str], Sequence[str]]
# Code of the error that refuses a call, and end detail of a call that is not dialed.
LISTED: Final = "number_on_do_not_call_list"
E164: Final = r"^\+[1-9][0-9]{6,14}$"
# Maximum number of entries that members and keys may add. Callers' own requests are always added. Counting this many
# takes 80 ms.
MOST_LISTED: Final = 200_000
LONGEST_NOTE: Final = 200
# Reading and storing this many rows takes 0.6 s, a third of it on the event loop.
MOST_FILE_ROWS: Final = 10_000
LONGEST_FILE: Final = 1_000_000
_FILE: Final = "upload"
# Characters with which people and spreadsheets separate the digits of a number.
_DIVIDERS: Final = re.compile(r"[\s().\-/]")


@dataclass(frozen=True, slots=True)
class DoNotCallNumber:
    """A number that the workspace does not call."""

    id: Id
    number: Annotated[
        str,
        Field(
            description="E.164, or `deleted-` and a hash if the number's data was deleted.",
            examples=["+12025550123"],
        ),
    ]
    source: Annotated[
        ListingSource,
        Field(
            description="How the number came onto the list. `member`: a member. `api`: an API key. `import`: a "
            "file. `caller_words`, `caller_keypad`: the person on the phone requested it, in words "
            "or by a key.",
            examples=["caller_words"],
        ),
    ]
    call_id: Annotated[
        UUID | None, Field(description="Id of the call in which the person requested it; null for other sources.")
    ]
    added_by: Annotated[
        UUID | None,
        Field(description="Id of the member or the API key; null if the person on the phone requested it."),
    ]
    note: Annotated[str, Field(description="Note for the workspace's members.", examples=["By letter of 2 March"])]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class NewListing:
    """A number to add to the list.

    Attributes:
        row: Position in the request or file, from 1, for error reports.
        number: The number as written by the client.
    """

    row: int
    number: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ListingError:
    """A row that was not added, with the reason."""

    row: Annotated[
        int,
        Field(description="Position in `numbers`, from 1, or the line of the file.", examples=[3]),
    ]
    code: Annotated[str, Field(description="`number_invalid`, or `too_long` for a note.", examples=["number_invalid"])]
    message: Annotated[
        str,
        Field(description="What is wrong with the row.", examples=["number must be in E.164, like +14155550100"]),
    ]


@dataclass(frozen=True, slots=True)
class AddedNumbers:
    """The result of adding numbers."""

    added: Annotated[int, Field(description="Number of entries that were added.", examples=[2])]
    already_listed: Annotated[
        int, Field(description="Number of rows whose number was already on the list or occurred twice.", examples=[0])
    ]
    errors: Annotated[Sequence[ListingError], Field(description="The rows that were not added.")]


def plain_number(number: str) -> str:
    """Return the number without separators."""
    return _DIVIDERS.sub("", number)


def find_fault(row: NewListing) -> ListingError | None:
    """Return why the row cannot be added, or None if it is valid."""
    if re.fullmatch(E164, plain_number(row.number)) is None:
        return ListingError(row.row, "number_invalid", "number must be in E.164, like +14155550100")
    if len(row.note) > LONGEST_NOTE:
        return ListingError(row.row, "too_long", f"note is longer than {LONGEST_NOTE} characters")
    return None


def parse_number_file(content: bytes) -> list[NewListing]:
    """Read the rows of a CSV file, each with its line. Empty lines are left out.

    A header with `number` (and `note`) names the columns. Without a header, the first column contains the numbers.

    Raises:
        Invalid: The file is not CSV in UTF-8 (code file_unreadable), or has too many rows (code file_too_long).
    """
    rows = [(line, fields) for line, fields in _read_rows(content) if any(field.strip() for field in fields)]
    names = [name.strip().casefold() for name in rows[0][1]] if rows else []
    has_header = "number" in names
    if len(rows) - has_header > MOST_FILE_ROWS:
        raise Invalid(f"{_FILE} has more than {MOST_FILE_ROWS:,} rows.", code="file_too_long", param=_FILE)
    if not has_header:
        return [NewListing(line, fields[0]) for line, fields in rows]
    number, note = names.index("number"), names.index("note") if "note" in names else -1
    return [NewListing(line, _cell(fields, number), _cell(fields, note)) for line, fields in rows[1:]]


def _read_rows(content: bytes) -> list[tuple[int, list[str]]]:
    """Return each row with the line on which it ends."""
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(StringIO(text, newline=""), delimiter=find_delimiter(text), strict=True)
        return [(reader.line_num, fields) for fields in reader]
    except UnicodeDecodeError:
        raise Invalid(f"{_FILE} must be text in UTF-8.", code="file_unreadable", param=_FILE) from None
    except csv.Error as error:
        text = f"{_FILE} cannot be read as CSV near line {reader.line_num}: {error}."
        raise Invalid(text, code="file_unreadable", param=_FILE) from None


def _cell(fields: list[str], index: int) -> str:
    """Return a cell, or an empty text if the row is too short. Characters that texts must not contain become spaces."""
    value = fields[index] if 0 <= index < len(fields) else ""
    return " ".join(value.replace("\0", " ").split())
