"""What Twilio is asked, as its forms want it, and what its answers say: pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from control.carriers.model import Available, CarrierAway, CarrierFault, CarrierName, CarrierRefused, Dial, Owned
from control.carriers.tries import away_by_status

NAME: Final[CarrierName] = "twilio"
# The thing does not exist.
MISSING: Final = frozenset({"20404", "404"})
# Not (or no longer) to be had; the call is over.
_TAKEN: Final = frozenset({"21422", "21452"})
_OVER: Final = frozenset({"21220"})
# Twilio asks once more when it could not connect, and otherwise not at all. What it tells without waiting for an answer
# is to come again after a fault or silence of ours, up to three times (docs: webhooks-connection-overrides; the
# fragment is no part of what is asked and signed).
AGAIN: Final = "#rc=3&rp=5xx,ct,rt"
_WHY: Final = {
    "20003": "the carrier does not accept our sign-in",
    "21422": "the number is not to be had",
    "21452": "the number is not to be had",
    "21217": "the number is none",
    "21211": "the number is none",
    "21219": "the number is not verified, which this account needs",
    "21215": "this account may not call that country",
    "13227": "this account may not call that country",
    "32205": "this account may not call that country",
    "21220": "the call is over",
    "10004": "too many calls at once for this account",
}


@dataclass(frozen=True, slots=True)
class TwilioOptions:
    """webhook_url, api_url: without a slash at the end. timeout_s: of one request. records: whether Twilio records."""

    webhook_url: str
    account_sid: str
    token: str
    api_url: str = "https://api.twilio.com"
    timeout_s: float = 5.0
    records: bool = False


def number_webhooks(options: TwilioOptions) -> dict[str, str]:
    """Of a number, when it is called. When our answer did not come or could not be carried out, the same address is
    asked once more: a call that was let in before is led on."""
    base = f"{options.webhook_url}/webhooks/calls"
    return {
        "voice_url": f"{base}/inbound",
        "voice_method": "POST",
        "voice_fallback_url": f"{base}/inbound",
        "voice_fallback_method": "POST",
        "status_callback": f"{base}/status{AGAIN}",
        "status_callback_method": "POST",
    }


def call_form(options: TwilioOptions, order: Dial) -> dict[str, object]:
    """Of a call that is to be placed, with its webhooks."""
    base = f"{options.webhook_url}/webhooks/calls"
    status = f"{base}/status?call={order.call_id}{AGAIN}"
    answered = f"{base}/inbound?call={order.call_id}"
    asked: dict[str, object] = {
        "to": order.called,
        "from_": order.caller,
        "url": answered,
        "method": "POST",
        "fallback_url": answered,
        "fallback_method": "POST",
        "status_callback": status,
        "status_callback_method": "POST",
        "status_callback_event": ["initiated", "ringing", "answered", "completed"],
        "timeout": min(order.ring_s, 600),
        "time_limit": order.longest_s,
    }
    if order.detect_machine:
        # Not before the agent may speak: the verdict comes while it does.
        asked |= {"machine_detection": "Enable", "async_amd": "true"}
        asked |= {"async_amd_status_callback": status, "async_amd_status_callback_method": "POST"}
    if options.records and order.record:
        asked |= {"record": True} | recording_form(options, order.call_id)
    return asked


def recording_form(options: TwilioOptions, call_id: str) -> dict[str, object]:
    """Silence is left in: Calls would trim it, and both sides would no longer fit to the transcript."""
    return {
        "recording_channels": "dual",
        "recording_track": "both",
        "trim": "do-not-trim",
        "recording_status_callback": f"{options.webhook_url}/webhooks/calls/recording?call={call_id}{AGAIN}",
        "recording_status_callback_method": "POST",
    }


def fault(status: int, code: str) -> CarrierFault:
    """What an answer that is no success means. Its text names numbers, and stays out."""
    away = away_by_status(NAME, status)
    if away is not None:
        return away
    why = _WHY.get(code, f"refused with HTTP {status}")
    return CarrierRefused(NAME, code, why, taken=code in _TAKEN, over=code in _OVER)


def text(value: object) -> str:
    """What must be there. Raises CarrierAway."""
    if not isinstance(value, str) or not value:
        raise CarrierAway(NAME, "unreadable", "the answer cannot be read")
    return value


def moment(value: object) -> datetime:
    """In UTC; long ago where none is told."""
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.min.replace(tzinfo=UTC)


def owned_number(row: Any) -> Owned:
    """A number of the account. Raises CarrierAway."""
    return Owned(text(row.sid), text(row.phone_number), row.friendly_name or "", _flags(row.capabilities))


def available_number(row: Any, country: str, price: Decimal | None) -> Available:
    """A number of the market; toll-free and mobile ones have no place. Raises CarrierAway."""
    place = (row.locality or "", row.region or "", row.iso_country or country)
    return Available(text(row.phone_number), *place, price, _flags(row.capabilities))


def _flags(told: object) -> dict[str, bool]:
    """Twilio spells them in two ways: voice, SMS."""
    return {str(name).lower(): bool(value) for name, value in told.items()} if isinstance(told, Mapping) else {}


def number_prices(told: object) -> dict[str, Decimal]:
    """US dollars a month by Twilio's number type; what cannot be read is left out."""
    prices: dict[str, Decimal] = {}
    for one in told if isinstance(told, list) else []:
        try:
            prices[str(one["number_type"])] = Decimal(str(one.get("current_price") or one["base_price"]))
        except (KeyError, InvalidOperation, TypeError):
            continue
    return prices


def recording_sid(recording: str) -> str:
    """The id in a recording's URL, whatever host that names. Raises CarrierRefused (code bad_recording)."""
    found = re.search(r"RE[0-9a-f]{32}", recording)
    if found is None:
        raise CarrierRefused(NAME, "bad_recording", "this names no recording")
    return found[0]
