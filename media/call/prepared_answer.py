"""An answer that is prepared up to its first clause before the caller's turn has ended."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from media.call.sentences import SentenceSplitter
from media.providers.cleanup import close_stream
from media.providers.ports import (
    ChatRequest,
    LanguageModel,
    LanguageModelEvent,
    ProviderError,
    SpeechChunk,
    TextDelta,
    TextToSpeech,
    ToolCall,
)
from shared.refcycles import without_traceback


class PreparedAnswer:
    """Asks the model and reads its answer up to the end of the first clause, or up to a tool, which does not run; lets
    the voice speak the clause, and keeps its audio. Then both wait for `speak`: a whole answer that is never used would
    cost more.

    request: what the model was asked. task: ends when the answer is over, or was dropped. audio_bytes: received.
    has_failed: a provider failed, and nothing was said: whoever asks again may be luckier.
    """

    def __init__(self, llm: LanguageModel, tts: TextToSpeech, request: ChatRequest) -> None:
        self.request = request
        self.audio_bytes = 0
        self._tts = tts
        self._events = llm.stream(request)
        self._read: list[LanguageModelEvent] = []
        self._opening_count = 0  # pieces of text that the voice has before `speak`
        self._opened = asyncio.Event()
        self._rest: asyncio.Future[AsyncIterator[str]] = asyncio.get_running_loop().create_future()
        self._chunks: asyncio.Queue[SpeechChunk | None] = asyncio.Queue()  # None: the end
        self._error: ProviderError | None = None
        self.task = asyncio.create_task(self._run())

    @property
    def has_failed(self) -> bool:
        """Whether it came to an error, or to its end without a word."""
        return self.task.done()

    def drop(self) -> None:
        """The caller goes on, or something else is said: ends both requests."""
        self.task.cancel()

    async def events(self) -> AsyncGenerator[LanguageModelEvent, None]:
        """The model's answer from its beginning. Raises ProviderError."""
        try:
            for event in self._read:
                yield event
            async for event in self._events:
                yield event
        finally:
            await close_stream(self._events)

    async def speak(self, text: AsyncIterator[str]) -> AsyncGenerator[SpeechChunk, None]:
        """Yields the audio, from the first clause on. text: what is to be spoken, made from `events`; its first pieces
        are those that the voice has already. Raises ProviderError."""
        try:
            await self._opened.wait()
            for _ in range(self._opening_count):  # the words before their audio
                await anext(text, "")
            if not self._rest.done():  # cancelled with the voice's reader, when the voice has failed
                self._rest.set_result(text)
            while (chunk := await self._chunks.get()) is not None:
                yield chunk
            if self._error is not None:
                raise without_traceback(self._error) from self._error.__cause__
        finally:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def _run(self) -> None:
        text = self._text()
        speech = self._tts.stream(text, self.request.language)
        try:
            async for chunk in speech:
                self.audio_bytes += len(chunk.audio)
                self._chunks.put_nowait(chunk)
        except ProviderError as error:
            self._error = error
        except asyncio.CancelledError as error:
            raise without_traceback(error) from None
        finally:
            self._opened.set()
            await close_stream(speech)
            await close_stream(text)
            await close_stream(self._events)
            self._chunks.put_nowait(None)

    async def _text(self) -> AsyncGenerator[str, None]:
        """What the voice is given: the first clause once it is there, the rest when the caller's turn has ended."""
        async for piece in self._opening():
            self._opening_count += 1
            yield piece
        if self._tts.streams_text and self._opening_count:
            yield ""  # it would wait for more words than these
        self._opened.set()
        async for piece in await self._rest:
            yield piece

    async def _opening(self) -> AsyncGenerator[str, None]:
        splitter = SentenceSplitter()
        async for event in self._events:
            self._read.append(event)
            if isinstance(event, ToolCall):
                return
            if not isinstance(event, TextDelta) or not event.text:
                continue
            pieces = splitter.feed(event.text)
            for piece in [event.text] if self._tts.streams_text else pieces:
                yield piece
            if pieces:
                return
        if not self._tts.streams_text:
            for piece in splitter.flush():
                yield piece
