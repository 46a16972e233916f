"""How long running calls may go on by their workspace's spending limit: control writes it, the calls' nodes read it.

It counts from the call's beginning. A call without an entry has no such limit. When an entry is not renewed in time,
because workers or Redis are away, the call goes on for `GRACE_S`; with it and the last words, a call never exceeds the
time that was granted by more than a minute.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from shared.bus.client import BusClient, map_redis_error, redis_key

# Longer than the longest call.
TTL_S: Final = 6 * 3600
GRACE_S: Final = 30
# The last words begin so long before the end of the granted time.
LAST_WORDS_S: Final = 8


class GrantedTime(Struct, frozen=True, omit_defaults=True):
    """seconds: from the call's beginning. is_last: more was refused."""

    seconds: Annotated[int, Meta(ge=0)]
    is_last: bool = False

    @property
    def ends_s(self) -> int:
        """When the last words begin, unless more is granted before."""
        return max(0, self.seconds - LAST_WORDS_S) if self.is_last else self.seconds + GRACE_S


NO_LIMIT: Final = GrantedTime(TTL_S)


class GrantedTimes:
    """Both methods raise BusUnavailable."""

    def __init__(self, redis: BusClient) -> None:
        self._redis = redis

    async def write(self, granted: Mapping[str, GrantedTime]) -> None:
        """Writes the time of several calls, by their ids, in one round trip."""
        if not granted:
            return
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call_id, one in granted.items():
                pipe.set(_key(call_id), msgspec.json.encode(one), ex=TTL_S)
            await pipe.execute()

    async def read(self, call_ids: Sequence[str]) -> list[GrantedTime | None]:
        """In the order of `call_ids`; None for calls without a limit, and for entries that cannot be decoded."""
        if not call_ids:
            return []
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.get(_key(call_id))
            found = await pipe.execute()
        return [_decode(text) for text in found]


def _decode(text: bytes | None) -> GrantedTime | None:
    try:
        return None if text is None else msgspec.json.decode(text, type=GrantedTime)
    except msgspec.DecodeError:
        return None


def _key(call_id: str) -> str:
    return redis_key("granted", call_id)
