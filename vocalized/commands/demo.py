"""`vocalized demo`: the whole platform, two calls to its agent, their recordings and pictures."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from simulator.carrier.audio_clip import ClipError
from simulator.carrier.caller import Caller
from simulator.carrier.media_call import CannotConnect
from simulator.carrier.prepared_turn import PreparedTurn, Voice, prepare_turns
from vocalized.caller.console import CallPrinter
from vocalized.caller.finished_call import FinishedCall
from vocalized.caller.local_speech import Recognize, load_recognizer, load_voice
from vocalized.caller.number_call import call_number
from vocalized.caller.refusal import CallUnanswered
from vocalized.caller.result import call_result
from vocalized.caller.voice import CallerVoice, VoiceError
from vocalized.demo.calls import DemoCall, demo_calls
from vocalized.demo.files import DemoFiles
from vocalized.demo.readback import read_back, right_leg
from vocalized.services.folders import make_files_private
from vocalized.services.process import ServiceFailed
from vocalized.stack.addresses import Addresses
from vocalized.stack.first_addresses import ensure_addresses
from vocalized.stack.ports import choose_ports
from vocalized.stack.process import ServerFailed
from vocalized.stack.stack import running_stack

# The part of the words that must be found. Two recognitions and a synthesis lie between the caller's words and those
# found, and each loses some.
ENOUGH = 0.6

# Runs a call of the demonstration for its caller to its end.
Dial = Callable[[DemoCall, Caller, CallPrinter], Awaitable[FinishedCall]]


@dataclass(frozen=True, slots=True)
class DemoParts:
    """What a demonstration is made of. serve: runs an agent and yields the function that calls it."""

    serve: Callable[[CallPrinter], AbstractAsyncContextManager[Dial]]
    calls: Sequence[DemoCall]
    voice: Voice
    load_recognizer: Callable[[], Recognize]
    files: DemoFiles


async def run_demo(root: Path, state: Path, printer: CallPrinter) -> int:
    """The demonstration with the real parts, its files in `state`; returns the exit code."""
    make_files_private()
    voice, files = CallerVoice(load_voice), DemoFiles(state)
    parts = DemoParts(
        lambda printer: platform(root, state / "platform", printer), demo_calls(root), voice, load_recognizer, files
    )
    return await demonstrate(parts, printer)


@asynccontextmanager
async def platform(root: Path, state: Path, printer: CallPrinter) -> AsyncIterator[Dial]:
    """All of `vocalized up`, on free ports. Raises ServerFailed and ServiceFailed."""
    async with running_stack(root, state, choose_ports()) as stack:
        addresses = await ensure_addresses(root, stack)
        _print_addresses(addresses, printer)

        async def dial(call: DemoCall, caller: Caller, printer: CallPrinter) -> FinishedCall:
            try:
                return await call_number(addresses, addresses.number, caller, printer, limit_s=call.limit_s)
            except CallUnanswered as unanswered:
                raise ServerFailed(f"{unanswered}; see the logs in {state}") from unanswered

        yield dial


def _print_addresses(addresses: Addresses, printer: CallPrinter) -> None:
    """Raises ServerFailed when there is no number to call."""
    if not addresses.number:
        raise ServerFailed(
            "the demonstration needs a simulated carrier: unset VOCALIZED_TWILIO_… or VOCALIZED_TELNYX_…"
        )
    printer.info(
        f"the platform is ready: API {addresses.control}, media {addresses.media}, carrier {addresses.carrier}"
    )
    printer.info(f"the agent answers {addresses.number}")


async def demonstrate(parts: DemoParts, printer: CallPrinter) -> int:
    """Runs the calls; returns 0 when all were completed and the message was read back, else 1."""
    began = time.monotonic()
    try:
        passed = await _calls(parts, printer)
        passed = await _check(parts, printer) and passed
    except (ServerFailed, ServiceFailed, VoiceError, ClipError, CannotConnect, OSError) as error:
        printer.error(str(error))
        return 1
    printer.info(f"\n{time.monotonic() - began:.0f} s in all")
    return 0 if passed else 1


async def _calls(parts: DemoParts, printer: CallPrinter) -> bool:
    async with AsyncExitStack() as running:
        with printer.console.status("loading the recognizer and the voice, starting the platform"):
            preparing = asyncio.create_task(_prepare(parts))
            running.push_async_callback(_cancel, preparing)
            dial = await running.enter_async_context(parts.serve(printer))
            performances = await preparing
        return all([await _play(parts, dial, *pair, printer) for pair in zip(parts.calls, performances, strict=True)])


async def _prepare(parts: DemoParts) -> list[tuple[PreparedTurn, ...]]:
    return [await prepare_turns(call.script, parts.voice) for call in parts.calls]


async def _cancel(task: asyncio.Task[list[tuple[PreparedTurn, ...]]]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, VoiceError, ClipError):
        await task


async def _play(
    parts: DemoParts, dial: Dial, call: DemoCall, performances: Sequence[PreparedTurn], printer: CallPrinter
) -> bool:
    """Runs, prints, saves and draws one call; returns whether it ran as intended."""
    printer.console.print(Text(f"\n{call.title}\n", style="bold"))
    caller = Caller(performances, call.script.ending)
    finished = await dial(call, caller, printer)
    printer.timings(finished.record, caller.reports)
    for what, path in await asyncio.to_thread(parts.files.save, call, finished):
        printer.info(f"  {what:24} {path}")
    result = call_result(finished.record, finished.transcript, None)
    if not caller.done:
        printer.error("the call ended before the caller's last turn")
    if not result.completed:
        printer.error(f"the call {result.status}: {result.end_reason.replace('_', ' ')}")
    return caller.done and result.completed


async def _check(parts: DemoParts, printer: CallPrinter) -> bool:
    """Recognises what the caller heard from the recording alone. Returns whether the message was read back."""
    passed = True
    for call in parts.calls:
        if not call.message:
            continue
        with printer.console.status("recognising the recording's right channel again"):
            recognize = await asyncio.to_thread(parts.load_recognizer)
            leg = await asyncio.to_thread(right_leg, parts.files.recording(call))
            found = await asyncio.to_thread(read_back, call.message, leg, recognize)
        count = f"\nthe agent read back {len(found.found)} of the caller's {len(found.wanted)} words: "
        printer.console.print(Text.assemble(count, (" ".join(found.found), "green")), soft_wrap=True)
        printer.info(f"  recognized again from the right channel of {parts.files.recording(call)}: {found.heard}")
        if found.share < ENOUGH:
            printer.error("that is too little: the message was not read back")
            passed = False
    return passed
