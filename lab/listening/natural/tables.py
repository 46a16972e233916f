"""Tables of natural turns, as Markdown: response times by kind of turn, and cuts at the callers' own pauses."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from lab.listening.figures import interval, percentile, share
from lab.listening.natural.cases import NaturalCase

SLOW_MS: Final = (1_000, 1_200)
_PHRASES: Final = ("finished", "unfinished")


class TimedTurn(Protocol):
    """A turn that was answered, or not. response_ms: negative if the agent began before the end and went on."""

    @property
    def response_ms(self) -> float | None:
        """From the true end to the first sound of the answer."""

    @property
    def was_cut(self) -> bool:
        """Whether the agent began to sound before the true end."""


def response_lines(kinds: Mapping[str, Sequence[TimedTurn]]) -> Iterator[str]:
    """Yield the table of response times. Turns without an answer are in no column but the last."""
    if any(kinds.values()):
        slow = " | ".join(f"over {limit / 1_000:.1f} s" for limit in SLOW_MS)
        yield f"| response by kind of turn | turns | p50, ms | p90, ms | {slow} | cut (95 %) | withdrawn start | none |"
        yield "| --- |" + " --- |" * (6 + len(SLOW_MS))
    for title, cases in kinds.items():
        if cases:
            yield f"| {title} | {len(cases)} | {_times(cases)} | {_cut(cases)} | {_withdrawn(cases)} | {_none(cases)} |"


def _times(cases: Sequence[TimedTurn]) -> str:
    times = [case.response_ms for case in cases if case.response_ms is not None and case.response_ms >= 0]
    if not times:
        return "- | -" + " | -" * len(SLOW_MS)
    slow = [f"{share([time > limit for time in times]):.1%}" for limit in SLOW_MS]
    return " | ".join([f"{percentile(times, 50):.0f}", f"{percentile(times, 90):.0f}", *slow])


def _cut(cases: Sequence[TimedTurn]) -> str:
    return rate([case.was_cut for case in cases])


def _withdrawn(cases: Sequence[TimedTurn]) -> str:
    known = [case.has_withdrawn_start for case in cases if isinstance(case, NaturalCase)]
    return f"{share(known):.1%}" if known else "-"


def _none(cases: Sequence[TimedTurn]) -> int:
    return sum(case.response_ms is None for case in cases)


def pause_lines(cases: Sequence[NaturalCase]) -> Iterator[str]:
    """Yield the table of turns with a pause."""
    if cases:
        yield (
            "| natural turns with a pause | turns | cut (95 %) | after a finished phrase | after an unfinished phrase "
            "| overlap heard p50, ms | one turn, no lost word | of those cut | response p50, p90, ms |"
        )
        yield "| --- |" + " --- |" * 8
    callers = [case for case in cases if not case.is_agent]
    groups = {
        "GetGoing": [case for case in callers if case.source == "getgoing"],
        "Harper Valley and AWS callers": [case for case in callers if case.source != "getgoing"],
        "Harper Valley and AWS, with the agent of the AWS call": [case for case in cases if case.source != "getgoing"],
    }
    for title, own in groups.items():
        if own:
            after = " | ".join(_cut_after(own, phrase) for phrase in _PHRASES)
            merged = f"{_merged(own)} | {_merged([case for case in own if case.was_cut])}"
            yield f"| {title} | {len(own)} | {_cut(own)} | {after} | {_overlap(own)} | {merged} | {_middle(own)} |"


def _cut_after(cases: Sequence[NaturalCase], phrase: str) -> str:
    flags = [pause.was_cut for case in cases for pause in case.pauses if pause.phrase == phrase]
    return f"{rate(flags)} of {len(flags)}"


def _overlap(cases: Sequence[NaturalCase]) -> str:
    cut = [case.overlap_ms for case in cases if case.was_cut]
    return f"{percentile(cut, 50):.0f}" if cut else "-"


def _merged(cases: Sequence[NaturalCase]) -> str:
    return rate([case.is_merged for case in cases])


def _middle(cases: Sequence[NaturalCase]) -> str:
    times = [case.response_ms for case in cases if case.response_ms is not None and case.response_ms >= 0]
    return f"{percentile(times, 50):.0f}, {percentile(times, 90):.0f}" if times else "-"


def rate(flags: Sequence[bool]) -> str:
    """Return a share with its 95 % interval, in percent."""
    if not flags:
        return "-"
    low, high = interval(flags)
    return f"{share(flags):.1%} ({low * 100:.1f} to {high * 100:.1f})"
