"""A workspace's do-not-call list: its entries, and what adding to it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

# How a number came onto the list. member: a member of the workspace. api: a request with an API key. import: a file.
# caller_words, caller_keypad: the person on the phone asked for it, in words or by a key.
ListingSource = Literal["member", "api", "import", "caller_words", "caller_keypad"]
# Code of the error that refuses a call, and detail of the end of one that is not dialled.
LISTED: Final = "number_on_do_not_call_list"
E164: Final = r"^\+[1-9][0-9]{6,14}$"
# The pseudonyms that a number of a workspace may have, one for each secret key.
PseudonymsOf = Callable[[UUID, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class DoNotCallNumber:
    """An entry of the list. number: E.164, or a pseudonym in place of one that was deleted. call_id: in which the
    person asked for it. added_by: the member or the API key; None where nobody of the workspace did."""

    id: UUID
    number: str
    source: ListingSource
    call_id: UUID | None
    added_by: UUID | None
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewListing:
    """A number to add. row: its place in what was sent, for errors; the first is 1. number: as it was written."""

    row: int
    number: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ListingError:
    """A row that was not added. code: number_invalid, or too_long for a note."""

    row: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AddedNumbers:
    """added: new entries. already_listed: numbers that were on the list, or came twice."""

    added: int
    already_listed: int
    errors: Sequence[ListingError]
