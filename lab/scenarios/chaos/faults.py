"""The faults that are played, one after the other, and what is promised in each."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

from lab.scenarios.chaos.host import Need, ResourceLimits, cover_folder, pids_of_group, uncover_folder
from lab.scenarios.chaos.linked_platform import NODES, LinkedPlatform, LinkName
from lab.scenarios.chaos.promises import SLOW_DATABASE_GREETING_S, USUAL_GREETING_S, Promise
from lab.scenarios.chaos.proofs import (
    ARENA,
    Effect,
    doubt_closed_logs,
    doubt_controlled,
    doubt_covered,
    doubt_descriptors,
    doubt_links,
    doubt_memory,
    doubt_names,
    doubt_removed,
    doubt_stopped,
    doubt_stuck_logs,
    no_doubt,
)
from lab.scenarios.chaos.wave import Doubt
from lab.stage.link import LinkState

Strike = Callable[[LinkedPlatform], Awaitable[Doubt]]
Step = Callable[[LinkedPlatform], Awaitable[None]]
FAULT_S: Final = 10.0
SLOW_S: Final = 6.0
# Shorter than VOCALIZED_MEDIA_RECEIVE_TIMEOUT_S, after which a node takes a stream for lost.
STALL_S: Final = 8.0
HOUR_S: Final = 3_600
DISK_DELAY_S: Final = 0.2
# To the nodes; to the others nothing. The C library ends a program without memory for what belongs to a new thread
# ("cannot allocate memory for thread-local data: ABORT"), and nodes begin threads for uploads.
MEMORY_LEFT: Final = ARENA - 4_096
_USUAL: Final = Promise()
_NO_NEW: Final = Promise(answers_new=False)
# A wait for the first choice comes before the next one is asked.
_NEXT_CHOICE: Final = Promise(silence_s=3.0)
# What the caller hears of a stall is its length, and a turn's usual silence.
_STALL: Final = Promise(silence_s=STALL_S + 4.0, greeting_s=STALL_S + USUAL_GREETING_S)
# A lost stream is resumed at another node or another socket, where the agent waits for the caller to speak.
_RESUMED: Final = Promise(silence_s=6.0)
# The carriers' APIs have names, too, which take new calls.
_NO_NAMES: Final = replace(_NEXT_CHOICE, answers_new=False)
_NO_RECORDINGS: Final = Promise(keeps_recordings=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. strike, heal: begin and end it; strike returns what proves in the end that it was on. need: of the
    machine."""

    name: str
    strike: Strike
    heal: Step
    promise: Promise = _USUAL
    seconds: float = FAULT_S
    need: Need = ""


def all_faults() -> list[Fault]:
    """In the order in which they are played; the first one is none, by which the machine is judged."""
    return [Fault("none", _strike_nothing, _do_nothing), *_link_faults(), *_host_faults()]


async def _strike_nothing(chaos: LinkedPlatform) -> Doubt:
    return no_doubt


async def _do_nothing(chaos: LinkedPlatform) -> None:
    pass


# --- Links --------------------------------------------------------------------------------------------------------

_NEIGHBORS: Final[Sequence[tuple[LinkName, str, Promise]]] = (
    ("postgres", "PostgreSQL", replace(_NO_NEW, greeting_s=SLOW_DATABASE_GREETING_S)),
    ("redis-control", "Redis, of API and worker", _NO_NEW),
    ("redis-media", "Redis, of the nodes", _NO_NEW),
    ("storage", "storage", _USUAL),
    ("recogniser", "the first recognizer", _NEXT_CHOICE),
    ("model", "the first model", _NEXT_CHOICE),
    ("voice", "the first voice", _NEXT_CHOICE),
    ("carrier", "the carriers' APIs", _NO_NEW),
    ("webhooks", "the API, of the carriers", _NO_NEW),
)


def _link_faults() -> list[Fault]:
    """All neighbors frozen, then all cut, then all slow: a provider that has failed is avoided for a while; its next
    fault would meet nothing."""
    states: Sequence[LinkState] = ("frozen", "cut", "slow")
    return [
        *(_neighbor_fault(*neighbor, state) for state in states for neighbor in _NEIGHBORS),
        _link_fault("streams", "the nodes, of the carriers: frozen", "frozen", _STALL, STALL_S),
        Fault("the nodes, of the carriers: reset once", _reset_streams, _do_nothing, _RESUMED, SLOW_S),
        Fault(
            "one node, of the carriers: cut",
            _cut_one_node,
            partial(_open_links, "streams"),
            replace(_RESUMED, answers_new=False),
        ),
        _link_fault("streams", "the nodes, of the carriers: slow", "slow", _USUAL, SLOW_S),
    ]


def _neighbor_fault(name: LinkName, what: str, promise: Promise, state: LinkState) -> Fault:
    if state == "slow":
        return _link_fault(name, f"{what}: slow", "slow", replace(promise, answers_new=True), SLOW_S)
    return _link_fault(name, f"{what}: {state}", state, promise)


def _link_fault(name: LinkName, title: str, state: LinkState, promise: Promise, seconds: float = FAULT_S) -> Fault:
    return Fault(title, partial(_strike_links, name, state), partial(_open_links, name), promise, seconds)


async def _strike_links(name: LinkName, state: LinkState, chaos: LinkedPlatform) -> Doubt:
    doubt = doubt_links(chaos.links[name], state)
    chaos.set_links(name, state)
    return doubt


async def _open_links(name: LinkName, chaos: LinkedPlatform) -> None:
    chaos.set_links(name, "open")


async def _reset_streams(chaos: LinkedPlatform) -> Doubt:
    doubt = doubt_links(chaos.links["streams"], "cut")
    chaos.set_links("streams", "cut")
    chaos.set_links("streams", "open")
    return doubt


def _busiest_node(chaos: LinkedPlatform) -> int:
    """The calls of a fault may all be at one node, because those of the fault before end at the other."""
    calls = [link.open_connections for link in chaos.links["streams"]]
    return calls.index(max(calls))


async def _cut_one_node(chaos: LinkedPlatform) -> Doubt:
    link = chaos.links["streams"][_busiest_node(chaos)]
    doubt = doubt_links([link], "cut")
    link.set("cut")
    return doubt


# --- The host -----------------------------------------------------------------------------------------------------


def _host_faults() -> list[Fault]:
    limits = ResourceLimits()
    return [
        _stopped("API stopped", ("api",), replace(_NO_NEW)),
        _stopped("worker stopped", ("worker",), _USUAL),
        Fault("one node stopped", _stop_one_node, _continue_nodes, replace(_STALL, answers_new=False), STALL_S),
        Fault("readers of all logs gone", _close_logs, _read_logs),
        Fault("readers of all logs stuck", _stop_logs, _read_logs),
        Fault("recordings' folders not to be written to", _cover, _uncover, _NO_RECORDINGS, need="root"),
        Fault("recordings' folders vanished", _remove_recordings, _do_nothing, _NO_RECORDINGS, SLOW_S),
        _controlled("disk slow: 0.2 s more for each write", disk_delay_s=DISK_DELAY_S),
        _limited("no descriptor left to the nodes", _media_programs(), limits, "descriptors"),
        _limited("no descriptor left to API and worker", ("api", "worker"), limits, "descriptors"),
        _limited("no memory left to the nodes", _media_programs(), limits, "memory"),
        _limited("no memory left to API and worker", ("api", "worker"), limits, "memory"),
        _controlled("clock one hour ahead", clock_offset_s=HOUR_S),
        _controlled("clock one hour behind", clock_offset_s=-HOUR_S),
        Fault("name servers silent", _silence_names, _answer_names, _NO_NAMES, need="root"),
    ]


def _media_programs() -> tuple[str, ...]:
    return tuple(f"media-{number}" for number in range(NODES))


def _group(chaos: LinkedPlatform, programs: Sequence[str]) -> list[int]:
    return [pid for name in programs for pid in pids_of_group(chaos.programs[name].pid)]


def _stopped(title: str, programs: Sequence[str], promise: Promise, seconds: float = FAULT_S) -> Fault:
    return Fault(
        title,
        partial(_stop, programs),
        partial(_signal, signal.SIGCONT, programs),
        promise,
        seconds,
    )


async def _stop(programs: Sequence[str], chaos: LinkedPlatform) -> Doubt:
    await _signal(signal.SIGSTOP, programs, chaos)
    return doubt_stopped(_group(chaos, programs))


async def _stop_one_node(chaos: LinkedPlatform) -> Doubt:
    return await _stop([f"media-{_busiest_node(chaos)}"], chaos)


async def _continue_nodes(chaos: LinkedPlatform) -> None:
    await _signal(signal.SIGCONT, _media_programs(), chaos)


async def _signal(number: signal.Signals, programs: Sequence[str], chaos: LinkedPlatform) -> None:
    for pid in _group(chaos, programs):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def _close_logs(chaos: LinkedPlatform) -> Doubt:
    chaos.logs.close()
    return doubt_closed_logs(chaos.logs)


async def _stop_logs(chaos: LinkedPlatform) -> Doubt:
    chaos.logs.stop()
    return doubt_stuck_logs(chaos.logs, ["api", *_media_programs()[: len(chaos.platform.nodes)]])


async def _read_logs(chaos: LinkedPlatform) -> None:
    chaos.logs.read()


def _recordings(chaos: LinkedPlatform) -> list[tuple[int, Path]]:
    """The nodes' processes and the folder of each for its recordings."""
    return [
        (node.pid, folder)
        for number, node in enumerate(chaos.platform.nodes)
        for folder in chaos.platform.state.glob(f"media-{number}/spool/*/recordings")
    ]


async def _cover(chaos: LinkedPlatform) -> Doubt:
    covered = _recordings(chaos)
    for pid, folder in covered:
        await asyncio.to_thread(cover_folder, pid, folder)
    return doubt_covered(covered)


async def _uncover(chaos: LinkedPlatform) -> None:
    for pid, folder in _recordings(chaos):
        await asyncio.to_thread(uncover_folder, pid, folder)


async def _remove_recordings(chaos: LinkedPlatform) -> Doubt:
    """Each folder with all that is in it, in one step."""
    gone = []
    for _, folder in _recordings(chaos):
        gone.append(folder.rename(chaos.platform.state / f"gone-{folder.parent.name}"))
    return doubt_removed(gone)


def _controlled(title: str, *, clock_offset_s: int = 0, disk_delay_s: float = 0.0) -> Fault:
    async def strike(chaos: LinkedPlatform) -> Doubt:
        assert chaos.control is not None
        effect: Effect = "wrong_reads" if clock_offset_s else "delayed_writes"
        doubt = doubt_controlled(chaos.control, _group(chaos, list(chaos.programs)), effect)
        chaos.control.set(clock_offset_s=clock_offset_s, disk_delay_s=disk_delay_s)
        return doubt

    async def heal(chaos: LinkedPlatform) -> None:
        assert chaos.control is not None
        chaos.control.set()

    # Telnyx signs a webhook with its time, which may be five minutes off.
    promise = _NO_NEW if clock_offset_s else _USUAL
    return Fault(title, strike, heal, promise, need="compiler")


def _limited(
    title: str, programs: Sequence[str], limits: ResourceLimits, what: Literal["descriptors", "memory"]
) -> Fault:
    # Files of recordings that would begin meanwhile cannot be opened by the nodes.
    promise = replace(_NO_NEW, keeps_recordings="api" in programs)

    async def strike(chaos: LinkedPlatform) -> Doubt:
        pids = _group(chaos, programs)
        if what == "memory":
            limits.use_up_memory(pids, 0 if "api" in programs else MEMORY_LEFT)
            return doubt_memory(pids)
        doubt = doubt_descriptors([chaos.platform.log(name) for name in programs])
        limits.use_up_descriptors(pids)
        return doubt

    async def heal(chaos: LinkedPlatform) -> None:
        limits.lift()

    return Fault(title, strike, heal, promise)


async def _silence_names(chaos: LinkedPlatform) -> Doubt:
    assert chaos.names is not None
    chaos.names.answers = False
    return doubt_names(chaos.names)


async def _answer_names(chaos: LinkedPlatform) -> None:
    assert chaos.names is not None
    chaos.names.answers = True
