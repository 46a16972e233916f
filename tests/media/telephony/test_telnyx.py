"""Telnyx's messages, as its page "Stream call media over WebSocket" documents them."""

import base64
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.carrier_messages import MAX_NOT_JSON_RUN
from media.telephony.codec import (
    CarrierReportedError,
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
    UnknownMessages,
)
from media.telephony.telnyx import TelnyxCodec
from tests.media.telephony.messages import allowed_prefix_length, fuzzed, with_value, without

STREAM = "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"
CALL = "v3:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ"
FRAME = bytes(range(160))

CONNECTED = {"event": "connected", "version": "1.0.0"}
START = {
    "event": "start",
    "sequence_number": "1",
    "start": {
        "user_id": "3E6F995F-85F7-4705-9741-53B116D28237",
        "call_control_id": CALL,
        "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f",
        "from": "+13122010094",
        "to": "+13122123456",
        "tags": ["TAG1"],
        "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    },
    "stream_id": STREAM,
}
MEDIA = {
    "event": "media",
    "sequence_number": "4",
    "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": base64.b64encode(FRAME).decode()},
    "stream_id": STREAM,
}
DTMF = {
    "event": "dtmf",
    "stream_id": STREAM,
    "occurred_at": "2026-11-24T10:00:00.000000Z",
    "sequence_number": "5",
    "dtmf": {"digit": "1"},
}
MARK = {"event": "mark", "sequence_number": "6", "stream_id": STREAM, "mark": {"name": "my label"}}
STOP = {
    "event": "stop",
    "sequence_number": "7",
    "stop": {"user_id": "3E6F995F-85F7-4705-9741-53B116D28237", "call_control_id": CALL},
    "stream_id": STREAM,
}
ERROR = {
    "event": "error",
    "stream_id": STREAM,
    "payload": {"code": 100003, "title": "malformed_frame", "detail": "The frame is malformed."},
}
EVENTS: list[dict[str, Any]] = [CONNECTED, START, MEDIA, DTMF, MARK, STOP, ERROR]


def form(encoding: str, sample_rate: int | str, channels: int = 1) -> dict[str, Any]:
    """A start with this format."""
    media_format = {"encoding": encoding, "sample_rate": sample_rate, "channels": channels}
    return with_value(START, "start.media_format", media_format)


def media(chunk: int | str, payload: bytes = FRAME) -> dict[str, Any]:
    """A frame by its number, 20 ms after the one before."""
    coded = base64.b64encode(payload).decode()
    part = {"track": "inbound", "chunk": str(chunk), "timestamp": str(20 * int(chunk)), "payload": coded}
    return with_value(MEDIA, "media", part)


def receive(codec: TelnyxCodec, message: object) -> list[InboundEvent]:
    return list(codec.receive(json.dumps(message)))


def started(start: dict[str, Any] = START, **settings: Any) -> TelnyxCodec:
    codec = TelnyxCodec(**settings)
    receive(codec, CONNECTED)
    receive(codec, start)
    return codec


def refusal(codec: TelnyxCodec, message: object) -> MediaProtocolError:
    with pytest.raises(MediaProtocolError) as caught:
        receive(codec, message)
    return caught.value


def test_whole_stream() -> None:
    codec = TelnyxCodec()
    assert receive(codec, CONNECTED) == []
    assert receive(codec, START) == [
        StreamStarted(
            stream_id=STREAM,
            carrier_call_id=CALL,
            encoding=Encoding.PCMU,
            sample_rate=8000,
            account_id="3E6F995F-85F7-4705-9741-53B116D28237",
            caller="+13122010094",
            called="+13122123456",
            sent_encoding=Encoding.PCMU,
            client_state="have a nice day =]",
        )
    ]
    assert receive(codec, MEDIA) == [InboundAudio(FRAME, 5)]
    assert receive(codec, DTMF) == [DigitReceived("1")]
    assert receive(codec, MARK) == [MarkReached("my label")]
    assert receive(codec, ERROR) == [CarrierReportedError(100003, "malformed_frame", "The frame is malformed.")]
    assert receive(codec, STOP) == [StreamStopped()]
    assert (codec.accepted, codec.ignored) == (1, 0)


@pytest.mark.parametrize(
    ("encoding", "sample_rate", "read"),
    [
        ("PCMU", 8000, Encoding.PCMU),
        ("PCMA", "8000", Encoding.PCMA),
        ("L16", 16000, Encoding.L16),
        ("L16", 8000, Encoding.L16),
        ("G722", 8000, Encoding.G722),
    ],
)
def test_supported_formats(encoding: str, sample_rate: int | str, read: Encoding) -> None:
    (event,) = receive(TelnyxCodec(), form(encoding, sample_rate))
    assert isinstance(event, StreamStarted)
    assert (event.encoding, event.sample_rate) == (read, int(sample_rate))


@pytest.mark.parametrize(
    ("encoding", "sample_rate", "channels"),
    [
        ("G722", 8000, 2),
        ("OPUS", 48000, 1),
        ("AMR-WB", 16000, 1),
        ("pcmu", 8000, 1),
        ("PCMU", 16000, 1),
        ("PCMA", 16000, 1),
        ("L16", 48000, 1),
        ("PCMU", 8000, 2),
    ],
)
def test_unsupported_stream_format_is_reported(encoding: str, sample_rate: int, channels: int) -> None:
    """It starts all the same: its call has to end for good, which takes its plan."""
    (event,) = receive(TelnyxCodec(), form(encoding, sample_rate, channels))
    assert isinstance(event, StreamStarted)
    assert event.fault.startswith("bad_format") and encoding in event.fault


@pytest.mark.parametrize("state", ["no base64", "/w=="])
def test_client_state_of_others_is_left_out(state: str) -> None:
    (event,) = receive(TelnyxCodec(), with_value(START, "start.client_state", state))
    assert isinstance(event, StreamStarted) and event.client_state == ""


def test_g722_counts_in_its_rtp_clock() -> None:
    """RFC 3551, 4.5.2. Streams with the rate of its sound are taken, too."""
    (event,) = receive(TelnyxCodec(), form("G722", 16000))
    assert isinstance(event, StreamStarted)
    assert (event.encoding, event.sample_rate, event.fault) == (Encoding.G722, 8000, "")


@pytest.mark.parametrize("encoding", ["PCMU", "PCMA", "G722"])
def test_mu_law_is_sent_whatever_is_received(encoding: str) -> None:
    codec = TelnyxCodec()
    (event,) = receive(codec, form(encoding, 8000))
    assert isinstance(event, StreamStarted) and event.sent_encoding is Encoding.PCMU
    said = json.loads(codec.encode(Play(FRAME)))
    assert base64.b64decode(said["media"]["payload"]) == FRAME


@pytest.mark.parametrize(
    "params", [{"token": "t0", "lang": "en"}, [{"name": "token", "value": "t0"}, {"name": "lang", "value": "en"}]]
)
def test_custom_parameters_as_an_object_or_as_pairs(params: object) -> None:
    (event,) = receive(TelnyxCodec(), with_value(START, "start.custom_parameters", params))
    assert isinstance(event, StreamStarted)
    assert event.params == {"token": "t0", "lang": "en"}


@pytest.mark.parametrize("field", ["user_id", "from", "to", "client_state", "tags"])
def test_optional_fields_of_start_may_be_missing_or_null(field: str) -> None:
    for start in (without(START, f"start.{field}"), with_value(START, f"start.{field}", None)):
        (event,) = receive(TelnyxCodec(), start)
        assert isinstance(event, StreamStarted)
        assert event.carrier_call_id == CALL


def test_outbound_track_is_ignored_and_makes_no_gap() -> None:
    codec = started()
    assert receive(codec, media(1)) == [InboundAudio(FRAME, 20)]
    assert receive(codec, with_value(media(1), "media.track", "outbound")) == []
    assert receive(codec, media(2)) == [InboundAudio(FRAME, 40)]
    assert (codec.accepted, codec.ignored, codec.jitter.duplicates) == (2, 1, 0)


def test_frames_are_sorted() -> None:
    codec = started()
    times = [event.at_ms for chunk in (1, 3, 2, 5, 4, 6) for event in receive(codec, media(chunk))]  # type: ignore[union-attr]
    assert times == [20, 40, 60, 80, 100, 120]
    assert (codec.accepted, codec.jitter.lost) == (6, 0)


def test_duplicate_and_lost_frame() -> None:
    codec = started(reorder_frames=2)
    out = [len(receive(codec, media(chunk))) for chunk in (1, 1, 3, 4, 5, 2)]
    assert out == [1, 0, 0, 0, 3, 0]
    assert (codec.jitter.duplicates, codec.jitter.lost, codec.jitter.late) == (1, 1, 1)


def test_stop_returns_held_frames() -> None:
    codec = started()
    assert receive(codec, media(1)) == [InboundAudio(FRAME, 20)]
    assert receive(codec, media(3)) == []
    assert receive(codec, STOP) == [InboundAudio(FRAME, 60), StreamStopped()]
    assert (codec.accepted, codec.jitter.lost) == (2, 1)


@pytest.mark.parametrize(("order", "wire"), [("little", b"\x01\x00\x02\x7f"), ("big", b"\x00\x01\x7f\x02")])
def test_linear_audio_is_little_endian_internally(order: str, wire: bytes) -> None:
    codec = started(form("L16", 16000), l16_order=order)
    assert receive(codec, media(1, wire)) == [InboundAudio(b"\x01\x00\x02\x7f", 20)]


def test_half_a_sample_is_refused() -> None:
    error = refusal(started(form("L16", 16000)), media(1, b"\x00\x01\x02"))
    assert (error.code, error.field) == ("bad_format", "media.payload")
    assert receive(started(), media(1, b"\x00\x01\x02")) == [InboundAudio(b"\x00\x01\x02", 20)]


def test_error_event_before_start() -> None:
    codec = TelnyxCodec()
    bare = {"event": "error", "payload": {"code": "100005"}}
    assert receive(codec, bare) == [CarrierReportedError(100005, "", "")]
    assert receive(codec, CONNECTED) == []


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        (without(START, "start.call_control_id"), "missing_field", "start.call_control_id"),
        (without(START, "start.media_format"), "missing_field", "start.media_format"),
        (without(START, "stream_id"), "missing_field", "stream_id"),
        (with_value(START, "start.from", 5), "bad_type", "start.from"),
        (
            with_value(START, "start.custom_parameters", [{"name": "a"}]),
            "missing_field",
            "start.custom_parameters[0].value",
        ),
        (with_value(START, "start.custom_parameters", {"a": "x" * 500}), "bad_params", "start.custom_parameters"),
        (with_value(START, "start.custom_parameters", "a=b"), "bad_type", "start.custom_parameters"),
    ],
)
def test_refused_start(message: dict[str, Any], code: str, field: str) -> None:
    error = refusal(TelnyxCodec(), message)
    assert (error.code, error.field) == (code, field)


@pytest.mark.parametrize("message", [MEDIA, DTMF, MARK, STOP, ERROR])
def test_message_of_another_stream_is_refused(message: dict[str, Any]) -> None:
    assert refusal(started(), with_value(message, "stream_id", "other")).code == "wrong_stream"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (without(MEDIA, "media.chunk"), "missing_field media.chunk"),
        (without(MEDIA, "media.payload"), "missing_field media.payload"),
        (without(MEDIA, "media.timestamp"), "missing_field media.timestamp"),
        (with_value(MEDIA, "media.chunk", "first"), "bad_type media.chunk"),
        (with_value(MEDIA, "media.payload", None), "bad_type media.payload"),
        (with_value(MEDIA, "media.payload", "AA"), "bad_base64 media.payload"),
        (with_value(ERROR, "payload.code", "bad"), "bad_type payload.code"),
        (with_value(DTMF, "dtmf", "1"), "bad_type dtmf"),
        (START, "out_of_order event"),
        (CONNECTED, "out_of_order event"),
    ],
)
def test_malformed_message_of_a_running_stream_is_counted_and_passed_over(message: dict[str, Any], error: str) -> None:
    codec = started()
    assert receive(codec, message) == []
    assert list(codec.receive(b"\x00\x01")) == []
    assert receive(codec, MEDIA) == [InboundAudio(FRAME, 5)]
    assert codec.unknown == UnknownMessages(malformed=2, first_malformed=error)


def test_unknown_events_and_digits_are_counted_and_passed_over() -> None:
    codec = TelnyxCodec()
    receive(codec, {"event": "hello"})
    receive(codec, START)
    assert receive(codec, {"event": "recording", "stream_id": STREAM}) == []
    assert receive(codec, with_value(DTMF, "dtmf.digit", "hookflash")) == []
    assert receive(codec, without(DTMF, "dtmf.digit")) == []
    assert receive(codec, DTMF) == [DigitReceived("1")]
    assert codec.unknown == UnknownMessages(events=2, digits=2, first_event="hello")


def test_frames_that_wait_for_a_missing_one_can_be_released() -> None:
    codec = started()
    first, third = with_value(MEDIA, "media.chunk", "1"), with_value(MEDIA, "media.chunk", "3")
    assert len(receive(codec, first)) == 1 and receive(codec, third) == []
    assert len(codec.release()) == 1 and codec.release() == ()
    assert codec.jitter.lost == 1


def test_refuses_text_that_is_not_json_before_the_start_and_messages_that_are_too_long() -> None:
    for codec, message, code in ((TelnyxCodec(), "}", "not_json"), (started(), " " * 65537, "too_large")):
        with pytest.raises(MediaProtocolError) as caught:
            codec.receive(message)
        assert caught.value.code == code


def test_ignores_text_that_is_not_json_until_too_many_come_in_a_row() -> None:
    codec = started()
    for chunk in range(1, 4):
        for _ in range(MAX_NOT_JSON_RUN):
            assert codec.receive("}") == ()
        assert receive(codec, with_value(MEDIA, "media.chunk", str(chunk)))
    assert codec.unknown.malformed == 3 * MAX_NOT_JSON_RUN
    assert codec.unknown.first_malformed == "not_json"
    for _ in range(MAX_NOT_JSON_RUN):
        codec.receive("}")
    with pytest.raises(MediaProtocolError, match="not_json"):
        codec.receive("}")


def test_nothing_is_accepted_after_an_error_or_stop() -> None:
    broken, stopped = started(), started()
    refusal(broken, with_value(MEDIA, "stream_id", "other"))
    receive(stopped, STOP)
    for codec in (broken, stopped):
        for message in EVENTS:
            assert refusal(codec, message).code == "out_of_order"
        with pytest.raises(MediaProtocolError, match="out_of_order"):
            codec.encode(Clear())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Play(FRAME), {"event": "media", "media": {"payload": base64.b64encode(FRAME).decode()}}),
        (Mark("reply-1"), {"event": "mark", "mark": {"name": "reply-1"}}),
        (Mark('ü"\\'), {"event": "mark", "mark": {"name": 'ü"\\'}}),
        (Clear(), {"event": "clear"}),
    ],
)
def test_commands(command: OutboundCommand, message: dict[str, Any]) -> None:
    codec = TelnyxCodec()
    receive(codec, CONNECTED)
    with pytest.raises(MediaProtocolError, match="out_of_order"):
        codec.encode(command)
    receive(codec, START)
    text = codec.encode(command)
    assert isinstance(text, str)
    assert json.loads(text) == message


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_any_order_of_events(messages: list[dict[str, Any]]) -> None:
    codec = TelnyxCodec()
    good = allowed_prefix_length([message["event"] for message in messages])
    for message in messages[:good]:
        receive(codec, message)
    for message in messages[good:]:
        assert refusal(codec, message).code == "out_of_order"


@given(st.permutations(range(1, 7)))
def test_no_order_of_a_few_frames_loses_any(chunks: list[int]) -> None:
    codec = started()
    events = [event for chunk in chunks for event in receive(codec, media(chunk, bytes([chunk])))]
    events += receive(codec, STOP)
    assert events == [*(InboundAudio(bytes([chunk]), 20 * chunk) for chunk in range(1, 7)), StreamStopped()]


@given(
    st.lists(fuzzed(EVENTS), max_size=8), st.sampled_from([form("PCMU", 8000), form("PCMA", 8000), form("L16", 16000)])
)
def test_only_protocol_errors_escape(messages: list[str | bytes], start: dict[str, Any]) -> None:
    codec = started(start)
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
