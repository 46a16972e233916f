"""The demonstration's two calls, turn by turn."""

from dataclasses import dataclass
from pathlib import Path

from simulator.carrier.script import AfterAgent, BargeIn, Ending, Play, Say, Script, Turn

SAMPLE = Path("config/samples/jfk.flac")
SAMPLE_WORDS = (
    "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
)

# Without a comma: the local voice pauses for 350 ms at one, which an agent with quick endpointing takes for the end
# of the turn.
GOODBYE = "Okay goodbye."


@dataclass(frozen=True, slots=True)
class DemoCall:
    """One call. name: stem of its files. message: words that the agent must read back, if any."""

    name: str
    title: str
    script: Script
    message: str = ""
    limit_s: float = 120.0


def demo_calls(root: Path) -> list[DemoCall]:
    """Both calls. root: the checkout, which holds the sample recording."""
    return [_message(root), _questions()]


def _message(root: Path) -> DemoCall:
    turns = (
        Turn(Say("Hello, I would like to leave a message."), AfterAgent(patience_ms=6_000)),
        Turn(Play(root / SAMPLE)),
        Turn(Say("Yes, that is right.")),
        Turn(Say(GOODBYE)),
    )
    title = "Call 1: a human recording leaves a message, and the agent reads it back"
    return DemoCall("call-1", title, Script(turns, Ending(quiet_ms=4_000)), SAMPLE_WORDS)


def _questions() -> DemoCall:
    turns = (
        Turn(Say("What are your opening hours?"), AfterAgent(patience_ms=6_000)),
        Turn(Say("And where are you located?"), BargeIn(1_500)),
        Turn(Say("Can I bring my children?")),
        Turn(Say(GOODBYE)),
    )
    title = "Call 2: three questions, one answer interrupted, and the agent hangs up"
    return DemoCall("call-2", title, Script(turns, Ending(quiet_ms=4_000)))
