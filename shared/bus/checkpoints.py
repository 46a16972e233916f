"""Checkpoints, from which another node resumes a call, and the outcomes of media streams.

The node seals both with its stream credential: only control can read them, and it knows that the node had the stream.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.bus.authority import BusAuthority
from shared.bus.client import BusClient, delete_keys, map_redis_error, redis_key
from shared.bus.stream_credentials import ForgedEntry, StreamCredential
from shared.events import CallUsage
from shared.json_text import decode_json
from shared.plan import HeardMessage
from shared.secrets import Sealer, UnsealError

PURPOSE: Final = "checkpoint"
OUTCOME_PURPOSE: Final = "outcome"
TTL_S: Final = 4 * 3600 + 600
OUTCOME_TTL_S: Final = 3600
# How long the conversation of a transferred caller is kept: longer than the target's phone rings.
TRANSFER_TTL_S: Final = 600


class Checkpoint(Struct, frozen=True, omit_defaults=True):
    """messages: the conversation as heard. turn: number of the caller's turns so far. began_ms, at_ms: Unix time in ms
    of the call's first stream and of this checkpoint. node_id: the node that wrote it. announced, recording_refused,
    language: as in `ResumePoint`."""

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
    language: str = ""


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
    """Both ends. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, unsigned: Sealer | None, authority: BusAuthority | None = None) -> None:
        """unsigned: seals and opens checkpoints of streams that have no stream credential, because the previous version
        began them; None has none. authority: at control's end; only it can read what a stream credential has sealed."""
        self._redis, self._unsigned, self._authority = redis, unsigned, authority

    async def put(
        self, checkpoint: Checkpoint, ttl_s: int = TTL_S, *, stream_credential: StreamCredential | None = None
    ) -> None:
        """Replaces the call's previous checkpoint. ttl_s: seconds until it expires."""
        sealed = self._seal(msgspec.json.encode(checkpoint), stream_credential)
        async with map_redis_error():
            await self._redis.set(_checkpoint_key(checkpoint.call_id), sealed, ex=ttl_s)

    async def get(self, call_id: str) -> Checkpoint | None:
        """None for a call that has no checkpoint, or one that cannot be decoded."""
        async with map_redis_error():
            sealed: Any = await self._redis.get(_checkpoint_key(call_id))
        try:
            return self._open_checkpoint(call_id, sealed) if sealed else None
        except ForgedEntry as fault:
            self._count_forged("checkpoint", fault)
        except (UnsealError, msgspec.DecodeError):
            pass
        return None

    async def delete(self, call_ids: Sequence[str]) -> None:
        """Deletes the checkpoints of calls that have ended and are stored. Their outcomes stay until they expire."""
        if call_ids:
            await delete_keys(self._redis, map(_checkpoint_key, call_ids))

    async def put_outcome(
        self, call_id: str, outcome: StreamOutcome, *, stream_credential: StreamCredential | None = None
    ) -> None:
        """Media calls this before it closes the socket, so that the carrier is not routed to media again."""
        text = msgspec.json.encode(outcome)
        async with map_redis_error():
            await self._redis.set(
                _outcome_key(call_id),
                stream_credential.seal(text, OUTCOME_PURPOSE) if stream_credential else text,
                ex=OUTCOME_TTL_S,
            )

    async def get_outcome(self, call_id: str) -> StreamOutcome | None:
        """None while the conversation has not ended, and for an outcome that the stream's node has not written."""
        async with map_redis_error():
            text: Any = await self._redis.get(_outcome_key(call_id))
        try:
            return self._open_outcome(call_id, text) if text else None
        except ForgedEntry as fault:
            self._count_forged("outcome", fault)
        except msgspec.DecodeError:
            self._count_forged("outcome", ForgedEntry("unreadable"))
        return None

    def _open_outcome(self, call_id: str, text: bytes) -> StreamOutcome:
        speaker, plain = (
            (None, text) if self._authority is None else self._authority.open(call_id, text, OUTCOME_PURPOSE)
        )
        outcome = decode_json(plain, type=StreamOutcome)
        if speaker is not None and speaker.leg != outcome.leg:
            raise ForgedEntry("other stream")
        return outcome

    def _open_checkpoint(self, call_id: str, sealed: bytes) -> Checkpoint:
        """That of a node whose pass was revoked since is still the conversation that the caller had."""
        authority = self._authority
        speaker, plain = (None, sealed) if authority is None else authority.open(call_id, sealed, PURPOSE, keeps=True)
        if speaker is None:
            plain = b"" if self._unsigned is None else self._unsigned.open(sealed, PURPOSE)
        checkpoint = decode_json(plain, type=Checkpoint)
        if speaker is not None and (speaker.leg, call_id) != (checkpoint.leg, checkpoint.call_id):
            raise ForgedEntry("other stream")
        return checkpoint

    def _seal(self, plain: bytes, stream_credential: StreamCredential | None) -> bytes:
        if stream_credential is not None:
            return stream_credential.seal(plain, PURPOSE)
        assert self._unsigned is not None, "a stream without a stream credential is only of the version before"
        return self._unsigned.seal(plain, PURPOSE)

    def _count_forged(self, kind: str, fault: ForgedEntry) -> None:
        if self._authority is not None:
            self._authority.count_forged(kind, fault)


def _checkpoint_key(call_id: str) -> str:
    return redis_key("checkpoint", call_id)


def _outcome_key(call_id: str) -> str:
    return redis_key("over", call_id)
