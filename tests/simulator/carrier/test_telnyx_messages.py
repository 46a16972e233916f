"""Telnyx's messages, field by field (docs: voice/programmable-voice/media-streaming)."""

import json
from base64 import b64encode

import pytest

from simulator.carrier.stream_messages import AgentAudio, CallIdentity, ClearRequest, ProtocolFault, telnyx_identity
from simulator.carrier.telnyx_messages import TelnyxStreamMessages

WHO = CallIdentity("user", "v3:call", "stream", caller="+14155550100", called="+14155550199")


def test_start_names_the_numbers_and_the_codec() -> None:
    message = json.loads(TelnyxStreamMessages(WHO).start())
    assert message["sequence_number"] == "1"
    assert message["stream_id"] == "stream"
    assert message["start"]["media_format"] == {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
    assert (message["start"]["from"], message["start"]["to"]) == ("+14155550100", "+14155550199")
    assert "custom_parameters" not in message["start"]


def test_media_is_snake_case_with_counters_as_strings() -> None:
    shape = TelnyxStreamMessages(WHO)
    assert json.loads(shape.connected()) == {"event": "connected", "version": "1.0.0"}
    shape.start()
    assert json.loads(shape.media(b"\xff", 7, 120)) == {
        "event": "media",
        "sequence_number": "2",
        "stream_id": "stream",
        "media": {"track": "inbound", "chunk": "7", "timestamp": "120", "payload": "/w=="},
    }
    assert json.loads(shape.dtmf("5"))["dtmf"] == {"digit": "5"}
    assert json.loads(shape.mark("m"))["mark"] == {"name": "m"}
    assert json.loads(shape.stop())["stop"] == {"user_id": "user", "call_control_id": "v3:call"}


def test_the_agents_messages_need_no_stream_id() -> None:
    assert TelnyxStreamMessages(WHO).read('{"event": "clear"}') == ClearRequest()
    assert TelnyxStreamMessages(WHO).read(media(160)) == AgentAudio(b"\xff" * 160)


@pytest.mark.parametrize("size", [1, 64, 159, 240_001])
def test_audio_of_less_than_20_ms_or_more_than_30_s_is_rejected(size: int) -> None:
    with pytest.raises(ProtocolFault) as fault:
        TelnyxStreamMessages(WHO).read(media(size))
    answer = TelnyxStreamMessages(WHO).error_message(fault.value)
    assert answer is not None and json.loads(answer)["payload"]["title"] == "invalid_media"


def test_flood_of_messages_is_rejected() -> None:
    now = [0.0]
    messages = TelnyxStreamMessages(WHO, lambda: now[0])
    for _ in range(500):
        messages.read(media(160))
    with pytest.raises(ProtocolFault) as fault:
        messages.read('{"event": "clear"}')
    answer = messages.error_message(fault.value)
    assert answer is not None and json.loads(answer)["payload"]["code"] == 100005
    now[0] = 1.0
    messages.read(media(160))


@pytest.mark.parametrize(("fault", "code"), [("bad_base64", 100004), ("unknown_event", 100003)])
def test_fault_is_answered_with_telnyxs_error_code(fault: str, code: int) -> None:
    answer = TelnyxStreamMessages(WHO).error_message(ProtocolFault(fault, "why"))
    assert answer is not None
    assert json.loads(answer)["payload"]["code"] == code


def test_ids_have_telnyxs_form() -> None:
    assert telnyx_identity().call.startswith("v3:")


def media(size: int) -> str:
    """A message with so many bytes of mu-law."""
    return json.dumps({"event": "media", "media": {"payload": b64encode(b"\xff" * size).decode()}})
