"""Digits of the caller: keys, and words where a tool takes them; keys that no tool asked for become a turn."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from media.tools.collected_digits import CollectedDigits, DigitOutcome, DigitRequest, DigitSource
from media.turn.dictation import DictationState, Progress, dictation_state
from media.turn.expected_dictation import DictationKind, ExpectedDictation
from media.turn.spoken_digits import UNCLEAR, read_digits

# Unrequested digits become a turn after this pause.
GATHER_MS = 1_500.0
# A terminator that follows the last requested digit this soon belongs to the request.
TERMINATOR_MS = 3_000.0
# Keys that follow others this soon continue a number: the last digit of one that was longer than the tool expected, or
# that is typed slowly.
ALONE_MS = 5_000.0


# After a turn of spoken digits that may be all, so long is waited for more: the turn's end was decided by a silence.
SPOKEN_PAUSE_MS: Final = 3_000.0
# After so many failures the caller is told that keys work, too.
FAILURES_BEFORE_KEYPAD: Final = 2


@dataclass(slots=True)
class _Collection:
    """A running request for digits. deadline: on the call's clock. tries: begun so far. sources: how the digits of this
    try were given. prompt: to be said before the next try."""

    request: DigitRequest
    result: asyncio.Future[CollectedDigits]
    deadline: float
    tries: int = 1
    sources: set[DigitSource] = field(default_factory=set)
    prompt: str = ""


class DigitCollector:
    """Collects a call's digits. Times are in ms on the call's clock; `tick` drives the time-outs."""

    def __init__(
        self,
        on_collecting: Callable[[bool], None] = lambda is_collecting: None,
        *,
        try_again: str = "",
        keypad: str = "",
    ) -> None:
        """on_collecting: called when a tool begins to wait for digits, and when none does any more. try_again: said
        before a further try where the tool has no words for it. keypad: says that keys work, too."""
        self._on_collecting, self._try_again, self._keypad = on_collecting, try_again, keypad
        self._keys = ""
        self._pressed_at = -math.inf
        self._since_others = math.inf
        self._terminator_pending = ""
        self._collection: _Collection | None = None

    @property
    def is_collecting(self) -> bool:
        """Whether a tool waits for digits."""
        return self._collection is not None

    @property
    def are_alone(self) -> bool:
        """Whether the keys that `tick` returned last were pressed on their own, and continue no number."""
        return self._since_others >= ALONE_MS

    @property
    def takes_speech(self) -> bool:
        """Whether a tool waits for digits that may be spoken."""
        return self._collection is not None and self._collection.request.spoken

    async def collect(self, request: DigitRequest, now: float) -> CollectedDigits:
        """Waits for digits; each try ends with the last one, the terminator key, or a time without a digit.

        Keys pressed before the request count (type-ahead). If it is cancelled, what was pressed is dropped: it may be a
        card number or a PIN, and must not become the caller's words."""
        future: asyncio.Future[CollectedDigits] = asyncio.get_running_loop().create_future()
        collection = self._collection = _Collection(request, future, now + request.first_ms)
        if self._keys:
            collection.sources.add("keys")
        self._on_collecting(True)
        self._check_complete()
        try:
            return await future
        finally:
            if self._collection is collection:
                self._collection = None
                self._keys = ""
            if not self.is_collecting:
                self._on_collecting(False)

    def take_speech(self, text: str, now: float) -> bool:
        """Takes a turn of the caller's; returns whether it was digits that a tool waits for. Other words end the
        request, and are answered."""
        collection = self._collection
        if collection is None or not collection.request.spoken:
            return False
        digits = read_digits(text)
        if not digits:
            collection.result.cancel()
            return False
        collection.sources.add("speech")
        self._keys += digits
        collection.deadline = now + _wait_after_speech(self._keys, collection.request)
        if UNCLEAR in digits or len(self._keys) > collection.request.most:
            self._fail(collection, now)
        else:
            self._check_complete()
        return True

    def take_prompt(self) -> str:
        """What is to be said before the next try; "" where nothing is, and the second time."""
        if self._collection is None:
            return ""
        prompt, self._collection.prompt = self._collection.prompt, ""
        return prompt

    def press(self, digit: str, now: float) -> None:
        """A key was pressed."""
        late_terminator, self._terminator_pending = self._terminator_pending, ""
        if digit == late_terminator and now - self._pressed_at < TERMINATOR_MS:
            return
        if not self._keys:
            self._since_others = now - self._pressed_at
        self._keys += digit
        self._pressed_at = now
        if self._collection:
            self._collection.sources.add("keys")
            self._collection.deadline = now + self._collection.request.next_ms
            self._check_complete(now)

    def tick(self, now: float, is_quiet: bool, *, may_interrupt: bool = True) -> str:
        """Returns unrequested digits once they are complete; ends a try that has timed out.

        is_quiet: neither side speaks; the time-out runs only then. may_interrupt: otherwise they wait for a later
        tick."""
        if self._collection:
            self._check_timeout(self._collection, now, is_quiet)
            return ""
        if not self._keys or now - self._pressed_at < GATHER_MS or not may_interrupt:
            return ""
        keys, self._keys = self._keys, ""
        return keys

    def _check_timeout(self, collection: _Collection, now: float, is_quiet: bool) -> None:
        if not is_quiet:
            wait_ms = collection.request.next_ms if self._keys else collection.request.first_ms
            collection.deadline = now + wait_ms
        elif now >= collection.deadline:
            self._end_try(collection, self._keys, now)

    def _check_complete(self, now: float | None = None) -> None:
        collection = self._collection
        if collection is None:
            return
        end = collection.request.terminator
        keys, found, _ = self._keys.partition(end) if end else (self._keys, "", "")
        if found or _is_whole(keys, collection.request):
            self._terminator_pending = "" if found else end
            self._end_try(collection, keys[: collection.request.most], collection.deadline if now is None else now)

    def _end_try(self, collection: _Collection, keys: str, now: float) -> None:
        """Ends the request if there are enough digits, or no try is left."""
        request = collection.request
        if len(keys) >= request.least:
            self._finish(collection, keys, is_enough=True)
        else:
            self._fail(collection, now, keys)

    def _fail(self, collection: _Collection, now: float, keys: str = "") -> None:
        """The try gave no usable digits: the next one, or the end."""
        request = collection.request
        if collection.tries >= request.tries:
            return self._finish(collection, keys, is_enough=False)
        words = request.retry_prompts[collection.tries - 1 : collection.tries] or request.retry_prompts[-1:]
        prompt = words[0] if words else self._try_again
        if request.spoken and collection.tries >= FAILURES_BEFORE_KEYPAD:
            prompt = f"{prompt} {self._keypad}".strip()
        collection.tries += 1
        collection.prompt = prompt
        collection.deadline = now + request.first_ms
        collection.sources.clear()
        self._keys = ""

    def _finish(self, collection: _Collection, keys: str, *, is_enough: bool) -> None:
        self._collection = None
        self._keys = ""
        if not collection.result.done():
            outcome: DigitOutcome = "complete" if is_enough else "too_few" if keys else "nothing"
            collected = CollectedDigits(keys, outcome, collection.tries, tuple(sorted(collection.sources)))
            collection.result.set_result(collected)


def _is_whole(digits: str, request: DigitRequest) -> bool:
    """Whether no further digit can follow: the most, or the length of what they are."""
    if len(digits) >= request.most or not request.kind:
        return len(digits) >= request.most
    state = _state_of(digits, request)
    return state.progress is Progress.WHOLE and not state.may_continue


def _wait_after_speech(digits: str, request: DigitRequest) -> float:
    may_be_all = len(digits) >= request.least
    if request.kind:
        may_be_all = may_be_all and _state_of(digits, request).progress is Progress.WHOLE
    return min(request.next_ms, SPOKEN_PAUSE_MS) if may_be_all else request.next_ms


def _state_of(digits: str, request: DigitRequest) -> DictationState:
    return dictation_state(digits, ExpectedDictation(DictationKind(request.kind)))
