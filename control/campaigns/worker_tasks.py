"""The worker's tasks for campaigns: places their calls, and ends recipients of campaigns that are over."""

from datetime import datetime, timedelta
from typing import Final

from control.campaigns import store_recipients
from control.campaigns.dispatcher import MOST_CALLS, CampaignDispatcher, PlaceCall
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool

FINISHED_AT_ONCE: Final = 1_000
# Of campaigns that ended longer ago no recipient is pending any more.
OVER_FOR: Final = timedelta(days=7)


def campaigns_tasks(pool: Pool, place_call: PlaceCall) -> WorkerTasks:
    """Duties `campaign_calls` and `campaign_remains`. place_call: of the room of calls."""
    dispatcher = CampaignDispatcher(pool, place_call)

    async def dispatch(pool: Pool, now: datetime) -> int:
        return await dispatcher.run(now)

    async def finish_remaining(db: Connection, now: datetime) -> int:
        return await store_recipients.finish_remaining(db, now, now - OVER_FOR, FINISHED_AT_ONCE)

    return WorkerTasks(
        duties=[
            OutsideDuty("campaign_calls", 1.0, dispatch, MOST_CALLS),
            Duty("campaign_remains", 15.0, finish_remaining, FINISHED_AT_ONCE),
        ]
    )
