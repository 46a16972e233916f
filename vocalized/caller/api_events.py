"""Reads a call's events from the API: finds the call by the carrier's id, then polls for new events."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from control.calls.records.state import FINAL
from shared.events import CallEnded, EventEnvelope, decode_event
from vocalized.caller.call_reader import CallReader
from vocalized.caller.finished_call import EventsUnavailable
from vocalized.stack.api_client import ApiError, Json

# After these end reasons another media node may resume the call.
_MAY_RESUME = frozenset({"carrier_error", "media_lost"})
_POLL_S = 0.25
# The carrier reports the end at once; media's last events pass through Redis and the worker first.
_LAST_EVENTS_S = 8.0
_NOT_FOUND = 404


class ApiCall:
    """One call. readers: accounts that may see it, the preferred one first. patience_s: how long the API may be
    unavailable, or not know the call."""

    def __init__(self, readers: Sequence[CallReader], patience_s: float = 10.0) -> None:
        self._readers, self._patience_s = readers, patience_s
        self._reader = readers[0]
        self._call = ""

    @property
    def call_id(self) -> str:
        """The API's id of the call; empty until it was found."""
        return self._call.rpartition("/")[2]

    @property
    def recording_url(self) -> str:
        """The API's address of the recording."""
        return f"{self._reader.url}{self._call}/recording"

    async def events(self, carrier_call_id: str) -> AsyncIterator[EventEnvelope]:
        """Yields the call's events in order, up to its end; none if no agent answered. Raises EventsUnavailable."""
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
            outcome = await self.outcome()
            if not seq and is_unanswered(outcome):
                return
            if outcome["status"] in FINAL:
                quiet_s += _POLL_S
        raise EventsUnavailable("the call is over, and its last events did not come to the API")

    async def outcome(self) -> Json:
        """The call's record. Raises EventsUnavailable."""
        call: Json = (await self._get(self._call))["call"]
        return call

    async def refusal(self, carrier_call_id: str) -> str:
        """Why no agent answered: the record's `end_detail`; empty if one answered. Raises EventsUnavailable."""
        await self._find(carrier_call_id)
        outcome = await self.outcome()
        return outcome["end_detail"] or "" if is_unanswered(outcome) else ""

    async def recording(self, wait_s: float) -> bytes | None:
        """The stereo recording; None when there is none within `wait_s`, or the reader may not hear it."""
        if self._reader.is_staff:
            return None
        for _ in range(max(1, round(wait_s / _POLL_S))):
            try:
                return await self._reader.download(f"{self._call}/recording")
            except ApiError as fault:
                if fault.status != _NOT_FOUND:
                    return None
            await asyncio.sleep(_POLL_S)
        return None

    async def _find(self, carrier_call_id: str) -> None:
        query = f"?carrier_call_id={quote(carrier_call_id, safe='')}"
        for _ in range(max(1, round(self._patience_s / _POLL_S))):
            if await self._find_once(query):
                if self._reader is not self._readers[0]:
                    await self._find_once(query)  # the call may have begun between two readers' requests
                return
            await asyncio.sleep(_POLL_S)
        raise EventsUnavailable(f"the API does not know the call within {self._patience_s:g} s")

    async def _find_once(self, query: str) -> bool:
        for reader in self._readers:
            self._reader = reader
            found = (await self._get(f"{reader.calls}{query}"))["calls"]
            if found:
                self._call = f"{reader.calls}/{found[0]['id']}"
                return True
        return False

    async def _get(self, path: str) -> Json:
        """Retries while the API is unavailable. Raises EventsUnavailable."""
        left_s = self._patience_s
        while True:
            try:
                return await self._reader.get(path)
            except ApiError as fault:
                if 0 < fault.status < 500 or left_s <= 0:
                    raise EventsUnavailable(str(fault)) from fault
            await asyncio.sleep(_POLL_S)
            left_s -= _POLL_S


def is_unanswered(call: Json) -> bool:
    """Whether a call's record says that no agent talked: it was refused, busy or not picked up."""
    return call["status"] in FINAL - {"completed"} and call["end_reason"] is None


def _envelope(call_id: str, entry: dict[str, Any]) -> EventEnvelope:
    """Raises EventsUnavailable for an entry that is no event."""
    fields = {"call_id": call_id, "seq": entry["seq"], "at": entry["timestamp"], "event": entry["event_data"]}
    try:
        return decode_event(msgspec.json.encode(fields))
    except msgspec.DecodeError as error:
        raise EventsUnavailable(f"the API answers something else than a call's events: {error}") from error
