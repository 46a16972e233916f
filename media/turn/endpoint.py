"""The rules of turn-taking in a call, and English words that show whether a turn has ended.

The functions depend only on the words; they have no clock and no state. Full stops and question marks are ignored,
because recognizers put them after nearly everything that is followed by a pause.
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
    """Turn-taking settings of one call, in ms. The first four come from the agent's plan; the others rarely change.

    Attributes:
        silence_ms: The silence, from the true end of speech, that ends a turn if the rules are not adaptive (at least
            200).
        adaptive: The evidence decides (media/turn/expected_cost.py). A `silence_ms` of 600 means its own silences;
            other values scale them.
        price_ms: The cost of answering a caller who would have continued, in ms of waiting.
        earliest_ms: An answer that is prepared during the silence does not sound before this, counted from the end of
            speech.
        barge_in: The caller may interrupt.
        min_words: The number of words, without backchannels, that make an interruption.
        pause_ms: The silence after which a final text is requested before the turn ends (at most half of silence_ms).
        text_wait_ms: The longest wait for that text.
        onset_wait_ms: How much longer than an adaptive silence a turn stays open for a sound that may be speech.
        prepare_ms: How long before the end of an adaptive silence the answer is requested; 0 requests it after the
            silence.
        nod_ms: Speech over an audible agent up to this length only lowers the agent, because backchannels are this
            short. 0 silences the agent at once.
        settle_ms: Speech that begins within this time of an audible reply continues the caller's turn. It is 600 ms
            plus 40 ms, because the start of soft words is found late.
        continue_ms: Such speech withdraws the reply after this time, whatever its words are. It is 300 ms, which the
            detector measures with an error of up to 40 ms.
        commit_ms: Speech over the agent of this length interrupts, whatever its words are.
        held_pause_ms: After a hold, the silence until the text is requested.
        resume_wait_ms: After `held_pause_ms`, the wait before the agent resumes.
        held_max_ms: After this time in a hold, any further speech interrupts.
        near_end_ms: Any word may answer a question of the agent that has less than this left to play.
        false_hold_ms: After each false hold, the next one needs this much more speech until the agent is done.
        language: The language of the call, as in its plan.
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
# Last words after which a sentence usually continues ("I want to speak to", "The bus is"), except "What is it for?" and
# "Yes, it is."
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
    """Return whether the text certainly breaks off: after a comma, a dash, a conjunction, an article or a
    hesitation."""
    spoken = split_words(text)
    return bool(spoken) and (text.rstrip().endswith(_BROKEN_OFF) or spoken[-1] in _GOES_ON)


def may_be_unfinished(spoken: list[str]) -> bool:
    """Return whether the words (from `split_words`) probably break off: after a preposition, or after a noun and an
    auxiliary.

    A question may end in either, and "Yes, they are" ends in a pronoun and an auxiliary.
    """
    if not spoken or spoken[0] in _FIRST_OF_QUESTIONS:
        return False
    follows_noun = len(spoken) > 1 and spoken[-2] not in _PRONOUNS
    return spoken[-1] in _PREPOSITIONS or (spoken[-1] in _AUXILIARIES and follows_noun)


def is_plain_answer(spoken: list[str]) -> bool:
    """Return whether the words (from `split_words`) answer a yes/no question and add nothing else."""
    return " ".join(spoken) in _YES_NO


def ends_message(text: str) -> bool:
    """Return whether a caller who leaves a message has said that it is over."""
    return _THAT_IS_ALL.search(text) is not None


def declines_dictation(text: str) -> bool:
    """Return whether the caller says that there is nothing to dictate: "I don't have one"."""
    return _HAS_NOTHING_TO_DICTATE.search(text) is not None and digit_count(split_words(text)) <= 1
