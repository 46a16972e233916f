"""A call that is over as the API has stored it: its record, its events, its recording."""

import asyncio
import io
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from control.calls.records.state import FINAL
from lab.stage.platform import Platform

# After the call: its last event, and its recording in storage.
STORED_S: Final = 60.0
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class StoredCall:
    """call: of the API's answer. events: all, in their order. recording: stereo, the caller left and the agent right;
    None where there is none."""

    call: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]] = ()
    recording: bytes | None = field(default=None, repr=False)

    def events_of(self, kind: str) -> list[Mapping[str, Any]]:
        """The data of the events of one type."""
        return [event["event_data"] for event in self.events if event["event_type"] == kind]


async def find_call(platform: Platform, carrier_call_id: str) -> StoredCall:
    """The call with this id at the carrier, once it is over and its recording stored. Raises TimeoutError, ApiError."""
    path = f"{platform.workspace.path}/calls?carrier_call_id={quote(carrier_call_id, safe='')}"
    async with asyncio.timeout(STORED_S):
        while True:
            found = (await platform.workspace.owner.request("GET", path))["calls"]
            if found:
                break
            await asyncio.sleep(_POLL_S)
    return await read_call(platform, found[0]["id"])


async def read_call(platform: Platform, call_id: str) -> StoredCall:
    """The call with our id, once it is over and its recording stored. Raises TimeoutError, ApiError."""
    owner, path = platform.workspace.owner, f"{platform.workspace.path}/calls/{call_id}"
    async with asyncio.timeout(STORED_S):
        while True:
            events = (await owner.request("GET", f"{path}/events"))["events"]
            answer = await owner.request("GET", path)
            is_ended = any(event["event_type"] == "call.ended" for event in events)
            if is_ended and answer["call"]["status"] in FINAL and answer["recording_url"]:
                break
            await asyncio.sleep(_POLL_S)
    return StoredCall(answer["call"], events, await owner.download(f"{path}/recording"))


def caller_channel(recording: bytes | None) -> NDArray[np.int16]:
    """The left channel of a stereo recording, 16 bits at 8 kHz; empty without one. Raises wave.Error."""
    return _channels(recording)[:, 0].astype(np.int16)


def agent_channel(recording: bytes | None) -> NDArray[np.int16]:
    """The right channel of a stereo recording, 16 bits at 8 kHz; empty without one. Raises wave.Error."""
    return _channels(recording)[:, 1].astype(np.int16)


def _channels(recording: bytes | None) -> NDArray[np.int16]:
    if recording is None:
        return np.zeros((0, 2), np.int16)
    with wave.open(io.BytesIO(recording)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return samples.reshape(-1, 2)
