"""Follows a call in the API, as its customer would: found by the carrier's id, then asked for what is new."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import msgspec

from control.calls.model import FINAL
from shared.events import CallEnded, Envelope, decode_event
from vocalized.api import Api, ApiFault, Json
from vocalized.first_accounts import SignIn
from vocalized.follow import NoEvents

# A media stream that ended so may be gone on with by another node.
_MAY_RESUME = frozenset({"carrier_error", "media_lost"})
_LOOK_S = 0.25
# The carrier tells the end at once, media's last events pass through Redis and the worker first.
_LAST_WORDS_S = 8.0
_NOT_SIGNED_IN, _NOT_THERE = 401, 404


class CallWatch:
    """One call of a workspace. patience_s: how long the API may be away, or not know of the call."""

    def __init__(self, api: Api, user: SignIn, workspace_id: str, patience_s: float = 10.0) -> None:
        self._api, self._user, self._patience_s = api, user, patience_s
        self._calls = f"/workspaces/{workspace_id}/calls"
        self._call = ""

    @property
    def call_id(self) -> str:
        """Ours; empty until the call was found."""
        return self._call.rpartition("/")[2]

    @property
    def recording_url(self) -> str:
        """Where the API gives the recording out."""
        return f"{self._api.url}{self._call}/recording"

    async def events(self, carrier_call_id: str) -> AsyncIterator[Envelope]:
        """Yields the call's events in their order, up to its end. Raises NoEvents."""
        await self._find(carrier_call_id)
        seq, quiet_s = 0, 0.0
        while quiet_s < _LAST_WORDS_S:
            told = (await self._ask(f"{self._call}/events?after_seq={seq}"))["events"]
            for envelope in (_envelope(self.call_id, entry) for entry in told):
                seq = envelope.seq
                yield envelope
                if isinstance(envelope.event, CallEnded) and envelope.event.end_reason not in _MAY_RESUME:
                    return
            if told:
                quiet_s = 0.0
                continue
            await asyncio.sleep(_LOOK_S)
            if (await self.outcome())["status"] in FINAL:
                quiet_s += _LOOK_S
        raise NoEvents("the call is over, and its last events did not come to the API")

    async def outcome(self) -> Json:
        """The call's record. Raises NoEvents."""
        call: Json = (await self._ask(self._call))["call"]
        return call

    async def recording(self, wait_s: float) -> bytes | None:
        """The stereo recording; None when there is none within so many seconds."""
        for _ in range(max(1, round(wait_s / _LOOK_S))):
            try:
                return await self._api.fetch(f"{self._call}/recording")
            except ApiFault as fault:
                if fault.status != _NOT_THERE:
                    return None
            await asyncio.sleep(_LOOK_S)
        return None

    async def _find(self, carrier_call_id: str) -> None:
        for _ in range(max(1, round(self._patience_s / _LOOK_S))):
            found = (await self._ask(f"{self._calls}?carrier_call_id={carrier_call_id}"))["calls"]
            if found:
                self._call = f"{self._calls}/{found[0]['id']}"
                return
            await asyncio.sleep(_LOOK_S)
        raise NoEvents(f"the API does not know the call within {self._patience_s:g} s")

    async def _ask(self, path: str) -> Json:
        """Signs in first, and again when the token's time is over; asks again while the API is away."""
        left_s = self._patience_s
        while True:
            try:
                if not self._api.token:
                    await self._api.sign_in(**asdict(self._user))
                return await self._api.ask("GET", path)
            except ApiFault as fault:
                if fault.status == _NOT_SIGNED_IN and self._api.token:
                    self._api.token = ""
                elif 0 < fault.status < 500 or left_s <= 0:
                    raise NoEvents(str(fault)) from fault
            await asyncio.sleep(_LOOK_S)
            left_s -= _LOOK_S


def _envelope(call_id: str, entry: dict[str, Any]) -> Envelope:
    """Raises NoEvents for what is no event of ours."""
    told = {"call_id": call_id, "seq": entry["seq"], "at": entry["timestamp"], "event": entry["event_data"]}
    try:
        return decode_event(msgspec.json.encode(told))
    except msgspec.DecodeError as error:
        raise NoEvents(f"the API tells something else than a call's events: {error}") from error
