"""Decodes JSON from outside; every fault raises the same kind of error."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


def decode_json(text: bytes | str, type: type[T]) -> T:
    """Decode JSON with msgspec.

    Raises:
        msgspec.DecodeError: The text is invalid, or nested a thousand levels deep. In the latter case msgspec itself
        raises RecursionError, even in fields that the type does not have.
    """
    try:
        return msgspec.json.decode(text, type=type)
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None
