"""Blocked callers of a workspace: their calls are rejected before they are answered."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.audit.service import Actor, Change, mask_number, record_change
from control.calls.blocked_callers import queries
from control.calls.blocked_callers.rules import BlockedCaller
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from shared.errors import Conflict, NotFound
from shared.ids import new_id

# Maximum number of callers that one workspace can block.
MOST_BLOCKED: Final = 1_000


class BlockedCallers:
    """Manages blocked callers. Works within the current transaction, in the workspace's scope."""

    async def list_page(
        self, db: Connection, workspace_id: UUID, *, caller: str | None, page: PageRequest
    ) -> ListPage[BlockedCaller]:
        """Returns a page of blocked callers, newest first, or only the rows of `caller`.

        Raises Invalid (code cursor_unknown).
        """
        found = await queries.select_blocked(db, workspace_id, caller, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_blocked(db, workspace_id, caller))

    async def block(
        self, db: Connection, workspace_id: UUID, actor: Actor, caller: str, note: str, now: datetime
    ) -> BlockedCaller:
        """Blocks a caller from the next call on.

        Args:
            caller: E.164 or ANONYMOUS.

        Raises:
            Conflict: Codes caller_blocked, blocked_caller_limit.
        """
        await queries.lock_list(db, workspace_id)
        if await queries.count_blocked(db, workspace_id, None) >= MOST_BLOCKED:
            raise Conflict(f"A workspace blocks {MOST_BLOCKED:,} callers at most.", code="blocked_caller_limit")
        blocked = BlockedCaller(UUID(new_id()), caller, note, now)
        if not await queries.insert_blocked(db, workspace_id, blocked):
            raise Conflict("This caller is blocked already.", code="caller_blocked", param="caller")
        change = Change(
            "caller.block", "blocked_caller", str(blocked.id), workspace_id, after={"caller": mask_number(caller)}
        )
        await record_change(db, actor, change)
        return blocked

    async def unblock(self, db: Connection, workspace_id: UUID, actor: Actor, blocked_id: UUID) -> None:
        """Unblocks a caller. Raises NotFound."""
        caller = await queries.delete_blocked(db, workspace_id, blocked_id)
        if caller is None:
            raise NotFound("There is no such blocked caller.", code="blocked_caller_not_found")
        change = Change(
            "caller.unblock", "blocked_caller", str(blocked_id), workspace_id, before={"caller": mask_number(caller)}
        )
        await record_change(db, actor, change)
