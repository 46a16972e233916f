"""Reads a call's events from the API as the customer: finds the call by the carrier's id, then polls for new events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import msgspec

from control.calls.model import FINAL
from shared.events import CallEnded, EventEnvelope, decode_event
from vocalized.caller.finished_call import EventsUnavailable
from vocalized.stack.accounts import Credentials
from vocalized.stack.api_client import ApiClient, ApiError, Json

# After these end reasons another media node may resume the call.
_MAY_RESUME = frozenset({"carrier_error", "media_lost"})
_POLL_S = 0.25
# The carrier reports the end at once; media's last events pass through Redis and the worker first.
_LAST_EVENTS_S = 8.0
_NOT_SIGNED_IN, _NOT_FOUND = 401, 404


class ApiCall:
    """One call of a workspace. patience_s: how long the API may be unavailable, or not know the call."""

    def __init__(self, api: ApiClient, user: Credentials, workspace_id: str, patience_s: float = 10.0) -> None:
        self._api, self._user, self._patience_s = api, user, patience_s
        self._calls = f"/workspaces/{workspace_id}/calls"
        self._call = ""

    @property
    def call_id(self) -> str:
        """The API's id of the call; empty until it was found."""
        return self._call.rpartition("/")[2]

    @property
    def recording_url(self) -> str:
        """The API's address of the recording."""
        return f"{self._api.url}{self._call}/recording"

    async def events(self, carrier_call_id: str) -> AsyncIterator[EventEnvelope]:
        """Yields the call's events in order, up to its end. Raises EventsUnavailable."""
        await self._find(carrier_call_id)
        seq, quiet_s = 0, 0.0
        while quiet_s < _LAST_EVENTS_S:
            entries = (await self._get(f"{self._call}/events?after_seq={seq}"))["events"]
            for envelope in (_envelope(self.call_id, entry) for entry in entries):
                seq = envelope.seq
                yield envelope
                if isinstance(envelope.event, CallEnded) and envelope.event.end_reason not in _MAY_RESUME:
                    return
            if entries:
                quiet_s = 0.0
                continue
            await asyncio.sleep(_POLL_S)
            if (await self.outcome())["status"] in FINAL:
                quiet_s += _POLL_S
        raise EventsUnavailable("the call is over, and its last events did not come to the API")

    async def outcome(self) -> Json:
        """The call's record. Raises EventsUnavailable."""
        call: Json = (await self._get(self._call))["call"]
        return call

    async def recording(self, wait_s: float) -> bytes | None:
        """The stereo recording; None when there is none within `wait_s`."""
        for _ in range(max(1, round(wait_s / _POLL_S))):
            try:
                return await self._api.download(f"{self._call}/recording")
            except ApiError as fault:
                if fault.status != _NOT_FOUND:
                    return None
            await asyncio.sleep(_POLL_S)
        return None

    async def _find(self, carrier_call_id: str) -> None:
        for _ in range(max(1, round(self._patience_s / _POLL_S))):
            found = (await self._get(f"{self._calls}?carrier_call_id={carrier_call_id}"))["calls"]
            if found:
                self._call = f"{self._calls}/{found[0]['id']}"
                return
            await asyncio.sleep(_POLL_S)
        raise EventsUnavailable(f"the API does not know the call within {self._patience_s:g} s")

    async def _get(self, path: str) -> Json:
        """Signs in first, and again when the token has expired; retries while the API is unavailable."""
        left_s = self._patience_s
        while True:
            try:
                if not self._api.token:
                    await self._api.sign_in(**asdict(self._user))
                return await self._api.request("GET", path)
            except ApiError as fault:
                if fault.status == _NOT_SIGNED_IN and self._api.token:
                    self._api.token = ""
                elif 0 < fault.status < 500 or left_s <= 0:
                    raise EventsUnavailable(str(fault)) from fault
            await asyncio.sleep(_POLL_S)
            left_s -= _POLL_S


def _envelope(call_id: str, entry: dict[str, Any]) -> EventEnvelope:
    """Raises EventsUnavailable for an entry that is no event."""
    fields = {"call_id": call_id, "seq": entry["seq"], "at": entry["timestamp"], "event": entry["event_data"]}
    try:
        return decode_event(msgspec.json.encode(fields))
    except msgspec.DecodeError as error:
        raise EventsUnavailable(f"the API answers something else than a call's events: {error}") from error
