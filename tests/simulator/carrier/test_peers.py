"""Two readings of the same fact sheets: what our codecs and this simulator write, the other must understand."""

import pytest

from media.telephony.telnyx import TelnyxCodec
from media.telephony.twilio import TwilioCodec
from media.telephony.wire import Clear, Codec, Encoding, Heard, Mark, Marked, Play, Pressed, Started, Stopped
from simulator.carrier.telnyx import TelnyxShape
from simulator.carrier.twilio import TwilioShape
from simulator.carrier.wire import Audio, ClearRequest, MarkRequest, Shape, telnyx_identity, twilio_identity


def pair(carrier: str) -> tuple[Shape, Codec]:
    if carrier == "twilio":
        return TwilioShape(twilio_identity({"token": "t"})), TwilioCodec()
    return TelnyxShape(telnyx_identity({"token": "t"})), TelnyxCodec()


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_the_media_servers_codec_understands_this_carrier(carrier: str) -> None:
    shape, codec = pair(carrier)
    messages = [shape.connected(), shape.start(), shape.media(b"\x01\x02", 1, 0), shape.dtmf("#")]
    heard = [event for message in messages for event in codec.receive(message)]
    started = heard[0]
    assert isinstance(started, Started)
    assert (started.encoding, started.sample_rate, dict(started.params)) == (Encoding.PCMU, 8_000, {"token": "t"})
    assert Heard(b"\x01\x02", 0) in heard
    assert Pressed("#") in heard
    codec.say(Mark("m"))
    assert list(codec.receive(shape.mark("m"))) == [Marked("m")]
    assert list(codec.receive(shape.stop())) == [Stopped()]


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_this_carrier_understands_the_media_servers_codec(carrier: str) -> None:
    shape, codec = pair(carrier)
    for message in (shape.connected(), shape.start()):
        codec.receive(message)
    commands = [shape.read(codec.say(command)) for command in (Play(b"\x01" * 500), Mark("m"), Clear())]
    assert commands == [Audio(b"\x01" * 500), MarkRequest("m"), ClearRequest()]
