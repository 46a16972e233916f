"""Requests of running calls to control, and their replies.

Requests are one bounded stream, and each request is handled by one API process. Replies are one stream for each node. A
request is sealed with the stream credential of its call, and a reply is sealed for its node. Write access to Redis is
therefore not enough to forge a request or a reply, and a node can make requests only for its own calls.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from shared.bus.authority import BusAuthority
from shared.bus.client import PREFIX, BusClient, map_redis_error, redis_key
from shared.bus.consumer_group import ConsumerGroup
from shared.bus.enrollment import NodeIdentity
from shared.bus.functions import NOW_MS, NodeFunction
from shared.bus.stream_credentials import ForgedEntry, StreamCredential
from shared.json_text import decode_json
from shared.secrets import Sealer, UnsealError

STREAM: Final = f"{PREFIX}requests"
GROUP: Final = "control"
# The prefix of a request that runs a tool of a call's language model.
TOOL_REQUEST: Final = "tool."
# Checks whether a socket that a person opened may stay open. The arguments are `RightCheck`, the result is true or
# false.
SUPERVISION_CHECK: Final = "supervision.check"
BROWSER_CALL_CHECK: Final = "browser_call.check"
REQUEST_PURPOSE: Final = "request"
REPLY_PURPOSE: Final = "reply"
# The maximum number of unanswered requests. Further requests are refused at once.
MAX_WAITING: Final = 2_000
MAX_REPLIES: Final = 2_000
MAX_BYTES: Final = 65_536  # for the arguments, and for a result
LONGEST_DEADLINE_S: Final = 120.0
# Each process is a node with its own name, so the stream of a node that is gone must expire.
REPLIES_TTL_S: Final = 300
_MAX_SEALED_BYTES: Final = 8 * MAX_BYTES  # JSON may write one byte as six characters
_FIELD: Final = b"r"
_CALL: Final = b"c"
_MAX_CALL_BYTES: Final = 64
# The number of concurrent commands to Redis, because a client has 64 connections.
AT_ONCE: Final = 24
# Requests older than the longest deadline have expired: they are not counted, and are removed first.
PUT: Final = NodeFunction(
    "put_request",
    """
local t = redis.call('TIME')
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', t[1] * 1000 - tonumber(ARGV[2])))
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
return 1
""",
)
# The first entry with a request's id holds the id until the deadline; a copy of it is a replay. The same entry is
# admitted again, because the process that took it may have died.
_ADMIT: Final = """
local t = redis.call('TIME')
local left = tonumber(ARGV[1]) - (t[1] * 1000 + math.floor(t[2] / 1000))
if left <= 0 then return 0 end
left = math.min(left, tonumber(ARGV[3]))
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then return -1 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', left))
return left
"""

T = TypeVar("T")


class RequestTimedOut(Exception):
    """Control did not answer within the deadline. It may have carried the request out, or may still do so."""


class RequestRefused(Exception):
    """A request was refused, by control or on the way to it.

    Attributes:
        code: Stable, for programs.
        message: For people and models.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class RequestDropped(Exception):
    """An entry is not answered.

    Attributes:
        reason: "unreadable" (not sealed by us, changed or cut off), "replayed" or "expired".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"request dropped: {reason}")
        self.reason = reason


class MediaRequest(Struct, frozen=True, omit_defaults=True):
    """A request of a running call to control.

    Attributes:
        id: A random id of this request.
        node_id: The node that gets the reply.
        expires_ms: The deadline, Unix time in ms of Redis's clock.
        arguments: JSON text, not checked.
        run_id: The idempotency key; a resumed call uses the same one again.
        card: The node's card (shared/bus/enrollment.py), for the reply.
    """

    id: Annotated[str, Meta(max_length=64)]
    node_id: Annotated[str, Meta(max_length=200)]
    name: Annotated[str, Meta(max_length=100)]
    call_id: Annotated[str, Meta(max_length=64)]
    workspace_id: Annotated[str, Meta(max_length=64)]
    agent_id: Annotated[str, Meta(max_length=64)]
    expires_ms: int
    arguments: str = "{}"
    run_id: Annotated[str, Meta(max_length=200)] = ""
    card: Annotated[str, Meta(max_length=1_000)] = ""


class MediaReply(Struct, frozen=True, omit_defaults=True):
    """The answer to one request. `result` is JSON text. Only a refusal has a `code` and a `message`."""

    request_id: str
    result: str = "null"
    code: str = ""
    message: str = ""


class RightCheck(Struct, frozen=True):
    """A request that checks whether a right is still valid. `right` is the sealed text that came with the
    socket's ticket.
    """

    right: Annotated[str, Meta(max_length=2_000)]


@dataclass(frozen=True, slots=True)
class RequestEntry:
    """An entry of the stream of requests.

    Attributes:
        request: None if it cannot be unsealed.
        link: Seals the reply for the node. None if the node has the previous version.
    """

    id: str
    request: MediaRequest | None
    link: Sealer | None = field(default=None, repr=False)


class RequestStream:
    """Sends, reads and answers requests, for media and for control. All methods raise BusUnavailable."""

    def __init__(
        self,
        redis: BusClient,
        unsigned: Sealer | None,
        *,
        identity: NodeIdentity | None = None,
        authority: BusAuthority | None = None,
        most: int = MAX_WAITING,
    ) -> None:
        """Create a stream on the client.

        Args:
            unsigned: Seals and opens requests without a stream credential, as the previous version does. None rejects
                them.
            identity: The node; set in media.
            authority: Set in control.
            most: The maximum number of waiting requests.
        """
        self._redis, self._unsigned, self._most = redis, unsigned, most
        self._identity, self._authority = identity, authority
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._admit = redis.register_script(_ADMIT)
        self._group = ConsumerGroup(redis, STREAM, GROUP)

    # --- media's end ---

    @property
    def takes_unsigned(self) -> bool:
        """Whether a request without a stream credential can be sent."""
        return self._unsigned is not None

    async def now_ms(self) -> int:
        """Return Redis's time, with which deadlines are set, so that differences between clocks don't matter."""
        async with self._gate, map_redis_error():
            # Uses the clock of the cluster member that has the stream, because that member also compares the deadlines.
            return int(await NOW_MS.call(self._redis, [STREAM]))

    async def send(self, request: MediaRequest, stream_credential: StreamCredential | None = None) -> bool:
        """Append a request. Return False if too many are waiting. `stream_credential` belongs to the call's stream."""
        fields = self._seal_request(request, stream_credential)
        longest_ms = round(LONGEST_DEADLINE_S * 1000)
        async with self._gate, map_redis_error():
            return bool(await PUT.call(self._redis, [STREAM], [self._most, longest_ms, *fields]))

    def _seal_request(self, request: MediaRequest, stream_credential: StreamCredential | None) -> list[bytes]:
        if stream_credential is not None and self._identity is not None:
            text = msgspec.json.encode(msgspec.structs.replace(request, card=self._identity.card))
            return [_FIELD, stream_credential.seal(text, REQUEST_PURPOSE), _CALL, request.call_id.encode()]
        assert self._unsigned is not None, "a stream without a stream credential is only of the version before"
        return [_FIELD, self._unsigned.seal(msgspec.json.encode(request), REQUEST_PURPOSE)]

    async def read_replies(self, node_id: str, wait_s: float) -> tuple[list[bytes], list[MediaReply]]:
        """Return the ids of the node's oldest entries, which the caller must remove, and the replies in them.

        Replies that cannot be unsealed are left out.
        """
        # Reads from the beginning each time: after a failover to a slower clock, new ids may be smaller than those that
        # were read.
        async with map_redis_error():
            found: Any = await self._redis.xread({_replies_key(node_id): "0"}, count=100, block=_block_ms(wait_s))
        entries = [entry for _, some in found or () for entry in some]
        opened = [self._open_reply(fields.get(_FIELD, b"")) for _, fields in entries]
        return [name for name, _ in entries], [reply for reply in opened if reply is not None]

    async def remove_replies(self, node_id: str, ids: Sequence[bytes]) -> None:
        """Remove entries that were read."""
        async with self._gate, map_redis_error():
            await self._redis.xdel(_replies_key(node_id), *ids)

    # --- control's end ---

    async def create_group(self) -> None:
        """Create the consumer group at the stream's beginning unless it exists."""
        await self._group.create()

    async def read(self, consumer: str, most: int, wait_s: float) -> list[RequestEntry]:
        """Return new entries in order, or none if none came within `wait_s`. `wait_s` must be less than the client's
        timeout."""
        async with map_redis_error():
            found: Any = await self._redis.xreadgroup(
                GROUP, consumer, {STREAM: ">"}, count=most, block=_block_ms(wait_s)
            )
        return [entry for _, entries in found or () for entry in self._entries(entries)]

    async def reclaim(self, consumer: str, most: int, idle_s: float) -> list[RequestEntry]:
        """Return entries whose consumer has not kept them for `idle_s`, because it died."""
        idle_ms, entries, cursor = round(idle_s * 1000), list[RequestEntry](), b"0-0"
        # One command looks at ten entries for each entry that is wanted, because entries that are kept may come first.
        while len(entries) < most:
            async with map_redis_error():
                cursor, found, *_ = await self._redis.xautoclaim(
                    STREAM, GROUP, consumer, idle_ms, cursor, count=most - len(entries)
                )
            entries += self._entries(found)
            if cursor == b"0-0":
                break
        return entries

    async def keep(self, consumer: str, ids: Sequence[str]) -> None:
        """Mark these entries as still being processed by the consumer."""
        async with self._gate, map_redis_error():
            await self._redis.xclaim(STREAM, GROUP, consumer, 0, list(ids), justid=True)

    async def admit(self, entry: RequestEntry) -> float:
        """Return the seconds until the request's deadline. Raises RequestDropped if the request must not be
        answered."""
        request = entry.request
        if request is None:
            raise RequestDropped("unreadable")
        longest_ms = round(LONGEST_DEADLINE_S * 1000)
        async with self._gate, map_redis_error():
            left_ms = await self._admit(keys=[_holder_key(request.id)], args=[request.expires_ms, entry.id, longest_ms])
        if left_ms <= 0:
            raise RequestDropped("expired" if left_ms == 0 else "replayed")
        return int(left_ms) / 1000

    async def reply(self, entry_id: str, node_id: str, reply: MediaReply, link: Sealer | None = None) -> None:
        """Send a reply to its node, then remove the request.

        If the reply cannot be stored, the request stays. In a cluster the two keys are on different members. `link` is
        as in `RequestEntry`.
        """
        key, sealer = _replies_key(node_id), link or self._unsigned
        assert sealer is not None, "a request without a link is only of the version before"
        sealed = sealer.seal(msgspec.json.encode(reply), REPLY_PURPOSE)
        async with self._gate, map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(key, {_FIELD: sealed}, maxlen=MAX_REPLIES, approximate=True)
            pipe.expire(key, REPLIES_TTL_S)
            await pipe.execute()
        await self.remove(entry_id)

    async def remove(self, entry_id: str) -> None:
        """Remove a request that is not answered."""
        async with self._gate, map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(STREAM, GROUP, entry_id)
            pipe.xdel(STREAM, entry_id)
            await pipe.execute()

    async def leave(self, consumer: str) -> None:
        """Remove a consumer that ends, as `ConsumerGroup.leave` does."""
        async with self._gate:
            await self._group.leave(consumer)

    async def remove_dead_consumers(self, idle_s: float) -> None:
        """Remove consumers that have died, as `ConsumerGroup.remove_dead` does."""
        await self._group.remove_dead(idle_s)

    def _entries(self, found: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[RequestEntry]:
        return [self._open_request(name.decode(), fields) for name, fields in found if fields]

    def _open_request(self, name: str, fields: dict[bytes, bytes]) -> RequestEntry:
        sealed, call_id = fields.get(_FIELD, b""), fields.get(_CALL, b"")
        if len(sealed) > _MAX_SEALED_BYTES or len(call_id) > _MAX_CALL_BYTES:
            return RequestEntry(name, None)
        if self._authority is None or not call_id:
            request = self._open(self._unsigned, sealed, REQUEST_PURPOSE, MediaRequest)
            if request is None and self._authority is not None:
                self._authority.count_forged("request", ForgedEntry("unsigned"))
            return RequestEntry(name, request)
        try:
            return self._open_vouched(self._authority, name, call_id.decode("ascii", "replace"), sealed)
        except ForgedEntry as fault:
            self._authority.count_forged("request", fault)
        except msgspec.DecodeError:
            pass
        return RequestEntry(name, None)

    def _open_vouched(self, authority: BusAuthority, name: str, call_id: str, sealed: bytes) -> RequestEntry:
        """Open a request that a stream credential sealed. Raises ForgedEntry, msgspec.DecodeError."""
        speaker, plain = authority.stream_credentials.open(call_id, sealed, REQUEST_PURPOSE)
        request = decode_json(plain, type=MediaRequest)
        peer = authority.enrollment.find_peer(request.card)
        if (request.call_id, peer.key) != (call_id, speaker.node_key):
            raise ForgedEntry("other stream")
        return RequestEntry(name, request, peer.link)

    def _open_reply(self, sealed: bytes) -> MediaReply | None:
        link = None if self._identity is None else self._identity.link
        reply = self._open(link, sealed, REPLY_PURPOSE, MediaReply)
        return reply or self._open(self._unsigned, sealed, REPLY_PURPOSE, MediaReply)

    def _open(self, sealer: Sealer | None, sealed: bytes, purpose: str, kind: type[T]) -> T | None:
        if sealer is None or len(sealed) > _MAX_SEALED_BYTES:
            return None
        try:
            return decode_json(sealer.open(sealed, purpose), type=kind)
        except (UnsealError, msgspec.DecodeError):
            return None


def _block_ms(wait_s: float) -> int:
    """Return the time to block, at least 1 ms, because 0 means "forever" to Redis."""
    return max(1, round(wait_s * 1000))


def _replies_key(node_id: str) -> str:
    return redis_key("replies", node_id)


def _holder_key(request_id: str) -> str:
    """Return the key in the slot of the stream, so that one clock sets the deadlines of requests and compares them.

    Redis hashes a key without braces as a whole, and otherwise only the part between the braces.
    """
    return f"{PREFIX}request:{{{STREAM}}}:{request_id}"
