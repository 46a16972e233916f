"""Response models of do-not-call numbers (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.do_not_call.model import AddedNumbers, DoNotCallNumber, ListingSource
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class DoNotCallNumberView:
    """A number that is not phoned."""

    id: UUID
    number: str
    source: ListingSource
    call_id: UUID | None
    added_by: UUID | None
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DoNotCallNumberList(ListAnswer):
    """A page of numbers that are not phoned, newest first."""

    do_not_call_numbers: list[DoNotCallNumberView]


@dataclass(frozen=True, slots=True)
class ListingErrorView:
    """A row that was not added."""

    row: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AddedNumbersAnswer:
    """What became of the rows."""

    added: int
    already_listed: int
    errors: list[ListingErrorView]


def to_view(one: DoNotCallNumber) -> DoNotCallNumberView:
    return DoNotCallNumberView(
        one.id, one.number, one.source, one.call_id, one.added_by, one.note, created_at=one.created_at
    )


def to_added(added: AddedNumbers) -> AddedNumbersAnswer:
    errors = [ListingErrorView(one.row, one.code, one.message) for one in added.errors]
    return AddedNumbersAnswer(added.added, added.already_listed, errors)
