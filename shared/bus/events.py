"""The Redis stream that carries calls' events from media to the database.

An entry is removed when its event is stored. A line begins with the proof that its node had the stream, and a space.
Lines of the previous release begin with a brace and have no proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.bus.authority import EVENT_PURPOSE
from shared.bus.client import PREFIX, BusClient, map_redis_error
from shared.bus.consumer_group import ConsumerGroup
from shared.bus.stream_credentials import StreamCredential

STREAM: Final = f"{PREFIX}events"
GROUP: Final = "records"
_FIELD: Final = b"e"
_PROOF: Final = b"p"


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One event of the stream.

    Attributes:
        line: The event as shared.events.encode_event wrote it. It is not decoded, because it may be invalid.
        proof: See shared/bus/stream_credentials.py. Empty if the line has none.
    """

    id: str
    line: bytes
    proof: bytes = b""


class EventStream:
    """Appends, reads and removes events. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient) -> None:
        self._redis = redis
        self._group = ConsumerGroup(redis, STREAM, GROUP)

    async def append(self, lines: Sequence[bytes]) -> None:
        """Append events in order, as `prove_line` wrote them.

        If the method raises, some events may have been stored. Sending them again is harmless.
        """
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for line in lines:
                proof, event = split_line(line)
                pipe.xadd(STREAM, entry_fields(event, proof))
            await pipe.execute()

    async def create_group(self) -> None:
        """Create the consumer group at the stream's beginning unless it exists."""
        await self._group.create()

    async def read(self, consumer: str, most: int, wait_s: float) -> list[EventEntry]:
        """Return new entries in order, or none if none came within `wait_s`. `wait_s` must be less than the client's
        timeout."""
        async with map_redis_error():
            found: Any = await self._redis.xreadgroup(
                GROUP, consumer, {STREAM: ">"}, count=most, block=max(1, round(wait_s * 1000))
            )
        return [entry for _, entries in found or () for entry in _entries(entries)]

    async def reclaim(self, consumer: str, most: int, idle_s: float) -> list[EventEntry]:
        """Return entries that a consumer read more than `idle_s` ago and did not finish. After a restart these may be
        its own."""
        async with map_redis_error():
            found = await self._redis.xautoclaim(STREAM, GROUP, consumer, round(idle_s * 1000), "0-0", count=most)
        return _entries(found[1])

    async def remove(self, ids: Sequence[str]) -> None:
        """Acknowledge and delete entries whose events are stored."""
        async with map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(STREAM, GROUP, *ids)
            pipe.xdel(STREAM, *ids)
            await pipe.execute()

    async def leave(self, consumer: str) -> None:
        """Remove a consumer that ends, as `ConsumerGroup.leave` does."""
        await self._group.leave(consumer)

    async def remove_dead_consumers(self, idle_s: float) -> None:
        """Remove consumers that have died, as `ConsumerGroup.remove_dead` does."""
        await self._group.remove_dead(idle_s)

    async def length(self) -> int:
        """Return the number of events that are not stored yet."""
        async with map_redis_error():
            return int(await self._redis.xlen(STREAM))


def prove_line(line: bytes, stream_credential: StreamCredential | None) -> bytes:
    """Return the event with its proof, as it waits in memory or on disk. A stream without a credential has no proof."""
    return line if stream_credential is None else stream_credential.sign(line, EVENT_PURPOSE) + b" " + line


def split_line(line: bytes) -> tuple[bytes, bytes]:
    """Split a line into its proof, which may be empty, and the event."""
    if line.startswith(b"{"):
        return b"", line
    proof, _, event = line.partition(b" ")
    return (proof, event) if event else (b"", line)


def entry_fields(line: bytes, proof: bytes) -> dict[Any, Any]:
    """Return the fields of an entry. `line` and `proof` are as in `EventEntry`."""
    return {_FIELD: line, _PROOF: proof} if proof else {_FIELD: line}


def _entries(found: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[EventEntry]:
    return [
        EventEntry(name.decode(), fields.get(_FIELD, b""), fields.get(_PROOF, b"")) for name, fields in found if fields
    ]
