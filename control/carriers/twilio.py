"""Twilio's REST API, asked through its SDK."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import IO, Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from control.carriers.model import (
    Available,
    CarrierAway,
    CarrierFault,
    CarrierName,
    CarrierRefused,
    Dial,
    Owned,
    Placed,
)
from control.carriers.phone import Kind, country_prefix, kind_of
from control.carriers.tries import DOWNLOAD_S, connection_fault, download, tried
from control.carriers.twilio_forms import (
    MISSING,
    NAME,
    TwilioOptions,
    available_number,
    call_form,
    fault,
    moment,
    number_prices,
    number_webhooks,
    owned_number,
    recording_form,
    recording_sid,
    text,
)

T = TypeVar("T")

# The number types of the pricing API.
_PRICED_AS: Final[Mapping[Kind, str]] = {"local": "local", "mobile": "mobile", "toll_free": "toll free"}
_PRICES_HOLD: Final = timedelta(hours=1)


class TwilioGateway:
    """See control.carriers.model.Carrier."""

    name: CarrierName = NAME

    def __init__(self, options: TwilioOptions, http: httpx.AsyncClient) -> None:
        self._options, self._http = options, http
        # An environment that is not empty, or the SDK would read region and edge from the process's.
        self._sdk = Client(
            options.account_sid, options.token, http_client=_Transport(http, options.api_url), environment={"": ""}
        )
        self._prices: dict[str, tuple[datetime, dict[str, Decimal]]] = {}

    async def search(self, country: str, area_code: str, limit: int) -> list[Available]:
        """Local ones; where a country has none, mobile ones. A country that Twilio does not know has none."""
        kinds: tuple[Kind, ...] = ("local",) if area_code else ("local", "mobile")
        for kind in kinds:
            found = await self._search(country, kind, area_code, limit)
            if found:
                price = await self._price_if_told(country, kind)
                return [available_number(one, country, price) for one in found]
        return []

    async def monthly_price(self, phone_number: str, country: str) -> Decimal | None:
        """In US dollars; None when Twilio does not tell. Raises CarrierAway."""
        return (await self._prices_of(country)).get(_PRICED_AS[kind_of(phone_number)])

    async def owned(self, phone_number: str) -> Owned | None:
        """Whether a number is ours at the carrier; its reference is the friendly name."""
        rows = await self._ask(
            lambda: self._sdk.incoming_phone_numbers.list_async(phone_number=phone_number, limit=20, page_size=20)
        )
        # The filter finds parts of numbers too.
        return next((owned_number(row) for row in rows if row.phone_number == phone_number), None)

    async def buy(self, phone_number: str, reference: str) -> Owned:
        """Buys it with its webhooks. Never repeated when it may have been bought."""
        row = await self._ask(
            lambda: self._sdk.incoming_phone_numbers.create_async(
                phone_number=phone_number, friendly_name=reference, **number_webhooks(self._options)
            ),
            repeatable=False,
        )
        return owned_number(row)

    async def configure(self, owned: Owned) -> None:
        """Has its calls reach us; may be repeated."""
        await self._ask(
            lambda: self._sdk.incoming_phone_numbers(owned.carrier_number_id).update_async(
                friendly_name=owned.reference, **number_webhooks(self._options)
            )
        )

    async def release(self, carrier_number_id: str) -> None:
        """Gives it back; one that is gone already is no error."""
        await self._unless_gone(lambda: self._sdk.incoming_phone_numbers(carrier_number_id).delete_async())

    async def dial(self, order: Dial) -> Placed:
        """Places a call. Never repeated when it may have been placed."""
        row = await self._ask(lambda: self._sdk.calls.create_async(**call_form(self._options, order)), repeatable=False)
        return Placed(text(row.sid))

    async def find_dialled(self, order: Dial, since: datetime) -> list[Placed]:
        """Such calls that we placed; Twilio tells times in whole seconds."""
        rows = await self._ask(
            lambda: self._sdk.calls.list_async(to=order.called, from_=order.caller, limit=50, page_size=50)
        )
        floor = since.astimezone(UTC).replace(microsecond=0)
        ours = [row for row in rows if row.direction == "outbound-api" and moment(row.date_created) >= floor]
        return [Placed(text(row.sid)) for row in sorted(ours, key=lambda row: moment(row.date_created))]

    async def hang_up(self, carrier_call_id: str) -> None:
        """Ends a call, ringing or answered; one that is over is no error."""
        await self._unless_gone(lambda: self._sdk.calls(carrier_call_id).update_async(status="completed"))

    async def record(self, carrier_call_id: str, call_id: str) -> None:
        """Starts recording a call that came in, if Twilio records. A call that is over is no error."""
        if self._options.records:
            form = recording_form(self._options, call_id)
            await self._unless_gone(
                lambda: self._sdk.calls(carrier_call_id).recordings.create_async(**form), repeatable=False
            )

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        """As WAV: both sides where Twilio has them apart. recording: its id, or any URL with it."""
        url = f"{self._recordings()}/{recording_sid(recording)}.wav"
        try:
            await self._download(f"{url}?RequestedChannels=2", into)
        except CarrierRefused as refused:
            if refused.code != "400":
                raise
            # There is one channel only.
            await self._download(url, into)

    async def delete_recording(self, recording: str) -> None:
        """Removes it; one that is gone is no error."""
        sid = recording_sid(recording)
        await self._unless_gone(lambda: self._sdk.recordings(sid).delete_async())

    async def _ask(self, ask: Callable[[], Awaitable[T]], *, repeatable: bool = True) -> T:
        return await tried(lambda: _once(ask), NAME, timeout_s=self._options.timeout_s, repeatable=repeatable)

    async def _unless_gone(self, ask: Callable[[], Awaitable[object]], *, repeatable: bool = True) -> None:
        try:
            await self._ask(ask, repeatable=repeatable)
        except CarrierRefused as refused:
            if not refused.over and refused.code not in MISSING:
                raise

    async def _search(self, country: str, kind: Kind, area_code: str, limit: int) -> list[Any]:
        market = self._sdk.available_phone_numbers(country)
        wanted: dict[str, object] = {"limit": limit, "page_size": limit, "voice_enabled": True}
        start = f"+{country_prefix(country)}{area_code}"
        if area_code and country in ("US", "CA"):
            wanted["area_code"] = int(area_code)
        elif area_code:  # AreaCode is for North America
            wanted["contains"] = f"{start[1:]}*"
        shelf = market.mobile if kind == "mobile" else market.local
        try:
            found: list[Any] = await self._ask(lambda: shelf.list_async(**wanted))
        except CarrierRefused as refused:
            if refused.code in MISSING:
                return []
            raise
        return [one for one in found if str(one.phone_number).startswith(start)]

    async def _price_if_told(self, country: str, kind: Kind) -> Decimal | None:
        """A list without prices is better than no list."""
        try:
            return (await self._prices_of(country)).get(_PRICED_AS[kind])
        except CarrierAway:
            return None

    async def _prices_of(self, country: str) -> Mapping[str, Decimal]:
        now = datetime.now(UTC)
        kept = self._prices.get(country)
        if kept is not None and now - kept[0] < _PRICES_HOLD:
            return kept[1]
        try:
            told = await self._ask(lambda: self._sdk.pricing.v1.phone_numbers.countries(country).fetch_async())
        except CarrierRefused:
            return {}
        prices = number_prices(told.phone_number_prices) if told.price_unit == "USD" else {}
        self._prices[country] = (now, prices)
        return prices

    def _recordings(self) -> str:
        return f"{self._options.api_url}/2010-04-01/Accounts/{self._options.account_sid}/Recordings"

    async def _download(self, url: str, into: IO[bytes]) -> None:
        auth = (self._options.account_sid, self._options.token)
        await tried(
            lambda: download(self._http, NAME, url, into, auth=auth), NAME, timeout_s=DOWNLOAD_S, repeatable=True
        )


@asynccontextmanager
async def open_twilio(options: TwilioOptions) -> AsyncIterator[TwilioGateway]:
    """The gateway with its connections, until the block ends."""
    async with httpx.AsyncClient(timeout=options.timeout_s, max_redirects=3) as http:
        yield TwilioGateway(options, http)


class _Transport(AsyncHttpClient):  # type: ignore[misc]
    """The SDK's requests over our client. Its own would keep no timeout, and would log numbers."""

    def __init__(self, http: httpx.AsyncClient, api_url: str) -> None:
        self.is_async = True
        self._http, self._api_url = http, api_url
        self._at_twilio = (urlsplit(api_url).hostname or "").endswith("twilio.com")

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Raises httpx.HTTPError."""
        answer = await self._http.request(
            method, self._address(uri), params=_plain(params), data=_plain(data), headers=headers, auth=auth,
            follow_redirects=allow_redirects,
        )  # fmt: skip
        return Response(answer.status_code, answer.text, answer.headers)

    def _address(self, uri: str) -> str:
        """Elsewhere than at Twilio, one host serves what its many do."""
        told = urlsplit(uri)
        if self._at_twilio and told.hostname != "api.twilio.com":
            return uri
        return self._api_url + told.path + (f"?{told.query}" if told.query else "")


def _plain(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Booleans as Twilio spells them; the SDK does so for most fields only."""
    return None if not given else {name: _spelt(value) for name, value in given.items() if value is not None}


def _spelt(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


async def _once(ask: Callable[[], Awaitable[T]]) -> T:
    try:
        return await ask()
    except (TwilioRestException, TwilioServiceException) as error:
        raise fault(int(error.status), str(error.code)) from None
    except httpx.HTTPError as error:
        raise connection_fault(NAME, error) from None
    except (TwilioException, ValueError, TypeError) as error:
        raise _page_fault(error) from None


def _page_fault(error: Exception) -> CarrierFault:
    """Of a list: there, the SDK hands over the answer that it could make nothing of."""
    answer = next((one for one in error.args if isinstance(one, Response)), None)
    if answer is None or answer.status_code < 400:
        return CarrierAway(NAME, "unreadable", "the answer cannot be read")
    try:
        code = json.loads(answer.text)["code"]
    except (ValueError, KeyError, TypeError):
        code = answer.status_code
    return fault(answer.status_code, str(code))
