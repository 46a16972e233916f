"""The tools of one call: runs the calls of each answer in sequence and stores their results."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from media.call.call_language import CallLanguage
from media.call.transcript import ToolResult, Transcript
from media.providers.ports import NOT_ENDED_RESULT, ToolSpec
from media.tools.fillers import first_filler
from media.tools.runner import CANCELLED_RESULT, ToolOutcome, ToolRun, ToolRunner
from media.tools.tool import Tool
from media.tools.warm_transfer import transfer_failed_result
from shared.events import TransferFailure
from shared.refcycles import break_cycle

# How long tools may continue after the end of the call, so that their outcome is known. The end waits this long for the
# caller's last words anyway.
GRACE_S: Final = 1.5
# The maximum number of tools that an answer may call. They run in sequence, and the caller waits for all of them.
MOST_CALLS: Final = 8
TOO_MANY_RESULT: Final = f"Not run: one answer may call {MOST_CALLS} tools at most."
# The result of a run that was lost with its node.
LOST_RESULT: Final = (
    "Interrupted: the line broke while it ran, and nobody knows whether it was done. Tell the caller so; "
    "do it again only if the caller wants that."
)


class ToolSequence:
    """The tool calls of one answer. A reply waits for them. After it stops waiting (`abandon`), they continue.

    Attributes:
        is_done: All calls have ended.
        can_end_reply: All of them succeeded, and each ends the call or the answer.
        ends_call: One of them ends the call.
    """

    def __init__(self, results: Sequence[ToolResult], turn: int, on_abandon: Callable[["ToolSequence"], None]) -> None:
        """Create the sequence. `on_abandon` is called once, when the reply stops waiting."""
        self.results, self.turn = tuple(results), turn
        self._on_abandon = on_abandon
        self.is_done = self.is_abandoned = False
        self.can_end_reply, self.ends_call = True, False
        self.current: ToolRun | None = None
        self._words: list[str] = []
        self._wake = asyncio.Event()

    def fill(self, words: str) -> None:
        """Give the waiting reply words to fill the silence."""
        self._words.append(words)
        self._wake.set()

    def finish(self) -> None:
        """Record that all calls have ended."""
        self.is_done = True
        self._wake.set()

    async def wait(self) -> list[str]:
        """Wait for the end, or for words that fill the silence. Return the words."""
        await self._wake.wait()
        self._wake.clear()
        words, self._words = self._words, []
        return words

    def abandon(self) -> None:
        """Record that the reply no longer waits."""
        if not self.is_abandoned:
            self.is_abandoned = True
            self._on_abandon(self)


class ToolListener(Protocol):
    """The tools' reports to the conversation."""

    def tools_called(self) -> None:
        """Called when an answer of the model calls tools, which begin to run."""

    def tools_done(self, sequence: ToolSequence) -> None:
        """Called when all tools of an answer have ended."""

    def tool_ends_call(self) -> None:
        """Called when a tool that ends the call has succeeded and its answer was not interrupted."""


class CallTools:
    """Runs the tools and puts results into their places in the transcript. Use it on the event loop.

    Attributes:
        specs: The descriptions for the model.
    """

    def __init__(
        self, tools: Mapping[str, Tool], runner: ToolRunner, listener: ToolListener, language: CallLanguage
    ) -> None:
        """Create the tools of a call. `language` is the language of fillers."""
        self.specs: tuple[ToolSpec, ...] = tuple(tool.spec for tool in tools.values())
        self._tools, self._runner, self._listener, self._language = tools, runner, listener, language
        self._sequences: dict[ToolSequence, asyncio.Task[None]] = {}
        self._new_results: list[ToolResult] = []
        self._is_closing = False

    @property
    def is_running(self) -> bool:
        """Whether any tool runs."""
        return bool(self._sequences)

    @property
    def new_results(self) -> tuple[ToolResult, ...]:
        """Results for which the caller waits, and which no answer of the model has covered."""
        return tuple(self._new_results)

    @property
    def filler(self) -> str:
        """What to say for the running tool while the caller waits; empty for nothing."""
        runs = (sequence.current for sequence in self._sequences if sequence.current is not None)
        return next((filler for run in runs if (filler := self._filler_of(run.tool))), "")

    def _filler_of(self, tool: Tool) -> str:
        """Return a tool's filler. Its own words are in the agent's main language; another language uses the standard
        words."""
        is_said = bool(tool.filler) and not self._language.is_main
        return first_filler(self._language.tag) if is_said else tool.filler

    def last_words(self, results: Iterable[ToolResult], goodbye: str) -> str:
        """Return what is said before the end of the call if the model has said nothing."""
        tools = (self._tools.get(result.call.name) for result in results)
        return next((filler for tool in tools if tool and (filler := self._filler_of(tool))), goodbye)

    def start(self, results: Sequence[ToolResult], turn: int) -> ToolSequence:
        """Run the tools of an answer in the model's order."""
        self._listener.tools_called()
        return self._start(results, turn)

    def resume(self, transcript: Transcript, turn: int, failure: TransferFailure | None = None) -> None:
        """Handle what ran when the call was lost: repeat it under the same id if that is safe.

        Args:
            failure: The failure of the transfer that ended the earlier stream. Such a call was not lost.
        """
        if failure is not None:
            return self.transfer_failed(transcript, failure)
        self._revoke_endings(transcript.last_results())
        self.add_new_results(transcript.last_results())
        for result in transcript.unfinished_results():
            tool = self._tools.get(result.call.name)
            if tool is not None and tool.repeatable and not tool.stops_at_barge_in:
                self._start([result], turn, is_repeated=True).abandon()
            else:
                result.text = LOST_RESULT
                self.add_new_results([result])

    def transfer_failed(self, transcript: Transcript, failure: TransferFailure) -> None:
        """Add the failed transfer to the transcript, because its target was not reached and the caller is back.

        The first words of the new stream inform the caller, so the result is not new to the caller.
        """
        text = transfer_failed_result(failure)
        results = [result for result in transcript.last_results() if result.call.name == "transfer"]
        for result in results:
            result.text = text
        if not results:
            transcript.add_note(text)

    def add_new_results(self, results: Iterable[ToolResult]) -> None:
        """Add results for which the caller still waits."""
        known = [
            result
            for result in results
            if result.text is not None and result.needs_answer and result not in self._new_results
        ]
        self._new_results += known

    def clear_new_results(self, results: Iterable[ToolResult]) -> None:
        """Record that an answer of the model has covered these results."""
        covered = set(results)
        self._new_results = [result for result in self._new_results if result not in covered]

    async def close(self) -> None:
        """Let running tools end within GRACE_S, and start no others. After that, cancel them."""
        self._is_closing = True
        if self._sequences:
            await asyncio.wait(self._sequences.values(), timeout=GRACE_S)
        await self._runner.close()
        if self._sequences:
            await asyncio.wait(self._sequences.values())
        break_cycle(self, "_listener")

    def _start(self, results: Sequence[ToolResult], turn: int, *, is_repeated: bool = False) -> ToolSequence:
        sequence = ToolSequence(results, turn, self._on_abandon)
        self._sequences[sequence] = task = asyncio.create_task(self._run(sequence, is_repeated=is_repeated))
        task.add_done_callback(lambda done: self._end(sequence))
        return sequence

    async def _run(self, sequence: ToolSequence, *, is_repeated: bool) -> None:
        """Run the tools. `is_repeated` means that they began before the call was lost, so they run although no reply
        waits.
        """
        for result in sequence.results[MOST_CALLS:]:
            result.text, sequence.can_end_reply = TOO_MANY_RESULT, False
        for result in sequence.results[:MOST_CALLS]:
            tool = self._tools.get(result.call.name)
            is_unwanted = sequence.is_abandoned and not is_repeated and _belongs_to_sentence(tool)
            if self._is_closing or is_unwanted:
                result.text, sequence.can_end_reply = CANCELLED_RESULT, False
                continue
            await self._run_one(sequence, result, tool)

    async def _run_one(self, sequence: ToolSequence, result: ToolResult, tool: Tool | None) -> None:
        def take(outcome: ToolOutcome) -> None:
            result.text, result.is_secret = outcome.text, outcome.ok and tool is not None and tool.secret
            is_last = outcome.ok and tool is not None and tool.ends_call
            result.needs_answer = not (outcome.ok and tool is not None and tool.ends_answer)
            sequence.can_end_reply = sequence.can_end_reply and (is_last or not result.needs_answer)
            sequence.ends_call = sequence.ends_call or is_last
            if is_last and not sequence.is_abandoned:
                self._listener.tool_ends_call()
            elif sequence.is_abandoned and not outcome.is_cancelled:
                self.add_new_results([result])

        sequence.current = run = self._runner.start(result.call, result.number, sequence.turn, take)
        await run.ended.wait()
        sequence.current = None

    def _revoke_endings(self, results: Iterable[ToolResult]) -> None:
        """Revoke results that the end of the stream would have carried out: hanging up, a transfer. Control's results
        stay."""
        for result in results:
            tool = self._tools.get(result.call.name)
            if result.text is not None and tool is not None and tool.ends_call and not tool.repeatable:
                result.text = NOT_ENDED_RESULT

    def _end(self, sequence: ToolSequence) -> None:
        del self._sequences[sequence]
        sequence.finish()
        if not self._is_closing:
            self._listener.tools_done(sequence)

    def _on_abandon(self, sequence: ToolSequence) -> None:
        self.add_new_results(sequence.results)
        run = sequence.current
        if run is not None and run.tool.stops_at_barge_in and not run.tool.takes_speech():
            self._runner.cancel(run)


def _belongs_to_sentence(tool: Tool | None) -> bool:
    return tool is not None and (tool.ends_call or tool.stops_at_barge_in)
