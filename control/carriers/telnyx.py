"""The Telnyx gateway: REST API and Call Control through Telnyx's SDK.

Number orders: docs numbers/phone-numbers/number-orders, regulatory-requirements, requirement-groups.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import IO, Any, Final, Literal, TypeVar, cast, get_args, get_type_hints

import httpx
import telnyx
from telnyx.types.available_phone_number_list_response import Data as ForSale
from telnyx.types.call_dial_params import CallDialParams
from telnyx.types.calls.action_answer_params import ActionAnswerParams
from telnyx.types.calls.action_send_dtmf_params import ActionSendDtmfParams
from telnyx.types.calls.action_speak_params import ActionSpeakParams
from telnyx.types.calls.action_start_recording_params import ActionStartRecordingParams
from telnyx.types.calls.action_transfer_params import ActionTransferParams

from control.carriers.retries import (
    DOWNLOAD_TIMEOUT_S,
    CarrierRequest,
    call_with_retries,
    carrier_tls,
    download,
    error_from_connection,
)
from control.carriers.rules import (
    EXTENSION_PAUSE,
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
    NumberPending,
    OwnedNumber,
    PlacedCall,
    TargetCallRequest,
    locale,
    number_kind,
)
from control.carriers.telnyx_documents import TelnyxDocuments
from control.carriers.telnyx_forms import (
    ACTIVE,
    ADDRESS_REFUSED,
    ALREADY_STREAMING,
    INBOUND,
    INFO_PENDING,
    MEDIA_FORM,
    NAME,
    NOT_FOUND,
    TARGET,
    TONE_MS,
    TOO_EARLY,
    TRANSFER,
    TelnyxOptions,
    active_call,
    call_form,
    call_target,
    client_state,
    error_from_response,
    find_later,
    lacking_words,
    needs_requirements,
    pending_words,
    recording_form,
    required_text,
    speak_language,
    us_dollars,
)

# --- Calls to targets of warm transfers, and conferences (API reference: Call Commands, Conference Commands) ---------

_VOICE: Final = "female"
_MAX_SPEAK_LENGTH: Final = 3_000


class TelnyxTargets:
    """Implements ConferenceCalls with Telnyx.

    Args:
        languages: Languages that Telnyx can speak.
    """

    def __init__(
        self, sdk: Any, command: Callable[..., Awaitable[Any]], options: TelnyxOptions, languages: tuple[str, ...]
    ) -> None:
        self._sdk, self._command, self._options, self._languages = sdk, command, options, languages

    async def call(self, request: TargetCallRequest) -> str:
        """Call the target. Telnyx ignores a repeat within 60 s.

        The events of the leg carry the client_state "target:" with our id of the transfer.
        """
        form = {
            "connection_id": self._options.connection_id,
            "to": request.called,
            "from_": request.caller,
            "timeout_secs": max(request.ring_timeout_s, 5),
            "time_limit_secs": request.max_duration_s,
            "webhook_url": f"{self._options.webhook_url}/webhooks/calls/status",
            "webhook_url_method": "POST",
            "client_state": client_state(f"{TARGET}{request.transfer_id}"),
            "command_id": request.transfer_id,
        }
        answer = await self._command(lambda: self._sdk.calls.dial(**form))
        return required_text(answer.data.call_control_id if answer.data is not None else None)

    async def ask(self, leg_id: str, words: str, language: str, wait_s: float, command_id: str) -> None:
        """Speak up to 3,000 characters and collect one key. `call.gather.ended` reports the key."""
        form = {
            "payload": words[:_MAX_SPEAK_LENGTH],
            "voice": _VOICE,
            "language": speak_language(locale(language), self._languages),
            "minimum_digits": 1,
            "maximum_digits": 1,
            "maximum_tries": 1,
            "timeout_millis": round(wait_s * 1_000),
            "command_id": command_id,
        }
        await self._command(lambda: self._sdk.calls.actions.gather_using_speak(leg_id, **form))

    async def listen(self, leg_id: str, language: str, command_id: str) -> None:
        """Start transcription; `call.transcription` reports the words.

        The track is `inbound`: the target's own speech, without what the target hears.
        """
        form = {
            "transcription_engine": "Telnyx",
            "transcription_engine_config": {"transcription_engine": "Telnyx", "language": language[:2].lower()},
            "transcription_tracks": "inbound",
            "command_id": command_id,
        }
        await self._command(lambda: self._sdk.calls.actions.start_transcription(leg_id, **form))

    async def stop_asking(self, leg_id: str, command_id: str) -> None:
        """Stop the question and the transcription.

        Telnyx refuses to stop what has already ended. This is not an error.
        """
        stops = {"gather": self._sdk.calls.actions.stop_gather, "words": self._sdk.calls.actions.stop_transcription}
        for name, stop in stops.items():
            try:
                await self._command(partial(stop, leg_id, command_id=f"{command_id}-{name}"))
            except CarrierRefused as refused:
                if refused.call_ended:
                    raise

    async def create_conference(self, leg_id: str, name: str, command_id: str) -> str:
        """Start a conference with the target, who hears silence until the caller joins."""
        form = {"call_control_id": leg_id, "name": name, "beep_enabled": "never", "max_participants": 2}
        answer = await self._command(lambda: self._sdk.conferences.create(**form, command_id=command_id))
        return required_text(answer.data.id if answer.data is not None else None)

    async def join_conference(self, conference: str, leg_id: str, command_id: str) -> None:
        """Add the caller. The conference ends when either side leaves. We hang up the remaining leg."""
        form = {"call_control_id": leg_id, "beep_enabled": "never", "end_conference_on_exit": True}
        await self._command(lambda: self._sdk.conferences.actions.join(conference, **form, command_id=command_id))


# --- Number orders ---------------------------------------------------------------------------------------------------

T = TypeVar("T")
# Orders are decided after some time. These are the time limit and the interval for polling, in seconds.
_ORDER_TIMEOUT_S: Final = 20.0
_ORDER_POLL_S: Final = 0.3
_ADDRESS: Final = "address"


class TelnyxOrders:
    """Orders numbers at Telnyx.

    Args:
        sdk: SDK client of the account.
        find_owned: See Carrier.
    """

    def __init__(
        self,
        sdk: Any,
        send: CarrierRequest,
        connection_id: str,
        find_owned: Callable[[str], Awaitable[OwnedNumber | None]],
    ) -> None:
        self._sdk, self._send, self._connection_id, self._find_owned = sdk, send, connection_id, find_owned

    async def buy(self, phone_number: str, reference: str, holder: NumberHolder) -> OwnedNumber:
        """Order a number, unless an order with this reference exists, and wait for the result.

        Raises NumberPending if the order takes longer, or immediately if it waits for documents. A repeated call finds
        the existing order.
        """
        order_id, status = await self._find_or_order(phone_number, reference, holder)
        try:
            async with asyncio.timeout(_ORDER_TIMEOUT_S):
                while status == "pending":
                    await asyncio.sleep(_ORDER_POLL_S)
                    status = await self._poll_order(order_id, holder)
                if status != "success":
                    raise CarrierRefused(NAME, "order_failed", "the number is not available", number_unavailable=True)
                return await self._wait_for_number(phone_number, reference)
        except TimeoutError:
            raise NumberPending(NAME, "order_pending", pending_words("")) from None

    async def find_status(self, reference: str) -> Literal["pending", "success"] | None:
        """Return the state of the order with this reference. Return None if there is no order or it failed."""
        found = await self._find_order(reference)
        return None if found is None else found[1]

    async def submit_documents(self, reference: str, holder: NumberHolder) -> str:
        """Send the holder's data that the order still needs.

        Returns what the order waits for. Empty if it waits for nothing.
        """
        found = await self._find_order(reference)
        if found is None or found[1] != "pending":
            return ""
        try:
            await self._poll_order(found[0], holder)
        except NumberPending as pending:
            return pending.message
        return ""

    async def cancel(self, reference: str) -> None:
        """Cancel a pending order with this reference (API reference: Cancel a sub number order).

        A refusal is not an error: it means that the order is being fulfilled.
        """
        page = await self._send(lambda: self._sdk.number_orders.list(filter={"customer_reference": reference}))
        ours = [
            order for order in page.data or [] if order.customer_reference == reference and order.status == "pending"
        ]
        for part in [part for order in ours for part in order.sub_number_orders_ids or []]:
            with suppress(CarrierRefused):
                await self._send(partial(self._sdk.sub_number_orders.cancel, part))

    async def _find_or_order(self, phone_number: str, reference: str, holder: NumberHolder) -> tuple[str, str]:
        """Return id and status of an existing order that has not failed, or of a new order."""
        found = await self._find_order(reference)
        if found is not None:
            return found
        wanted = {"phone_number": phone_number}
        if holder.carrier_bundle_id:
            wanted["requirement_group_id"] = holder.carrier_bundle_id
        answer = await self._send(
            lambda: self._sdk.number_orders.create(
                phone_numbers=[wanted], connection_id=self._connection_id, customer_reference=reference
            ),
            repeatable=False,
        )
        return (
            (required_text(answer.data.id), answer.data.status or "pending")
            if answer.data is not None
            else (required_text(None), "")
        )

    async def _find_order(self, reference: str) -> tuple[str, Literal["pending", "success"]] | None:
        """Return id and status of an order that has not failed, or None."""
        page = await self._send(lambda: self._sdk.number_orders.list(filter={"customer_reference": reference}))
        for order in page.data or []:
            if order.customer_reference == reference and order.status in ("pending", "success"):
                return required_text(order.id), order.status
        return None

    async def _poll_order(self, order_id: str, holder: NumberHolder) -> str:
        """Return the order's status. Raises NumberPending if the order waits for documents."""
        answer = await self._send(lambda: self._sdk.number_orders.retrieve(order_id))
        if answer.data is None:
            return "pending"
        status = answer.data.status or "pending"
        for number in answer.data.phone_numbers or []:
            wanted = number.requirements_status or ""
            if status == "pending" and needs_requirements(wanted):
                raise NumberPending(NAME, wanted, await self._submit(number, wanted, holder))
        return str(status)

    async def _submit(self, number: Any, wanted: str, holder: NumberHolder) -> str:
        """Submit the holder's address for each address requirement without a value.

        Returns what the number waits for afterwards, even if Telnyx refuses the address: the order stays open.
        """
        if wanted != INFO_PENDING:
            return pending_words(wanted)
        lacking = [requirement for requirement in number.regulatory_requirements or [] if not requirement.field_value]
        addresses = [
            requirement for requirement in lacking if requirement.field_type == _ADDRESS and holder.carrier_address_id
        ]
        if addresses and not await self._submit_address(number, addresses, holder.carrier_address_id):
            return ADDRESS_REFUSED
        left = [str(requirement.field_type) for requirement in lacking if requirement not in addresses]
        return pending_words("requirement-info-under-review") if lacking and not left else lacking_words(left)

    async def _submit_address(self, number: Any, requirements: Sequence[Any], address: str) -> bool:
        """Submit the address. Return False if Telnyx does not accept it."""
        values = [
            {"requirement_id": required_text(requirement.requirement_id), "field_value": address}
            for requirement in requirements
        ]
        try:
            await self._send(
                lambda: self._sdk.number_order_phone_numbers.update_requirements(
                    required_text(number.id), regulatory_requirements=values
                )
            )
        except CarrierRefused:
            return False
        return True

    async def _wait_for_number(self, phone_number: str, reference: str) -> OwnedNumber:
        """Wait until the account lists the number as active, which happens some time after the order.

        The listed number may lack the order's reference, so the reference is filled in.
        """
        while True:
            found = await self._find_owned(phone_number)
            if found is not None and not found.pending:
                return replace(found, reference=reference)
            await asyncio.sleep(_ORDER_POLL_S)


# --- The carrier -----------------------------------------------------------------------------------------------------

# Statuses of a number that does not belong to our account.
_NOT_OURS: Final = frozenset({"purchase-failed", "port-failed", "deleted", "ported-out"})
_CAUSES: Final[Mapping[str, Literal["USER_BUSY", "CALL_REJECTED"]]] = {"busy": "USER_BUSY", "rejected": "CALL_REJECTED"}
LANGUAGES: Final[tuple[str, ...]] = get_args(get_type_hints(ActionSpeakParams)["language"])
_PAGE: Final = 250


class TelnyxGateway:
    """Implements Carrier and CallControl with Telnyx.

    Commands may be repeated, because Telnyx ignores a repeated command_id within 60 s.
    """

    name: CarrierName = NAME

    def __init__(self, options: TelnyxOptions, http: httpx.AsyncClient) -> None:
        self._options, self._http = options, http
        self._sdk = telnyx.AsyncTelnyx(
            api_key=options.api_key,
            base_url=options.api_url,
            http_client=http,
            max_retries=0,
            timeout=options.timeout_s,
        )
        self._orders = TelnyxOrders(self._sdk, self._send, options.connection_id, self.find_owned)
        self.documents: CarrierDocuments = TelnyxDocuments(self._sdk, self._send)
        self.targets = TelnyxTargets(self._sdk, self._command, options, LANGUAGES)
        # The SDK imports its resources on first use, which takes over two seconds. This must not happen while a caller
        # waits.
        self._calls = self._sdk.calls.actions

    # --- Numbers --------------------------------------------------------------------------------------------------

    @property
    def configuration(self) -> str:
        """The connection that numbers are assigned to. The connection holds the address of our webhooks."""
        return f"connection {self._options.connection_id}"

    async def search(self, country: str, area_code: str, limit: int) -> list[AvailableNumber]:
        """Return local numbers that support voice calls."""
        rows = await self._for_sale(
            {"country_code": country, "phone_number_type": "local", "limit": limit}
            | ({"national_destination_code": area_code} if area_code else {})
        )
        return [_available_number(row, country) for row in rows[:limit]]

    async def monthly_price(self, phone_number: str, country: str) -> Decimal | None:
        """Return the price in US dollars. Return None if Telnyx does not report it or no longer sells the number.

        Raises CarrierUnavailable.
        """
        try:
            rows = await self._for_sale(
                {"country_code": country, "phone_number_type": number_kind(phone_number), "limit": 20}
                | {"phone_number": {"ends_with": phone_number[-7:]}}
            )
        except CarrierRefused:
            return None
        return next((_price(row) for row in rows if row.phone_number == phone_number), None)

    async def find_owned(self, phone_number: str) -> OwnedNumber | None:
        """Return the number if it belongs to our account. Its reference is Telnyx's customer reference."""
        page = await self._send(lambda: self._sdk.phone_numbers.list(filter={"phone_number": phone_number[1:]}))
        # The filter also matches partial numbers.
        ours = (row for row in page.data or [] if row.phone_number == phone_number and row.status not in _NOT_OURS)
        row = next(ours, None)
        return None if row is None else self._owned(row)

    async def list_numbers(self, digits: str, most: int) -> list[OwnedNumber]:
        """Return numbers of our account that contain the digits."""

        async def read() -> list[OwnedNumber]:
            wanted = {"phone_number": digits} if digits else {}
            found: list[OwnedNumber] = []
            pages = self._sdk.phone_numbers.list(filter=cast(Any, wanted), page_size=min(most, _PAGE))
            async for row in pages:
                if row.status not in _NOT_OURS:
                    found.append(self._owned(row))
                if len(found) >= most:
                    break
            return found

        return await self._send(read)

    async def buy(self, phone_number: str, reference: str, holder: NumberHolder = NO_HOLDER) -> OwnedNumber:
        """Order a number, unless an order with this reference exists, and wait for the result.

        Raises NumberPending if the order takes longer. A repeated call finds the existing order.
        """
        return await self._orders.buy(phone_number, reference, holder)

    async def order_status(self, reference: str) -> Literal["pending", "success"] | None:
        """Return the state of the order with this reference. Return None if there is no order or it failed."""
        return await self._orders.find_status(reference)

    async def cancel_order(self, reference: str) -> None:
        """Cancel a pending order with this reference."""
        await self._orders.cancel(reference)

    async def submit_documents(self, reference: str, holder: NumberHolder) -> str:
        """Send the holder's data that the order still needs.

        Returns what the order waits for. Empty if it waits for nothing.
        """
        return await self._orders.submit_documents(reference, holder)

    async def configure(self, owned: OwnedNumber) -> None:
        """Assign the number to our connection, which holds our webhooks' URL; may be repeated."""
        await self._send(
            lambda: self._sdk.phone_numbers.update(
                owned.carrier_number_id,
                connection_id=self._options.connection_id,
                customer_reference=owned.reference,
            )
        )

    async def release(self, carrier_number_id: str) -> None:
        """Release a number. A number that is already released is not an error."""
        await self._ignore_not_found(lambda: self._sdk.phone_numbers.delete(carrier_number_id))

    # --- Calls ----------------------------------------------------------------------------------------------------

    async def dial(self, request: DialRequest) -> PlacedCall:
        """Place a call. Telnyx ignores a repeat with the same call_id within 60 s.

        Raises NotProcessed if the call should be placed later (429; docs: error 90103; or too many concurrent calls).
        """
        params = cast(CallDialParams, call_form(self._options, request))
        answer = await self._command(lambda: self._sdk.calls.dial(**params), queued=True)
        placed = answer.data
        call_id = required_text(placed.call_control_id if placed is not None else None)
        return PlacedCall(call_id, (placed.call_session_id if placed is not None else None) or "")

    async def find_placed_calls(self, request: DialRequest, since: datetime) -> list[PlacedCall]:
        """Return the active calls that carry the call's id.

        Calls that have ended meanwhile are reported by webhooks, which carry the id, too.
        """
        active = await self.list_active_calls()
        return [PlacedCall(call.carrier_call_id) for call in active if call.call_id == request.call_id]

    async def list_active_calls(self) -> list[ActiveCall]:
        """Return the calls of our application, including ringing calls."""
        return await self._send(self._read_active_calls)

    async def _read_active_calls(self) -> list[ActiveCall]:
        found: list[ActiveCall] = []
        pages = self._sdk.connections.list_active_calls(self._options.connection_id, page_size=_PAGE)
        async for row in pages:
            found.append(active_call(required_text(row.call_control_id), row.call_duration, row.client_state))
            if len(found) >= MOST_ACTIVE:
                break
        return found

    async def hang_up(self, carrier_call_id: str) -> None:
        """End a call. A call that has already ended is not an error."""
        await self._ignore_not_found(lambda: self._calls.hangup(carrier_call_id))

    async def start_recording(self, carrier_call_id: str, call_id: str) -> None:
        """Start recording a call, if the settings enable recording by Telnyx. Telnyx ignores a repeated command_id."""
        if not self._options.records:
            return
        form: ActionStartRecordingParams = {"channels": "dual", "format": "wav", "command_id": f"{call_id}-record"}
        try:
            await self._command(lambda: self._calls.start_recording(carrier_call_id, **form))
        except CarrierRefused as refused:
            refused.call_ended |= refused.code in TOO_EARLY
            raise

    async def stop_recording(self, carrier_call_id: str) -> None:
        """Stop recording, if the settings enable recording by Telnyx. A call that has ended is not an error."""
        if self._options.records:
            await self._ignore_not_found(lambda: self._calls.stop_recording(carrier_call_id))

    async def answer(self, carrier_call_id: str, command_id: str, *, record: bool, call_id: str = "") -> None:
        """Answer a ringing call. Record the call if both `record` and the settings say so.

        Later events of the call carry the client_state "inbound:" with our id.
        """
        state = {"client_state": client_state(f"{INBOUND}{call_id}")} if call_id else {}
        form = {"command_id": command_id, **state, **MEDIA_FORM, **recording_form(self._options, wanted=record)}
        params = cast(ActionAnswerParams, form)
        await self._command(lambda: self._calls.answer(carrier_call_id, **params))

    async def start_stream(self, carrier_call_id: str, url: str, command_id: str) -> None:
        """Connect an answered call to a media socket, in both directions.

        We send PCMU. Telnyx sends PCMU if it can transcode the call's codec, and otherwise the call's codec. Without
        explicit settings Telnyx treats our audio as MP3 (docs: media-streaming).
        """
        await self._command(
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
        """Reject a ringing call."""
        await self._command(lambda: self._calls.reject(carrier_call_id, cause=_CAUSES[cause], command_id=command_id))

    async def speak(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Speak up to 3,000 characters with Telnyx's voice. Uses English if Telnyx lacks the language."""
        params: ActionSpeakParams = {
            "payload": words[:_MAX_SPEAK_LENGTH],
            "voice": _VOICE,
            "language": cast(Any, speak_language(language, LANGUAGES)),
            "command_id": command_id,
        }
        await self._command(lambda: self._calls.speak(carrier_call_id, **params))

    async def send_digits(self, carrier_call_id: str, digits: str, command_id: str) -> None:
        """Play DTMF tones and pauses (w, W), also while a media stream runs (API reference: Send DTMF)."""
        form: ActionSendDtmfParams = {"digits": digits, "duration_millis": TONE_MS, "command_id": command_id}
        await self._command(lambda: self._calls.send_dtmf(carrier_call_id, **form))

    async def speak_last_words(self, carrier_call_id: str, words: str, language: str, command_id: str) -> None:
        """Speak to the caller. `call.speak.ended` then triggers the hang-up, which also ends the bridged leg."""
        await self.speak(carrier_call_id, words, locale(language), command_id)

    async def transfer(
        self, carrier_call_id: str, number: str, caller: str, command_id: str, *, limit_s: int, known_as: str
    ) -> None:
        """Transfer the call. Webhooks of the other leg carry the client_state "transfer:" with `known_as`.

        Args:
            number: May have an extension (";ext=") or be a SIP URI.
            limit_s: Time limit of the transfer. Telnyx allows 30 to 14,400.
        """
        state = client_state(f"{TRANSFER}{known_as}")
        number, _, extension = number.partition(";ext=")
        form: ActionTransferParams = {
            "to": number,
            "from_": caller,
            "target_leg_client_state": state,
            "command_id": command_id,
            "time_limit_secs": limit_s,
        }
        if extension:
            form["send_digits_on_answer"] = EXTENSION_PAUSE + extension
        await self._command(lambda: self._calls.transfer(carrier_call_id, **form))

    # --- Recordings -----------------------------------------------------------------------------------------------

    async def fetch_recording(self, recording: str, into: IO[bytes]) -> None:
        """Download a recording.

        Args:
            recording: The recording's id, or the URL from a webhook, which is valid for ten minutes (docs:
                voice-api-webhooks).
        """
        url = recording if "://" in recording else await self._recording_url(recording)
        # The URL is presigned. Its host must not receive our API key.
        await call_with_retries(
            lambda: download(self._http, NAME, url, into), NAME, timeout_s=DOWNLOAD_TIMEOUT_S, repeatable=True
        )

    async def delete_recording(self, recording: str) -> None:
        """Delete a recording by id. Raises CarrierRefused (code bad_recording) for a URL."""
        if "://" in recording:
            raise CarrierRefused(NAME, "bad_recording", "a URL does not identify a recording")
        await self._ignore_not_found(lambda: self._sdk.recordings.delete(recording))

    async def find_recording(self, call_leg_id: str) -> str | None:
        """Return the id of a leg's recording. The event call.recording.saved may lack the id."""
        page = await self._send(lambda: self._sdk.recordings.list(filter={"call_leg_id": call_leg_id}))
        return next((row.id for row in page.data or [] if row.call_leg_id == call_leg_id and row.id), None)

    # --- Helpers --------------------------------------------------------------------------------------------------

    def _owned(self, row: Any) -> OwnedNumber:
        connection = row.connection_id or ""
        has_messages = bool(getattr(row, "messaging_profile_id", None))  # another program receives the messages
        return OwnedNumber(
            required_text(row.id),
            required_text(row.phone_number),
            row.customer_reference or "",
            {"voice": True},
            "" if row.status == ACTIVE else pending_words(row.status),
            "elsewhere" if has_messages else call_target(connection, self._options.connection_id),
        )

    async def _send(self, send: Callable[[], Awaitable[T]], *, repeatable: bool = True, queued: bool = False) -> T:
        timeout_s = self._options.timeout_s
        return await call_with_retries(
            lambda: _send_once(send), NAME, timeout_s=timeout_s, repeatable=repeatable, queued=queued
        )

    async def _command(self, send: Callable[[], Awaitable[T]], *, queued: bool = False) -> T:
        """Send a command.

        Raises CarrierUnavailable if a repeated command is refused, because the first attempt may have been carried out.
        How Telnyx answers a repeated command_id is not documented.
        """
        try:
            return await self._send(send, queued=queued)
        except CarrierRefused as refused:
            if refused.is_repeat and not refused.call_ended and refused.code not in ALREADY_STREAMING:
                raise CarrierUnavailable(NAME, "repeat_refused", "a repeated command was refused") from None
            raise find_later(refused) if queued else refused from None

    async def _ignore_not_found(self, send: Callable[[], Awaitable[object]]) -> None:
        try:
            await self._send(send)
        except CarrierRefused as refused:
            if not refused.call_ended and refused.code not in NOT_FOUND:
                raise

    async def _for_sale(self, wanted: Mapping[str, object]) -> Sequence[ForSale]:
        """Return numbers that support voice calls.

        Features go into an extra query, because the API does not accept the SDK's list format.
        """
        answer = await self._send(
            lambda: self._sdk.available_phone_numbers.list(
                filter=cast(Any, dict(wanted)), extra_query={"filter[features][]": "voice"}
            )
        )
        return answer.data or []

    async def _recording_url(self, recording: str) -> str:
        answer = await self._send(lambda: self._sdk.recordings.retrieve(recording))
        urls = answer.data.download_urls if answer.data is not None else None
        if urls is None or not (url := urls.wav or urls.mp3):
            raise CarrierUnavailable(NAME, "not_ready", "the recording is not ready yet")
        return url


@asynccontextmanager
async def open_telnyx(options: TelnyxOptions) -> AsyncIterator[TelnyxGateway]:
    """Open the gateway until the block ends."""
    async with httpx.AsyncClient(verify=carrier_tls(), timeout=options.timeout_s, max_redirects=3) as http:
        yield TelnyxGateway(options, http)


async def _send_once(send: Callable[[], Awaitable[T]]) -> T:
    try:
        return await send()
    except telnyx.APIStatusError as error:
        raise error_from_response(error.status_code, error.body) from None
    except telnyx.APIConnectionError as error:
        cause = error.__cause__
        known = cause if isinstance(cause, httpx.HTTPError) else httpx.ReadError("")
        raise error_from_connection(NAME, known) from None
    except (telnyx.TelnyxError, httpx.HTTPError, ValueError, TypeError, AttributeError):
        raise CarrierUnavailable(NAME, "unreadable", "the answer cannot be read") from None


def _available_number(row: ForSale, country: str) -> AvailableNumber:
    places = {str(entry.region_type): entry.region_name or "" for entry in row.region_information or []}
    features = {str(entry.name).lower(): True for entry in row.features or [] if entry.name}
    locality = places.get("location") or places.get("rate_center", "")
    return AvailableNumber(
        required_text(row.phone_number), locality, places.get("state", ""), country, _price(row), features
    )


def _price(row: ForSale) -> Decimal | None:
    cost = row.cost_information
    return None if cost is None else us_dollars(cost.currency, cost.monthly_cost)
