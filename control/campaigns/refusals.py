"""What follows when a call to a recipient may not be placed. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from control.do_not_call.rules import LISTED
from shared.errors import Problem

# finish: the recipient is never called. defer: another recipient first, this one later. wait: no recipient for now.
# pause: somebody has to change something first.
Consequence = Literal["finish", "defer", "wait", "pause"]

# Codes of OutboundCalls.place that concern this number alone, and for good. variable_missing is none of them: each
# recipient had the agent's variables when it was added, so the agent has changed, and everybody else would be refused,
# too.
_LASTING: Final = frozenset(
    {
        LISTED, "number_invalid", "number_refused", "number_is_own", "country_not_allowed", "number_unverified",
        "too_long",
    }
)  # fmt: skip
# Times after which the same call may be placed. A limit of a day or an hour is one of the last 24 hours or 60 minutes,
# so it gives way little by little.
_DEFERRED: Final = {"outbound_repeat_limit": timedelta(hours=1)}
_WAITS: Final = {
    "call_limit": timedelta(seconds=5),
    "outbound_rate": timedelta(seconds=5),
    "outbound_hourly_limit": timedelta(minutes=2),
    "platform_limit": timedelta(minutes=5),
    "outbound_daily_limit": timedelta(minutes=15),
    "outbound_minutes_limit": timedelta(minutes=15),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What follows from a refused call. delay: until it is tried again; zero for finish and pause."""

    consequence: Consequence
    code: str
    delay: timedelta = timedelta(0)


def judge_refusal(problem: Problem) -> Refusal:
    """A code that is not known here pauses the campaign: its cause lasts perhaps, and nobody is called in vain."""
    code = problem.code
    if code in _LASTING:
        return Refusal("finish", code)
    if code in _DEFERRED:
        return Refusal("defer", code, _DEFERRED[code])
    if code in _WAITS:
        return Refusal("wait", code, _WAITS[code])
    return Refusal("pause", code)
