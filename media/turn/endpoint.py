"""How much silence ends the caller's turn: short after a finished sentence, long while a number is being dictated.

Pure functions of the words; no clock, no state. Everything here is English except the baseline, which holds for all.
"""

import re
from dataclasses import dataclass

from media.turn.backchannels import phrase_set, split_words
from media.turn.dictation import (
    WHOLE_NUMBER,
    digit_count,
    email_is_complete,
    ends_in_digits,
    ends_in_letters,
)
from media.turn.expected_reply import ExpectedReply, asks_caller, expected_reply

__all__ = ["ExpectedReply", "TurnRules", "asks_caller", "expected_reply", "is_unfinished", "silence_for"]

LEAST_MS = 200
_SHORT_SHARE, _SHORT_FLOOR_MS = 0.7, 250
# Recognisers put a full stop after nearly everything that is followed by a pause, also after "Hello." and half
# sentences; a question mark needs intonation. So a full stop shortens less, and only after a few words.
_STATEMENT_SHARE, _STATEMENT_WORDS = 0.85, 3
_LONG_SHARE = 1.75
_DICTATION_MS = 1_400
_MESSAGE_MS = 1_500
# Of 21 finished and 21 cut phone clips smart-turn called 3 and 5 unfinished: "unfinished" is weak evidence, "finished"
# hardly any. So the first lengthens the silence, and the second shortens it only where the words decide nothing.
_UNFINISHED, _FINISHED = 0.3, 0.85
_UNFINISHED_SHARE, _FINISHED_SHARE = 1.5, 0.85


@dataclass(frozen=True, slots=True)
class TurnRules:
    """Turn-taking settings of one call; the first four come from the agent's plan, the rest rarely change. All in ms.

    silence_ms: silence, from the true end of speech, that ends a turn when nothing else is known.
    adaptive: let words and the hint change that; otherwise it is always exactly `silence_ms` (never under 200).
    barge_in: the caller may interrupt.
    min_words: words, backchannels not counted, that make an interruption.
    pause_ms: silence after which a final text is requested, ahead of the turn's end (at most half of silence_ms).
    text_wait_ms: longest wait for that text.
    commit_ms: speech over the agent that interrupts whatever its words are.
    held_pause_ms, resume_wait_ms: after a hold, silence until the text is requested, then the wait before resuming.
    held_max_ms: after this, any further speech interrupts.
    near_end_ms: a question of the agent's with less than this left to play may be answered by any word.
    false_hold_ms: after each false hold the next one needs this much more speech (until the agent is done).
    """

    silence_ms: int = 600
    adaptive: bool = True
    barge_in: bool = True
    min_words: int = 1
    pause_ms: int = 200
    text_wait_ms: int = 1_500
    commit_ms: int = 1_000
    held_pause_ms: int = 250
    resume_wait_ms: int = 700
    held_max_ms: int = 3_000
    near_end_ms: int = 1_000
    false_hold_ms: int = 150


def silence_for(text: str, expect: ExpectedReply, rules: TurnRules, finished_hint: float | None = None) -> int:
    """The silence in ms that ends a turn whose words so far are `text`; never under 200.

    finished_hint: smart-turn's probability (0-1) that the caller has finished, None without one.
    """
    base = max(LEAST_MS, rules.silence_ms)
    if not rules.adaptive:
        return base
    return max(LEAST_MS, round(_with_hint(_from_words(text, expect, base), base, finished_hint)))


def _from_words(text: str, expect: ExpectedReply, base: int) -> float:
    spoken = split_words(text)
    if expect is ExpectedReply.YES_NO and " ".join(spoken) in _YES_NO:
        return _short(base)
    wait = max(base * _LONG_SHARE if is_unfinished(text) else base, _dictation_silence(text, spoken, expect))
    if wait == base and expect is not ExpectedReply.MESSAGE:
        return _after_sentence(text, spoken, base)
    return wait


def _after_sentence(text: str, spoken: list[str], base: int) -> float:
    end = text.rstrip()[-1:] if spoken else ""
    if end == "?":
        return _short(base)
    if end in (".", "!") and len(spoken) >= _STATEMENT_WORDS:
        return _short(base, _STATEMENT_SHARE)
    return base


def _short(base: int, share: float = _SHORT_SHARE) -> float:
    return min(base, max(base * share, _SHORT_FLOOR_MS))


def _with_hint(silence: float, base: int, hint: float | None) -> float:
    """Applies smart-turn's hint: "unfinished" undoes a shortening or lengthens the baseline, "finished" shortens the
    baseline; longer waits stay."""
    if hint is None or silence > base:
        return silence
    if hint <= _UNFINISHED:
        return base if silence < base else base * _UNFINISHED_SHARE
    if hint >= _FINISHED and silence == base:
        return max(base * _FINISHED_SHARE, min(base, _SHORT_FLOOR_MS))
    return silence


# Last words after which the sentence continues, unless it ends in one of these marks.
_CONTINUES = (
    (
        phrase_set(
            "and|but|or|because|cause|if|when|while|although|unless|until|than|that's|um|uh|er|erm|hmm|the|a|an|my|your|our|"
            "their|its|i|i'm|i'd|i'll|i've|we're|we'd|they're|he's|she's|it's|there's|plus"
        ),
        ("?",),
    ),
    (phrase_set("to|of|with|for|at|from|in|on|by|about|into"), ("?", "!")),
    (phrase_set("so|well|like|though|also|maybe|is|are|was|were|am|will|would|can|could"), ("?", "!", ".")),
)
_BROKEN_OFF = (",", "-", ":", ";", "...", "\N{HORIZONTAL ELLIPSIS}", "\N{EN DASH}", "\N{EM DASH}")
_YES_NO = phrase_set(
    "yes|yeah|yep|yup|no|nope|nah|sure|okay|ok|correct|right|absolutely|of course|that's right|that's correct|"
    "yes please|no thanks|no thank you|yes it is|no it isn't|yes i do|no i don't|yes i am|no i'm not|uh huh|"
    "yes that's right|yes that's correct"
)
_HAS_NOTHING_TO_DICTATE = re.compile(
    r"^\W*(no\b|i (don't|do not|can't|cannot|forgot|have no)|sorry\b|what\b|why\b|never mind)",
    re.IGNORECASE,
)
_OWN_EMAIL = re.compile(r"\be-?mail( address)? (is|would be)\b", re.IGNORECASE)
_THAT_IS_ALL = re.compile(
    r"\b(that's (it|all)|that is all|that would be all|thank you|thanks|good ?bye|bye)\W*$",
    re.IGNORECASE,
)


def is_unfinished(text: str) -> bool:
    """Whether the text breaks off: a trailing comma or dash, a conjunction, an article, a hesitation."""
    spoken, tail = split_words(text), text.rstrip()
    if not spoken:
        return False
    if tail.endswith(_BROKEN_OFF):
        return True
    return any(spoken[-1] in last and not tail.endswith(closing) for last, closing in _CONTINUES)


def _dictation_silence(text: str, spoken: list[str], expect: ExpectedReply) -> int:
    """The silence that dictation needs; 0 when none is under way, or it is complete."""
    if not spoken:
        return 0
    if expect is ExpectedReply.MESSAGE:
        return 0 if _THAT_IS_ALL.search(text) else _MESSAGE_MS
    return _DICTATION_MS if _is_dictating(text, spoken, expect) else 0


def _is_dictating(text: str, spoken: list[str], expect: ExpectedReply) -> bool:
    if _HAS_NOTHING_TO_DICTATE.search(text) and digit_count(spoken) <= 1:
        return False
    match expect:
        case ExpectedReply.DIGITS | ExpectedReply.CODE:
            return 0 < digit_count(spoken) < WHOLE_NUMBER[expect.value]
        case ExpectedReply.EMAIL:
            return not email_is_complete(text)
        case ExpectedReply.SPELLING:
            return ends_in_letters(spoken)
        case _:
            return _volunteers(text, spoken)


def _volunteers(text: str, spoken: list[str]) -> bool:
    """Whether the caller begins to dictate unasked: "my number is four one five", "my e-mail is john dot"."""
    if _OWN_EMAIL.search(text):
        return not email_is_complete(text)
    return ends_in_digits(spoken) and digit_count(spoken) < WHOLE_NUMBER[ExpectedReply.DIGITS.value]
