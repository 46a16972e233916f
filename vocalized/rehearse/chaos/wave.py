"""The calls of one fault: most are in progress all the time, some end in it, some begin in it."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.caller import Caller
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import AfterAgent, Ending
from vocalized.rehearse.callers import RehearsalCaller
from vocalized.rehearse.chaos.heard import HeardSilence, find_silences
from vocalized.rehearse.failover.conversation import Conversation
from vocalized.rehearse.platform import Platform
from vocalized.rehearse.scenarios import carrier_of
from vocalized.rehearse.timed_caller import TimedCaller

Part = Literal["running", "ending", "beginning"]
CALLS: Final = 50
# What two cores set up beside their simulators and the ends of the calls before, without one that waits 2 s for the
# database.
STARTS_PER_S: Final = 6.0
# From the start of the last call to the fault, when all have heard the greeting.
HEALTHY_S: Final = 3.5
# From the end of the fault to that of its calls, which go on until their turn is answered.
AFTER_S: Final = 4.0
# A slow machine may need longer for them.
_AGENTS_S: Final = 10.0
_POLL_S: Final = 0.1
# So many of the calls end in the fault, which begins at HEALTHY_S; so many more begin in it.
ENDING_SHARE: Final = 0.16
ENDING_MS: Final = 6_000
BEGINNING_SHARE: Final = 0.12
BEGINNING_AFTER_S: Final = 1.0
# More turns than fit into the time.
_MOST_TURNS: Final = 20
# A call that is not over by then is hung up.
_LONGEST_S: Final = 100.0
# The first turn waits for the greeting, as all do; a caller who hears nothing for so long speaks again.
_WHEN: Final = AfterAgent(quiet_ms=500, patience_ms=8_000)


@dataclass(slots=True)
class WaveCall:
    """One call. silences: of its turns; times of `time.monotonic` in seconds. line_s: how long its line was up."""

    caller: RehearsalCaller
    party: TimedCaller
    part: Part
    carrier: str
    silences: list[tuple[float, float]] = field(default_factory=list)
    line_s: float = 0.0
    error: str = ""

    @property
    def is_answered(self) -> bool:
        """Whether an agent was heard."""
        return self.caller.outcome is not None and self.caller.outcome.answered and bool(self.caller.heard_at)

    def has_agent(self, moment: float) -> bool:
        """Whether an agent was heard before."""
        return bool(self.caller.heard_at) and self.caller.heard_at[0] < moment

    def hang_up_at(self, moment: float) -> None:
        """Has the caller hang up then, of `time.monotonic`, unless that is to be sooner."""
        up_at = self.caller.up_at or moment
        self.party.limit_ms = min(self.party.limit_ms, (moment - up_at) * 1_000)

    def went_on(self, healed_at: float) -> bool:
        """Whether the caller hung up, after an answer that came when the fault was over."""
        outcome = self.caller.outcome
        if outcome is None or not outcome.answered or outcome.ended_by != "caller" or not self.caller.party.done:
            return False
        return any(at >= healed_at for at in self.caller.heard_at)


@dataclass(slots=True)
class Wave:
    """Times are of `time.monotonic`: when the fault began and ended."""

    calls: list[WaveCall]
    struck_at: float = 0.0
    healed_at: float = 0.0

    def of(self, part: Part) -> list[WaveCall]:
        """The calls of one part."""
        return [call for call in self.calls if call.part == part]

    @property
    def running(self) -> list[WaveCall]:
        """Those in progress when the fault began."""
        return [call for call in self.of("running") if call.has_agent(self.struck_at)]

    @property
    def late(self) -> list[WaveCall]:
        """Those that should have been in progress then, and had no agent yet: not for this fault."""
        return [call for call in self.of("running") if not call.has_agent(self.struck_at)]


async def wave_words(conversation: Conversation) -> Sequence[PreparedTurn]:
    """The turns of every caller."""
    return await conversation.turns([_WHEN] * _MOST_TURNS)


async def play_wave(
    platform: Platform,
    words: Sequence[PreparedTurn],
    numbers: range,
    seconds: float,
    *,
    strike: Callable[[], Awaitable[None]],
    heal: Callable[[], Awaitable[None]],
    before: Sequence[asyncio.Task[None]] = (),
) -> tuple[Wave, list[asyncio.Task[None]]]:
    """Starts the calls and plays the fault; returns when it is over, with the tasks of the calls, which go on for about
    AFTER_S. numbers: of the phones, one for each call in progress; those that begin in the fault get the next ones.
    before: the calls of the last fault, which are over before this one begins."""
    began, wave, tasks = time.monotonic(), Wave([]), list[asyncio.Task[None]]()
    ending = round(ENDING_SHARE * len(numbers))
    for index, number in enumerate(numbers):
        await _sleep_until(began + index / STARTS_PER_S)
        tasks.append(_start(platform, wave, words, "ending" if index < ending else "running", number))
    await _sleep_until(time.monotonic() + HEALTHY_S)
    await asyncio.gather(*before)
    await _wait_for_agents(wave)
    wave.struck_at = time.monotonic()
    await strike()
    for more in range(round(BEGINNING_SHARE * len(numbers))):
        await _sleep_until(wave.struck_at + BEGINNING_AFTER_S + more * 0.2)
        tasks.append(_start(platform, wave, words, "beginning", numbers.stop + more))
    await _sleep_until(wave.struck_at + seconds)
    await heal()
    wave.healed_at = time.monotonic()
    for call in wave.calls:
        call.hang_up_at(wave.healed_at + AFTER_S)
    return wave, tasks


async def _wait_for_agents(wave: Wave) -> None:
    """Until all calls have heard an agent: a fault that meets calls which are being set up is another one."""
    until = time.monotonic() + _AGENTS_S
    while time.monotonic() < until and not all(call.caller.heard_at for call in wave.calls):  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)


def _start(
    platform: Platform, wave: Wave, words: Sequence[PreparedTurn], part: Part, number: int
) -> asyncio.Task[None]:
    party = TimedCaller(Caller(words, Ending()), ENDING_MS if part == "ending" else math.inf)
    call = WaveCall(RehearsalCaller(party, f"+1646{number:07d}"), party, part, carrier_of(number))
    wave.calls.append(call)
    return asyncio.create_task(_run(platform, call))


async def _run(platform: Platform, call: WaveCall) -> None:
    """Runs the call and measures what its caller heard; the audio is dropped then."""
    caller = call.caller
    try:
        async with asyncio.timeout(_LONGEST_S):
            await caller.call(platform.network.phone_network, platform.workspace.agents[call.carrier].number)
    except TimeoutError:
        call.error = f"not over after {_LONGEST_S:g} s"
        return
    audio = caller.outcome.audio if caller.outcome is not None else None
    if audio is None:
        return
    call.line_s = audio.duration_ms / 1_000
    found = await asyncio.to_thread(find_silences, bytes(audio.agent), caller.party.reports)
    call.silences = [_at(caller, silence) for silence in found]
    caller.outcome = replace(caller.outcome, audio=CallAudio()) if caller.outcome is not None else None


def _at(caller: RehearsalCaller, silence: HeardSilence) -> tuple[float, float]:
    return caller.up_at + silence.began_ms / 1_000, caller.up_at + silence.ended_ms / 1_000


async def _sleep_until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
