"""One speech in the making, voice after voice, on one time line."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from media.providers.chain.debt import Debt
from media.providers.chain.part import Part
from media.providers.chain.script import Script
from media.providers.chain.waiting import timed_out
from media.providers.closing import close_stream
from media.providers.ports import ProviderError, Speak, Spoken, TimedWord


class Speech:
    """What has been delivered of a script. at: the first character that was not spoken yet.

    Once a second voice speaks, every word comes with a timing: from the first voice's unknown words on.
    """

    def __init__(self, script: Script, language: str) -> None:
        self._script = script
        self._language = language
        self._base_ms = 0.0  # delivered by earlier voices
        self._untold: list[TimedWord] = []  # words of the first voice, when it tells no timings
        self.at = 0
        self.pace = 0.0  # ms per character of the voice that came to its end

    async def by(self, voice: Speak, pace: float, debt: Debt) -> AsyncIterator[Spoken]:
        """Lets a voice speak what is left. Raises ProviderError; then `at` is where the next one has to go on."""
        self._script.owe(debt, self.at)
        part = Part(self._script, self.at, voice, pace)
        source = voice.stream(part.reading, self._language)
        try:
            while (spoken := await self._next(source, debt, voice.name)) is not None:
                words = part.take(spoken)
                yield self._placed(spoken.audio, words) if self._base_ms else spoken
                debt.paid()
            last = part.end()
            if self._base_ms and last:
                yield self._placed(b"", last)
        except ProviderError:
            self._leave(part, told=voice.times_words)
            raise
        finally:
            await close_stream(source)
        self.pace = part.measured_pace()

    async def _next(self, source: AsyncIterator[Spoken], debt: Debt, name: str) -> Spoken | None:
        """The next audio, None at the end. Raises ProviderSlow when it has been owed for too long."""
        began = asyncio.get_running_loop().time()

        def arm() -> None:
            scope.reschedule(debt.due(began))

        try:
            async with asyncio.timeout(None) as scope:
                arm()
                debt.on_owed = arm
                return await anext(source, None)
        except TimeoutError as error:
            raise timed_out(scope, debt.limit_s, name) from error
        finally:
            debt.on_owed = None

    def _placed(self, audio: bytes, words: Iterable[TimedWord]) -> Spoken:
        """On the time line of the whole speech; what the first voice left untold comes first."""
        base, untold = self._base_ms, self._untold
        self._untold = []
        later = (TimedWord(word.text, word.start_ms + base, word.end_ms + base) for word in words)
        return Spoken(audio, (*untold, *later))

    def _leave(self, part: Part, *, told: bool) -> None:
        if not part.audio_ms:
            return
        if not told and not self._base_ms:
            self._untold = part.words
        self.at = part.reached()
        self._base_ms += part.audio_ms
