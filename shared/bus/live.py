"""Calls that are alive: each media node tells of its own every few seconds; what is no longer told of is lost."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.bus.client import PREFIX, told

BEAT_S: Final = 3.0
TTL_S: Final = 12


class LiveCall(Struct, frozen=True):
    """A call on a node. node_id: whose command stream reaches it. leg: see CallPlan."""

    call_id: str
    node_id: str
    leg: int


class LiveCalls:
    """All methods raise BusAway."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def beat(self, calls: Sequence[LiveCall]) -> None:
        """Calls of a node, in one go."""
        if not calls:
            return
        async with told(), self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.set(_key(call.call_id), msgspec.json.encode(call), ex=TTL_S)
            await pipe.execute()

    async def gone(self, call_ids: Sequence[str]) -> None:
        """The calls left their node; in one go."""
        if not call_ids:
            return
        async with told(), self._redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.delete(_key(call_id))
            await pipe.execute()

    async def get(self, call_ids: Sequence[str]) -> list[LiveCall | None]:
        """In the order asked for; None for those that no node tells of."""
        if not call_ids:
            return []
        async with told(), self._redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.get(_key(call_id))
            found = await pipe.execute()
        return [msgspec.json.decode(text, type=LiveCall) if text else None for text in found]


def _key(call_id: str) -> str:
    return f"{PREFIX}live:{{{call_id}}}"
