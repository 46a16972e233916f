"""`vocalized demo`: the whole platform, two calls to its agent, and what is left of them to hear and see."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from simulator.carrier.caller import Caller
from simulator.carrier.clip import ClipError
from simulator.carrier.dial import CannotConnect
from simulator.carrier.handset import Refused
from simulator.carrier.prepare import Performance, Voice, prepare
from vocalized.addresses import Addresses
from vocalized.child import ServerFailed
from vocalized.keepsakes import Keepsakes
from vocalized.local import load_recogniser, load_voice
from vocalized.phone import Conversation
from vocalized.readback import Recognise, read_back, right_leg
from vocalized.result import call_result
from vocalized.ring import ring
from vocalized.scenes import Scene, scenes
from vocalized.services.child import ServiceFailed
from vocalized.show import Show
from vocalized.stack import running_stack
from vocalized.up import UpOptions, choose_ports, first_addresses
from vocalized.voice import CallerVoice, VoiceError

# Two recognitions and a synthesis lie between the caller's words and those found: each loses some.
ENOUGH = 0.6

# Places a scene's call for its caller and carries it to its end.
Dial = Callable[[Scene, Caller, Show], Awaitable[Conversation]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a demonstration is made of. serve: runs an agent somewhere, and gives what phones it."""

    serve: Callable[[Show], AbstractAsyncContextManager[Dial]]
    scenes: Sequence[Scene]
    voice: Voice
    load_recogniser: Callable[[], Recognise]
    keepsakes: Keepsakes


async def run_demo(root: Path, state: Path, show: Show) -> int:
    """The whole demonstration with the real parts, its files in `state`; returns the exit code."""
    voice, keepsakes = CallerVoice(load_voice), Keepsakes(state)
    parts = Parts(
        lambda show: platform(root, state / "platform", show), scenes(root), voice, load_recogniser, keepsakes
    )
    return await demonstrate(parts, show)


@asynccontextmanager
async def platform(root: Path, state: Path, show: Show) -> AsyncIterator[Dial]:
    """All of `vocalized up`, at free ports. Raises ServerFailed and ServiceFailed."""
    async with running_stack(root, state, choose_ports(UpOptions(state))) as stack:
        addresses = await first_addresses(root, stack)
        _tell(addresses, show)

        async def dial(scene: Scene, caller: Caller, show: Show) -> Conversation:
            try:
                return await ring(addresses, addresses.number, caller, show, limit_s=scene.limit_s)
            except Refused as refused:
                raise ServerFailed(f"the call was not answered: {refused.reason}; see the logs in {state}") from refused

        yield dial


def _tell(addresses: Addresses, show: Show) -> None:
    """Raises ServerFailed when there is no number to phone."""
    if not addresses.number:
        raise ServerFailed(
            "the demonstration needs a simulated carrier: unset VOCALIZED_TWILIO_… or VOCALIZED_TELNYX_…"
        )
    show.note(f"the platform is ready: API {addresses.control}, media {addresses.media}, carrier {addresses.carrier}")
    show.note(f"the agent answers {addresses.number}")


async def demonstrate(parts: Parts, show: Show) -> int:
    """Places the calls; returns 0 when all were completed and the message was read back, else 1."""
    began = time.monotonic()
    try:
        good = await _calls(parts, show)
        good = await _check(parts, show) and good
    except (ServerFailed, ServiceFailed, VoiceError, ClipError, CannotConnect, OSError) as error:
        show.error(str(error))
        return 1
    show.note(f"\n{time.monotonic() - began:.0f} s in all")
    return 0 if good else 1


async def _calls(parts: Parts, show: Show) -> bool:
    async with AsyncExitStack() as running:
        with show.console.status("loading the recogniser and the voice, starting the platform"):
            preparing = asyncio.create_task(_prepared(parts))
            running.push_async_callback(_drop, preparing)
            dial = await running.enter_async_context(parts.serve(show))
            ready = await preparing
        return all([await _play(parts, dial, *pair, show) for pair in zip(parts.scenes, ready, strict=True)])


async def _prepared(parts: Parts) -> list[tuple[Performance, ...]]:
    return [await prepare(scene.script, parts.voice) for scene in parts.scenes]


async def _drop(task: asyncio.Task[list[tuple[Performance, ...]]]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, VoiceError, ClipError):
        await task


async def _play(parts: Parts, dial: Dial, scene: Scene, ready: Sequence[Performance], show: Show) -> bool:
    """One call: shown as it goes, saved and drawn; tells whether it took its proper course."""
    show.console.print(Text(f"\n{scene.title}\n", style="bold"))
    caller = Caller(ready, scene.script.ending)
    conversation = await dial(scene, caller, show)
    show.perceived(conversation.record, caller.reports)
    for what, path in await asyncio.to_thread(parts.keepsakes.save, scene, conversation):
        show.note(f"  {what:24} {path}")
    result = call_result(conversation.record, conversation.transcript, None)
    if not caller.done:
        show.error("the call ended before the caller's last turn")
    if not result.completed:
        show.error(f"the call {result.status}: {result.end_reason.replace('_', ' ')}")
    return caller.done and result.completed


async def _check(parts: Parts, show: Show) -> bool:
    """Recognises what the caller heard once more, from the recording alone."""
    good = True
    for scene in parts.scenes:
        if not scene.message:
            continue
        with show.console.status("recognising the recording's right channel again"):
            recognise = await asyncio.to_thread(parts.load_recogniser)
            leg = await asyncio.to_thread(right_leg, parts.keepsakes.recording(scene))
            found = await asyncio.to_thread(read_back, scene.message, leg, recognise)
        count = f"\nthe agent read back {len(found.found)} of the caller's {len(found.wanted)} words: "
        show.console.print(Text.assemble(count, (" ".join(found.found), "green")), soft_wrap=True)
        show.note(f"  recognised again from the right channel of {parts.keepsakes.recording(scene)}: {found.heard}")
        if found.share < ENOUGH:
            show.error("that is too little: the message was not read back")
            good = False
    return good
