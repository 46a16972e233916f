"""The media server's codecs and this simulator, written independently, understand each other."""

import pytest

from media.telephony.codec import (
    Clear,
    Codec,
    DigitReceived,
    Encoding,
    InboundAudio,
    Mark,
    MarkReached,
    Play,
    StreamStarted,
    StreamStopped,
)
from media.telephony.telnyx import TelnyxCodec
from media.telephony.twilio import TwilioCodec
from simulator.carrier.stream_messages import (
    AgentAudio,
    ClearRequest,
    MarkRequest,
    StreamMessages,
    telnyx_identity,
    twilio_identity,
)
from simulator.carrier.telnyx_messages import TelnyxStreamMessages
from simulator.carrier.twilio_messages import TwilioStreamMessages


def pair(carrier: str) -> tuple[StreamMessages, Codec]:
    if carrier == "twilio":
        return TwilioStreamMessages(twilio_identity({"token": "t"})), TwilioCodec()
    return TelnyxStreamMessages(telnyx_identity({"token": "t"})), TelnyxCodec()


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_media_servers_codec_reads_the_simulators_messages(carrier: str) -> None:
    shape, codec = pair(carrier)
    messages = [shape.connected(), shape.start(), shape.media(b"\x01\x02", 1, 0), shape.dtmf("#")]
    heard = [event for message in messages for event in codec.receive(message)]
    started = heard[0]
    assert isinstance(started, StreamStarted)
    assert (started.encoding, started.sample_rate, dict(started.params)) == (Encoding.PCMU, 8_000, {"token": "t"})
    assert InboundAudio(b"\x01\x02", 0) in heard
    assert DigitReceived("#") in heard
    codec.encode(Mark("m"))
    assert list(codec.receive(shape.mark("m"))) == [MarkReached("m")]
    assert list(codec.receive(shape.stop())) == [StreamStopped()]


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_simulator_reads_the_media_servers_messages(carrier: str) -> None:
    shape, codec = pair(carrier)
    for message in (shape.connected(), shape.start()):
        codec.receive(message)
    commands = [shape.read(codec.encode(command)) for command in (Play(b"\x01" * 500), Mark("m"), Clear())]
    assert commands == [AgentAudio(b"\x01" * 500), MarkRequest("m"), ClearRequest()]
