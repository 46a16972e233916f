"""The rules of turn-taking in a call, and English words that show whether a turn has ended.

Pure functions of the words; no clock, no state. Full stops and question marks count for nothing: recognizers put them
after nearly everything that is followed by a pause.
"""

import re
from dataclasses import dataclass

from media.turn.backchannels import phrase_set, split_words
from media.turn.dictation import digit_count
from media.turn.expected_reply import ExpectedReply, asks_caller, expected_reply

__all__ = ["ExpectedReply", "TurnRules", "asks_caller", "expected_reply"]

LEAST_MS = 200


@dataclass(frozen=True, slots=True)
class TurnRules:
    """Turn-taking settings of one call; the first four come from the agent's plan, the rest rarely change. All in ms.

    silence_ms: silence, from the true end of speech, that ends a turn if the rules are not adaptive (never under 200).
    adaptive: the evidence decides (media/turn/expected_cost.py); 600 means its own silences, others scale them.
    price_ms: what it costs to answer a caller who would have gone on, as ms of waiting.
    earliest_ms: no answer that is prepared during the silence sounds before this, counted from the end of speech.
    barge_in: the caller may interrupt.
    min_words: words, backchannels not counted, that make an interruption.
    pause_ms: silence after which a final text is requested, ahead of the turn's end (at most half of silence_ms).
    text_wait_ms: longest wait for that text.
    onset_wait_ms: how much longer than an adaptive silence a turn stays open for a sound that may be speech.
    prepare_ms: how long before the end of an adaptive silence the answer is asked for; 0: after it.
    nod_ms: speech over an audible agent for which it is only lowered, because nods are as short; 0 silences it at once.
    settle_ms: speech that begins within so much of an audible reply continues the caller's turn: 600 ms, and 40 ms by
        which the start of soft words is found late.
    continue_ms: such speech that withdraws the reply, whatever its words are: 300 ms, which the detector measures as up
        to 40 ms more.
    commit_ms: speech over the agent that interrupts whatever its words are.
    held_pause_ms, resume_wait_ms: after a hold, silence until the text is requested, then the wait before resuming.
    held_max_ms: after this, any further speech interrupts.
    near_end_ms: a question of the agent's with less than this left to play may be answered by any word.
    false_hold_ms: after each false hold the next one needs this much more speech (until the agent is done).
    language: of the call, as in its plan.
    """

    silence_ms: int = 600
    adaptive: bool = True
    barge_in: bool = True
    min_words: int = 1
    pause_ms: int = 200
    text_wait_ms: int = 1_500
    onset_wait_ms: int = 200
    prepare_ms: int = 600
    nod_ms: int = 520
    settle_ms: int = 640
    continue_ms: int = 340
    commit_ms: int = 1_000
    held_pause_ms: int = 250
    resume_wait_ms: int = 700
    held_max_ms: int = 3_000
    near_end_ms: int = 1_000
    false_hold_ms: int = 150
    language: str = "en"
    price_ms: int = 2_000
    earliest_ms: int = 640


# Last words after which a sentence always continues.
_GOES_ON = phrase_set(
    "and|but|or|because|cause|if|when|while|although|unless|until|than|that's|um|uh|er|erm|hmm|the|a|an|my|your|our|"
    "their|its|i|i'm|i'd|i'll|i've|we're|we'd|they're|he's|she's|it's|there's|plus"
)
# Last words after which it mostly does ("I want to speak to", "The bus is"), except "What is it for?" and "Yes, it is."
_PREPOSITIONS = phrase_set("to|of|with|for|at|from|in|on|by|about|into")
_AUXILIARIES = phrase_set("is|are|was|were|am|will|would|can|could")
_PRONOUNS = phrase_set("i|you|he|she|it|we|they|that|this|there|what|who|where|how")
_FIRST_OF_QUESTIONS = phrase_set(
    "what|what's|which|who|who's|whose|where|where's|when|when's|how|how's|why|do|does|did|is|are|was|were|am|can|"
    "could|would|will|shall|should|has|have|had|may|might"
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
_THAT_IS_ALL = re.compile(
    r"\b(that's (it|all)|that is all|that would be all|thank you|thanks|good ?bye|bye)\W*$",
    re.IGNORECASE,
)


def is_unfinished(text: str) -> bool:
    """Whether the text certainly breaks off: a trailing comma or dash, a conjunction, an article, a hesitation."""
    spoken = split_words(text)
    return bool(spoken) and (text.rstrip().endswith(_BROKEN_OFF) or spoken[-1] in _GOES_ON)


def may_be_unfinished(spoken: list[str]) -> bool:
    """Return whether the words (from `split_words`) probably break off: after a preposition, or after a noun and an
    auxiliary. A question may end in either, and "Yes, they are" ends in a pronoun and an auxiliary."""
    if not spoken or spoken[0] in _FIRST_OF_QUESTIONS:
        return False
    follows_noun = len(spoken) > 1 and spoken[-2] not in _PRONOUNS
    return spoken[-1] in _PREPOSITIONS or (spoken[-1] in _AUXILIARIES and follows_noun)


def is_plain_answer(spoken: list[str]) -> bool:
    """Whether the words (from `split_words`) answer a yes/no question and say no more."""
    return " ".join(spoken) in _YES_NO


def ends_message(text: str) -> bool:
    """Whether who leaves a message has said that it is over."""
    return _THAT_IS_ALL.search(text) is not None


def declines_dictation(text: str) -> bool:
    """Whether the caller says that there is nothing to dictate: "I don't have one"."""
    return _HAS_NOTHING_TO_DICTATE.search(text) is not None and digit_count(split_words(text)) <= 1
