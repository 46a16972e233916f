"""Options and features of Cartesia's recognizers and voices; no I/O."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from shared.providers.facts import KeytermOption, RecognizerFacts, VendorFacts, VoiceFacts
from shared.providers.options import (
    Keyterms,
    Name,
    Seconds,
    SocketUrl,
)

CARTESIA_URL: Final = "wss://api.cartesia.ai"
# The voice of Cartesia's own examples for agents (Katie).
CARTESIA_VOICE_ID: Final = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
# Maximum length of all keyterms together (Cartesia's API reference).
CARTESIA_KEYTERM_CHARACTERS: Final = 1_200


class CartesiaSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Cartesia recognizer.

    Attributes:
        model: `ink-2` (English) or `ink-whisper`.
        base_url: Scheme and host.
        turns: Whether the vendor detects the ends of turns. Otherwise we request each final text.
        language: Replaces the call's language.
        keyterm: Expected words (`ink-2`).
        turn_start_threshold: Likelihood of speech at which a turn starts. Requires `turns`, as do the following
            options. Thresholds must satisfy start > eager_end > end. None uses the vendor's default.
        turn_eager_end_threshold: Likelihood of speech below which a turn may be over. None uses the vendor's default.
        turn_end_threshold: Likelihood of speech below which a turn is over. None uses the vendor's default.
        turn_end_timeout_ms: Maximum wait for the end of a turn. None uses the vendor's default.
        answer_s: With `turns`: after a text was requested, how long the vendor may send nothing new.
        connect_s: Time limit for a new connection.
    """

    model: Name = "ink-2"
    api_key: str = ""
    base_url: SocketUrl = CARTESIA_URL
    turns: bool = False
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: Keyterms = ()
    turn_start_threshold: Annotated[float, Meta(ge=0.5, le=0.9)] | None = None
    turn_eager_end_threshold: Annotated[float, Meta(ge=0.3, le=0.6)] | None = None
    turn_end_threshold: Annotated[float, Meta(ge=0.05, le=0.5)] | None = None
    turn_end_timeout_ms: Annotated[int, Meta(ge=640, le=11_200)] | None = None
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.5

    def __post_init__(self) -> None:
        if sum(map(len, self.keyterm)) > CARTESIA_KEYTERM_CHARACTERS:
            raise ValueError(f"keyterm: more than {CARTESIA_KEYTERM_CHARACTERS} characters together")


class CartesiaTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Cartesia voice.

    Attributes:
        model: `sonic-…`.
        base_url: Scheme and host.
        speed: Relative to the voice's default.
        volume: Relative to the voice's default.
        emotion: One of the vendor's names.
        connect_s: Time limit for a new connection.
    """

    model: Name = "sonic-3.5"
    api_key: str = ""
    base_url: SocketUrl = CARTESIA_URL
    voice_id: Name = CARTESIA_VOICE_ID
    speed: Annotated[float, Meta(ge=0.6, le=1.5)] | None = None
    volume: Annotated[float, Meta(ge=0.5, le=2.0)] | None = None
    emotion: Name | None = None
    pronunciation_dict_id: Name | None = None
    connect_s: Seconds = 3.0


# This model supports only English.
ENGLISH: Final = "ink-2"
_RECOGNIZERS: Final = (
    RecognizerFacts(
        "Ink-2",
        (ENGLISH,),
        word_times=True,
        turn_signals=True,
        languages=("en",),
        limits="sessions at once by plan: 8 free, 60 Scale",
        with_option="`turns`: turn signals in place of times of words",
    ),
    RecognizerFacts(
        "Ink-Whisper",
        ("ink-whisper",),
        word_times=True,
        turn_signals=False,
        other_languages="about 100",
        limits="as Ink-2",
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Sonic",
        ("sonic",),
        word_times=True,
        other_languages="the voice's and the model's",
        pronunciations="`pronunciation_dict_id`",
        limits="speeches at once by plan: 2 free, 15 Scale",
    ),
)

FACTS: Final = VendorFacts(
    options={
        "stt": ("model", "turns", "keyterm"),
        "tts": ("voice_id", "model", "speed", "volume", "emotion", "pronunciation_dict_id"),
    },
    takes_key=True,
    takes_address=True,
    model_prefixes={"stt": ("ink-",), "tts": ("sonic",)},
    schemas={"stt": CartesiaSpeechToTextOptions, "tts": CartesiaTextToSpeechOptions},
    services={"stt": _RECOGNIZERS, "tts": _VOICES},
    keyterms=KeytermOption("keyterm", (ENGLISH,), most=100, most_characters=CARTESIA_KEYTERM_CHARACTERS),
    # Cartesia, "Formatting text for Sonic". Word timestamps contain the words as written.
    reads_figures=True,
)
