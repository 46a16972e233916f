"""Which node and ticket each stream of a call was given: a webhook that comes again gets the same answer. In Redis,
sealed, because tokens are in it; only control reads it."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec

from shared.bus.client import BusClient, map_redis_error, redis_key
from shared.bus.tickets import USED_S
from shared.secrets import Sealer, UnsealError

_PURPOSE: Final = "assignment"


@dataclass(frozen=True, slots=True)
class Assignment:
    """url: the node's base. token: of the ticket."""

    url: str
    token: str = field(repr=False)
    node_id: str


class Assignments:
    """All methods raise BusUnavailable. An entry outlives the call."""

    def __init__(self, bus: BusClient, sealer: Sealer) -> None:
        self._bus, self._sealer = bus, sealer

    async def put(self, call_id: UUID, leg: int, made: Assignment) -> Assignment | None:
        """Stores the stream's assignment unless it has one; returns that one then."""
        async with map_redis_error():
            before: Any = await self._bus.set(
                _key(call_id, leg), self._seal(call_id, made), nx=True, get=True, ex=USED_S
            )
        return None if before is None else self._open(call_id, before)

    async def replace(self, call_id: UUID, leg: int, made: Assignment) -> None:
        """Stores another assignment in place of one that nobody used in time."""
        async with map_redis_error():
            await self._bus.set(_key(call_id, leg), self._seal(call_id, made), ex=USED_S)

    async def get(self, call_id: UUID, leg: int) -> Assignment | None:
        """None for a stream that was not assigned."""
        async with map_redis_error():
            found: Any = await self._bus.get(_key(call_id, leg))
        return None if found is None else self._open(call_id, found)

    def _seal(self, call_id: UUID, made: Assignment) -> bytes:
        return self._sealer.seal(call_id.bytes + msgspec.json.encode(made), _PURPOSE)

    def _open(self, call_id: UUID, sealed: bytes) -> Assignment | None:
        """None for an entry that we did not write for this call."""
        try:
            plain = self._sealer.open(sealed, _PURPOSE)
            if plain[:16] != call_id.bytes:
                return None
            return msgspec.json.decode(plain[16:], type=Assignment)
        except (UnsealError, msgspec.DecodeError):
            return None


def _key(call_id: UUID, leg: int) -> str:
    return redis_key("assigned", f"{call_id}-{leg}")
