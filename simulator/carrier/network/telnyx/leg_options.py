"""The parameters that dial, answer and transfer share."""

from dataclasses import dataclass

from simulator.carrier.network.telnyx.call_codecs import Encoding, negotiate
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.errors import missing
from simulator.carrier.network.telnyx.fields import Body, choice, text, whole
from simulator.carrier.network.telnyx.stream_settings import StreamSettings, read_settings

MAX_CALL_S = 14_400

_DETECTIONS = (
    "premium",
    "premium_ios_call_screening_detection",
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
    "disabled",
)


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """Settings of a recording.

    Attributes:
        limit_s: 0 for the whole call.
    """

    channels: str
    format: str
    limit_s: int


@dataclass(frozen=True, slots=True)
class LegOptions:
    """What a leg does after the answer.

    Attributes:
        codec: The codec of the call.
        stream: Its url is empty if there is no stream.
        ring_s: Real seconds.
        limit_s: Real seconds.
    """

    codec: Encoding
    stream: StreamSettings
    record: RecordingOptions | None
    detection: str
    ring_s: float
    limit_s: float


def read_leg_options(body: Body, config: TelnyxConfig, offered: str, *, takes_token: bool) -> LegOptions:
    """Read the parameters. `offered` contains the other side's codecs. Raises TelnyxError."""
    codec = negotiate(text(body, "preferred_codecs"), offered)
    return LegOptions(
        codec,
        read_settings(body, codec, takes_token=takes_token, takes_parameters=False),
        _recording(body),
        choice(body, "answering_machine_detection", _DETECTIONS, "disabled"),
        whole(body, "timeout_secs", 30, 5, 600) * config.second_s,
        whole(body, "time_limit_secs", MAX_CALL_S, 1, MAX_CALL_S) * config.second_s,
    )


def read_recording_options(body: Body) -> RecordingOptions:
    """Read the parameters of record_start; channels and format are required. Raises TelnyxError."""
    for name in ("channels", "format"):
        if not body.get(name):
            raise missing(name)
    return RecordingOptions(
        choice(body, "channels", ("single", "dual"), "dual"),
        choice(body, "format", ("wav", "mp3"), "mp3"),
        whole(body, "max_length", 0, 0, MAX_CALL_S),
    )


def _recording(body: Body) -> RecordingOptions | None:
    if choice(body, "record", ("record-from-answer", ""), "") == "":
        return None
    return RecordingOptions(
        choice(body, "record_channels", ("single", "dual"), "dual"),
        choice(body, "record_format", ("wav", "mp3"), "mp3"),
        whole(body, "record_max_length", 0, 0, MAX_CALL_S),
    )
