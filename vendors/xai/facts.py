"""What xAI's recognizer can do and be asked; pure."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from shared.providers.facts import KeytermOption, RecognizerFacts, VendorFacts
from shared.providers.options import (
    Name,
    Seconds,
    ShortKeyterms,
    SocketUrl,
)

XAI_URL: Final = "wss://api.x.ai"


class XaiSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: scheme and host. language: in place of the call's; numbers are written in it. keyterm: words to expect,
    50 characters each. smart_turn: confidence from which the vendor's own utterance ends at a pause; None: it does not
    tell how sure it is of a turn's end. connect_s: limit of a new connection. answer_s: once a text was asked for, when
    the last known one is the answer if it covers the audio."""

    model: Name = "grok-voice-transcribe-2.0"
    api_key: str = ""
    base_url: SocketUrl = XAI_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: ShortKeyterms = ()
    smart_turn: Annotated[float, Meta(ge=0, le=1)] | None = 0.7
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.8


_SERVICES: Final = (
    RecognizerFacts(
        "Grok Voice Transcribe",
        ("grok-",),
        word_times=True,
        turn_signals=True,
        other_languages="all are heard; numbers are written in the call's",
        limits="100 sessions at once, 10 new ones a second",
        with_option="`smart_turn` (the staff's): turn signals",
    ),
)

FACTS: Final = VendorFacts(
    options={"stt": ("model", "keyterm")},
    takes_key=True,
    takes_address=True,
    schemas={"stt": XaiSpeechToTextOptions},
    services={"stt": _SERVICES},
    keyterms=KeytermOption("keyterm", ("grok-",), most=100, most_characters=5_000, longest=50),
)
