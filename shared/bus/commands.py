"""Commands from control to a running call. Each has an id, so that a repeat is harmless, and gets an answer."""

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from shared.bus.client import BusClient, map_redis_error, redis_key
from shared.events import EndReason

MAX_LENGTH: Final = 1_000
ANSWER_TTL_S: Final = 120
# Each process is a node with its own name, so the stream of a node that is gone has to expire.
STREAM_TTL_S: Final = 86_400
# Longer than an Idempotency-Key is kept, within which its command may be sent again.
CLAIM_TTL_S: Final = 2 * 86_400
DONE: Final = "done"
# Another sending of the command was claimed, and what came of it is not known: its node was lost, or has forgotten it,
# or the call is over.
OUTCOME_UNKNOWN: Final = "outcome_unknown"
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


class CallCommand(Struct, frozen=True, omit_defaults=True):
    """A command for one call. id: of this command, the same when it is sent again. sending: id of this sending of it;
    empty from the version before, which sends each command once."""

    id: str
    call_id: str
    command: Command
    sending: str = ""


class CommandStream:
    """One stream per node. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient) -> None:
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

    async def claim(self, command: CallCommand) -> bool:
        """Whether this sending of the command may be carried out: only the first that claims it may, whichever node it
        reached. Asked again, it gets the same reply."""
        key = _claim_key(command.id)
        async with map_redis_error():
            if await self._redis.set(key, command.sending, nx=True, ex=CLAIM_TTL_S):
                return True
            # The driver repeats a SET whose reply was lost: then the claim is this sending's own.
            return bool(await self._redis.get(key) == command.sending.encode())

    async def is_claimed(self, command_id: str) -> bool:
        """Whether a node has claimed the command, and may have carried it out."""
        async with map_redis_error():
            return bool(await self._redis.exists(_claim_key(command_id)))

    async def answer(self, command_id: str, outcome: str) -> None:
        """outcome: DONE, OUTCOME_UNKNOWN, or the reason why the command was refused."""
        async with map_redis_error():
            await self._redis.set(_answer_key(command_id), outcome, ex=ANSWER_TTL_S)

    async def forget_answer(self, command_id: str) -> None:
        """Removes the answer to a command that is sent again."""
        async with map_redis_error():
            await self._redis.delete(_answer_key(command_id))

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


def _claim_key(command_id: str) -> str:
    return redis_key("command", command_id)


def _answer_key(command_id: str) -> str:
    return redis_key("answer", command_id)
