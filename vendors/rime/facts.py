"""Options and features of Rime's voices; no I/O.

Sources: docs.rime.ai, "Models", "Voices" (19 May 2026) and "Migrate from Arcana to Coda": Arcana is retired. Limits:
rime.ai/pricing, as quoted by third parties.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from shared.language_codes import base_language
from shared.providers.facts import VendorFacts, VoiceFacts
from shared.providers.options import Name, Seconds, SocketUrl

RIME_URL: Final = "wss://users-ws.rime.ai"
CODA: Final = "coda"
_MIST: Final = "mist"
# The vendor's language codes (ISO 639-2) by model.
_MIST_CODES: Final = {"de": "ger", "en": "eng", "es": "spa", "fr": "fra"}
_CODES: Final = {CODA: {**_MIST_CODES, "ja": "jpn", "pt": "por"}, _MIST: _MIST_CODES}


class RimeTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Rime voice.

    Attributes:
        model: `coda` or `mist…`.
        base_url: Scheme and host.
        voice_id: The speaker, who speaks one language. The vendor does not refuse a speaker of another language or
            model.
        time_scale: For Coda: above 1 is slower, below 1 faster.
        connect_s: Time limit for a new connection.
        max_idle: Number of connections kept open between speeches.
    """

    model: Annotated[str, Meta(pattern=r"^(coda|mist)", max_length=40)] = CODA
    api_key: str = ""
    base_url: SocketUrl = RIME_URL
    voice_id: Name = "astra"
    time_scale: Annotated[float, Meta(ge=0.5, le=2)] | None = None
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 2

    def __post_init__(self) -> None:
        if self.time_scale is not None and not self.model.startswith(CODA):
            raise ValueError("time_scale: only Coda supports time_scale")


def find_rime_language(model: str, language: str) -> str | None:
    """Return the vendor's code for a language (BCP 47); None if the model does not speak the language."""
    return _CODES[CODA if model.startswith(CODA) else _MIST].get(base_language(language))


def _speaks(options: Mapping[str, Any], language: str) -> bool:
    return find_rime_language(str(options.get("model") or CODA), language) is not None


_LIMITS: Final = "speeches at once by plan: 5 pay as you go, 20 Growth"
_VOICES: Final = (
    VoiceFacts("Coda", (CODA,), word_times=True, languages=tuple(sorted(_CODES[CODA])), limits=_LIMITS),
    VoiceFacts("Mist", (_MIST,), word_times=True, languages=tuple(sorted(_MIST_CODES)), limits=_LIMITS),
)

FACTS: Final = VendorFacts(
    options={"tts": ("voice_id", "model", "time_scale")},
    takes_key=True,
    takes_address=True,
    schemas={"tts": RimeTextToSpeechOptions},
    services={"tts": _VOICES},
    speaks=_speaks,
)
