"""The do-not-call list: adding, finding and removing numbers, and refusing calls to them."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.do_not_call import store
from control.do_not_call.model import (
    E164,
    LISTED,
    AddedNumbers,
    DoNotCallNumber,
    ListingError,
    ListingSource,
    NewListing,
    PseudonymsOf,
)
from control.platform.audit import Actor, Change, mask_number, record_change
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

# Numbers that members and keys may list; what callers ask for is always added. Counting as many takes 80 ms.
MOST_LISTED: Final = 200_000
LONGEST_NOTE: Final = 200
# How people and spreadsheets divide a number.
_DIVIDERS: Final = re.compile(r"[\s().\-/]")


class DoNotCallList:
    """Works within the current transaction, in the workspace's scope or the platform's."""

    def __init__(self, pseudonyms_of: PseudonymsOf) -> None:
        """pseudonyms_of: under which a number may be listed whose data was deleted."""
        self._pseudonyms_of = pseudonyms_of

    async def list_page(
        self, db: Connection, workspace_id: UUID, number: str | None, source: ListingSource | None, page: PageRequest
    ) -> ListPage[DoNotCallNumber]:
        """A page, newest first. number, source: only these. Raises Invalid (code cursor_unknown)."""
        numbers = None if number is None else self._forms_of(workspace_id, number)
        found = await store.select_numbers(db, workspace_id, numbers, source, page)
        if page.cursor is not None:
            return found
        return found.with_total(await store.count_numbers(db, workspace_id, numbers, source))

    async def add(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        rows: Sequence[NewListing],
        source: ListingSource,
        now: datetime,
    ) -> AddedNumbers:
        """Adds all good rows; a bad one hinders no other. Raises Conflict (code do_not_call_limit)."""
        errors = [error for row in rows if (error := _find_fault(row)) is not None]
        bad = {error.row for error in errors}
        wanted = {_plain(row.number): row for row in reversed(rows) if row.row not in bad}
        await store.lock_list(db, workspace_id)
        if await store.count_numbers(db, workspace_id) + len(wanted) > MOST_LISTED:
            raise Conflict(f"A do-not-call list has {MOST_LISTED:,} numbers at most.", code="do_not_call_limit")
        added_by = actor.key_id or actor.id
        entries = [_make_entry(number, row.note, source, added_by, now) for number, row in wanted.items()]
        added = await store.insert_numbers(db, workspace_id, entries)
        if added:
            after = {"added": added, "source": source}
            change = Change("do_not_call.add", "do_not_call_list", str(workspace_id), workspace_id, after=after)
            await record_change(db, actor, change)
        return AddedNumbers(added, len(rows) - len(errors) - added, errors)

    async def remove(self, db: Connection, workspace_id: UUID, actor: Actor, entry_id: UUID, reason: str) -> None:
        """Lets the number be phoned again. reason: why that is allowed, for the audit log. Raises NotFound."""
        number = await store.delete_entry(db, workspace_id, entry_id)
        if number is None:
            raise NotFound("There is no such number on the do-not-call list.", code="do_not_call_number_not_found")
        # An entry of before a deletion of this caller's data would go on refusing calls.
        await store.delete_numbers(db, workspace_id, self._pseudonyms_of(workspace_id, number))
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
        """Whether the workspace may not phone this number (E.164)."""
        return await store.is_listed(db, workspace_id, self._forms_of(workspace_id, number))

    async def require_unlisted(self, db: Connection, workspace_id: UUID, number: str, param: str) -> None:
        """Raises Invalid (code LISTED), which names the field."""
        if await self.is_listed(db, workspace_id, number):
            text = "This number is on the workspace's do-not-call list."
            raise Invalid(text, code=LISTED, param=param)

    def _forms_of(self, workspace_id: UUID, number: str) -> list[str]:
        return [number, *self._pseudonyms_of(workspace_id, number)]


def _plain(number: str) -> str:
    """The number without what divides it."""
    return _DIVIDERS.sub("", number)


def _find_fault(row: NewListing) -> ListingError | None:
    if re.fullmatch(E164, _plain(row.number)) is None:
        return ListingError(row.row, "number_invalid", "number must be in E.164, like +14155550100")
    if len(row.note) > LONGEST_NOTE:
        return ListingError(row.row, "too_long", f"note is longer than {LONGEST_NOTE} characters")
    return None


def _make_entry(number: str, note: str, source: ListingSource, added_by: UUID | None, now: datetime) -> DoNotCallNumber:
    return DoNotCallNumber(UUID(new_id()), number, source, None, added_by, note, now)
