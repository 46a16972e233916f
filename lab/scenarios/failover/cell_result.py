"""What one call of the matrix showed: silences, words of both sides, failures, and bills."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from lab.scenarios.failover.bills import BillLine
from lab.scenarios.failover.cells import Cell
from lab.scenarios.failover.recording import (
    HeardAnswer,
    WordErrors,
    compare_texts,
    find_word_errors,
    measure_answer,
)
from lab.stage.conversation import FILLERS, heard_turns, is_filler
from shared.events import AgentSaid, CallerSaid, EventEnvelope, ProviderFailed
from simulator.carrier.caller import TurnReport

MOST_SILENCE_MS: Final = 1_500.0


@dataclass(slots=True)
class CellResult:
    """answer: of the disturbed turn. spoken: of the words that the caller should hear. understood: of the caller's
    words as a model got them. recorded: of both sides' words in the call's events. failures: of providers from the
    fault on. early: of providers before it; then the cell says nothing. fault: why the call could not be judged. facts:
    what `judge_call` computes the others from."""

    cell: Cell
    answer: HeardAnswer = field(default_factory=HeardAnswer)
    spoken: WordErrors = field(default_factory=WordErrors)
    understood: WordErrors = field(default_factory=WordErrors)
    recorded: WordErrors = field(default_factory=WordErrors)
    bills: list[BillLine] = field(default_factory=list)
    failures: list[ProviderFailed] = field(default_factory=list)
    early: list[ProviderFailed] = field(default_factory=list)
    fault: str = ""
    facts: "CallFacts | None" = None

    @property
    def is_in_time(self) -> bool:
        """Whether no silence was longer than allowed."""
        longest = self.answer.longest_ms
        return longest is not None and longest <= MOST_SILENCE_MS

    @property
    def has_all_words(self) -> bool:
        """Whether no word of either side was lost, doubled or put elsewhere."""
        return self.spoken.is_none and self.understood.is_none and self.recorded.is_none


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a call left. said, replies: the texts of each turn as they should be. reports: of the caller's turns. agent:
    what was played to the caller. bodies: of the requests that models accepted. disturbed: the turn, from 1."""

    said: Sequence[str]
    replies: Sequence[str]
    reports: Sequence[TurnReport]
    agent: bytes
    bodies: Sequence[Mapping[str, Any]]
    events: Sequence[EventEnvelope]
    disturbed: int
    struck_at: datetime


def judge_call(result: CellResult) -> None:
    """Fills the result but for the bills. It takes a fifth of a second, which would disturb calls that run."""
    facts = result.facts
    if facts is None:
        return
    report, later = facts.reports[facts.disturbed - 1], facts.reports[facts.disturbed :]
    result.answer = measure_answer(
        facts.agent,
        report.speech_ended_ms or 0,
        later[0].began_ms if later else None,
        answer=facts.replies[facts.disturbed - 1],
        fillers=FILLERS,
    )
    result.spoken = find_word_errors(facts.agent, [one.began_ms for one in facts.reports], facts.replies)
    result.understood = _understood(facts)
    result.recorded = _compare_record(facts)
    for envelope in facts.events:
        if isinstance(envelope.event, ProviderFailed):
            is_early = datetime.fromisoformat(envelope.at) < facts.struck_at
            (result.early if is_early else result.failures).append(envelope.event)


def _understood(facts: CallFacts) -> WordErrors:
    """Of each turn, the text nearest to what was said: a request may be replaced when more words come."""
    turns = [heard_turns(body) for body in facts.bodies]
    return _join(
        min(
            (compare_texts(said, texts[-1]) for texts in turns if len(texts) == number),
            key=lambda errors: len(errors.lost) + len(errors.doubled),
            default=compare_texts(said, ""),
        )
        for number, said in enumerate(facts.said, start=1)
    )


def _compare_record(facts: CallFacts) -> WordErrors:
    events = [envelope.event for envelope in facts.events]
    caller = " ".join(event.text for event in events if isinstance(event, CallerSaid))
    agent = " ".join(event.text for event in events if isinstance(event, AgentSaid) and not is_filler(event.text))
    return _join([compare_texts(" ".join(facts.said), caller), compare_texts(" ".join(facts.replies), agent)])


def _join(errors: Iterable[WordErrors]) -> WordErrors:
    found = list(errors)
    return WordErrors(
        tuple(word for one in found for word in one.lost),
        tuple(word for one in found for word in one.doubled),
        any(one.is_disordered for one in found),
    )
