"""The calls of one fault: most are in progress all the time, some end in it, some begin in it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from lab.scenarios.chaos.heard import HeardSilence, find_silences
from lab.stage.callers import RehearsalCaller
from lab.stage.calls import carrier_of
from lab.stage.conversation import Conversation
from lab.stage.platform import Platform
from lab.stage.timed_caller import TimedCaller
from simulator.carrier.call_audio import CallAudio
from simulator.carrier.caller import Caller
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import AfterAgent, Ending

Part = Literal["running", "ending", "beginning"]
# Asked at the end of a fault: why it is not sure that it was on; empty if it is.
Doubt = Callable[[], str]
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
# So many of the calls end in the fault, so many more begin in it; the first one of each so long after it has begun, the
# others one by one.
ENDING_SHARE: Final = 0.16
BEGINNING_SHARE: Final = 0.12
FIRST_AFTER_S: Final = 1.0
_NEXT_AFTER_S: Final = 0.2
# A caller whose call is not answered gives up: as people do, and so that the next fault's calls need not wait longer.
_PATIENCE_S: Final = 25.0
# More turns than fit into the time.
_MOST_TURNS: Final = 25
# A call that is not over by then is hung up.
_LONGEST_S: Final = 110.0
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
    def had_agent(self) -> bool:
        """Whether an agent was heard, when the call is over. Who is sent away with an apology has heard none."""
        return self.caller.outcome is not None and self.caller.outcome.has_agent

    def heard_before(self, moment: float) -> bool:
        """Whether anything was heard before."""
        return bool(self.caller.heard_at) and self.caller.heard_at[0] < moment

    def was_greeted_within(self, seconds: float) -> bool:
        """Whether an agent was heard so soon after the carrier's first webhook."""
        greeted_ms = self.caller.greeted_ms
        return self.had_agent and greeted_ms is not None and greeted_ms <= seconds * 1_000

    def hang_up_at(self, moment: float) -> None:
        """Has the caller hang up then, of `time.monotonic`, unless that is to be sooner."""
        up_at = self.caller.up_at or moment
        self.party.limit_ms = min(self.party.limit_ms, (moment - up_at) * 1_000)

    @property
    def has_hung_up(self) -> bool:
        """Whether the caller ended the call when it was time."""
        outcome = self.caller.outcome
        return outcome is not None and outcome.ended_by == "caller" and self.party.done

    @property
    def ended_at(self) -> float:
        """When its line was hung up, of `time.monotonic`, once the call is over."""
        return self.caller.up_at + self.line_s

    @property
    def has_said_all(self) -> bool:
        """Whether the caller had no words left, and so hung up too soon."""
        return self.party.caller.done

    def went_on(self, healed_at: float) -> bool:
        """Whether the caller hung up, after an answer that came when the fault was over."""
        return self.has_hung_up and any(at >= healed_at for at in self.caller.heard_at)


@dataclass(slots=True)
class Wave:
    """Times are of `time.monotonic`: when the fault began and ended. doubt: why it is not sure that the fault was on;
    empty if it is."""

    calls: list[WaveCall]
    struck_at: float = 0.0
    healed_at: float = 0.0
    doubt: str = ""

    def of(self, part: Part) -> list[WaveCall]:
        """The calls of one part."""
        return [call for call in self.calls if call.part == part]

    @property
    def running(self) -> list[WaveCall]:
        """Those in progress when the fault began, until it was over."""
        return [call for call in self.of("running") if call.heard_before(self.struck_at)]

    @property
    def ending(self) -> list[WaveCall]:
        """Those in progress when the fault began, whose callers hang up in it."""
        return [call for call in self.of("ending") if call.heard_before(self.struck_at)]

    @property
    def late(self) -> list[WaveCall]:
        """Those that should have been in progress then, and had no agent yet: not for this fault."""
        early = [call for call in self.calls if call.part != "beginning"]
        return [call for call in early if not call.heard_before(self.struck_at)]


async def wave_words(conversation: Conversation) -> Sequence[PreparedTurn]:
    """The turns of every caller."""
    return await conversation.turns([_WHEN] * _MOST_TURNS)


async def play_wave(
    platform: Platform,
    words: Sequence[PreparedTurn],
    numbers: range,
    seconds: float,
    *,
    strike: Callable[[], Awaitable[Doubt]],
    heal: Callable[[], Awaitable[None]],
    before: Sequence[asyncio.Task[None]] = (),
) -> tuple[Wave, list[asyncio.Task[None]]]:
    """Starts the calls and plays the fault; returns when it is over, with the tasks of the calls, which go on for about
    AFTER_S. numbers: of the phones, one for each call in progress; those that begin in the fault get the next ones.
    strike: its doubt is asked for when the fault has lasted so many seconds. before: the calls of the last fault, which
    are over before this one begins."""
    began, wave, tasks = time.monotonic(), Wave([]), list[asyncio.Task[None]]()
    ending = round(ENDING_SHARE * len(numbers))
    for index, number in enumerate(numbers):
        await _sleep_until(began + index / STARTS_PER_S)
        tasks.append(_start(platform, wave, words, "ending" if index < ending else "running", number))
    await _sleep_until(time.monotonic() + HEALTHY_S)
    await asyncio.gather(*before)
    await _wait_for_agents(wave)
    wave.struck_at = time.monotonic()
    doubt = await strike()
    for index, call in enumerate(wave.of("ending")):
        call.hang_up_at(wave.struck_at + FIRST_AFTER_S + index * _NEXT_AFTER_S)
    for more in range(round(BEGINNING_SHARE * len(numbers))):
        await _sleep_until(wave.struck_at + FIRST_AFTER_S + more * _NEXT_AFTER_S)
        tasks.append(_start(platform, wave, words, "beginning", numbers.stop + more))
    await _sleep_until(wave.struck_at + seconds)
    wave.doubt = doubt()
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
    party = TimedCaller(Caller(words, Ending()), waits=part != "ending")
    call = WaveCall(RehearsalCaller(party, f"+1646{number:07d}"), party, part, carrier_of(number))
    wave.calls.append(call)
    return asyncio.create_task(_run(platform, call))


async def _run(platform: Platform, call: WaveCall) -> None:
    """Runs the call and measures what its caller heard; the audio is dropped then."""
    caller = call.caller
    try:
        async with asyncio.timeout(_LONGEST_S):
            number = platform.workspace.agents[call.carrier].number
            await caller.call(platform.network.phone_network, number, patience_s=_PATIENCE_S)
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
