"""Twilio's words while the database is away: put by on the bus, and moved into the inbox when it is back.

Twilio does not wait for these answers and does not tell them again for ever, so that whichever store is there keeps
them. What was kept in both counts once.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from control.db.pool import Connection
from control.webhooks.leading import Leading
from control.webhooks.store import Source, Stored, keep
from shared.bus.client import BusAway
from shared.bus.notes import Note

_BATCH: Final = 100
log = structlog.get_logger()


class _Kept(msgspec.Struct, frozen=True):
    """As it lies on the bus."""

    source: Source
    event_id: str
    event_type: str
    payload: dict[str, Any]
    at: datetime


class Shelf:
    """wait_s: for the bus."""

    def __init__(self, leading: Leading, wait_s: float) -> None:
        self._leading, self._wait_s = leading, wait_s

    async def put(self, event: Stored, now: datetime) -> bool:
        """Whether it is kept."""
        kept = _Kept(event.source, event.event_id, event.event_type, dict(event.payload), now)
        try:
            async with asyncio.timeout(self._wait_s):
                return await self._leading.rooms.notes.put(msgspec.json.encode(kept))
        except (BusAway, TimeoutError):
            return False

    async def empty(self) -> int:
        """Moves all into the database, as open events; how many. Several may do so at once. Raises Unavailable without
        a database; without the bus there is nothing."""
        moved = 0
        notes = self._leading.rooms.notes
        try:
            while found := await notes.oldest(_BATCH):
                await self._leading.transact(partial(_write, found))
                await notes.done([note.id for note in found])
                moved += len(found)
        except BusAway:
            log.warning("webhook.shelf_away")
        return moved


async def _write(found: Sequence[Note], db: Connection) -> None:
    for note in found:
        kept = _read(note)
        if kept is None:
            log.error("webhook.note_unreadable", entry=note.id)
            continue
        event = Stored(kept.source, kept.event_id, kept.event_type, kept.payload)
        await keep(db, event, kept.at, handled=False)


def _read(note: Note) -> _Kept | None:
    try:
        return None if note.text is None else msgspec.json.decode(note.text, type=_Kept)
    except msgspec.DecodeError:
        return None
