"""Worker tasks for outbound webhooks: send due deliveries, fail expired deliveries, and delete old events.

Each step is its own transaction, and no transaction is open during a request. If a worker dies, the lease of its
delivery ends, and another worker sends the delivery again with its original webhook-id.
"""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from control.accounts.emails.service import EmailQueue
from control.db.duties import Duty, WorkerTasks
from control.db.errors import COLLISIONS
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.db.transaction import in_transaction
from control.outbound_webhooks import queries
from control.outbound_webhooks.http_client import USER_AGENT, WebhookHttpClient
from control.outbound_webhooks.rules import (
    CRASHED,
    UNSEALED,
    AttemptOutcome,
    ClaimedDelivery,
    DeliveryAttempt,
    DeliveryPolicy,
    DeliveryStatus,
    DisabledReason,
    FreeSlots,
    SecretSafe,
    disabled_email,
    make_body,
    next_wait,
    sign,
)
from control.outbound_webhooks.service import OutboundWebhooks
from shared.errors import Unavailable
from shared.logs import error_fields
from shared.secrets import UnsealError

log = structlog.get_logger()
_BATCH: Final = 1_000
# The receiver reports that the address is permanently gone (RFC 9110, section 15.5.11).
GONE: Final = 410
# Shortest pause between two searches for due deliveries. The pause lasts at least as long as the last search, which
# takes 80 ms if 1,000 endpoints have 120 due deliveries each.
SHORTEST_PAUSE_S: Final = 0.05
# Callback that receives the outcome of each attempt.
CountAttempt = Callable[[AttemptOutcome], None]
# Callback that receives the time since which the oldest sendable delivery has waited, or None if no delivery waits.
ReportOldest = Callable[[datetime | None], None]


def outbound_webhooks_tasks(
    pool: Pool, webhooks: OutboundWebhooks, count_attempt: CountAttempt, report_oldest: ReportOldest
) -> WorkerTasks:
    """Return the service `outbound_webhooks` and the duties `expired_deliveries`, `old_webhook_events` and
    `oldest_delivery`.

    Args:
        count_attempt: Called with the outcome of each attempt.
    """

    async def expired_deliveries(db: Connection, now: datetime) -> int:
        return await queries.expire_deliveries(db, now, _BATCH)

    async def old_webhook_events(db: Connection, now: datetime) -> int:
        return await queries.delete_old_events(db, now, webhooks.policy.kept, _BATCH)

    async def oldest_delivery(db: Connection, now: datetime) -> int:
        report_oldest(await queries.select_oldest(db, now))
        return 0

    client = WebhookHttpClient(webhooks.endpoints.guard, webhooks.policy.timeout_s)
    sender = WebhookSender(
        pool, webhooks.endpoints.safe, client, webhooks.email_queue, webhooks.policy, count_attempt=count_attempt
    )
    return WorkerTasks(
        services={"outbound_webhooks": sender.run},
        duties=[
            Duty("expired_deliveries", 60, expired_deliveries, _BATCH),
            Duty("old_webhook_events", 3_600, old_webhook_events, _BATCH),
            Duty("oldest_delivery", 30, oldest_delivery, 1),
        ],
    )


class WebhookSender:
    """Sends due deliveries. Each worker has one sender, and several workers can run at the same time."""

    def __init__(
        self,
        pool: Pool,
        safe: SecretSafe,
        client: WebhookHttpClient,
        email_queue: EmailQueue,
        policy: DeliveryPolicy,
        clock: Callable[[], datetime] | None = None,
        *,
        count_attempt: CountAttempt | None = None,
    ) -> None:
        self._pool, self._safe, self._client, self._email_queue = pool, safe, client, email_queue
        self._policy, self._clock = policy, clock or _now
        self._count_attempt: CountAttempt = count_attempt or (lambda _: None)
        self._running: dict[asyncio.Task[None], ClaimedDelivery] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Run the background service `outbound_webhooks`: send until `stop` is set, then wait for the running
        requests.
        """
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                took_s = await self._begin_due()
                # A request that ends frees a slot, so wake up for it: other due deliveries must not wait.
                waits = {stopped, *self._running}
                await asyncio.wait(waits, timeout=self._policy.poll_s, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait({stopped}, timeout=max(took_s, SHORTEST_PAUSE_S))
            if self._running:
                await asyncio.wait(self._running)
        finally:
            stopped.cancel()
            for task in self._running:
                task.cancel()

    async def _begin_due(self) -> float:
        """Start due deliveries. Return the duration of the search in seconds."""
        began, claimed = time.monotonic(), []
        try:
            claimed = await self.claim()
        except (Unavailable, *COLLISIONS):
            log.warning("outbound_webhook.not_claimed")
        took_s = time.monotonic() - began
        for delivery in claimed:
            task = asyncio.create_task(self._deliver(delivery))
            self._running[task] = delivery
            task.add_done_callback(self._forget)
        return took_s

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)

    async def _deliver(self, claimed: ClaimedDelivery) -> None:
        try:
            attempt = await self.attempt(claimed)
        # An unrecorded failure would make the worker repeat the attempt forever.
        except Exception as error:  # noqa: BLE001
            log.error("outbound_webhook.crashed", delivery_id=str(claimed.id), **error_fields(error))
            attempt = DeliveryAttempt(claimed.attempts + 1, self._clock(), 0, None, CRASHED, "")
        self._count_attempt(attempt.outcome)
        try:
            await self.record(claimed, attempt)
        except (Unavailable, *COLLISIONS):  # The delivery is sent again when its lease ends.
            log.warning("outbound_webhook.not_recorded", delivery_id=str(claimed.id))

    async def claim(self) -> list[ClaimedDelivery]:
        """Lease due deliveries, at most as many as this worker has free slots."""
        failing = sum(delivery.is_failing for delivery in self._running.values())
        free = FreeSlots(
            all=self._policy.slots - len(self._running), failing=max(0, self._policy.failing_slots - failing)
        )
        if free.all <= 0:
            return []

        async def work(db: Connection) -> list[ClaimedDelivery]:
            await enter_platform(db)
            return await queries.lease_due(db, free, self._policy, self._clock())

        return await in_transaction(self._pool, work)

    async def attempt(self, claimed: ClaimedDelivery) -> DeliveryAttempt:
        """Post a delivery once and return the attempt."""
        now = self._clock()
        number, event = claimed.attempts + 1, claimed.event
        try:
            keys = self._safe.open(claimed.secrets, now)
        except UnsealError:
            log.error("outbound_webhook.not_unsealed", endpoint_id=str(claimed.endpoint_id))
            return DeliveryAttempt(number, now, 0, None, UNSEALED, "")
        body = make_body(event)
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            **sign(str(event.id), now, body, keys),
        }
        answer = await self._client.post(claimed.url, headers, body, str(event.workspace_id))
        return DeliveryAttempt(number, now, answer.took_ms, answer.status_code, answer.error, answer.answer)

    async def record(self, claimed: ClaimedDelivery, attempt: DeliveryAttempt) -> None:
        """Store an attempt and its consequence: the next attempt, the end of the delivery, or a disabled endpoint."""

        async def work(db: Connection) -> None:
            await enter_platform(db)
            await self._record(db, claimed, attempt)

        await in_transaction(self._pool, work)

    async def _record(self, db: Connection, claimed: ClaimedDelivery, attempt: DeliveryAttempt) -> None:
        now = self._clock()
        status: DeliveryStatus = "delivered" if attempt.is_delivered else "pending"
        at = now
        if status == "pending":
            at = now + next_wait(claimed.failures + 1, random.random())
            if at >= claimed.expires_at:
                status, at = "failed", now
        if not await queries.finish_attempt(db, claimed, attempt, status, at):
            return
        log.info(
            "outbound_webhook.sent",
            delivery_id=str(claimed.id),
            workspace_id=str(claimed.event.workspace_id),
            status=status,
            status_code=attempt.status_code,
            attempt=attempt.number,
        )
        if attempt.is_delivered:
            await queries.mark_working(db, claimed.event.workspace_id, claimed.endpoint_id)
        elif attempt.is_receivers_failure:
            await self._mark_failing(db, claimed, attempt, now)

    async def _mark_failing(
        self, db: Connection, claimed: ClaimedDelivery, attempt: DeliveryAttempt, now: datetime
    ) -> None:
        workspace_id, endpoint_id = claimed.event.workspace_id, claimed.endpoint_id
        await queries.mark_failing(db, workspace_id, endpoint_id, attempt.started_at, self._policy.longest_gap)
        is_gone = attempt.status_code == GONE
        reason: DisabledReason = "gone" if is_gone else "failing"
        before = None if is_gone else now - self._policy.disable_after
        if not await queries.disable_endpoint(db, workspace_id, endpoint_id, claimed.url, before, reason, now):
            return
        log.warning("outbound_webhook.endpoint_disabled", endpoint_id=str(endpoint_id), reason=reason)
        page = self._email_queue.page(f"/workspaces/{workspace_id}/webhook-endpoints/{endpoint_id}")
        for owner in await queries.select_owners(db, workspace_id):
            await self._email_queue.enqueue(db, disabled_email(owner, claimed.url, reason, page))


def _now() -> datetime:
    return datetime.now(UTC)
