"""Messages, URLs and errors of AssemblyAI's streaming sessions, and the reader of its turns; no I/O.

AssemblyAI begins and ends turns itself. Each of its turns becomes a segment of our turn. A vendor turn ends by the
vendor's own decision, or because ForceEndpoint was sent when our turn may be over. With formatted turns, a vendor turn
ends twice, first without capitals and punctuation. A vendor turn may continue beyond the position where a text was
requested, so its words are split there by the vendor's timestamps.

Source: assemblyai 1.8.2 (`streaming/v3`) and assemblyai.com/docs/streaming; see docs/develop/vendors/assemblyai.md.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from shared.g711 import RATE
from shared.provider_failures import FailureCause
from shared.providers.errors import DECODE_ERRORS, KeyRefused, ProviderBusy, ProviderError, make_unreadable
from shared.providers.speech import RecognizedText, TimedWord, TurnSignal
from shared.providers.turn_calibration import TurnCalibration
from vendors.assemblyai.facts import LANGUAGES, UNIVERSAL_3, AssemblyAiSpeechToTextOptions

PATH: Final = "/v3/ws"
# The API version whose messages this module reads, as the official SDK names it.
VERSION: Final = "2025-05-12"
FORCE_ENDPOINT: Final = '{"type":"ForceEndpoint"}'
TERMINATE: Final = '{"type":"Terminate"}'

QueryField = str | int | float | bool | Sequence[str] | None

# Codes from the vendor's current page of close codes, and older codes that the SDK still lists.
_TOO_MANY: Final = (1013, 3009, 4102)
_UNPAID: Final = (4002, 4003)
_NOT_AUTHORIZED: Final = 4001
# Any account problem; only the text gives the cause.
_POLICY: Final = 1008
# The vendor does not accept a message, a parameter or the audio. A retry would fail again.
_REFUSED: Final = (3006, 3007, 4000, 4029, 4032, 4033, 4034, 4100, 4101)
_UNPAID_TEXT: Final = re.compile(r"balance|fund|billing|credits?\b|paid", re.IGNORECASE)
_TOO_MANY_TEXT: Final = re.compile(r"too many|concurren|\brate\b", re.IGNORECASE)


class _Word(Struct, frozen=True):
    """A recognized word.

    Attributes:
        start: Position in the sent audio, in ms.
        end: Position in the sent audio, in ms.
    """

    text: str
    start: float = 0.0
    end: float = 0.0


class TurnMessage(Struct, frozen=True):
    """Any message of the server. Fields that the message's type does not have keep their defaults.

    Attributes:
        transcript: Text of the whole turn, without words that may still change.
        end_of_turn_confidence: 0 to 1. Not typed, so that an unexpected value does not make the message unreadable.
    """

    type: str = ""
    turn_order: int = 0
    turn_is_formatted: bool = False
    end_of_turn: bool = False
    transcript: str = ""
    end_of_turn_confidence: Any = None
    words: tuple[_Word, ...] = ()
    error_code: int | None = None
    error: str = ""


_DECODER: Final = msgspec.json.Decoder(TurnMessage)


def make_url(base_url: str, query: Mapping[str, QueryField]) -> str:
    """Return the WebSocket URL. None values are omitted, booleans are lower case, and lists are JSON."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: _encode(value) for name, value in query.items() if value is not None}
    return f"{base}{PATH}?{urlencode(values, quote_via=quote)}"


def make_headers(api_key: str) -> dict[str, str]:
    """Return the handshake's headers. The key has no scheme such as "Bearer"."""
    return {"AssemblyAI-Version": VERSION, **({"Authorization": api_key} if api_key else {})}


def read_message(provider: str, message: bytes) -> TurnMessage:
    """Read a message of the server. Raises ProviderError if the message is an error or unreadable."""
    try:
        found = _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if found.type == "Error" or (not found.type and found.error):
        raise make_error(provider, found.error_code or 0, found.error, "error").with_answer(message)
    return found


def make_error(provider: str, code: int, text: str, what: str, cause: FailureCause = "error") -> ProviderError:
    """Return the error for a code of an Error message or a close frame.

    Args:
        provider: The provider's name.
        code: The vendor's code; 0 if there is none.
        text: The vendor's text, which shows why an account is refused. It is dropped, because it may quote the caller
            or the key.
        what: Start of the error's reason.
        cause: The cause if the code is unknown.
    """
    reason = f"{what} {code}" if code else what
    if code in _TOO_MANY or (code == _POLICY and _TOO_MANY_TEXT.search(text)):
        return ProviderBusy(provider, reason)
    if code in _UNPAID or (code == _POLICY and _UNPAID_TEXT.search(text)):
        return ProviderBusy(provider, reason, retryable=False)
    if code in (_NOT_AUTHORIZED, _POLICY):
        return KeyRefused(provider, reason)
    if code in _REFUSED:
        return ProviderError(provider, reason, retryable=False, cause="refused")
    return ProviderError(provider, reason, cause=cause)


def make_closed(provider: str, code: int, reason: str) -> ProviderError:
    """Return the error for a connection that the vendor closed while a session used it."""
    return make_error(provider, code, reason, "closed with", "cut")


def _encode(value: QueryField) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(list(value or ()), ensure_ascii=False)


# The vendor detects speech up to this long after it began, so a word that ends this shortly before belongs to the
# speech.
TOLERANCE_MS: Final = 50.0
# The vendor does not end a turn below this confidence. Ongoing speech has similar values, so they carry no information.
LEAST_CONFIDENCE: Final = 0.4
# A text is requested after 200 ms of silence. If the last word before an end is this much older, the end belongs to
# earlier speech. This happens after failover: the new recognizer gets up to a minute of audio at once and may end turns
# in it.
MOST_SILENCE_MS: Final = 1_000.0
# Universal-3 models mark an incomplete text with this suffix.
_INCOMPLETE: Final = "—"
_EVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class _VendorTurn:
    """A turn of the vendor, with its text and its timed words."""

    order: int
    text: str
    words: tuple[TimedWord, ...]
    has_ended: bool = False
    is_formatted: bool = False

    @property
    def end_ms(self) -> float:
        """End of the last word; 0 without words."""
        return self.words[-1].end_ms if self.words else 0.0

    def between(self, start_ms: float, until_ms: float) -> tuple[TimedWord, ...]:
        """Return the words whose midpoint is between the positions."""
        return tuple(word for word in self.words if start_ms <= (word.start_ms + word.end_ms) / 2 < until_ms)

    def text_between(self, start_ms: float, until_ms: float) -> str:
        """Return the vendor's text if all words are between the positions or no word has a time, else the words between
        them.
        """
        inside = self.between(start_ms, until_ms)
        return self.text if len(inside) == len(self.words) else " ".join(one.text for one in inside)


@dataclass(slots=True)
class UniversalTranscript:
    """The transcript of one session's current turn. Positions are ms of the sent audio.

    Attributes:
        formats: Whether the vendor ends its turns twice. The second text is formatted and used.
    """

    provider: str
    calibration: TurnCalibration
    formats: bool = False
    _turns: dict[int, _VendorTurn] = field(default_factory=dict)
    _latest: int = -1  # number of the vendor's latest turn
    _last_ended: int = -1  # number of the latest turn that the vendor has ended
    _turn_start_ms: float = 0.0
    _asked_ms: float = 0.0
    _speech_ms: float = 0.0  # where the caller last began to speak
    _token: int | None = None
    _over_ms: float | None = None  # end of the last word, if the vendor detected the turn's end
    _is_forced: bool = False  # an end was requested and has not come yet
    _signaled: str = ""  # the text of the latest signal
    _signal: TurnSignal | None = None

    def started(self, position_ms: float) -> None:
        """Record that the caller has spoken since this position. The vendor's judgment of the earlier silence is
        outdated.
        """
        self._speech_ms, self._over_ms = position_ms, None

    def finalize(self, token: int, position_ms: float) -> str:
        """Return the message that requests the text up to this position.

        The message is empty if the vendor has ended its turn since the caller spoke. The text is then known, and there
        may be no turn to end.
        """
        self._token, self._asked_ms = token, position_ms
        if self._is_over:
            return ""
        self._is_forced = True
        return FORCE_ENDPOINT

    def next_turn(self) -> None:
        """Start a new turn. Words before the last `finalize` are dropped."""
        self._token, self._turn_start_ms = None, self._asked_ms
        self._turns = {
            order: turn
            for order, turn in self._turns.items()
            if self._is_running(turn) or turn.between(self._turn_start_ms, _EVER)
        }

    def read(self, message: bytes, position_ms: float = 0.0) -> RecognizedText | None:
        """Process a message. Returns the turn's text if it may have changed. Raises ProviderError.

        Args:
            message: The message.
            position_ms: Unused, because the vendor sends timestamps.
        """
        found = read_message(self.provider, message)
        if found.type != "Turn" or not self._add(found):
            return None
        if self._token is not None and self._is_over:
            return self._answer()
        return RecognizedText(self._text(), final=False)

    def take_signal(self) -> TurnSignal | None:
        """Return the vendor's judgment of the turn's end, once per message that contains a judgment."""
        signal, self._signal = self._signal, None
        return signal

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """Return the answer to `finalize` without a further message, if possible.

        This is the case if the vendor has ended its turn, or if its end is overdue and the vendor detects no speech.
        Otherwise returns None: only the vendor can end a running turn, whose latest text may lack words.
        """
        if self._token is None:
            return None
        is_running = any(self._is_running(turn) for turn in self._turns.values())
        return self._answer() if self._is_over or (is_overdue and not is_running) else None

    @property
    def _is_over(self) -> bool:
        """Whether the vendor ended the turn after the speech for which a text was requested."""
        return self._over_ms is not None and self._asked_ms - self._over_ms <= MOST_SILENCE_MS

    def _is_running(self, turn: _VendorTurn) -> bool:
        """Return whether the vendor may still change this turn. All messages of a turn come before those of the next
        turn.
        """
        return not turn.has_ended and turn.order >= self._latest

    def _add(self, found: TurnMessage) -> bool:
        """Store a message's turn. Returns False if the message changes nothing.

        Late updates of an ended turn and empty ends change nothing. An empty end of a known turn removes its words.
        """
        known = self._turns.get(found.turn_order)
        is_late = found.turn_order <= self._last_ended and not found.end_of_turn
        text = found.transcript.strip() if found.end_of_turn else _partial_text(found)
        is_empty = not text and (known is None or not found.end_of_turn)
        if is_late or is_empty or (known is not None and known.is_formatted and not found.turn_is_formatted):
            return False
        words = tuple(TimedWord(word.text.removesuffix(_INCOMPLETE), word.start, word.end) for word in found.words)
        if self._is_taken(found, words):
            return False
        has_formatted = found.end_of_turn and found.turn_is_formatted
        turn = _VendorTurn(found.turn_order, text, words, found.end_of_turn, has_formatted)
        self._turns[found.turn_order] = turn
        self._latest = max(self._latest, turn.order)
        self._over_ms = None
        if found.end_of_turn:
            self._end(turn)
        self._judge(found)
        return True

    def _is_taken(self, found: TurnMessage, words: tuple[TimedWord, ...]) -> bool:
        """Return whether the message repeats or formats a turn that an earlier turn of ours already used."""
        is_known = found.turn_order in self._turns or found.turn_order > self._last_ended
        return not is_known and all(word.end_ms <= self._turn_start_ms for word in words)

    def _end(self, turn: _VendorTurn) -> None:
        self._last_ended = max(self._last_ended, turn.order)
        end_ms = turn.end_ms if turn.words else self._asked_ms
        if end_ms + TOLERANCE_MS >= self._speech_ms and (turn.is_formatted or not self.formats):
            self._over_ms = end_ms

    def _judge(self, found: TurnMessage) -> None:
        """Create a signal from the vendor's judgment of the turn's end."""
        was_forced = found.end_of_turn and self._is_forced
        if found.end_of_turn:
            self._is_forced = False
        text = self._text()
        if not text:
            return
        finished = self._finished(found, was_forced=was_forced)
        if finished is not None:
            self._signal, self._signaled = TurnSignal(text, finished), text
        elif text == self._signaled and not found.end_of_turn:
            self._signal, self._signaled = TurnSignal(text, None), ""

    def _finished(self, found: TurnMessage, *, was_forced: bool) -> float | None:
        """Return the probability that the caller has finished; None if unknown.

        The vendor does not distinguish a requested end from its own. While a requested end is awaited, only a missing
        end mark counts.
        """
        mark = self.calibration.mark
        if mark is not None and found.end_of_turn:
            finished = mark.probability(found.transcript)
            return finished if not was_forced or finished == mark.open else None
        probability = None if was_forced else self.calibration.probability(found.end_of_turn_confidence)
        return probability if probability is not None and found.end_of_turn_confidence >= LEAST_CONFIDENCE else None

    def _answer(self) -> RecognizedText:
        token, self._token = self._token, None
        text = self._text(self._asked_ms)
        return RecognizedText(text, final=True, token=token, words=self._words())

    def _text(self, until_ms: float = _EVER) -> str:
        turns = sorted(self._turns.values(), key=lambda turn: turn.order)
        parts = (turn.text_between(self._turn_start_ms, until_ms) for turn in turns)
        return " ".join(part for part in parts if part)

    def _words(self) -> tuple[TimedWord, ...]:
        turns = sorted(self._turns.values(), key=lambda turn: turn.order)
        return tuple(word for turn in turns for word in turn.between(self._turn_start_ms, self._asked_ms))


def _partial_text(found: TurnMessage) -> str:
    """Return all words, including those that may change, without the mark of an incomplete text."""
    text = " ".join(word.text for word in found.words) or found.transcript
    return text.strip().removesuffix(_INCOMPLETE).rstrip()


def make_query(name: str, options: AssemblyAiSpeechToTextOptions, language: str) -> dict[str, QueryField]:
    """Return a session's query parameters. Raises ProviderError if the model does not support the language."""
    base = (options.language or language).partition("-")[0].lower()
    if base not in LANGUAGES.get(options.model, (base,)):
        raise ProviderError(name, f"{options.model} does not support {base!r}", retryable=False, cause="refused")
    query: dict[str, QueryField] = {
        "speech_model": options.model,
        "encoding": "pcm_mulaw",
        "sample_rate": RATE,
        "keyterms_prompt": options.keyterm or None,
        "min_turn_silence": options.min_turn_silence_ms,
        "max_turn_silence": options.max_turn_silence_ms,
    }
    if options.model.startswith(UNIVERSAL_3):
        more: dict[str, QueryField] = {
            "language_codes": (base,),
            "agent_context": options.agent_context or None,
            "mode": options.mode or None,
        }
        return {**query, **more}
    return {**query, "format_turns": options.format_turns}
