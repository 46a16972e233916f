"""Suspends workspaces whose invoice stays overdue, and ends that once they have paid."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from control.billing import read_overdue_workspaces
from control.billing.service import Billing
from control.db.pool import Connection
from control.platform.audit import Actor
from control.workspaces.status import OVERDUE_REASON

_SYSTEM: Final = Actor("system")
# A sink is asked about open invoices every six hours. While it does not answer, nobody is suspended: they may have
# paid.
_ANSWERED_WITHIN: Final = timedelta(days=1)
log = structlog.get_logger()


async def suspend_overdue(db: Connection, billing: Billing, now: datetime, most: int) -> int:
    """Suspends workspaces with an invoice that has been overdue for the days of the setting `overdue_grace_days`, if
    `overdue_action` says so; returns how many. Invoices of a sink that has not answered for a day do not count. Needs
    platform scope."""
    if await billing.platform.setting(db, "overdue_action") != "suspend":
        return 0
    grace = timedelta(days=await billing.platform.setting(db, "overdue_grace_days"))
    found = await read_overdue_workspaces.select_late(db, now - grace, now - _ANSWERED_WITHIN, most)
    for workspace_id in found:
        await billing.workspaces.administration.suspend(db, _SYSTEM, workspace_id, OVERDUE_REASON, now)
        log.warning("workspace.suspended_overdue", workspace_id=str(workspace_id))
    return len(found)


async def resume_paid(db: Connection, billing: Billing, now: datetime, most: int) -> int:
    """Ends the suspension of workspaces that owe nothing overdue any more; returns how many. Needs platform scope."""
    found = await read_overdue_workspaces.select_settled(db, OVERDUE_REASON, most)
    for workspace_id in found:
        await billing.workspaces.administration.activate(db, _SYSTEM, workspace_id, now)
        log.info("workspace.resumed_paid", workspace_id=str(workspace_id))
    return len(found)
