"""Fallback between recognizers: audio without a final text is replayed to the next recognizer."""

from collections.abc import Container, Sequence

from media.providers.chain.candidates import Candidates, OnProviderFailed
from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.recognizer_return import ReturningSession
from media.providers.ports import (
    SpeechToText,
    SpeechToTextSession,
    SpeechToTextSink,
)
from media.providers.usage import UsageMeter, discarding_meters


class SpeechToTextChain:
    """A SpeechToText that tries a list of recognizers in order of preference.

    Args:
        meters: The usage meters, one for each recognizer.
        multilingual: The indexes of recognizers that recognize all of the call's languages, whichever language they are
            opened in.
    """

    def __init__(
        self,
        recognizers: Sequence[SpeechToText],
        on_failed: OnProviderFailed,
        deadlines: Deadlines | None = None,
        *,
        meters: Sequence[UsageMeter] = (),
        health: ChainHealth | None = None,
        multilingual: Container[int] = (),
    ) -> None:
        self._deadlines = deadlines or Deadlines()
        self._candidates: Candidates[SpeechToText] = Candidates(
            "stt", recognizers, on_failed, self._deadlines.demotion_s, health, self._deadlines.return_s
        )
        self._meters = meters or discarding_meters("stt", (recognizer.name for recognizer in recognizers))
        self.multilingual = multilingual
        self.name = recognizers[0].name

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Open the first recognizer that can be reached. Raises the last ProviderError if none can."""
        session = ReturningSession(
            self._candidates,
            language,
            sink,
            deadlines=self._deadlines,
            meters=self._meters,
            multilingual=self.multilingual,
        )
        attempts = self._candidates.new_attempts()
        try:
            await session.open(attempts)
        finally:  # also if the call ends meanwhile
            attempts.release()
        session.renew_attempts()
        session.watch_service()
        return session
