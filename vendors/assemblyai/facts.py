"""Options and features of AssemblyAI's recognizers; no I/O."""

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
    """Options of an AssemblyAI recognizer.

    Attributes:
        model: `universal-streaming-…`, `universal-3-…`, `u3-…` or `whisper-rt`.
        base_url: Scheme and host. With `wss://streaming.eu.assemblyai.com` the data stays in the EU.
        language: Replaces the call's language.
        keyterm: Expected words, up to 50 characters each.
        format_turns: For `universal-streaming-…`: texts with capitals and punctuation, which arrive slightly later.
        agent_context: For Universal-3: the agent's first words, which help to recognize short answers.
        mode: For Universal-3: whether speed or accuracy matters more.
        min_turn_silence_ms: Silence after which the vendor may end its own turn. None uses the model's default.
        max_turn_silence_ms: Silence after which the vendor ends its own turn. None uses the model's default.
        connect_s: Time limit for a new connection.
        answer_s: After a text was requested: how long the vendor may send nothing new while it detects no speech.
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
# Languages of the `universal-streaming` models. Universal-3 models get the call's language as a hint and refuse none.
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
