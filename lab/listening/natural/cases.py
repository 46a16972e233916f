"""What happened in one natural turn of a virtual call: who spoke when, and what the call understood."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

import msgspec

from lab.listening.natural.recordings import InnerPause, NaturalTurn, Phrase
from lab.listening.overlap_heard import overlap_heard_ms
from lab.listening.pauses import STARTING_MS
from lab.listening.virtual_call import CallOutcome
from lab.listening.virtual_carrier import SoundSpan
from media.turn.backchannels import phrase_set, split_words
from shared.events import CallerSaid, TurnResumed

# The call may set the start of a turn so long before the true start.
_EARLIEST_MS = 300
HESITATIONS: Final = phrase_set("um|uh|ah|oh|er|hm|hmm")
# Rounding of event times.
_CLOSE_MS = 20

# The audible stretches of an answer.
Answer = list[SoundSpan]


class HeardPause(msgspec.Struct, frozen=True):
    """An inner pause of a turn. Times are in ms from the turn's start.

    Attributes:
        phrase: What the words before the pause are; empty if the pause has no label.
        was_cut: Whether the agent began to sound in the pause, or less than STARTING_MS after it.
    """

    at_ms: int
    length_ms: int
    phrase: Phrase | None
    was_cut: bool


class NaturalCase(msgspec.Struct, frozen=True):
    """One turn of a natural caller in a virtual call.

    Attributes:
        case: As in `NaturalTurn`, as are source, speaker, call and prompt.
        said: The words that belong to the recording.
        heard: The words of the call's turns, separated by " / ".
        turns: How many turns the call counted.
        starts_ms: When the agent began to sound, from the true end of the turn. Negative values are cuts.
        has_withdrawn_start: Whether an answer began before the final one.
        response_ms: From the true end to the first sound of the final answer. Negative if the agent began before the
            end and went on. None if no answer came.
        overlap_ms: How long the caller heard the agent while speaking (`overlap_heard_ms`).
        lost_words: Words that a patient call understands and this one did not, except hesitations. None in turns
            without a pause.
    """

    case: str
    source: str
    speaker: str
    call: str
    prompt: str
    said: str
    heard: str
    turns: int
    pauses: list[HeardPause]
    starts_ms: list[float]
    has_withdrawn_start: bool
    response_ms: float | None
    overlap_ms: float
    lost_words: int | None = None
    is_agent: bool = False

    @property
    def was_cut(self) -> bool:
        """Whether the agent began to sound before the true end, even if it stopped again."""
        return any(start < 0 for start in self.starts_ms)

    @property
    def is_ordinary(self) -> bool:
        """Whether the caller spoke without a pause."""
        return not self.pauses

    @property
    def is_merged(self) -> bool:
        """Whether the call has all words in one turn, if a patient call understands any."""
        return self.turns <= 1 and not self.lost_words


def judge_turn(
    turn: NaturalTurn,
    outcome: CallOutcome,
    start_ms: float,
    until_ms: float,
    labels: dict[tuple[str, int], Phrase],
) -> NaturalCase:
    """Return the case of a turn.

    Args:
        start_ms: When the turn starts in the call.
        until_ms: When the caller's next turn starts in the call.
        labels: Phrases by case and place of the pause.
    """
    end_ms = start_ms + turn.end_ms - turn.start_ms
    answers = answers_between(outcome, start_ms, until_ms)
    final = final_answer(answers, outcome.clears, end_ms)
    heard = texts_between(outcome, start_ms, until_ms - _EARLIEST_MS)
    bursts = [(start_ms + start - turn.start_ms, start_ms + end - turn.start_ms) for start, end in turn.bursts]
    return NaturalCase(
        case=turn.case,
        source=turn.source,
        speaker=turn.speaker,
        call=turn.call,
        prompt=turn.prompt,
        said=turn.text,
        heard=" / ".join(heard),
        turns=len(heard),
        pauses=[
            HeardPause(pause.at_ms, pause.length_ms, labels.get((turn.case, pause.at_ms)), was_cut)
            for pause in turn.pauses
            for was_cut in [any(_is_in(answer[0].start - start_ms, pause) for answer in answers)]
        ],
        starts_ms=[round(answer[0].start - end_ms, 1) for answer in answers],
        has_withdrawn_start=bool(answers) and final is not answers[0],
        response_ms=round(final[0].start - end_ms, 1) if final else None,
        overlap_ms=overlap_heard_ms(outcome.agent, bursts),
        is_agent=turn.is_agent,
    )


def _is_in(at_ms: float, pause: InnerPause) -> bool:
    return pause.at_ms <= at_ms <= pause.at_ms + pause.length_ms + STARTING_MS


def answers_between(outcome: CallOutcome, start_ms: float, until_ms: float) -> list[Answer]:
    """Return the audible stretches of each answer that began between two times. An answer that was only interrupted by
    a sound goes on in another stretch and stays one answer."""
    resumed = [event.at_ms for event in outcome.events if isinstance(event, TurnResumed)]
    answers: list[Answer] = []
    for span in outcome.spans:
        if not start_ms <= span.start < until_ms or span.end <= span.start:
            continue
        before = answers[-1][-1].end if answers else until_ms
        if any(before - _CLOSE_MS <= at <= span.start + _CLOSE_MS for at in resumed):
            answers[-1].append(span)
        else:
            answers.append([span])
    return answers


def final_answer(answers: Sequence[Answer], clears: Sequence[float], end_ms: float) -> Answer | None:
    """Return the answer to the turn: the first after its end that was not silenced, else the last one. An answer to a
    later noise is not the final one."""
    after = [answer for answer in answers if answer[0].start >= end_ms]
    kept = [answer for answer in after if not any(abs(answer[-1].end - clear) < 1 for clear in clears)]
    return next(iter(kept or after[-1:] or answers[-1:]), None)


def texts_between(outcome: CallOutcome, start_ms: float, until_ms: float) -> list[str]:
    """Return the texts of the caller's turns that ended after the first time and began before the second."""
    said = [event for event in outcome.events if isinstance(event, CallerSaid)]
    return [event.text for event in said if event.end_ms > start_ms and event.start_ms < until_ms]


def count_lost_words(wanted: str, heard: str) -> int:
    """Return how many words are missing, except hesitations. A word in the place of another one is not missing."""
    words, other_words = ([word for word in split_words(text) if word not in HESITATIONS] for text in (wanted, heard))
    missing = 0
    for kind, start, end, other_start, other_end in SequenceMatcher(
        None, words, other_words, autojunk=False
    ).get_opcodes():
        if kind in ("delete", "replace"):
            missing += max(0, (end - start) - (other_end - other_start))
    return missing
