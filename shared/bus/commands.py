"""Commands from control to a running call. Each has an id, so that a repeat is harmless, and gets an answer."""

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from redis.asyncio import Redis

from shared.bus.client import map_redis_error, redis_key
from shared.events import EndReason

MAX_LENGTH: Final = 1_000
ANSWER_TTL_S: Final = 120
# Each process is a node with its own name, so the stream of a node that is gone has to expire.
STREAM_TTL_S: Final = 86_400
DONE: Final = "done"
_POLL_S: Final = 0.02
_FIELD: Final = b"c"


class EndCall(Struct, frozen=True, tag="end"):
    """Ends the call; if `polite`, the agent says goodbye first.

    by: who ended it, in place of the reason. A field of its own, because nodes of the version before skip a command
    with a reason that they do not know; they record "admin".
    """

    reason: EndReason = "admin"
    polite: bool = False
    by: Literal["member"] | UnsetType = UNSET

    @property
    def end_reason(self) -> EndReason:
        """What the call's record says."""
        return self.reason if isinstance(self.by, UnsetType) else self.by


class SayText(Struct, frozen=True, tag="say"):
    """The agent says this text as soon as it has the floor."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000)]


class TransferCall(Struct, frozen=True, tag="transfer"):
    """Transfers the caller; the agent says `words` first. number: E.164."""

    number: str
    words: str = ""


Command = EndCall | SayText | TransferCall


class CallCommand(Struct, frozen=True):
    """A command for one call. id: of this command."""

    id: str
    call_id: str
    command: Command


class CommandStream:
    """One stream per node. All methods raise BusUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def send(self, node_id: str, command: CallCommand) -> None:
        """Appends a command to the stream of the node that runs the call."""
        key = _stream_key(node_id)
        async with map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(key, {_FIELD: msgspec.json.encode(command)}, maxlen=MAX_LENGTH, approximate=True)
            pipe.expire(key, STREAM_TTL_S)
            await pipe.execute()

    async def read(self, node_id: str, after: str, wait_s: float) -> tuple[str, list[CallCommand]]:
        """Returns the new position and the commands after position `after` ("0" is the beginning). Skips commands that
        cannot be decoded."""
        async with map_redis_error():
            found: Any = await self._redis.xread(
                {_stream_key(node_id): after}, count=100, block=max(1, round(wait_s * 1000))
            )
        commands: list[CallCommand] = []
        for _, entries in found or ():
            for name, fields in entries:
                after = name.decode()
                try:
                    commands.append(msgspec.json.decode(fields.get(_FIELD, b""), type=CallCommand))
                except msgspec.DecodeError:
                    continue
        return after, commands

    async def answer(self, command_id: str, outcome: str) -> None:
        """outcome: DONE, or the reason why the command was refused."""
        async with map_redis_error():
            await self._redis.set(_answer_key(command_id), outcome, ex=ANSWER_TTL_S)

    async def wait_for_answer(self, command_id: str, wait_s: float) -> str | None:
        """The node's answer; None when there is none within `wait_s`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            async with map_redis_error():
                text: Any = await self._redis.get(_answer_key(command_id))
            if text is not None:
                return str(text.decode())
            if loop.time() >= until:
                return None
            await asyncio.sleep(_POLL_S)


def _stream_key(node_id: str) -> str:
    return redis_key("commands", node_id)


def _answer_key(command_id: str) -> str:
    return redis_key("answer", command_id)
