"""What control has done to a running call: each command has an id, so that a repeat is harmless, and gets an answer."""

import asyncio
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct
from redis.asyncio import Redis

from shared.bus.client import PREFIX, told
from shared.events import EndReason

KEEP: Final = 1_000
ANSWER_TTL_S: Final = 120
# Each process is a node of its own name: what was left for one that is gone goes by itself.
STREAM_TTL_S: Final = 86_400
DONE: Final = "done"
_LOOK_S: Final = 0.02
_FIELD: Final = b"c"


class EndCall(Struct, frozen=True, tag="end"):
    """Ends it; the agent says goodbye first if `polite`."""

    reason: EndReason = "admin"
    polite: bool = False


class SayWords(Struct, frozen=True, tag="say"):
    """The agent says this as soon as it is its turn."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000)]


class TransferCall(Struct, frozen=True, tag="transfer"):
    """The caller is put through; `words` are said first. number: E.164."""

    number: str
    words: str = ""


Command = EndCall | SayWords | TransferCall


class Order(Struct, frozen=True):
    """A command for one call."""

    id: str
    call_id: str
    command: Command


class Commands:
    """All methods raise BusAway."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def post(self, node_id: str, order: Order) -> None:
        """To the node that has the call."""
        async with told(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(_stream(node_id), {_FIELD: msgspec.json.encode(order)}, maxlen=KEEP, approximate=True)
            pipe.expire(_stream(node_id), STREAM_TTL_S)
            await pipe.execute()

    async def read(self, node_id: str, after: str, wait_s: float) -> tuple[str, list[Order]]:
        """Orders after the position, and the new position; "0" is the beginning. Unreadable ones are passed over."""
        async with told():
            found: Any = await self._redis.xread(
                {_stream(node_id): after}, count=100, block=max(1, round(wait_s * 1000))
            )
        orders: list[Order] = []
        for _, entries in found or ():
            for name, fields in entries:
                after = name.decode()
                try:
                    orders.append(msgspec.json.decode(fields.get(_FIELD, b""), type=Order))
                except msgspec.DecodeError:
                    continue
        return after, orders

    async def answer(self, order_id: str, outcome: str) -> None:
        """DONE, or why it could not be done."""
        async with told():
            await self._redis.set(_answer(order_id), outcome, ex=ANSWER_TTL_S)

    async def outcome(self, order_id: str, wait_s: float) -> str | None:
        """What the node answered; None when it did not within `wait_s`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            async with told():
                text: Any = await self._redis.get(_answer(order_id))
            if text is not None:
                return str(text.decode())
            if loop.time() >= until:
                return None
            await asyncio.sleep(_LOOK_S)


def _stream(node_id: str) -> str:
    return f"{PREFIX}commands:{{{node_id}}}"


def _answer(order_id: str) -> str:
    return f"{PREFIX}answer:{{{order_id}}}"
