"""What carriers are asked and what they report, as values; phone numbers and locales as carriers write them."""

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
# Code of CarrierRefused: the account is not billed in US dollars, in which costs are kept.
OTHER_CURRENCY = "other_currency"
BundleStatus = Literal["draft", "in_review", "approved", "rejected", "expired"]
CallTarget = Literal["us", "nowhere", "elsewhere"]
# Calls that are listed at once.
MOST_ACTIVE = 5_000


class CarrierError(Exception):
    """A carrier did not do what was requested.

    Args:
        code: The carrier's own, for logs.
        message: Nothing personal.
    """

    def __init__(self, carrier: str, code: str, message: str) -> None:
        super().__init__(f"{carrier}: {code}: {message}")
        self.carrier, self.code, self.message = carrier, code, message


class CarrierRefused(CarrierError):
    """The carrier refused; a retry would be refused too.

    Args:
        number_unavailable: The number cannot be bought (any more).
        call_ended: The call is over.
        account_refused: Our key or account may not do this; what was sent does not matter. is_repeat: an earlier
            attempt of the request may have been carried out.
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
    """The carrier was not reached, is overloaded, or did not answer in time; the request may have been processed."""


class NumberPending(CarrierUnavailable):
    """The number is ordered, and takes no calls yet. message: what it waits for, in words for the customer."""


@dataclass(frozen=True, slots=True)
class AvailableNumber:
    """A number that can be bought.

    Attributes:
        monthly_price: In US dollars; None when the carrier does not say.
        address: Where the law of the number's country wants an address of its holder: none, any (anywhere), local or
            foreign; None when the carrier does not say.
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
        reference: Ours, given when it was bought; empty where it has none.
        pending: What it waits for before it takes calls, in words for the customer; empty when it takes them.
        target: Where its calls go; elsewhere, too, for a number whose messages do.
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
        customer_name: Of the business or person.
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
    """Documents about a number's holder, as the carrier has them: a regulatory bundle (Twilio) or a requirement group
    (Telnyx). They are for numbers of one country and kind.

    Attributes:
        carrier_address_ids: Addresses in them.
    """

    country: str
    number_kind: str
    status: BundleStatus
    carrier_address_ids: tuple[str, ...] = ()
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NumberRequirements:
    """What a carrier requires before it sells a number. None: it does not say."""

    address: AddressRequirement | None = None
    bundle: bool | None = None


NOT_KNOWN: Final = NumberRequirements()


@dataclass(frozen=True, slots=True)
class NumberHolder:
    """The address and the documents under which a number is bought, by the carrier's ids; empty for none."""

    carrier_address_id: str = ""
    carrier_bundle_id: str = ""


NO_HOLDER: Final = NumberHolder()


@dataclass(frozen=True, slots=True)
class DialRequest:
    """An outbound call to be placed.

    Attributes:
        call_id: Ours; every webhook of the call carries it. Times in seconds.
        record: Whether the agent's calls are recorded; the carrier records only where settings say so.
        leaves_message: The end of a machine's greeting is to be reported.
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
        session_id: The id that stays when carrier_call_id changes (Telnyx), where the carrier told it.
    """

    carrier_call_id: str
    session_id: str = ""


# Two seconds between the answer of a telephone system and the first key of an extension: at both carriers a "w" waits
# for 0.5 s (docs: TwiML <Number>; Telnyx's API reference: Transfer call).
EXTENSION_PAUSE: Final = "wwww"


@dataclass(frozen=True, slots=True)
class TargetCallRequest:
    """A call to the target of a warm transfer.

    Attributes:
        transfer_id: Ours; the carrier's webhooks carry it.
        ring_timeout_s, max_duration_s: Seconds.
    """

    transfer_id: str
    caller: str
    called: str
    ring_timeout_s: int
    max_duration_s: int


@dataclass(frozen=True, slots=True)
class ActiveCall:
    """A call that is up at the carrier.

    Attributes:
        seconds: Since it was answered.
        call_id: Ours, where the carrier returns it.
        transfer_of: The carrier's id of the call for whose transfer it is a leg.
        number: That of its two which has to be ours; empty where the carrier lists our calls only.
    """

    carrier_call_id: str
    seconds: int
    call_id: str = ""
    transfer_of: str = ""
    number: str = ""


class CarrierDocuments(Protocol):
    """Addresses and documents at one carrier. Every method has a time limit and raises CarrierRefused or
    CarrierUnavailable."""

    async def create_address(self, address: PostalAddress, reference: str) -> str:
        """Registers an address, unless there is one with this reference; returns the carrier's id of it."""

    async def find_addresses(self, reference: str) -> list[str]:
        """Returns the carrier's ids of the addresses with this reference. It is one; two after a request that was lost
        for us, and that the carrier processed only after the next one had looked."""

    async def delete_address(self, carrier_address_id: str) -> None:
        """Deletes an address; no error when it is deleted already."""

    async def fetch_bundle(self, carrier_bundle_id: str) -> CarrierBundle | None:
        """Returns what the carrier has under this id; None for nothing."""

    async def fetch_requirements(self, phone_number: str, country: str) -> NumberRequirements:
        """Returns what is required of whoever buys this number."""


class TargetCalls(Protocol):
    """Calls to targets of warm transfers. Raises CarrierRefused and CarrierUnavailable."""

    async def call(self, request: TargetCallRequest) -> str:
        """Calls the target; returns the carrier's id of its leg. Not repeated when it may have been called."""


class ConferenceCalls(TargetCalls, Protocol):
    """Those of a carrier whose calls are controlled by commands. command_id: a repeat of it is ignored."""

    async def ask(self, leg_id: str, words: str, language: str, wait_s: float, command_id: str) -> None:
        """Speaks and takes one key, up to `wait_s` seconds after the words."""

    async def listen(self, leg_id: str, language: str, command_id: str) -> None:
        """Has what is said on the leg reported as words from now on.

        Args:
            language: BCP 47.
        """

    async def stop_asking(self, leg_id: str, command_id: str) -> None:
        """Ends both; nothing is said, taken or reported any more."""

    async def create_conference(self, leg_id: str, name: str, command_id: str) -> str:
        """Begins a conference with one leg; returns the carrier's id of it."""

    async def join_conference(self, conference: str, leg_id: str, command_id: str) -> None:
        """Adds a leg to a conference."""


class Carrier(Protocol):
    """One carrier's gateway. Every method has a time limit and raises CarrierRefused or CarrierUnavailable."""

    name: CarrierName

    @property
    def configuration(self) -> str:
        """What `configure` sets at this carrier; it changes when numbers have to be configured anew. No secret."""

    @property
    def documents(self) -> CarrierDocuments:
        """Addresses and documents of the holders of numbers."""

    async def search(self, country: str, area_code: str, limit: int) -> list[AvailableNumber]:
        """Returns numbers that can be bought.

        Args:
            country: ISO 3166-1 alpha-2.
            area_code: Digits, or empty.
        """

    async def find_owned(self, phone_number: str) -> OwnedNumber | None:
        """Returns the number if it is one of our account, else None."""

    async def list_numbers(self, digits: str, most: int) -> Sequence[OwnedNumber]:
        """Returns up to `most` numbers of our account that contain these digits; empty for all."""

    async def buy(self, phone_number: str, reference: str, holder: NumberHolder = NO_HOLDER) -> OwnedNumber:
        """Buys a number and sends its calls to our webhooks; may take seconds. Raises NumberPending while the order
        waits for something.

        Args:
            reference: Ours, stored by the carrier where it can.
        """

    async def configure(self, owned: OwnedNumber) -> None:
        """Sends the calls of a number of our account to our webhooks, wherever they went; may be repeated."""

    async def release(self, carrier_number_id: str) -> None:
        """Releases a number; no error when it is released already."""

    async def dial(self, request: DialRequest) -> PlacedCall:
        """Places a call with our webhooks."""

    async def find_placed_calls(self, request: DialRequest, since: datetime) -> Sequence[PlacedCall]:
        """Returns calls that are this one, as far as the carrier can tell: with its two numbers and placed at or after
        `since`, oldest first; other calls of ours may be among them."""

    async def list_active_calls(self) -> Sequence[ActiveCall]:
        """Returns the calls that are up, up to MOST_ACTIVE."""

    async def hang_up(self, carrier_call_id: str) -> None:
        """Ends a call; no error when it is over already."""

    async def speak_last_words(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Ends a transfer: speaks to its caller by the carrier's own voice, after which the call ends. Where the
        carrier does not end it by itself, the event of the words' end leads to its hang-up. Raises CarrierRefused with
        `call_ended` for a call that is over.

        Args:
            carrier_call_id: The caller's.
            language: BCP 47.
            command_id: As for CallControl.
        """

    async def start_recording(self, carrier_call_id: str, call_id: str) -> None:
        """Begins to record a call that is in progress, if settings say that the carrier records; nothing where it is
        recorded already. Raises CarrierRefused with `call_ended` for a call that is over, and for one that is not in
        progress yet.

        Args:
            call_id: Ours.
        """

    async def stop_recording(self, carrier_call_id: str) -> None:
        """Ends the recording of a call; no error where there is none. What was recorded is reported like any other."""

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        """Replaces the content of an open file by the audio of a recording: up to hundreds of megabytes, in minutes.
        Raises OSError too.

        Args:
            recording: Its id, or the URL from a webhook.
        """

    async def delete_recording(self, recording: str) -> None:
        """Deletes a recording at the carrier; no error when it is deleted already."""


class CallControl(Protocol):
    """A carrier whose calls are controlled by commands (Telnyx). command_id: the carrier ignores a repeat of it."""

    async def answer(self, carrier_call_id: str, command_id: str, *, record: bool, call_id: str = "") -> None:
        """Answers a ringing call.

        Args:
            record: See DialRequest.
            call_id: Ours; the events of the call carry it from then on.
        """

    async def start_stream(self, carrier_call_id: str, url: str, command_id: str) -> None:
        """Connects an answered call to a media socket, in both directions; what we send is PCMU."""

    async def reject(self, carrier_call_id: str, cause: Literal["busy", "rejected"], command_id: str) -> None:
        """Rejects a ringing call."""

    async def speak(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Speaks a text by the carrier's own voice."""

    async def transfer(
        self, carrier_call_id: str, number: str, caller: str, command_id: str, *, limit_s: int, known_as: str
    ) -> None:
        """Transfers the caller, for `limit_s` seconds at most.

        Args:
            known_as: By which events of the other leg name the call.
        """


NumberKind = Literal["local", "mobile", "national", "toll_free"]
_KINDS: dict[int, NumberKind] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    # Numbers without a place, such as 03 in the United Kingdom and 050 in Japan.
    PhoneNumberType.UAN: "national",
    PhoneNumberType.VOIP: "national",
}


def number_kind(phone_number: str) -> NumberKind:
    """Returns the kind by which a number is priced and regulated; local where its numbering plan does not say."""
    try:
        return _KINDS.get(phonenumbers.number_type(phonenumbers.parse(phone_number)), "local")
    except phonenumbers.NumberParseException:
        return "local"


def is_valid(phone_number: str) -> bool:
    """Returns whether it is an E.164 number that its country's numbering plan assigns."""
    try:
        return phone_number.startswith("+") and phonenumbers.is_valid_number(phonenumbers.parse(phone_number))
    except phonenumbers.NumberParseException:
        return False


def country_prefix(country: str) -> str:
    """Returns a country's calling code, such as 49; empty for an unknown country."""
    code: int = phonenumbers.country_code_for_region(country)
    return str(code) if code else ""


# Carriers' voices need a region: "de" alone is no language of theirs.
_LOCALES: Final = {
    "da": "da-DK", "de": "de-DE", "en": "en-US", "es": "es-ES", "fi": "fi-FI", "fr": "fr-FR", "hi": "hi-IN",
    "is": "is-IS", "it": "it-IT", "ja": "ja-JP", "ko": "ko-KR", "nb": "nb-NO", "nl": "nl-NL", "nn": "nb-NO",
    "no": "nb-NO", "pl": "pl-PL", "pt": "pt-BR", "ro": "ro-RO", "ru": "ru-RU", "sv": "sv-SE", "tr": "tr-TR",
    "zh": "zh-CN",
}  # fmt: skip


def locale(language: str) -> str:
    """Returns a locale such as en-US for "en", "en-GB" or "en_gb"; en-US for a language that the voices lack."""
    short, _, region = language.replace("_", "-").partition("-")
    known = _LOCALES.get(short.lower())
    if known is None:
        return _LOCALES["en"]
    return f"{short.lower()}-{region.upper()}" if len(region) == 2 and region.isalpha() else known


E164: Final = r"^\+[1-9][0-9]{1,14}$"
# Country code of North America, whose area codes have three digits.
_NANP: Final = 1


def country_of(phone_number: str) -> str | None:
    """ISO 3166 code of a number's country; None for a number without a country.

    Raises Invalid (code phone_number_invalid) for a text that is not E.164, or not a possible number."""
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
    """Raises Invalid (codes country_unknown, area_code_invalid)."""
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
