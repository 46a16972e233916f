"""The tool `collect_digits`, which waits for digits that the caller presses or says."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from media.providers.ports import ToolSpec
from media.tools.tool import Tool

DigitSource = Literal["keys", "speech"]
DigitOutcome = Literal["complete", "too_few", "nothing", "unconfirmed"]
DigitKind = Literal["", "phone", "card"]
MOST_TRIES: Final = 3
MOST_DIGITS: Final = 64
LONGEST_PROMPT: Final = 300
# The number of tries if the model specifies none and the caller can reject the digits.
CONFIRMED_TRIES: Final = 2
# Sent to the model if all tries of spoken digits failed.
OFFER_KEYPAD: Final = "If you ask again, offer the phone's keypad."
# Enough for three tries with up to 64 digits, and the words before them.
TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class DigitRequest:
    """The parameters of a request for digits.

    Attributes:
        least: The minimum number of digits.
        most: The maximum number of digits.
        terminator: The key that ends the input, or "".
        first_ms: The longest wait for the first digit.
        next_ms: The longest wait for each further digit.
        spoken: Spoken digits count as well as keys.
        kind: A phone number or a card, whose length shows its end.
        tries: The number of tries.
        retry_prompts: The agent's words before each further try.
        confirm: The digits are read back, and the caller confirms them. Spoken digits are always confirmed.
    """

    least: int = 1
    most: int = 16
    terminator: str = "#"
    first_ms: float = 8_000.0
    next_ms: float = 8_000.0
    spoken: bool = False
    kind: DigitKind = ""
    tries: int = 1
    retry_prompts: tuple[str, ...] = ()
    confirm: bool = False


@dataclass(frozen=True, slots=True)
class CollectedDigits:
    """The result of a request for digits.

    Attributes:
        digits: The digits of the last try.
        outcome: Whether there are enough digits, confirmed by the caller if necessary.
        tries: The number of tries.
        sources: How the digits were given, in alphabetical order.
        is_confirmed: The caller confirmed the digits.
    """

    digits: str
    outcome: DigitOutcome
    tries: int = 1
    sources: tuple[DigitSource, ...] = ()
    is_confirmed: bool = False


_Prompt = Annotated[str, Meta(max_length=LONGEST_PROMPT)]


class _Arguments(Struct):
    min_digits: Annotated[int, Meta(ge=1, le=MOST_DIGITS)] = 1
    max_digits: Annotated[int, Meta(ge=1, le=MOST_DIGITS)] = 16
    terminator: Annotated[str, Meta(pattern=r"^[0-9*#]?$")] = "#"
    timeout_s: Annotated[float, Meta(ge=1, le=60)] = 8.0
    first_timeout_s: Annotated[float, Meta(ge=1, le=60)] | None = None
    spoken: bool = False
    kind: DigitKind = ""
    tries: Annotated[int, Meta(ge=1, le=MOST_TRIES)] | None = None
    retry_prompts: Annotated[tuple[_Prompt, ...], Meta(max_length=MOST_TRIES - 1)] = ()
    confirm: bool = False

    def __post_init__(self) -> None:
        if self.min_digits > self.max_digits:
            raise ValueError("min_digits: must not exceed max_digits")


_PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "min_digits": {"type": "integer", "minimum": 1, "maximum": MOST_DIGITS, "description": "Fewer are a failure."},
        "max_digits": {"type": "integer", "minimum": 1, "maximum": MOST_DIGITS},
        "terminator": {"type": "string", "description": "Key that ends the input, usually #."},
        "timeout_s": {"type": "number", "description": "Seconds without a further digit before a try ends."},
        "first_timeout_s": {"type": "number", "description": "Seconds to wait for the first digit."},
        "spoken": {
            "type": "boolean",
            "description": "The caller may also say the digits. Never for card numbers, PINs or passwords: what is "
            "said is kept in the transcript; what is pressed is kept nowhere.",
        },
        "kind": {"type": "string", "enum": ["", "phone", "card"], "description": "Whose end is known by its length."},
        "tries": {"type": "integer", "minimum": 1, "maximum": MOST_TRIES},
        "retry_prompts": {
            "type": "array",
            "maxItems": MOST_TRIES - 1,
            "items": {"type": "string", "maxLength": LONGEST_PROMPT},
            "description": "What to say before the second and the third try, in the caller's language.",
        },
        "confirm": {
            "type": "boolean",
            "description": "Pressed digits are read back to the caller, who says whether they are right. Spoken "
            "numbers always are. Do not read them back again.",
        },
    },
}


def collect_digits(
    collect: Callable[[DigitRequest], Awaitable[CollectedDigits]],
    takes_speech: Callable[[], bool] = lambda: False,
) -> Tool:
    """Return the tool that waits for digits that the caller presses, or says if the model allows it.

    The tool stops at a barge-in, unless spoken digits count. A caller who talks instead of pressing keys gets an
    answer, without a later report that nothing was pressed.

    Args:
        takes_speech: Returns whether the caller's words belong to a run.
    """

    async def run(arguments: bytes, run_id: str) -> str:
        ask = msgspec.json.decode(arguments, type=_Arguments, strict=False)  # models also write numbers as strings
        first_s = ask.timeout_s if ask.first_timeout_s is None else ask.first_timeout_s
        request = DigitRequest(
            least=ask.min_digits,
            most=ask.max_digits,
            terminator=ask.terminator,
            first_ms=first_s * 1_000,
            next_ms=ask.timeout_s * 1_000,
            spoken=ask.spoken,
            kind=ask.kind,
            tries=ask.tries or (CONFIRMED_TRIES if ask.confirm or ask.spoken else 1),
            retry_prompts=ask.retry_prompts,
            confirm=ask.confirm,
        )
        collected = await collect(request)
        told = _describe(collected, ask.min_digits)
        return f"{told} {OFFER_KEYPAD}" if ask.spoken and collected.outcome != "complete" else told

    description = (
        "Wait for the caller to press digits on the phone's keypad, or to say them. Ask for them in the same answer."
    )
    spec = ToolSpec("collect_digits", description, _PARAMETERS)
    return Tool(spec, run, TIMEOUT_S, secret=True, stops_at_barge_in=True, takes_speech=takes_speech)


def _describe(collected: CollectedDigits, least: int) -> str:
    """Return the result for the model. Unconfirmed digits are excluded, because the model might use them."""
    if collected.outcome == "nothing":
        return "The caller pressed nothing."
    if collected.outcome == "unconfirmed":
        return "The caller did not confirm the digits that were read back, so they are not known."
    verb = "gave" if "speech" in collected.sources else "pressed"
    text = f"The caller {verb}: {collected.digits}"
    if collected.outcome == "too_few":
        return f"{text}. That is fewer than the {least} digits that were asked for."
    return f"{text}. They were read back, and the caller has confirmed them." if collected.is_confirmed else text
