"""The recognizer of a call: accepts audio from the first frame on, even while its session opens."""

import asyncio
from collections import deque
from collections.abc import Sequence
from enum import Enum, auto

from media.audio.mulaw import BYTES_PER_MS
from media.providers.ports import (
    LanguageFollower,
    ProviderError,
    RecognizedText,
    SpeechToText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TimedWord,
)
from shared.providers.word_timing import shift_words
from shared.refcycles import break_cycle, without_traceback

# The maximum number of frames buffered until the session is open: 30 s of 20 ms frames.
MOST_BUFFERED = 1_500
# How long the recognition of the last words of a caller who hung up may take.
LAST_WORDS_S = 1.5
LAST_TOKEN = 1_000_000_000
# The number of latest words whose times are kept: more than a turn has.
MOST_TIMED_WORDS = 1_000


class _Marker(Enum):
    """An event between two frames."""

    STARTED = auto()
    NEXT_TURN = auto()


class CallRecognizer:
    """A speech-to-text session that can be used at once. `open` opens it.

    Audio that arrives before the provider's session is open is buffered and then replayed.

    Attributes:
        timed_words: The latest final words for which the vendor reported times, including earlier turns, in ms on the
            call's audio clock.
    """

    __slots__ = (
        "__weakref__", "_begins_ms", "_buffer", "_buffered_ms", "_has_text", "_language", "_last_words", "_opening",
        "_session", "_sink", "_stt", "_text", "_token", "_turn", "timed_words",
    )  # fmt: skip

    def __init__(self, stt: SpeechToText, language: str, sink: SpeechToTextSink) -> None:
        self._stt = stt
        self._language = language
        self._sink = sink
        self._session: SpeechToTextSession | None = None
        self._buffer: deque[bytes | int | _Marker] = deque(maxlen=MOST_BUFFERED)
        self._turn = 0
        self._token: int | None = None  # the latest request for a text, until it is answered
        self._has_text = False  # whether this turn has text
        self._text = ""  # the latest text of this turn
        self._last_words: asyncio.Future[str] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._buffered_ms = 0.0  # the length of audio before the session was open
        self._begins_ms = 0.0  # the audio before this was lost
        self.timed_words: Sequence[TimedWord] = ()

    @property
    def is_unanswered(self) -> bool:
        """Whether the text that was requested last has not arrived yet."""
        return self._token is not None

    @property
    def has_text(self) -> bool:
        """Whether words of the turn have arrived."""
        return self._has_text

    def open(self) -> None:
        """Start to open the provider's session. The constructor does not, because a call whose set-up fails is never
        closed."""
        self._opening = asyncio.create_task(self._open())
        self._opening.add_done_callback(self._report_crash)

    def set_language(self, language: str) -> None:
        """Set the caller's language (BCP 47) from now on."""
        self._language = language
        if isinstance(self._session, LanguageFollower):
            self._session.set_language(language)

    def push(self, ulaw: bytes) -> None:
        """Process caller audio (mu-law, 8 kHz). This is the frame path."""
        session = self._session
        if session is not None:
            session.push(ulaw)
        else:
            self._buffer.append(ulaw)
            self._buffered_ms += len(ulaw) / BYTES_PER_MS

    def started(self) -> None:
        """Record that the caller began to speak."""
        self._token = None
        if self._session is not None:
            self._session.started()
        else:
            self._buffer.append(_Marker.STARTED)

    def finalize(self, token: int) -> None:
        """Request the text of the turn so far. A final RecognizedText with this token answers the request."""
        self._token = token
        if self._session is not None:
            self._session.finalize(token)
        else:
            self._buffer.append(token)

    def next_turn(self) -> None:
        """Start the next turn, because the turn's text has been used. Later text belongs to the next turn."""
        self._token, self._has_text, self._text = None, False, ""
        if self._session is not None:
            self._session.next_turn()
        else:
            self._buffer.append(_Marker.NEXT_TURN)

    def set_turn(self, turn: int) -> None:
        """Set the number of committed turns. With each new one the recognizer starts a new turn."""
        if turn != self._turn:
            self._turn = turn
            self.next_turn()

    def keep_turn(self, turn: int) -> None:
        """Set the number of committed turns, the last of which has no words.

        If its text has not arrived yet, the text belongs to the next turn, and a recognizer that hangs may still be
        replaced.
        """
        if self.is_unanswered and not self._has_text:
            self._turn = turn

    def stop_waiting(self) -> None:
        """Stop waiting for the requested text. It is still used if it arrives."""
        self._token = None

    async def last_words(self, within_s: float) -> str:
        """Return the text of the turn that the call's end cut off.

        If the whole text does not arrive in time, or the recognizer fails, return what is known of it. The sink gets no
        final text from here on.
        """
        self._last_words = asyncio.get_running_loop().create_future()
        self.finalize(LAST_TOKEN)
        try:
            async with asyncio.timeout(within_s):
                return await self._last_words
        except TimeoutError:
            return self._text

    async def close(self) -> None:
        """End the session, or the attempt to open it."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        break_cycle(self, "_opening", "_sink")
        self._session = None

    async def _open(self) -> None:
        try:
            session = await self._stt.open(self._language, self._on_event)
        except ProviderError as error:
            self._sink(SpeechToTextFailed(error))
            return
        except asyncio.CancelledError as error:
            raise without_traceback(error) from None
        self._session = session  # set first, so that the session is closed even if the replay crashes
        kept = sum(len(item) for item in self._buffer if isinstance(item, bytes))
        self._begins_ms = self._buffered_ms - kept / BYTES_PER_MS
        for item in self._buffer:
            _replay(session, item)
        self._buffer.clear()

    def _on_event(self, event: SpeechToTextEvent) -> None:
        if isinstance(event, RecognizedText):
            self._text = event.text
            self._has_text = self._has_text or bool(event.text.strip())
            if event.final and event.token == self._token:
                self._token = None
            if event.words:
                self._keep_words(event.words)
        is_answer = isinstance(event, RecognizedText) and event.token == LAST_TOKEN
        is_last = is_answer or isinstance(event, SpeechToTextFailed)
        if self._last_words is not None and is_last and not self._last_words.done():
            self._last_words.set_result(self._text)
        if self._last_words is None or not isinstance(event, RecognizedText) or not event.final:
            self._sink(event)

    def _keep_words(self, words: Sequence[TimedWord]) -> None:
        """Store timed words. They replace earlier words in the same audio, which the vendor corrected or another vendor
        heard again."""
        later = list(shift_words(words, self._begins_ms))
        earlier = [word for word in self.timed_words if word.start_ms < later[0].start_ms]
        self.timed_words = [*earlier, *later][-MOST_TIMED_WORDS:]

    def _report_crash(self, opening: asyncio.Task[None]) -> None:
        """Report an internal error, so that the call learns that nothing will be recognized."""
        error = None if opening.cancelled() else opening.exception()
        if error is not None:
            failure = ProviderError(self._stt.name, f"internal fault: {type(error).__name__}", retryable=False)
            opening.get_loop().call_exception_handler({"message": "the recognizer crashed", "exception": error})
            self._sink(SpeechToTextFailed(failure))


def _replay(session: SpeechToTextSession, item: bytes | int | _Marker) -> None:
    if isinstance(item, bytes):
        session.push(item)
    elif isinstance(item, int):
        session.finalize(item)
    elif item is _Marker.STARTED:
        session.started()
    else:
        session.next_turn()
