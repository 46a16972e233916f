"""Do-not-call lists: numbers are added, found and removed, and calls to them are refused."""

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
    """The lists of all workspaces. Methods run in the scope of the current transaction: a workspace or the platform."""

    def __init__(self, pseudonyms_of: PseudonymsOf) -> None:
        """Create the service.

        Args:
            pseudonyms_of: Returns the pseudonyms under which a number may be listed whose data was deleted.
        """
        self._pseudonyms_of = pseudonyms_of

    async def list_page(
        self, db: Connection, workspace_id: UUID, number: str | None, source: ListingSource | None, page: PageRequest
    ) -> ListPage[DoNotCallNumber]:
        """Return a page of the entries with this number and source (None: any), newest first.

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
        """Add all good rows; a bad row hinders no other.

        Raises:
            Conflict: The list would be too long (code do_not_call_limit).
        """
        errors = [error for row in rows if (error := find_fault(row)) is not None]
        bad = {error.row for error in errors}
        wanted = {plain_number(row.number): row.note for row in reversed(rows) if row.row not in bad}
        await queries.lock_list(db, workspace_id)
        if await queries.count_numbers(db, workspace_id) + len(wanted) > MOST_LISTED:
            raise Conflict(f"A do-not-call list has {MOST_LISTED:,} numbers at most.", code="do_not_call_limit")
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
        """Let a number be phoned again.

        Args:
            reason: Why that is allowed, for the audit log.

        Raises:
            NotFound: There is no such entry.
        """
        number = await queries.delete_entry(db, workspace_id, entry_id)
        if number is None:
            raise NotFound("There is no such number on the do-not-call list.", code="do_not_call_number_not_found")
        # An entry under a pseudonym, from before a deletion of this caller's data, would go on refusing calls.
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
        """Return whether the workspace may not phone this number (E.164)."""
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
    """Put the people who asked in a call not to be phoned again on their workspaces' lists. Needs platform scope.

    Numbers that are listed already or were withheld are skipped.

    Args:
        opted_out: By call, how the person asked: "words" or "key".
    """
    ids = [UUID(new_id()) for _ in opted_out]
    sources = ["caller_keypad" if by == "key" else "caller_words" for by in opted_out.values()]
    for call_id, workspace_id in await queries.insert_opted_out(db, ids, list(opted_out), sources):
        change = Change("do_not_call.opt_out", "call", str(call_id), workspace_id)
        await record_change(db, Actor("system"), change)


async def keep_pseudonym(db: Connection, workspace_id: UUID, number: str, pseudonym: str) -> int:
    """Replace a caller's number by its pseudonym when the caller's data is deleted; returns how many entries.

    The entry itself stays, because it keeps the workspace from phoning the person again.
    """
    return await queries.replace_number(db, workspace_id, number, pseudonym)
