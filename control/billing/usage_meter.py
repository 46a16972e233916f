"""The duty that tells a sink of usage how many seconds each workspace called on each day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from control.billing import read_metered_usage, store_meter_days
from control.billing.job_transactions import transact
from control.billing.sinks import SinkError, SinkUnavailable, UsageReading, UsageSink
from control.db.duties import OutsideDuty
from control.db.pool import Pool

EVERY_S: Final = 3_600.0
BATCH: Final = 1_000
# Stripe takes events of the last 35 days.
_KEPT: Final = timedelta(days=34)
# Then it is not one workspace's reading that fails.
_MOST_FAILURES: Final = 3
log = structlog.get_logger()


class UsageMeterDuty:
    """Each reading is stored with its revision before it is sent: whatever dies in between, the next run sends the same
    again."""

    def __init__(self, sink: UsageSink) -> None:
        self._sink = sink

    def make_duty(self) -> OutsideDuty:
        """The duty `usage_meter`."""
        return OutsideDuty("usage_meter", EVERY_S, self.run, BATCH)

    async def run(self, pool: Pool, now: datetime) -> int:
        """Returns how many readings were taken or refused."""
        since = (now.astimezone(UTC) - _KEPT).date()
        found = await transact(pool, lambda db: read_metered_usage.select_readings(db, since, BATCH))
        done = failures = 0
        for reading in found:
            try:
                await self._send(pool, reading, now)
                done += 1
            except SinkUnavailable as error:
                failures += 1
                log.warning("usage.not_delivered", workspace_id=str(reading.workspace_id), error=str(error))
                if failures == _MOST_FAILURES:
                    break
        return done

    async def _send(self, pool: Pool, reading: UsageReading, now: datetime) -> None:
        revision = await transact(pool, lambda db: store_meter_days.insert_reading(db, reading))
        sent, refused = replace(reading, revision=revision), None
        try:
            await self._sink.record_usage(sent)
        except SinkError as error:
            refused = str(error)
            log.error("usage.refused", workspace_id=str(reading.workspace_id), day=str(reading.day), reason=refused)
        await transact(pool, lambda db: store_meter_days.mark_delivered(db, sent, now, refused))
