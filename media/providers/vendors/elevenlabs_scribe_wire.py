"""ElevenLabs' `/v1/speech-to-text/realtime` (Scribe): a caller's turn from texts that are committed on request; pure.

A commit is answered twice, by the text alone and by the text with times of its words, in either order. Only the timed
one counts; the plain one is kept in case no other comes. The vendor refuses to commit less than 0.3 s of audio, and
commits by itself what became too long.
"""

from binascii import b2a_base64
from typing import Any, Final

import msgspec
from msgspec import Struct

from media.providers.vendors.elevenlabs_wire import make_error
from shared.g711 import RATE
from shared.providers.errors import DECODE_ERRORS, make_unreadable
from shared.providers.speech import RecognisedText, TimedWord, most_spoken, read_language

PATH: Final = "/v1/speech-to-text/realtime"
# The vendor's least audio of a commit is 0.3 s.
MIN_COMMIT_MS: Final = 320.0
# Audio without words that is committed by us, because the vendor commits by itself after about 36 s, and an answer that
# nobody asked for could be taken for another.
MAX_UNCOMMITTED_MS: Final = 25_000.0
# After so many texts whose times never came they are awaited no longer.
_MISSES: Final = 2
_PLAIN: Final = "committed_transcript"
_TIMED: Final = "committed_transcript_with_timestamps"
_PARTIAL: Final = "partial_transcript"
_STARTED: Final = "session_started"
# Told, but the session goes on (a refused commit is an answer), or it says by closing that it does not.
_THROTTLED: Final = "commit_throttled"
_HEAD: Final = b'{"message_type":"input_audio_chunk","audio_base_64":"'
_TAIL: Final = f'","commit":false,"sample_rate":{RATE}}}'.encode()
_COMMIT_TAIL: Final = f'","commit":true,"sample_rate":{RATE}}}'.encode()


class _Word(Struct, frozen=True):
    """start, end: in seconds of the audio that was sent. type: word, spacing or audio_event."""

    text: str = ""
    start: float | None = None
    end: float | None = None
    type: str = "word"


class _Message(Struct, frozen=True):
    message_type: str
    text: str = ""
    words: tuple[_Word, ...] | None = None
    error: str | None = None
    language_code: Any = None


class _Segment(Struct, frozen=True):
    """A text that was committed. words: empty where no times came. language: its code, empty where it was not told."""

    text: str
    words: tuple[TimedWord, ...] = ()
    language: str = ""


_DECODER: Final = msgspec.json.Decoder(_Message)


def make_chunk(ulaw: bytes, *, commit: bool = False) -> bytes:
    """The message for audio, which may be empty; commit: asks for the text of all audio since the last commit."""
    return _HEAD + b2a_base64(ulaw, newline=False) + (_COMMIT_TAIL if commit else _TAIL)


class ScribeTranscript:
    """One session's current turn. times_words: texts come with times."""

    def __init__(self, provider: str, *, times_words: bool) -> None:
        self._provider = provider
        self._times_words = times_words
        self._segments: list[_Segment] = []
        self._interim = ""
        self._answered = 0  # segments that were in the last answer
        self._committed_ms = 0.0  # audio before the latest commit
        self._asked = 0  # commits without an answer
        self._stale = 0  # of these, those of earlier turns
        self._token: int | None = None
        self._plain: str | None = None  # whose times are awaited
        self._twin: tuple[str, str] | None = None  # type and text of a message that says again what was taken
        self._last_words: tuple[_Word, ...] = ()
        self._misses = 0
        self.has_started = False

    @property
    def is_plain(self) -> bool:
        """Whether a text is there whose times are awaited."""
        return self._plain is not None

    def commit(self, position_ms: float) -> None:
        """Records that the audio up to this position was committed."""
        self._committed_ms = position_ms
        self._asked += 1

    def needs_commit(self, position_ms: float) -> bool:
        """Whether the silence so far should be committed, so that the vendor does not do it by itself."""
        is_long = position_ms - self._committed_ms >= MAX_UNCOMMITTED_MS
        return is_long and not self._interim and not self._asked

    def finalise(self, token: int, position_ms: float) -> bool:
        """Asks for the text up to this position. Returns whether a commit is needed: not for audio that is too short to
        hold a word; then `settle` knows the answer, or the commit before has it."""
        self._token = token
        return position_ms - self._committed_ms >= MIN_COMMIT_MS

    def next_turn(self) -> None:
        """What was said before the last `finalise` has been taken."""
        self._token, self._stale = None, self._asked
        del self._segments[: self._answered]
        self._answered = 0
        if self._stale:
            self._segments.clear()
            self._interim = ""

    def read(self, message: bytes) -> RecognisedText | None:
        """Takes a message; returns the turn's text when it may be new. Raises ProviderError."""
        try:
            found = _DECODER.decode(message)
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        kind = found.message_type
        if kind == _PARTIAL:
            return self._read_partial(found.text)
        if kind in (_PLAIN, _TIMED):
            return self._read_commit(found)
        if kind == _THROTTLED:
            return self._take(None)
        if found.error is not None:
            raise make_error(self._provider, kind).with_answer(message)
        self.has_started = self.has_started or kind == _STARTED
        return None

    def settle(self) -> RecognisedText | None:
        """The answer to `finalise`, as far as it is known: by the text whose times did not come, or if nothing of what
        was committed is unknown. None: the vendor has to answer."""
        if self._plain is not None:
            text, self._plain = self._plain, None
            self._misses, self._twin = self._misses + 1, (_TIMED, text)
            return self._take(_Segment(text))
        return self._answer() if not self._asked and self._token is not None else None

    def _read_partial(self, text: str) -> RecognisedText | None:
        if self._stale:
            return None
        self._interim = text.strip()
        return RecognisedText(self._join(self._interim), final=False)

    def _read_commit(self, found: _Message) -> RecognisedText | None:
        text = found.text.strip()
        if self._twin == (found.message_type, text):
            self._twin = None
            self._misses = 0 if found.message_type == _TIMED else self._misses
            return None
        if found.message_type == _TIMED:
            return self._read_timed(text, found.words or (), read_language(found.language_code))
        if self._plain is not None:
            return None  # the same again
        self._plain = text
        return self.settle() if not self._times_words or self._misses >= _MISSES else None

    def _read_timed(self, text: str, words: tuple[_Word, ...], language: str) -> RecognisedText | None:
        if words and words == self._last_words:
            self._plain = None
            return None  # the same again
        self._last_words = words
        self._twin = None if self._plain is not None else (_PLAIN, text)
        self._plain, self._misses = None, 0
        return self._take(_Segment(text, _timed(words), language))

    def _take(self, segment: _Segment | None) -> RecognisedText | None:
        """Takes what answers the earliest commit, or what the vendor committed by itself."""
        is_stale = self._stale > 0
        self._asked, self._stale = max(0, self._asked - 1), max(0, self._stale - 1)
        if segment is not None and not is_stale:
            self._segments.append(segment)
            self._interim = ""
        if not self._asked and self._token is not None:
            return self._answer()
        return None if is_stale else RecognisedText(self._join(self._interim), final=False)

    def _answer(self) -> RecognisedText:
        token, self._token = self._token, None
        self._answered = len(self._segments)
        has_times = all(one.words or not one.text for one in self._segments)
        words = tuple(word for one in self._segments for word in one.words) if has_times else ()
        language = most_spoken((one.language, one.text) for one in self._segments)
        return RecognisedText(self._join(), final=True, token=token, words=words, language=language)

    def _join(self, interim: str = "") -> str:
        return " ".join(text for text in (*(one.text for one in self._segments), interim) if text)


def _timed(words: tuple[_Word, ...]) -> tuple[TimedWord, ...]:
    """The words with their times; none if one has none."""
    spoken = [one for one in words if one.type == "word"]
    found = [
        TimedWord(one.text.strip(), one.start * 1_000, one.end * 1_000)
        for one in spoken
        if one.start is not None and one.end is not None
    ]
    return tuple(found) if len(found) == len(spoken) else ()
