"""Stripe's API by its SDK: the only module that imports it. Nothing is retried here: jobs decide what happens."""

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
from control.billing.payments.sink import PaymentDeclined, SinkError, SinkUnavailable

# Shapes of objects and events; the webhook endpoint at Stripe must have the same.
API_VERSION: Final = "2026-10-28.endive"
# Replayed failures that are passed over in one run.
_MOST_KEYS: Final = 5
StripeInvoice: TypeAlias = stripe.Invoice
StripeInvoiceItem: TypeAlias = stripe.InvoiceItem
StripePaymentMethod: TypeAlias = stripe.PaymentMethod
StripeRefund: TypeAlias = stripe.Refund
T = TypeVar("T")

# At lower levels the SDK logs what is sent.
logging.getLogger("stripe").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class StripeOptions:
    """url: of the API. key: secret. timeout_s: of one request. meter_event: name of the events of the meter that gets
    usage; empty: none does."""

    key: str = field(repr=False)
    url: str = "https://api.stripe.com"
    timeout_s: float = 10.0
    meter_event: str = ""


class HttpxTransport(stripe.HTTPClient):
    """Sends the SDK's requests by httpx, each within a time limit; makes no second attempt."""

    name = "httpx"

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(timeout=timeout_s)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Raises stripe.APIConnectionError; its text holds neither URL nor body."""
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.request(method, url, headers=dict(headers), content=post_data)
        except (httpx.HTTPError, TimeoutError) as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


class MissingObject(SinkError):
    """Stripe has no object with this id, or not any more."""


class DuplicateObject(SinkError):
    """Stripe has a meter event with this identifier."""


class StripeApi:
    """v1: the SDK's services."""

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
        """Closes the connections."""
        await self._http.close_async()


async def create_object(
    key: str,
    send: Callable[[Any], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
    *,
    is_missing: bool = False,
) -> T:
    """Returns what `find` finds, else what `send` makes under the first key of the series that holds no failure.

    Args:
        send: Takes the request's options.
        is_missing: It was looked for already.
    """
    for number in range(_MOST_KEYS):
        found = None if is_missing and not number else await find()
        if found is not None:
            return found
        with suppress(_ReplayedFailure):
            return await call_stripe(partial(send, {"idempotency_key": f"{key}-{number}"}))
    raise SinkUnavailable(f"{_MOST_KEYS} idempotency keys hold failures")


class _ReplayedFailure(Exception):
    """A 5xx that Stripe has kept under the idempotency key."""


async def call_stripe(send: Callable[[], Awaitable[T]]) -> T:
    """Maps the SDK's errors. Their messages may hold what was sent, so only codes are passed on. Raises SinkError,
    PaymentDeclined, SinkUnavailable."""
    try:
        return await send()
    except stripe.CardError as error:
        raise PaymentDeclined(error.code or "card_declined") from None
    except stripe.StripeError as error:
        status = error.http_status
        reason = f"{status or 'no answer'} {error.code or type(error).__name__} ({error.request_id or 'no request id'})"
        if status is not None and status >= 500 and (error.headers or {}).get("idempotent-replayed") == "true":
            raise _ReplayedFailure(reason) from None
        # A key that is refused is replaced by an operator; what waits for it goes on then.
        if status is None or status >= 500 or status in (401, 403, 409, 429):
            raise SinkUnavailable(reason) from None
        raise _refusal(error)(reason) from None


def _refusal(error: stripe.StripeError) -> type[SinkError]:
    """A repeated meter event is known by its text: no page names its code."""
    if "already exists with identifier" in str(error):
        return DuplicateObject
    return MissingObject if error.code == "resource_missing" else SinkError


async def each_object(page: Any) -> AsyncIterator[Any]:
    """The objects of a list, page by page."""
    objects = page.auto_paging_iter()
    while True:
        stored = await call_stripe(lambda: anext(objects, None))
        if stored is None:
            return
        yield stored


async def first_object(page: Any, matches: Callable[[Any], bool]) -> Any | None:
    """The first object of a list that matches."""
    async for stored in each_object(page):
        if matches(stored):
            return stored
    return None


def metadata_of(stored: Any) -> Mapping[str, str]:
    """Our names and texts in an object."""
    return stored.to_dict().get("metadata") or {}


# Rules of their own at Stripe (docs.stripe.com/currencies, "Special cases"): currencies without decimal places that
# Stripe writes with two, and those of which it takes whole amounts only.
_TWO_PLACES: Final = frozenset({"isk", "ugx"})
_SPECIAL: Final = frozenset({"huf", "mga", "twd"})
# Currencies with three decimal places that Stripe has.
_THREE_PLACES: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def to_major(amount: int, currency: str) -> Decimal:
    """An amount in major units, of one in the smallest unit. Raises SinkError as `to_minor` does."""
    return Decimal(amount).scaleb(-_places_of(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """An amount in the currency's smallest unit at Stripe. Raises SinkError for a currency with rules of its own, and
    an amount that has a smaller part."""
    places = _places_of(currency)
    minor = amount.scaleb(places)
    if minor != int(minor) or (places == 3 and minor % 10):
        raise SinkError(f"{amount} {currency} has parts of the smallest unit")
    return int(minor)


def _places_of(currency: str) -> int:
    places = 2 if currency in _TWO_PLACES else exponent_of(currency)
    if currency in _SPECIAL or (places == 3 and currency not in _THREE_PLACES):
        raise SinkError(f"no amounts in {currency} are sent to Stripe")
    return places
