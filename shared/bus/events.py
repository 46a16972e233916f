"""The calls' events on their way from media to the records: one stream, read by a consumer group, each removed when it
has been written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.bus.client import PREFIX, told

STREAM: Final = f"{PREFIX}events"
GROUP: Final = "records"
_FIELD: Final = b"e"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the stream. line: as shared.events.encode_event wrote it; not decoded, for it may be unreadable."""

    id: str
    line: bytes


class EventStream:
    """All methods raise BusAway."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def append(self, lines: Sequence[bytes]) -> None:
        """Puts events in, in order. When it raises, some may be in all the same: sending them again is harmless."""
        async with told(), self._redis.pipeline(transaction=False) as pipe:
            for line in lines:
                pipe.xadd(STREAM, {_FIELD: line})
            await pipe.execute()

    async def prepare(self) -> None:
        """Makes the group, from the stream's beginning, if it is not there."""
        async with told():
            try:
                await self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def read(self, consumer: str, most: int, wait_s: float) -> list[Entry]:
        """New entries, in order; none when none came within `wait_s` (which must be less than the client's timeout)."""
        async with told():
            found: Any = await self._redis.xreadgroup(
                GROUP, consumer, {STREAM: ">"}, count=most, block=max(1, round(wait_s * 1000))
            )
        return [entry for _, entries in found or () for entry in _entries(entries)]

    async def reclaim(self, consumer: str, most: int, idle_s: float) -> list[Entry]:
        """Entries that some consumer took so long ago and never finished; also this one's own, after a restart."""
        async with told():
            found = await self._redis.xautoclaim(STREAM, GROUP, consumer, round(idle_s * 1000), "0-0", count=most)
        return _entries(found[1])

    async def done(self, ids: Sequence[str]) -> None:
        """These were written down: they leave the stream."""
        async with told(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(STREAM, GROUP, *ids)
            pipe.xdel(STREAM, *ids)
            await pipe.execute()

    async def length(self) -> int:
        """How many wait to be written down."""
        async with told():
            return int(await self._redis.xlen(STREAM))


def _entries(found: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    return [Entry(name.decode(), fields[_FIELD]) for name, fields in found if fields]
