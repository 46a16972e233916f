"""The carriers that are set up, and what each of them can do."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol, cast, runtime_checkable

from control.carriers.rules import (
    CallControl,
    Carrier,
    CarrierName,
    CarrierRefused,
    ConferenceCalls,
    NumberHolder,
    TargetCalls,
)
from control.carriers.telnyx_forms import TelnyxOptions
from control.carriers.twilio_forms import TwilioOptions, regional_api_url
from shared.errors import Conflict, Invalid


@dataclass(frozen=True, slots=True)
class CarrierOptions:
    """Settings of all gateways.

    Attributes:
        webhook_url: Base URL at which carriers reach our webhooks. A carrier without account or key is not set up.
        twilio_api_key: Id and secret that sign in instead of the token.
        twilio_us1_token: Of the account in us1.
        twilio_subaccounts: Account and token of others whose calls we take.
        timeout_s: Of one request.
        record: Who records calls.
        calls_per_s: Outbound calls that may begin in a second, of the carriers where that is not the usual one.
    """

    webhook_url: str
    twilio_account_sid: str = ""
    twilio_token: str = field(default="", repr=False)
    twilio_api_key: tuple[str, str] | None = field(default=None, repr=False)
    twilio_us1_token: str = field(default="", repr=False)
    twilio_subaccounts: Sequence[tuple[str, str]] = field(default=(), repr=False)
    twilio_api_url: str = "https://api.twilio.com"
    twilio_region: str = ""
    twilio_edge: str = ""
    telnyx_api_key: str = ""
    telnyx_connection_id: str = ""
    telnyx_api_url: str = "https://api.telnyx.com/v2"
    timeout_s: float = 5.0
    default: Literal["", "twilio", "telnyx"] = ""
    record: Literal["ours", "carrier", "both"] = "ours"
    calls_per_s: Mapping[CarrierName, float] = field(default_factory=dict)


class CallControlCarrier(Carrier, CallControl, Protocol):
    """A carrier whose calls are controlled by commands."""

    @property
    def targets(self) -> ConferenceCalls:
        """Calls to targets of warm transfers, and their conferences."""


@runtime_checkable
class TransferCarrier(Protocol):
    """A carrier that calls targets of warm transfers."""

    @property
    def targets(self) -> TargetCalls:
        """Calls to these targets."""


@runtime_checkable
class KeypadCarrier(Protocol):
    """A carrier that makes the tones of keys while a media stream runs."""

    async def send_digits(self, carrier_call_id: str, digits: str, command_id: str) -> None:
        """Plays the tones to the other side; ignores a repeat of command_id. Raises CarrierRefused (`call_ended` for a
        call that is over) and CarrierUnavailable."""


@runtime_checkable
class NumberPricing(Protocol):
    """A carrier that says what a number costs before it is bought."""

    async def monthly_price(self, phone_number: str, country: str) -> Decimal | None:
        """In US dollars; None when the carrier does not say. Raises CarrierUnavailable."""


@runtime_checkable
class NumberOrders(Protocol):
    """A carrier where a number is bought by an order, and where the number may lack the order's reference."""

    async def order_status(self, reference: str) -> Literal["pending", "success"] | None:
        """Returns the state of the order with this reference; None without one, or when it failed. Raises
        CarrierRefused and CarrierUnavailable."""

    async def cancel_order(self, reference: str) -> None:
        """Cancels the order with this reference; no error when it is too late, or there is none. Raises CarrierRefused
        and CarrierUnavailable."""

    async def submit_documents(self, reference: str, holder: NumberHolder) -> str:
        """Gives the order with this reference what it lacks and the holder has; may be repeated. Returns what it waits
        for, in words for the customer; empty for nothing. Raises CarrierRefused and CarrierUnavailable."""


@runtime_checkable
class NumberRouting(Protocol):
    """A carrier that says where it sends a number's calls."""

    async def is_routed_elsewhere(self, carrier_number_id: str) -> bool:
        """Returns whether someone had the number's calls sent to another program than ours, at whatever address. Raises
        CarrierRefused and CarrierUnavailable."""


@runtime_checkable
class CallPricing(Protocol):
    """A carrier that says what a call costs when it is asked, some time after the call."""

    async def call_price(self, carrier_call_id: str, *, with_transfer: bool) -> Decimal | None:
        """In US dollars; None while the carrier does not know it. Raises CarrierRefused (code other_currency, too) and
        CarrierUnavailable.

        Args:
            with_transfer: The legs that it dialed are added.
        """


@runtime_checkable
class CallRedirection(Protocol):
    """A carrier that can be told to ask for instructions in the middle of a call."""

    async def redirect(self, carrier_call_id: str, path: str) -> None:
        """Has the carrier request this path of our webhooks, query included, now. Raises CarrierRefused (`call_ended`
        for a call that is over) and CarrierUnavailable."""

    async def count_dialed(self, carrier_call_id: str) -> int:
        """Returns how many transfers the carrier dialed for the call, those that ended included: a redirection
        would end one that runs. Raises CarrierRefused and CarrierUnavailable."""


class Carriers:
    """The carriers that are set up.

    Args:
        default: The carrier to buy numbers from; None for the first carrier that is set up.
    """

    def __init__(self, by_name: Mapping[CarrierName, Carrier], default: CarrierName | None = None) -> None:
        self._by_name = dict(by_name)
        self._default = default if default is not None else next(iter(self._by_name), None)

    def get(self, name: str) -> Carrier:
        """Raises CarrierRefused (code not_set_up)."""
        for known, carrier in self._by_name.items():
            if known == name:
                return carrier
        raise CarrierRefused(name, "not_set_up", "this carrier is not set up")

    def __iter__(self) -> Iterator[Carrier]:
        """Yields all carriers that are set up."""
        return iter(self._by_name.values())

    @property
    def default(self) -> Carrier:
        """Raises Conflict (code no_carrier)."""
        carrier = None if self._default is None else self._by_name.get(self._default)
        if carrier is None:
            raise Conflict("No phone carrier is set up.", code="no_carrier")
        return carrier

    @property
    def telnyx(self) -> CallControlCarrier | None:
        """Telnyx with its commands; None when it is not set up."""
        return cast("CallControlCarrier | None", self._by_name.get("telnyx"))


def choose_carrier(carriers: Carriers, name: CarrierName | None) -> Carrier:
    """Raises Invalid (code carrier_not_set_up), Conflict (no_carrier).

    Args:
        name: None for the default.
    """
    if name is None:
        return carriers.default
    try:
        return carriers.get(name)
    except CarrierRefused:
        raise Invalid("This carrier is not set up.", code="carrier_not_set_up", param="carrier") from None


@asynccontextmanager
async def open_carriers(options: CarrierOptions) -> AsyncIterator[Carriers]:
    """Opens the gateways until the block ends. Sends no request yet.

    Only the SDK of a carrier that is set up is loaded: Telnyx's has 1,600 modules, which were 60 % of the start of
    every program and command.
    """
    async with AsyncExitStack() as stack:
        by_name: dict[CarrierName, Carrier] = {}
        if options.twilio_account_sid and (options.twilio_token or options.twilio_api_key):
            from control.carriers.twilio import open_twilio

            twilio = await stack.enter_async_context(open_twilio(_twilio(options)))
            by_name[twilio.name] = twilio
        if options.telnyx_api_key:
            from control.carriers.telnyx import open_telnyx

            telnyx = await stack.enter_async_context(open_telnyx(_telnyx(options)))
            by_name[telnyx.name] = telnyx
        yield Carriers(by_name, options.default or None)


def _twilio(options: CarrierOptions) -> TwilioOptions:
    return TwilioOptions(
        webhook_url=options.webhook_url.rstrip("/"),
        account_sid=options.twilio_account_sid,
        token=options.twilio_token,
        api_url=regional_api_url(options.twilio_api_url.rstrip("/"), options.twilio_region, options.twilio_edge),
        timeout_s=options.timeout_s,
        records=options.record != "ours",
        api_key=options.twilio_api_key,
        region=options.twilio_region,
        us1_token=options.twilio_us1_token,
        subaccounts=options.twilio_subaccounts,
    )


def _telnyx(options: CarrierOptions) -> TelnyxOptions:
    return TelnyxOptions(
        webhook_url=options.webhook_url.rstrip("/"),
        api_key=options.telnyx_api_key,
        connection_id=options.telnyx_connection_id,
        api_url=options.telnyx_api_url.rstrip("/"),
        timeout_s=options.timeout_s,
        records=options.record != "ours",
    )
