"""The time that a call's spending limit grants. Control writes it, nodes read it.

The time counts from the call's beginning. A call without an entry has no such limit. If an entry is not renewed in
time, because workers or Redis are unavailable, the call continues for `GRACE_S`. Including this grace and the last
words, a call exceeds the granted time by at most a minute.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
import structlog
from msgspec import Meta, Struct

from shared.bus.client import BusClient, map_redis_error, redis_key
from shared.bus.stream_credentials import StreamCredential, StreamCredentialKeys
from shared.json_text import decode_json

log = structlog.get_logger()

# Longer than the longest call.
TTL_S: Final = 6 * 3600
GRACE_S: Final = 30
# The last words begin this long before the end of the granted time.
LAST_WORDS_S: Final = 8


class GrantedTime(Struct, frozen=True, omit_defaults=True):
    """The time that control grants a call.

    Attributes:
        seconds: The granted time from the call's beginning.
        is_last: Control refused to grant more.
        proof: Proves that control wrote the entry; see `StreamCredentialKeys.sign_grant`.
    """

    seconds: Annotated[int, Meta(ge=0)]
    is_last: bool = False
    proof: str = ""

    @property
    def ends_s(self) -> int:
        """When the last words begin unless more time is granted first, in seconds from the call's beginning."""
        return max(0, self.seconds - LAST_WORDS_S) if self.is_last else self.seconds + GRACE_S


NO_LIMIT: Final = GrantedTime(TTL_S)


class GrantedTimes:
    """Writes and reads granted times. Both methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, keys: StreamCredentialKeys | None = None) -> None:
        """Create a store. `keys` sign what control writes."""
        self._redis, self._keys = redis, keys

    async def write(self, granted: Mapping[str, GrantedTime]) -> None:
        """Write the granted times of several calls, by call id, in one round trip."""
        if not granted:
            return
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call_id, one in granted.items():
                pipe.set(_key(call_id), msgspec.json.encode(self._sign(call_id, one)), ex=TTL_S)
            await pipe.execute()

    async def read(
        self, call_ids: Sequence[str], stream_credentials: Mapping[str, StreamCredential] | None = None
    ) -> list[GrantedTime | None]:
        """Return the granted times in the order of `call_ids`.

        Args:
            stream_credentials: The credentials by call id. The entry of a call without a credential needs no proof.

        Returns:
            None for calls without a limit, and for entries that cannot be decoded or that control did not write.
        """
        if not call_ids:
            return []
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.get(_key(call_id))
            found = await pipe.execute()
        stream_credentials = stream_credentials or {}
        entries = zip(call_ids, found, strict=True)
        return [_decode(call_id, text, stream_credentials.get(call_id)) for call_id, text in entries]

    def _sign(self, call_id: str, granted: GrantedTime) -> GrantedTime:
        if self._keys is None:
            return granted
        return msgspec.structs.replace(granted, proof=self._keys.sign_grant(call_id, _body(granted)))


def _decode(call_id: str, text: bytes | None, stream_credential: StreamCredential | None) -> GrantedTime | None:
    try:
        granted = None if text is None else decode_json(text, type=GrantedTime)
    except msgspec.DecodeError:
        return None
    if granted is None:
        return None
    if stream_credential is not None and not stream_credential.is_granted(_body(granted), granted.proof):
        log.warning("bus.entry_forged", kind="granted_time", call_id=call_id)
        return None
    return msgspec.structs.replace(granted, proof="")


def _body(granted: GrantedTime) -> bytes:
    return f"{granted.seconds} {int(granted.is_last)}".encode()


def _key(call_id: str) -> str:
    return redis_key("granted", call_id)
