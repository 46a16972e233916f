"""Decodes the JSON text messages of a media socket into typed events, and maps decoding errors."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, get_args

import msgspec

from media.telephony.codec import MediaProtocolError

MAX_MESSAGE_BYTES = 64 * 1024  # neither carrier documents a limit; a 20 ms frame has about 400 bytes
UNKNOWN_EVENT: Final = "unknown_event"  # the code of a MediaProtocolError
MAX_PARAMS = 100
MAX_PARAM_CHARACTERS = 499  # Twilio: name and value together must be shorter than 500 characters

# Carriers send numbers as strings; the decoders accept either form (`strict=False`).
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Digit = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"]
DIGITS: Final = frozenset(get_args(Digit))

Event = TypeVar("Event")


class JsonReader(Generic[Event]):
    """The reader of one socket. Sockets may share a decoder (of a union of Structs tagged by `event`)."""

    __slots__ = ("_decode", "_max_bytes")

    def __init__(self, decoder: "msgspec.json.Decoder[Any]", max_bytes: int) -> None:
        self._decode = decoder.decode
        self._max_bytes = max_bytes

    def read(self, message: str | bytes, is_text: bool = False) -> Event:
        """Decode a message.

        Args:
            is_text: The bytes are the undecoded content of a text message.

        Raises:
            MediaProtocolError: With the code binary_message, too_large, not_json, unknown_event, missing_field,
                bad_type or bad_base64.
        """
        decode = self._decode  # a local name, as in `InboundPath.push`
        if isinstance(message, str):
            check_size(message, self._max_bytes)
        elif not is_text:
            raise MediaProtocolError("binary_message", "text was expected")
        elif len(message) > self._max_bytes:  # like `check_size`, but without a function call per frame
            raise _too_large(len(message), self._max_bytes)
        try:
            event: Event = decode(message)
        except msgspec.ValidationError as error:
            raise _protocol_error(str(error)) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise MediaProtocolError("not_json", str(error)[:120]) from None
        return event


def check_size(message: str | bytes, max_bytes: int) -> None:
    """Raise MediaProtocolError too_large above `max_bytes`. Text is measured as UTF-8."""
    size = len(message)
    if isinstance(message, str) and size <= max_bytes and not message.isascii():
        size = len(message.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise _too_large(size, max_bytes)


def _too_large(size: int, max_bytes: int) -> MediaProtocolError:
    return MediaProtocolError("too_large", f"{size} bytes, at most {max_bytes} are accepted")


def check_params(params: Mapping[str, str], field: str) -> dict[str, str]:
    """Return a copy of the custom parameters. Raises MediaProtocolError bad_params if they are too many or too long."""
    if len(params) > MAX_PARAMS:
        raise MediaProtocolError("bad_params", f"{len(params)} parameters, at most {MAX_PARAMS} are accepted", field)
    if any(len(name) + len(value) > MAX_PARAM_CHARACTERS for name, value in params.items()):
        raise MediaProtocolError("bad_params", f"a parameter has more than {MAX_PARAM_CHARACTERS} characters", field)
    return dict(params)


def _protocol_error(text: str) -> MediaProtocolError:
    """Convert msgspec's message, "what is wrong - at `$.path`", to a MediaProtocolError."""
    what, _, path = text.rpartition(" - at `$") if " - at `$" in text else (text, "", "")
    field = path.rstrip("`").lstrip(".")
    if what.startswith("Object missing required field `"):
        name = what.split("`")[1]
        return MediaProtocolError("missing_field", "a required field is absent", f"{field}.{name}" if field else name)
    if what.startswith("Invalid base64"):
        return MediaProtocolError("bad_base64", "the payload is not base64", field)
    if field == "event" and what.startswith("Invalid value"):
        return MediaProtocolError(UNKNOWN_EVENT, what.removeprefix("Invalid value ")[:60], field)
    return MediaProtocolError("bad_type", what[:120], field)
