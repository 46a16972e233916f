"""Decodes JSON from outside; every fault raises the same kind of error."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


def decode_json(text: bytes | str, type: type[T]) -> T:
    """As msgspec does it. Raises msgspec.DecodeError, also for what is nested a thousand deep: msgspec raises
    RecursionError there, also in fields that the type does not have."""
    try:
        return msgspec.json.decode(text, type=type)
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None
