"""Callers of a rehearsal: a human recording in turns, and when the agent was heard."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulator.carrier.caller import Caller, TurnReport
from simulator.carrier.clip import clip_of_pcm, read_clip
from simulator.carrier.mulaw import decode
from simulator.carrier.network.world import CallEvent, CallOutcome, World
from simulator.carrier.prepare import Performance, prepare
from simulator.carrier.script import AfterAgent, Ending, Play, Script, Turn
from simulator.carrier.stream import Step

SAMPLE = Path("config/samples/jfk.flac")
# "And so, my fellow Americans": the recording's first words.
WORDS_MS = 2_200
_BYTES_PER_MS = 8


async def rehearsed(root: Path, turns: int) -> Sequence[Performance]:
    """So many turns of the same words, each after the agent's; made once for all callers."""
    whole = await asyncio.to_thread(read_clip, root / SAMPLE)
    clip = clip_of_pcm(decode(whole.ulaw[: WORDS_MS * _BYTES_PER_MS]).astype("<i2").tobytes())
    first = Turn(Play(clip), AfterAgent(quiet_ms=500, patience_ms=20_000))
    return await prepare(Script((first,) * turns))


class Brief:
    """A caller who hangs up a moment after the greeting began."""

    def __init__(self) -> None:
        self._heard = False
        self._until: int | None = None
        self.done = False
        self.reports: list[TurnReport] = []

    def tick(self, at_ms: int, heard: bytes) -> Step:
        """Silence."""
        if self._heard and self._until is None:
            self._until = at_ms + 500
        self.done = self._until is not None and at_ms >= self._until
        return Step(b"\xff" * 160, hang_up=self.done or at_ms > 20_000)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """The greeting began."""
        self._heard = True

    def cleared(self, at_ms: float) -> None:
        """It doesn't matter."""


@dataclass(slots=True)
class Guest:
    """One caller. Moments are of `time.monotonic`. rang: when the carrier began with the call. heard_at: when each
    piece of agent audio came to the carrier."""

    caller: Caller | Brief
    number: str
    rang: float = 0.0
    call_id: str = ""
    refused: str = ""
    heard_at: list[float] = field(default_factory=list)
    outcome: CallOutcome | None = None

    def tick(self, at_ms: int, heard: bytes) -> Step:
        """As the caller."""
        return self.caller.tick(at_ms, heard)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Notes the moment."""
        self.heard_at.append(time.monotonic())
        self.caller.arrived(payload, at_ms, begins_ms)

    def cleared(self, at_ms: float) -> None:
        """As the caller."""
        self.caller.cleared(at_ms)

    async def phone(self, world: World, called: str) -> None:
        """The whole call."""
        self.rang = time.monotonic()
        self.outcome = await world.call(self.number, called, self, on_event=self._on_event)

    def _on_event(self, event: CallEvent) -> None:
        self.call_id = event.call_id or self.call_id
        self.refused = event.reason or self.refused

    @property
    def greeted_ms(self) -> float | None:
        """From the carrier's first webhook to the first sound of the agent."""
        return (self.heard_at[0] - self.rang) * 1_000 if self.heard_at else None

    def heard_after(self, moment: float) -> float | None:
        """Seconds from then to the next sound of the agent."""
        return next((at - moment for at in self.heard_at if at >= moment), None)

    @property
    def well(self) -> bool:
        """Answered, and every turn was played and answered."""
        return (
            self.outcome is not None
            and self.outcome.answered
            and self.caller.done
            and all(report.latency_ms is not None for report in self.caller.reports)
        )


def guest(performances: Sequence[Performance], index: int) -> Guest:
    """The caller with this number."""
    return Guest(Caller(performances, Ending(quiet_ms=300)), f"+1646{index + 2_000_000:07d}")
