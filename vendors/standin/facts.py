"""The options of stand-ins, which need no vendor; pure."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from shared.providers.facts import VendorFacts
from shared.providers.options import (
    Ms,
    StandinFailure,
)


class StandinSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """final_ms: from `finalize` to the final text. text: the result for every turn."""

    final_ms: Ms = 100
    text: str = ""
    fail: StandinFailure = ""


class StandinLanguageModelOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """first_token_ms: from the request to the first word. token_ms: from word to word. text: every reply."""

    first_token_ms: Ms = 200
    token_ms: Ms = 10
    text: str = "Thank you for calling."
    fail: StandinFailure = ""


class StandinTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """first_byte_ms: from the first text to the first audio. audio_ms: length of the whole speech, however long the
    text. chunk_ms: length of each piece."""

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
