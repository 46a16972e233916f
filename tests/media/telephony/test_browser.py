"""Our own protocol for test calls from a browser, as docs/browser-socket.md gives it."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.browser import BrowserCodec
from media.telephony.wire import (
    Clear,
    Encoding,
    Heard,
    Inbound,
    Mark,
    Marked,
    Outbound,
    Play,
    Pressed,
    Started,
    Stopped,
    WireError,
)
from tests.media.telephony.messages import JSON

START = {"event": "start", "format": {"encoding": "pcm_s16le", "sample_rate": 16000}, "params": {"token": "t0"}}
FRAME = bytes(640)
TEXTS = [START, {"event": "dtmf", "digit": "#"}, {"event": "mark", "name": "m"}, {"event": "stop"}]


def start(encoding: str = "pcm_s16le", sample_rate: object = 16000, **more: object) -> str:
    return json.dumps({"event": "start", "format": {"encoding": encoding, "sample_rate": sample_rate}, **more})


def started(sample_rate: int = 16000) -> BrowserCodec:
    codec = BrowserCodec("call-1")
    codec.receive(start(sample_rate=sample_rate))
    return codec


def refusal(codec: BrowserCodec, message: str | bytes) -> WireError:
    with pytest.raises(WireError) as caught:
        codec.receive(message)
    return caught.value


def test_a_whole_call() -> None:
    codec = BrowserCodec("call-1")
    assert list(codec.receive(json.dumps(START))) == [
        Started("call-1", "call-1", Encoding.L16, 16000, params={"token": "t0"})
    ]
    assert list(codec.receive(FRAME)) == [Heard(FRAME, 0)]
    assert list(codec.receive('{"event":"dtmf","digit":"#"}')) == [Pressed("#")]
    assert list(codec.receive('{"event":"mark","name":"m"}')) == [Marked("m")]
    assert list(codec.receive('{"event":"stop"}')) == [Stopped()]
    assert codec.heard == 1


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_the_clock_is_the_audio_received(sample_rate: int) -> None:
    codec = started(sample_rate)
    second = bytes(2 * sample_rate)
    times = [codec.receive(audio)[0] for audio in (second[:40], second, b"", second)]
    start_ms = 20_000 // sample_rate
    assert times == [
        Heard(second[:40], 0),
        Heard(second, start_ms),
        Heard(b"", start_ms + 1000),
        Heard(second, start_ms + 1000),
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
def test_what_may_not_open_a_call(message: str | bytes, code: str, field: str) -> None:
    error = refusal(BrowserCodec("call-1"), message)
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
def test_what_ends_a_call(message: str | bytes, code: str) -> None:
    codec = started()
    assert refusal(codec, message).code == code
    assert refusal(codec, FRAME).code == "out_of_order"


def test_nothing_after_stop() -> None:
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
def test_what_is_said(command: Outbound, message: str | bytes) -> None:
    codec = BrowserCodec("call-1")
    with pytest.raises(WireError, match="out_of_order"):
        codec.say(command)
    codec.receive(start())
    assert codec.say(command) == message
    codec.receive('{"event":"stop"}')
    with pytest.raises(WireError, match="out_of_order"):
        codec.say(command)


FIELDS = st.dictionaries(st.sampled_from(["event", "format", "params", "digit", "name"]), JSON, max_size=2)
MESSAGES = (
    st.sampled_from(TEXTS).map(json.dumps)
    | st.builds(lambda message, more: json.dumps(message | more), st.sampled_from(TEXTS), FIELDS)
    | st.text()
    | st.binary()
)


@given(st.booleans(), st.lists(MESSAGES, max_size=8))
def test_only_wire_errors_escape(opened: bool, messages: list[str | bytes]) -> None:
    codec = started() if opened else BrowserCodec("call-1")
    dead = False
    for message in messages:
        try:
            events = codec.receive(message)
        except WireError:
            dead = True
        else:
            assert not dead
            assert all(isinstance(event, get_args(Inbound)) for event in events)
            dead = Stopped() in events
