"""SSML for Azure's voices; pure.

Everything in the `voice` element is billed, its markup too (Azure, "Billable characters"), so that there is only markup
that was asked for, or without which the voice would speak another language.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct

from media.providers.phonemes import NO_PHONEMES, Phonemes
from shared.azure_locales import base_language, speaks_locale

# Characters that XML 1.0 cannot hold, not even escaped.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPEAK: Final = (
    "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xmlns:mstts='http://www.w3.org/2001/mstts' "
    "xml:lang={locale}><voice name={voice}>{content}</voice></speak>"
)

_PHONEME: Final = "<phoneme alphabet='ipa' ph={ipa}>{word}</phoneme>"


class AzureTone(Struct, frozen=True):
    """How a voice speaks; its own where empty."""

    style: str = ""
    rate: str = ""
    pitch: str = ""
    volume: str = ""


class AzureVoice(Struct, frozen=True):
    """voice_id: the short name, which begins with the voice's own locale. lexicon_url: empty for none. phonemes: of the
    agent."""

    voice_id: str
    tone: AzureTone = AzureTone()
    lexicon_url: str = ""
    phonemes: Phonemes = NO_PHONEMES

    def speaks(self, language: str) -> bool:
        """Whether it can speak a language."""
        return speaks_locale(self.voice_id, language)


def make_ssml(voice: AzureVoice, locale: str, text: str) -> str:
    """A text in a language that the voice speaks."""
    content = _with_phonemes(_IMPOSSIBLE.sub(" ", text), voice.phonemes.find(locale))
    for element, attributes in reversed(_markup(voice, locale)):
        values = "".join(f" {name}={quoteattr(value)}" for name, value in attributes if value)
        content = f"<{element}{values}>{content}</{element}>"
    if voice.lexicon_url:
        content = f"<lexicon uri={quoteattr(voice.lexicon_url)}/>{content}"
    return _SPEAK.format(locale=quoteattr(locale), voice=quoteattr(voice.voice_id), content=content)


def _with_phonemes(text: str, ipa: Mapping[str, str]) -> str:
    """The text escaped, and its words that have IPA (by the word in lower case) in an element that tells it."""
    if not ipa:
        return escape(text)
    words = "|".join(map(re.escape, sorted(ipa, key=len, reverse=True)))
    parts = re.split(rf"(?<!\w)({words})(?!\w)", text, flags=re.IGNORECASE)
    return "".join(_with_phoneme(part, ipa.get(part.lower(), "")) for part in parts)


def _with_phoneme(part: str, ipa: str) -> str:
    return _PHONEME.format(ipa=quoteattr(ipa), word=escape(part)) if ipa else escape(part)


def _markup(voice: AzureVoice, locale: str) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Elements around the text, the outermost first."""
    tone, found = voice.tone, []
    if base_language(locale) != base_language(voice.voice_id):
        found.append(("lang", [("xml:lang", locale)]))
    if tone.style:
        found.append(("mstts:express-as", [("style", tone.style)]))
    prosody = [("rate", tone.rate), ("pitch", tone.pitch), ("volume", tone.volume)]
    if any(value for _, value in prosody):
        found.append(("prosody", prosody))
    return found
