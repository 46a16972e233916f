"""Twilio's messages of a media stream."""

import base64
import json

import msgspec
import pytest

from lab.benchmarks import twilio


def test_start_is_first_and_media_continues_the_numbering() -> None:
    stream = twilio.Stream(7)
    start, first, second = (
        json.loads(stream.start()),
        json.loads(stream.media(b"AAAA")),
        json.loads(stream.media(b"//8=")),
    )
    assert start["sequenceNumber"] == "1"
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert (first["sequenceNumber"], second["sequenceNumber"]) == ("2", "3")
    assert first["media"] == {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "AAAA"}
    assert second["media"] == {"track": "inbound", "chunk": "2", "timestamp": "20", "payload": "//8="}
    assert {message["streamSid"] for message in (start, first, second)} == {stream.stream_sid}


def test_marks_and_stop_continue_the_numbering() -> None:
    stream = twilio.Stream(7)
    stream.start()
    mark, stop = json.loads(stream.mark('a "name"')), json.loads(stream.stop())
    assert (mark["sequenceNumber"], mark["mark"]) == ("2", {"name": 'a "name"'})
    assert (stop["sequenceNumber"], stop["stop"]["callSid"]) == ("3", stream.call_sid)


def test_ids_of_calls_differ() -> None:
    assert twilio.Stream(1).stream_sid != twilio.Stream(2).stream_sid


def test_audio_is_read() -> None:
    payload = base64.b64encode(b"\x12\x34").decode()
    said = twilio.parse(json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": payload}}).encode())
    assert said.media is not None
    assert said.media.payload == b"\x12\x34"


@pytest.mark.parametrize(
    "message",
    [
        b"no json",
        b'{"event":"clear"}',
        b'{"event":"media","streamSid":"MZ1","media":{"payload":"%"}}',
        b'{"event":"mark","streamSid":"MZ1","mark":{}}',
    ],
)
def test_invalid_message_is_an_error(message: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        twilio.parse(message)


def test_silence_is_not_audible() -> None:
    assert not twilio.audible(b"\xff\x7f\xfe" * 50)
    assert twilio.audible(b"\xff" * 50 + b"\x80")
