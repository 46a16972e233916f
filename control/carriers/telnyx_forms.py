"""Builds Telnyx's request bodies and maps its errors. No I/O."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from control.carriers.retries import ACCOUNT_REFUSED, NotProcessed, unavailable_by_status
from control.carriers.rules import (
    ActiveCall,
    CallTarget,
    CarrierError,
    CarrierName,
    CarrierRefused,
    CarrierUnavailable,
    DialRequest,
)

NAME: Final[CarrierName] = "telnyx"
# Duration of a DTMF tone in ms. This is the shortest that Telnyx accepts.
TONE_MS: Final = 100
# client_state of a transfer leg: this prefix and the call_control_id of the transferred call.
TRANSFER: Final = "transfer:"
# client_state of the leg to a warm transfer's target: this prefix and our id of the transfer.
TARGET: Final = "target:"
# client_state of an inbound call that we answered: this prefix and our id of the call. The client_state of an outbound
# call is the id alone.
INBOUND: Final = "inbound:"
# Error codes for a resource or call that does not exist.
NOT_FOUND: Final = frozenset({"10005", "90015"})
# Error code of a command for an ended call (docs: voice API errors, 90018).
_CALL_ENDED: Final = frozenset({"90018"})
# The call already has a media stream. Only one is allowed.
ALREADY_STREAMING: Final = frozenset({"90045"})
# Errors of a recording command: no audio yet, or the call is not answered yet (API reference: calls, response 422).
TOO_EARLY: Final = frozenset({"90020", "90034"})
# Docs: sip-trunking/troubleshooting/response-codes. _AT_CAPACITY: too many concurrent calls for the account, the
# outbound profile, the connection or the number. The call can be placed after another call has ended. The tag is more
# specific than the error code, which all tags share.
_AT_CAPACITY: Final = frozenset({"D1", "D2", "D3", "D22"})
_LIMIT_TAG: Final = re.compile(r"\bD\d{1,2}$")
# Fields of dial and answer commands. Media decodes only these codecs; the first two need no transcoding. If no silence
# is sent between the agent's utterances, some phones also stop sending (reported by users of Telnyx).
MEDIA_FORM: Final = {"preferred_codecs": "PCMU,PCMA,G722", "send_silence_when_idle": True}
_LONGEST_CALL_S: Final = 14_400
# What a number or its order waits for, by status (docs: numbers/phone-numbers, regulatory requirements). Only active
# numbers take calls. Statuses that are not listed here wait for Telnyx.
ACTIVE: Final = "active"
INFO_PENDING: Final = "requirement-info-pending"
_WAITS_FOR: Final = {
    INFO_PENDING: "The carrier needs documents or an address for this number before it takes calls.",
    "requirement-info-under-review": "The carrier is checking the documents for this number.",
    "requirement-info-exception": "The carrier did not accept the documents for this number.",
}
# Missing requirements of an order, by requirement type.
_LACKING: Final = {
    "address": "an address",
    "document": "a document",
    "textual": "details of the business",
    "datetime": "a date",
}
ADDRESS_REFUSED: Final = "The carrier did not accept the address for this number."
_SETTING_UP: Final = "The carrier is still setting this number up."


@dataclass(frozen=True, slots=True)
class TelnyxOptions:
    """Settings of Telnyx.

    Attributes:
        webhook_url: Without a trailing slash.
        api_url: Without a trailing slash.
        timeout_s: Limit for one request.
        records: Whether Telnyx records calls.
    """

    webhook_url: str
    api_key: str
    connection_id: str
    api_url: str = "https://api.telnyx.com/v2"
    timeout_s: float = 5.0
    records: bool = False


def call_form(options: TelnyxOptions, request: DialRequest) -> dict[str, object]:
    """Return the body of a dial request.

    The command_id is the call's id. Telnyx ignores a repeat within 60 s (docs: command-retries).
    """
    form: dict[str, object] = {
        "connection_id": options.connection_id,
        "to": request.called,
        "from_": request.caller,
        "timeout_secs": min(max(request.ring_timeout_s, 5), 600),
        "time_limit_secs": min(request.max_duration_s, _LONGEST_CALL_S),
        "webhook_url": f"{options.webhook_url}/webhooks/calls/status?call={request.call_id}",
        "webhook_url_method": "POST",
        "client_state": client_state(request.call_id),
        "command_id": request.call_id,
        **MEDIA_FORM,
    }
    if request.detect_machine:
        # greeting_end adds an event at the end of a machine's greeting.
        form["answering_machine_detection"] = "greeting_end" if request.leaves_message else "detect"
    return form | recording_form(options, wanted=request.record)


def pending_words(status: str) -> str:
    """Return what a number with this status waits for, as text for the customer."""
    return _WAITS_FOR.get(status, _SETTING_UP)


def us_dollars(currency: str | None, amount: object) -> Decimal | None:
    """Return a price. Return None if it is in another currency or not a number."""
    try:
        return Decimal(str(amount)) if currency in (None, "USD") else None
    except InvalidOperation:
        return None


def lacking_words(field_types: Sequence[str]) -> str:
    """Return what an order lacks, as text for the customer.

    Args:
        field_types: Types of the requirements without a value.
    """
    if not field_types:
        return _WAITS_FOR[INFO_PENDING]
    things = ", ".join(dict.fromkeys(_LACKING.get(field_type, "documents") for field_type in field_types))
    return f"The carrier still needs this for the number before it takes calls: {things}."


def needs_requirements(status: str) -> bool:
    """Return whether the order waits for the customer or a review. These take days, so polling is pointless."""
    return status in _WAITS_FOR


def recording_form(options: TelnyxOptions, *, wanted: bool) -> dict[str, object]:
    """Return the recording fields of a dial or answer command.

    Args:
        wanted: Whether the agent's calls are recorded.
    """
    if not (options.records and wanted):
        return {}
    return {"record": "record-from-answer", "record_channels": "dual", "record_format": "wav"}


def client_state(value: str) -> str:
    """Encode a client_state as base64."""
    return base64.b64encode(value.encode()).decode()


def read_client_state(state: object) -> str:
    """Decode a client_state. Return an empty string if it is not valid, which means that it is not ours."""
    if not isinstance(state, str):
        return ""
    try:
        return base64.b64decode(state, validate=True).decode()
    except ValueError:
        return ""


def active_call(call_control_id: str, seconds: object, state: object) -> ActiveCall:
    """Convert a row from the list of active calls."""
    known = read_client_state(state)
    return ActiveCall(
        call_control_id,
        seconds if isinstance(seconds, int) else 0,
        call_id="" if known.startswith(TRANSFER) else known.removeprefix(INBOUND),
        transfer_of=known.removeprefix(TRANSFER) if known.startswith(TRANSFER) else "",
    )


def error_from_response(status: int, body: object) -> CarrierError:
    """Map an error response. Its text may contain phone numbers and is left out."""
    error = unavailable_by_status(NAME, status)
    if error is not None:
        return error
    code = _limit_tag(body) or _code(body) or ("10005" if status == 404 else str(status))
    why = "the call has ended" if code in _CALL_ENDED else f"refused with HTTP {status}"
    return CarrierRefused(NAME, code, why, call_ended=code in _CALL_ENDED, account_refused=status in ACCOUNT_REFUSED)


def find_later(refused: CarrierRefused) -> CarrierError:
    """Return the error of a refused dial. Return NotProcessed if there are too many concurrent calls."""
    at_capacity = refused.code in _AT_CAPACITY
    return NotProcessed(NAME, refused.code, "too many calls at once") if at_capacity else refused


def call_target(connection: str, ours: str) -> CallTarget:
    """Return where a number's calls go, based on the number's connection."""
    if not connection:
        return "nowhere"
    return "us" if connection == ours else "elsewhere"


def required_text(value: object) -> str:
    """Return a required text. Raises CarrierUnavailable if it is missing."""
    if not isinstance(value, str) or not value:
        raise CarrierUnavailable(NAME, "unreadable", "the answer cannot be read")
    return value


def _limit_tag(body: object) -> str:
    """Return the tag of a refusal by the account's limits or profiles, such as D13.

    The tag is the last word of the error's text.
    """
    found = _LIMIT_TAG.search(str(_first_error(body).get("detail", "")))
    return found[0] if found else ""


def _code(body: object) -> str:
    """Return the code of the first error. Empty if there is no error."""
    return str(_first_error(body).get("code", ""))


def _first_error(body: object) -> Mapping[str, object]:
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def speak_language(language: str, known: Sequence[str]) -> str:
    """Return Telnyx's tag for a language: the exact tag, else the tag of its main country, else any region.

    Args:
        known: All tags that Telnyx supports.
    """
    first = language.partition("-")[0].lower()
    wanted = (
        language,
        f"{first}-{first.upper()}",
        *(candidate for candidate in known if candidate.partition("-")[0] == first),
    )
    if first == "en" and language not in known:
        return "en-US"
    return next((candidate for candidate in wanted if candidate in known), "en-US")
