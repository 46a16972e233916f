"""What a do-not-call list holds, and how numbers are read from requests and files. Pure functions."""

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

# How a number came onto the list. member: a member of the workspace. api: a request with an API key. import: a file.
# caller_words, caller_keypad: the person on the phone asked for it, in words or by a key.
ListingSource = Literal["member", "api", "import", "caller_words", "caller_keypad"]
# The pseudonyms that a number of a workspace may have, one for each secret key.
PseudonymsOf = Callable[[UUID, str], Sequence[str]]
# Code of the error that refuses a call, and detail of the end of a call that is not dialed.
LISTED: Final = "number_on_do_not_call_list"
E164: Final = r"^\+[1-9][0-9]{6,14}$"
# Numbers that members and keys may list; what callers ask for is always added. Counting as many takes 80 ms.
MOST_LISTED: Final = 200_000
LONGEST_NOTE: Final = 200
# Reading and storing as many rows of a file takes 0.6 s, a third of it on the event loop.
MOST_FILE_ROWS: Final = 10_000
LONGEST_FILE: Final = 1_000_000
_FILE: Final = "upload"
# How people and spreadsheets divide a number.
_DIVIDERS: Final = re.compile(r"[\s().\-/]")


@dataclass(frozen=True, slots=True)
class DoNotCallNumber:
    """A number that is not phoned."""

    id: Id
    number: Annotated[
        str,
        Field(
            description="E.164; `deleted-` and a hash in place of a number whose data was deleted.",
            examples=["+12025550123"],
        ),
    ]
    source: Annotated[
        ListingSource,
        Field(
            description="How it came onto the list. `member`: a member. `api`: an API key. `import`: a file. "
            "`caller_words`, `caller_keypad`: the person on the phone asked for it, in words or by a key.",
            examples=["caller_words"],
        ),
    ]
    call_id: Annotated[
        UUID | None, Field(description="Id of the call in which the person asked for it; null for others.")
    ]
    added_by: Annotated[
        UUID | None,
        Field(description="Id of the member or the API key; null where the person on the phone asked for it."),
    ]
    note: Annotated[str, Field(description="For the workspace's members.", examples=["By letter of 2 March"])]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class NewListing:
    """A number to add.

    Attributes:
        row: Its place in what was sent, for errors; the first is 1.
        number: As it was written.
    """

    row: int
    number: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ListingError:
    """A row that was not added."""

    row: Annotated[
        int,
        Field(description="Which one: its place in `numbers`, from 1, or the line of the file.", examples=[3]),
    ]
    code: Annotated[str, Field(description="`number_invalid`, or `too_long` for a note.", examples=["number_invalid"])]
    message: Annotated[
        str,
        Field(description="What is wrong with it.", examples=["number must be in E.164, like +14155550100"]),
    ]


@dataclass(frozen=True, slots=True)
class AddedNumbers:
    """What became of the rows."""

    added: Annotated[int, Field(description="New entries of the list.", examples=[2])]
    already_listed: Annotated[int, Field(description="Rows whose number was on the list, or came twice.", examples=[0])]
    errors: Annotated[Sequence[ListingError], Field(description="The rows that were not added.")]


def plain_number(number: str) -> str:
    """Return the number without the characters that divide it."""
    return _DIVIDERS.sub("", number)


def find_fault(row: NewListing) -> ListingError | None:
    """Return why the row cannot be added; None for a good one."""
    if re.fullmatch(E164, plain_number(row.number)) is None:
        return ListingError(row.row, "number_invalid", "number must be in E.164, like +14155550100")
    if len(row.note) > LONGEST_NOTE:
        return ListingError(row.row, "too_long", f"note is longer than {LONGEST_NOTE} characters")
    return None


def parse_number_file(content: bytes) -> list[NewListing]:
    """Read the rows of a CSV file, each with its line; empty lines are left out.

    A header with `number` (and `note`) names the columns. Without one, the first column has the numbers.

    Raises:
        Invalid: The file is no CSV in UTF-8 (code file_unreadable) or has too many rows (file_too_long).
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
    """Return a cell, empty if the row is too short; characters that no text may hold become spaces."""
    value = fields[index] if 0 <= index < len(fields) else ""
    return " ".join(value.replace("\0", " ").split())
