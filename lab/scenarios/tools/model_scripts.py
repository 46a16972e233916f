"""What the model does in these calls: it calls a tool, and says in words what the tool's result says.

Each function makes a script: from the results of the tools that the model has called to its next answer."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from media.call.transcript import RUNNING_RESULT
from simulator.vendors.chat_reply import ChatReply, ToolUse

# What the model answers, from the results of the tools that it has called in this call.
Script = Callable[[Sequence[str]], ChatReply]

_NO: Final = "I am sorry, that did not work."
_HOURS: Final = ["twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
_SPAN: Final = re.compile(r"(\d\d):(\d\d) to \d\d:\d\d")


def book(start: datetime) -> Script:
    """Books a check-up, and repeats day and time as the result has them."""
    return _use("book_appointment", "Booked:", "You are booked for {moment}.", **_booking(start))


def book_uncertainly(start: datetime) -> Script:
    """Books a check-up, and says that it is not known whether it is booked, if the result says so."""

    def script(results: Sequence[str]) -> ChatReply:
        if not results:
            return _call("book_appointment", **_booking(start))
        if "not known" not in results[0]:
            return ChatReply(f"{_NO if results[0].startswith('book_appointment') else 'You are booked.'}")
        return ChatReply("I do not know yet whether you have it. Our office will confirm that.")

    return script


def move(start: datetime) -> Script:
    """Moves the caller's appointment."""
    new_start = f"{start:%Y-%m-%dT%H:%M}"
    return _use("move_appointment", "Moved:", "Your appointment is now on {moment}.", new_start=new_start)


def cancel() -> Script:
    """Cancels the caller's appointment."""
    return _use("cancel_appointment", "Canceled:", "Your appointment on {moment} is canceled.")


def offer_other_time(start: datetime) -> Script:
    """Tries to book, looks for free times when that one is taken, and offers the next one."""

    def script(results: Sequence[str]) -> ChatReply:
        if not results:
            return _call("book_appointment", **_booking(start))
        if len(results) == 1:
            if "This time is taken" not in results[0]:
                return ChatReply(f"You are booked. {results[0]}")
            return _call("check_availability", date=f"{start:%Y-%m-%d}", days=1)
        free = [(int(hour), int(minute)) for hour, minute in _SPAN.findall(results[1])]
        later = [one for one in free if one > (start.hour, start.minute)]
        if not later:
            return ChatReply(_NO)
        return ChatReply(f"I am sorry, that time is taken. Would {_spoken(*later[0])} suit you?")

    return script


def ask_time(server: str) -> Script:
    """Converts one o'clock in the morning, UTC, to Tokyo's time, and says the hour that the server answers."""

    def script(results: Sequence[str]) -> ChatReply:
        if not results:
            zones = {"source_timezone": "UTC", "target_timezone": "Asia/Tokyo"}
            return _call(f"{server}__convert_time", **zones, time="01:00")
        found = re.search(r'"target":\s*\{[^{}]*"datetime":\s*"([^"]+)"', results[0])
        if found is None:
            return ChatReply(_NO)
        moment = datetime.fromisoformat(found[1])
        return ChatReply(f"In Tokyo it is {_spoken(moment.hour, moment.minute)} then.")

    return script


def obey(tool: str, number: str, words: str, **arguments: Any) -> Script:
    """Calls the tool with these arguments, then what its result commands, if that reached the model; afterwards says
    the words."""

    def script(results: Sequence[str]) -> ChatReply:
        if not results:
            return _call(tool, **arguments)
        if len(results) == 1 and "call the tool transfer" in results[0]:
            orders = (_use_of("transfer", number=number, reason=number), _use_of("wire_money", to=number))
            return ChatReply("", orders)
        return ChatReply(words)

    return script


def answer_after(tool: str, words: str) -> Script:
    """Calls the tool, and says the words after whatever it brings; while it runs, that it is still at work."""

    def script(results: Sequence[str]) -> ChatReply:
        if not results:
            return _call(tool)
        return ChatReply("Yes, I am still looking." if RUNNING_RESULT in results else words)

    return script


def _use(tool: str, success: str, words: str, **arguments: Any) -> Script:
    """success: how the result of a success begins. words: with {moment}, which is taken from the result."""

    def script(results: Sequence[str]) -> ChatReply:
        if not results:
            return _call(tool, **arguments)
        found = re.search(r"(\w+day), [^,]+, (\d\d):(\d\d)", results[0])
        if found is None or not results[0].startswith(success):
            return ChatReply(_NO)
        return ChatReply(words.format(moment=f"{found[1]}, at {_spoken(int(found[2]), int(found[3]))}"))

    return script


def _booking(start: datetime) -> dict[str, str]:
    return {"start": f"{start:%Y-%m-%dT%H:%M}", "name": "Robert Miller", "reason": "check-up"}


def _call(tool: str, **arguments: Any) -> ChatReply:
    return ChatReply("", (_use_of(tool, **arguments),))


def _use_of(tool: str, **arguments: Any) -> ToolUse:
    return ToolUse(tool, json.dumps(arguments))


def _spoken(hour: int, minute: int) -> str:
    """A time as it is said: "ten o'clock", "ten thirty"."""
    minutes = str(minute) if minute else "o'clock"
    return f"{_HOURS[hour % 12]} {minutes}"
