"""What AssemblyAI's recognizers can do and be asked; pure."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from shared.providers.facts import KeytermOption, RecognizerFacts, VendorFacts
from shared.providers.options import (
    Seconds,
    ShortKeyterms,
    SocketUrl,
)

ASSEMBLYAI_URL: Final = "wss://streaming.assemblyai.com"


class AssemblyAiSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `universal-streaming-…`, `universal-3-…`, `u3-…` or `whisper-rt`. base_url: scheme and host
    (`wss://streaming.eu.assemblyai.com` stays in the EU). language: in place of the call's. keyterm: words to expect,
    50 characters each.

    format_turns (`universal-streaming-…`): texts with capitals and marks, which come a moment later. agent_context
    (Universal-3): what the agent says first, so that short answers are understood. mode (Universal-3): speed or
    accuracy. min_turn_silence_ms, max_turn_silence_ms: after which silence the vendor's own turn may end, and ends;
    the model's default where None. connect_s: limit of a new connection. answer_s: once a text was asked for, how long
    the vendor may say nothing new where it knows of no speech.
    """

    model: Annotated[str, Meta(pattern=r"^(universal-|u3-|whisper-rt\Z)", max_length=100)] = "universal-3-6-pro"
    api_key: str = ""
    base_url: SocketUrl = ASSEMBLYAI_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: ShortKeyterms = ()
    format_turns: bool = False
    agent_context: Annotated[str, Meta(max_length=1_500)] = ""
    mode: Literal["", "min_latency", "balanced", "max_accuracy"] = ""
    min_turn_silence_ms: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    max_turn_silence_ms: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.8


UNIVERSAL_3: Final = ("u3-", "universal-3-")
# Of the models of `universal-streaming`; those of Universal-3 are steered to the call's language and refuse none.
LANGUAGES: Final = {
    "universal-streaming-english": ("en",),
    "universal-streaming-multilingual": ("en", "es", "de", "fr", "pt", "it"),
}
_SESSIONS: Final = "new sessions a minute: 5 free, 100 paid; 3 h a session"
_SERVICES: Final = (
    RecognizerFacts(
        "Universal Streaming, English",
        ("universal-streaming-english",),
        word_times=True,
        turn_signals=True,
        languages=LANGUAGES["universal-streaming-english"],
        limits=_SESSIONS,
    ),
    RecognizerFacts(
        "Universal Streaming, multilingual",
        ("universal-streaming-multilingual",),
        word_times=True,
        turn_signals=True,
        languages=LANGUAGES["universal-streaming-multilingual"],
        limits=_SESSIONS,
    ),
    RecognizerFacts(
        "Universal-3",
        UNIVERSAL_3,
        word_times=True,
        turn_signals=True,
        other_languages="6, 19 or 32 by the model",
        limits=_SESSIONS,
    ),
    RecognizerFacts(
        "Whisper",
        ("whisper-rt",),
        word_times=True,
        turn_signals=None,
        other_languages="99",
        limits=_SESSIONS,
    ),
)

FACTS: Final = VendorFacts(
    options={"stt": ("model", "keyterm", "format_turns", "agent_context")},
    takes_key=True,
    takes_address=True,
    model_prefixes={"stt": ("universal-", "u3-", "whisper-rt")},
    schemas={"stt": AssemblyAiSpeechToTextOptions},
    services={"stt": _SERVICES},
    keyterms=KeytermOption("keyterm", ("universal-", "u3-"), most=100, most_characters=5_000, longest=50),
)
