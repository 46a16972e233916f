"""Twilio's messages, as its page "Media Streams - WebSocket Messages" documents them."""

import base64
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.carrier_messages import MAX_NOT_JSON_RUN
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
    UnknownMessages,
)
from media.telephony.twilio import TwilioCodec
from tests.media.telephony.messages import allowed_prefix_length, fuzzed, with_value, without

SID = "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
FRAME = bytes(range(160))

CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "streamSid": SID,
        "callSid": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"FirstName": "Jane", "token": "t0"},
    },
    "streamSid": SID,
}
MEDIA = {
    "event": "media",
    "sequenceNumber": "3",
    "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": base64.b64encode(FRAME).decode()},
    "streamSid": SID,
}
DTMF = {
    "event": "dtmf",
    "streamSid": SID,
    "sequenceNumber": "5",
    "dtmf": {"track": "inbound_track", "digit": "1"},
}
MARK = {"event": "mark", "sequenceNumber": "4", "streamSid": SID, "mark": {"name": "my label"}}
STOP = {
    "event": "stop",
    "sequenceNumber": "5",
    "streamSid": SID,
    "stop": {"accountSid": "ACXX", "callSid": "CAXX"},
}
EVENTS: list[dict[str, Any]] = [CONNECTED, START, MEDIA, DTMF, MARK, STOP]


def receive(codec: TwilioCodec, message: object) -> list[InboundEvent]:
    return list(codec.receive(json.dumps(message)))


def started() -> TwilioCodec:
    codec = TwilioCodec()
    receive(codec, CONNECTED)
    receive(codec, START)
    return codec


def refusal(codec: TwilioCodec, message: object) -> MediaProtocolError:
    with pytest.raises(MediaProtocolError) as caught:
        receive(codec, message)
    return caught.value


def test_whole_stream() -> None:
    codec = TwilioCodec()
    assert receive(codec, CONNECTED) == []
    assert receive(codec, START) == [
        StreamStarted(
            stream_id=SID,
            carrier_call_id="CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            encoding=Encoding.PCMU,
            sample_rate=8000,
            account_id="ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            params={"FirstName": "Jane", "token": "t0"},
        )
    ]
    assert receive(codec, MEDIA) == [InboundAudio(FRAME, 5)]
    assert receive(codec, DTMF) == [DigitReceived("1")]
    assert receive(codec, MARK) == [MarkReached("my label")]
    assert receive(codec, STOP) == [StreamStopped()]
    assert (codec.accepted, codec.ignored) == (1, 0)


def test_numbers_may_be_strings_or_numbers() -> None:
    codec = TwilioCodec()
    form = {"encoding": "audio/x-mulaw", "sampleRate": "8000", "channels": "1"}
    receive(codec, with_value(START, "start.mediaFormat", form))
    assert receive(codec, with_value(MEDIA, "media.timestamp", 40)) == [InboundAudio(FRAME, 40)]


@pytest.mark.parametrize("field", ["start.customParameters", "start.tracks", "start.accountSid", "sequenceNumber"])
def test_optional_fields_of_start_may_be_missing(field: str) -> None:
    (event,) = receive(TwilioCodec(), without(START, field))
    assert isinstance(event, StreamStarted)
    assert event.stream_id == SID


def test_payload_of_any_length_is_accepted() -> None:
    codec = started()
    for length in (0, 1, 159, 161, 8000):
        audio = bytes(length)
        message = with_value(MEDIA, "media.payload", base64.b64encode(audio).decode())
        assert receive(codec, message) == [InboundAudio(audio, 5)]


def test_outbound_track_is_ignored() -> None:
    codec = started()
    assert receive(codec, with_value(MEDIA, "media.track", "outbound")) == []
    assert (codec.accepted, codec.ignored) == (0, 1)


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_all_keys(digit: str) -> None:
    assert receive(started(), with_value(DTMF, "dtmf.digit", digit)) == [DigitReceived(digit)]


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        (without(START, "start"), "missing_field", "start"),
        (without(START, "streamSid"), "missing_field", "streamSid"),
        (without(START, "start.callSid"), "missing_field", "start.callSid"),
        (without(START, "start.mediaFormat.encoding"), "missing_field", "start.mediaFormat.encoding"),
        (with_value(START, "streamSid", ""), "bad_type", "streamSid"),
        (with_value(START, "start.mediaFormat", "mulaw"), "bad_type", "start.mediaFormat"),
        (with_value(START, "start.customParameters", {"a": 1}), "bad_type", "start.customParameters[...]"),
        (with_value(START, "start.streamSid", "MZother"), "wrong_stream", "start.streamSid"),
        (with_value(START, "start.mediaFormat.encoding", "audio/x-alaw"), "bad_format", "start.mediaFormat"),
        (with_value(START, "start.mediaFormat.sampleRate", 16000), "bad_format", "start.mediaFormat"),
        (with_value(START, "start.mediaFormat.channels", 2), "bad_format", "start.mediaFormat"),
        (with_value(START, "start.tracks", ["outbound"]), "bad_format", "start.tracks"),
        (
            with_value(START, "start.customParameters", {str(n): "" for n in range(101)}),
            "bad_params",
            "start.customParameters",
        ),
        (with_value(START, "start.customParameters", {"long": "x" * 500}), "bad_params", "start.customParameters"),
    ],
)
def test_refused_start(message: dict[str, Any], code: str, field: str) -> None:
    error = refusal(TwilioCodec(), message)
    assert (error.code, error.field) == (code, field)


@pytest.mark.parametrize("message", [MEDIA, DTMF, MARK, STOP])
def test_message_of_another_stream_is_refused(message: dict[str, Any]) -> None:
    assert refusal(started(), with_value(message, "streamSid", "MZother")).code == "wrong_stream"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (without(MEDIA, "media.payload"), "missing_field media.payload"),
        (without(MEDIA, "media.track"), "missing_field media.track"),
        (without(MEDIA, "media.timestamp"), "missing_field media.timestamp"),
        (without(MEDIA, "streamSid"), "missing_field streamSid"),
        (with_value(MEDIA, "media.payload", "not base64!"), "bad_base64 media.payload"),
        (with_value(MEDIA, "media.payload", None), "bad_type media.payload"),
        (with_value(MEDIA, "media.timestamp", "soon"), "bad_type media.timestamp"),
        (with_value(MEDIA, "media.timestamp", -5), "bad_type media.timestamp"),
        (with_value(DTMF, "dtmf", "1"), "bad_type dtmf"),
        (with_value(MARK, "mark.name", 7), "bad_type mark.name"),
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


def test_binary_message_before_the_start_is_refused() -> None:
    with pytest.raises(MediaProtocolError, match="binary_message"):
        TwilioCodec().receive(b"\x00\x01")


def test_unknown_events_are_counted_and_passed_over() -> None:
    codec = TwilioCodec()
    for message in ({"event": "hello"}, CONNECTED, {"event": "hello"}, START):
        receive(codec, message)
    assert receive(codec, {"event": "transcription", "streamSid": SID, "transcription": {"text": 5}}) == []
    assert receive(codec, MEDIA) == [InboundAudio(FRAME, 5)]
    assert codec.unknown == UnknownMessages(events=3, first_event="hello")


@pytest.mark.parametrize("digit", ["E", "", "12", "flash", 5, None, ["1"]])
def test_unknown_digits_are_counted_and_passed_over(digit: object) -> None:
    codec = started()
    assert receive(codec, with_value(DTMF, "dtmf.digit", digit)) == []
    assert receive(codec, DTMF) == [DigitReceived("1")]
    assert codec.unknown == UnknownMessages(digits=1)


def test_refuses_text_that_is_not_json_before_the_start_and_messages_that_are_too_long() -> None:
    for codec, message, code in ((TwilioCodec(), "}", "not_json"), (started(), " " * 65537, "too_large")):
        with pytest.raises(MediaProtocolError) as caught:
            codec.receive(message)
        assert caught.value.code == code


def test_ignores_text_that_is_not_json_until_too_many_come_in_a_row() -> None:
    codec = started()
    for _ in range(3):
        for _ in range(MAX_NOT_JSON_RUN):
            assert codec.receive("}") == ()
        assert receive(codec, MEDIA)
    assert codec.unknown.malformed == 3 * MAX_NOT_JSON_RUN
    assert codec.unknown.first_malformed == "not_json"
    for _ in range(MAX_NOT_JSON_RUN):
        codec.receive("}")
    with pytest.raises(MediaProtocolError, match="not_json"):
        codec.receive("}")


def test_size_limit_is_configurable() -> None:
    message = json.dumps(CONNECTED)
    TwilioCodec(max_message_bytes=len(message)).receive(message)
    with pytest.raises(MediaProtocolError, match="too_large"):
        TwilioCodec(max_message_bytes=len(message) - 1).receive(message)


def test_nothing_is_accepted_after_an_error_or_stop() -> None:
    broken, stopped = started(), started()
    refusal(broken, with_value(MEDIA, "streamSid", "MZother"))
    receive(stopped, STOP)
    for codec in (broken, stopped):
        for message in EVENTS:
            assert refusal(codec, message).code == "out_of_order"
        with pytest.raises(MediaProtocolError, match="out_of_order"):
            codec.encode(Clear())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            Play(FRAME),
            {"event": "media", "streamSid": SID, "media": {"payload": base64.b64encode(FRAME).decode()}},
        ),
        (Play(b"\xff"), {"event": "media", "streamSid": SID, "media": {"payload": "/w=="}}),
        (Mark("reply-1"), {"event": "mark", "streamSid": SID, "mark": {"name": "reply-1"}}),
        (Mark('ü"\\'), {"event": "mark", "streamSid": SID, "mark": {"name": 'ü"\\'}}),
        (Clear(), {"event": "clear", "streamSid": SID}),
    ],
)
def test_commands(command: OutboundCommand, message: dict[str, Any]) -> None:
    text = started().encode(command)
    assert isinstance(text, str)
    assert json.loads(text) == message


def test_stream_id_is_escaped() -> None:
    codec = TwilioCodec()
    sid = 'MZ"},\\'
    receive(codec, with_value(with_value(START, "streamSid", sid), "start.streamSid", sid))
    for command in (Play(FRAME), Mark("m"), Clear()):
        assert json.loads(codec.encode(command))["streamSid"] == sid


@pytest.mark.parametrize("command", [Play(FRAME), Mark("m"), Clear()])
def test_no_command_before_start(command: OutboundCommand) -> None:
    codec = TwilioCodec()
    receive(codec, CONNECTED)
    with pytest.raises(MediaProtocolError, match="out_of_order"):
        codec.encode(command)
    receive(codec, START)
    assert codec.encode(command)


@given(st.binary())
def test_audio_round_trip(audio: bytes) -> None:
    codec = started()
    said = json.loads(codec.encode(Play(audio)))
    assert receive(codec, with_value(MEDIA, "media.payload", said["media"]["payload"])) == [InboundAudio(audio, 5)]


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_any_order_of_events(messages: list[dict[str, Any]]) -> None:
    codec = TwilioCodec()
    good = allowed_prefix_length([message["event"] for message in messages])
    for message in messages[:good]:
        receive(codec, message)
    for message in messages[good:]:
        assert refusal(codec, message).code == "out_of_order"


@given(st.lists(fuzzed(EVENTS), max_size=8))
def test_only_protocol_errors_escape(messages: list[str | bytes]) -> None:
    codec = TwilioCodec()
    codec.receive(json.dumps(START))
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
