"""A SpeechToText that uses a pipecat recognizer, with an engine session for each caller."""

import asyncio
from collections.abc import Awaitable, Callable

from media.providers.pipecat.session import PipecatSession
from media.providers.pipecat.wire import CallerAudio, FinalRequest, RecognizedTurn, SessionInput, SpeechStart, TurnTaken
from media.providers.ports import (
    ProviderError,
    RecognizedText,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
)

OpenSession = Callable[[str], Awaitable[PipecatSession]]


class PipecatSpeechToText:
    """A pipecat recognizer.

    Args:
        open_session: Opens the service for a language. Raises ProviderError.
        start_engine: Starts the engine process in the background.
    """

    def __init__(self, name: str, open_session: OpenSession, start_engine: Callable[[], None]) -> None:
        self.name = name
        self._open_session = open_session
        self._start_engine = start_engine

    def prepare(self) -> None:
        """Start the engine process in the background if it does not run."""
        self._start_engine()

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Open a session. Raises ProviderError."""
        return _Session(await self._open_session(language), sink)


class _Session:
    """One caller's session."""

    def __init__(self, session: PipecatSession, sink: SpeechToTextSink) -> None:
        self._session = session
        self._sink: SpeechToTextSink | None = sink  # None once the session is over
        self._listener = asyncio.get_running_loop().create_task(self._listen())

    def push(self, ulaw: bytes) -> None:
        self._send(CallerAudio(ulaw))

    def started(self) -> None:
        self._send(SpeechStart())

    def finalize(self, token: int) -> None:
        self._send(FinalRequest(token))

    def next_turn(self) -> None:
        self._send(TurnTaken())

    async def close(self) -> None:
        self._sink = None
        self._listener.cancel()
        await self._session.close()
        await asyncio.wait({self._listener})

    def _send(self, message: SessionInput) -> None:
        if self._sink is None:
            return
        try:
            self._session.send(message)
        except ProviderError as error:
            # Later, because the caller is on the frame path and may be about to send more.
            asyncio.get_running_loop().call_soon(self._fail, error)

    async def _listen(self) -> None:
        try:
            while True:
                message = await self._session.receive()
                if isinstance(message, RecognizedTurn) and self._sink is not None:
                    self._sink(RecognizedText(message.text, message.is_final, message.token))
        except ProviderError as error:
            self._fail(error)

    def _fail(self, error: ProviderError) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink(SpeechToTextFailed(error))
