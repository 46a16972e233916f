"""Reads a Redis stream as one consumer of a group."""

from typing import Any, Final

from shared.bus.client import BusClient, create_consumer_group, map_redis_error

# Deleting a consumer that still has entries would lose them.
_LEAVE: Final = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
"""


class ConsumerGroup:
    """A consumer group of one stream. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, stream: str, name: str) -> None:
        self._redis, self._stream, self._name = redis, stream, name
        self._leave = redis.register_script(_LEAVE)

    async def create(self) -> None:
        """Create the group at the stream's beginning unless it exists."""
        await create_consumer_group(self._redis, self._stream, self._name)

    async def leave(self, consumer: str) -> None:
        """Remove a consumer that ends, unless it has entries that another consumer must take over."""
        async with map_redis_error():
            await self._leave(keys=[self._stream], args=[self._name, consumer])

    async def remove_dead(self, idle_s: float) -> None:
        """Remove consumers without entries that have not read for `idle_s`.

        A killed process leaves its consumer behind. A consumer that is still alive is created again when it reads.
        """
        async with map_redis_error():
            consumers: Any = await self._redis.xinfo_consumers(self._stream, self._name)
        for consumer in consumers:
            if consumer["idle"] >= idle_s * 1000:
                await self.leave(consumer["name"].decode())
