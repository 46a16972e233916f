"""Our protocol for test calls from a browser, as documented in docs/use/browser-socket.md."""

import json
import time
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.browser import BrowserCodec
from media.telephony.codec import (
    Clear,
    DigitReceived,
    Encoding,
    InboundAudio,
    InboundEvent,
    Mark,
    MarkReached,
    MediaProtocolError,
    OutboundCommand,
    Play,
    StreamStarted,
    StreamStopped,
    TextReceived,
)
from tests.media.telephony.messages import JSON

START = {"event": "start", "format": {"encoding": "pcm_s16le", "sample_rate": 16000}, "params": {"token": "t0"}}
FRAME = bytes(640)
TEXTS = [
    START,
    {"event": "dtmf", "digit": "#"},
    {"event": "text", "text": "Hi"},
    {"event": "mark", "name": "m"},
    {"event": "stop"},
]


def start(encoding: str = "pcm_s16le", sample_rate: object = 16000, **more: object) -> str:
    return json.dumps({"event": "start", "format": {"encoding": encoding, "sample_rate": sample_rate}, **more})


def started(sample_rate: int = 16000) -> BrowserCodec:
    codec = BrowserCodec("call-1", time.monotonic)
    codec.receive(start(sample_rate=sample_rate))
    return codec


def refusal(codec: BrowserCodec, message: str | bytes) -> MediaProtocolError:
    with pytest.raises(MediaProtocolError) as caught:
        codec.receive(message)
    return caught.value


@pytest.mark.parametrize("text", ["", "  ", "x" * 1_001, 7])
def test_typed_turn_is_refused_if_it_is_not_text_or_too_long(text: object) -> None:
    message = json.dumps({"event": "text", "text": text})
    assert refusal(started(), message).code == "bad_type"


def test_whole_call() -> None:
    codec = BrowserCodec("call-1", time.monotonic)
    assert list(codec.receive(json.dumps(START))) == [
        StreamStarted("call-1", "call-1", Encoding.L16, 16000, params={"token": "t0"})
    ]
    assert list(codec.receive(FRAME)) == [InboundAudio(FRAME, 0)]
    assert list(codec.receive('{"event":"dtmf","digit":"#"}')) == [DigitReceived("#")]
    assert list(codec.receive('{"event":"text","text":" Good day. "}')) == [TextReceived("Good day.")]
    assert list(codec.receive('{"event":"mark","name":"m"}')) == [MarkReached("m")]
    assert list(codec.receive('{"event":"stop"}')) == [StreamStopped()]
    assert codec.accepted == 1


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_timestamps_follow_the_audio_received(sample_rate: int) -> None:
    codec = started(sample_rate)
    second = bytes(2 * sample_rate)
    times = [codec.receive(audio)[0] for audio in (second[:40], second, b"", second)]
    start_ms = 20_000 // sample_rate
    assert times == [
        InboundAudio(second[:40], 0),
        InboundAudio(second, start_ms),
        InboundAudio(b"", start_ms + 1000),
        InboundAudio(second, start_ms + 1000),
    ]


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        (start("pcm_f32le"), "bad_format", "format"),
        (start(sample_rate=44100), "bad_format", "format"),
        (start(sample_rate="16000"), "bad_type", "format.sample_rate"),
        ('{"event":"start"}', "missing_field", "format"),
        (start(params={"a": 1}), "bad_type", "params[...]"),
        (start(params={"a": "x" * 500}), "bad_params", "params"),
        ('{"event":"hello"}', "unknown_event", "event"),
        ("hello", "not_json", ""),
        ("[" * 70_000, "too_large", ""),
        ('{"event":"dtmf","digit":"1"}', "out_of_order", "event"),
        ('{"event":"stop"}', "out_of_order", "event"),
        (FRAME, "out_of_order", "event"),
    ],
)
def test_messages_refused_at_the_start(message: str | bytes, code: str, field: str) -> None:
    error = refusal(BrowserCodec("call-1", time.monotonic), message)
    assert (error.code, error.field) == (code, field)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (start(), "out_of_order"),
        (bytes(641), "bad_format"),
        (bytes(65538), "too_large"),
        ('{"event":"dtmf","digit":"12"}', "bad_type"),
        ('{"event":"mark"}', "missing_field"),
    ],
)
def test_messages_that_end_the_call(message: str | bytes, code: str) -> None:
    codec = started()
    assert refusal(codec, message).code == code
    assert refusal(codec, FRAME).code == "out_of_order"


def test_nothing_is_accepted_after_stop() -> None:
    codec = started()
    codec.receive('{"event":"stop"}')
    messages: list[str | bytes] = [FRAME, *map(json.dumps, TEXTS)]
    for message in messages:
        assert refusal(codec, message).code == "out_of_order"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Play(FRAME), FRAME),
        (Mark('m"1'), '{"event":"mark","name":"m\\"1"}'),
        (Clear(), '{"event":"clear"}'),
    ],
)
def test_commands(command: OutboundCommand, message: str | bytes) -> None:
    codec = BrowserCodec("call-1", time.monotonic)
    with pytest.raises(MediaProtocolError, match="out_of_order"):
        codec.encode(command)
    codec.receive(start())
    assert codec.encode(command) == message
    codec.receive('{"event":"stop"}')
    with pytest.raises(MediaProtocolError, match="out_of_order"):
        codec.encode(command)


FIELDS = st.dictionaries(st.sampled_from(["event", "format", "params", "digit", "name"]), JSON, max_size=2)
MESSAGES = (
    st.sampled_from(TEXTS).map(json.dumps)
    | st.builds(lambda message, more: json.dumps(message | more), st.sampled_from(TEXTS), FIELDS)
    | st.text()
    | st.binary()
)


@given(st.booleans(), st.lists(MESSAGES, max_size=8))
def test_only_protocol_errors_escape(opened: bool, messages: list[str | bytes]) -> None:
    codec = started() if opened else BrowserCodec("call-1", time.monotonic)
    has_failed = False
    for message in messages:
        try:
            events = codec.receive(message)
        except MediaProtocolError:
            has_failed = True
        else:
            assert not has_failed
            assert all(isinstance(event, get_args(InboundEvent)) for event in events)
            has_failed = StreamStopped() in events


def test_audio_faster_than_real_time_ends_the_call() -> None:
    """Vendors bill each second of it, and each frame takes time from other calls."""
    now = [100.0]
    codec = BrowserCodec("call-1", lambda: now[0])
    codec.receive(start())
    second = bytes(32_000)
    for _ in range(6):
        codec.receive(second)
    now[0] += 3.0  # a browser that was held up catches up
    for _ in range(3):
        codec.receive(second)
    assert refusal(codec, second).code == "too_fast"


def test_more_keys_than_anybody_presses_end_the_call() -> None:
    now = [100.0]
    codec = BrowserCodec("call-1", lambda: now[0])
    codec.receive(start())
    key = json.dumps({"event": "dtmf", "digit": "5"})
    for _ in range(50):
        codec.receive(key)
    now[0] += 0.15
    codec.receive(key)
    refused = refusal(codec, key)
    assert refused.code == "too_fast" and "50 keys and 10 per second" in str(refused)


def test_more_text_than_anybody_types_ends_the_call() -> None:
    now = [100.0]
    codec = BrowserCodec("call-1", lambda: now[0])
    codec.receive(start())
    longest = json.dumps({"event": "text", "text": "x" * 1_000})
    for _ in range(5):
        codec.receive(longest)
    now[0] += 20.0
    codec.receive(longest)
    assert refusal(codec, longest).code == "too_fast"
