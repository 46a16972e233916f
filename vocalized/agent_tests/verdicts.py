"""Verdicts about a test call. Pure functions."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from control.agent_tests.rules import Assertion, Expectation, ToolUseReport, Verdict
from shared.events import AgentSaid, AnnouncementHeard, CallEnded, CallerSaid, Event, TurnLatency
from vocalized.agent_tests.caller import SpokenTurn
from vocalized.agent_tests.carrier import SoundSpan

# Sounds that begin so close to an edge of the caller's turn do not cut it off: turns have silent edges.
EDGE_MS: Final = 300.0
_EDGES: Final = ".,!?;:\"'()"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What happened in a test call. Times are in ms since it began.

    Attributes:
        agent: When the agent was audible, in order.
        unsaid: How many turns the caller could not say.
        unknown_tools: Names of tools that were called and have no recorded outcome, and when.
    """

    events: Sequence[Event]
    agent: Sequence[SoundSpan]
    caller: Sequence[SpokenTurn]
    tool_calls: Sequence[ToolUseReport]
    duration_ms: int
    unsaid: int = 0
    unknown_tools: Sequence[tuple[str, int]] = ()

    @property
    def ended(self) -> CallEnded | None:
        """The call's last event."""
        return next((event for event in reversed(self.events) if isinstance(event, CallEnded)), None)


_Finding = tuple[bool, str, int | None]


def judge(record: CallRecord, assertions: Sequence[Assertion]) -> list[Verdict]:
    """Returns a verdict for each assertion, and one for each fault that makes any test fail."""
    verdicts = [_judge(record, assertion) for assertion in assertions]
    if record.unsaid:
        detail = f"the call ended before {record.unsaid} turns"
        verdicts.append(
            Verdict(check="the caller says every turn", passed=False, detail=detail, at_ms=record.duration_ms)
        )
    verdicts += [
        Verdict(check=f"{name} has a recorded outcome", passed=False, detail="nothing fits the call", at_ms=at_ms)
        for name, at_ms in record.unknown_tools
    ]
    return verdicts


def find_words(events: Sequence[Event], wanted: str) -> int | None:
    """Returns when the agent said the words, regardless of case and punctuation; None if it never did."""
    words = _split(wanted)
    said = [word for event in events if isinstance(event, AgentSaid) for word in _time_words(event)]
    for place in range(len(said) - len(words) + 1):
        if words and [word for word, _ in said[place : place + len(words)]] == words:
            return said[place][1]
    return None


def longest_silence(record: CallRecord) -> tuple[float, float]:
    """Returns how long both sides were silent at most, and since when."""
    sounds = sorted(
        [(span.start_ms, span.end_ms) for span in record.agent]
        + [(turn.span.start_ms, turn.span.end_ms) for turn in record.caller]
    )
    longest, since, at = 0.0, 0.0, 0.0
    for start, end in [*sounds, (float(record.duration_ms), float(record.duration_ms))]:
        if start - at > longest:
            longest, since = start - at, at
        at = max(at, end)
    return longest, since


def _judge(record: CallRecord, assertion: Assertion) -> Verdict:
    passed, detail, at_ms = _RULES[assertion.kind](record, assertion)
    wanted = assertion.value if assertion.most_ms is None else f"{assertion.most_ms} ms"
    check = " ".join(part for part in (assertion.kind.replace("_", " "), wanted) if part)
    if assertion.arguments is not None:
        check += f" with {msgspec.json.encode(assertion.arguments).decode()}"
    at_ms = None if at_ms is None else min(max(0, at_ms), record.duration_ms)
    return Verdict(check=check, passed=passed, detail=detail, at_ms=at_ms)


def _says(record: CallRecord, assertion: Assertion) -> _Finding:
    at_ms = find_words(record.events, assertion.value)
    return at_ms is not None, "never said" if at_ms is None else "said", at_ms


def _never_says(record: CallRecord, assertion: Assertion) -> _Finding:
    is_said, detail, at_ms = _says(record, assertion)
    return not is_said, detail, at_ms


def _calls_tool(record: CallRecord, assertion: Assertion) -> _Finding:
    called = [call for call in record.tool_calls if call.name == assertion.value]
    fitting = [call for call in called if _has(_read(call.arguments), assertion.arguments or {})]
    if fitting:
        return True, "called", fitting[0].at_ms
    return (
        False,
        f"called with {called[0].arguments}" if called else "never called",
        called[0].at_ms if called else None,
    )


def _never_calls_tool(record: CallRecord, assertion: Assertion) -> _Finding:
    called = next((call for call in record.tool_calls if call.name == assertion.value), None)
    return (True, "never called", None) if called is None else (False, "called", called.at_ms)


def _ends(record: CallRecord, assertion: Assertion) -> _Finding:
    reason = record.ended.end_reason if record.ended else "no end"
    return reason == assertion.value, f"ended by {reason}", record.duration_ms


def _transfers(record: CallRecord, assertion: Assertion) -> _Finding:
    target = record.ended.transfer_to if record.ended else ""
    return target == assertion.value, f"transferred to {target}" if target else "not transferred", record.duration_ms


def _never_transfers(record: CallRecord, assertion: Assertion) -> _Finding:
    is_transferred = record.ended is not None and record.ended.end_reason == "transferred"
    return not is_transferred, "transferred" if is_transferred else "not transferred", record.duration_ms


def _announces(record: CallRecord, assertion: Assertion) -> _Finding:
    heard = (event for event in record.events if isinstance(event, AnnouncementHeard))
    found = next((event.at_ms for event in heard if event.kind == assertion.value), None)
    return found is not None, "not heard to its end" if found is None else "heard", found


def _answers_within(record: CallRecord, assertion: Assertion) -> _Finding:
    latencies = [event for event in record.events if isinstance(event, TurnLatency)]
    if not latencies:
        return True, "no answer was measured", None
    worst = max(latencies, key=lambda event: event.total_ms)
    ends = {event.turn: event.end_ms for event in record.events if isinstance(event, CallerSaid)}
    return worst.total_ms <= _limit(assertion), f"{worst.total_ms} ms in turn {worst.turn}", ends.get(worst.turn)


def _silence_within(record: CallRecord, assertion: Assertion) -> _Finding:
    longest, since = longest_silence(record)
    return longest <= _limit(assertion), f"{longest:.0f} ms", round(since)


def _yields_within(record: CallRecord, assertion: Assertion) -> _Finding:
    worst, at_ms = 0.0, None
    for turn in record.caller:
        start = turn.span.start_ms
        over = max((span.end_ms - start for span in record.agent if span.start_ms < start < span.end_ms), default=0.0)
        if over > worst:
            worst, at_ms = over, round(start)
    return worst <= _limit(assertion), f"{worst:.0f} ms", at_ms


def _never_cuts_off(record: CallRecord, assertion: Assertion) -> _Finding:
    for turn in record.caller:
        first, last = turn.span.start_ms + EDGE_MS, turn.span.end_ms - EDGE_MS
        cut = next((span.start_ms for span in record.agent if first < span.start_ms < last), None)
        if cut is not None:
            return False, f"began to speak in the caller's turn {turn.place + 1}", round(cut)
    return True, "never", None


_RULES: Final[Mapping[Expectation, Callable[[CallRecord, Assertion], _Finding]]] = {
    "says": _says,
    "never_says": _never_says,
    "calls_tool": _calls_tool,
    "never_calls_tool": _never_calls_tool,
    "ends": _ends,
    "transfers": _transfers,
    "never_transfers": _never_transfers,
    "announces": _announces,
    "answers_within": _answers_within,
    "silence_within": _silence_within,
    "yields_within": _yields_within,
    "never_cuts_off": _never_cuts_off,
}


def _limit(assertion: Assertion) -> int:
    return assertion.most_ms or 0


def _split(text: str) -> list[str]:
    return [word for part in re.split(r"\s+", text.lower()) if (word := part.strip(_EDGES))]


def _time_words(said: AgentSaid) -> Iterator[tuple[str, int]]:
    """Yields each word with its start: the vendor's, else its share of the utterance by its place."""
    parts = said.text.split()
    is_timed = len(said.word_ms) == 2 * len(parts)
    for place, part in enumerate(parts):
        if word := part.lower().strip(_EDGES):
            share = said.start_ms + (said.end_ms - said.start_ms) * place // len(parts)
            yield word, said.word_ms[2 * place] if is_timed else share


def _read(arguments: str) -> Any:
    try:
        return msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return None


def _has(arguments: Any, wanted: Mapping[str, Any]) -> bool:
    return isinstance(arguments, dict) and all(arguments.get(name) == value for name, value in wanted.items())
