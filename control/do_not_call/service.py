"""Do-not-call lists: numbers are added, found and removed, and calls to listed numbers are refused."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from control.audit.service import Actor, Change, mask_number, record_change
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.do_not_call import queries
from control.do_not_call.rules import (
    LISTED,
    MOST_LISTED,
    AddedNumbers,
    DoNotCallNumber,
    ListingSource,
    NewListing,
    PseudonymsOf,
    find_fault,
    plain_number,
)
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id


class DoNotCallList:
    """The do-not-call lists of all workspaces.

    Methods run in the scope of the current transaction: a workspace or the platform.
    """

    def __init__(self, pseudonyms_of: PseudonymsOf) -> None:
        """Create the service.

        Args:
            pseudonyms_of: Returns the pseudonyms under which a number may be listed after its data was deleted.
        """
        self._pseudonyms_of = pseudonyms_of

    async def list_page(
        self, db: Connection, workspace_id: UUID, number: str | None, source: ListingSource | None, page: PageRequest
    ) -> ListPage[DoNotCallNumber]:
        """Return a page of the entries with this number and source, newest first. None matches any.

        Raises:
            Invalid: The cursor is unknown (code cursor_unknown).
        """
        numbers = None if number is None else self._forms_of(workspace_id, number)
        found = await queries.select_numbers(db, workspace_id, numbers, source, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_numbers(db, workspace_id, numbers, source))

    async def add(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        rows: Sequence[NewListing],
        source: ListingSource,
        now: datetime,
    ) -> AddedNumbers:
        """Add all valid rows. Invalid rows are reported and do not affect other rows.

        Raises:
            Conflict: The list would be too long (code do_not_call_limit).
        """
        errors = [error for row in rows if (error := find_fault(row)) is not None]
        bad = {error.row for error in errors}
        wanted = {plain_number(row.number): row.note for row in reversed(rows) if row.row not in bad}
        await queries.lock_list(db, workspace_id)
        if await queries.count_numbers(db, workspace_id) + len(wanted) > MOST_LISTED:
            raise Conflict(f"A do-not-call list can have at most {MOST_LISTED:,} numbers.", code="do_not_call_limit")
        added_by = actor.key_id or actor.id
        entries = [
            DoNotCallNumber(UUID(new_id()), number, source, None, added_by, note, now)
            for number, note in wanted.items()
        ]
        added = await queries.insert_numbers(db, workspace_id, entries)
        if added:
            after = {"added": added, "source": source}
            change = Change("do_not_call.add", "do_not_call_list", str(workspace_id), workspace_id, after=after)
            await record_change(db, actor, change)
        return AddedNumbers(added, len(rows) - len(errors) - added, errors)

    async def remove(self, db: Connection, workspace_id: UUID, actor: Actor, entry_id: UUID, reason: str) -> None:
        """Remove an entry, so that its number may be called again.

        Args:
            reason: Why the number may be called again, for the audit log.

        Raises:
            NotFound: The entry does not exist.
        """
        number = await queries.delete_entry(db, workspace_id, entry_id)
        if number is None:
            raise NotFound("This number is not on the do-not-call list.", code="do_not_call_number_not_found")
        # Also delete entries under the number's pseudonyms, from before a data deletion. They would continue to refuse
        # calls.
        await queries.delete_numbers(db, workspace_id, self._pseudonyms_of(workspace_id, number))
        change = Change(
            action="do_not_call.remove",
            resource_type="do_not_call_number",
            resource_id=str(entry_id),
            workspace_id=workspace_id,
            before={"number": mask_number(number)},
            reason=reason,
        )
        await record_change(db, actor, change)

    async def is_listed(self, db: Connection, workspace_id: UUID, number: str) -> bool:
        """Return whether this number (E.164) is on the workspace's list."""
        return await queries.is_listed(db, workspace_id, self._forms_of(workspace_id, number))

    async def require_unlisted(self, db: Connection, workspace_id: UUID, number: str, param: str) -> None:
        """Refuse a listed number.

        Raises:
            Invalid: The number is listed (code LISTED, with `param`).
        """
        if await self.is_listed(db, workspace_id, number):
            text = "This number is on the workspace's do-not-call list."
            raise Invalid(text, code=LISTED, param=param)

    def _forms_of(self, workspace_id: UUID, number: str) -> list[str]:
        return [number, *self._pseudonyms_of(workspace_id, number)]


async def add_opted_out_callers(db: Connection, opted_out: Mapping[UUID, str]) -> None:
    """Add people who asked during a call not to be called again to their workspaces' lists. Needs platform scope.

    Numbers that are already listed or were withheld are skipped.

    Args:
        opted_out: How the person asked, "words" or "key", by call id.
    """
    ids = [UUID(new_id()) for _ in opted_out]
    sources = ["caller_keypad" if by == "key" else "caller_words" for by in opted_out.values()]
    for call_id, workspace_id in await queries.insert_opted_out(db, ids, list(opted_out), sources):
        change = Change("do_not_call.opt_out", "call", str(call_id), workspace_id)
        await record_change(db, Actor("system"), change)


async def keep_pseudonym(db: Connection, workspace_id: UUID, number: str, pseudonym: str) -> int:
    """Replace a caller's number with its pseudonym when the caller's data is deleted. Return how many entries changed.

    The entry itself stays, because it prevents the workspace from calling the person again.
    """
    return await queries.replace_number(db, workspace_id, number, pseudonym)
