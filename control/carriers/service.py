"""The configured carriers and their capabilities."""

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
    """Settings of all gateways. A carrier without account or key is not configured.

    Attributes:
        webhook_url: Base URL of our webhooks.
        twilio_api_key: Id and secret of an API key that replaces the auth token for requests.
        twilio_us1_token: The account's auth token in us1.
        twilio_subaccounts: Ids and tokens of other accounts whose calls we take.
        timeout_s: Timeout of a request.
        record: Which carriers record calls.
        calls_per_s: Outbound calls per second, for carriers that differ from the default.
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
    """A carrier that can call targets of warm transfers."""

    @property
    def targets(self) -> TargetCalls:
        """Calls to targets of warm transfers."""


@runtime_checkable
class KeypadCarrier(Protocol):
    """A carrier that can send DTMF tones while a media stream runs."""

    async def send_digits(self, carrier_call_id: str, digits: str, command_id: str) -> None:
        """Play the tones to the other side. A repeated command_id is ignored.

        Raises CarrierRefused (`call_ended` if the call has ended) and CarrierUnavailable.
        """


@runtime_checkable
class NumberPricing(Protocol):
    """A carrier that reports the price of a number before it is bought."""

    async def monthly_price(self, phone_number: str, country: str) -> Decimal | None:
        """Return the price in US dollars, or None if the carrier does not report it. Raises CarrierUnavailable."""


@runtime_checkable
class NumberOrders(Protocol):
    """A carrier that sells numbers through orders. A bought number may lack the reference of its order."""

    async def order_status(self, reference: str) -> Literal["pending", "success"] | None:
        """Return the state of the order with this reference. Return None if there is no order or it failed.

        Raises CarrierRefused and CarrierUnavailable.
        """

    async def cancel_order(self, reference: str) -> None:
        """Cancel the order with this reference. A missing or completed order is not an error.

        Raises CarrierRefused and CarrierUnavailable.
        """

    async def submit_documents(self, reference: str, holder: NumberHolder) -> str:
        """Send the holder's data that the order with this reference still needs. May be repeated.

        Returns what the order waits for, as text for the customer. Empty if it waits for nothing. Raises CarrierRefused
        and CarrierUnavailable.
        """


@runtime_checkable
class NumberRouting(Protocol):
    """A carrier that reports where the calls of a number go."""

    async def is_routed_elsewhere(self, carrier_number_id: str) -> bool:
        """Return whether the number's calls go to another program, at any address.

        Raises CarrierRefused and CarrierUnavailable.
        """


@runtime_checkable
class CallPricing(Protocol):
    """A carrier that reports the price of a call on request, some time after the call."""

    async def call_price(self, carrier_call_id: str, *, with_transfer: bool) -> Decimal | None:
        """Return the price in US dollars, or None until the carrier has rated the call.

        Raises CarrierRefused (also with code other_currency) and CarrierUnavailable.

        Args:
            with_transfer: Whether to add the legs that the carrier dialed.
        """


@runtime_checkable
class CallRedirection(Protocol):
    """A carrier that can request new instructions in the middle of a call."""

    async def redirect(self, carrier_call_id: str, path: str) -> None:
        """Make the carrier request this path of our webhooks now. The path may contain a query.

        Raises CarrierRefused (`call_ended` if the call has ended) and CarrierUnavailable.
        """

    async def count_dialed(self, carrier_call_id: str) -> int:
        """Return how many transfers the carrier has dialed for the call, including ended transfers.

        A redirection would end a running transfer. Raises CarrierRefused and CarrierUnavailable.
        """


class Carriers:
    """The configured carriers.

    Args:
        default: The carrier for buying numbers. None for the first configured carrier.
    """

    def __init__(self, by_name: Mapping[CarrierName, Carrier], default: CarrierName | None = None) -> None:
        self._by_name = dict(by_name)
        self._default = default if default is not None else next(iter(self._by_name), None)

    def get(self, name: str) -> Carrier:
        """Return the gateway of a carrier. Raises CarrierRefused (code not_set_up)."""
        for known, carrier in self._by_name.items():
            if known == name:
                return carrier
        raise CarrierRefused(name, "not_set_up", "this carrier is not set up")

    def __iter__(self) -> Iterator[Carrier]:
        """Yield all configured carriers."""
        return iter(self._by_name.values())

    @property
    def default(self) -> Carrier:
        """The carrier for buying numbers. Raises Conflict (code no_carrier)."""
        carrier = None if self._default is None else self._by_name.get(self._default)
        if carrier is None:
            raise Conflict("No phone carrier is set up.", code="no_carrier")
        return carrier

    @property
    def telnyx(self) -> CallControlCarrier | None:
        """Telnyx with its call control commands, or None if it is not configured."""
        return cast("CallControlCarrier | None", self._by_name.get("telnyx"))


def choose_carrier(carriers: Carriers, name: CarrierName | None) -> Carrier:
    """Return the named carrier. Raises Invalid (code carrier_not_set_up), Conflict (no_carrier).

    Args:
        name: None selects the default carrier.
    """
    if name is None:
        return carriers.default
    try:
        return carriers.get(name)
    except CarrierRefused:
        raise Invalid("This carrier is not set up.", code="carrier_not_set_up", param="carrier") from None


@asynccontextmanager
async def open_carriers(options: CarrierOptions) -> AsyncIterator[Carriers]:
    """Open the gateways until the block ends. No requests are sent yet.

    Only the SDKs of configured carriers are imported. Telnyx's SDK has 1,600 modules, which took 60 % of the start-up
    time of every program and command.
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
