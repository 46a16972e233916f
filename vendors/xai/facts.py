"""Options and features of xAI's recognizer; no I/O."""

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
    """Options of an xAI recognizer.

    Attributes:
        base_url: Scheme and host.
        language: Replaces the call's language. Numbers are formatted in this language.
        keyterm: Expected words, up to 50 characters each.
        smart_turn: Confidence at which the vendor ends its own utterance in a pause. None: the vendor sends no
            confidence.
        connect_s: Time limit for a new connection.
        answer_s: How long a requested text is awaited. Then the latest known text is the answer if it covers the audio.
    """

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
