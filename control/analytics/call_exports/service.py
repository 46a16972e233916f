"""Exports of calls with a row per call, read in pages while the file is sent.

Each page is read in its own transaction. A slow client thus holds no connection and no snapshot, vacuum can proceed,
and memory is limited to a page. Each call is exported in its state when its page is read.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg  # type: ignore[import-untyped]
import structlog

from control.analytics.call_exports import queries
from control.analytics.call_exports.queries import ExportOutcome, select_calls
from control.analytics.call_exports.rules import ExportFormat, close_file, format_calls, make_call, open_file
from control.analytics.periods import DayRange
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.db.scope import enter_workspace
from control.db.transaction import Transact
from shared.errors import Problem, TooManyRequests
from shared.ids import new_id

# Maximum number of days of an export.
MAX_DAYS: Final = 366
_FIRST_ID: Final = UUID(int=0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ExportPolicy:
    """Limits of exports.

    Attributes:
        concurrency: Maximum number of concurrent exports per workspace.
        per_hour: Maximum number of exports that a workspace may start per hour.
        stall_s: See StreamedFile.
        longest_s: See StreamedFile.
        page: Number of calls read at a time. 500 calls take about 5 ms of a core.
    """

    concurrency: int = 2
    per_hour: int = 20
    stall_s: float = 60.0
    longest_s: float = 3_600.0
    page: int = 500


@dataclass(frozen=True, slots=True)
class CallExport:
    """A started export.

    Attributes:
        until: The start of the export, or earlier. Later calls are not exported.
    """

    id: UUID
    workspace_id: UUID
    days: DayRange
    until: datetime
    currency: str
    file_format: ExportFormat

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"calls-{self.days.first}-{self.days.last}.{self.file_format}"


@dataclass(frozen=True, slots=True)
class ExportingMember:
    """The member who exports.

    Attributes:
        currency: Currency of the workspace's amounts.
    """

    workspace_id: UUID
    user_id: UUID
    actor: Actor
    currency: str


class CallExports:
    """Starts exports and creates their files."""

    def __init__(self, policy: ExportPolicy) -> None:
        self.policy = policy

    async def begin(
        self, db: Connection, member: ExportingMember, days: DayRange, file_format: ExportFormat, now: datetime
    ) -> CallExport:
        """Start an export. Counts the export against the limits and records it in the audit log.

        Raises TooManyRequests (codes export_running, export_hourly_limit).
        """
        workspace_id = member.workspace_id
        counts = await queries.count_exports(db, workspace_id, now, timedelta(seconds=self.policy.longest_s))
        if counts.running >= self.policy.concurrency:
            raise TooManyRequests(
                f"{counts.running} exports of this workspace are running.", code="export_running", retry_after_s=60
            )
        if counts.recent >= self.policy.per_hour:
            raise TooManyRequests(
                f"A workspace exports at most {self.policy.per_hour} times an hour.",
                code="export_hourly_limit",
                retry_after_s=3_600 // self.policy.per_hour,
            )
        export = CallExport(UUID(new_id()), workspace_id, days, min(days.until, now), member.currency, file_format)
        await self._record(db, member, export, now)
        return export

    async def make_file(self, export: CallExport, transact: Transact) -> AsyncGenerator[bytes]:
        """Yield the file and store the outcome of the export. Raises the errors of `transact`."""
        rows = 0
        outcome: ExportOutcome = "aborted"
        last = (export.days.since, _FIRST_ID)
        zone = ZoneInfo(export.days.zone)
        try:
            yield open_file(export.file_format)
            while page := await transact(partial(self._read_page, export=export, after=last)):
                calls = [make_call(row, zone, export.currency) for row in page]
                yield format_calls(calls, export.file_format, is_first=not rows)
                rows, last = rows + len(calls), (calls[-1].created_at, calls[-1].call_id)
            yield close_file(export.file_format)
            outcome = "complete"
        finally:
            await self._end(export, transact, outcome, rows)

    async def _read_page(self, db: Connection, export: CallExport, after: tuple[datetime, UUID]) -> Sequence[Any]:
        await enter_workspace(db, export.workspace_id)
        return await select_calls(db, export.workspace_id, export.days.since, export.until, after, self.policy.page)

    async def _record(self, db: Connection, member: ExportingMember, export: CallExport, now: datetime) -> None:
        await queries.insert_export(
            db,
            export_id=export.id,
            workspace_id=export.workspace_id,
            user_id=member.user_id,
            file_format=export.file_format,
            since=export.days.since,
            until=export.until,
            now=now,
        )
        facts = {"format": export.file_format, "from": str(export.days.first), "to": str(export.days.last)}
        change = Change("calls.export", "call_export", str(export.id), export.workspace_id, after=facts)
        await record_change(db, member.actor, change)

    async def _end(self, export: CallExport, transact: Transact, outcome: ExportOutcome, rows: int) -> None:
        """Store the outcome. If the database is unavailable, the export counts as running until `longest_s` has
        passed.
        """

        async def end(db: Connection) -> None:
            await enter_workspace(db, export.workspace_id)
            await queries.end_export(db, export.workspace_id, export.id, outcome, rows)

        try:
            await transact(end)
        except (Problem, asyncpg.PostgresError, OSError, TimeoutError) as error:
            log.warning("call_export.end_not_stored", export_id=str(export.id), error=type(error).__name__)
        else:
            log.info("call_export.ended", export_id=str(export.id), outcome=outcome, rows=rows)
