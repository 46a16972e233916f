"""The Twilio gateway: REST API through Twilio's SDK, sent by our HTTP client, with errors mapped to ours."""

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
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

from control.carriers.retries import (
    DOWNLOAD_TIMEOUT_S,
    call_with_retries,
    carrier_tls,
    download,
    error_from_connection,
)
from control.carriers.rules import (
    MOST_ACTIVE,
    NO_HOLDER,
    ActiveCall,
    AvailableNumber,
    CarrierDocuments,
    CarrierError,
    CarrierName,
    CarrierRefused,
    CarrierUnavailable,
    DialRequest,
    NumberHolder,
    NumberKind,
    OwnedNumber,
    PlacedCall,
    TargetCallRequest,
    country_prefix,
    number_kind,
)
from control.carriers.twilio_documents import TwilioDocuments
from control.carriers.twilio_forms import (
    NAME,
    NOT_FOUND,
    RETRY_FRAGMENT,
    TwilioOptions,
    active_call,
    available_number,
    call_form,
    error_from_response,
    holder_form,
    is_routed_elsewhere,
    last_words,
    number_prices,
    number_webhooks,
    owned_number,
    parse_time,
    recording_form,
    recording_sid,
    required_text,
    sum_prices,
)

# --- The SDK: clients, requests and errors ---------------------------------------------------------------------------

T = TypeVar("T")


class TwilioTransport(AsyncHttpClient):  # type: ignore[misc]
    """Sends the SDK's requests with our HTTP client. The SDK's own client has no timeout and logs phone numbers."""

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
        """Send a request of the SDK. Raises httpx.HTTPError."""
        answer = await self._http.request(
            method,
            self._address(uri),
            params=_plain(params),
            data=_plain(data),
            headers=headers,
            auth=auth,
            follow_redirects=allow_redirects,
        )
        return Response(answer.status_code, answer.text, answer.headers)

    def _address(self, uri: str) -> str:
        """Return the address to request.

        Twilio uses several hosts. A simulated Twilio serves them all on a single host.
        """
        parts = urlsplit(uri)
        if self._at_twilio and parts.hostname != "api.twilio.com":
            return uri
        return self._api_url + parts.path + (f"?{parts.query}" if parts.query else "")


def make_client(account_sid: str, sign_in: tuple[str, str], transport: TwilioTransport) -> Any:
    """Return an SDK client for an account.

    Args:
        sign_in: User and password.
    """
    # Not empty: with an empty mapping the SDK reads region and edge from the environment of the process.
    return Client(*sign_in, account_sid=account_sid, http_client=transport, environment={"": ""})


def _plain(fields: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Convert booleans to `true` and `false`. The SDK converts only some fields."""
    return None if not fields else {name: _to_text(value) for name, value in fields.items() if value is not None}


def _to_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


async def send_once(send: Callable[[], Awaitable[T]]) -> T:
    """Send a request once. Raises CarrierRefused and CarrierUnavailable."""
    try:
        return await send()
    except (TwilioRestException, TwilioServiceException) as error:
        raise error_from_response(int(error.status), str(error.code)) from None
    except httpx.HTTPError as error:
        raise error_from_connection(NAME, error) from None
    except (TwilioException, ValueError, TypeError) as error:
        raise _map_page_error(error) from None


def _map_page_error(error: Exception) -> CarrierError:
    """Map an error of a list request. The SDK's error contains the response."""
    answer = next((arg for arg in error.args if isinstance(arg, Response)), None)
    if answer is None or answer.status_code < 400:
        return CarrierUnavailable(NAME, "unreadable", "the answer cannot be read")
    try:
        code = json.loads(answer.text)["code"]
    except (ValueError, KeyError, TypeError):
        code = answer.status_code
    return error_from_response(answer.status_code, str(code))


# --- Accounts whose calls we take: which client is used for which resource
# ---------------------------------------------

# Maximum number of calls of subaccounts whose account is cached.
_MOST_REMEMBERED: Final = 10_000


class TwilioAccounts:
    """Clients of the account and its subaccounts.

    Attributes:
        main: Client of the account that buys numbers and places calls.
        without_region: Client for Twilio's APIs without regions (routing of numbers, prices), which accept only the us1
            token.
    """

    def __init__(self, options: TwilioOptions, http: httpx.AsyncClient) -> None:
        transport = TwilioTransport(http, options.api_url)
        sid, us1_token = options.account_sid, options.us1_token
        self.main = make_client(sid, options.sign_in, transport)
        self.without_region = make_client(sid, (sid, us1_token), transport) if us1_token else self.main
        others = [(account_sid, token) for account_sid, token in options.subaccounts if account_sid != sid]
        self._subaccounts = [make_client(account_sid, (account_sid, token), transport) for account_sid, token in others]
        self._by_call: OrderedDict[str, Any] = OrderedDict()

    def find_candidates(self, call_sid: str) -> Sequence[Any]:
        """Return clients of the accounts that may have the call, most likely first."""
        known = self._by_call.get(call_sid)
        return [known] if known is not None else [self.main, *self._subaccounts]

    def remember(self, call_sid: str, client: Any) -> None:
        """Cache which account has the call."""
        if client is not self.main:
            self._by_call[call_sid] = client
            while len(self._by_call) > _MOST_REMEMBERED:
                self._by_call.popitem(last=False)

    def find_by_url(self, url: str) -> Any:
        """Return the client of the account in a resource's URL. Return the main client if the URL has none of our
        accounts.
        """
        return next((subaccount for subaccount in self._subaccounts if f"/{subaccount.account_sid}/" in url), self.main)


# --- Calls to targets of warm transfers (docs: voice/api/call-resource) ----------------------------------------------

TARGET: Final = "/webhooks/calls/target"


class TwilioTargets:
    """Implements TargetCalls with Twilio. Twilio requests the instructions for the target and the conference by
    webhook.
    """

    def __init__(self, sdk: Any, send: Callable[..., Awaitable[Any]], options: TwilioOptions) -> None:
        self._sdk, self._send, self._options = sdk, send, options

    async def call(self, request: TargetCallRequest) -> str:
        """Call the target. Not repeated if the call may have been placed."""
        form = target_form(self._options, request)
        row = await self._send(lambda: self._sdk.calls.create_async(**form), repeatable=False)
        return required_text(row.sid)


def target_form(options: TwilioOptions, request: TargetCallRequest) -> dict[str, object]:
    """Return the form of Calls.create, with the webhook addresses of the transfer."""
    address = f"{options.webhook_url}{TARGET}?transfer={request.transfer_id}"
    return {
        "to": request.called,
        "from_": request.caller,
        "url": f"{address}&step=answered",
        "method": "POST",
        "status_callback": f"{address}&step=ended{RETRY_FRAGMENT}",
        "status_callback_method": "POST",
        "status_callback_event": ["completed"],
        "timeout": request.ring_timeout_s,
        "time_limit": request.max_duration_s,
    }


# --- The carrier -----------------------------------------------------------------------------------------------------

# Number types of the pricing API.
_PRICED_AS: Final[Mapping[NumberKind, str]] = {
    "local": "local",
    "mobile": "mobile",
    "national": "national",
    "toll_free": "toll free",
}
# States of a recording in progress (docs: voice/api/recording).
_RUNNING: Final = frozenset({"in-progress", "paused"})
_PRICE_TTL: Final = timedelta(hours=1)


class TwilioGateway:
    """Implements Carrier with Twilio."""

    name: CarrierName = NAME

    def __init__(self, options: TwilioOptions, http: httpx.AsyncClient) -> None:
        self._options, self._http = options, http
        self._accounts = TwilioAccounts(options, http)
        self._sdk = self._accounts.main
        self._prices: dict[str, tuple[datetime, dict[str, Decimal]]] = {}
        self.documents: CarrierDocuments = TwilioDocuments(self._sdk, self._send)
        self.targets = TwilioTargets(self._sdk, self._send, options)

    @property
    def configuration(self) -> str:
        """The address of our webhooks, which each number stores, and the region that takes its calls."""
        region = self._options.region
        return self._voice_url + (f" in {region}" if region else "")

    @property
    def _voice_url(self) -> str:
        return number_webhooks(self._options)["voice_url"]

    async def search(self, country: str, area_code: str, limit: int) -> list[AvailableNumber]:
        """Return local numbers. Return mobile numbers if the country has no local ones, and none for an unknown
        country.
        """
        kinds: tuple[NumberKind, ...] = ("local",) if area_code else ("local", "mobile")
        for kind in kinds:
            found = await self._search(country, kind, area_code, limit)
            if found:
                price = await self._price_or_none(country, kind)
                return [available_number(number, country, price) for number in found]
        return []

    async def monthly_price(self, phone_number: str, country: str) -> Decimal | None:
        """Return the price in US dollars, or None if Twilio does not report it. Raises CarrierUnavailable."""
        return (await self._prices_of(country)).get(_PRICED_AS[number_kind(phone_number)])

    async def find_owned(self, phone_number: str) -> OwnedNumber | None:
        """Return the number if it belongs to our account. Its reference is Twilio's friendly name."""
        rows = await self._send(
            lambda: self._sdk.incoming_phone_numbers.list_async(phone_number=phone_number, limit=20, page_size=20)
        )
        # The filter also matches partial numbers.
        return next((self._owned(row) for row in rows if row.phone_number == phone_number), None)

    async def list_numbers(self, digits: str, most: int) -> list[OwnedNumber]:
        """Return numbers of our account that contain the digits."""
        wanted = {"phone_number": digits} if digits else {}
        rows = await self._send(
            lambda: self._sdk.incoming_phone_numbers.list_async(limit=most, page_size=min(most, 1_000), **wanted)
        )
        return [self._owned(row) for row in rows]

    async def buy(self, phone_number: str, reference: str, holder: NumberHolder = NO_HOLDER) -> OwnedNumber:
        """Buy a number with its webhooks. Not repeated if the number may have been bought."""
        form = number_webhooks(self._options) | holder_form(holder)
        row = await self._send(
            lambda: self._sdk.incoming_phone_numbers.create_async(
                phone_number=phone_number, friendly_name=reference, **form
            ),
            repeatable=False,
        )
        return self._owned(row)

    async def configure(self, owned: OwnedNumber) -> None:
        """Set the number's webhooks and the region that takes its calls. May be repeated.

        If calls go elsewhere, the number is also removed from its trunk or application, which would take precedence.
        """
        form = number_webhooks(self._options)
        if owned.target == "elsewhere":
            form |= {"trunk_sid": "", "voice_application_sid": ""}
        await self._send(
            lambda: self._sdk.incoming_phone_numbers(owned.carrier_number_id).update_async(
                friendly_name=owned.reference, **form
            )
        )
        await self._set_region(owned.phone_number)

    async def _set_region(self, phone_number: str) -> None:
        """Let the region of our account take the number's calls (docs: global-infrastructure, "Inbound Processing
        Region API").

        Otherwise calls arrive in us1, where the number has no webhooks of ours. Raises CarrierUnavailable even if
        Twilio
        refuses: the number is paid for and takes calls once an operator has set the us1 token.
        """
        if not self._options.region:
            return
        routes = self._accounts.without_region.routes.v2
        try:
            await self._send(lambda: routes.phone_numbers(phone_number).update_async(voice_region=self._options.region))
        except CarrierRefused as refused:
            raise CarrierUnavailable(NAME, refused.code, "the number's region could not be set") from None

    async def is_routed_elsewhere(self, carrier_number_id: str) -> bool:
        """Return whether the number has a trunk, an application, or a voice URL that is not ours."""
        return is_routed_elsewhere(
            await self._send(lambda: self._sdk.incoming_phone_numbers(carrier_number_id).fetch_async())
        )

    async def release(self, carrier_number_id: str) -> None:
        """Release a number. A number that is already released is not an error."""
        await self._ignore_not_found(lambda: self._sdk.incoming_phone_numbers(carrier_number_id).delete_async())

    async def dial(self, request: DialRequest) -> PlacedCall:
        """Place a call. Not repeated if the call may have been placed.

        Raises NotProcessed if the call should be placed later.
        """
        form = call_form(self._options, request)
        row = await self._send(lambda: self._sdk.calls.create_async(**form), repeatable=False, queued=True)
        return PlacedCall(required_text(row.sid))

    async def find_placed_calls(self, request: DialRequest, since: datetime) -> list[PlacedCall]:
        """Return matching calls that we placed. Twilio reports times in whole seconds."""
        rows = await self._send(
            lambda: self._sdk.calls.list_async(to=request.called, from_=request.caller, limit=50, page_size=50)
        )
        floor = since.astimezone(UTC).replace(microsecond=0)
        ours = [row for row in rows if row.direction == "outbound-api" and parse_time(row.date_created) >= floor]
        return [
            PlacedCall(required_text(row.sid)) for row in sorted(ours, key=lambda row: parse_time(row.date_created))
        ]

    async def list_active_calls(self) -> list[ActiveCall]:
        """Return the account's answered calls, without the legs of <Dial>, which end with their call."""
        rows = await self._send(
            lambda: self._sdk.calls.list_async(status="in-progress", limit=MOST_ACTIVE, page_size=1_000)
        )
        return [active_call(row, datetime.now(UTC)) for row in rows if row.direction in ("inbound", "outbound-api")]

    async def hang_up(self, carrier_call_id: str) -> None:
        """End a ringing or answered call. A call that has already ended is not an error.

        Raises CarrierRefused if none of our accounts has the call, because the call may continue.
        """
        try:
            await self._on_call(carrier_call_id, lambda call: call.update_async(status="completed"))
        except CarrierRefused as refused:
            if not refused.call_ended:
                raise

    async def speak_last_words(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Replace the instructions of the caller's call, which ends the <Dial> and its leg (docs:
        voice/api/call-resource, update a call in progress).

        A repeat starts the speech from the beginning.
        """
        document = last_words(words, language)
        await self._on_call(carrier_call_id, lambda call: call.update_async(twiml=document))

    async def call_price(self, carrier_call_id: str, *, with_transfer: bool) -> Decimal | None:
        """Return the price in US dollars, or None until Twilio has rated the call and its legs.

        Media streams, recordings and answering machine detection are billed separately.
        """
        calls = [await self._on_call(carrier_call_id, lambda call: call.fetch_async())]
        if with_transfer:
            calls += await self._list_dialed(carrier_call_id)
        return sum_prices(calls)

    async def redirect(self, carrier_call_id: str, path: str) -> None:
        """Make Twilio request this path of our webhooks immediately (docs: voice/api/call-resource, Url of an
        update)."""
        url = f"{self._options.webhook_url}{path}"
        await self._on_call(carrier_call_id, lambda call: call.update_async(url=url, method="POST"))

    async def count_dialed(self, carrier_call_id: str) -> int:
        """Return how many legs <Dial> made for the call, including ended legs. At most 20 are counted."""
        return len(await self._list_dialed(carrier_call_id))

    async def _list_dialed(self, carrier_call_id: str) -> list[Any]:
        found: list[Any] = []
        for sdk in self._accounts.find_candidates(carrier_call_id):
            found = await self._send(
                partial(sdk.calls.list_async, parent_call_sid=carrier_call_id, limit=20, page_size=20)
            )
            if found:
                break
        return found

    async def start_recording(self, carrier_call_id: str, call_id: str) -> None:
        """Start recording a call, if the settings enable recording by Twilio.

        Twilio would start a second recording of a call that is already being recorded. Error 21220 means that the call
        is not in progress: it has ended or has not started.
        """
        if not self._options.records:
            return
        known = await self._on_call(carrier_call_id, lambda call: call.recordings.list_async(limit=20, page_size=20))
        if not any(row.status in _RUNNING for row in known):
            form = recording_form(self._options, call_id)
            await self._on_call(carrier_call_id, lambda call: call.recordings.create_async(**form), repeatable=False)

    async def stop_recording(self, carrier_call_id: str) -> None:
        """Stop recording, if the settings enable recording by Twilio. A call without a recording is not an error."""
        if not self._options.records:
            return
        known = await self._on_call(carrier_call_id, lambda call: call.recordings.list_async(limit=20, page_size=20))
        for row in known:
            if row.status in _RUNNING:
                await self._stop(carrier_call_id, required_text(row.sid))

    async def _stop(self, carrier_call_id: str, sid: str) -> None:
        for sdk in self._accounts.find_candidates(carrier_call_id):
            recording = sdk.calls(carrier_call_id).recordings(sid)
            await self._ignore_not_found(partial(recording.update_async, status="stopped"))

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        """Download a recording as WAV, with two channels if Twilio has them.

        Args:
            recording: The recording's id, or a URL that contains it.
        """
        sdk = self._accounts.find_by_url(recording)
        url = f"{self._options.api_url}/2010-04-01/Accounts/{sdk.account_sid}/Recordings/{recording_sid(recording)}.wav"
        try:
            await self._download(sdk, f"{url}?RequestedChannels=2", into)
        except CarrierRefused as refused:
            if refused.code != "400":
                raise
            # Requesting two channels also works for a mono recording (docs: voice/api/recording, RequestedChannels).
            await self._download(sdk, url, into)

    async def delete_recording(self, recording: str) -> None:
        """Delete a recording. A recording that is already deleted is not an error."""
        sid, sdk = recording_sid(recording), self._accounts.find_by_url(recording)
        await self._ignore_not_found(lambda: sdk.recordings(sid).delete_async())

    def _owned(self, row: Any) -> OwnedNumber:
        return owned_number(row, self._voice_url)

    async def _send(self, send: Callable[[], Awaitable[T]], *, repeatable: bool = True, queued: bool = False) -> T:
        timeout_s = self._options.timeout_s
        return await call_with_retries(
            lambda: send_once(send), NAME, timeout_s=timeout_s, repeatable=repeatable, queued=queued
        )

    async def _on_call(self, sid: str, send: Callable[[Any], Awaitable[Any]], *, repeatable: bool = True) -> Any:
        """Send a request about a call to the account that has the call: ours, or a subaccount.

        Raises CarrierRefused (with a code of NOT_FOUND) if no account has the call.
        """
        *others, last = self._accounts.find_candidates(sid)
        for sdk in (*others, last):
            try:
                answer = await self._send(partial(send, sdk.calls(sid)), repeatable=repeatable)
            except CarrierRefused as refused:
                if refused.code not in NOT_FOUND or sdk is last:
                    raise
            else:
                self._accounts.remember(sid, sdk)
                return answer

    async def _ignore_not_found(self, send: Callable[[], Awaitable[object]], *, repeatable: bool = True) -> None:
        try:
            await self._send(send, repeatable=repeatable)
        except CarrierRefused as refused:
            if not refused.call_ended and refused.code not in NOT_FOUND:
                raise

    async def _search(self, country: str, kind: NumberKind, area_code: str, limit: int) -> list[Any]:
        market = self._sdk.available_phone_numbers(country)
        wanted: dict[str, object] = {"limit": limit, "page_size": limit, "voice_enabled": True}
        start = f"+{country_prefix(country)}{area_code}"
        if area_code and country in ("US", "CA"):
            wanted["area_code"] = int(area_code)
        elif area_code:  # only North America has AreaCode (docs: AvailablePhoneNumbers)
            wanted["contains"] = f"{start[1:]}*"
        listing = market.mobile if kind == "mobile" else market.local
        try:
            found: list[Any] = await self._send(lambda: listing.list_async(**wanted))
        except CarrierRefused as refused:
            if refused.code in NOT_FOUND:
                return []
            raise
        return [number for number in found if str(number.phone_number).startswith(start)]

    async def _price_or_none(self, country: str, kind: NumberKind) -> Decimal | None:
        """Return the price, or None if prices are unavailable, because a list without prices is still useful."""
        try:
            return (await self._prices_of(country)).get(_PRICED_AS[kind])
        except CarrierUnavailable:
            return None

    async def _prices_of(self, country: str) -> Mapping[str, Decimal]:
        now = datetime.now(UTC)
        cached = self._prices.get(country)
        if cached is not None and now - cached[0] < _PRICE_TTL:
            return cached[1]
        try:
            prices_page = await self._send(
                lambda: self._accounts.without_region.pricing.v1.phone_numbers.countries(country).fetch_async()
            )
        except CarrierRefused:
            return {}
        prices = number_prices(prices_page.phone_number_prices) if prices_page.price_unit == "USD" else {}
        self._prices[country] = (now, prices)
        return prices

    async def _download(self, sdk: Any, url: str, into: IO[bytes]) -> None:
        auth = (sdk.username, sdk.password)
        await call_with_retries(
            lambda: download(self._http, NAME, url, into, auth=auth),
            NAME,
            timeout_s=DOWNLOAD_TIMEOUT_S,
            repeatable=True,
        )


@asynccontextmanager
async def open_twilio(options: TwilioOptions) -> AsyncIterator[TwilioGateway]:
    """Open the gateway until the block ends."""
    async with httpx.AsyncClient(verify=carrier_tls(), timeout=options.timeout_s, max_redirects=3) as http:
        yield TwilioGateway(options, http)
