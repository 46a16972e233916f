"""Twilio's REST API, through its SDK."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import IO, Any, Final, TypeVar

import httpx

from control.carriers.model import (
    MOST_ACTIVE,
    NO_HOLDER,
    ActiveCall,
    AvailableNumber,
    CarrierDocuments,
    CarrierName,
    CarrierRefused,
    CarrierUnavailable,
    DialRequest,
    NumberHolder,
    OwnedNumber,
    PlacedCall,
)
from control.carriers.phone import NumberKind, country_prefix, number_kind
from control.carriers.retries import DOWNLOAD_TIMEOUT_S, call_with_retries, download
from control.carriers.twilio_accounts import TwilioAccounts
from control.carriers.twilio_documents import TwilioDocuments
from control.carriers.twilio_forms import (
    NAME,
    NOT_FOUND,
    TwilioOptions,
    active_call,
    available_number,
    call_form,
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
from control.carriers.twilio_targets import TwilioTargets
from control.carriers.twilio_transport import send_once

T = TypeVar("T")

# Number types of the pricing API.
_PRICED_AS: Final[Mapping[NumberKind, str]] = {
    "local": "local",
    "mobile": "mobile",
    "national": "national",
    "toll_free": "toll free",
}
# States of a recording that is being made (docs: voice/api/recording).
_RUNNING: Final = frozenset({"in-progress", "paused"})
_PRICE_TTL: Final = timedelta(hours=1)


class TwilioGateway:
    """A Carrier."""

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
        """The address of our webhooks, which each number holds, and the region that takes its calls."""
        region = self._options.region
        return self._voice_url + (f" in {region}" if region else "")

    @property
    def _voice_url(self) -> str:
        return number_webhooks(self._options)["voice_url"]

    async def search(self, country: str, area_code: str, limit: int) -> list[AvailableNumber]:
        """Returns local numbers; mobile ones where a country has no local ones; none for an unknown country."""
        kinds: tuple[NumberKind, ...] = ("local",) if area_code else ("local", "mobile")
        for kind in kinds:
            found = await self._search(country, kind, area_code, limit)
            if found:
                price = await self._price_or_none(country, kind)
                return [available_number(one, country, price) for one in found]
        return []

    async def monthly_price(self, phone_number: str, country: str) -> Decimal | None:
        """In US dollars; None when Twilio does not say. Raises CarrierUnavailable."""
        return (await self._prices_of(country)).get(_PRICED_AS[number_kind(phone_number)])

    async def find_owned(self, phone_number: str) -> OwnedNumber | None:
        """Returns the number if it is one of our account; its reference is the friendly name."""
        rows = await self._send(
            lambda: self._sdk.incoming_phone_numbers.list_async(phone_number=phone_number, limit=20, page_size=20)
        )
        # The filter also matches parts of numbers.
        return next((self._owned(row) for row in rows if row.phone_number == phone_number), None)

    async def list_numbers(self, digits: str, most: int) -> list[OwnedNumber]:
        """Returns numbers of our account."""
        wanted = {"phone_number": digits} if digits else {}
        rows = await self._send(
            lambda: self._sdk.incoming_phone_numbers.list_async(limit=most, page_size=min(most, 1_000), **wanted)
        )
        return [self._owned(row) for row in rows]

    async def buy(self, phone_number: str, reference: str, holder: NumberHolder = NO_HOLDER) -> OwnedNumber:
        """Buys a number with its webhooks. Not repeated when it may have been bought."""
        form = number_webhooks(self._options) | holder_form(holder)
        row = await self._send(
            lambda: self._sdk.incoming_phone_numbers.create_async(
                phone_number=phone_number, friendly_name=reference, **form
            ),
            repeatable=False,
        )
        return self._owned(row)

    async def configure(self, owned: OwnedNumber) -> None:
        """Sets the number's webhooks, and the region that takes its calls. One whose calls go elsewhere is also taken
        from its trunk or application, which would come before them. May be repeated."""
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
        """Has the region of our account take the number's calls (docs: global-infrastructure, "Inbound Processing
        Region API"): else they ring in us1, where the number has no webhooks of ours. Raises CarrierUnavailable, also
        if Twilio refuses: the number is paid for, and takes calls as soon as an operator has set the us1 token."""
        if not self._options.region:
            return
        routes = self._accounts.without_region.routes.v2
        try:
            await self._send(lambda: routes.phone_numbers(phone_number).update_async(voice_region=self._options.region))
        except CarrierRefused as refused:
            raise CarrierUnavailable(NAME, refused.code, "the number's region could not be set") from None

    async def is_routed_elsewhere(self, carrier_number_id: str) -> bool:
        """Whether the number has a trunk, an application, or a voice URL that was never ours."""
        return is_routed_elsewhere(
            await self._send(lambda: self._sdk.incoming_phone_numbers(carrier_number_id).fetch_async())
        )

    async def release(self, carrier_number_id: str) -> None:
        """Releases a number; no error when it is released already."""
        await self._ignore_not_found(lambda: self._sdk.incoming_phone_numbers(carrier_number_id).delete_async())

    async def dial(self, request: DialRequest) -> PlacedCall:
        """Places a call. Not repeated when it may have been placed. Raises NotProcessed for a call to place later."""
        form = call_form(self._options, request)
        row = await self._send(lambda: self._sdk.calls.create_async(**form), repeatable=False, queued=True)
        return PlacedCall(required_text(row.sid))

    async def find_placed_calls(self, request: DialRequest, since: datetime) -> list[PlacedCall]:
        """Returns matching calls that we placed. Twilio's times are in whole seconds."""
        rows = await self._send(
            lambda: self._sdk.calls.list_async(to=request.called, from_=request.caller, limit=50, page_size=50)
        )
        floor = since.astimezone(UTC).replace(microsecond=0)
        ours = [row for row in rows if row.direction == "outbound-api" and parse_time(row.date_created) >= floor]
        return [
            PlacedCall(required_text(row.sid)) for row in sorted(ours, key=lambda row: parse_time(row.date_created))
        ]

    async def list_active_calls(self) -> list[ActiveCall]:
        """Returns answered calls of the account, without the legs of <Dial>, which end with their call."""
        rows = await self._send(
            lambda: self._sdk.calls.list_async(status="in-progress", limit=MOST_ACTIVE, page_size=1_000)
        )
        return [active_call(row, datetime.now(UTC)) for row in rows if row.direction in ("inbound", "outbound-api")]

    async def hang_up(self, carrier_call_id: str) -> None:
        """Ends a ringing or answered call; no error when it is over already. Raises CarrierRefused for a call that no
        account of ours has: it may go on."""
        try:
            await self._on_call(carrier_call_id, lambda call: call.update_async(status="completed"))
        except CarrierRefused as refused:
            if not refused.call_ended:
                raise

    async def speak_last_words(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Replaces the instructions of the caller's call, which ends the <Dial> and the leg that it called (docs:
        voice/api/call-resource, update a call in progress). Repeated, the words begin anew."""
        document = last_words(words, language)
        await self._on_call(carrier_call_id, lambda call: call.update_async(twiml=document))

    async def call_price(self, carrier_call_id: str, *, with_transfer: bool) -> Decimal | None:
        """In US dollars; None until Twilio has rated the call and its legs. Media streams, recordings and detection of
        answering machines are billed apart."""
        calls = [await self._on_call(carrier_call_id, lambda call: call.fetch_async())]
        if with_transfer:
            calls += await self._list_dialled(carrier_call_id)
        return sum_prices(calls)

    async def redirect(self, carrier_call_id: str, path: str) -> None:
        """Has Twilio request this path of our webhooks, whatever it is doing with the call (docs:
        voice/api/call-resource, Url of an update)."""
        url = f"{self._options.webhook_url}{path}"
        await self._on_call(carrier_call_id, lambda call: call.update_async(url=url, method="POST"))

    async def count_dialled(self, carrier_call_id: str) -> int:
        """How many legs <Dial> made for the call, those that ended included; 20 for more."""
        return len(await self._list_dialled(carrier_call_id))

    async def _list_dialled(self, carrier_call_id: str) -> list[Any]:
        found: list[Any] = []
        for sdk in self._accounts.find_candidates(carrier_call_id):
            found = await self._send(
                partial(sdk.calls.list_async, parent_call_sid=carrier_call_id, limit=20, page_size=20)
            )
            if found:
                break
        return found

    async def start_recording(self, carrier_call_id: str, call_id: str) -> None:
        """Begins to record a call, if settings say that Twilio records. Twilio would make a second recording of a call
        that is recorded already. 21220 means that the call is not in progress: not any more, or not yet."""
        if not self._options.records:
            return
        known = await self._on_call(carrier_call_id, lambda call: call.recordings.list_async(limit=20, page_size=20))
        if not any(row.status in _RUNNING for row in known):
            form = recording_form(self._options, call_id)
            await self._on_call(carrier_call_id, lambda call: call.recordings.create_async(**form), repeatable=False)

    async def stop_recording(self, carrier_call_id: str) -> None:
        """Ends the recording that runs, if settings say that Twilio records; no error where none does."""
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
        """As WAV, with two channels where Twilio has them. recording: its id, or a URL that contains it."""
        sdk = self._accounts.find_by_url(recording)
        url = f"{self._options.api_url}/2010-04-01/Accounts/{sdk.account_sid}/Recordings/{recording_sid(recording)}.wav"
        try:
            await self._download(sdk, f"{url}?RequestedChannels=2", into)
        except CarrierRefused as refused:
            if refused.code != "400":
                raise
            # Two channels are requested from a recording with one (docs: voice/api/recording, RequestedChannels).
            await self._download(sdk, url, into)

    async def delete_recording(self, recording: str) -> None:
        """Deletes a recording; no error when it is deleted already."""
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
        """Sends a request about a call to the account that has it: ours, or a subaccount whose webhooks we take. Raises
        CarrierRefused (a code of NOT_FOUND) if no account has it."""
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
        elif area_code:  # AreaCode is for North America only (docs: AvailablePhoneNumbers)
            wanted["contains"] = f"{start[1:]}*"
        listing = market.mobile if kind == "mobile" else market.local
        try:
            found: list[Any] = await self._send(lambda: listing.list_async(**wanted))
        except CarrierRefused as refused:
            if refused.code in NOT_FOUND:
                return []
            raise
        return [one for one in found if str(one.phone_number).startswith(start)]

    async def _price_or_none(self, country: str, kind: NumberKind) -> Decimal | None:
        """A list without prices is better than no list."""
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
    """Opens the gateway until the block ends."""
    async with httpx.AsyncClient(timeout=options.timeout_s, max_redirects=3) as http:
        yield TwilioGateway(options, http)
