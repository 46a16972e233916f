"""The codecs of calls, and the codecs that streams deliver.

Telnyx transcodes only between PCMU and PCMA. If a call has another codec, its streams have that codec, whatever they
request (docs: voice/programmable-voice/texml-verbs/stream).
"""

from array import array
from collections.abc import Callable
from typing import Literal

from G722 import G722  # type: ignore[import-not-found, import-untyped, unused-ignore]  # ships no types

from simulator.carrier.mulaw import RATE, decode
from simulator.carrier.network.telnyx.alaw import encode as encode_alaw

Encoding = Literal["PCMU", "PCMA", "G722", "OPUS"]

_TRANSCODED = ("PCMU", "PCMA")
_G722_BITS_PER_S = 64_000
# An Opus packet of silence (RFC 6716, 3.1). This network cannot encode Opus, and receivers need not understand the
# audio.
_OPUS_SILENCE = b"\xf8\xff\xfe"


def delivered_codec(wanted: str, of_call: Encoding) -> Encoding:
    """Return the codec in which a stream delivers the call. `wanted` is the requested stream_codec."""
    if of_call not in _TRANSCODED:
        return of_call
    return "PCMA" if wanted == "PCMA" or (wanted == "default" and of_call == "PCMA") else "PCMU"


def negotiate(preferred: str, offered: str) -> Encoding:
    """Return the codec of a call: the first preferred codec that the other side offers, else the first offered codec.

    Both arguments are names separated by commas. `preferred` may be empty.
    """
    known: dict[str, Encoding] = {"PCMU": "PCMU", "PCMA": "PCMA", "G722": "G722", "OPUS": "OPUS"}
    names = offered.split(",")
    return next((known[name] for name in preferred.split(",") if name in names), known[names[0]])


def make_encoder(encoding: Encoding) -> Callable[[bytes], bytes]:
    """Return a function from mu-law to the codec. The function keeps the state of one stream."""
    match encoding:
        case "PCMU":
            return bytes
        case "PCMA":
            return lambda ulaw: encode_alaw(decode(ulaw))
        case "G722":
            coder = G722(RATE, _G722_BITS_PER_S, False)
            return lambda ulaw: bytes(coder.encode(array("h", decode(ulaw).tobytes())))
        case "OPUS":
            return lambda ulaw: _OPUS_SILENCE
