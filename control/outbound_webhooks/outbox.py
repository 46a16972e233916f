"""Writes events for customers' systems, in the transaction of the fact that they report. The worker sends them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from control.db.pool import Connection
from control.outbound_webhooks import store_events, store_listeners
from control.outbound_webhooks.event_types import EventData, EventType
from control.outbound_webhooks.store_events import NewOutboundEvent
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class ReportedFact:
    """Something that happened. object_id: of what it is about; events of one object are ordered, if their transactions
    lock it. call_id: of the call whose caller's deletion deletes it. is_unique: an object has one event of this type,
    so that a fact which is stored twice is reported once."""

    workspace_id: UUID
    type: EventType
    object_id: UUID
    at: datetime
    data: EventData
    call_id: UUID | None = None
    is_unique: bool = False


async def report_facts(db: Connection, facts: Sequence[ReportedFact], now: datetime | None = None) -> None:
    """Stores the facts that endpoints want, with a delivery to each. One indexed query where nobody wants any: it waits
    for no lock and asks nobody outside. Works in the scope of the facts' workspace, and of the platform. now: for
    tests."""
    if not facts:
        return
    listeners = await store_listeners.select_listeners(db, {one.workspace_id for one in facts})
    wanted: dict[int, list[UUID]] = defaultdict(list)
    for place, fact in enumerate(facts):
        for one in listeners.get(fact.workspace_id, ()):
            if one.event_types is None or fact.type in one.event_types:
                wanted[place].append(one.id)
    if wanted:
        new = [make_event(facts[place], endpoint_ids) for place, endpoint_ids in wanted.items()]
        await store_events.insert_events(db, new, now or datetime.now(UTC))


def make_event(fact: ReportedFact, endpoint_ids: Iterable[UUID]) -> NewOutboundEvent:
    """The event of a fact, for these endpoints."""
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
