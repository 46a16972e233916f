"""Fallback between voices: the next one goes on at the first word whose audio was not delivered."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from media.providers.chain.deadlines import Deadlines
from media.providers.chain.debt import Debt
from media.providers.chain.roster import OnFailed, Roster, Walk
from media.providers.chain.script import Script
from media.providers.chain.speech import Speech
from media.providers.closing import close_stream
from media.providers.ports import ProviderError, Speak, Spoken

# Unhurried English speech, until a voice's own pace is known.
TYPICAL_MS_PER_CHARACTER: Final = 65.0


class SpeakChain:
    """Speak over a list of voices, first choice first; it asks for what the most demanding of them needs."""

    def __init__(self, voices: Sequence[Speak], on_failed: OnFailed, deadlines: Deadlines | None = None) -> None:
        self._deadlines = deadlines or Deadlines()
        self._roster: Roster[Speak] = Roster("tts", voices, on_failed, self._deadlines.rest_s)
        self._paces = [TYPICAL_MS_PER_CHARACTER] * len(voices)
        self.name = voices[0].name
        self.streams_text = all(voice.streams_text for voice in voices)
        self.times_words = all(voice.times_words for voice in voices)

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
        """Speaks the text, by as many voices as it takes. Raises the last ProviderError when all failed.

        The text is read as fast as it comes; an error that ends it is raised after what came of it was spoken.
        """
        script = Script(text)
        speech = Speech(script, language)
        walk = self._roster.walk()
        try:
            while await script.speakable(speech.at):
                limit_s = self._deadlines.of(last=not walk.has_other).audio_s
                debt = Debt(asyncio.get_running_loop().time, limit_s, whole=not self.streams_text)
                pieces = speech.by(walk.current, self._paces[walk.index], debt)
                try:
                    async for spoken in pieces:
                        yield spoken
                    walk.worked()
                    self._paces[walk.index] = speech.pace
                    break
                except ProviderError as error:
                    self._failed(walk, script, speech, error)
                finally:
                    await close_stream(pieces)
            script.check()
        finally:
            await script.close()

    def _failed(self, walk: Walk[Speak], script: Script, speech: Speech, error: ProviderError) -> None:
        if script.ended and speech.at >= len(script.text.rstrip()):
            walk.gave_up(error)  # all was said
        else:
            walk.failed(error)
