"""Shared functions for the media messages of Twilio and Telnyx. Pure."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from media.telephony.codec import Clear, DigitReceived, Mark, MarkReached, MediaProtocolError, UnknownMessages
from media.telephony.json_messages import DIGITS, UNKNOWN_EVENT
from media.telephony.session import StreamSession

# The end of a media message, after the payload in base64.
MEDIA_END: Final = b'"}}'
# Errors that do not end a running stream. While a stream runs, only `connected` and `start` can be out of order.
_HARMLESS: Final = frozenset({"missing_field", "bad_type", "bad_base64", "binary_message", "out_of_order"})
# The maximum number of consecutive messages that are not JSON, which is the number of messages in one second of audio.
MAX_NOT_JSON_RUN: Final = 50


class DtmfPart(msgspec.Struct, gc=False):
    """The `dtmf` object of both carriers. `digit` has any type, because an unknown value must not end the call."""

    digit: Any = None


class MarkPart(msgspec.Struct, gc=False):
    """The `mark` object of both carriers."""

    name: str


def media_start(stream: bytes = b"") -> bytes:
    """Return the part of a media message before its base64 payload.

    Args:
        stream: The carrier's field for the stream, such as `,"streamSid":"…"`. Empty if the carrier has none.
    """
    return b'{"event":"media"' + stream + b',"media":{"payload":"'


def encode_control(command: Mark | Clear, stream: bytes = b"") -> str:
    """Encode a mark or a clear command.

    Args:
        stream: The carrier's field for the stream, as in `media_start`.
    """
    if isinstance(command, Mark):
        name = msgspec.json.encode(command.name)
        return (b'{"event":"mark"' + stream + b',"mark":{"name":' + name + b"}}").decode()
    return (b'{"event":"clear"' + stream + b"}").decode()


def require_running(session: StreamSession) -> None:
    """Raise MediaProtocolError out_of_order for a command to a stream that does not run."""
    if session.stream_id is None:
        raise MediaProtocolError("out_of_order", f"no command may be sent while the stream is {session.stage}")


def pass_over(session: StreamSession, unknown: UnknownMessages, error: MediaProtocolError, accepted: int) -> bool:
    """Count a message that the stream can do without, and return True. If the message ends the stream, close the
    session and return False.

    Args:
        accepted: The number of media messages that the codec has passed on.
    """
    if error.code == UNKNOWN_EVENT:
        unknown.add_event(error.detail.strip("'"))
    elif session.stream_id is not None and error.code in _HARMLESS:
        unknown.add_malformed(error)
    elif session.stream_id is not None and error.code == "not_json":
        unknown.add_not_json(error, accepted)
        if unknown.not_json_run > MAX_NOT_JSON_RUN:
            session.close()
            return False
    else:
        session.close()
        return False
    return True


def read_digit(
    session: StreamSession, unknown: UnknownMessages, stream_id: str, part: DtmfPart
) -> Sequence[DigitReceived]:
    """Return the pressed key. An unknown key is counted and skipped. Raises MediaProtocolError unless the stream with
    this ID runs."""
    session.check("dtmf", stream_id)
    if isinstance(part.digit, str) and part.digit in DIGITS:
        return (DigitReceived(part.digit),)
    unknown.digits += 1
    return ()


def read_mark(session: StreamSession, stream_id: str, part: MarkPart) -> MarkReached:
    """Return the mark. Raises MediaProtocolError unless the stream with this ID runs."""
    session.check("mark", stream_id)
    return MarkReached(part.name)


def format_error(encoding: str, sample_rate: int, channels: int, field: str) -> MediaProtocolError:
    """Return the error for an unsupported media format."""
    declared = f"{encoding[:40]} at {sample_rate} Hz with {channels} channels"
    return MediaProtocolError("bad_format", declared, field)
