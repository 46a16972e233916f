"""Checkpoints, from which another node resumes a call, and the outcomes of media streams.

The node seals both with its stream credential. Only control can read them, and the seal proves that the node had the
stream.
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
# How long the conversation of a transferred caller is kept. The target's phone rings for less time.
TRANSFER_TTL_S: Final = 600


class Checkpoint(Struct, frozen=True, omit_defaults=True):
    """The state from which another node resumes a call.

    Attributes:
        node_id: The node that wrote the checkpoint.
        messages: The conversation as the caller heard it.
        turn: The number of the caller's turns so far.
        began_ms: When the call's first stream began, Unix time in ms.
        at_ms: When the checkpoint was written, Unix time in ms.
        announced: As in `ResumePoint`.
        recording_refused: As in `ResumePoint`.
        language: As in `ResumePoint`.
    """

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
    """How the call's conversation ended in its stream `leg`.

    Attributes:
        number: The number to which the caller is transferred, in E.164. If it is empty, the carrier hangs up.
        words: Words that the carrier must say to the caller first, because the agent's voices could not say it.
        language: The language of `words` (BCP 47).
        is_refused: There was no conversation, because media cannot use the call's audio.
        conference: Where the target of a warm transfer waits for the caller.
    """

    leg: int
    number: str = ""
    words: str = ""
    language: str = ""
    is_refused: bool = False
    conference: str = ""


class Checkpoints:
    """Writes and reads checkpoints and outcomes, for media and for control. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, unsigned: Sealer | None, authority: BusAuthority | None = None) -> None:
        """Create a store on the client.

        Args:
            unsigned: Seals and opens the checkpoints of streams without a stream credential, which the previous version
                began. None supports no such streams.
            authority: Set in control only, because only control can read what a stream credential has sealed.
        """
        self._redis, self._unsigned, self._authority = redis, unsigned, authority

    async def put(
        self, checkpoint: Checkpoint, ttl_s: int = TTL_S, *, stream_credential: StreamCredential | None = None
    ) -> None:
        """Replace the call's previous checkpoint. `ttl_s` is the number of seconds until it expires."""
        sealed = self._seal(msgspec.json.encode(checkpoint), stream_credential)
        async with map_redis_error():
            await self._redis.set(_checkpoint_key(checkpoint.call_id), sealed, ex=ttl_s)

    async def get(self, call_id: str) -> Checkpoint | None:
        """Return the call's checkpoint, or None if there is none or it cannot be decoded."""
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
        """Delete the checkpoints of calls that have ended and are stored. Their outcomes stay until they expire."""
        if call_ids:
            await delete_keys(self._redis, map(_checkpoint_key, call_ids))

    async def put_outcome(
        self, call_id: str, outcome: StreamOutcome, *, stream_credential: StreamCredential | None = None
    ) -> None:
        """Store the outcome. Media calls this before it closes the socket, so that the carrier is not routed to media
        again."""
        text = msgspec.json.encode(outcome)
        async with map_redis_error():
            await self._redis.set(
                _outcome_key(call_id),
                stream_credential.seal(text, OUTCOME_PURPOSE) if stream_credential else text,
                ex=OUTCOME_TTL_S,
            )

    async def get_outcome(self, call_id: str) -> StreamOutcome | None:
        """Return the outcome, or None if the conversation has not ended or another node wrote the outcome."""
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
        """Open a checkpoint. The checkpoint of a node whose credential was revoked is still the caller's
        conversation."""
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
