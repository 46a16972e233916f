"""A TextToSpeech that uses a pipecat voice."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from media.providers.chain.audio_deadline import is_speakable
from media.providers.pipecat.session import PipecatSession
from media.providers.pipecat.wire import ClauseText, SpeechAudio, UtteranceEnd, UtteranceSpoken
from media.providers.ports import ProviderError, SpeechChunk
from media.providers.warm_connections import WarmConnections

SessionsOf = Callable[[str], WarmConnections[PipecatSession]]


class PipecatTextToSpeech:
    """A pipecat voice.

    Word times are not requested, because only some services provide them.

    Args:
        sessions_of: Returns the sessions of all calls with the same service, settings and key, for a language.
        start_engine: Starts the engine process in the background.
    """

    streams_text = False
    times_words = False

    def __init__(self, name: str, sessions_of: SessionsOf, start_engine: Callable[[], None]) -> None:
        self.name = name
        self._sessions_of = sessions_of
        self._start_engine = start_engine

    def prepare(self) -> None:
        """Start the engine process in the background if it does not run. No session is opened, because the language is
        unknown."""
        self._start_engine()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speak whole clauses or sentences as they arrive. Raises ProviderError.

        A session with an abandoned utterance is closed, which also ends the vendor's utterance.
        """
        sessions = self._sessions_of(language)
        session, is_complete = await sessions.take(), False
        reading = asyncio.get_running_loop().create_task(_send(session, text))
        try:
            while True:
                message = await _receive(session, reading)
                if isinstance(message, UtteranceSpoken):
                    break
                yield message
            is_complete = True
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            sessions.give_back(session, reusable=is_complete)
            if not is_complete:
                sessions.prepare()  # the answer after a barge-in should not wait for a new connection


async def _receive(session: PipecatSession, reading: "asyncio.Task[None]") -> SpeechChunk | UtteranceSpoken:
    """Return the next audio, or the end. Raises ProviderError, and any error from reading the text."""
    receiving = asyncio.ensure_future(session.receive())
    try:
        if not reading.done():
            await asyncio.wait({receiving, reading}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
        message = await receiving
    finally:
        receiving.cancel()
    if isinstance(message, SpeechAudio):
        return SpeechChunk(message.ulaw)
    if isinstance(message, UtteranceSpoken):
        return message
    raise ProviderError(session.provider, "unexpected answer of the pipecat engine")


async def _send(session: PipecatSession, text: AsyncIterator[str]) -> None:
    """Send each clause as it arrives. A clause without letters and digits is skipped, because it is silent and some
    vendors refuse it."""
    async for piece in text:
        if is_speakable(piece):
            session.send(ClauseText(piece))
    session.send(UtteranceEnd())
