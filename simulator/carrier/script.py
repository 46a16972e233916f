"""What a caller does in a call, turn by turn, and when each turn begins."""

from dataclasses import dataclass
from pathlib import Path

from simulator.carrier.clip import Clip
from simulator.carrier.noise import Noise

# --- When a turn begins -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AfterAgent:
    """When the agent has spoken since the caller's last turn and then been quiet for `quiet_ms`; or when nothing of
    the agent was heard for `patience_ms`."""

    quiet_ms: int = 600
    patience_ms: int = 15_000


@dataclass(frozen=True, slots=True)
class BargeIn:
    """`after_ms` after the agent's answer began to sound, over its words; an answer that is shorter is waited out."""

    after_ms: int
    patience_ms: int = 15_000


@dataclass(frozen=True, slots=True)
class After:
    """`ms` after the caller's last turn ended (or the call began), whatever the agent does."""

    ms: int


When = AfterAgent | BargeIn | After

# --- What is done -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Play:
    """Plays a recording: a file of any rate and format, or a clip made before."""

    sound: Path | Clip


@dataclass(frozen=True, slots=True)
class Say:
    """Says a text with the voice that was handed in."""

    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """Presses keys (0-9 * # A-D), one every `gap_ms`."""

    digits: str
    gap_ms: int = 240


@dataclass(frozen=True, slots=True)
class Rest:
    """Stays silent for `ms`; what the agent said before still counts as heard."""

    ms: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """Ends the call."""


Act = Play | Say | Press | Rest | HangUp


@dataclass(frozen=True, slots=True)
class Stall:
    """The line stalls `at_ms` after the turn began: its frames are held for `hold_ms` and then come in one burst."""

    at_ms: int
    hold_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller."""

    act: Act
    when: When = AfterAgent()
    noise: Noise | None = None
    stall: Stall | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """When the caller hangs up after the last turn: the agent answered and was quiet for `quiet_ms`, or did not answer
    within `timeout_ms`, or still speaks after `longest_ms`."""

    quiet_ms: int = 1_500
    timeout_ms: int = 20_000
    longest_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Script:
    """A whole call from the caller's side."""

    turns: tuple[Turn, ...]
    ending: Ending = Ending()
