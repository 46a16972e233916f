"""Maps pydantic's errors to Invalid, which names every fault: its field, a code and a message in our own words."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError

from control.platform.union_errors import UNION_ERROR
from control.platform.validation_messages import FALLBACK, words_of
from shared.errors import ErrorDetail, Invalid

# Faults in one answer, so that it cannot be longer than the request by much.
MAX_ERRORS: Final = 50
# pydantic puts it behind the name of an entry whose name is invalid.
_KEY: Final = "[key]"


def list_faults(error: ValidationError, at: str = "") -> list[ErrorDetail]:
    """The first MAX_ERRORS faults. at: the field that was validated, before the names of those in it."""
    faults = error.errors(include_url=False)[:MAX_ERRORS]
    return [_detail(fault["type"], fault, at) for fault in faults]


def join_invalid(found: Sequence[Invalid]) -> Invalid:
    """One Invalid of several: of a request's query and body."""
    return found[0] if len(found) == 1 else make_invalid([detail for one in found for detail in one.errors])


def make_invalid(errors: Sequence[ErrorDetail], code: str = "") -> Invalid:
    """Its param and its message are the first fault's; the message says how many more the answer lists: the first
    MAX_ERRORS."""
    listed = errors[:MAX_ERRORS]
    first, more = listed[0], len(listed) - 1
    text = f"{element_path(first.param or 'body')}: {first.message}"
    others = f" ({more} more in errors)" if more else ""
    return Invalid(f"{text}{others}.", code=code, param=first.param, errors=listed)


def element_path(param: str) -> str:
    """A dotted name as the caller would write it: hours.2.opens becomes hours[2].opens."""
    first, *rest = param.split(".")
    return first + "".join(f"[{part}]" if part.isascii() and part.isdecimal() else f".{part}" for part in rest)


def _detail(kind: str, fault: Any, at: str) -> ErrorDetail:
    path = [str(part) for part in fault["loc"] if part != _KEY]
    code, message = _words(kind, fault)
    if fault["loc"] and fault["loc"][-1] == _KEY:
        message = f"is no valid name: it {message}"
    return ErrorDetail(".".join([at, *path] if at else path) or "body", code, message)


def _words(kind: str, fault: Any) -> tuple[str, str]:
    if kind == UNION_ERROR:  # the message is ours
        return "wrong_type", fault["msg"]
    return words_of(kind, fault.get("ctx", {}), fault["input"]) or FALLBACK
