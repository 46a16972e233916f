"""Who makes the tones of keys that an agent presses."""

from control.agents.sent_digits import adapt_tools
from shared.plan import SEND_DIGITS, ToolPlan

TOOLS = ("end_call", SEND_DIGITS, ToolPlan("book", remote=True))


def test_twilio_leaves_the_tones_to_media() -> None:
    assert adapt_tools(TOOLS, "twilio") == TOOLS  # type: ignore[arg-type]  # names, as a plan has them


def test_telnyx_is_asked_through_control() -> None:
    end, keys, book = adapt_tools(TOOLS, "telnyx")  # type: ignore[arg-type]
    assert (end, book) == (TOOLS[0], TOOLS[2])
    assert isinstance(keys, ToolPlan) and (keys.name, keys.remote) == (SEND_DIGITS, True)
    assert adapt_tools((end, keys, book), "telnyx") == (end, keys, book), "of a call that was resumed"
