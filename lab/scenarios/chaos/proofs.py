"""What proves, when a fault has lasted its time, that it was on. Each function is called when the fault begins, and
what it returns when it is to end: then it tells why that is not sure, or nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from lab.scenarios.chaos.host import (
    LogPipes,
    NameServer,
    ProgramControl,
    has_loaded,
    is_stopped,
    may_write,
    memory_left,
)
from lab.scenarios.chaos.wave import Doubt
from lab.stage.link import Link, LinkState

# Of ProgramCounts.
Effect = Literal["wrong_reads", "delayed_writes"]
# What Python's allocator asks for at a time.
ARENA: Final = 1_024 * 1_024
# What a program logs that was refused a descriptor; some name the class alone.
_REFUSALS: Final = ("Too many open files", '"OSError"')


def no_doubt() -> str:
    """Of a fault that is none."""
    return ""


def doubt_links(links: Sequence[Link], state: LinkState) -> Doubt:
    """One of the links has held back, reset or delayed something: all calls may be at one of two nodes. Call it before
    the links change."""
    before = [_effects(link, state) for link in links]

    def find() -> str:
        is_idle = all(_effects(link, state) <= old for link, old in zip(links, before, strict=True))
        return f"nothing came over the links while {state}" if is_idle else ""

    return find


def _effects(link: Link, state: LinkState) -> int:
    if state == "frozen":
        return link.held if link.state == "frozen" else 0
    return link.resets if state == "cut" else link.delayed


def doubt_stopped(pids: Sequence[int]) -> Doubt:
    """All the processes are stopped, still."""

    def find() -> str:
        running = sum(not is_stopped(pid) for pid in pids)
        return f"{running} of {len(pids)} processes ran" if running or not pids else ""

    return find


def doubt_closed_logs(logs: LogPipes) -> Doubt:
    """No pipe has a reader."""

    def find() -> str:
        return f"{logs.readers} logs are read" if logs.readers else ""

    return find


def doubt_stuck_logs(logs: LogPipes, programs: Sequence[str]) -> Doubt:
    """The pipes of these programs, which log each call, are full."""

    def find() -> str:
        roomy = sorted(set(programs) - set(logs.full))
        return f"room in the logs of {', '.join(roomy)}" if roomy else ""

    return find


def doubt_covered(covered: Sequence[tuple[int, Path]]) -> Doubt:
    """No process can write to its folder, as it sees it."""

    def find() -> str:
        writable = sum(may_write(pid, folder) for pid, folder in covered)
        return f"{writable} of {len(covered)} folders can be written to" if writable or not covered else ""

    return find


def doubt_removed(folders: Sequence[Path]) -> Doubt:
    """In each folder that was moved away is something. Found out at once: nodes go on writing into open files."""
    empty = sum(not any(folder.iterdir()) for folder in folders)
    doubt = f"{empty} of {len(folders)} folders were empty" if empty or not folders else ""
    return lambda: doubt


def doubt_controlled(control: ProgramControl, pids: Sequence[int], effect: Effect) -> Doubt:
    """All the processes run with the library, which has counted the effect. Call it before the fault begins."""
    before = getattr(control.counts, effect)

    def find() -> str:
        free = sum(not has_loaded(pid, control.library) for pid in pids)
        if free:
            return f"{free} of {len(pids)} processes run without the library"
        return "" if getattr(control.counts, effect) > before else f"no {effect.replace('_', ' ')}"

    return find


def doubt_memory(pids: Sequence[int]) -> Doubt:
    """No process can get what Python's allocator asks for at a time. Whether one has asked is not seen from outside."""

    def find() -> str:
        left = max((memory_left(pid) for pid in pids), default=ARENA)
        return f"{left // 1_024} KiB were left to a process" if left >= ARENA else ""

    return find


def doubt_descriptors(logs: Sequence[Path]) -> Doubt:
    """Some of the programs have logged that they were refused one. Call it before the limit is set."""
    sizes = [log.stat().st_size if log.exists() else 0 for log in logs]

    def find() -> str:
        for log, size in zip(logs, sizes, strict=True):
            written = log.read_bytes()[size:].decode(errors="replace") if log.exists() else ""
            if any(word in written for word in _REFUSALS):
                return ""
        return "no program was refused a descriptor"

    return find


def doubt_names(names: NameServer) -> Doubt:
    """Queries were left unanswered."""
    before = names.ignored

    def find() -> str:
        return "" if names.ignored > before else "no name was asked for"

    return find
