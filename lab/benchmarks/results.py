"""The figures of one load, computed from the callers' turns."""

from collections.abc import Iterable, Sequence
from math import ceil

import msgspec

from lab.benchmarks.caller import Turn
from lab.benchmarks.line import Line, LineState
from lab.benchmarks.meter import CpuReading

LAG_MS = 10.0  # half a frame: beyond this the generator, not the server, may have been late
GENERATOR_SHARE = 0.9
OTHERS_SHARE = 0.25  # of the server's core: beyond this the figures are not the server's


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds; nearest-rank percentiles."""

    count: int
    p50: float
    p95: float
    p99: float
    worst: float


class ServerCost(msgspec.Struct, frozen=True):
    """What the server cost in the measured window.

    cpu_ms: processor time per call and second. share: of the core's time, by the server. others: by other processes.
    stolen: by the hypervisor. memory: MB with few calls and with all; per_call: MB per further call.
    """

    cpu_ms: float
    share: float
    others: float
    stolen: float
    memory_few: float
    memory_all: float
    per_call: float


class LoadResult(msgspec.Struct, frozen=True):
    """One load. Turns are those whose speech ended within the measured window of `seconds`.

    errors: messages that violate Twilio's protocol. latencies: ms from the last speech frame to the first
    audible agent audio, of each answered turn. yields: ms from an interruption's first speech frame to `clear`.
    unyielded: interruptions without a `clear`. lag: how late the generator's own frames were; generator: its share
    of a core. began: of the window, in seconds of the machine's monotonic clock.

    Of all calls, also those before the window: first_words: ms from the stream's start to the first audible agent
    audio. first_answers, second_answers: latency of the first two turns of each call in which both were answered.
    """

    calls: int
    seconds: float
    refused: int
    lost: int
    errors: int
    turns: int
    unanswered: int
    cut_in: int
    underruns: int
    longest_gap_ms: float
    latencies: list[float]
    yields: list[float]
    unyielded: int
    lag: Spread
    generator: float
    server: ServerCost | None = None
    began: float = 0.0
    first_words: list[float] = []
    first_answers: list[float] = []
    second_answers: list[float] = []

    @property
    def latency(self) -> Spread:
        """Percentiles of the answers' latency."""
        return spread(self.latencies)

    @property
    def interruption(self) -> Spread:
        """Percentiles of the time to `clear`."""
        return spread(self.yields)

    @property
    def void(self) -> bool:
        """Whether the generator was too busy, or the server's core too shared, for valid figures."""
        disturbed = self.server is not None and self.server.others + self.server.stolen > OTHERS_SHARE
        return disturbed or self.lag.p99 > LAG_MS or self.generator > GENERATOR_SHARE

    @property
    def whole(self) -> bool:
        """Whether no call was lost, every turn was answered, and no answer had a gap."""
        return not (self.refused or self.lost or self.errors or self.unanswered or self.underruns)


def spread(values: Iterable[float]) -> Spread:
    """The percentiles of the values; all zero without values."""
    ordered = sorted(values)
    if not ordered:
        return Spread(0, 0.0, 0.0, 0.0, 0.0)
    return Spread(len(ordered), *(_rank(ordered, share) for share in (0.50, 0.95, 0.99, 1.0)))


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def in_window(turns: Iterable[Turn], start: float, end: float) -> list[Turn]:
    """The turns whose speech ended within the window."""
    return [turn for turn in turns if turn.ended is not None and start <= turn.ended < end]


def judge(
    turns: Sequence[Turn],
    fates: Sequence[LineState],
    errors: int,
    seconds: float,
    lags: Iterable[float],
    generator: float,
) -> LoadResult:
    """The result of a load, without the server's cost."""
    gaps = [gap for turn in turns for gap in turn.gaps]
    interruptions = [turn for turn in turns if turn.interrupts]
    return LoadResult(
        calls=len(fates),
        seconds=seconds,
        refused=sum(fate in (LineState.REFUSED, LineState.DIALING) for fate in fates),
        lost=fates.count(LineState.LOST),
        errors=errors,
        turns=len(turns),
        unanswered=sum(turn.answered is None for turn in turns),
        cut_in=sum(turn.cut_in for turn in turns),
        underruns=len(gaps),
        longest_gap_ms=max(gaps, default=0.0) * 1000,
        latencies=_ms((turn.ended, turn.answered) for turn in turns),
        yields=_ms((turn.began, turn.cleared) for turn in interruptions),
        unyielded=sum(turn.cleared is None for turn in interruptions),
        lag=spread(lag * 1000 for lag in lags),
        generator=generator,
    )


def openings(lines: Iterable[Line]) -> dict[str, list[float]]:
    """The fields of LoadResult that tell how calls begin."""
    lines = list(lines)
    pairs = [line.caller.turns[:2] for line in lines]
    answered = [pair for pair in pairs if len(pair) == 2 and all(turn.ended and turn.answered for turn in pair)]
    return {
        "first_words": _ms((line.up_at, line.caller.first_heard) for line in lines),
        "first_answers": _ms((first.ended, first.answered) for first, _ in answered),
        "second_answers": _ms((second.ended, second.answered) for _, second in answered),
    }


def without_rivals(results: Sequence[LoadResult]) -> list[LoadResult]:
    """Results of servers that shared a core: the others of each are processes that are none of them."""
    used = sum(result.server.share for result in results if result.server)
    return [
        msgspec.structs.replace(result, server=_beside(result.server, used - result.server.share))
        if result.server
        else result
        for result in results
    ]


def _beside(cost: ServerCost, rivals: float) -> ServerCost:
    """The cost of a server beside rivals that used so much of its core."""
    return msgspec.structs.replace(cost, others=max(0.0, cost.others - rivals))


def _ms(spans: Iterable[tuple[float | None, float | None]]) -> list[float]:
    return [round((end - start) * 1000, 2) for start, end in spans if start is not None and end is not None]


def server_cost(before: CpuReading, after: CpuReading, calls: int, few: int, memory: tuple[float, float]) -> ServerCost:
    """The cost from the readings at both ends of the window. memory: MB with `few` calls and with all calls."""
    seconds = after.at - before.at
    used = after.used - before.used
    return ServerCost(
        cpu_ms=used * 1000 / seconds / calls,
        share=used / seconds,
        others=max(0.0, after.core_busy - before.core_busy - used) / seconds,
        stolen=(after.core_stolen - before.core_stolen) / seconds,
        memory_few=memory[0],
        memory_all=memory[1],
        per_call=(memory[1] - memory[0]) / max(1, calls - few),
    )
