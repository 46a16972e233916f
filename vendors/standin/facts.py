"""Options of the stand-ins, which need no vendor; no I/O."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from shared.providers.facts import VendorFacts
from shared.providers.options import (
    Ms,
    StandinFailure,
)


class StandinSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a stand-in recognizer.

    Attributes:
        final_ms: Time from `finalize` to the final text.
        text: The result of every turn.
    """

    final_ms: Ms = 100
    text: str = ""
    fail: StandinFailure = ""


class StandinLanguageModelOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a stand-in language model.

    Attributes:
        first_token_ms: Time from the request to the first word.
        token_ms: Time between words.
        text: The text of every reply.
    """

    first_token_ms: Ms = 200
    token_ms: Ms = 10
    text: str = "Thank you for calling."
    fail: StandinFailure = ""


class StandinTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a stand-in voice.

    Attributes:
        first_byte_ms: Time from the first text to the first audio.
        audio_ms: Length of the whole speech, whatever its text.
        chunk_ms: Length of each piece of audio.
    """

    first_byte_ms: Ms = 80
    audio_ms: Annotated[int, Meta(ge=20, le=600_000)] = 2500
    chunk_ms: Annotated[int, Meta(ge=20, le=10_000)] = 200
    fail: StandinFailure = ""


FACTS: Final = VendorFacts(
    options={
        "stt": ("final_ms", "text", "fail"),
        "llm": ("first_token_ms", "token_ms", "text", "fail"),
        "tts": ("first_byte_ms", "audio_ms", "chunk_ms", "fail"),
    },
    schemas={"stt": StandinSpeechToTextOptions, "llm": StandinLanguageModelOptions, "tts": StandinTextToSpeechOptions},
    reads_figures=True,
)
