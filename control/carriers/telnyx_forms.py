"""What Telnyx is asked, as it wants it, and what its refusals say: pure."""

import base64
from dataclasses import dataclass
from typing import Final

from control.carriers.model import CarrierAway, CarrierFault, CarrierName, CarrierRefused, Dial
from control.carriers.tries import away_by_status

NAME: Final[CarrierName] = "telnyx"
# No such thing, no such call.
GONE: Final = frozenset({"10005", "90015"})
_OVER: Final = frozenset({"90018"})
# The call has a media stream already; there may be one only.
STREAMS: Final = frozenset({"90045"})
_LONGEST_CALL_S: Final = 14_400


@dataclass(frozen=True, slots=True)
class TelnyxOptions:
    """webhook_url, api_url: without a slash at the end. timeout_s: of one request. records: whether Telnyx records."""

    webhook_url: str
    api_key: str
    connection_id: str
    api_url: str = "https://api.telnyx.com/v2"
    timeout_s: float = 5.0
    records: bool = False


def call_form(options: TelnyxOptions, order: Dial) -> dict[str, object]:
    """Of a call that is to be placed. Its id is its command's too: a repeat within a minute is ignored."""
    asked: dict[str, object] = {
        "connection_id": options.connection_id,
        "to": order.called,
        "from_": order.caller,
        "timeout_secs": min(max(order.ring_s, 5), 600),
        "time_limit_secs": min(order.longest_s, _LONGEST_CALL_S),
        "webhook_url": f"{options.webhook_url}/webhooks/calls/status?call={order.call_id}",
        "webhook_url_method": "POST",
        "client_state": client_state(order.call_id),
        "command_id": order.call_id,
    }
    if order.detect_machine:
        asked["answering_machine_detection"] = "detect"
    return asked | recording_form(options, wanted=order.record)


def recording_form(options: TelnyxOptions, *, wanted: bool) -> dict[str, object]:
    """Of a call that is dialled or answered. wanted: its agent has calls recorded."""
    if not (options.records and wanted):
        return {}
    return {"record": "record-from-answer", "record_channels": "dual", "record_format": "wav"}


def client_state(words: str) -> str:
    """As Telnyx wants it: base64."""
    return base64.b64encode(words.encode()).decode()


def fault(status: int, body: object) -> CarrierFault:
    """What an answer that is no success means. Its text names numbers, and stays out."""
    away = away_by_status(NAME, status)
    if away is not None:
        return away
    code = _code(body) or ("10005" if status == 404 else str(status))
    why = "the call is over" if code in _OVER else f"refused with HTTP {status}"
    return CarrierRefused(NAME, code, why, over=code in _OVER)


def text(value: object) -> str:
    """What must be there. Raises CarrierAway."""
    if not isinstance(value, str) or not value:
        raise CarrierAway(NAME, "unreadable", "the answer cannot be read")
    return value


def _code(body: object) -> str:
    """Of the first error."""
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return str(first.get("code", "")) if isinstance(first, dict) else ""
