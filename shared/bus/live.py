"""Calls that are running: each media node reports its own every few seconds; the entry of a lost call expires."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from shared.bus.client import BusClient, delete_keys, map_redis_error, redis_key

BEAT_S: Final = 3.0
TTL_S: Final = 12


class LiveCall(Struct, frozen=True):
    """A call on a node. node_id: the node whose command stream reaches it. leg: see CallPlan."""

    call_id: str
    node_id: str
    leg: int


class LiveCalls:
    """All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient) -> None:
        self._redis = redis

    async def refresh(self, calls: Sequence[LiveCall]) -> None:
        """Writes the entries of a node's calls in one round trip; they expire after TTL_S."""
        if not calls:
            return
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.set(_key(call.call_id), msgspec.json.encode(call), ex=TTL_S)
            await pipe.execute()

    async def remove(self, call_ids: Sequence[str]) -> None:
        """Removes calls that left their node, in one round trip."""
        if call_ids:
            await delete_keys(self._redis, map(_key, call_ids))

    async def get(self, call_ids: Sequence[str]) -> list[LiveCall | None]:
        """In the order of `call_ids`; None for those that no node reports."""
        if not call_ids:
            return []
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.get(_key(call_id))
            found = await pipe.execute()
        return [msgspec.json.decode(text, type=LiveCall) if text else None for text in found]


def _key(call_id: str) -> str:
    return redis_key("live", call_id)
