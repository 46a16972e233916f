"""Builds Twilio's request forms, converts its answers, and chooses its voices. No I/O.

Twilio's voices: docs voice/twiml/say. If a voice does not match the language, the verb may fail and the caller hears
nothing. Without a voice, Twilio speaks only a few languages.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, get_args
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from control.carriers.retries import ACCOUNT_REFUSED, NotProcessed, unavailable_by_status
from control.carriers.rules import (
    OTHER_CURRENCY,
    ActiveCall,
    AddressRequirement,
    AvailableNumber,
    CallTarget,
    CarrierError,
    CarrierName,
    CarrierRefused,
    CarrierUnavailable,
    DialRequest,
    NumberHolder,
    OwnedNumber,
    locale,
)

# --- Voices ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SayVoice:
    """A matching voice and language for <Say>."""

    name: str
    language: str


# Amazon Polly's voices by locale. The first voice of a language also serves regions without a voice.
_POLLY: Final = {
    "en-US": "Joanna", "en-GB": "Amy", "en-AU": "Nicole", "en-IN": "Raveena", "da-DK": "Naja", "de-DE": "Vicki",
    "es-ES": "Conchita", "es-MX": "Mia", "es-US": "Penelope", "fi-FI": "Suvi-Neural", "fr-FR": "Celine",
    "fr-CA": "Chantal", "hi-IN": "Aditi", "is-IS": "Dora", "it-IT": "Carla", "ja-JP": "Mizuki", "ko-KR": "Seoyeon",
    "nb-NO": "Liv", "nl-NL": "Lotte", "pl-PL": "Ewa", "pt-BR": "Vitoria", "pt-PT": "Ines", "ro-RO": "Carmen",
    "ru-RU": "Tatyana", "sv-SE": "Astrid", "tr-TR": "Filiz", "cmn-CN": "Zhiyu",
}  # fmt: skip
# Alternative codes of the same language.
_ALIASES: Final = {"zh": "cmn", "no": "nb", "nn": "nb"}
_FALLBACK: Final = "en-US"


def choose_voice(locale: str) -> SayVoice:
    """Return the voice for a locale (en-GB, de, zh_CN).

    Falls back to another region of the language, then to English.
    """
    language, _, region = locale.replace("_", "-").partition("-")
    language = _ALIASES.get(language.lower(), language.lower())
    exact = f"{language}-{region.upper()}"
    same = (exact, *(known for known in _POLLY if known.partition("-")[0] == language), _FALLBACK)
    found = next(known for known in same if known in _POLLY)
    return SayVoice(f"Polly.{_POLLY[found]}", found)


# --- Requests --------------------------------------------------------------------------------------------------------

NAME: Final[CarrierName] = "twilio"
# Error codes for a resource that does not exist.
NOT_FOUND: Final = frozenset({"20404", "404"})
# Error codes for a number that cannot be bought.
_NUMBER_UNAVAILABLE: Final = frozenset({"21422", "21452"})
# Error code of a call that is not in progress.
_MAX_SAY_LENGTH: Final = 3_000
_CALL_ENDED: Final = frozenset({"21220"})
# By default Twilio repeats a webhook once if it could not connect, and never in other cases. This fragment makes Twilio
# repeat status callbacks up to three times, also after an error status or a timeout (docs:
# webhooks-connection-overrides). The fragment is neither sent nor signed.
RETRY_FRAGMENT: Final = "#rc=3&rp=5xx,ct,rt"
# The edge nearest to each region (docs: global-infrastructure, "Edge locations").
_EDGES: Final = {
    "us1": "ashburn", "ie1": "dublin", "au1": "sydney", "de1": "frankfurt", "jp1": "tokyo", "sg1": "singapore",
    "br1": "sao-paulo",
}  # fmt: skip
_API_HOST: Final = "api.twilio.com"
_DEMO_HOST: Final = "demo.twilio.com"
_INBOUND: Final = "/webhooks/calls/inbound"
# The account has reached its limit of concurrent calls (docs: api/errors/10004).
_REFUSED_FOR_NOW: Final = frozenset({"10004"})
_WHY: Final = {
    "20003": "the carrier does not accept our sign-in",
    "21422": "the number is not available",
    "21452": "the number is not available",
    # Texts shown to customers as the reason for a failed purchase or a refused address (docs: api/errors/21613, 21615,
    # 21628, 21631, 21649, 21651; the page of 21650 states only that it concerns bundles).
    "21631": "numbers of this kind need an address of the business, which is not registered with the carrier",
    "21613": "numbers of this kind need an address in the number's country, which is not registered with the carrier",
    "21615": "this number needs an address in its own area, and the registered one is outside of it",
    "21628": "the address could not be validated: check its spelling",
    "21649": "numbers of this kind need documents about the business that the carrier has approved for them",
    "21650": "the documents that are registered with the carrier are not those that this number needs",
    "21651": "the address is not the one in the documents about the business",
    "21217": "the number is not valid",
    "21211": "the number is not valid",
    "21219": "the number is not verified, which this account needs",
    "21215": "this account may not call that country",
    "13227": "this account may not call that country",
    "32205": "this account may not call that country",
    "21220": "the call has ended",
}


@dataclass(frozen=True, slots=True)
class TwilioOptions:
    """Settings of Twilio.

    Attributes:
        webhook_url: Without a trailing slash.
        api_url: Without a trailing slash.
        timeout_s: Limit for one request.
        records: Whether Twilio records calls.
        api_key: Id and secret of an API key that replaces the token for requests.
        region: The region that takes calls. Empty for us1.
        us1_token: The account's token in us1, for APIs without regions.
        subaccounts: Ids and tokens of other accounts whose calls we take.
    """

    webhook_url: str
    account_sid: str
    token: str = field(repr=False)
    api_url: str = "https://api.twilio.com"
    timeout_s: float = 5.0
    records: bool = False
    api_key: tuple[str, str] | None = field(default=None, repr=False)
    region: str = ""
    us1_token: str = field(default="", repr=False)
    subaccounts: Sequence[tuple[str, str]] = field(default=(), repr=False)

    @property
    def sign_in(self) -> tuple[str, str]:
        """User and password for requests."""
        return self.api_key or (self.account_sid, self.token)


def regional_api_url(api_url: str, region: str, edge: str) -> str:
    """Return the address of Twilio's API for a region and an edge: api.dublin.ie1.twilio.com (docs:
    global-infrastructure, "Edge locations").

    An edge without a region belongs to us1. A region without an edge gets the nearest edge, because addresses such as
    api.ie1.twilio.com ended on April 28, 2026 ("Using the Twilio REST API in a non-US Region"). An address other than
    api.twilio.com stays unchanged.
    """
    scheme, _, host = api_url.partition("://")
    if host != _API_HOST or not (region or edge):
        return api_url
    edge = edge or _EDGES.get(region, "")
    return f"{scheme}://{'.'.join(filter(None, ('api', edge, region or 'us1', 'twilio.com')))}"


def number_webhooks(options: TwilioOptions) -> dict[str, str]:
    """Return the webhooks of a number.

    The fallback URL is the same address. If our first answer was lost or could not be executed, the repeated request
    connects the call that was already admitted.
    """
    base, inbound = f"{options.webhook_url}/webhooks/calls", f"{options.webhook_url}{_INBOUND}"
    return {
        "voice_url": inbound,
        "voice_method": "POST",
        "voice_fallback_url": inbound,
        "voice_fallback_method": "POST",
        "status_callback": f"{base}/status{RETRY_FRAGMENT}",
        "status_callback_method": "POST",
    }


def is_routed_elsewhere(row: Any) -> bool:
    """Return whether another program uses a number of the account.

    Our own URL is recognized by its path, because its host may have changed.
    """
    is_ours = urlsplit(row.voice_url or "").path.endswith(_INBOUND)
    return _target(row, row.voice_url if is_ours else "") == "elsewhere"


def holder_form(holder: NumberHolder) -> dict[str, str]:
    """Return the form fields for the address and the bundle of a number purchase."""
    form = {"address_sid": holder.carrier_address_id, "bundle_sid": holder.carrier_bundle_id}
    return {name: value for name, value in form.items() if value}


def call_form(options: TwilioOptions, request: DialRequest) -> dict[str, object]:
    """Return the form of Calls.create, with the call's webhooks (docs: voice/api/call-resource)."""
    base = f"{options.webhook_url}/webhooks/calls"
    status = f"{base}/status?call={request.call_id}{RETRY_FRAGMENT}"
    answered = f"{base}/inbound?call={request.call_id}"
    form: dict[str, object] = {
        "to": request.called,
        "from_": request.caller,
        "url": answered,
        "method": "POST",
        "fallback_url": answered,
        "fallback_method": "POST",
        "status_callback": status,
        "status_callback_method": "POST",
        "status_callback_event": ["initiated", "ringing", "answered", "completed"],
        "timeout": min(request.ring_timeout_s, 600),
        "time_limit": request.max_duration_s,
    }
    if request.detect_machine:
        # Asynchronous, because otherwise Twilio delays the call until the detection has finished. With DetectMessageEnd
        # a machine is reported at the end of its greeting. A person is reported as early as with Enable.
        detection = "DetectMessageEnd" if request.leaves_message else "Enable"
        form |= {"machine_detection": detection, "async_amd": "true"}
        form |= {"async_amd_status_callback": status, "async_amd_status_callback_method": "POST"}
    if options.records and request.record:
        form |= {"record": True} | recording_form(options, request.call_id)
    return form


def recording_form(options: TwilioOptions, call_id: str) -> dict[str, object]:
    """Return the recording fields of a request.

    Trimming is disabled: Calls.create trims silence by default, and the audio would no longer match the transcript's
    times.
    """
    return {
        "recording_channels": "dual",
        "recording_track": "both",
        "trim": "do-not-trim",
        "recording_status_callback": f"{options.webhook_url}/webhooks/calls/recording?call={call_id}{RETRY_FRAGMENT}",
        "recording_status_callback_method": "POST",
    }


def last_words(words: str, language: str) -> str:
    """Return TwiML that speaks up to 3,000 characters, then hangs up.

    Args:
        language: BCP 47.
    """
    voice = choose_voice(locale(language))
    attributes = f"voice={quoteattr(voice.name)} language={quoteattr(voice.language)}"
    return f"<Response><Say {attributes}>{escape(words[:_MAX_SAY_LENGTH])}</Say><Hangup/></Response>"


def _target(row: Any, voice_url: str) -> CallTarget:
    """Return where the calls of a number go.

    A trunk or an application takes precedence over the number's URL (docs: incomingphonenumber-resource). Numbers that
    were bought in Twilio's console have the URL of Twilio's demo.
    """
    if row.trunk_sid or row.voice_application_sid:
        return "elsewhere"
    if not row.voice_url or urlsplit(row.voice_url).hostname == _DEMO_HOST:
        return "nowhere"
    return "us" if row.voice_url == voice_url else "elsewhere"


def _has_messages(row: Any) -> bool:
    """Return whether another program receives the number's messages."""
    return bool(row.sms_application_sid) or urlsplit(row.sms_url or "").hostname not in (None, _DEMO_HOST)


# --- Answers ---------------------------------------------------------------------------------------------------------


def error_from_response(status: int, code: str) -> CarrierError:
    """Map an error response. Its text may contain phone numbers and is left out."""
    error = unavailable_by_status(NAME, status)
    if error is not None:
        return error
    if code in _REFUSED_FOR_NOW:
        return NotProcessed(NAME, code, "too many calls at once for this account")
    why = _WHY.get(code, f"refused with HTTP {status}")
    return CarrierRefused(
        NAME,
        code,
        why,
        number_unavailable=code in _NUMBER_UNAVAILABLE,
        call_ended=code in _CALL_ENDED,
        account_refused=status in ACCOUNT_REFUSED,
    )


def required_text(value: object) -> str:
    """Return a required text. Raises CarrierUnavailable if it is missing."""
    if not isinstance(value, str) or not value:
        raise CarrierUnavailable(NAME, "unreadable", "the answer cannot be read")
    return value


def parse_time(value: object) -> datetime:
    """Return the time in UTC, or the earliest datetime if there is no time."""
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.min.replace(tzinfo=UTC)


def active_call(row: Any, now: datetime) -> ActiveCall:
    """Convert a call of the account. Our calls are those to or from one of our numbers. Raises CarrierUnavailable."""
    number = row.to if row.direction == "inbound" else row._from
    is_answered = isinstance(row.start_time, datetime)
    seconds = round((now - parse_time(row.start_time)).total_seconds()) if is_answered else 0
    return ActiveCall(required_text(row.sid), max(0, seconds), number=number or "unknown")


def owned_number(row: Any, voice_url: str) -> OwnedNumber:
    """Convert a number of the account. Raises CarrierUnavailable.

    Args:
        voice_url: Address of our webhooks.
    """
    return OwnedNumber(
        required_text(row.sid),
        required_text(row.phone_number),
        row.friendly_name or "",
        _flags(row.capabilities),
        target="elsewhere" if _has_messages(row) else _target(row, voice_url),
    )


def available_number(row: Any, country: str, price: Decimal | None) -> AvailableNumber:
    """Convert a number for sale. Toll-free and mobile numbers have no location. Raises CarrierUnavailable."""
    location = (row.locality or "", row.region or "", row.iso_country or country)
    address = next((known for known in get_args(AddressRequirement) if known == row.address_requirements), None)
    return AvailableNumber(required_text(row.phone_number), *location, price, _flags(row.capabilities), address)


def _flags(capabilities: object) -> dict[str, bool]:
    """Return capabilities by lower-case name, because Twilio uses both `voice` and `SMS`."""
    return (
        {str(name).lower(): bool(value) for name, value in capabilities.items()}
        if isinstance(capabilities, Mapping)
        else {}
    )


def number_prices(rows: object) -> dict[str, Decimal]:
    """Return prices in US dollars per month by Twilio's number type. Unreadable rows are left out."""
    prices: dict[str, Decimal] = {}
    for row in rows if isinstance(rows, list) else []:
        try:
            prices[str(row["number_type"])] = Decimal(str(row.get("current_price") or row["base_price"]))
        except (KeyError, InvalidOperation, TypeError):
            continue
    return prices


def sum_prices(calls: Iterable[Any]) -> Decimal | None:
    """Return the total price of these calls in US dollars. Twilio reports costs as negative numbers.

    Returns None while a connected call has no price. Raises CarrierRefused (code other_currency).
    """
    total = Decimal(0)
    for call in calls:
        if call.price is None and str(call.duration or "0") == "0" and call.status != "in-progress":
            continue
        if call.price is None:
            return None
        if str(call.price_unit).upper() != "USD":
            raise CarrierRefused(NAME, OTHER_CURRENCY, "the account is not billed in US dollars")
        try:
            total -= Decimal(str(call.price))
        except InvalidOperation:
            raise CarrierUnavailable(NAME, "unreadable", "the answer cannot be read") from None
    return total


def recording_sid(recording: str) -> str:
    """Return the id in a recording's URL, whatever its host. Raises CarrierRefused (code bad_recording)."""
    found = re.search(r"RE[0-9a-f]{32}", recording)
    if found is None:
        raise CarrierRefused(NAME, "bad_recording", "the text contains no recording id")
    return found[0]
