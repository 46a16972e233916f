"""A caller's script: what it does in each turn, and when the turn begins."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulator.carrier.audio_clip import Clip
from simulator.carrier.line_noise import Noise

# --- When a turn begins -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AfterAgent:
    """When the agent has spoken since the caller's last turn and been silent for `quiet_ms`, or when it has said
    nothing for `patience_ms`."""

    quiet_ms: int = 600
    patience_ms: int = 15_000


@dataclass(frozen=True, slots=True)
class BargeIn:
    """`after_ms` after the agent's answer began to play; after its end if the answer is shorter."""

    after_ms: int
    patience_ms: int = 15_000


@dataclass(frozen=True, slots=True)
class After:
    """`ms` after the end of the caller's last turn (or the start of the call), whatever the agent does."""

    ms: int


@dataclass(frozen=True, slots=True)
class Once:
    """As soon as something has happened beside the call, whatever the agent does; or when it has not for `patience_ms`
    after the end of the caller's last turn."""

    happened: Callable[[], bool]
    patience_ms: int = 15_000


When = AfterAgent | BargeIn | After | Once

# --- What a turn does -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Play:
    """Plays a recording: a file of any rate and format, or a clip."""

    sound: Path | Clip


@dataclass(frozen=True, slots=True)
class Say:
    """Says a text with the voice given to `prepare_turns`."""

    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """Presses keys (0-9 * # A-D), one every `gap_ms`."""

    digits: str
    gap_ms: int = 240


@dataclass(frozen=True, slots=True)
class Rest:
    """Stays silent for `ms`; the agent's answer to the turn before still counts."""

    ms: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """Ends the call."""


Act = Play | Say | Press | Rest | HangUp


@dataclass(frozen=True, slots=True)
class Stall:
    """The line stalls `at_ms` after the start of the turn: frames are held back for `hold_ms`, then sent at once."""

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
    """When the caller hangs up after the last turn: the agent answered and was silent for `quiet_ms`, did not answer
    within `timeout_ms`, or still speaks after `longest_ms`."""

    quiet_ms: int = 1_500
    timeout_ms: int = 20_000
    longest_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Script:
    """All turns of a caller."""

    turns: tuple[Turn, ...]
    ending: Ending = Ending()
