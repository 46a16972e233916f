"""Twilio's messages, as its page "Media Streams - WebSocket Messages" gives them."""

import base64
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.twilio import TwilioCodec
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
from tests.media.telephony.messages import allowed, changed, fuzzed, without

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


def receive(codec: TwilioCodec, message: object) -> list[Inbound]:
    return list(codec.receive(json.dumps(message)))


def started() -> TwilioCodec:
    codec = TwilioCodec()
    receive(codec, CONNECTED)
    receive(codec, START)
    return codec


def refusal(codec: TwilioCodec, message: object) -> WireError:
    with pytest.raises(WireError) as caught:
        receive(codec, message)
    return caught.value


def test_a_whole_stream() -> None:
    codec = TwilioCodec()
    assert receive(codec, CONNECTED) == []
    assert receive(codec, START) == [
        Started(
            stream_id=SID,
            carrier_call_id="CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            encoding=Encoding.PCMU,
            sample_rate=8000,
            account_id="ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            params={"FirstName": "Jane", "token": "t0"},
        )
    ]
    assert receive(codec, MEDIA) == [Heard(FRAME, 5)]
    assert receive(codec, DTMF) == [Pressed("1")]
    assert receive(codec, MARK) == [Marked("my label")]
    assert receive(codec, STOP) == [Stopped()]
    assert (codec.heard, codec.ignored) == (1, 0)


def test_numbers_may_be_numbers_and_numbers_in_the_format_strings() -> None:
    codec = TwilioCodec()
    form = {"encoding": "audio/x-mulaw", "sampleRate": "8000", "channels": "1"}
    receive(codec, changed(START, "start.mediaFormat", form))
    assert receive(codec, changed(MEDIA, "media.timestamp", 40)) == [Heard(FRAME, 40)]


@pytest.mark.parametrize("field", ["start.customParameters", "start.tracks", "start.accountSid", "sequenceNumber"])
def test_start_may_lack_what_we_can_do_without(field: str) -> None:
    (event,) = receive(TwilioCodec(), without(START, field))
    assert isinstance(event, Started)
    assert event.stream_id == SID


def test_a_payload_of_any_length_is_taken() -> None:
    codec = started()
    for length in (0, 1, 159, 161, 8000):
        audio = bytes(length)
        message = changed(MEDIA, "media.payload", base64.b64encode(audio).decode())
        assert receive(codec, message) == [Heard(audio, 5)]


def test_the_outbound_track_is_ignored() -> None:
    codec = started()
    assert receive(codec, changed(MEDIA, "media.track", "outbound")) == []
    assert (codec.heard, codec.ignored) == (0, 1)


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_every_key(digit: str) -> None:
    assert receive(started(), changed(DTMF, "dtmf.digit", digit)) == [Pressed(digit)]


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        (without(START, "start"), "missing_field", "start"),
        (without(START, "streamSid"), "missing_field", "streamSid"),
        (without(START, "start.callSid"), "missing_field", "start.callSid"),
        (without(START, "start.mediaFormat.encoding"), "missing_field", "start.mediaFormat.encoding"),
        (changed(START, "streamSid", ""), "bad_type", "streamSid"),
        (changed(START, "start.mediaFormat", "mulaw"), "bad_type", "start.mediaFormat"),
        (changed(START, "start.customParameters", {"a": 1}), "bad_type", "start.customParameters[...]"),
        (changed(START, "start.streamSid", "MZother"), "wrong_stream", "start.streamSid"),
        (changed(START, "start.mediaFormat.encoding", "audio/x-alaw"), "bad_format", "start.mediaFormat"),
        (changed(START, "start.mediaFormat.sampleRate", 16000), "bad_format", "start.mediaFormat"),
        (changed(START, "start.mediaFormat.channels", 2), "bad_format", "start.mediaFormat"),
        (changed(START, "start.tracks", ["outbound"]), "bad_format", "start.tracks"),
        (
            changed(START, "start.customParameters", {str(n): "" for n in range(101)}),
            "bad_params",
            "start.customParameters",
        ),
        (changed(START, "start.customParameters", {"long": "x" * 500}), "bad_params", "start.customParameters"),
    ],
)
def test_a_start_that_is_refused(message: dict[str, Any], code: str, field: str) -> None:
    error = refusal(TwilioCodec(), message)
    assert (error.code, error.field) == (code, field)


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"event": "transcription", "streamSid": SID}, "unknown_event", "event"),
        (without(MEDIA, "media.payload"), "missing_field", "media.payload"),
        (without(MEDIA, "media.track"), "missing_field", "media.track"),
        (without(MEDIA, "media.timestamp"), "missing_field", "media.timestamp"),
        (without(MEDIA, "streamSid"), "missing_field", "streamSid"),
        (changed(MEDIA, "media.payload", "not base64!"), "bad_base64", "media.payload"),
        (changed(MEDIA, "media.payload", None), "bad_type", "media.payload"),
        (changed(MEDIA, "media.timestamp", "soon"), "bad_type", "media.timestamp"),
        (changed(MEDIA, "media.timestamp", -5), "bad_type", "media.timestamp"),
        (changed(MEDIA, "streamSid", "MZother"), "wrong_stream", ""),
        (changed(DTMF, "streamSid", "MZother"), "wrong_stream", ""),
        (changed(MARK, "streamSid", "MZother"), "wrong_stream", ""),
        (changed(STOP, "streamSid", "MZother"), "wrong_stream", ""),
        (changed(DTMF, "dtmf.digit", "E"), "bad_type", "dtmf.digit"),
        (changed(MARK, "mark.name", 7), "bad_type", "mark.name"),
        (START, "out_of_order", "event"),
        (CONNECTED, "out_of_order", "event"),
    ],
)
def test_a_message_in_a_call_that_is_refused(message: dict[str, Any], code: str, field: str) -> None:
    error = refusal(started(), message)
    assert (error.code, error.field) == (code, field)


def test_messages_that_are_no_json_text() -> None:
    for message, code in ((b"\x00\x01", "binary_message"), ("}", "not_json"), (" " * 65537, "too_large")):
        with pytest.raises(WireError) as caught:
            started().receive(message)
        assert caught.value.code == code


def test_the_size_limit_is_a_setting() -> None:
    message = json.dumps(CONNECTED)
    TwilioCodec(max_message_bytes=len(message)).receive(message)
    with pytest.raises(WireError, match="too_large"):
        TwilioCodec(max_message_bytes=len(message) - 1).receive(message)


def test_after_an_error_or_stop_the_codec_is_dead() -> None:
    broken, stopped = started(), started()
    refusal(broken, changed(MEDIA, "media.payload", "?"))
    receive(stopped, STOP)
    for codec in (broken, stopped):
        for message in EVENTS:
            assert refusal(codec, message).code == "out_of_order"
        with pytest.raises(WireError, match="out_of_order"):
            codec.say(Clear())


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
def test_what_is_said(command: Outbound, message: dict[str, Any]) -> None:
    text = started().say(command)
    assert isinstance(text, str)
    assert json.loads(text) == message


def test_a_stream_id_is_escaped() -> None:
    codec = TwilioCodec()
    sid = 'MZ"},\\'
    receive(codec, changed(changed(START, "streamSid", sid), "start.streamSid", sid))
    for command in (Play(FRAME), Mark("m"), Clear()):
        assert json.loads(codec.say(command))["streamSid"] == sid


@pytest.mark.parametrize("command", [Play(FRAME), Mark("m"), Clear()])
def test_nothing_can_be_said_before_start(command: Outbound) -> None:
    codec = TwilioCodec()
    receive(codec, CONNECTED)
    with pytest.raises(WireError, match="out_of_order"):
        codec.say(command)
    receive(codec, START)
    assert codec.say(command)


@given(st.binary())
def test_audio_comes_back_as_it_went(audio: bytes) -> None:
    codec = started()
    said = json.loads(codec.say(Play(audio)))
    assert receive(codec, changed(MEDIA, "media.payload", said["media"]["payload"])) == [Heard(audio, 5)]


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_any_order_of_events(messages: list[dict[str, Any]]) -> None:
    codec = TwilioCodec()
    good = allowed([message["event"] for message in messages])
    for message in messages[:good]:
        receive(codec, message)
    for message in messages[good:]:
        assert refusal(codec, message).code == "out_of_order"


@given(st.lists(fuzzed(EVENTS), max_size=8))
def test_only_wire_errors_escape(messages: list[str | bytes]) -> None:
    codec = TwilioCodec()
    codec.receive(json.dumps(START))
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
