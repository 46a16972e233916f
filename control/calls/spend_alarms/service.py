"""Alarms about unusual outbound calls: an audit entry, a metric, a log line, and e-mails to the owners and the staff.

Alarms do not stop calls; limits do. They report calls that are within the limits and still look like fraud.
"""

from datetime import datetime
from uuid import UUID

import structlog

from control.accounts.emails.service import EmailQueue
from control.audit.service import Actor, Change, record_change
from control.calls.outbound import queries as outbound_queries
from control.calls.outbound.rules import find_platform_limit
from control.calls.outbound.service import load_limits
from control.calls.spend_alarms import queries
from control.calls.spend_alarms.rules import UnusualCalls, alarm_email
from control.db.pool import Connection
from control.platform.service import Platform
from shared.ids import new_id

log = structlog.get_logger()


class SpendAlarms:
    """Raises alarms. Works within the current transaction, in platform scope."""

    def __init__(self, platform: Platform, email_queue: EmailQueue) -> None:
        self._platform, self._email_queue = platform, email_queue

    async def raise_due(self, db: Connection, now: datetime) -> int:
        """Measures the calls of all workspaces, and raises each alarm once a day. Returns the number of alarms."""
        limits = await load_limits(db, self._platform)
        used = await outbound_queries.measure_platform_calls(db, now)
        found = await queries.select_unusual(db, limits, now)
        reached = find_platform_limit(used, limits)
        if reached:
            found.append(UnusualCalls(None, "platform_limit", limits[reached], limits[reached]))
        return sum([await self._raise(db, unusual, now) for unusual in found])

    async def count_of_day(self, db: Connection, now: datetime) -> dict[str, int]:
        """Returns the number of alarms of the last 24 hours by kind."""
        return await queries.count_alarms(db, now)

    async def _raise(self, db: Connection, found: UnusualCalls, now: datetime) -> bool:
        alarm_id = UUID(new_id())
        if not await queries.insert_alarm(db, alarm_id, found, now):
            return False
        fields = {"kind": found.kind, "figure": found.figure, "threshold": found.threshold}
        log.warning("spend.alarm_raised", workspace_id=str(found.workspace_id or ""), **fields)
        change = Change("spend.alarm", "spend_alarm", str(alarm_id), found.workspace_id, after=fields)
        await record_change(db, Actor("system"), change)
        told = await queries.select_recipients(db, found.workspace_id)
        for address in dict.fromkeys((*told.owners, *told.staff)):
            await self._email_queue.enqueue(db, alarm_email(address, told.workspace_name, found))
        return True
