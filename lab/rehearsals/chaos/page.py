"""docs/evidence/chaos.md: what became of the calls in each fault, beside what is promised."""

from collections.abc import Mapping, Sequence
from typing import Final

from lab.rehearsals.chaos.promises import SLOW_DATABASE_GREETING_S, USUAL_GREETING_S, FaultResult
from lab.rehearsals.chaos.wave import AFTER_S, BEGINNING_SHARE, ENDING_SHARE
from lab.rehearsals.failover.machine_load import MachineLoad
from lab.rehearsals.report import describe_machine

_HEAD: Final = """# Faults under calls

Written by `make chaos`. One platform (PostgreSQL, Redis, storage, API, worker, two media nodes, both simulated
carriers, simulated vendors with a first and a next choice of each role) gets one fault after the other, each under
{calls} calls of its own, half of them over each carrier: callers of {ending} of them hang up in the fault, and
{beginning} more begin in it. Callers speak a recording, and again when the agent has answered.

Between a program and each of its neighbors is a link. **Frozen**, it takes and delivers nothing, as a machine that
stopped; **cut**, it resets connections and refuses new ones; **slow**, everything arrives 0.1 s later, each way.
Control and nodes meet in Redis only.

| column | what it holds |
| --- | --- |
| s | how long the fault lasts |
| went on | calls in progress that went on until their callers hung up after it, and were recorded as completed |
| ended | calls in progress whose callers hung up in it, and that were recorded as completed |
| new | calls that began in it and soon had an agent; in brackets where that is not promised |
| silence | the longest that a caller in progress heard when the agent was due, until {after:g} s after the fault |
| lost, doubled | events that the record of a call lacks, or has twice |
| recordings | incomplete ones, as records say; `unsaid`: missing, too short or too long, without a word |
| recovered | since its end: all programs ready, ended calls recorded, no caller in progress waiting any more |

Before each fault ends, it is proved that it was on: connections were reset, bytes held back or delayed, programs
stopped, queries unanswered, folders not writable. A row without that proof says `not on` and misses.

What is promised stands behind ≤. Soon is within {greeting:g} s, of a slow PostgreSQL within {far:g} s; where streams
stop, {greeting:g} s longer than they do. In every fault all calls in progress go on until their callers end them, no
event is lost or doubled, and no recording is lost without a word: it is as long as the call at least, and as the
phone's line was up at most (by 1.5 s).
What callers hear when their calls are not answered is in
[outages.md](../run/outages.md). Without a fault a turn takes 0.9 s here: 0.4 s of
silence that the platform waits for, 0.25 s of the model, 0.1 s of the voice, and the recognizer. Longer ones come from
what is asked again (a first choice that does not answer, a stream that was lost), and from the fault itself where it
stops the stream.

**Clocks**: those of API, worker and nodes jump; PostgreSQL, Redis and the carriers keep theirs. Telnyx signs each
webhook with its time, and one that is more than five minutes off is refused, so that its new calls are not answered
meanwhile."""

_COLUMNS: Final = ("fault", "s", "went on", "ended", "new", "silence", "lost, doubled", "recordings", "recovered", "")


def describe_load(load: MachineLoad) -> str:
    """How busy the machine was: one that is too busy breaks promises by itself."""
    lag = f"late by {load.lag.p50:.1f} ms (p50), {load.lag.p99:.0f} ms (p99), {load.lag.worst:.0f} ms (longest)"
    return (
        f"Callers, carriers, vendors and links used {load.own:.2f} of a core and were {lag}; our programs and "
        f"stores used {load.nodes:.2f}, other programs of the machine {load.others:.2f}."
    )


def make_page(results: Sequence[FaultResult], left_out: Mapping[str, str], calls: int, load: str) -> str:
    """The whole page. left_out: faults that were not played, and what this machine lacks for them. load: as
    `describe_load`."""
    head = _HEAD.format(
        calls=calls,
        ending=round(ENDING_SHARE * calls),
        beginning=round(BEGINNING_SHARE * calls),
        after=AFTER_S,
        greeting=USUAL_GREETING_S,
        far=SLOW_DATABASE_GREETING_S,
    )
    parts = [head, f"{describe_machine()} {load}", table(results)]
    if left_out:
        parts.append(
            "\n".join(["Not played here:", "", *(f"- {name}: needs {need}" for name, need in left_out.items())])
        )
    return "\n\n".join(parts) + "\n"


def table(results: Sequence[FaultResult]) -> str:
    """A row for each fault."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{' --- |' * len(_COLUMNS)}"]
    return "\n".join([*lines, *(f"| {' | '.join(_cells(result))} |" for result in results)])


def _cells(one: FaultResult) -> list[str]:
    new = f"{one.answered} of {one.begun}"
    recovered = "no" if one.recovered_s is None else f"{one.recovered_s:.1f} s"
    return [
        one.name,
        f"{one.seconds:g}",
        f"{one.went_on} of {one.running}",
        f"{one.ended} of {one.ending}",
        new if one.promise.answers_new else f"({new})",
        f"{one.silence_s:.1f} ≤ {one.promise.silence_s:g} s",
        f"{one.lost}, {one.doubled} of {one.events}",
        _recordings(one),
        f"{recovered} ≤ {one.promise.recovery_s:g} s",
        "PASS" if not one.broken else f"MISS: {', '.join(one.broken)}",
    ]


def _recordings(one: FaultResult) -> str:
    if not one.incomplete and not one.unexplained:
        return "whole"
    return f"{one.incomplete} incomplete" + (f", {one.unexplained} unsaid" if one.unexplained else "")
