"""Recordings of calls, cut from the line's two legs."""

from datetime import UTC, datetime
from email.utils import format_datetime

from simulator.carrier.network.twilio_side.model import Call, Callback, Recording, TwilioConfig, fresh_sid
from simulator.carrier.network.twilio_side.webhooks import Webhooks, recording_url

_RUNNING = ("in-progress", "paused")


class Recorder:
    """Starts and ends recordings. all: every one that was made and not deleted, by id."""

    def __init__(self, config: TwilioConfig, webhooks: Webhooks) -> None:
        self.all: dict[str, Recording] = {}
        self._config, self._webhooks = config, webhooks

    def start(self, call: Call, source: str, *, dual: bool, callback: Callback) -> Recording:
        """Records a call that is in progress, from now on until it ends. Raises ValueError when it is not."""
        if call.line is None:
            raise ValueError("the call is not in progress")
        recording = Recording(fresh_sid("RE"), call.sid, source, dual, callback, datetime.now(UTC))
        recording.segments.append((len(call.line.legs.caller), None))
        call.recordings.append(recording)
        self.all[recording.sid] = recording
        self._tell(recording, "in-progress")
        return recording

    def change(self, call: Call, recording: Recording, status: str) -> None:
        """paused, in-progress (again) or stopped. Raises ValueError when it is over, or the status is none of these."""
        if recording.status not in _RUNNING or status not in ("paused", "in-progress", "stopped"):
            raise ValueError(f"a recording that is {recording.status} cannot become {status}")
        if status == "stopped":
            return self._complete(call, recording)
        if status == "paused" and recording.status == "in-progress":
            _cut(call, recording)
        elif status == "in-progress" and recording.status == "paused" and call.line is not None:
            recording.segments.append((len(call.line.legs.caller), None))
        recording.status = status

    def finish(self, call: Call) -> None:
        """The call is over, and so are its recordings."""
        for recording in call.recordings:
            if recording.status in _RUNNING:
                self._complete(call, recording)

    def delete(self, sid: str) -> bool:
        """False when there is none."""
        return self.all.pop(sid, None) is not None

    def _complete(self, call: Call, recording: Recording) -> None:
        _cut(call, recording)
        if call.line is not None:
            legs = call.line.legs
            recording.caller = b"".join(bytes(legs.caller[start:end]) for start, end in recording.segments)
            recording.agent = b"".join(bytes(legs.agent[start:end]) for start, end in recording.segments)
        recording.status = "completed" if recording.caller else "absent"
        self._tell(recording, recording.status)

    def _tell(self, recording: Recording, status: str) -> None:
        if status not in recording.callback.events:
            return
        fields = [
            ("AccountSid", self._config.account_sid),
            ("CallSid", recording.call_sid),
            ("RecordingSid", recording.sid),
            ("RecordingUrl", recording_url(self._config, recording.sid)),
            ("RecordingStatus", status),
            ("RecordingChannels", "2" if recording.dual else "1"),
            ("RecordingStartTime", format_datetime(recording.started)),
            ("RecordingSource", recording.source),
            ("RecordingTrack", "both"),
            ("ErrorCode", "0"),
        ]
        if status == "completed":
            fields.append(("RecordingDuration", str(recording.duration_s)))
        self._webhooks.tell(recording.callback, fields)


def _cut(call: Call, recording: Recording) -> None:
    start, end = recording.segments[-1]
    if end is None:
        recording.segments[-1] = (start, len(call.line.legs.caller) if call.line is not None else start)
