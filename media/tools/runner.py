"""Runs the tools of one call, each once and within a time limit, and reports their start and end."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from media.providers.ports import ToolCall, ToolSpec
from media.tools.tool import MAY_BE_DONE, Tool, ToolError
from shared.events import Event, ToolRan, ToolStarted

# The results of a canceled run, and of a run that failed because of an internal error.
CANCELLED_RESULT: Final = "No result: it was given up before it was done."
FAILED_RESULT: Final = "No result: an internal error."
# The maximum number of concurrent runs of a call. A model that starts more runs gets an error.
MOST_RUNNING: Final = 8
# The maximum length of a result in characters, because every request to the model and every checkpoint contain all
# results.
LONGEST_RESULT: Final = 16_000
# The namespace of run IDs (`make_run_id`). It must never change, because all releases must derive the same IDs.
_RUN_IDS: Final = uuid.UUID("7b2d0c1e-5f0a-4d52-9a55-0c0f6d1f7a10")


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """The result of a run.

    Attributes:
        text: The text for the model.
        is_cancelled: The run was canceled, because its result is no longer needed.
    """

    ok: bool
    text: str
    is_cancelled: bool = False


OutcomeTaker = Callable[[ToolOutcome], None]


@dataclass(slots=True, eq=False)
class ToolRun:
    """A run of a tool.

    Attributes:
        key: The tool and its arguments, normalized regardless of the model's spacing and order.
        turn: The caller's turn in which the model called the tool.
        began_ms: The start on the call's clock.
        takers: Callbacks that receive the outcome before it is reported.
    """

    tool: Tool
    arguments: bytes
    key: tuple[str, bytes]
    run_id: str
    turn: int
    began_ms: float
    takers: list[OutcomeTaker]
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ToolRunner:
    """The runs of one call. They belong to the call, not to their callers. Must be used on the event loop."""

    def __init__(
        self, tools: Mapping[str, Tool], call_id: str, clock: Callable[[], float], emit: Callable[[Event], None]
    ) -> None:
        self._tools = tools
        self._call_id, self._clock, self._emit = call_id, clock, emit
        self._running: dict[ToolRun, asyncio.Task[ToolOutcome]] = {}

    @property
    def is_running(self) -> bool:
        """Whether any tool runs."""
        return bool(self._running)

    def start(self, call: ToolCall, number: int, turn: int, take: OutcomeTaker) -> ToolRun:
        """Start a run, or join a running run of the same tool with equal arguments.

        Args:
            number: The number of the call among all tool calls of the conversation, from 1. The run's ID is derived
                from it.
            take: Called once with the outcome.
        """
        arguments = call.arguments.encode("utf-8", "replace").strip() or b"{}"
        key = (call.name, _canonical(arguments))
        for run in self._running:
            if run.key == key:
                run.takers.append(take)
                return run
        run_id = make_run_id(self._call_id, number, *key)
        tool = self._choose(call.name)
        run = ToolRun(tool, arguments, key, run_id, turn, self._clock(), [take])
        self._emit(ToolStarted(turn, call.name, run_id, round(run.began_ms)))
        self._running[run] = task = asyncio.create_task(_carry_out(run))
        task.add_done_callback(lambda done: self._end(run, done))
        return run

    def cancel(self, run: ToolRun) -> None:
        """Cancel a run. Does nothing if the run has ended."""
        if task := self._running.get(run):
            task.cancel()

    async def close(self) -> None:
        """Cancel all runs, and wait until they have stopped."""
        for task in self._running.values():
            task.cancel()
        if self._running:
            await asyncio.wait(self._running.values())

    def _choose(self, name: str) -> Tool:
        if len(self._running) >= MOST_RUNNING:
            return _refusing(name, f"{MOST_RUNNING} tools are running: wait until one of them is done")
        return self._tools.get(name) or _refusing(name, f"there is no tool named {name}")

    def _end(self, run: ToolRun, task: asyncio.Task[ToolOutcome]) -> None:
        del self._running[run]
        outcome = _outcome(task)
        try:
            for take in run.takers:
                take(outcome)
            took_ms = round(self._clock() - run.began_ms)
            public = "" if run.tool.secret else outcome.text
            self._emit(ToolRan(run.turn, run.tool.spec.name, outcome.ok, public, took_ms, run.run_id))
        finally:  # even if a callback fails, no caller may wait forever
            run.ended.set()


def make_run_id(call_id: str, number: int, name: str, arguments: bytes) -> str:
    """Derive a run's idempotency key from data that a checkpoint keeps, so that a resumed call finds the run again.

    The IDs that models give to their tool calls are unsuitable, because some models count from 0 in each answer. Name
    and arguments are part of the key, so that a call whose last checkpoint was lost never gets another tool's outcome.
    """
    parts = msgspec.json.encode((call_id, number, name, arguments.decode("utf-8", "replace")))
    return str(uuid.uuid5(_RUN_IDS, parts.decode()))


async def _carry_out(run: ToolRun) -> ToolOutcome:
    name = run.tool.spec.name
    try:
        async with asyncio.timeout(run.tool.timeout_s):
            return ToolOutcome(True, _shortened(await run.tool.run(run.arguments, run.run_id)))
    except ToolError as error:
        return ToolOutcome(False, _shortened(str(error)))
    except msgspec.MsgspecError as error:
        return ToolOutcome(False, f"arguments of {name}: {error}")
    except TimeoutError:
        return ToolOutcome(False, f"{name} took too long. {MAY_BE_DONE}")


def _outcome(task: asyncio.Task[ToolOutcome]) -> ToolOutcome:
    """Return the outcome of a run's task. An internal error ends only this run; the loop's exception handler logs its
    traceback."""
    if task.cancelled():
        return ToolOutcome(False, CANCELLED_RESULT, is_cancelled=True)
    error = task.exception()
    if error is None:
        return task.result()
    asyncio.get_running_loop().call_exception_handler({"message": "a tool crashed", "exception": error})
    return ToolOutcome(False, FAILED_RESULT)


def _canonical(arguments: bytes) -> bytes:
    """Return equal bytes for equal arguments. Invalid arguments stay unchanged."""
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="deterministic")
    except (msgspec.MsgspecError, OverflowError, RecursionError):
        return arguments


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_RESULT else f"{text[:LONGEST_RESULT]} [the rest was left out]"


def _refusing(name: str, reason: str) -> Tool:
    async def run(arguments: bytes, run_id: str) -> str:
        raise ToolError(reason)

    return Tool(ToolSpec(name, "", {}), run)
