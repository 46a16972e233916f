"""What carriers told while the database was away: kept sealed in one bounded stream, until it can be written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from shared.bus.client import PREFIX, told
from shared.secrets import Sealer, Unsealable

STREAM: Final = f"{PREFIX}notes"
PURPOSE: Final = "note"
# Some thousand calls' worth; what comes on top is refused, so that nothing is lost unseen.
MOST: Final = 50_000
_FIELD: Final = b"n"
_PUT: Final = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Note:
    """id: its place in the stream. text: None for one that cannot be opened (any more)."""

    id: str
    text: bytes | None


class Notes:
    """All methods raise BusAway."""

    def __init__(self, redis: Redis, sealer: Sealer, *, most: int = MOST) -> None:
        self._redis, self._sealer, self._most = redis, sealer, most
        self._put = redis.register_script(_PUT)

    async def put(self, text: bytes) -> bool:
        """False: there is no room."""
        sealed = self._sealer.seal(text, PURPOSE)
        async with told():
            return bool(await self._put(keys=[STREAM], args=[self._most, _FIELD, sealed]))

    async def oldest(self, most: int) -> list[Note]:
        """Up to so many, in order; they stay."""
        async with told():
            found: Any = await self._redis.xrange(STREAM, count=most)
        return [Note(name.decode(), self._opened(fields.get(_FIELD, b""))) for name, fields in found]

    async def done(self, ids: Sequence[str]) -> None:
        """These were written down."""
        if not ids:
            return
        async with told():
            await self._redis.xdel(STREAM, *ids)

    def _opened(self, sealed: bytes) -> bytes | None:
        try:
            return self._sealer.open(sealed, PURPOSE)
        except Unsealable:
            return None
