"""The running calls: each node reports its own every few seconds, and old entries expire."""

import time
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from shared.bus.authority import BusAuthority
from shared.bus.client import BusClient, delete_keys, map_redis_error, redis_key
from shared.bus.stream_credentials import ForgedEntry, StreamCredential
from shared.json_text import decode_json

PURPOSE: Final = "live"
BEAT_S: Final = 3.0
TTL_S: Final = 12
# A genuine entry that is older than this was recorded and replayed: the call may be over, or its node gone. Entries
# expire after TTL_S. They are dated before the write, which may wait for the bus.
MOST_AGE_S: Final = 30.0


# "person" means that a person speaks in the agent's place. The agent also has the floor while it prepares its words.
Floor = Literal["caller", "agent", "person", "none"]


class LiveCall(Struct, frozen=True, omit_defaults=True):
    """A call on a node.

    Attributes:
        node_id: The node whose command stream reaches the call.
        leg: See `CallPlan`.
        card: The card of the node for which commands are sealed (shared/bus/enrollment.py). Empty from the previous
            version.
        at_ms: When the entry was written, Unix time in ms of Redis's clock.
        floor: Who had the floor at that time, a `Floor`. Empty from the previous version.
    """

    call_id: str
    node_id: str
    leg: int
    card: str = ""
    at_ms: int = 0
    floor: str = ""


class LiveCalls:
    """Writes and reads the entries of running calls. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, authority: BusAuthority | None = None) -> None:
        """Create a store. `authority` is set in control; without it, entries without a proof are accepted."""
        self._redis, self._authority = redis, authority
        # How far Redis's clock is ahead of ours in ms, as of the last query; None before the first.
        self._ahead_ms: float | None = None

    async def refresh(
        self, calls: Sequence[LiveCall], stream_credentials: Mapping[str, StreamCredential] | None = None
    ) -> None:
        """Write the entries of a node's calls, dated with Redis's time. They expire after TTL_S.

        Args:
            stream_credentials: The credentials by call id.
        """
        stream_credentials = stream_credentials or {}
        if not calls:
            return
        at_ms = await self._ask_ms()
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                dated, stream_credential = (
                    msgspec.structs.replace(call, at_ms=at_ms),
                    stream_credentials.get(call.call_id),
                )
                text = msgspec.json.encode(dated)
                pipe.set(
                    _key(call.call_id), stream_credential.seal(text, PURPOSE) if stream_credential else text, ex=TTL_S
                )
            await pipe.execute()

    async def remove(self, call_ids: Sequence[str]) -> None:
        """Remove calls that left their node, in one round trip."""
        if call_ids:
            await delete_keys(self._redis, map(_key, call_ids))

    async def get(self, call_ids: Sequence[str]) -> list[LiveCall | None]:
        """Return the entries in the order of `call_ids`; None for calls that no node with the call's stream reports."""
        if not call_ids:
            return []
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.get(_key(call_id))
            found = await pipe.execute()
        entries = zip(call_ids, found, strict=True)
        return [await self._read(call_id, text) if text else None for call_id, text in entries]

    async def _read(self, call_id: str, text: bytes) -> LiveCall | None:
        authority = self._authority
        if authority is None:
            return decode_json(text, type=LiveCall)
        try:
            return await self._open(authority, call_id, text)
        except ForgedEntry as fault:
            authority.count_forged("live", fault)
            return None
        except msgspec.DecodeError:
            authority.count_forged("live", ForgedEntry("unreadable"))
            return None

    async def _open(self, authority: BusAuthority, call_id: str, text: bytes) -> LiveCall:
        """Open an entry. Raises ForgedEntry unless the call's node wrote the entry recently, and DecodeError."""
        speaker, plain = authority.open(call_id, text, PURPOSE)
        call = decode_json(plain, type=LiveCall)
        if call.call_id != call_id or (speaker is not None and speaker.leg != call.leg):
            raise ForgedEntry("other stream")
        if speaker is not None and not await self._is_fresh(call):
            raise ForgedEntry("replayed")
        return call

    async def _is_fresh(self, call: LiveCall) -> bool:
        """Return whether the entry is recent. Queries Redis's time before it returns False, because Redis's clock
        may have changed."""
        most_ms = MOST_AGE_S * 1_000
        return abs(await self._now_ms() - call.at_ms) <= most_ms or abs(await self._ask_ms() - call.at_ms) <= most_ms

    async def _now_ms(self) -> float:
        """Return Redis's time without a query for each call."""
        if self._ahead_ms is None:
            return await self._ask_ms()
        return time.monotonic() * 1_000 + self._ahead_ms

    async def _ask_ms(self) -> int:
        async with map_redis_error():
            seconds, microseconds = await self._redis.time()
        now_ms = seconds * 1_000 + microseconds // 1_000
        self._ahead_ms = now_ms - time.monotonic() * 1_000
        return now_ms


def _key(call_id: str) -> str:
    return redis_key("live", call_id)
