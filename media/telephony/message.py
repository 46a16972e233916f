"""Reads the JSON text messages of a media socket into typed events, or says what is wrong with them."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from media.telephony.wire import WireError

MAX_MESSAGE_BYTES = 64 * 1024  # neither carrier documents a limit; a 20 ms frame takes about 400 bytes
MAX_PARAMS = 100
MAX_PARAM_CHARACTERS = 499  # Twilio: name and value together stay under 500

# Carriers write numbers as strings; the decoders take either form (`strict=False`).
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Digit = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"]

Event = TypeVar("Event")


class DtmfPart(msgspec.Struct, gc=False):
    """What both carriers say of a key."""

    digit: Digit


class MarkPart(msgspec.Struct, gc=False):
    """What both carriers say of a mark."""

    name: str


class Reader(Generic[Event]):
    """One socket's reader; the decoder (of a union of Structs tagged by `event`) may be shared by all sockets."""

    def __init__(self, decoder: "msgspec.json.Decoder[Any]", max_bytes: int) -> None:
        self._decode = decoder.decode
        self._max_bytes = max_bytes

    def read(self, message: str | bytes, is_text: bool = False) -> Event:
        """`is_text`: these bytes came as a text message.

        Raises WireError: binary_message, too_large, not_json, unknown_event, missing_field, bad_type, bad_base64."""
        if not is_text and not isinstance(message, str):
            raise WireError("binary_message", "text was expected")
        check_size(message, self._max_bytes)
        try:
            event: Event = self._decode(message)
        except msgspec.ValidationError as fault:
            raise _fault(str(fault)) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as fault:
            raise WireError("not_json", str(fault)[:120]) from None
        return event


def check_size(message: str | bytes, max_bytes: int) -> None:
    """Raises WireError too_large above `max_bytes`; text counts as UTF-8."""
    size = len(message)
    if isinstance(message, str) and size <= max_bytes and not message.isascii():
        size = len(message.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise WireError("too_large", f"{size} bytes, at most {max_bytes} are taken")


def check_params(params: Mapping[str, str], field: str) -> dict[str, str]:
    """Copies custom parameters. Raises WireError bad_params when they are too many or too long."""
    if len(params) > MAX_PARAMS:
        raise WireError("bad_params", f"{len(params)} parameters, at most {MAX_PARAMS} are taken", field)
    if any(len(name) + len(value) > MAX_PARAM_CHARACTERS for name, value in params.items()):
        raise WireError("bad_params", f"a parameter of more than {MAX_PARAM_CHARACTERS} characters", field)
    return dict(params)


def _fault(text: str) -> WireError:
    """Turns msgspec's sentence, "what is wrong - at `$.path`", into our error."""
    what, _, path = text.rpartition(" - at `$") if " - at `$" in text else (text, "", "")
    field = path.rstrip("`").lstrip(".")
    if what.startswith("Object missing required field `"):
        name = what.split("`")[1]
        return WireError("missing_field", "a required field is absent", f"{field}.{name}" if field else name)
    if what.startswith("Invalid base64"):
        return WireError("bad_base64", "the payload is no base64", field)
    if field == "event" and what.startswith("Invalid value"):
        return WireError("unknown_event", what.removeprefix("Invalid value ")[:60], field)
    return WireError("bad_type", what[:120], field)
