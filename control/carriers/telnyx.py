"""Telnyx's REST API and Call Control, asked through its SDK."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import IO, Any, Final, Literal, TypeVar, cast, get_args, get_type_hints

import httpx
import telnyx
from telnyx.types.available_phone_number_list_response import Data as ForSale
from telnyx.types.call_dial_params import CallDialParams
from telnyx.types.calls.action_answer_params import ActionAnswerParams
from telnyx.types.calls.action_speak_params import ActionSpeakParams

from control.carriers.model import (
    Available,
    CarrierAway,
    CarrierName,
    CarrierRefused,
    Dial,
    Owned,
    Placed,
)
from control.carriers.phone import kind_of
from control.carriers.telnyx_forms import (
    GONE,
    NAME,
    TelnyxOptions,
    call_form,
    client_state,
    fault,
    recording_form,
    text,
)
from control.carriers.tries import DOWNLOAD_S, connection_fault, download, tried

T = TypeVar("T")

# States in which a number is no longer, or never was, ours.
_NOT_OURS: Final = frozenset({"purchase-failed", "port-failed", "deleted", "ported-out"})
_CAUSES: Final[Mapping[str, Literal["USER_BUSY", "CALL_REJECTED"]]] = {"busy": "USER_BUSY", "rejected": "CALL_REJECTED"}
_VOICE: Final = "female"
_LONGEST_SPEECH: Final = 3_000
LANGUAGES: Final[tuple[str, ...]] = get_args(get_type_hints(ActionSpeakParams)["language"])
# An order is decided a moment after it is placed: how long that is waited for, and how often it is asked about.
_ORDER_S: Final = 20.0
_ORDER_PAUSE_S: Final = 0.3


class TelnyxGateway:
    """See control.carriers.model.Carrier and CallControl. Commands may be repeated: Telnyx knows their ids."""

    name: CarrierName = NAME

    def __init__(self, options: TelnyxOptions, http: httpx.AsyncClient) -> None:
        self._options, self._http = options, http
        self._sdk = telnyx.AsyncTelnyx(
            api_key=options.api_key, base_url=options.api_url, http_client=http, max_retries=0,
            timeout=options.timeout_s,
        )  # fmt: skip
        # The SDK imports its resources when one is first used, for more than two seconds: not while a caller waits.
        self._calls = self._sdk.calls.actions

    # --- Numbers --------------------------------------------------------------------------------------------------

    async def search(self, country: str, area_code: str, limit: int) -> list[Available]:
        """Local numbers that can be called."""
        rows = await self._for_sale(
            {"country_code": country, "phone_number_type": "local", "limit": limit}
            | ({"national_destination_code": area_code} if area_code else {})
        )
        return [_available(row, country) for row in rows[:limit]]

    async def monthly_price(self, phone_number: str, country: str) -> Decimal | None:
        """In US dollars; None when Telnyx does not tell, or no longer sells it. Raises CarrierAway."""
        try:
            rows = await self._for_sale(
                {"country_code": country, "phone_number_type": kind_of(phone_number), "limit": 20}
                | {"phone_number": {"ends_with": phone_number[-7:]}}
            )
        except CarrierRefused:
            return None
        return next((_price(row) for row in rows if row.phone_number == phone_number), None)

    async def owned(self, phone_number: str) -> Owned | None:
        """Whether a number is ours at the carrier; its reference is the customer reference."""
        page = await self._ask(lambda: self._sdk.phone_numbers.list(filter={"phone_number": phone_number[1:]}))
        # The filter finds parts of numbers too.
        ours = (row for row in page.data or [] if row.phone_number == phone_number and row.status not in _NOT_OURS)
        row = next(ours, None)
        if row is None:
            return None
        return Owned(text(row.id), phone_number, row.customer_reference or "", {"voice": True})

    async def buy(self, phone_number: str, reference: str) -> Owned:
        """Orders it, unless it was ordered under this reference before, and waits for the order's outcome.

        An order that takes longer raises CarrierAway; asked again, it is found."""
        order_id, status = await self._ordered(phone_number, reference)
        try:
            async with asyncio.timeout(_ORDER_S):
                while status == "pending":
                    await asyncio.sleep(_ORDER_PAUSE_S)
                    status = await self._order_status(order_id)
                if status != "success":
                    raise CarrierRefused(NAME, "order_failed", "the number is not to be had", taken=True)
                return await self._arrived(phone_number, reference)
        except TimeoutError:
            raise CarrierAway(NAME, "order_pending", "the order is still being worked on") from None

    async def ordered(self, reference: str) -> Literal["pending", "success"] | None:
        """How an order that was placed under this reference stands; None without one that has not failed."""
        found = await self._order_under(reference)
        return None if found is None else found[1]

    async def configure(self, owned: Owned) -> None:
        """Has its calls reach us; may be repeated. Where our webhooks are is told by the connection."""
        await self._ask(
            lambda: self._sdk.phone_numbers.update(
                owned.carrier_number_id,
                connection_id=self._options.connection_id,
                customer_reference=owned.reference,
            )
        )

    async def release(self, carrier_number_id: str) -> None:
        """Gives it back; one that is gone already is no error."""
        await self._unless_gone(lambda: self._sdk.phone_numbers.delete(carrier_number_id))

    # --- Calls ----------------------------------------------------------------------------------------------------

    async def dial(self, order: Dial) -> Placed:
        """Places a call; Telnyx ignores a repeat of the same call_id within a minute."""
        asked = cast(CallDialParams, call_form(self._options, order))
        told = await self._ask(lambda: self._sdk.calls.dial(**asked))
        return Placed(text(told.data.call_control_id if told.data is not None else None))

    async def find_dialled(self, order: Dial, since: datetime) -> list[Placed]:
        """Telnyx lists no calls; its webhooks tell the call_id."""
        return []

    async def hang_up(self, carrier_call_id: str) -> None:
        """Ends a call; one that is over is no error."""
        await self._unless_gone(lambda: self._calls.hangup(carrier_call_id))

    async def answer(self, carrier_call_id: str, command_id: str, *, record: bool) -> None:
        """Takes a ringing call, and has it recorded if that is wanted and Telnyx records."""
        asked = cast(ActionAnswerParams, {"command_id": command_id} | recording_form(self._options, wanted=record))
        await self._ask(lambda: self._calls.answer(carrier_call_id, **asked))

    async def start_stream(self, carrier_call_id: str, url: str, command_id: str) -> None:
        """Connects an answered call with a media socket, both ways, PCMU. Left to the defaults, we would be sent the
        call's own codec, and what we send would be taken for MP3."""
        await self._ask(
            lambda: self._calls.start_streaming(
                carrier_call_id,
                stream_url=url,
                stream_track="inbound_track",
                stream_codec="PCMU",
                stream_bidirectional_mode="rtp",
                stream_bidirectional_codec="PCMU",
                stream_bidirectional_target_legs="self",
                command_id=command_id,
            )
        )

    async def reject(self, carrier_call_id: str, cause: Literal["busy", "rejected"], command_id: str) -> None:
        """Refuses a ringing call."""
        await self._ask(lambda: self._calls.reject(carrier_call_id, cause=_CAUSES[cause], command_id=command_id))

    async def speak(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Says something by Telnyx's own voice, up to 3,000 characters; in English where it has not that language."""
        asked: ActionSpeakParams = {
            "payload": words[:_LONGEST_SPEECH],
            "voice": _VOICE,
            "language": cast(Any, _spoken(language)),
            "command_id": command_id,
        }
        await self._ask(lambda: self._calls.speak(carrier_call_id, **asked))

    async def transfer(self, carrier_call_id: str, number: str, caller: str, command_id: str, *, limit_s: int) -> None:
        """Puts the caller through. The other leg's webhooks carry the state "transfer:" and this call's id.

        limit_s: 30 to 14,400, of the other leg; without one Telnyx lets it last four hours."""
        state = client_state(f"transfer:{carrier_call_id}")
        await self._ask(
            lambda: self._calls.transfer(
                carrier_call_id,
                to=number,
                from_=caller,
                target_leg_client_state=state,
                command_id=command_id,
                time_limit_secs=limit_s,
            )
        )

    # --- Recordings -----------------------------------------------------------------------------------------------

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        """recording: its id, or the URL that a webhook told, which holds for ten minutes."""
        url = recording if "://" in recording else await self._recording_url(recording)
        # Such a URL signs in by itself, at a host that our key is no business of.
        await tried(lambda: download(self._http, NAME, url, into), NAME, timeout_s=DOWNLOAD_S, repeatable=True)

    async def delete_recording(self, recording: str) -> None:
        """By id only: Raises CarrierRefused (code bad_recording) for a URL, which names none."""
        if "://" in recording:
            raise CarrierRefused(NAME, "bad_recording", "this names no recording")
        await self._unless_gone(lambda: self._sdk.recordings.delete(recording))

    async def find_recording(self, call_leg_id: str) -> str | None:
        """The id of a leg's recording, which the webhook does not tell."""
        page = await self._ask(lambda: self._sdk.recordings.list(filter={"call_leg_id": call_leg_id}))
        ours = (row.id for row in page.data or [] if row.call_leg_id == call_leg_id and row.id)
        return next(ours, None)

    # --- Its parts ------------------------------------------------------------------------------------------------

    async def _ask(self, ask: Callable[[], Awaitable[T]], *, repeatable: bool = True) -> T:
        return await tried(lambda: _once(ask), NAME, timeout_s=self._options.timeout_s, repeatable=repeatable)

    async def _unless_gone(self, ask: Callable[[], Awaitable[object]]) -> None:
        try:
            await self._ask(ask)
        except CarrierRefused as refused:
            if not refused.over and refused.code not in GONE:
                raise

    async def _for_sale(self, wanted: Mapping[str, object]) -> Sequence[ForSale]:
        """Those that can be called. The SDK would spell the list of features in a way of its own."""
        told = await self._ask(
            lambda: self._sdk.available_phone_numbers.list(
                filter=cast(Any, dict(wanted)), extra_query={"filter[features][]": "voice"}
            )
        )
        return told.data or []

    async def _ordered(self, phone_number: str, reference: str) -> tuple[str, str]:
        """An order's id and status: one that was placed before, if it has not failed, else a new one."""
        found = await self._order_under(reference)
        if found is not None:
            return found
        told = await self._ask(
            lambda: self._sdk.number_orders.create(
                phone_numbers=[{"phone_number": phone_number}],
                connection_id=self._options.connection_id,
                customer_reference=reference,
            ),
            repeatable=False,
        )
        return (text(told.data.id), told.data.status or "pending") if told.data is not None else (text(None), "")

    async def _order_under(self, reference: str) -> tuple[str, Literal["pending", "success"]] | None:
        """The id and status of one that was placed before and has not failed."""
        page = await self._ask(lambda: self._sdk.number_orders.list(filter={"customer_reference": reference}))
        for order in page.data or []:
            if order.customer_reference == reference and order.status in ("pending", "success"):
                return text(order.id), order.status
        return None

    async def _order_status(self, order_id: str) -> str:
        told = await self._ask(lambda: self._sdk.number_orders.retrieve(order_id))
        return "pending" if told.data is None else told.data.status or "pending"

    async def _arrived(self, phone_number: str, reference: str) -> Owned:
        """The number, once the account shows it: a moment after the order. Whether it has the reference of the order
        is not promised: ours it is."""
        while True:
            found = await self.owned(phone_number)
            if found is not None:
                return Owned(found.carrier_number_id, phone_number, reference, found.capabilities)
            await asyncio.sleep(_ORDER_PAUSE_S)

    async def _recording_url(self, recording: str) -> str:
        told = await self._ask(lambda: self._sdk.recordings.retrieve(recording))
        urls = told.data.download_urls if told.data is not None else None
        url = (urls.wav or urls.mp3) if urls is not None else None
        if not url:
            raise CarrierAway(NAME, "not_ready", "the recording is not ready yet")
        return url


@asynccontextmanager
async def open_telnyx(options: TelnyxOptions) -> AsyncIterator[TelnyxGateway]:
    """The gateway with its connections, until the block ends."""
    async with httpx.AsyncClient(timeout=options.timeout_s, max_redirects=3) as http:
        yield TelnyxGateway(options, http)


async def _once(ask: Callable[[], Awaitable[T]]) -> T:
    try:
        return await ask()
    except telnyx.APIStatusError as error:
        raise fault(error.status_code, error.body) from None
    except telnyx.APIConnectionError as error:
        cause = error.__cause__
        known = cause if isinstance(cause, httpx.HTTPError) else httpx.ReadError("")
        raise connection_fault(NAME, known) from None
    except (telnyx.TelnyxError, httpx.HTTPError, ValueError, TypeError, AttributeError):
        raise CarrierAway(NAME, "unreadable", "the answer cannot be read") from None


def _available(row: ForSale, country: str) -> Available:
    places = {str(one.region_type): one.region_name or "" for one in row.region_information or []}
    features = {str(one.name).lower(): True for one in row.features or [] if one.name}
    locality = places.get("location") or places.get("rate_center", "")
    return Available(text(row.phone_number), locality, places.get("state", ""), country, _price(row), features)


def _price(row: ForSale) -> Decimal | None:
    cost = row.cost_information
    if cost is None or cost.currency not in (None, "USD"):
        return None
    try:
        return Decimal(str(cost.monthly_cost))
    except InvalidOperation:
        return None


def _spoken(language: str) -> str:
    """Telnyx's name of a language: the same tag, else the language as its own country speaks it, else any of it."""
    first = language.partition("-")[0].lower()
    wanted = (language, f"{first}-{first.upper()}", *(one for one in LANGUAGES if one.partition("-")[0] == first))
    if first == "en" and language not in LANGUAGES:
        return "en-US"
    return next((one for one in wanted if one in LANGUAGES), "en-US")
