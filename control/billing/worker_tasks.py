"""The worker's tasks for billing: counts usage without a price, estimates costs."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from control.billing import store
from control.billing.cost_estimates import update_estimates
from control.billing.model import UnpricedUsage
from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection

# Usage without a price is reported for so long.
REPORTED: Final = timedelta(days=1)


def billing_tasks(report: Callable[[Sequence[UnpricedUsage]], None]) -> WorkerTasks:
    """Duties `unpriced_usage` and `cost_estimates`. report: takes the counts of the last day."""

    async def count_unpriced(db: Connection, now: datetime) -> int:
        found = await store.count_unpriced(db, now - REPORTED)
        report(found)
        return sum(one.rows for one in found)

    return WorkerTasks(
        duties=[
            Duty("unpriced_usage", 60, count_unpriced, 1 << 62),
            Duty("cost_estimates", 60, update_estimates, 1 << 62),
        ]
    )
