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
    """Prepares an answer up to the end of its first clause, or up to a tool, which does not run.

    The voice speaks this clause, and its audio is kept. Then model and voice wait for `speak`, because a whole answer
    that is never used would cost more.

    Attributes:
        request: The request to the model.
        task: Ends when the answer is over or was dropped.
        audio_bytes: The number of bytes of audio received.
        has_failed: A provider failed and nothing was said. Another request may succeed.
    """

    def __init__(self, llm: LanguageModel, tts: TextToSpeech, request: ChatRequest) -> None:
        self.request = request
        self.audio_bytes = 0
        self._tts = tts
        self._events = llm.stream(request)
        self._read: list[LanguageModelEvent] = []
        self._opening_count = 0  # the number of texts that the voice has before `speak`
        self._opened = asyncio.Event()
        self._rest: asyncio.Future[AsyncIterator[str]] = asyncio.get_running_loop().create_future()
        self._chunks: asyncio.Queue[SpeechChunk | None] = asyncio.Queue()  # None marks the end
        self._error: ProviderError | None = None
        self.task = asyncio.create_task(self._run())

    @property
    def has_failed(self) -> bool:
        """Whether the answer ended with an error or without a word."""
        return self.task.done()

    def drop(self) -> None:
        """End both requests, because the caller continues or something else is said."""
        self.task.cancel()

    async def events(self) -> AsyncGenerator[LanguageModelEvent, None]:
        """Yield the model's answer from its beginning. Raises ProviderError."""
        try:
            for event in self._read:
                yield event
            async for event in self._events:
                yield event
        finally:
            await close_stream(self._events)

    async def speak(self, text: AsyncIterator[str]) -> AsyncGenerator[SpeechChunk, None]:
        """Yield the audio from the first clause on. Raises ProviderError.

        Args:
            text: The text to speak, made from `events`. Its first pieces are those that the voice already has.
        """
        try:
            await self._opened.wait()
            for _ in range(self._opening_count):  # reads the words before their audio
                await anext(text, "")
            if not self._rest.done():  # it is cancelled with the voice's reader if the voice has failed
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
        """Yield the voice's text: the first clause once it is there, the rest after the caller's turn has ended."""
        async for piece in self._opening():
            self._opening_count += 1
            yield piece
        if self._tts.streams_text and self._opening_count:
            yield ""  # otherwise the voice would wait for more words
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
