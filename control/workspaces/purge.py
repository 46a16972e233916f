"""Purge: deletes workspaces for good when their grace period is over."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.workspaces import read_purgeable, store

# Rows of `DeleteRows` that one run deletes at most, so that its transaction stays short.
ROWS_PER_RUN: Final = 2_000

# Deletes up to so many of a workspace's calls and of what else it has many of; returns how many.
DeleteRows = Callable[[Connection, UUID, int], Awaitable[int]]
# Deletes the marks of a workspace's days that are to be rolled up.
DeleteMarks = Callable[[Connection, UUID], Awaitable[None]]
# Keeps what invoices that are made later need of a workspace.
KeepBillingFacts = Callable[[Connection, UUID], Awaitable[None]]
# Has the grants of a workspace revoked at the vendors.
RevokeGrants = Callable[[Connection, UUID], Awaitable[None]]


async def purge_due(
    db: Connection,
    now: datetime,
    most: int,
    *,
    delete_rows: DeleteRows,
    delete_marks: DeleteMarks,
    keep_billing_facts: KeepBillingFacts,
    revoke_grants: RevokeGrants,
    among: Sequence[UUID] | None = None,
) -> int:
    """Deletes up to `most` workspaces and ROWS_PER_RUN rows; returns how many of both, 0 when nothing is left to do.
    among: only of these workspaces, whose objects in storage are deleted.

    Needs platform scope. Usage records, daily figures and the audit log stay: they name nobody. Billing accounts and
    invoices stay with the name that they were issued to, as books must be kept, and so do its phone numbers: the last
    period is billed after the purge. Marks are deleted with the workspace,
    so that its days keep their figures though their calls are gone. A workspace that still has phone numbers stays.
    """
    left = ROWS_PER_RUN
    workspaces = 0
    for workspace_id in await read_purgeable.lock_due(db, now, most, among):
        left -= await delete_rows(db, workspace_id, left)
        if left <= 0:
            break
        await delete_marks(db, workspace_id)
        await keep_billing_facts(db, workspace_id)
        await revoke_grants(db, workspace_id)
        await store.delete(db, workspace_id)
        await record_change(
            db, Actor("system"), Change("workspace.purge", "workspace", str(workspace_id), workspace_id)
        )
        workspaces += 1
    return workspaces + ROWS_PER_RUN - left
