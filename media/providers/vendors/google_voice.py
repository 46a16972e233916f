"""TextToSpeech by Google: a stream for each stretch of text, or a request for each clause of voices without streams."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import structlog

from media.providers.grpc_calls import GrpcServer, GrpcStream, call_once
from media.providers.phonemes import NO_PHONEMES, Phonemes
from media.providers.vendors import google_speech_pb2 as pb
from media.providers.vendors.google_speech_wire import (
    SPEAK,
    SPEAK_ONCE,
    find_refused_phrases,
    make_metadata,
    make_speech_request,
    make_voice_config,
    strip_wave,
)
from shared.google_account import ServiceAccount
from shared.providers.errors import ProviderError, ProviderSlow
from shared.providers.speech import SpeechChunk

# The vendor ends a stream that gets no text for 5 s, and may keep the last words until it knows that none follow.
IDLE_S: Final = 0.5
# As of voices with contexts (`context_utterance.py`).
SILENCE_S: Final = 4.0
# Limit of a request for one clause.
ANSWER_S: Final = 10.0
# Bytes of a request's text (Cloud Text-to-Speech, "Quotas and limits"), with room for what is around it.
MAX_TEXT_BYTES: Final = 4_500

log = structlog.get_logger()
_SpeakCall = GrpcStream[pb.StreamingSynthesizeRequest, pb.StreamingSynthesizeResponse]


@dataclass(frozen=True, slots=True)
class GoogleSpeaker:
    """How a voice is asked. find_account: raises KeyRefused. find_voice: locale and name for a language. speed: times
    the voice's own. connect_s: limit of a new connection. phonemes: of the agent."""

    server: GrpcServer
    find_account: Callable[[], ServiceAccount]
    find_voice: Callable[[str], tuple[str, str]]
    speed: float | None
    connect_s: float
    phonemes: Phonemes = NO_PHONEMES


class GoogleTextToSpeech:
    """A voice of one account. streams: it takes text while it speaks."""

    streams_text = False
    times_words = False

    def __init__(self, name: str, speaker: GoogleSpeaker, *, streams: bool) -> None:
        self.name = name
        self._speaker = speaker
        self._streams = streams
        self._refused: frozenset[str] = frozenset()  # words whose IPA the vendor does not take
        self._preparing: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Connects in the background."""
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            lease = await self._speaker.server.connect(self.name, self._speaker.connect_s)
        except ProviderError:
            return  # shows at the request
        lease.release()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Speaks the text. Raises ProviderError."""
        if not self._streams:
            async for piece in text:
                for part in split_text(piece):
                    yield SpeechChunk(await self._speak_once(part, language))
            return
        pieces = _Pieces(text)
        try:
            async with aclosing(self._speak(pieces, language)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            pieces.close()

    async def _speak(self, pieces: "_Pieces", language: str) -> AsyncGenerator[SpeechChunk, None]:
        """Begins anew without the pronunciations that the vendor refuses: one of a sound that the language lacks costs
        the whole stream, whatever its text."""
        is_mute = True
        while True:
            ipa = self._find_ipa(language)
            try:
                async with aclosing(self._utter(pieces, language, ipa)) as chunks:
                    async for chunk in chunks:
                        is_mute = False
                        yield chunk
                return
            except ProviderError as error:
                refused = find_refused_phrases(error, ipa) if is_mute else frozenset()
                if not refused:
                    raise
            self._refused |= refused
            log.warning("pronunciations.refused", provider=self.name, count=len(refused))
            pieces.rewind()

    def _find_ipa(self, language: str) -> Mapping[str, str]:
        """What the vendor is told of words, without what it has refused in this call."""
        ipa = self._speaker.phonemes.find(self._speaker.find_voice(language)[0])
        return {word: sound for word, sound in ipa.items() if word not in self._refused}

    async def _utter(
        self, pieces: "_Pieces", language: str, ipa: Mapping[str, str]
    ) -> AsyncGenerator[SpeechChunk, None]:
        utterance = _Utterance(self.name, self._speaker, language, ipa)
        reader = asyncio.get_running_loop().create_task(utterance.read(pieces))
        try:
            while (chunk := await utterance.next_chunk()) is not None:
                yield chunk
            await reader  # whose text may have broken
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            utterance.stop()

    async def _speak_once(self, text: str, language: str) -> bytes:
        speaker = self._speaker
        request = make_speech_request(*speaker.find_voice(language), speaker.speed, text)
        metadata = make_metadata(self.name, speaker.find_account())
        lease = await speaker.server.connect(self.name, speaker.connect_s)
        answer = await call_once(self.name, lease, SPEAK_ONCE, request, metadata, timeout_s=ANSWER_S)
        return strip_wave(self.name, answer.audio_content)


class _Utterance:
    """Text in, audio out. One stream at a time: it is ended when no text comes for a while, and later text opens
    another one once all its audio has come."""

    def __init__(self, provider: str, speaker: GoogleSpeaker, language: str, ipa: Mapping[str, str]) -> None:
        self._provider = provider
        self._speaker = speaker
        self._language = language
        self._ipa = ipa
        self._chunks: asyncio.Queue[SpeechChunk | ProviderError | None] = asyncio.Queue()
        self._call: _SpeakCall | None = None
        self._listener: asyncio.Task[None] | None = None

    async def read(self, pieces: "_Pieces") -> None:
        """Sends the text as it comes; what fails is told to whoever waits for audio."""
        try:
            while (piece := await pieces.next(None if self._call is None else IDLE_S)) is not None:
                if piece:
                    await self._send(piece)
                else:
                    await self._end_stream()
            await self._end_stream()
        except ProviderError as error:
            self._chunks.put_nowait(error)
        finally:
            self._chunks.put_nowait(None)

    async def next_chunk(self) -> SpeechChunk | None:
        """The next audio; None at the end. Raises ProviderError."""
        chunk = await self._chunks.get()
        if isinstance(chunk, ProviderError):
            raise chunk
        return chunk

    def stop(self) -> None:
        """Cancels what is not spoken yet."""
        if self._listener is not None:
            self._listener.cancel()
        if self._call is not None:
            self._call.cancel()

    async def _send(self, piece: str) -> None:
        parts = split_text(piece)
        if not parts:
            return
        call = self._call or await self._open()
        for part in parts:
            await call.write(pb.StreamingSynthesizeRequest(input=pb.StreamingSynthesisInput(text=part)))

    async def _open(self) -> _SpeakCall:
        speaker = self._speaker
        locale, name = speaker.find_voice(self._language)
        config = make_voice_config(locale, name, speaker.speed, self._ipa)
        metadata = make_metadata(self._provider, speaker.find_account())
        lease = await speaker.server.connect(self._provider, speaker.connect_s)
        call = self._call = GrpcStream(self._provider, lease, SPEAK, metadata)
        self._listener = asyncio.get_running_loop().create_task(self._listen(call))
        await call.write(pb.StreamingSynthesizeRequest(streaming_config=config))
        return call

    async def _end_stream(self) -> None:
        """No text follows; waits for the last audio."""
        if self._call is not None and self._listener is not None:
            await self._call.finish()
            await asyncio.wait({self._listener})
            self._call = None

    async def _listen(self, call: _SpeakCall) -> None:
        """Takes the audio of a stream. It is never open for long without owing some."""
        try:
            while (response := await self._read(call)) is not None:
                if response.audio_content:
                    self._chunks.put_nowait(SpeechChunk(response.audio_content))
        except ProviderError as error:
            self._chunks.put_nowait(error)
        finally:
            call.cancel()

    async def _read(self, call: _SpeakCall) -> pb.StreamingSynthesizeResponse | None:
        try:
            async with asyncio.timeout(SILENCE_S):
                return await call.read()
        except TimeoutError:
            raise ProviderSlow(self._provider, f"nothing came for {SILENCE_S:g} s") from None


class _Pieces:
    """A text's pieces, which can be awaited for a while without losing one."""

    def __init__(self, text: AsyncIterator[str]) -> None:
        self._text = text
        self._given: list[str] = []
        self._again: deque[str] = deque()
        self._next: asyncio.Task[str | None] | None = None

    async def next(self, limit_s: float | None) -> str | None:
        """The next piece, empty when none came in time; None at the end."""
        if self._again:
            return self._again.popleft()
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._take())
        done, _ = await asyncio.wait({self._next}, timeout=limit_s)
        if not done:
            return ""
        taken, self._next = self._next, None
        piece = taken.result()
        if piece:
            self._given.append(piece)
        return piece

    def rewind(self) -> None:
        """Gives all of the text again."""
        self._again = deque(self._given)

    def close(self) -> None:
        """Awaits none any more."""
        if self._next is not None:
            self._next.cancel()

    async def _take(self) -> str | None:
        return await anext(self._text, None)


def split_text(text: str) -> list[str]:
    """The text in parts that one request takes, at blanks where there are any; none for a text without words."""
    if not text.strip():
        return []
    parts: list[str] = []
    while len(text.encode()) > MAX_TEXT_BYTES:
        most = len(text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore"))
        at = text.rfind(" ", 0, most) + 1 or most
        parts.append(text[:at])
        text = text[at:]
    return [*parts, text] if text else parts
