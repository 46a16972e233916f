"""The voices of a call that may switch languages: a chain for each language with voices of its own."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from media.providers.ports import SpeechChunk, TextToSpeech
from media.providers.vendor import Preparable


@dataclass(frozen=True, slots=True)
class VoiceChain:
    """A fallback chain of voices.

    Attributes:
        members: The voices from which the chain was made.
    """

    chain: TextToSpeech
    members: tuple[TextToSpeech, ...]

    def prepare(self) -> None:
        """Open in the background what the members need for their first requests."""
        for member in self.members:
            if isinstance(member, Preparable):
                member.prepare()


class LanguageVoices:
    """A TextToSpeech that chooses the chain by language. It requires whole clauses if any of its chains does."""

    def __init__(self, main: VoiceChain, others: Mapping[str, VoiceChain]) -> None:
        """Combine the chains of a call's languages.

        Args:
            others: The chains by language, as the plan names it. All other languages use the main chain.
        """
        self._main, self._others = main, others
        chains = [main.chain, *(other.chain for other in others.values())]
        self.name = main.chain.name
        self.streams_text = all(chain.streams_text for chain in chains)
        self.times_words = all(chain.times_words for chain in chains)

    def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        """Speak the text with the voices of the language, as described in `TextToSpeech`."""
        return self._find(language).chain.stream(text, language)

    def prepare_language(self, language: str) -> None:
        """Open in the background what the voices of this language need, because the call switches to it."""
        if language in self._others:
            self._others[language].prepare()

    def _find(self, language: str) -> VoiceChain:
        return self._others.get(language, self._main)
