"""Twilio's messages, field by field (docs: voice/media-streams/websocket-messages)."""

import json

from simulator.carrier.stream_messages import CallIdentity
from simulator.carrier.twilio_messages import TwilioStreamMessages

WHO = CallIdentity("AC1", "CA2", "MZ3", params={"token": "t"})


def test_connected_has_no_counter_and_no_stream_id() -> None:
    assert json.loads(TwilioStreamMessages(WHO).connected()) == {
        "event": "connected",
        "protocol": "Call",
        "version": "1.0.0",
    }


def test_start_describes_the_stream() -> None:
    assert json.loads(TwilioStreamMessages(WHO).start()) == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ3",
        "start": {
            "accountSid": "AC1",
            "streamSid": "MZ3",
            "callSid": "CA2",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": "t"},
        },
    }


def test_media_has_counters_as_strings() -> None:
    shape = TwilioStreamMessages(WHO)
    shape.start()
    assert json.loads(shape.media(b"\xff\xff", 1, 0)) == {
        "event": "media",
        "sequenceNumber": "2",
        "streamSid": "MZ3",
        "media": {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "//8="},
    }


def test_all_messages_share_one_counter() -> None:
    shape = TwilioStreamMessages(WHO)
    shape.start()
    messages = [json.loads(text) for text in (shape.dtmf("#"), shape.mark("m"), shape.stop())]
    assert [message["sequenceNumber"] for message in messages] == ["2", "3", "4"]
    assert messages[0]["dtmf"] == {"track": "inbound_track", "digit": "#"}
    assert messages[1]["mark"] == {"name": "m"}
    assert messages[2]["stop"] == {"accountSid": "AC1", "callSid": "CA2"}
