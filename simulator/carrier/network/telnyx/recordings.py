"""Recordings of calls, cut from the audio of both sides of the line."""

import hashlib
import hmac
import io
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.mulaw import RATE
from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.errors import TelnyxError, not_found
from simulator.carrier.network.telnyx.events import TelnyxWebhooks, iso
from simulator.carrier.network.telnyx.leg import Leg, publish_event
from simulator.carrier.network.telnyx.leg_options import MAX_CALL_S, RecordingOptions

Json = dict[str, object]

_MAX_BYTES = 256 << 20


@dataclass(slots=True, eq=False, kw_only=True)
class TelnyxRecording:
    """A recording of a leg.

    Attributes:
        first: Start of the recording on the line, in samples.
        audio: None until the recording has ended.
    """

    leg: Leg
    channels: str
    format: str
    first: int
    limit_s: int = MAX_CALL_S
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    audio: CallAudio | None = None


class Recordings:
    """All recordings of the account in the order of their start."""

    def __init__(self, config: TelnyxConfig, webhooks: TelnyxWebhooks, clock: Callable[[], float] = time.time) -> None:
        self._config, self._webhooks, self._clock = config, webhooks, clock
        self._all: dict[str, TelnyxRecording] = {}

    def start(self, leg: Leg, line: Line, options: RecordingOptions, recording_id: str = "") -> TelnyxRecording:
        """Start a recording."""
        recording = TelnyxRecording(
            id=recording_id or str(uuid.uuid4()),
            leg=leg,
            channels=options.channels,
            format=options.format,
            first=len(line.audio.caller),
            limit_s=options.limit_s or MAX_CALL_S,
        )
        self._all[recording.id] = recording
        return recording

    def stop(self, leg: Leg, recording_id: str = "") -> None:
        """End this recording of the leg, or all its recordings. Publishes call.recording.saved for each."""
        for recording in list(self._all.values()):
            if recording.leg is leg and recording.audio is None and recording_id in ("", recording.id):
                self._save(recording)

    def saved(self, **filters: str) -> list[TelnyxRecording]:
        """Return ended recordings, newest first. Filters: leg_id, session_id or control_id of the leg."""
        matching = (
            recording
            for recording in self._all.values()
            if recording.audio is not None
            and all(getattr(recording.leg, name) == value for name, value in filters.items())
        )
        return list(matching)[::-1]

    def get(self, recording_id: str) -> TelnyxRecording:
        """Return an ended recording. Raises TelnyxError."""
        found = self._all.get(recording_id)
        if found is None or found.audio is None:
            raise not_found()
        return found

    def delete(self, recording_id: str) -> TelnyxRecording:
        """Delete a recording. Raises TelnyxError."""
        return self._all.pop(self.get(recording_id).id)

    def media(self, recording_id: str, expires: str, signature: str) -> bytes:
        """Return the file of a presigned URL. Raises TelnyxError; 403 if the URL has expired or its
        signature is wrong.
        """
        recording = self.get(recording_id)
        valid = hmac.compare_digest(self._signature(recording_id, expires).encode(), signature.encode())
        if not valid or int(expires) < self._clock():
            raise TelnyxError(403, "10010", "Authorization failed", "The URL has expired.")
        return encode_recording(recording)

    def json(self, recording: TelnyxRecording) -> Json:
        """Return a recording in the API's format, with a new URL."""
        leg = recording.leg
        return {
            "record_type": "recording",
            "id": recording.id,
            "call_control_id": leg.control_id,
            "call_leg_id": leg.leg_id,
            "call_session_id": leg.session_id,
            "connection_id": leg.connection_id,
            "channels": recording.channels,
            "source": "call",
            "initiated_by": "StartCallRecordingAPI",
            "from": leg.caller,
            "to": leg.called,
            "status": "completed",
            "duration_millis": recording.audio.duration_ms if recording.audio else 0,
            "recording_started_at": iso(recording.started_at),
            "recording_ended_at": iso(recording.ended_at or recording.started_at),
            "created_at": iso(recording.started_at),
            "updated_at": iso(recording.ended_at or recording.started_at),
            "download_urls": self._urls(recording),
        }

    def _save(self, recording: TelnyxRecording) -> None:
        line = recording.leg.line
        recording.audio = CallAudio()
        recording.ended_at = datetime.now(UTC)
        if line is not None:
            part = slice(recording.first, recording.first + recording.limit_s * RATE)
            recording.audio.add(bytes(line.audio.caller[part]), bytes(line.audio.agent[part]))
        publish_event(
            self._webhooks,
            recording.leg,
            "call.recording.saved",
            channels=recording.channels,
            recording_urls=self._urls(recording),
            public_recording_urls={},
            recording_started_at=iso(recording.started_at),
            recording_ended_at=iso(recording.ended_at),
        )
        self._delete_oldest()

    def _delete_oldest(self) -> None:
        """Delete the oldest recordings beyond 256 MiB in total."""
        sizes = {
            recording.id: len(recording.audio.caller) * 2
            for recording in self._all.values()
            if recording.audio is not None
        }
        total = sum(sizes.values())
        for recording_id, size in sizes.items():
            if total <= _MAX_BYTES:
                return
            del self._all[recording_id]
            total -= size

    def _urls(self, recording: TelnyxRecording) -> Json:
        expires = str(int(self._clock() + self._config.recording_link_s))
        signature = self._signature(recording.id, expires)
        path = f"/v2/recordings/{recording.id}/media.{recording.format}"
        return {recording.format: f"{self._config.public_url}{path}?expires={expires}&signature={signature}"}

    def _signature(self, recording_id: str, expires: str) -> str:
        text = f"{recording_id}.{expires}".encode()
        return hmac.new(self._config.signing_key.encode(), text, hashlib.sha256).hexdigest()


def encode_recording(recording: TelnyxRecording) -> bytes:
    """Return the file: the party left and what it heard right, or both mixed into one channel."""
    audio = recording.audio or CallAudio()
    samples = audio.stereo()
    if recording.channels == "single":
        samples = np.asarray(samples.mean(axis=1), dtype=np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=recording.format.upper(), subtype=None)
    return file.getvalue()
