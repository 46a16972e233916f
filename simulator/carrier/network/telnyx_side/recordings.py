"""Recordings of calls: both sides of the line from when it was asked for until the call or the recording ended."""

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

from simulator.carrier.legs import Legs
from simulator.carrier.mulaw import RATE
from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.events import Webhooks, iso
from simulator.carrier.network.telnyx_side.leg import Leg, tell
from simulator.carrier.network.telnyx_side.plan import LONGEST_S, RecordOptions
from simulator.carrier.network.telnyx_side.problems import TelnyxProblem, not_found

Json = dict[str, object]

_MOST_BYTES = 256 << 20


@dataclass(slots=True, eq=False, kw_only=True)
class Recording:
    """One recording. first: where it begins on the line, in samples. sound: None until it ended."""

    leg: Leg
    channels: str
    format: str
    first: int
    most_s: int = LONGEST_S
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    sound: Legs | None = None


class Recordings:
    """All recordings of the account, in the order in which they began."""

    def __init__(self, config: TelnyxConfig, webhooks: Webhooks, clock: Callable[[], float] = time.time) -> None:
        self._config, self._webhooks, self._clock = config, webhooks, clock
        self._all: dict[str, Recording] = {}

    def start(self, leg: Leg, line: Line, options: RecordOptions, recording_id: str = "") -> Recording:
        """Records from now on."""
        recording = Recording(
            id=recording_id or str(uuid.uuid4()),
            leg=leg,
            channels=options.channels,
            format=options.format,
            first=len(line.legs.caller),
            most_s=options.most_s or LONGEST_S,
        )
        self._all[recording.id] = recording
        return recording

    def stop(self, leg: Leg, recording_id: str = "") -> None:
        """Ends this recording of the leg, or all; call.recording.saved follows for each."""
        for recording in list(self._all.values()):
            if recording.leg is leg and recording.sound is None and recording_id in ("", recording.id):
                self._save(recording)

    def saved(self, **wanted: str) -> list[Recording]:
        """What can be fetched, newest first, by leg_id, session_id or control_id of its call."""
        fitting = (
            recording
            for recording in self._all.values()
            if recording.sound is not None
            and all(getattr(recording.leg, name) == value for name, value in wanted.items())
        )
        return list(fitting)[::-1]

    def get(self, recording_id: str) -> Recording:
        """Raises TelnyxProblem."""
        found = self._all.get(recording_id)
        if found is None or found.sound is None:
            raise not_found()
        return found

    def delete(self, recording_id: str) -> Recording:
        """Raises TelnyxProblem."""
        return self._all.pop(self.get(recording_id).id)

    def media(self, recording_id: str, expires: str, signature: str) -> bytes:
        """The sound behind a presigned URL. Raises TelnyxProblem: 403 when the URL is too old or not ours."""
        recording = self.get(recording_id)
        right = hmac.compare_digest(self._signature(recording_id, expires).encode(), signature.encode())
        if not right or int(expires) < self._clock():
            raise TelnyxProblem(403, "10010", "Authorization failed", "The URL has expired.")
        return encoded(recording)

    def shown(self, recording: Recording) -> Json:
        """A recording as the API shows it, with a fresh URL."""
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
            "duration_millis": recording.sound.duration_ms if recording.sound else 0,
            "recording_started_at": iso(recording.started_at),
            "recording_ended_at": iso(recording.ended_at or recording.started_at),
            "created_at": iso(recording.started_at),
            "updated_at": iso(recording.ended_at or recording.started_at),
            "download_urls": self._urls(recording),
        }

    def _save(self, recording: Recording) -> None:
        line = recording.leg.line
        recording.sound = Legs()
        recording.ended_at = datetime.now(UTC)
        if line is not None:
            part = slice(recording.first, recording.first + recording.most_s * RATE)
            recording.sound.add(bytes(line.legs.caller[part]), bytes(line.legs.agent[part]))
        tell(
            self._webhooks,
            recording.leg,
            "call.recording.saved",
            channels=recording.channels,
            recording_urls=self._urls(recording),
            public_recording_urls={},
            recording_started_at=iso(recording.started_at),
            recording_ended_at=iso(recording.ended_at),
        )
        self._make_room()

    def _make_room(self) -> None:
        """The oldest go when all together are too many bytes."""
        sizes = {one.id: len(one.sound.caller) * 2 for one in self._all.values() if one.sound is not None}
        kept = sum(sizes.values())
        for recording_id, size in sizes.items():
            if kept <= _MOST_BYTES:
                return
            del self._all[recording_id]
            kept -= size

    def _urls(self, recording: Recording) -> Json:
        expires = str(int(self._clock() + self._config.recording_link_s))
        signature = self._signature(recording.id, expires)
        path = f"/v2/recordings/{recording.id}/media.{recording.format}"
        return {recording.format: f"{self._config.public_url}{path}?expires={expires}&signature={signature}"}

    def _signature(self, recording_id: str, expires: str) -> str:
        text = f"{recording_id}.{expires}".encode()
        return hmac.new(self._config.signing_key.encode(), text, hashlib.sha256).hexdigest()


def encoded(recording: Recording) -> bytes:
    """The file: the party on the left and what it heard on the right, or both on one channel."""
    sound = recording.sound or Legs()
    samples = sound.stereo()
    if recording.channels == "single":
        samples = np.asarray(samples.mean(axis=1), dtype=np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=recording.format.upper(), subtype=None)
    return file.getvalue()
