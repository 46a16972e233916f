"""Messages, addresses and errors of AssemblyAI; no input or output.

What AssemblyAI's streaming sessions send and mean: addresses, messages and errors; pure.

Source: assemblyai 1.8.2 (`streaming/v3`) and assemblyai.com/docs/streaming; see
docs/develop/vendors/assemblyai.md.

Our caller's turn from the turns of AssemblyAI, which it begins and ends itself; pure.

A turn of the vendor's is a segment of ours. It ends by the vendor's own judgment, or because ForceEndpoint was sent
when ours may be over. With formatted turns it ends twice, at first without capitals and marks. Words are cut at the
positions where a text was asked for, by the times that the vendor tells, because a turn of the vendor's may go on
beyond them.
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
# The version of the API whose messages are read here, as the official SDK names it.
VERSION: Final = "2025-05-12"
FORCE_ENDPOINT: Final = '{"type":"ForceEndpoint"}'
TERMINATE: Final = '{"type":"Terminate"}'

QueryField = str | int | float | bool | Sequence[str] | None

# Codes of the current page of close codes, and those that the SDK still lists.
_TOO_MANY: Final = (1013, 3009, 4102)
_UNPAID: Final = (4002, 4003)
_NOT_AUTHORIZED: Final = 4001
# An account problem of any kind; only its text tells which.
_POLICY: Final = 1008
# A message, a parameter or a piece of audio that the vendor does not take: the same would be refused again.
_REFUSED: Final = (3006, 3007, 4000, 4029, 4032, 4033, 4034, 4100, 4101)
_UNPAID_TEXT: Final = re.compile(r"balance|fund|billing|credits?\b|paid", re.IGNORECASE)
_TOO_MANY_TEXT: Final = re.compile(r"too many|concurren|\brate\b", re.IGNORECASE)


class _Word(Struct, frozen=True):
    """start, end: ms of the audio that was sent."""

    text: str
    start: float = 0.0
    end: float = 0.0


class TurnMessage(Struct, frozen=True):
    """Any message; fields that others have keep their defaults. transcript: of the whole turn, without words that may
    still change. end_of_turn_confidence: 0-1; no message is refused because of it."""

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
    """The WebSocket address. Values of None are left out, booleans are in lower case, lists are JSON."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: _encode(value) for name, value in query.items() if value is not None}
    return f"{base}{PATH}?{urlencode(values, quote_via=quote)}"


def make_headers(api_key: str) -> dict[str, str]:
    """The headers of a handshake: the key stands alone, without a scheme."""
    return {"AssemblyAI-Version": VERSION, **({"Authorization": api_key} if api_key else {})}


def read_message(provider: str, message: bytes) -> TurnMessage:
    """A message of the server. Raises ProviderError for the vendor's error and for what cannot be read."""
    try:
        found = _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if found.type == "Error" or (not found.type and found.error):
        raise make_error(provider, found.error_code or 0, found.error, "error").with_answer(message)
    return found


def make_error(provider: str, code: int, text: str, what: str, cause: FailureCause = "error") -> ProviderError:
    """The error for a code of the vendor's, of an Error message or of a close frame. text: tells why an account is
    refused, and is dropped, because it may quote the caller or the key. cause: of a code that says nothing."""
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
    """The error for a connection that the vendor closed while it was needed."""
    return make_error(provider, code, reason, "closed with", "cut")


def _encode(value: QueryField) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(list(value or ()), ensure_ascii=False)


# Speech is noticed about so long after it began, so that a word that ends so shortly before is one of it.
TOLERANCE_MS: Final = 50.0
# Below this confidence the vendor ends no turn by itself, and speech has it as well: it says nothing.
LEAST_CONFIDENCE: Final = 0.4
# A text is asked for after 200 ms of silence. An end whose last word is so much older is of earlier speech: one that
# takes over is sent a minute at once, and may end turns in it by itself.
MOST_SILENCE_MS: Final = 1_000.0
# How models of Universal-3 mark a text that is not complete.
_INCOMPLETE: Final = "—"
_EVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class _VendorTurn:
    """One turn of the vendor's. text: as it came; words: those of it, with times."""

    order: int
    text: str
    words: tuple[TimedWord, ...]
    has_ended: bool = False
    is_formatted: bool = False

    @property
    def end_ms(self) -> float:
        """Where its last word ends; 0 without words."""
        return self.words[-1].end_ms if self.words else 0.0

    def between(self, start_ms: float, until_ms: float) -> tuple[TimedWord, ...]:
        """The words whose middle is between the positions."""
        return tuple(word for word in self.words if start_ms <= (word.start_ms + word.end_ms) / 2 < until_ms)

    def text_between(self, start_ms: float, until_ms: float) -> str:
        """The turn's own text if all its words are between the positions, or if none has a time."""
        inside = self.between(start_ms, until_ms)
        return self.text if len(inside) == len(self.words) else " ".join(one.text for one in inside)


@dataclass(slots=True)
class UniversalTranscript:
    """One session's current turn. Positions are ms of the audio that was sent. formats: turns of the vendor's end
    twice, and the second text is the one that is wanted."""

    provider: str
    calibration: TurnCalibration
    formats: bool = False
    _turns: dict[int, _VendorTurn] = field(default_factory=dict)
    _latest: int = -1  # order of the vendor's latest turn
    _last_ended: int = -1  # and of the latest that it has ended
    _turn_start_ms: float = 0.0
    _asked_ms: float = 0.0
    _speech_ms: float = 0.0  # where the caller began to speak, the last time
    _token: int | None = None
    _over_ms: float | None = None  # where the last word is, if the vendor believes that the caller has finished
    _is_forced: bool = False  # an end was asked for, and did not come yet
    _signaled: str = ""  # the text that the latest signal spoke for
    _signal: TurnSignal | None = None

    def started(self, position_ms: float) -> None:
        """The caller speaks since this position: what the vendor thought of the silence before is out of date."""
        self._speech_ms, self._over_ms = position_ms, None

    def finalize(self, token: int, position_ms: float) -> str:
        """The message that asks for the text up to this position; empty if the vendor has ended its turn since the
        caller spoke: the text is known, and there may be no turn that could be ended."""
        self._token, self._asked_ms = token, position_ms
        if self._is_over:
            return ""
        self._is_forced = True
        return FORCE_ENDPOINT

    def next_turn(self) -> None:
        """What was said before the last `finalize` has been taken."""
        self._token, self._turn_start_ms = None, self._asked_ms
        self._turns = {
            order: turn
            for order, turn in self._turns.items()
            if self._is_running(turn) or turn.between(self._turn_start_ms, _EVER)
        }

    def read(self, message: bytes, position_ms: float = 0.0) -> RecognizedText | None:
        """Take a message; return the turn's text when it may be new. position_ms: is not needed, because the vendor
        times its words. Raises ProviderError."""
        found = read_message(self.provider, message)
        if found.type != "Turn" or not self._add(found):
            return None
        if self._token is not None and self._is_over:
            return self._answer()
        return RecognizedText(self._text(), final=False)

    def take_signal(self) -> TurnSignal | None:
        """What the vendor believes of the turn's end, once for each message that tells it."""
        signal, self._signal = self._signal, None
        return signal

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """The text if the vendor has ended its turn, or if it was asked to, did not for a while, and knows of no speech
        that could be ended. A turn that runs is ended by the vendor or not at all: its last text may lack words."""
        if self._token is None:
            return None
        is_running = any(self._is_running(turn) for turn in self._turns.values())
        return self._answer() if self._is_over or (is_overdue and not is_running) else None

    @property
    def _is_over(self) -> bool:
        """Whether the vendor's end is that of the speech for which a text was asked."""
        return self._over_ms is not None and self._asked_ms - self._over_ms <= MOST_SILENCE_MS

    def _is_running(self, turn: _VendorTurn) -> bool:
        """Whether more may come of it: all messages of a turn come before those of the next."""
        return not turn.has_ended and turn.order >= self._latest

    def _add(self, found: TurnMessage) -> bool:
        """False for a message that says nothing new: of a turn that is over already, and the end of nothing. One
        without text ends a turn whose words were none after all."""
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
        """Whether it repeats or formats a turn that an earlier turn of ours took."""
        is_known = found.turn_order in self._turns or found.turn_order > self._last_ended
        return not is_known and all(word.end_ms <= self._turn_start_ms for word in words)

    def _end(self, turn: _VendorTurn) -> None:
        self._last_ended = max(self._last_ended, turn.order)
        end_ms = turn.end_ms if turn.words else self._asked_ms
        if end_ms + TOLERANCE_MS >= self._speech_ms and (turn.is_formatted or not self.formats):
            self._over_ms = end_ms

    def _judge(self, found: TurnMessage) -> None:
        """Make a signal of what the vendor believes."""
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
        """The probability that the caller has finished; None if nothing is known of it. An end that was asked for is
        not told apart from the vendor's own. So while one is awaited only a mark counts that even then is missing."""
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
    """All words, also those that may change, without the mark of an incomplete text."""
    text = " ".join(word.text for word in found.words) or found.transcript
    return text.strip().removesuffix(_INCOMPLETE).rstrip()


def make_query(name: str, options: AssemblyAiSpeechToTextOptions, language: str) -> dict[str, QueryField]:
    """What a session is opened with. Raises ProviderError for a language that the model does not know."""
    base = (options.language or language).partition("-")[0].lower()
    if base not in LANGUAGES.get(options.model, (base,)):
        raise ProviderError(name, f"{options.model} knows no {base!r}", retryable=False, cause="refused")
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
