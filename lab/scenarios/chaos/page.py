"""docs/evidence/chaos.md: what became of the calls in each fault, beside what is promised."""

from collections.abc import Mapping, Sequence
from typing import Final

from lab.scenarios.chaos.promises import FaultResult
from lab.stage.machine_load import MachineLoad

_COLUMNS: Final = ("fault", "s", "went on", "ended", "new", "silence", "lost, doubled", "recordings", "recovered", "")


def describe_load(load: MachineLoad) -> str:
    """How busy the machine was: one that is too busy breaks promises by itself."""
    lag = f"late by {load.lag.p50:.1f} ms (p50), {load.lag.p99:.0f} ms (p99), {load.lag.worst:.0f} ms (longest)"
    return (
        f"Callers, carriers, vendors and links used {load.own:.2f} of a core and were {lag}; our programs and "
        f"stores used {load.nodes:.2f}, other programs of the machine {load.others:.2f}."
    )


def make_body(results: Sequence[FaultResult], left_out: Mapping[str, str], load: str) -> str:
    """Return the section.

    Args:
        left_out: Faults that were not played, and what this machine lacks for them.
        load: As `describe_load` returns it.
    """
    parts = [load, table(results)]
    if left_out:
        parts.append(
            "\n".join(["Not played here:", "", *(f"- {name}: needs {need}" for name, need in left_out.items())])
        )
    return "\n\n".join(parts)


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
