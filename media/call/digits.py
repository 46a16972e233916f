"""Collects digits from keys and words, and reads them back if they must be confirmed."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from media.call.phrases import Phrases, phrases_in
from media.tools.collected_digits import CollectedDigits, DigitOutcome, DigitRequest, DigitSource
from media.turn.confirmation import CallerConfirmation, read_confirmation
from media.turn.dictation import DictationState, Progress, dictation_state
from media.turn.expected_dictation import DictationKind, ExpectedDictation
from media.turn.spoken_digits import UNCLEAR, is_dictated, read_digits
from media.turn.spoken_groups import speak_groups

# Unrequested digits become a turn after this pause.
GATHER_MS = 1_500.0
# A terminator key within this time after the last requested digit belongs to the request.
TERMINATOR_MS = 3_000.0
# Keys within this time after others continue a number: it was longer than the tool expected, or is typed slowly.
ALONE_MS = 5_000.0


# How long more digits are awaited after a turn of spoken digits that may be complete, because a silence ended the turn.
SPOKEN_PAUSE_MS: Final = 3_000.0
# After this many failures the caller is told that keys work, too.
FAILURES_BEFORE_KEYPAD: Final = 2
# This many spoken digits are a number that must be confirmed, because recognizers mishear about one word in twenty.
# Fewer digits are a choice.
LEAST_CONFIRMED: Final = 4
# How often the caller is asked whether the digits are right.
MOST_QUESTIONS: Final = 2
# A "no" with at least this many digits is the next try: "no, four one six". Fewer may be words ("no, the last one").
LEAST_CORRECTION: Final = 3
# A "yes" this long before the end of the question comes before all digits were heard: the caller only listens
# ("uh-huh"), or has pressed a key too many.
EARLY_ANSWER_MS: Final = 1_000.0
# After such a "yes" the question is repeated if nothing else follows.
EARLY_PAUSE_MS: Final = 1_500.0
YES_KEY: Final = "1"
NO_KEY: Final = "2"


@dataclass(frozen=True, slots=True)
class DigitPrompt:
    """Words between two tries. `is_secret` means that they contain digits."""

    text: str
    is_secret: bool = False


@dataclass(slots=True)
class _Collection:
    """A running request for digits.

    Attributes:
        deadline: On the call's clock.
        tries: The number of tries begun so far.
        sources: How the digits of this try were given.
        prompt: What to say next.
        unconfirmed: Digits that the caller is asked to confirm. Empty for none.
        questions: How often that question was said.
        answerable_at: From when on a "yes" counts.
    """

    request: DigitRequest
    result: asyncio.Future[CollectedDigits]
    deadline: float
    tries: int = 1
    sources: set[DigitSource] = field(default_factory=set)
    prompt: DigitPrompt | None = None
    unconfirmed: str = ""
    questions: int = 0
    answerable_at: float = math.inf


class DigitCollector:
    """Collects a call's digits. Times are in ms on the call's clock. `tick` drives the time-outs.

    A number that was spoken, and digits for which the tool requests it, are read back. The tool gets them once the
    caller has said yes, in words or by a key. The language model takes no part in this.
    """

    def __init__(
        self,
        on_collecting: Callable[[bool], None] = lambda is_collecting: None,
        phrases: Callable[[], Phrases] = lambda: phrases_in("en"),
    ) -> None:
        """Create a collector.

        Args:
            on_collecting: Called when a tool begins to wait for digits, and when no tool waits any longer.
            phrases: Returns the phrases of the call's language.
        """
        self._on_collecting, self._phrases = on_collecting, phrases
        self._keys = ""
        self._pressed_at = -math.inf
        self._since_others = math.inf
        self._is_in_question = False
        self._terminator_pending = ""
        self._collection: _Collection | None = None

    @property
    def is_collecting(self) -> bool:
        """Whether a tool waits for digits."""
        return self._collection is not None

    @property
    def are_alone(self) -> bool:
        """Whether the keys that `tick` returned last were pressed separately and continue no number."""
        return self._since_others >= ALONE_MS

    @property
    def takes_speech(self) -> bool:
        """Whether a tool waits for words: for digits that may be spoken, or for a yes or a no."""
        collection = self._collection
        return collection is not None and (collection.request.spoken or bool(collection.unconfirmed))

    async def collect(self, request: DigitRequest, now: float) -> CollectedDigits:
        """Wait for digits. Each try ends with the last digit, the terminator key, or a time without a digit.

        Keys pressed before the request count (type-ahead). If the request is cancelled, the keys are dropped, because
        they may be a card number or a PIN and must not become the caller's words. A further request ends the previous
        one.
        """
        self.abandon()
        future: asyncio.Future[CollectedDigits] = asyncio.get_running_loop().create_future()
        collection = self._collection = _Collection(request, future, now + request.first_ms)
        if self._keys:
            collection.sources.add("keys")
        self._on_collecting(True)
        self._check_complete(now)
        try:
            return await future
        finally:
            if self._collection is collection:
                self._collection = None
                self._keys = ""
            if not self.is_collecting:
                self._on_collecting(False)

    def take_speech(self, text: str, ended: float, now: float) -> bool:
        """Process a turn of the caller. Return whether it contains awaited digits, or confirms or rejects digits.

        Other words end the request and are answered.

        Args:
            ended: When the caller stopped speaking.
        """
        collection = self._collection
        if collection is None:
            return False
        if collection.unconfirmed:
            return self._take_answer(collection, text, ended, now)
        digits = read_digits(text) if collection.request.spoken and is_dictated(text) else ""
        if not digits:
            self.abandon()
            return False
        self._add_spoken(collection, digits, now)
        return True

    def _add_spoken(self, collection: _Collection, digits: str, now: float) -> None:
        collection.sources.add("speech")
        self._keys += digits
        collection.deadline = now + _wait_after_speech(self._keys, collection.request)
        if UNCLEAR in digits or len(self._keys) > collection.request.most:
            self._fail(collection, now)
        else:
            self._check_complete(now)

    def abandon(self) -> None:
        """End the request, because the caller wants something else."""
        if self._collection is not None:
            self._collection.result.cancel()

    def take_prompt(self) -> DigitPrompt | None:
        """Return what to say next, or None if there is nothing. Each prompt is returned once."""
        collection = self._collection
        if collection is None or collection.prompt is None:
            return None
        prompt, collection.prompt = collection.prompt, None
        collection.questions += bool(collection.unconfirmed)
        return prompt

    def question_ends(self, at: float) -> None:
        """Set when the question whether the digits are right ends or has ended."""
        if self._collection is not None:
            self._collection.answerable_at = at - EARLY_ANSWER_MS

    def waits(self, is_request: Callable[[str], bool]) -> bool:
        """Return whether unrequested keys wait until the caller's question was answered, because they were pressed
        within it.

        As a separate turn they would cut off the answer.

        Args:
            is_request: Returns whether keys are a request to the call.
        """
        return self._is_in_question and not is_request(self._keys)

    def press(self, digit: str, now: float, *, in_question: bool = False) -> None:
        """Process a pressed key. `in_question`: while the caller spoke or waited for the answer."""
        late_terminator, self._terminator_pending = self._terminator_pending, ""
        if digit == late_terminator and now - self._pressed_at < TERMINATOR_MS:
            return
        if self._collection and self._collection.unconfirmed:
            return self._press_answer(self._collection, digit, now)
        if not self._keys:
            self._since_others, self._is_in_question = now - self._pressed_at, in_question
        self._keys += digit
        self._pressed_at = now
        if self._collection:
            self._collection.sources.add("keys")
            self._collection.deadline = now + self._collection.request.next_ms
            self._check_complete(now)

    def tick(self, now: float, is_quiet: bool, *, may_interrupt: bool = True) -> str:
        """Return unrequested digits once they are complete, and end a try that has timed out.

        Args:
            is_quiet: Neither side speaks. The time-out runs only then.
            may_interrupt: If false, the digits wait for a later tick.
        """
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
        elif now < collection.deadline:
            return
        elif collection.unconfirmed:
            self._ask_again(collection, now)
        else:
            self._end_try(collection, self._keys, now)

    def _check_complete(self, now: float) -> None:
        collection = self._collection
        if collection is None:
            return
        end = collection.request.terminator
        keys, found, _ = self._keys.partition(end) if end else (self._keys, "", "")
        if found or _is_whole(keys, collection.request):
            self._terminator_pending = "" if found else end
            self._end_try(collection, keys[: collection.request.most], now)

    def _end_try(self, collection: _Collection, keys: str, now: float) -> None:
        """End the request if there are enough digits or no try is left."""
        request = collection.request
        if len(keys) < request.least:
            self._fail(collection, now, keys)
        elif keys and _must_confirm(keys, collection):
            collection.unconfirmed, collection.questions, self._keys = keys, 0, ""
            self._put_question(collection, now)
        else:
            self._finish(collection, keys, "complete")

    def _put_question(self, collection: _Collection, now: float) -> None:
        """Ask whether the digits are right; the second time with an explanation of how to answer."""
        kind = DictationKind(collection.request.kind or "code")
        words = self._phrases().confirm_digits.format(digits=speak_groups(collection.unconfirmed, kind))
        if collection.questions:
            words = f"{words} {self._phrases().yes_or_no}"
        collection.prompt, collection.answerable_at = DigitPrompt(words, is_secret=True), math.inf
        collection.deadline = now + collection.request.first_ms

    def _ask_again(self, collection: _Collection, now: float) -> None:
        """Handle an unanswered question. A number that was not confirmed is not given to the tool."""
        if collection.questions < MOST_QUESTIONS:
            self._put_question(collection, now)
        else:
            self._finish(collection, collection.unconfirmed, "unconfirmed")

    def _take_answer(self, collection: _Collection, text: str, ended: float, now: float) -> bool:
        """Process the caller's answer to the question. A "yes" before the digits were heard does not count."""
        digits = read_digits(text) if collection.request.spoken else ""
        answer = read_confirmation(text)
        if len(digits) >= LEAST_CORRECTION:  # the number again, or another number
            is_same = digits == collection.unconfirmed and answer is not CallerConfirmation.NO
            answer = CallerConfirmation.YES if is_same else CallerConfirmation.NO
        match answer:
            case CallerConfirmation.NO:
                self._refuse(collection, now, digits if len(digits) >= LEAST_CORRECTION else "")
            case CallerConfirmation.OTHER:
                self.abandon()
                return False
            case CallerConfirmation.YES if ended >= collection.answerable_at:
                self._finish(collection, collection.unconfirmed, "complete")
            case CallerConfirmation.YES if collection.prompt is None:
                collection.deadline = now + EARLY_PAUSE_MS
            case _ if collection.prompt is None:
                self._ask_again(collection, now)
        return True

    def _press_answer(self, collection: _Collection, key: str, now: float) -> None:
        """Process a key. Before the digits were heard it may belong to them, so there are too many digits."""
        self._pressed_at = now
        if now < collection.answerable_at:
            return
        if key == YES_KEY:
            self._finish(collection, collection.unconfirmed, "complete")
        elif key == NO_KEY:
            self._refuse(collection, now)
        else:
            self._ask_again(collection, now)

    def _refuse(self, collection: _Collection, now: float, correction: str = "") -> None:
        """Begin the next try, because the digits are wrong. It may begin with digits that were said with the "no"."""
        if collection.tries >= collection.request.tries:
            return self._finish(collection, collection.unconfirmed, "unconfirmed")
        collection.unconfirmed = ""
        self._fail(collection, now)
        if correction:
            collection.prompt = None
            self._add_spoken(collection, correction, now)

    def _fail(self, collection: _Collection, now: float, keys: str = "") -> None:
        """End a try without usable digits: begin the next one, or end the request."""
        request = collection.request
        if collection.tries >= request.tries:
            return self._finish(collection, keys, "too_few" if keys else "nothing")
        words = request.retry_prompts[collection.tries - 1 : collection.tries] or request.retry_prompts[-1:]
        prompt = words[0] if words else self._phrases().not_understood
        if request.spoken and collection.tries >= FAILURES_BEFORE_KEYPAD:
            prompt = f"{prompt} {self._phrases().use_keypad}"
        collection.tries += 1
        collection.prompt = DigitPrompt(prompt)
        collection.deadline = now + request.first_ms
        collection.sources.clear()
        self._keys = ""

    def _finish(self, collection: _Collection, keys: str, outcome: DigitOutcome) -> None:
        self._collection = None
        self._keys = ""
        if not collection.result.done():
            is_confirmed = outcome == "complete" and bool(collection.unconfirmed)
            sources = tuple(sorted(collection.sources))
            collection.result.set_result(CollectedDigits(keys, outcome, collection.tries, sources, is_confirmed))


def _must_confirm(digits: str, collection: _Collection) -> bool:
    """Return whether the caller must confirm the digits: the tool requests it, or a number was spoken."""
    return collection.request.confirm or ("speech" in collection.sources and len(digits) >= LEAST_CONFIRMED)


def _is_whole(digits: str, request: DigitRequest) -> bool:
    """Return whether no further digit can follow: the maximum is reached, or the length for this kind."""
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
