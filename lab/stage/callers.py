"""The callers of a rehearsal: they play a human recording turn by turn and store when the agent was heard."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.stage.timed_caller import TimedCaller
from simulator.carrier.audio_clip import clip_of_pcm, read_clip
from simulator.carrier.caller import Caller, TurnReport
from simulator.carrier.media_stream import Party, PartyOutput
from simulator.carrier.mulaw import decode
from simulator.carrier.network.phone_network import RING_LIMIT_S, CallEvent, CallOutcome, PhoneNetwork
from simulator.carrier.prepared_turn import PreparedTurn, prepare_turns
from simulator.carrier.script import AfterAgent, Ending, Play, Script, Turn

SAMPLE = Path("config/samples/jfk.flac")
# "And so, my fellow Americans": the recording's first words.
WORDS_MS = 2_200
_BYTES_PER_MS = 8


async def caller_turns(root: Path, turns: int) -> Sequence[PreparedTurn]:
    """`turns` turns of the same words, each after the agent has spoken; prepared once for all callers."""
    first = Turn(await read_words(root), AfterAgent(quiet_ms=500, patience_ms=20_000))
    return await prepare_turns(Script((first,) * turns))


async def read_words(root: Path) -> Play:
    """The words that every caller says."""
    whole = await asyncio.to_thread(read_clip, root / SAMPLE)
    return Play(clip_of_pcm(decode(whole.ulaw[: WORDS_MS * _BYTES_PER_MS]).astype("<i2").tobytes()))


class GreetingCaller:
    """Hangs up 0.5 s after the greeting began."""

    def __init__(self) -> None:
        self._heard = False
        self._until: int | None = None
        self.done = False
        self.reports: list[TurnReport] = []

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Sends silence."""
        if self._heard and self._until is None:
            self._until = at_ms + 500
        self.done = self._until is not None and at_ms >= self._until
        return PartyOutput(b"\xff" * 160, hang_up=self.done or at_ms > 20_000)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Agent audio arrived."""
        self._heard = True

    def cleared(self, at_ms: float) -> None:
        """Ignored."""


@dataclass(slots=True)
class RehearsalCaller:
    """One caller. Times are of `time.monotonic`. started_at: when the carrier began the call. up_at: when its line was
    answered, time 0 of the turns' reports. heard_at: when each piece of agent audio arrived at the carrier. refusal:
    why the call was refused."""

    party: Caller | GreetingCaller | TimedCaller
    number: str
    started_at: float = 0.0
    up_at: float = 0.0
    call_id: str = ""
    refusal: str = ""
    heard_at: list[float] = field(default_factory=list)
    outcome: CallOutcome | None = None

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Passed on to the party."""
        self.up_at = self.up_at or time.monotonic() - at_ms / 1_000
        return self.party.tick(at_ms, heard)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Stores the time."""
        self.heard_at.append(time.monotonic())
        self.party.arrived(payload, at_ms, begins_ms)

    def cleared(self, at_ms: float) -> None:
        """Passed on to the party."""
        self.party.cleared(at_ms)

    async def call(
        self, world: PhoneNetwork, called: str, party: Party | None = None, *, patience_s: float = RING_LIMIT_S
    ) -> None:
        """Runs the whole call. party: this caller on its line, if the line is not perfect. patience_s: how long it may
        ring."""
        self.started_at = time.monotonic()
        self.outcome = await world.call(
            self.number, called, party or self, on_event=self._on_event, patience_s=patience_s
        )

    def _on_event(self, event: CallEvent) -> None:
        self.call_id = event.call_id or self.call_id
        self.refusal = event.reason or self.refusal

    @property
    def greeted_ms(self) -> float | None:
        """Milliseconds from the carrier's first webhook to the agent's first audio."""
        return (self.heard_at[0] - self.started_at) * 1_000 if self.heard_at else None

    def heard_after(self, moment: float) -> float | None:
        """Seconds from `moment` to the next agent audio."""
        return next((at - moment for at in self.heard_at if at >= moment), None)

    @property
    def succeeded(self) -> bool:
        """Whether the call was answered, and every turn was played and answered."""
        return (
            self.outcome is not None
            and self.outcome.answered
            and self.party.done
            and all(report.latency_ms is not None for report in self.party.reports)
        )

    @property
    def fault(self) -> str:
        """What went wrong with a call that did not succeed."""
        if self.outcome is None or not self.outcome.answered:
            return "not answered"
        reports = self.party.reports
        silent = [str(turn) for turn, report in enumerate(reports, start=1) if report.latency_ms is None]
        return f"no answer to turn {', '.join(silent)} of {len(reports)}" if silent else "ended before its last turn"


def scripted_caller(performances: Sequence[PreparedTurn], index: int) -> RehearsalCaller:
    """A caller with a number of its own, made from `index`."""
    return RehearsalCaller(Caller(performances, Ending(quiet_ms=300)), f"+1646{index + 2_000_000:07d}")
