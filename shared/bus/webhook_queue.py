"""Webhooks that arrived while the database was unavailable, queued in Redis until they are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.bus.client import PREFIX, BusClient, map_redis_error
from shared.secrets import Sealer, UnsealError

STREAM: Final = f"{PREFIX}notes"
PURPOSE: Final = "note"
# Enough for some thousand calls. Further webhooks are refused, so that the carrier retries them and none is lost
# silently.
MAX_LENGTH: Final = 50_000
_FIELD: Final = b"n"
_PUT: Final = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class DeferredWebhook:
    """A queued webhook. `id` is the id of the stream entry. `text` is None if it cannot be unsealed."""

    id: str
    text: bytes | None


class DeferredWebhooks:
    """Queues at most `most` webhooks. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, sealer: Sealer, *, most: int = MAX_LENGTH) -> None:
        self._redis, self._sealer, self._most = redis, sealer, most
        self._put = redis.register_script(_PUT)

    async def add(self, text: bytes) -> bool:
        """Append a webhook. Return False if the limit is reached."""
        sealed = self._sealer.seal(text, PURPOSE)
        async with map_redis_error():
            return bool(await self._put(keys=[STREAM], args=[self._most, _FIELD, sealed]))

    async def oldest(self, most: int) -> list[DeferredWebhook]:
        """Return at most `most` of the oldest webhooks in order, and leave them in the stream."""
        async with map_redis_error():
            found: Any = await self._redis.xrange(STREAM, count=most)
        return [DeferredWebhook(name.decode(), self._unseal(fields.get(_FIELD, b""))) for name, fields in found]

    async def remove(self, ids: Sequence[str]) -> None:
        """Delete entries that are stored in the database."""
        if not ids:
            return
        async with map_redis_error():
            await self._redis.xdel(STREAM, *ids)

    def _unseal(self, sealed: bytes) -> bytes | None:
        try:
            return self._sealer.open(sealed, PURPOSE)
        except UnsealError:
            return None
