"""Routes for members to manage their workspace's do-not-call list."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.do_not_call.rules import (
    E164,
    LONGEST_FILE,
    AddedNumbers,
    DoNotCallNumber,
    ListingSource,
    NewListing,
    parse_number_file,
)
from control.do_not_call.service import DoNotCallList
from control.http.access import member
from control.http.body import ONE_LINE, Body
from control.http.context import MemberContext
from control.http.pagination import ListAnswer, ListQuery, Query, page_fields
from control.http.route import Route

DO_NOT_CALL: Final = "/workspaces/{workspaceId}/do-not-call-numbers"
# Maximum number of rows in a request.
MOST_ROWS: Final = 1_000
# Longer than the accepted length, so that a row that is too long is reported among the errors.
Written = Annotated[str, StringConstraints(max_length=1_000, pattern=ONE_LINE)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=ONE_LINE)]


class DoNotCallQuery(ListQuery):
    """Filters for the list of do-not-call numbers."""

    number: str | None = Field(None, pattern=E164, description="Return only this number.", examples=["+14155550123"])
    source: ListingSource | None = Field(None, description="Return only numbers that were listed in this way.")


class RemovalQuery(Query):
    """The reason for a removal."""

    reason: Reason = Field(
        description="Why the number may be called again, for the audit log.", examples=["Asked to be called on 2 March"]
    )


class NewDoNotCallNumber(Body):
    """A number to add. An invalid number is reported among the errors and does not affect other numbers."""

    number: Written = Field(
        description="E.164. Spaces, dots, dashes, slashes and parentheses are removed.", examples=["+14155550123"]
    )
    note: Written = Field(
        "", description="Note for the workspace's members, up to 200 characters.", examples=["Sales calls"]
    )


class NewDoNotCallNumbers(Body):
    """Numbers to add to the do-not-call list."""

    numbers: list[NewDoNotCallNumber] = Field(
        min_length=1, max_length=MOST_ROWS, description="Up to 1,000 numbers. Import larger lists as a file."
    )


@dataclass(frozen=True, slots=True)
class DoNotCallNumberList(ListAnswer):
    """A page of numbers that the workspace does not call, newest first."""

    do_not_call_numbers: Annotated[list[DoNotCallNumber], Field(description="The numbers.")]


async def list_do_not_call_numbers(context: MemberContext, query: DoNotCallQuery) -> DoNotCallNumberList:
    """List the numbers that the workspace does not call, newest first."""
    found = await context.services[DoNotCallList].list_page(
        context.db, context.workspace_id, query.number, query.source, query.request()
    )
    return DoNotCallNumberList(list(found.rows), **page_fields(query, found))


async def add_do_not_call_numbers(context: MemberContext, body: NewDoNotCallNumbers) -> AddedNumbers:
    """Add numbers to the do-not-call list. Agents no longer call them, and their waiting calls are canceled.

    Valid rows are added even if others are invalid. The `row` of an error counts from 1.
    """
    rows = [NewListing(row, new.number, new.note) for row, new in enumerate(body.numbers, 1)]
    source: ListingSource = "member" if context.actor.key_id is None else "api"
    return await _add(context, rows, source)


async def import_do_not_call_numbers(context: MemberContext, upload: bytes) -> AddedNumbers:
    """Add the numbers of a CSV file, which is the request's body.

    The file is UTF-8 with a column `number` and an optional column `note`. Without a header, the first column is used.
    The limit is 10,000 rows. The `row` of an error is the line of the file.
    """
    return await _add(context, parse_number_file(upload), "import")


async def remove_do_not_call_number(
    context: MemberContext,
    query: RemovalQuery,
    do_not_call_number_id: Annotated[UUID, Field(description="Id of the entry.")],
) -> None:
    """Remove a number from the list, so that it may be called again.

    Only the number's owner may decide this; the reason is kept in the audit log.
    """
    await context.services[DoNotCallList].remove(
        context.db, context.workspace_id, context.actor, do_not_call_number_id, query.reason
    )


async def _add(context: MemberContext, rows: list[NewListing], source: ListingSource) -> AddedNumbers:
    return await context.services[DoNotCallList].add(
        context.db, context.workspace_id, context.actor, rows, source, context.now
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", DO_NOT_CALL, list_do_not_call_numbers, member("viewer", "do_not_call:read"), beyond_spec=True),
    Route(
        "POST",
        DO_NOT_CALL,
        add_do_not_call_numbers,
        member("member", "do_not_call:write"),
        idempotent=True,
        beyond_spec=True,
        errors=("409 do_not_call_limit",),
    ),
    Route(
        "POST",
        f"{DO_NOT_CALL}/import",
        import_do_not_call_numbers,
        member("member", "do_not_call:write"),
        is_heavy=True,
        upload_bytes=LONGEST_FILE,
        beyond_spec=True,
        errors=("409 do_not_call_limit", "422 file_unreadable", "422 file_too_long"),
    ),
    Route(
        "DELETE",
        f"{DO_NOT_CALL}/{{doNotCallNumberId}}",
        remove_do_not_call_number,
        member("admin", "do_not_call:write"),
        beyond_spec=True,
        errors=("404 do_not_call_number_not_found",),
    ),
)
