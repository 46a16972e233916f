"""What a call needs to be resumed on another node: its conversation after each turn, and how its stream ended."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.bus.client import BusClient, delete_keys, map_redis_error, redis_key
from shared.events import CallUsage
from shared.plan import HeardMessage
from shared.secrets import Sealer, UnsealError

PURPOSE: Final = "checkpoint"
TTL_S: Final = 4 * 3600 + 600
OUTCOME_TTL_S: Final = 3600
# How long the conversation of a transferred caller is kept: longer than the target's phone rings.
TRANSFER_TTL_S: Final = 600


class Checkpoint(Struct, frozen=True, omit_defaults=True):
    """messages: the conversation as heard. turn: number of the caller's turns so far. began_ms, at_ms: Unix time in ms
    of the call's first stream and of this checkpoint. node_id: the node that wrote it. announced, recording_refused: as
    in `ResumePoint`."""

    call_id: str
    node_id: str
    leg: int
    messages: list[HeardMessage]
    turn: int
    usage: CallUsage
    began_ms: int
    at_ms: int
    announced: tuple[str, ...] = ()
    recording_refused: bool = False


class StreamOutcome(Struct, frozen=True, omit_defaults=True):
    """The call's conversation ended in its stream `leg`. number: where the caller is transferred to, E.164; when it is
    empty, the carrier hangs up. words: what the caller must be told before that and no voice of the agent's could say,
    with their language (BCP 47). is_refused: there was no conversation, because media cannot use the call's audio.
    conference: where the target of a warm transfer, whose number it is, waits for the caller."""

    leg: int
    number: str = ""
    words: str = ""
    language: str = ""
    is_refused: bool = False
    conference: str = ""


class Checkpoints:
    """Checkpoints are stored sealed. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, sealer: Sealer) -> None:
        self._redis, self._sealer = redis, sealer

    async def put(self, checkpoint: Checkpoint, ttl_s: int = TTL_S) -> None:
        """Replaces the call's previous checkpoint. ttl_s: seconds until it expires."""
        sealed = self._sealer.seal(msgspec.json.encode(checkpoint), PURPOSE)
        async with map_redis_error():
            await self._redis.set(_checkpoint_key(checkpoint.call_id), sealed, ex=ttl_s)

    async def get(self, call_id: str) -> Checkpoint | None:
        """None for a call that has no checkpoint, or one that cannot be decoded."""
        async with map_redis_error():
            sealed: Any = await self._redis.get(_checkpoint_key(call_id))
        try:
            return msgspec.json.decode(self._sealer.open(sealed, PURPOSE), type=Checkpoint) if sealed else None
        except (UnsealError, msgspec.DecodeError):
            return None

    async def delete(self, call_ids: Sequence[str]) -> None:
        """Deletes the checkpoints of calls that have ended and are stored. Their outcomes stay until they expire."""
        if call_ids:
            await delete_keys(self._redis, map(_checkpoint_key, call_ids))

    async def put_outcome(self, call_id: str, outcome: StreamOutcome) -> None:
        """Media calls this before it closes the socket, so that the carrier is not routed to media again."""
        async with map_redis_error():
            await self._redis.set(_outcome_key(call_id), msgspec.json.encode(outcome), ex=OUTCOME_TTL_S)

    async def get_outcome(self, call_id: str) -> StreamOutcome | None:
        """None while the conversation has not ended."""
        async with map_redis_error():
            text = await self._redis.get(_outcome_key(call_id))
        return msgspec.json.decode(text, type=StreamOutcome) if text else None


def _checkpoint_key(call_id: str) -> str:
    return redis_key("checkpoint", call_id)


def _outcome_key(call_id: str) -> str:
    return redis_key("over", call_id)
