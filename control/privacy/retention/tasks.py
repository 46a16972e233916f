"""The duty that deletes recordings, transcripts and events of calls when their retention ends."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.agent_tests.service import delete_cases_of_calls
from control.calls.deletion.service import delete_events, delete_recordings, delete_words, retry_deletions
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.messages.service import delete_messages
from control.outbound_webhooks.service import delete_spoken_events
from control.platform.service import Platform
from control.privacy.retention import queries
from control.privacy.retention.queries import RetainedWorkspace, RetentionTask
from control.privacy.retention.rules import KINDS, RetentionTerms, apply_grace, days_name, make_terms
from control.privacy.rules import RetentionKind

# Maximum number of calls per transaction, and per run of the duty.
BATCH: Final = 200
CALLS_PER_RUN: Final = 5_000
_WORKSPACES_AT_ONCE: Final = 200
Delete = Callable[[Connection, UUID, list[UUID], datetime], Awaitable[None]]


async def apply_retention(pool: Pool, platform: Platform, now: datetime) -> int:
    """Delete the due content of up to CALLS_PER_RUN calls in all workspaces. Return the number of calls.

    Each batch stores its progress, so that the next run continues where a killed run ended.
    """
    left, after = CALLS_PER_RUN, None
    async with pool.transaction() as db:
        await enter_platform(db)
        days = await platform_days(db, platform)
        grace = timedelta(days=await platform.setting(db, "retention_grace_days"))
        await retry_deletions(db)
    while True:
        async with pool.transaction() as db:
            await enter_platform(db)
            workspaces = await queries.select_workspaces(db, after, _WORKSPACES_AT_ONCE)
            terms = await _take_terms(db, workspaces, days, grace, now)
            tasks = [
                RetentionTask(workspace_id, kind, limits.cutoff(kind, now))
                for workspace_id, limits in terms.items()
                for kind in KINDS
            ]
            due = await queries.select_due(db, tasks)
        for task in due:
            left -= await _run_task(pool, task, now, left)
            if left <= 0:
                return CALLS_PER_RUN
        if len(workspaces) < _WORKSPACES_AT_ONCE:
            return CALLS_PER_RUN - left
        after = workspaces[-1].id


async def platform_days(db: Connection, platform: Platform) -> Mapping[RetentionKind, int]:
    """Return the platform's default days, by kind."""
    return {kind: await platform.setting(db, days_name(kind)) for kind in KINDS}


async def _take_terms(
    db: Connection,
    workspaces: Iterable[RetainedWorkspace],
    days: Mapping[RetentionKind, int],
    grace: timedelta,
    now: datetime,
) -> Mapping[UUID, RetentionTerms]:
    """Return the terms that apply now, by workspace id, and store changed limits.

    Args:
        days: The platform's default days.
    """
    allowed = {workspace.id: make_terms(days, workspace.features, workspace.settings) for workspace in workspaces}
    before = await queries.select_limits(db, allowed)
    limits = {
        (workspace_id, kind): apply_grace(before.get((workspace_id, kind)), terms.longest[kind], grace, now)
        for workspace_id, terms in allowed.items()
        for kind in KINDS
    }
    changed = {key: limit for key, limit in limits.items() if before.get(key) != limit}
    await queries.upsert_limits(db, changed)
    return {
        workspace_id: replace(terms, longest={kind: limits[workspace_id, kind].days for kind in KINDS})
        for workspace_id, terms in allowed.items()
    }


async def _run_task(pool: Pool, task: RetentionTask, now: datetime, most: int) -> int:
    """Delete a task's content in batches. Return the number of calls."""
    done = 0
    while done < most:
        async with pool.transaction() as db:
            await enter_platform(db)
            calls = await queries.select_calls(db, task, min(BATCH, most - done))
            if calls:
                await _DELETIONS[task.kind](db, task.workspace_id, [call.id for call in calls], now)
                await queries.advance(db, task.workspace_id, task.kind, calls[-1])
        done += len(calls)
        if len(calls) < BATCH:
            break
    return done


async def _delete_recordings(db: Connection, _: UUID, call_ids: list[UUID], now: datetime) -> None:
    await delete_recordings(db, call_ids, now)


async def _delete_words(db: Connection, workspace_id: UUID, call_ids: list[UUID], _: datetime) -> None:
    await delete_words(db, workspace_id, call_ids)
    await delete_messages(db, workspace_id, call_ids)
    await delete_spoken_events(db, workspace_id, call_ids)
    await delete_cases_of_calls(db, workspace_id, call_ids)


async def _delete_events(db: Connection, workspace_id: UUID, call_ids: list[UUID], _: datetime) -> None:
    await delete_events(db, workspace_id, call_ids)
    await delete_cases_of_calls(db, workspace_id, call_ids)  # they hold results of tools


_DELETIONS: Final[Mapping[RetentionKind, Delete]] = {
    "recording": _delete_recordings,
    "transcript": _delete_words,
    "event": _delete_events,
}
