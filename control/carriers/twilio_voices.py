"""Twilio's own voices (docs: voice/twiml/say). A voice and language that do not belong together may fail the verb, and
the caller hears nothing; without a voice only a few languages are spoken."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class SayVoice:
    """Attributes of <Say> that belong together."""

    name: str
    language: str


# Amazon Polly's voices by locale. The first one of a language also speaks for regions that have none.
_POLLY: Final = {
    "en-US": "Joanna", "en-GB": "Amy", "en-AU": "Nicole", "en-IN": "Raveena", "da-DK": "Naja", "de-DE": "Vicki",
    "es-ES": "Conchita", "es-MX": "Mia", "es-US": "Penelope", "fi-FI": "Suvi-Neural", "fr-FR": "Celine",
    "fr-CA": "Chantal", "hi-IN": "Aditi", "is-IS": "Dora", "it-IT": "Carla", "ja-JP": "Mizuki", "ko-KR": "Seoyeon",
    "nb-NO": "Liv", "nl-NL": "Lotte", "pl-PL": "Ewa", "pt-BR": "Vitoria", "pt-PT": "Ines", "ro-RO": "Carmen",
    "ru-RU": "Tatyana", "sv-SE": "Astrid", "tr-TR": "Filiz", "cmn-CN": "Zhiyu",
}  # fmt: skip
# Other names of the same language.
_ALIASES: Final = {"zh": "cmn", "no": "nb", "nn": "nb"}
_FALLBACK: Final = "en-US"


def choose_voice(locale: str) -> SayVoice:
    """Returns the voice for a locale (en-GB, de, zh_CN): of the language, if its region has none; English without a
    voice for the language."""
    language, _, region = locale.replace("_", "-").partition("-")
    language = _ALIASES.get(language.lower(), language.lower())
    exact = f"{language}-{region.upper()}"
    same = (exact, *(known for known in _POLLY if known.partition("-")[0] == language), _FALLBACK)
    found = next(known for known in same if known in _POLLY)
    return SayVoice(f"Polly.{_POLLY[found]}", found)
