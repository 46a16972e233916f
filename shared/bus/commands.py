"""Commands from control to a running call.

Each command has an id, so that a repeat is harmless, and gets an answer. Control seals the command for its node, and
the node seals the answer.
"""

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec
import structlog
from msgspec import UNSET, Meta, Struct, UnsetType

from shared.bus.authority import BusAuthority
from shared.bus.client import BusClient, map_redis_error, redis_key
from shared.bus.enrollment import NodeIdentity
from shared.bus.stream_credentials import ForgedEntry
from shared.events import EndReason
from shared.json_text import decode_json
from shared.secrets import Sealer, UnsealError

log = structlog.get_logger()

MAX_LENGTH: Final = 1_000
ANSWER_TTL_S: Final = 120
# Each process is a node with its own name, so the stream of a node that is gone must expire.
STREAM_TTL_S: Final = 86_400
# Longer than an Idempotency-Key is kept, because its command may be sent again within that time.
CLAIM_TTL_S: Final = 2 * 86_400
DONE: Final = "done"
# Another sending of the command was claimed, and its result is unknown: its node was lost or no longer has the result,
# or the call is over.
OUTCOME_UNKNOWN: Final = "outcome_unknown"
PURPOSE: Final = "command"
ANSWER_PURPOSE: Final = "answer"
_POLL_S: Final = 0.02
_FIELD: Final = b"c"


class EndCall(Struct, frozen=True, tag="end"):
    """Ends the call. If `polite`, the agent says goodbye first.

    Attributes:
        by: Who ended the call; replaces the reason. It is a separate field, because nodes of the previous version skip
            a command with an unknown reason; without it they record "admin".
    """

    reason: EndReason = "admin"
    polite: bool = False
    by: Literal["member"] | UnsetType = UNSET

    @property
    def end_reason(self) -> EndReason:
        """The end reason for the call's record."""
        return self.reason if isinstance(self.by, UnsetType) else self.by


class SayText(Struct, frozen=True, tag="say"):
    """The agent says this text as soon as it has the floor."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000)]


class TransferCall(Struct, frozen=True, tag="transfer"):
    """Transfers the caller to `number` (E.164). The agent says `words` first."""

    number: str
    words: str = ""


Command = EndCall | SayText | TransferCall


class CallCommand(Struct, frozen=True, omit_defaults=True):
    """A command for one call.

    Attributes:
        id: Identifies the command; stays the same when the command is sent again.
        sending: Identifies this sending of the command. Empty from the previous version, which sends each command once.
        is_sealed: Set by the node that reads the command: control sealed it for this node and expects a sealed answer.
    """

    id: str
    call_id: str
    command: Command
    sending: str = ""
    is_sealed: bool = False


class CommandStream:
    """Sends and reads commands; each node has one stream. All methods raise BusUnavailable."""

    def __init__(
        self,
        redis: BusClient,
        authority: BusAuthority | None = None,
        *,
        identity: NodeIdentity | None = None,
        takes_unsigned: bool = True,
    ) -> None:
        """Create a stream of commands on the client.

        Args:
            authority: Set in control. Without it, answers without a proof are accepted.
            identity: The node that reads.
            takes_unsigned: The node also carries out commands that are not sealed for it.
        """
        self._redis, self._authority, self._identity = redis, authority, identity
        self._takes_unsigned = takes_unsigned

    async def send(self, node_id: str, command: CallCommand, link: Sealer | None = None) -> None:
        """Append a command to the stream of the node that runs the call. `link` leads to that node; None means that the
        node has the previous version."""
        key, text = _stream_key(node_id), msgspec.json.encode(command)
        text = text if link is None else link.seal(text, PURPOSE)
        async with map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(key, {_FIELD: text}, maxlen=MAX_LENGTH, approximate=True)
            pipe.expire(key, STREAM_TTL_S)
            await pipe.execute()

    async def read(self, node_id: str, after: str, wait_s: float) -> tuple[str, list[CallCommand]]:
        """Return the new position and the commands after position `after` ("0" is the beginning).

        Commands that cannot be decoded, or that control did not send, are skipped.
        """
        async with map_redis_error():
            found: Any = await self._redis.xread(
                {_stream_key(node_id): after}, count=100, block=max(1, round(wait_s * 1000))
            )
        commands: list[CallCommand] = []
        for _, entries in found or ():
            for name, fields in entries:
                after = name.decode()
                received = self._open(fields.get(_FIELD, b""))
                commands += [] if received is None else [received]
        return after, commands

    def _open(self, text: bytes) -> CallCommand | None:
        try:
            if self._identity is not None and not text.startswith(b"{"):
                plain = self._identity.link.open(text, PURPOSE)
                return msgspec.structs.replace(decode_json(plain, type=CallCommand), is_sealed=True)
            if self._takes_unsigned:
                return msgspec.structs.replace(decode_json(text, type=CallCommand), is_sealed=False)
            log.warning("bus.entry_forged", kind="command", reason="unsigned")
        except UnsealError:
            log.warning("bus.entry_forged", kind="command", reason="changed")
        except msgspec.DecodeError:
            pass
        return None

    async def claim(self, command: CallCommand) -> bool:
        """Return whether this sending of the command may be carried out.

        Only the first sending that claims the command may be carried out, on whichever node. A repeated call gets the
        same result.
        """
        key = _claim_key(command.id)
        async with map_redis_error():
            if await self._redis.set(key, command.sending, nx=True, ex=CLAIM_TTL_S):
                return True
            # The driver repeats a SET if its reply was lost: in that case this sending already holds the claim.
            return bool(await self._redis.get(key) == command.sending.encode())

    async def is_claimed(self, command_id: str) -> bool:
        """Return whether a node has claimed the command and may have carried it out."""
        async with map_redis_error():
            return bool(await self._redis.exists(_claim_key(command_id)))

    async def answer(self, command_id: str, outcome: str, *, is_sealed: bool = False) -> None:
        """Answer a command.

        Args:
            outcome: DONE, OUTCOME_UNKNOWN, or the reason why the command was refused.
            is_sealed: The command was sealed, so the answer is sealed too.
        """
        text = outcome.encode()
        if is_sealed and self._identity is not None:
            sealed = self._identity.link.seal(f"{command_id} {outcome}".encode(), ANSWER_PURPOSE)
            text = self._identity.card.encode() + b" " + sealed
        async with map_redis_error():
            await self._redis.set(_answer_key(command_id), text, ex=ANSWER_TTL_S)

    async def forget_answer(self, command_id: str) -> None:
        """Remove the answer to a command that is sent again."""
        async with map_redis_error():
            await self._redis.delete(_answer_key(command_id))

    async def wait_for_answer(self, command_id: str, wait_s: float) -> str | None:
        """Return the node's answer, or None if there is none within `wait_s`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            async with map_redis_error():
                text: Any = await self._redis.get(_answer_key(command_id))
            outcome = None if text is None else self._open_answer(command_id, text)
            if outcome is not None:
                return outcome
            if loop.time() >= until:
                return None
            await asyncio.sleep(_POLL_S)

    def _open_answer(self, command_id: str, text: bytes) -> str | None:
        """Return the plain answer, or None if no node wrote it."""
        if self._authority is None:
            return text.decode()
        try:
            return _open_answer(self._authority, command_id, text)
        except ForgedEntry as fault:
            self._authority.count_forged("answer", fault)
        except ValueError:  # not sealed by this node, or not text
            self._authority.count_forged("answer", ForgedEntry("changed"))
        return None


def _open_answer(authority: BusAuthority, command_id: str, text: bytes) -> str:
    card, _, sealed = text.partition(b" ")
    try:
        peer = authority.enrollment.find_peer(card.decode("ascii", "replace"))
    except ForgedEntry as fault:
        if authority.unsigned is None or str(fault) != "unsigned":
            raise
        return text.decode("utf-8", "replace")  # from a node of the previous version: a reason may contain spaces
    answered, _, outcome = peer.link.open(sealed, ANSWER_PURPOSE).decode().partition(" ")
    if answered != command_id:
        raise ForgedEntry("other command")
    return outcome


def _stream_key(node_id: str) -> str:
    return redis_key("commands", node_id)


def _claim_key(command_id: str) -> str:
    return redis_key("command", command_id)


def _answer_key(command_id: str) -> str:
    return redis_key("answer", command_id)
