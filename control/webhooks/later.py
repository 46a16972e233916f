"""Webhooks whose effect is still missing: a duty of the worker; and those that are old go."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from control.db.pool import Connection, Pool
from control.webhooks import telnyx_event, twilio_form
from control.webhooks.leading import Leading
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.options import WebhookOptions
from control.webhooks.ports import Rooms
from control.webhooks.shelf import Shelf
from control.webhooks.store import MOST_ATTEMPTS, Left, claim_open, give_up, note_failure, remove_old
from control.webhooks.telnyx import TelnyxCalls
from control.webhooks.twilio_notes import TwilioNotes
from shared.errors import Unavailable
from shared.logs import told

# They are records of what carriers told, and hold numbers of people: no longer than disputes need.
KEPT: Final = timedelta(days=30)
# While a carrier is away each event waits as long as it may: one by one, the duty would come too late.
_AT_ONCE: Final = 10
log = structlog.get_logger()


async def finish_open(
    pool: Pool, services: Rooms, now: datetime, most: int = 50, metrics: WebhookMetrics | None = None
) -> int:
    """Tries up to `most` open events whose time has come, some at once; returns how many it tried. One that failed so
    often that it never will be done is closed with its last fault. Not within a transaction: carriers are asked.
    Several workers may do so at once. metrics: where what follows is counted. Raises Unavailable without a database:
    the rest waits for its next time then."""
    # Nothing here answers a carrier, so that no address and no key is needed.
    options = WebhookOptions("")
    leading = Leading(pool, services, metrics or WebhookMetrics(), options.connect_s)
    telnyx = TelnyxCalls(leading, over_wait_s=options.over_wait_s, commands_s=options.commands_s)
    notes = TwilioNotes(leading)
    # What was told while the database was away comes first.
    await Shelf(leading, options.connect_s).empty()
    found = await leading.transact(lambda db: claim_open(db, now, most))
    await _each(_by_call(found), partial(_try, leading, telnyx, notes, now))
    return len(found)


async def purge(db: Connection, now: datetime, most: int) -> int:
    """Removes up to `most` old webhooks; returns how many. Within a duty's transaction."""
    return await remove_old(db, now - KEPT, most)


def _by_call(found: Sequence[Left]) -> list[list[Left]]:
    """What was told of one call is to be done in the order it was told; a call that rang is written down before its
    end is."""
    calls: dict[str, list[Left]] = {}
    for left in found:
        calls.setdefault(_call(left), []).append(left)
    return list(calls.values())


def _call(left: Left) -> str:
    """The carrier's id; what tells of none is by itself."""
    payload = left.event.payload
    telnyx = left.event.source == "telnyx"
    call = telnyx_event.restored(payload, left.received_at).call if telnyx else twilio_form.restored(payload).sid
    return call or left.event.event_id


async def _each(calls: Sequence[Sequence[Left]], work: Callable[[Left], Awaitable[None]]) -> None:
    """Some calls at once, the oldest first. Who meets a fault takes no more; when all are at their end it is raised."""
    waiting = iter(calls)

    async def take() -> None:
        for call in waiting:
            for left in call:
                await work(left)

    ends = await asyncio.gather(*(take() for _ in range(_AT_ONCE)), return_exceptions=True)
    for fault in ends:
        if fault is not None:
            raise fault


async def _try(leading: Leading, telnyx: TelnyxCalls, notes: TwilioNotes, now: datetime, left: Left) -> None:
    try:
        await _finish(left, telnyx, notes, now)
    except Unavailable:
        raise
    except Exception as error:  # one event's fault is not the next one's
        fault = type(error).__name__
        log.error("webhook.broke_off", carrier=left.event.source, kind=left.event.event_type, **told(error))
        await _note(leading, left, fault)
    if left.attempts >= MOST_ATTEMPTS:
        await _give_up(leading, left, now)


async def _finish(left: Left, telnyx: TelnyxCalls, notes: TwilioNotes, now: datetime) -> None:
    if left.event.source == "telnyx":
        await telnyx.finish(left.event, left.received_at, now)
    else:
        await notes.finish(left.event, now)


async def _note(leading: Leading, left: Left, fault: str) -> None:
    event = left.event
    await leading.transact(lambda db: note_failure(db, event.source, event.event_id, fault))


async def _give_up(leading: Leading, left: Left, now: datetime) -> None:
    event = left.event

    async def close(db: Connection) -> bool:
        return await give_up(db, event.source, event.event_id, now)

    if await leading.transact(close):
        log.error("webhook.given_up", carrier=event.source, kind=event.event_type)
