"""Outbound webhooks: members manage endpoints and deliveries, and other packages report facts that become events."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from control.accounts.emails.service import EmailQueue
from control.audit.service import Actor, Change, record_change
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.outbound_webhooks import queries
from control.outbound_webhooks.event_types import EventData, EventType, TestEventData
from control.outbound_webhooks.queries import NewOutboundEvent
from control.outbound_webhooks.rules import (
    WINDOW,
    DeliveryAttempt,
    DeliveryPolicy,
    DeliveryStatus,
    SecretSafe,
    WebhookDelivery,
    WebhookEndpoint,
)
from control.workspaces.service import Workspaces
from shared.egress import EgressGuard, EgressRefused
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.secrets import Sealer

# -- Facts that other nouns report --


@dataclass(frozen=True, slots=True)
class ReportedFact:
    """A fact that may become an event.

    Attributes:
        workspace_id: The workspace whose endpoints receive the event.
        object_id: Id of the object that the fact is about. Events of one object are ordered if their transactions lock
            the object.
        at: When the fact happened.
        call_id: The call that the fact belongs to. Deleting the caller's data deletes the event.
        is_unique: Whether an object has at most one event of this type. A fact that is reported twice then creates one
            event.
    """

    workspace_id: UUID
    type: EventType
    object_id: UUID
    at: datetime
    data: EventData
    call_id: UUID | None = None
    is_unique: bool = False


async def report_facts(db: Connection, facts: Sequence[ReportedFact], now: datetime | None = None) -> None:
    """Store reported facts as events, with a delivery to each endpoint that chose the type. The worker sends them.

    Call this in the transaction that stores the facts, in the scope of their workspace or of the platform. If no
    endpoint chose the types, the call costs one indexed query. It never waits for a lock.

    Args:
        now: Overrides the current time in tests.
    """
    if not facts:
        return
    listeners = await queries.select_listeners(db, {fact.workspace_id for fact in facts})
    wanted: dict[int, list[UUID]] = defaultdict(list)
    for place, fact in enumerate(facts):
        for listener in listeners.get(fact.workspace_id, ()):
            if listener.event_types is None or fact.type in listener.event_types:
                wanted[place].append(listener.id)
    if wanted:
        new = [make_event(facts[place], endpoint_ids) for place, endpoint_ids in wanted.items()]
        await queries.insert_events(db, new, now or datetime.now(UTC))


def make_event(fact: ReportedFact, endpoint_ids: Iterable[UUID]) -> NewOutboundEvent:
    """Convert a fact to an event for these endpoints."""
    return NewOutboundEvent(
        id=UUID(new_id()),
        workspace_id=fact.workspace_id,
        type=fact.type,
        object_id=fact.object_id,
        call_id=fact.call_id,
        at=fact.at,
        data=fact.data,
        endpoint_ids=list(endpoint_ids),
        is_unique=fact.is_unique,
    )


# -- Endpoints of members --

MOST_ENDPOINTS: Final = 20


@dataclass(frozen=True, slots=True)
class EndpointEdit:
    """Changes to an endpoint. A field that is None stays unchanged.

    Attributes:
        event_types: An empty list selects all types.
    """

    url: str | None = None
    description: str | None = None
    event_types: Sequence[EventType] | None = None
    is_enabled: bool | None = None


class WebhookEndpoints:
    """Manages a workspace's webhook endpoints, within the current transaction and in the workspace's scope."""

    def __init__(self, workspaces: Workspaces, safe: SecretSafe, guard: EgressGuard) -> None:
        self._workspaces, self.safe, self.guard = workspaces, safe, guard

    async def list_all(self, db: Connection, workspace_id: UUID) -> list[WebhookEndpoint]:
        """Return the workspace's endpoints, oldest first."""
        return await queries.select_endpoints(db, workspace_id, MOST_ENDPOINTS)

    async def get(
        self, db: Connection, workspace_id: UUID, endpoint_id: UUID, *, lock: bool = False
    ) -> WebhookEndpoint:
        """Return an endpoint. Raises NotFound (code webhook_endpoint_not_found)."""
        found = await queries.select_endpoint(db, workspace_id, endpoint_id, lock=lock)
        if found is None:
            raise NotFound("This webhook endpoint does not exist.", code="webhook_endpoint_not_found")
        return found

    async def create(
        self, db: Connection, workspace_id: UUID, actor: Actor, edit: EndpointEdit, now: datetime
    ) -> tuple[WebhookEndpoint, str]:
        """Create an endpoint. Return the endpoint and its secret, which is never shown again.

        Raises Conflict (codes webhook_endpoint_limit, workspace_suspended) and Invalid (code address_refused).

        Args:
            edit: Must have a URL.
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        assert edit.url is not None
        self._require_public(edit.url)
        await queries.lock_endpoints(db, workspace_id)
        if len(await self.list_all(db, workspace_id)) >= MOST_ENDPOINTS:
            message = f"A workspace can have at most {MOST_ENDPOINTS} webhook endpoints."
            raise Conflict(message, code="webhook_endpoint_limit")
        secret, secrets = self.safe.create()
        made = WebhookEndpoint(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            url=edit.url,
            description=edit.description or "",
            event_types=edit.event_types or None,
            is_enabled=edit.is_enabled is not False,
            disabled_reason=None,
            secrets=secrets,
            failing_since=None,
            created_at=now,
            updated_at=now,
        )
        await queries.insert_endpoint(db, made)
        await _audit_endpoint(db, actor, "webhook_endpoint.create", None, made)
        return made, secret

    async def update(
        self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID, edit: EndpointEdit, now: datetime
    ) -> WebhookEndpoint:
        """Change an endpoint. Pending deliveries go to the new address, and enabling clears past failures.

        Raises NotFound, Conflict (code workspace_suspended) and Invalid (code address_refused).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await self.get(db, workspace_id, endpoint_id, lock=True)
        after = replace(_apply(before, edit), updated_at=now)
        self._require_public(after.url)
        await queries.update_endpoint(db, after)
        await _audit_endpoint(db, actor, "webhook_endpoint.update", before, after)
        return after

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID) -> None:
        """Delete an endpoint. Its pending deliveries are not sent. Raises NotFound."""
        before = await self.get(db, workspace_id, endpoint_id, lock=True)
        await queries.delete_endpoint(db, workspace_id, endpoint_id)
        await _audit_endpoint(db, actor, "webhook_endpoint.delete", before, None)

    async def rotate_secret(
        self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID, now: datetime, *, at_once: bool
    ) -> tuple[WebhookEndpoint, str]:
        """Replace an endpoint's secret.

        Return the endpoint and its new secret, which is never shown again. Raises NotFound.

        Args:
            at_once: Stop signing with the old secret immediately, for example after a leak. Otherwise it also signs for
                24 hours.
        """
        before = await self.get(db, workspace_id, endpoint_id, lock=True)
        secret, secrets = self.safe.create() if at_once else self.safe.rotate(before.secrets, now)
        after = replace(before, secrets=secrets, updated_at=now)
        await queries.update_secrets(db, after)
        change = Change("webhook_endpoint.rotate", "webhook_endpoint", str(endpoint_id), workspace_id)
        await record_change(db, actor, change)
        return after, secret

    def _require_public(self, url: str) -> None:
        """Check that an address may receive webhooks. Raises Invalid (code address_refused).

        Names are resolved and checked again at each connection.
        """
        try:
            self.guard.check_url(url)
        except EgressRefused as refused:
            message = f"{refused}."
            raise Invalid(message[0].upper() + message[1:], code="address_refused", param="url") from None
        if urlsplit(url).scheme not in ("http", "https"):
            raise Invalid("The address must begin with https://.", code="address_refused", param="url")


def _apply(before: WebhookEndpoint, edit: EndpointEdit) -> WebhookEndpoint:
    after = replace(
        before,
        url=before.url if edit.url is None else edit.url,
        description=before.description if edit.description is None else edit.description,
        event_types=before.event_types if edit.event_types is None else (edit.event_types or None),
        is_enabled=before.is_enabled if edit.is_enabled is None else edit.is_enabled,
    )
    if edit.is_enabled is None:
        return after
    return replace(after, disabled_reason=None, failing_since=None if edit.is_enabled else before.failing_since)


async def _audit_endpoint(
    db: Connection, actor: Actor, action: str, before: WebhookEndpoint | None, after: WebhookEndpoint | None
) -> None:
    endpoint = after or before
    assert endpoint is not None
    values = (None if before is None else _audited(before), None if after is None else _audited(after))
    await record_change(db, actor, Change(action, "webhook_endpoint", str(endpoint.id), endpoint.workspace_id, *values))


def _audited(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return the audit log's data. It contains only the address's host, because paths and queries may contain keys."""
    types = "all" if endpoint.event_types is None else list(endpoint.event_types)
    return {"host": urlsplit(endpoint.url).hostname, "event_types": types, "is_enabled": endpoint.is_enabled}


# -- Deliveries of members --

MOST_REPLAYED: Final = 1_000
MOST_ATTEMPTS: Final = 100


class WebhookDeliveries:
    """Lists and replays the deliveries of endpoints, within the current transaction and in the workspace's scope."""

    def __init__(self, endpoints: WebhookEndpoints) -> None:
        self._endpoints = endpoints

    async def list_page(
        self,
        db: Connection,
        workspace_id: UUID,
        endpoint_id: UUID,
        *,
        status: DeliveryStatus | None,
        page: PageRequest,
    ) -> ListPage[WebhookDelivery]:
        """Return a page of an endpoint's deliveries, newest first. Raises NotFound and Invalid (code cursor_unknown).

        Args:
            status: Return only deliveries with this status; None for all.
        """
        await self._endpoints.get(db, workspace_id, endpoint_id)
        found = await queries.select_deliveries(db, workspace_id, endpoint_id, status, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_deliveries(db, workspace_id, endpoint_id, status))

    async def get(
        self, db: Connection, workspace_id: UUID, endpoint_id: UUID, delivery_id: UUID
    ) -> tuple[WebhookDelivery, list[DeliveryAttempt]]:
        """Return a delivery and its latest MOST_ATTEMPTS attempts, latest first. Raises NotFound."""
        await self._endpoints.get(db, workspace_id, endpoint_id)
        found = await queries.select_delivery(db, workspace_id, endpoint_id, delivery_id)
        if found is None:
            raise NotFound("This endpoint does not have this delivery.", code="webhook_delivery_not_found")
        return found, await queries.select_attempts(db, workspace_id, delivery_id, MOST_ATTEMPTS)

    async def replay(
        self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID, delivery_id: UUID, now: datetime
    ) -> None:
        """Enqueue a delivery again, in any status, with its original webhook-id.

        Raises NotFound and Conflict (code webhook_endpoint_disabled).
        """
        await self._require_enabled(db, workspace_id, endpoint_id)
        await self.get(db, workspace_id, endpoint_id, delivery_id)
        await queries.replay(db, workspace_id, endpoint_id, delivery_id, now, now + WINDOW)
        await _audit_deliveries(db, actor, workspace_id, endpoint_id, "webhook_endpoint.replay")

    async def replay_since(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        endpoint_id: UUID,
        *,
        since: datetime,
        with_delivered: bool,
        now: datetime,
    ) -> int:
        """Enqueue failed deliveries again whose events were stored at or after `since`, oldest first, up to
        MOST_REPLAYED.

        Return their number.

        Raises NotFound and Conflict (code webhook_endpoint_disabled).

        Args:
            with_delivered: Whether to replay accepted deliveries, too.
        """
        await self._require_enabled(db, workspace_id, endpoint_id)
        statuses: list[DeliveryStatus] = ["failed", "delivered"] if with_delivered else ["failed"]
        replayed = await queries.replay_since(
            db,
            workspace_id,
            endpoint_id,
            since=since,
            statuses=statuses,
            now=now,
            expires_at=now + WINDOW,
            most=MOST_REPLAYED,
        )
        await _audit_deliveries(db, actor, workspace_id, endpoint_id, "webhook_endpoint.replay")
        return replayed

    async def send_test(
        self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID, now: datetime
    ) -> UUID:
        """Enqueue the event `webhook.test` for an endpoint, even if it did not choose the type. Return the event's id.

        Raises NotFound and Conflict (code webhook_endpoint_disabled).
        """
        await self._require_enabled(db, workspace_id, endpoint_id)
        fact = ReportedFact(workspace_id, "webhook.test", endpoint_id, now, TestEventData(endpoint_id))
        event = make_event(fact, [endpoint_id])
        await queries.insert_events(db, [event], now)
        await _audit_deliveries(db, actor, workspace_id, endpoint_id, "webhook_endpoint.test")
        return event.id

    async def _require_enabled(self, db: Connection, workspace_id: UUID, endpoint_id: UUID) -> None:
        endpoint = await self._endpoints.get(db, workspace_id, endpoint_id)
        if not endpoint.is_enabled:
            raise Conflict("This endpoint is disabled. Enable it first.", code="webhook_endpoint_disabled")


async def _audit_deliveries(db: Connection, actor: Actor, workspace_id: UUID, endpoint_id: UUID, action: str) -> None:
    await record_change(db, actor, Change(action, "webhook_endpoint", str(endpoint_id), workspace_id))


# -- Composition --


@dataclass(frozen=True, slots=True)
class OutboundWebhooks:
    """The services of outbound webhooks. A program creates one instance."""

    endpoints: WebhookEndpoints
    deliveries: WebhookDeliveries
    email_queue: EmailQueue
    policy: DeliveryPolicy


def make_outbound_webhooks(
    workspaces: Workspaces,
    sealer: Sealer,
    guard: EgressGuard,
    email_queue: EmailQueue,
    policy: DeliveryPolicy,
) -> OutboundWebhooks:
    endpoints = WebhookEndpoints(workspaces, SecretSafe(sealer), guard)
    return OutboundWebhooks(endpoints, WebhookDeliveries(endpoints), email_queue, policy)


# -- Deletion, for privacy --

# Event types whose data contains words of the caller.
_WORDS: Final[tuple[EventType, ...]] = ("message.taken",)


async def delete_call_events(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Delete all events of these calls, delivered or not. Return their number."""
    return await queries.delete_events_of_calls(db, workspace_id, call_ids)


async def delete_spoken_events(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Delete the events of these calls whose data contains words of the caller. Return their number."""
    return await queries.delete_events_of_calls(db, workspace_id, call_ids, _WORDS)


async def delete_workspace_events(db: Connection, workspace_id: UUID, most: int) -> int:
    """Delete up to `most` events of a workspace that is being purged. Return their number."""
    return await queries.delete_events_of_workspace(db, workspace_id, most)
