"""What a leg is to do once it's answered, read from the command's body before anything happens."""

from dataclasses import dataclass

from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.fields import Body, choice, whole
from simulator.carrier.network.telnyx_side.problems import missing
from simulator.carrier.network.telnyx_side.shape import StreamSettings, read_settings

LONGEST_S = 14_400

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
class RecordOptions:
    """How a recording was asked for. most_s: 0 stands for as long as the call lasts."""

    channels: str
    format: str
    most_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """stream: its url is "" when none is wanted. ring_s, limit_s: how long it may ring and last, in real seconds."""

    stream: StreamSettings
    record: RecordOptions | None
    detection: str
    ring_s: float
    limit_s: float


def read_plan(body: Body, config: TelnyxConfig, *, takes_token: bool) -> Plan:
    """The parameters that dial, answer and transfer share. Raises TelnyxProblem."""
    return Plan(
        read_settings(body, config.codec, takes_token=takes_token, takes_parameters=False),
        _recording(body),
        choice(body, "answering_machine_detection", _DETECTIONS, "disabled"),
        whole(body, "timeout_secs", 30, 5, 600) * config.second_s,
        whole(body, "time_limit_secs", LONGEST_S, 1, LONGEST_S) * config.second_s,
    )


def record_options(body: Body) -> RecordOptions:
    """record_start's parameters; channels and format are required. Raises TelnyxProblem."""
    for name in ("channels", "format"):
        if not body.get(name):
            raise missing(name)
    return RecordOptions(
        choice(body, "channels", ("single", "dual"), "dual"),
        choice(body, "format", ("wav", "mp3"), "mp3"),
        whole(body, "max_length", 0, 0, LONGEST_S),
    )


def _recording(body: Body) -> RecordOptions | None:
    if choice(body, "record", ("record-from-answer", ""), "") == "":
        return None
    return RecordOptions(
        choice(body, "record_channels", ("single", "dual"), "dual"),
        choice(body, "record_format", ("wav", "mp3"), "mp3"),
        whole(body, "record_max_length", 0, 0, LONGEST_S),
    )
