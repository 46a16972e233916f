"""Messages of the agent's side, and protocol faults."""

import json
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.carrier.stream_messages import AgentAudio, ClearRequest, MarkRequest, ProtocolFault, twilio_identity
from simulator.carrier.twilio_messages import TwilioStreamMessages

IDENTITY = twilio_identity()


def read(**message: object) -> object:
    return TwilioStreamMessages(IDENTITY).read(json.dumps({"streamSid": IDENTITY.stream, **message}))


def fault(message: str | bytes) -> str:
    with pytest.raises(ProtocolFault) as caught:
        TwilioStreamMessages(IDENTITY).read(message)
    return caught.value.code


def test_media_mark_and_clear_are_understood() -> None:
    assert read(event="media", media={"payload": b64encode(b"\x01\x02").decode()}) == AgentAudio(b"\x01\x02")
    assert read(event="mark", mark={"name": "a b"}) == MarkRequest("a b")
    assert read(event="clear") == ClearRequest()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"{}", "binary_message"),
        ("", "bad_json"),
        ("[]", "bad_json"),
        ("{}", "unknown_event"),
        ('{"event": "stop"}', "unknown_event"),
        ('{"event": ["media"]}', "unknown_event"),
        ('{"event": "media"}', "bad_media"),
        ('{"event": "media", "media": {"payload": 3}}', "bad_media"),
        ('{"event": "media", "media": {"payload": "%%%"}}', "bad_base64"),
        ('{"event": "media", "media": {"payload": "\\u00e9"}}', "bad_base64"),
        ('{"event": "media", "media": {"payload": ""}}', "empty_media"),
        (json.dumps({"event": "media", "media": {"payload": b64encode(b"RIFFxxxxWAVE").decode()}}), "wav_header"),
        ('{"event": "mark", "mark": {"name": ""}}', "bad_mark"),
        ('{"event": "mark", "mark": "a"}', "bad_mark"),
        ('{"event": "clear"}', "wrong_stream"),
        ('{"event": "clear", "streamSid": "MZ0"}', "wrong_stream"),
    ],
)
def test_each_fault_has_its_own_code(message: str | bytes, code: str) -> None:
    assert fault(message) == code


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary(), st.dictionaries(st.text(), st.integers()).map(json.dumps)))
def test_any_message_is_read_or_a_protocol_fault(message: str | bytes) -> None:
    assert fault(message)


def test_ids_have_twilios_form_and_are_unique() -> None:
    other = twilio_identity()
    assert {IDENTITY.account[:2], IDENTITY.call[:2], IDENTITY.stream[:2]} == {"AC", "CA", "MZ"}
    assert {len(name) for name in (IDENTITY.account, IDENTITY.call, IDENTITY.stream)} == {34}
    assert other.call != IDENTITY.call
