"""Records calls: cuts recordings from the line's audio."""

from datetime import UTC, datetime
from email.utils import format_datetime

from simulator.carrier.network.twilio.model import StatusCallback, TwilioCall, TwilioConfig, TwilioRecording, fresh_sid
from simulator.carrier.network.twilio.webhooks import TwilioWebhooks, recording_url

_RUNNING = ("in-progress", "paused")


class Recorder:
    """Starts and ends recordings.

    Attributes:
        all: All recordings that were not deleted, by id.
        early_starts: How many of the next REST starts are refused, as if Twilio had not yet stored that the call is in
            progress.
    """

    def __init__(self, config: TwilioConfig, webhooks: TwilioWebhooks) -> None:
        self.all: dict[str, TwilioRecording] = {}
        self.early_starts = 0
        self._config, self._webhooks = config, webhooks

    def start(self, call: TwilioCall, source: str, *, dual: bool, callback: StatusCallback) -> TwilioRecording:
        """Start a recording of a call. Raises ValueError unless the call is in progress."""
        if call.line is None:
            raise ValueError("the call is not in progress")
        recording = TwilioRecording(fresh_sid("RE"), call.sid, source, dual, callback, datetime.now(UTC))
        recording.segments.append((len(call.line.audio.caller), None))
        call.recordings.append(recording)
        self.all[recording.sid] = recording
        self._send_callback(recording, "in-progress")
        return recording

    def change(self, call: TwilioCall, recording: TwilioRecording, status: str) -> None:
        """Set the status to paused, in-progress or stopped.

        Raises:
            ValueError: The status is another one, or the recording has ended.
        """
        if recording.status not in _RUNNING or status not in ("paused", "in-progress", "stopped"):
            raise ValueError(f"a recording that is {recording.status} cannot become {status}")
        if status == "stopped":
            return self._complete(call, recording)
        if status == "paused" and recording.status == "in-progress":
            _end_segment(call, recording)
        elif status == "in-progress" and recording.status == "paused" and call.line is not None:
            recording.segments.append((len(call.line.audio.caller), None))
        recording.status = status

    def finish(self, call: TwilioCall) -> None:
        """Complete the recordings of an ended call."""
        for recording in call.recordings:
            if recording.status in _RUNNING:
                self._complete(call, recording)

    def delete(self, sid: str) -> bool:
        """Delete a recording. Returns False if it does not exist."""
        return self.all.pop(sid, None) is not None

    def _complete(self, call: TwilioCall, recording: TwilioRecording) -> None:
        _end_segment(call, recording)
        if call.line is not None:
            audio = call.line.audio
            recording.caller = b"".join(bytes(audio.caller[start:end]) for start, end in recording.segments)
            recording.agent = b"".join(bytes(audio.agent[start:end]) for start, end in recording.segments)
        recording.status = "completed" if recording.caller else "absent"
        self._send_callback(recording, recording.status)

    def _send_callback(self, recording: TwilioRecording, status: str) -> None:
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
        self._webhooks.send_callback(recording.callback, fields)


def _end_segment(call: TwilioCall, recording: TwilioRecording) -> None:
    start, end = recording.segments[-1]
    if end is None:
        recording.segments[-1] = (start, len(call.line.audio.caller) if call.line is not None else start)
