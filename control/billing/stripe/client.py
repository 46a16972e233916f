"""Stripe's API through its SDK.

No other module imports the SDK. This module does not retry; the jobs decide about retries.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import httpx
import stripe

from control.billing.money import exponent_of
from control.billing.payments.provider import BillingProviderError, BillingProviderUnavailable, PaymentDeclined

# Version of objects and events. The webhook endpoint at Stripe must use this version, too.
API_VERSION: Final = "2026-10-28.endive"
# Maximum number of replayed failures that a run skips.
_MOST_KEYS: Final = 5
StripeInvoice: TypeAlias = stripe.Invoice
StripeInvoiceItem: TypeAlias = stripe.InvoiceItem
StripePaymentMethod: TypeAlias = stripe.PaymentMethod
StripeRefund: TypeAlias = stripe.Refund
T = TypeVar("T")

# At lower levels the SDK logs request contents.
logging.getLogger("stripe").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class StripeOptions:
    """Settings of the client.

    Attributes:
        url: Address of the API.
        key: The secret key.
        timeout_s: Limit for one request.
        meter_event: Name of the meter's events for usage; empty for no meter.
    """

    key: str = field(repr=False)
    url: str = "https://api.stripe.com"
    timeout_s: float = 10.0
    meter_event: str = ""


class HttpxTransport(stripe.HTTPClient):
    """Sends the SDK's requests with httpx, each with a time limit and without retries."""

    name = "httpx"

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(timeout=timeout_s)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send a request. Raises stripe.APIConnectionError, whose text contains neither URL nor body."""
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.request(method, url, headers=dict(headers), content=post_data)
        except (httpx.HTTPError, TimeoutError) as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        await self._client.aclose()


class MissingObject(BillingProviderError):
    """Stripe does not have an object with this id, or no longer has it."""


class DuplicateObject(BillingProviderError):
    """Stripe already has a meter event with this identifier."""


class StripeApi:
    """Stripe's API. `v1` contains the SDK's services."""

    def __init__(self, options: StripeOptions, transport: HttpxTransport | None = None) -> None:
        self._http = transport or HttpxTransport(options.timeout_s)
        self.v1 = stripe.StripeClient(
            options.key,
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=self._http,
            base_addresses={"api": options.url.rstrip("/")},
        ).v1

    async def close(self) -> None:
        await self._http.close_async()


async def create_object(
    key: str,
    send: Callable[[Any], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
    *,
    is_missing: bool = False,
) -> T:
    """Return the existing object, or create it under the first idempotency key of the series without a stored failure.

    Args:
        send: Creates the object with the request's options.
        find: Searches for an existing object.
        is_missing: Whether the search for an existing object has already failed.
    """
    for number in range(_MOST_KEYS):
        found = None if is_missing and not number else await find()
        if found is not None:
            return found
        with suppress(_ReplayedFailure):
            return await call_stripe(partial(send, {"idempotency_key": f"{key}-{number}"}))
    raise BillingProviderUnavailable(f"{_MOST_KEYS} idempotency keys contain failures")


class _ReplayedFailure(Exception):
    """A 5xx response that Stripe has stored under the idempotency key."""


async def call_stripe(send: Callable[[], Awaitable[T]]) -> T:
    """Send a request and convert the SDK's errors.

    Raises BillingProviderError, PaymentDeclined and BillingProviderUnavailable. The errors' messages may contain
    request data, so only codes are passed on.
    """
    try:
        return await send()
    except stripe.CardError as error:
        raise PaymentDeclined(error.code or "card_declined") from None
    except stripe.StripeError as error:
        status = error.http_status
        reason = f"{status or 'no answer'} {error.code or type(error).__name__} ({error.request_id or 'no request id'})"
        if status is not None and status >= 500 and (error.headers or {}).get("idempotent-replayed") == "true":
            raise _ReplayedFailure(reason) from None
        # An operator replaces a refused key; waiting jobs then continue.
        if status is None or status >= 500 or status in (401, 403, 409, 429):
            raise BillingProviderUnavailable(reason) from None
        raise _refusal(error)(reason) from None


def _refusal(error: stripe.StripeError) -> type[BillingProviderError]:
    """Return the exception for a refusal.

    A repeated meter event is recognized by the error's text, because Stripe does not document its code.
    """
    if "already exists with identifier" in str(error):
        return DuplicateObject
    return MissingObject if error.code == "resource_missing" else BillingProviderError


async def each_object(page: Any) -> AsyncIterator[Any]:
    """Yield the objects of a list, page by page."""
    objects = page.auto_paging_iter()
    while True:
        stored = await call_stripe(lambda: anext(objects, None))
        if stored is None:
            return
        yield stored


async def first_object(page: Any, matches: Callable[[Any], bool]) -> Any | None:
    """Return the first matching object of a list, or None."""
    async for stored in each_object(page):
        if matches(stored):
            return stored
    return None


def metadata_of(stored: Any) -> Mapping[str, str]:
    """Return the object's metadata, which contains our names and texts."""
    return stored.to_dict().get("metadata") or {}


# Currencies with special rules at Stripe (docs.stripe.com/currencies, "Special cases"): currencies without decimal
# places that Stripe writes with two, and currencies that Stripe accepts only in whole amounts.
_TWO_PLACES: Final = frozenset({"isk", "ugx"})
_SPECIAL: Final = frozenset({"huf", "mga", "twd"})
# Currencies with three decimal places that Stripe supports.
_THREE_PLACES: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def to_major(amount: int, currency: str) -> Decimal:
    """Convert an amount from the smallest unit to major units. Raises BillingProviderError like `to_minor`."""
    return Decimal(amount).scaleb(-_places_of(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """Convert an amount to the currency's smallest unit at Stripe.

    Raises BillingProviderError for a currency with special rules, and for an amount with a smaller fraction.
    """
    places = _places_of(currency)
    minor = amount.scaleb(places)
    if minor != int(minor) or (places == 3 and minor % 10):
        raise BillingProviderError(f"{amount} {currency} has fractions of the smallest unit")
    return int(minor)


def _places_of(currency: str) -> int:
    places = 2 if currency in _TWO_PLACES else exponent_of(currency)
    if currency in _SPECIAL or (places == 3 and currency not in _THREE_PLACES):
        raise BillingProviderError(f"amounts in {currency} cannot be sent to Stripe")
    return places
