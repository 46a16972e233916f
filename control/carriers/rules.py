"""Requests to carriers and their reports as values, and conversions of phone numbers and locales."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import IO, Final, Literal, Protocol

import phonenumbers
from phonenumbers import PhoneNumberType

from shared.errors import Invalid

CarrierName = Literal["twilio", "telnyx"]
AddressRequirement = Literal["none", "any", "local", "foreign"]
# Code of CarrierRefused: the account is not billed in US dollars, but costs are stored in US dollars.
OTHER_CURRENCY = "other_currency"
BundleStatus = Literal["draft", "in_review", "approved", "rejected", "expired"]
CallTarget = Literal["us", "nowhere", "elsewhere"]
# Maximum number of active calls in a list.
MOST_ACTIVE = 5_000


class CarrierError(Exception):
    """Base of errors of carriers.

    Args:
        code: The carrier's error code, for logs.
        message: Text without personal data.
    """

    def __init__(self, carrier: str, code: str, message: str) -> None:
        super().__init__(f"{carrier}: {code}: {message}")
        self.carrier, self.code, self.message = carrier, code, message


class CarrierRefused(CarrierError):
    """The carrier refused the request. A retry would be refused as well.

    Args:
        number_unavailable: The number cannot be bought.
        call_ended: The call has ended.
        account_refused: Our key or account lacks the permission, whatever was sent.
        is_repeat: An earlier attempt of the request may have been carried out.
    """

    is_repeat = False

    def __init__(
        self,
        carrier: str,
        code: str,
        message: str,
        *,
        number_unavailable: bool = False,
        call_ended: bool = False,
        account_refused: bool = False,
    ) -> None:
        super().__init__(carrier, code, message)
        self.number_unavailable, self.call_ended = number_unavailable, call_ended
        self.account_refused = account_refused


class CarrierUnavailable(CarrierError):
    """The carrier was unreachable, overloaded, or too slow. The request may have been processed."""


class NumberPending(CarrierUnavailable):
    """The number is ordered but does not take calls yet. `message` tells the customer what is missing."""


@dataclass(frozen=True, slots=True)
class AvailableNumber:
    """A number that can be bought.

    Attributes:
        monthly_price: In US dollars. None if the carrier does not report it.
        address: Which address of the holder the country's law requires: none, any (anywhere), local or foreign. None if
            the carrier does not report it.
    """

    phone_number: str
    locality: str
    region: str
    country: str
    monthly_price: Decimal | None
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    address: AddressRequirement | None = None


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A number of our account.

    Attributes:
        reference: Our reference, set at the purchase. Empty if there is none.
        pending: What the number waits for before it takes calls, as text for the customer. Empty if it takes calls.
        target: Where calls of the number go. `elsewhere` also if only its messages go to another program.
    """

    carrier_number_id: str
    phone_number: str
    reference: str = ""
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    pending: str = ""
    target: CallTarget = "us"


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """The address of a number's holder.

    Attributes:
        customer_name: Name of the business or person.
        country: ISO 3166-1 alpha-2.
    """

    customer_name: str
    street: str
    street_secondary: str
    city: str
    region: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class CarrierBundle:
    """Documents about a number's holder: a regulatory bundle (Twilio) or a requirement group (Telnyx).

    The documents apply to numbers of one country and kind.

    Attributes:
        carrier_address_ids: Ids of the addresses in the documents.
    """

    country: str
    number_kind: str
    status: BundleStatus
    carrier_address_ids: tuple[str, ...] = ()
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NumberRequirements:
    """What a carrier requires before it sells a number. A field is None if the carrier does not report it."""

    address: AddressRequirement | None = None
    bundle: bool | None = None


NOT_KNOWN: Final = NumberRequirements()


@dataclass(frozen=True, slots=True)
class NumberHolder:
    """The address and the documents for buying a number, as ids of the carrier. Empty if there is none."""

    carrier_address_id: str = ""
    carrier_bundle_id: str = ""


NO_HOLDER: Final = NumberHolder()


@dataclass(frozen=True, slots=True)
class DialRequest:
    """An outbound call to place.

    Attributes:
        call_id: Our id of the call, sent with each of its webhooks.
        record: Whether the agent's calls are recorded. The carrier records only if the settings enable it.
        leaves_message: Whether the carrier reports the end of an answering machine's greeting.
    """

    call_id: str
    caller: str
    called: str
    ring_timeout_s: int = 45
    max_duration_s: int = 14_400
    detect_machine: bool = False
    record: bool = False
    leaves_message: bool = False


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """A call that the carrier has accepted.

    Attributes:
        session_id: The id that stays if carrier_call_id changes (Telnyx). Empty if the carrier does not report it.
    """

    carrier_call_id: str
    session_id: str = ""


# Two seconds between the answer of a phone system and the first digit of an extension. At both carriers a "w" is a
# pause of 0.5 s (docs: TwiML <Number>; Telnyx's API reference: Transfer call).
EXTENSION_PAUSE: Final = "wwww"


@dataclass(frozen=True, slots=True)
class TargetCallRequest:
    """A call to the target of a warm transfer.

    Attributes:
        transfer_id: Our id of the transfer, sent with the carrier's webhooks.
        ring_timeout_s: Seconds.
        max_duration_s: Seconds.
    """

    transfer_id: str
    caller: str
    called: str
    ring_timeout_s: int
    max_duration_s: int


@dataclass(frozen=True, slots=True)
class ActiveCall:
    """A call that is active at the carrier.

    Attributes:
        seconds: Time since the call was answered.
        call_id: Our id of the call. Empty if the carrier does not return it.
        transfer_of: The carrier's id of the call that is transferred, if this call is a transfer leg.
        number: The call's number that must belong to us. Empty if the carrier lists only our calls.
    """

    carrier_call_id: str
    seconds: int
    call_id: str = ""
    transfer_of: str = ""
    number: str = ""


class CarrierDocuments(Protocol):
    """Addresses and documents at a carrier.

    Each method has a time limit and raises CarrierRefused or CarrierUnavailable.
    """

    async def create_address(self, address: PostalAddress, reference: str) -> str:
        """Register an address, unless an address with this reference exists. Return the carrier's id."""

    async def find_addresses(self, reference: str) -> list[str]:
        """Return the carrier's ids of the addresses with this reference.

        There is usually one. There are two if the answer to a request was lost and the carrier processed that request
        only after the retry had searched.
        """

    async def delete_address(self, carrier_address_id: str) -> None:
        """Delete an address. A missing address is not an error."""

    async def fetch_bundle(self, carrier_bundle_id: str) -> CarrierBundle | None:
        """Return the documents with this id, or None if the carrier has none."""

    async def fetch_requirements(self, phone_number: str, country: str) -> NumberRequirements:
        """Return what the carrier requires from a buyer of this number."""


class TargetCalls(Protocol):
    """Calls to the targets of warm transfers. Methods raise CarrierRefused and CarrierUnavailable."""

    async def call(self, request: TargetCallRequest) -> str:
        """Call the target and return the carrier's id of the leg. Not repeated if the call may have been placed."""


class ConferenceCalls(TargetCalls, Protocol):
    """Target calls of a carrier that is controlled by commands.

    In each method, `command_id` identifies a command. The carrier ignores repeated commands.
    """

    async def ask(self, leg_id: str, words: str, language: str, wait_s: float, command_id: str) -> None:
        """Speak a question and collect one key, for up to `wait_s` seconds after the question."""

    async def listen(self, leg_id: str, language: str, command_id: str) -> None:
        """Start transcription of the leg.

        Args:
            language: BCP 47.
        """

    async def stop_asking(self, leg_id: str, command_id: str) -> None:
        """Stop the question and the transcription."""

    async def create_conference(self, leg_id: str, name: str, command_id: str) -> str:
        """Start a conference with one leg and return the carrier's id of the conference."""

    async def join_conference(self, conference: str, leg_id: str, command_id: str) -> None:
        """Add a leg to a conference."""


class Carrier(Protocol):
    """A carrier's gateway. Each method has a time limit and raises CarrierRefused or CarrierUnavailable."""

    name: CarrierName

    @property
    def configuration(self) -> str:
        """Summary of the settings that `configure` applies. Numbers must be configured again if it changes. Not
        secret.
        """

    @property
    def documents(self) -> CarrierDocuments:
        """Addresses and documents of the holders of numbers."""

    async def search(self, country: str, area_code: str, limit: int) -> list[AvailableNumber]:
        """Return numbers that can be bought.

        Args:
            country: ISO 3166-1 alpha-2.
            area_code: Digits, or empty.
        """

    async def find_owned(self, phone_number: str) -> OwnedNumber | None:
        """Return the number if it belongs to our account, else None."""

    async def list_numbers(self, digits: str, most: int) -> Sequence[OwnedNumber]:
        """Return up to `most` numbers of our account that contain these digits. Empty digits match all numbers."""

    async def buy(self, phone_number: str, reference: str, holder: NumberHolder = NO_HOLDER) -> OwnedNumber:
        """Buy a number and route its calls to our webhooks. May take seconds.

        Raises NumberPending while the order waits for documents or a review.

        Args:
            reference: Our reference, which the carrier stores if it can.
        """

    async def configure(self, owned: OwnedNumber) -> None:
        """Route the calls of a number of our account to our webhooks. May be repeated."""

    async def release(self, carrier_number_id: str) -> None:
        """Release a number. A number that is already released is not an error."""

    async def dial(self, request: DialRequest) -> PlacedCall:
        """Place a call that reports to our webhooks."""

    async def find_placed_calls(self, request: DialRequest, since: datetime) -> Sequence[PlacedCall]:
        """Return calls that may be this call, oldest first.

        The calls have the same two numbers and were placed at or after `since`, as far as the carrier can filter. Other
        calls of ours may be among them.
        """

    async def list_active_calls(self) -> Sequence[ActiveCall]:
        """Return up to MOST_ACTIVE active calls."""

    async def hang_up(self, carrier_call_id: str) -> None:
        """End a call. A call that has already ended is not an error."""

    async def speak_last_words(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Speak a text to the caller of a transfer, then end the call.

        If the carrier does not end the call by itself, the event for the end of the speech triggers the hang-up. Raises
        CarrierRefused with `call_ended` if the call has ended.

        Args:
            carrier_call_id: Id of the caller's leg.
            language: BCP 47.
            command_id: See CallControl.
        """

    async def start_recording(self, carrier_call_id: str, call_id: str) -> None:
        """Start recording an active call, if the settings enable recording by the carrier.

        Does nothing if the call is already being recorded. Raises CarrierRefused with `call_ended` if the call has
        ended or is not in progress yet.

        Args:
            call_id: Our id of the call.
        """

    async def stop_recording(self, carrier_call_id: str) -> None:
        """Stop recording a call. A call without a recording is not an error. The recorded part is reported as usual."""

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        """Download a recording into an open file, replacing its content.

        A download can have hundreds of megabytes and take minutes. Raises OSError, too.

        Args:
            recording: The recording's id, or the URL from a webhook.
        """

    async def delete_recording(self, recording: str) -> None:
        """Delete a recording at the carrier. A recording that is already deleted is not an error."""


class CallControl(Protocol):
    """A carrier whose calls are controlled by commands (Telnyx). The carrier ignores a repeated `command_id`."""

    async def answer(self, carrier_call_id: str, command_id: str, *, record: bool, call_id: str = "") -> None:
        """Answer a ringing call.

        Args:
            record: See DialRequest.
            call_id: Our id, which later events of the call carry.
        """

    async def start_stream(self, carrier_call_id: str, url: str, command_id: str) -> None:
        """Connect an answered call to a media socket in both directions. We send PCMU."""

    async def reject(self, carrier_call_id: str, cause: Literal["busy", "rejected"], command_id: str) -> None:
        """Reject a ringing call."""

    async def speak(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Speak a text with the carrier's own voice."""

    async def transfer(
        self, carrier_call_id: str, number: str, caller: str, command_id: str, *, limit_s: int, known_as: str
    ) -> None:
        """Transfer the caller for up to `limit_s` seconds.

        Args:
            known_as: Value by which events of the other leg identify the call.
        """


NumberKind = Literal["local", "mobile", "national", "toll_free"]
_KINDS: dict[int, NumberKind] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    # Numbers without a location, such as 03 in the United Kingdom and 050 in Japan.
    PhoneNumberType.UAN: "national",
    PhoneNumberType.VOIP: "national",
}


def number_kind(phone_number: str) -> NumberKind:
    """Return the kind that determines a number's price and regulation. Local if the numbering plan does not
    distinguish.
    """
    try:
        return _KINDS.get(phonenumbers.number_type(phonenumbers.parse(phone_number)), "local")
    except phonenumbers.NumberParseException:
        return "local"


def is_valid(phone_number: str) -> bool:
    """Return whether the text is an E.164 number that is valid in its country's numbering plan."""
    try:
        return phone_number.startswith("+") and phonenumbers.is_valid_number(phonenumbers.parse(phone_number))
    except phonenumbers.NumberParseException:
        return False


def country_prefix(country: str) -> str:
    """Return a country's calling code, such as 49. Empty for an unknown country."""
    code: int = phonenumbers.country_code_for_region(country)
    return str(code) if code else ""


# Carriers' voices need a region: "de" alone is not a valid language for them.
_LOCALES: Final = {
    "da": "da-DK", "de": "de-DE", "en": "en-US", "es": "es-ES", "fi": "fi-FI", "fr": "fr-FR", "hi": "hi-IN",
    "is": "is-IS", "it": "it-IT", "ja": "ja-JP", "ko": "ko-KR", "nb": "nb-NO", "nl": "nl-NL", "nn": "nb-NO",
    "no": "nb-NO", "pl": "pl-PL", "pt": "pt-BR", "ro": "ro-RO", "ru": "ru-RU", "sv": "sv-SE", "tr": "tr-TR",
    "zh": "zh-CN",
}  # fmt: skip


def locale(language: str) -> str:
    """Return a locale such as en-US for "en", "en-GB" or "en_gb". Return en-US if the voices lack the language."""
    short, _, region = language.replace("_", "-").partition("-")
    known = _LOCALES.get(short.lower())
    if known is None:
        return _LOCALES["en"]
    return f"{short.lower()}-{region.upper()}" if len(region) == 2 and region.isalpha() else known


E164: Final = r"^\+[1-9][0-9]{1,14}$"
# Country code of North America, where area codes have three digits.
_NANP: Final = 1


def country_of(phone_number: str) -> str | None:
    """Return the ISO 3166 code of a number's country, or None for a number without a country.

    Raises Invalid (code phone_number_invalid) if the text is not E.164 or not a possible number.
    """
    try:
        number = phonenumbers.parse(phone_number)
    except phonenumbers.NumberParseException:
        raise _invalid() from None
    whole = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not re.fullmatch(E164, phone_number) or not whole:
        raise _invalid()
    country: str | None = phonenumbers.region_code_for_number(number)
    return country if country is not None and len(country) == 2 and country.isalpha() else None


def require_area(country: str, area_code: str) -> None:
    """Check the country and its area code. Raises Invalid (codes country_unknown, area_code_invalid)."""
    prefix = phonenumbers.country_code_for_region(country)
    if not prefix:
        raise Invalid("There is no such country.", code="country_unknown", param="country")
    if prefix == _NANP and area_code and len(area_code) != 3:
        raise Invalid("This country's area codes have three digits.", code="area_code_invalid", param="area_code")


def _invalid() -> Invalid:
    return Invalid(
        "Not a phone number in international form, such as +14155550123.",
        code="phone_number_invalid",
        param="phone_number",
    )
