"""The scripted caller: decides every 20 ms whether to speak, be silent or hang up. It has no clock of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from control.agent_tests.rules import CaseScript
from media.audio.mulaw import BYTES_PER_MS, SILENCE
from vocalized.agent_tests.carrier import SoundSpan
from vocalized.agent_tests.turn_choice import choose_turn

FRAME_MS: Final = 20
_FRAME: Final = FRAME_MS * BYTES_PER_MS
# People do not answer sooner; a shorter silence may be a pause between two sentences of the agent.
LEAST_PAUSE_MS: Final = 400.0
# Silence of the agent after which the caller goes on without an answer.
PATIENCE_MS: Final = 12_000.0
# How long the caller listens after the last answer before hanging up.
FAREWELL_MS: Final = 1_500.0
# How long a caller who does not hang up waits for the agent to end the call.
LONGEST_WAIT_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class HeardAgent:
    """The agent as the caller hears it.

    Attributes:
        heard: Its words since the caller's last turn, as far as whole utterances were heard.
        words_begun: How many of its words since then have begun.
        is_busy: A tool runs.
        silent_since_ms: When it was audible last, or a tool ended.
    """

    heard: str
    words_begun: int
    is_sounding: bool
    is_busy: bool
    silent_since_ms: float


@dataclass(slots=True)
class SpokenTurn:
    """A turn that the caller said.

    Attributes:
        place: Its place in the script.
        interrupts: The caller began while the agent spoke, as the script says.
    """

    place: int
    span: SoundSpan
    interrupts: bool


@dataclass(slots=True)
class ScriptedCaller:
    """Says the turns of a script.

    Attributes:
        sounds: The audio of each turn by its place, mu-law.
        spoken: The turns so far.
        has_hung_up: The caller has hung up.
        audio: The caller's side from the beginning of the call, mu-law.
    """

    script: CaseScript
    sounds: Mapping[int, bytes]
    spoken: list[SpokenTurn] = field(default_factory=list)
    has_hung_up: bool = False
    audio: bytearray = field(default_factory=bytearray)
    _left: bytes = b""

    @property
    def said(self) -> Sequence[int]:
        """The places of the turns so far."""
        return [turn.place for turn in self.spoken]

    @property
    def is_speaking(self) -> bool:
        """Whether a turn is being said."""
        return bool(self._left)

    @property
    def silent_since_ms(self) -> float:
        """When the caller's last turn ended; 0 before the first one."""
        return self.spoken[-1].span.end_ms if self.spoken else 0.0

    @property
    def unsaid(self) -> Sequence[int]:
        """The places of the turns that are still to be said."""
        turns, said = self.script.turns, self.said
        return [place for place, turn in enumerate(turns) if not turn.is_optional and place not in said]

    def next_frame(self, now_ms: float, agent: HeardAgent) -> bytes:
        """Returns the caller's next 20 ms."""
        if not self._left:
            self._decide(now_ms, agent)
        frame, self._left = self._left[:_FRAME].ljust(_FRAME, SILENCE), self._left[_FRAME:]
        self.audio += frame
        return frame

    def _decide(self, now_ms: float, agent: HeardAgent) -> None:
        quiet_ms = now_ms - max(self.silent_since_ms, agent.silent_since_ms)
        place = self._find_due(now_ms, agent, quiet_ms)
        if place is not None:
            self._left = self.sounds[place]
            span = SoundSpan(now_ms, now_ms + len(self._left) / BYTES_PER_MS)
            self.spoken.append(SpokenTurn(place, span, agent.is_sounding))
        elif not self.unsaid and not agent.is_sounding and not agent.is_busy:
            wait_ms = FAREWELL_MS if agent.heard else PATIENCE_MS
            self.has_hung_up = quiet_ms >= (wait_ms if self.script.hangs_up else LONGEST_WAIT_MS)

    def _find_due(self, now_ms: float, agent: HeardAgent, quiet_ms: float) -> int | None:
        """Returns the place of the turn that begins now."""
        turns = self.script.turns
        if agent.is_sounding:
            following = self.unsaid[0] if self.unsaid else None
            after = None if following is None else turns[following].interrupts_after_words
            return following if after is not None and agent.words_begun >= max(1, after) else None
        if agent.is_busy:
            return None
        if agent.heard:
            place = choose_turn(turns, self.said, agent.heard)
            pause_ms = LEAST_PAUSE_MS if place is None else max(LEAST_PAUSE_MS, turns[place].pause_ms)
            return place if quiet_ms >= pause_ms else None
        place = self.unsaid[0] if self.unsaid else None
        if place is None:
            return None
        waits_for_nothing = not turns[place].reacts_to
        return place if quiet_ms >= (turns[place].pause_ms if waits_for_nothing else PATIENCE_MS) else None
