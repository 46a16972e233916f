"""What a call needs to go on elsewhere: its conversation after each turn, and the word that it was over."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.bus.client import PREFIX, told
from shared.events import Usage
from shared.plan import HeardMessage
from shared.secrets import Sealer, Unsealable

PURPOSE: Final = "checkpoint"
TTL_S: Final = 4 * 3600 + 600
OVER_TTL_S: Final = 3600


class Checkpoint(Struct, frozen=True):
    """messages: the conversation as heard. turn: the caller's turns so far. began_ms, at_ms: Unix time in ms of the
    call's first stream and of this checkpoint. node_id: who wrote it."""

    call_id: str
    node_id: str
    leg: int
    messages: list[HeardMessage]
    turn: int
    usage: Usage
    began_ms: int
    at_ms: int


class Over(Struct, frozen=True):
    """The call's conversation came to its end in its stream `leg`. number: whom the caller is put through to then,
    E.164; the carrier hangs up without one."""

    leg: int
    number: str = ""


class Checkpoints:
    """Kept sealed. All methods raise BusAway."""

    def __init__(self, redis: Redis, sealer: Sealer) -> None:
        self._redis, self._sealer = redis, sealer

    async def put(self, checkpoint: Checkpoint) -> None:
        """Replaces the call's last one."""
        sealed = self._sealer.seal(msgspec.json.encode(checkpoint), PURPOSE)
        async with told():
            await self._redis.set(_key(checkpoint.call_id), sealed, ex=TTL_S)

    async def get(self, call_id: str) -> Checkpoint | None:
        """None for a call that never had one, or whose cannot be read any more."""
        async with told():
            sealed: Any = await self._redis.get(_key(call_id))
        try:
            return msgspec.json.decode(self._sealer.open(sealed, PURPOSE), type=Checkpoint) if sealed else None
        except (Unsealable, msgspec.DecodeError):
            return None

    async def forget(self, call_ids: Sequence[str]) -> None:
        """These calls are over and written down; the word that they were so stays for its time."""
        if not call_ids:
            return
        async with told(), self._redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.delete(_key(call_id))
            await pipe.execute()

    async def end(self, call_id: str, over: Over) -> None:
        """Told by media before it closes the socket: the carrier is not to be led back."""
        async with told():
            await self._redis.set(_over(call_id), msgspec.json.encode(over), ex=OVER_TTL_S)

    async def ended(self, call_id: str) -> Over | None:
        """Whether the conversation came to its end."""
        async with told():
            text = await self._redis.get(_over(call_id))
        return msgspec.json.decode(text, type=Over) if text else None


def _key(call_id: str) -> str:
    return f"{PREFIX}checkpoint:{{{call_id}}}"


def _over(call_id: str) -> str:
    return f"{PREFIX}over:{{{call_id}}}"
