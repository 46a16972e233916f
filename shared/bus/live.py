"""Calls that are running: each media node reports its own every few seconds; the entry of a lost call expires."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from shared.bus.authority import BusAuthority
from shared.bus.client import BusClient, delete_keys, map_redis_error, redis_key
from shared.bus.vouchers import ForgedEntry, StreamVoucher
from shared.json_text import decode_json

PURPOSE: Final = "live"
BEAT_S: Final = 3.0
TTL_S: Final = 12


class LiveCall(Struct, frozen=True, omit_defaults=True):
    """A call on a node. node_id: the node whose command stream reaches it. leg: see CallPlan. card: of the node, for
    which commands are sealed (shared/bus/enrolment.py); empty of one of the version before."""

    call_id: str
    node_id: str
    leg: int
    card: str = ""


class LiveCalls:
    """All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, authority: BusAuthority | None = None) -> None:
        """authority: at control's end; without it every entry without a proof is believed."""
        self._redis, self._authority = redis, authority

    async def refresh(self, calls: Sequence[LiveCall], vouchers: Mapping[str, StreamVoucher] | None = None) -> None:
        """Writes the entries of a node's calls in one round trip; they expire after TTL_S. vouchers: by call."""
        vouchers = vouchers or {}
        if not calls:
            return
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                text, voucher = msgspec.json.encode(call), vouchers.get(call.call_id)
                pipe.set(_key(call.call_id), voucher.seal(text, PURPOSE) if voucher else text, ex=TTL_S)
            await pipe.execute()

    async def remove(self, call_ids: Sequence[str]) -> None:
        """Removes calls that left their node, in one round trip."""
        if call_ids:
            await delete_keys(self._redis, map(_key, call_ids))

    async def get(self, call_ids: Sequence[str]) -> list[LiveCall | None]:
        """In the order of `call_ids`; None for those that no node reports that has the call."""
        if not call_ids:
            return []
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.get(_key(call_id))
            found = await pipe.execute()
        return [self._open(call_id, text) if text else None for call_id, text in zip(call_ids, found, strict=True)]

    def _open(self, call_id: str, text: bytes) -> LiveCall | None:
        authority = self._authority
        if authority is None:
            return decode_json(text, type=LiveCall)
        try:
            speaker, plain = authority.open(call_id, text, PURPOSE)
            call = decode_json(plain, type=LiveCall)
            if call.call_id != call_id or (speaker is not None and speaker.leg != call.leg):
                raise ForgedEntry("other stream")
        except ForgedEntry as fault:
            authority.count_forged("live", fault)
            return None
        except msgspec.DecodeError:
            authority.count_forged("live", ForgedEntry("unreadable"))
            return None
        return call


def _key(call_id: str) -> str:
    return redis_key("live", call_id)
