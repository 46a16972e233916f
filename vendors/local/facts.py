"""Features of the speech engine on this machine, which takes no options; no I/O."""

from collections.abc import Mapping
from typing import Any, Final

from shared.language_codes import base_language
from shared.providers.facts import RecognizerFacts, VendorFacts, VoiceFacts
from shared.providers.options import (
    EmptyOptions,
)

_CORES: Final = "the machine's cores"
_RECOGNIZERS: Final = (
    RecognizerFacts(
        "Moonshine, Whisper", ("",), word_times=False, turn_signals=False, languages=("en",), limits=_CORES
    ),
)
_VOICES: Final = (VoiceFacts("VITS", ("",), word_times=True, languages=("en",), limits=_CORES),)


def _speaks(options: Mapping[str, Any], language: str) -> bool:
    return base_language(language) == "en"


FACTS: Final = VendorFacts(
    options={"stt": (), "tts": ()},
    schemas={"stt": EmptyOptions, "tts": EmptyOptions},
    services={"stt": _RECOGNIZERS, "tts": _VOICES},
    speaks=_speaks,
    reads_figures=True,
)
