"""Commands to Telnyx about a call.

Commands are sent after the commit of the event that caused them, and may be sent twice.
"""

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from control.calls.admission.service import save_refusal
from control.calls.announcements import make_busy_refusal, make_refusal
from control.calls.carrier_reports.service import apply_status
from control.calls.live.service import hang_up_later, record_media_node
from control.calls.outbound.service import OutboundCalls
from control.calls.records.refusals import REFUSALS, RefusedCall
from control.calls.records.running_calls import AdmittedCall, OpenCall, StreamFollowed
from control.calls.records.service import find_open
from control.calls.records.state import FINAL, TRANSFER_S
from control.calls.transfers import service as transfers_service
from control.calls.transfers.rules import transfer_caller_id
from control.carriers.rules import CarrierRefused, CarrierUnavailable, ConferenceCalls, locale
from control.carriers.service import CallControlCarrier, Carriers
from control.carriers.telnyx_forms import ALREADY_STREAMING
from control.db.pool import Connection
from control.inbound_webhooks.service import WebhookParts
from control.inbound_webhooks.telnyx.wire import TelnyxEvent, facts_only, stream_key
from shared.bus.client import BusUnavailable
from shared.errors import Unavailable

# Stored in the transaction that closes the event.
Effect = Callable[[Connection], Awaitable[None]]
# Speed of Telnyx's slowest voice. The margin covers the command, the event and its retries.
_SLOWEST_CHARACTERS_PER_S: Final = 10.0
SPEAK_MARGIN_S: Final = 30.0
# Values that are stored instead of Telnyx's error code if a transfer is refused.
TARGET_GONE: Final = "target_gone"
DESTINATION_REFUSED: Final = "destination_refused"
log = structlog.get_logger()


class CallCommands:
    """Sends commands. Methods raise CarrierRefused, CarrierUnavailable and Unavailable.

    Telnyx may refuse any command because of its limits of concurrent calls, its profiles and its destinations (docs:
    sip-trunking/troubleshooting/response-codes). Then the next command in one of these sequences is tried, so that no
    caller is left in silence: answer without a recording, reject, hang up; stream, speak, hang up; transfer, stream,
    speak, hang up. A refused hang-up leaves the event open, so that it is retried. CarrierRefused is raised if the call
    has ended.
    """

    def __init__(self, parts: WebhookParts) -> None:
        self._routing, self._media, self._admission = parts.routing, parts.routing.media, parts.routing.admission
        self._outcome_wait_s, self._transact = parts.options.outcome_wait_s, parts.transactions.run
        self._outbound, self._carriers = parts.services[OutboundCalls], parts.services[Carriers]

    async def answer_or_reject(
        self, event: TelnyxEvent, call: AdmittedCall | RefusedCall, now: datetime
    ) -> Effect | None:
        """Answer a ringing call, also if its refusal will be spoken. Reject other refused calls with a tone."""
        over_limit = await self._routing.reserve(call) if isinstance(call, AdmittedCall) else None
        if isinstance(call, AdmittedCall) and over_limit is not None:
            call_id, reserved = call.call_id, over_limit
            await self.answer_or_reject(event, reserved, now)
            return lambda db: save_refusal(db, call_id, reserved.reason, now)
        if isinstance(call, RefusedCall):
            response = REFUSALS[call.reason].telnyx
            if response != "spoken":
                await self._reject(event, response)
                return None
        record = isinstance(call, AdmittedCall) and call.records_at_carrier
        if await self._answer(event, str(call.call_id or ""), record=record):
            return None
        current = await self._reload(event, now)
        if current is not None and current.was_answered:
            log.info("call.already_answered", call_id=str(current.call_id))
            return None
        if isinstance(call, AdmittedCall):
            # Stored before the reject command, because Telnyx's report of the end may arrive before the command's
            # response.
            await self._routing.record_refusal(make_busy_refusal(call.plan.agent.language, call.call_id), now)
        await self._reject(event, "busy")
        return None

    async def connect_agent(
        self, event: TelnyxEvent, call: AdmittedCall | RefusedCall, now: datetime, exclude: Collection[str] = ()
    ) -> Effect | None:
        """Start an answered call's media stream, or speak a refusal.

        Args:
            exclude: Ids of nodes that lost the call.
        """
        if isinstance(call, RefusedCall):
            return await self._speak_refusal(event, call, now)
        stream = await self._routing.assign_media(call, exclude)
        if isinstance(stream, RefusedCall):
            return await self._speak_refusal(event, stream, now)
        node_id, url = stream.node_id, f"{stream.url}/media/telnyx/{stream.token}"
        try:
            await self._telnyx.start_stream(event.caller_leg, url, event.command_id("stream"))
        except CarrierRefused as refused:
            if refused.call_ended:
                raise
            if refused.code in ALREADY_STREAMING:
                # Another event about the same loss was faster and has connected the call.
                log.info("call.already_streaming", call_id=str(call.call_id), leg=call.leg)
                return None
            _log_refusal(event, "streaming_start", refused)
            if await self._is_streaming(call.call_id, call.leg):
                return None
            return await self._speak_refusal(event, make_busy_refusal(call.plan.agent.language, call.call_id), now)
        return lambda db: record_media_node(db, call, node_id, stream_key(url))

    async def continue_after_stream(self, event: TelnyxEvent, call: OpenCall | None, now: datetime) -> Effect | None:
        """Hang up, transfer, or stream the call to another node. Telnyx keeps a call up when its stream ends."""
        if call is None:
            await self.hang_up(event.call_control_id)
            return None
        if call.is_transferring:
            # A repeated event. The events of the transfer leg decide what follows.
            log.info("stream.repeated_end_ignored", call_id=str(call.call_id), leg=call.leg)
            return None
        is_final = call.status in FINAL
        wait_s = 0 if is_final else self._outcome_wait_s
        try:
            outcome = await self._media.wait_for_outcome(call.call_id, call.media_node, wait_s, leg=call.leg)
        except BusUnavailable:
            return await self._refuse_cut_off(event, call, now)
        if outcome is not None and outcome.is_refused:
            language = await self._transact(lambda db: self._admission.find_language(db, call))
            return await self._speak_refusal(event, make_refusal("unusable", language, call.call_id), now)
        if outcome is not None and outcome.conference:
            return await self._join(event, call, outcome.conference, now)
        if outcome is not None and outcome.number:
            return await self._transfer(event, call, outcome.number, now)
        if outcome is not None and outcome.words:
            words, language = outcome.words, outcome.language
            await self._speak(event, event.call_control_id, words, language, _leg_command_id(call, "words"))
            return self._hang_up_after(call.call_id, words)
        if outcome is not None or is_final:
            await self.hang_up(event.call_control_id)
            if outcome is None:
                await self._routing.note_loss(call, now)
            return None
        if event.id != call.stream_id and await self._is_streaming(call.call_id, call.leg):
            # A repeated end of an earlier stream. The call has a newer stream.
            log.info("stream.repeated_end_ignored", call_id=str(call.call_id), leg=call.leg)
            return None
        return await self._resume(event, call, now)

    async def hang_up_unless_live(self, event: TelnyxEvent, call: OpenCall | None) -> None:
        """Hang up a call without a media node, unless its caller is connected to, or waits for, the target of a
        transfer.
        """
        if call is not None and call.is_transferring:
            return
        if call is not None and await self._media.find_live([call.call_id]):
            return
        await self.hang_up(event.call_control_id)

    async def hang_up(self, call_control_id: str) -> None:
        """End a call.

        Raises CarrierUnavailable even if Telnyx refuses, because the line costs money until the call ends.
        """
        telnyx = self._telnyx
        try:
            await telnyx.hang_up(call_control_id)
        except CarrierRefused as refused:
            log.error("call.command_refused", carrier="telnyx", command="hangup", code=refused.code)
            raise CarrierUnavailable(refused.carrier, refused.code, refused.message) from None

    async def return_to_agent(self, event: TelnyxEvent, call: OpenCall, now: datetime) -> Effect | None:
        """Reconnect the caller to the agent after an unanswered transfer. Hang up if the call has ended.

        Args:
            event: An event of either leg.
        """
        if call.status in FINAL:
            await self.hang_up(event.caller_leg)
            return None
        if call.leg not in call.transfer_failures and await self._is_streaming(call.call_id, call.leg):
            return None  # a repeat: the call has a newer stream
        log.info("transfer.returned", carrier="telnyx", call_id=str(call.call_id), failure=call.returned)
        return await self._resume(event, call, now)

    async def _resume(self, event: TelnyxEvent, call: OpenCall, now: datetime) -> Effect | None:
        try:
            resumed, lost_nodes = await self._routing.resume(call, now)
        except StreamFollowed as followed:
            # Another event about the same loss was faster and is connecting the call.
            log.info("call.already_streaming", call_id=str(call.call_id), leg=followed.leg)
            return None
        return await self.connect_agent(event, resumed, now, lost_nodes)

    async def _answer(self, event: TelnyxEvent, call_id: str, *, record: bool) -> bool:
        """Answer the call. Return whether Telnyx accepted.

        If Telnyx refuses the recording, the call is answered without it.
        """
        command_id = event.command_id("answer" if record else "answer_unrecorded")
        try:
            await self._telnyx.answer(event.call_control_id, command_id, record=record, call_id=call_id)
        except CarrierRefused as refused:
            _log_refusal(event, "answer", refused)
            return record and await self._answer(event, call_id, record=False)
        return True

    async def _reject(self, event: TelnyxEvent, cause: Literal["busy", "rejected"]) -> None:
        try:
            await self._telnyx.reject(event.call_control_id, cause, event.command_id("reject"))
        except CarrierRefused as refused:
            _log_refusal(event, "reject", refused)
            await self.hang_up(event.call_control_id)

    async def _transfer(self, event: TelnyxEvent, call: OpenCall, number: str, now: datetime) -> Effect | None:
        if not await self._transact(lambda db: self._prepare_transfer(db, call, number)):
            return await self._take_back(event, call, DESTINATION_REFUSED, now)
        try:
            await self._telnyx.transfer(
                event.call_control_id,
                number,
                transfer_caller_id(call, caller_allowed=False),
                _leg_command_id(call, "transfer"),
                limit_s=TRANSFER_S,
                known_as=call.stored_id or event.call_control_id,
            )
        except CarrierRefused as refused:
            _log_refusal(event, "transfer", refused)
            code = refused.code
        else:
            return None
        current = await self._reload(event, now)
        if current is not None and current.is_transferring:
            return None  # an earlier attempt was carried out
        return await self._take_back(event, call, code, now)

    async def _prepare_transfer(self, db: Connection, call: OpenCall, number: str) -> bool:
        """Return whether the transfer may be carried out. Ends the calls to targets of warm transfers."""
        if not await transfers_service.may_transfer(db, self._outbound, call, number):
            return False
        await transfers_service.release(db, call.call_id)
        return True

    async def _join(self, event: TelnyxEvent, call: OpenCall, conference: str, now: datetime) -> Effect | None:
        """Connect the caller to the target of a warm transfer, if the target waits in this conference."""
        if not await self._transact(lambda db: transfers_service.join(db, call.call_id, conference, now)):
            return await self._take_back(event, call, TARGET_GONE, now)
        try:
            await self.targets.join_conference(conference, event.call_control_id, _leg_command_id(call, "join"))
        except CarrierRefused as refused:
            _log_refusal(event, "conference_join", refused)
            return await self._take_back(event, call, refused.code, now)
        met = f"conference:{conference}"  # lets a repeat of the stream's end be recognized
        joined = facts_only(event, transfer_called=met, transfer_leg=met)
        return lambda db: apply_status(db, joined)

    async def _take_back(self, event: TelnyxEvent, call: OpenCall, code: str, now: datetime) -> Effect | None:
        async def take_back(db: Connection) -> OpenCall | None:
            await apply_status(db, facts_only(event, transfer_refused=code))
            name = call.stored_id or event.call_control_id
            return await transfers_service.lead_back(db, "telnyx", name, "failed", now, leg=call.leg)

        returned = await self._transact(take_back)
        return None if returned is None else await self.return_to_agent(event, returned, now)

    async def _speak(
        self, event: TelnyxEvent, call_control_id: str, words: str, language: str, command_id: str
    ) -> None:
        try:
            await self._telnyx.speak(call_control_id, words, locale(language), command_id)
        except CarrierRefused as refused:
            _log_refusal(event, "speak", refused)
            await self.hang_up(call_control_id)

    def _hang_up_after(self, call_id: UUID, words: str) -> Effect:
        """Return the effect that schedules a hang-up in case `call.speak.ended` is lost."""
        delay_s = SPEAK_MARGIN_S + len(words) / _SLOWEST_CHARACTERS_PER_S
        return lambda db: hang_up_later(db, call_id, delay_s)

    async def _reload(self, event: TelnyxEvent, now: datetime) -> OpenCall | None:
        """Return the call's current state. Other events may have changed it, and a refused command may repeat an
        earlier command.
        """
        return await self._transact(lambda db: find_call(db, event, now))

    async def _is_streaming(self, call_id: UUID, leg: int) -> bool:
        """Return whether a node has the stream. Return False while Redis is unavailable."""
        try:
            return await self._media.is_streaming(call_id, leg)
        except BusUnavailable:
            return False

    async def _refuse_cut_off(self, event: TelnyxEvent, call: OpenCall, now: datetime) -> Effect | None:
        refused = await self._routing.refuse_cut_off(call)
        if refused is not None:
            return await self._speak_refusal(event, refused, now)
        await self.hang_up(event.call_control_id)
        return None

    async def _speak_refusal(self, event: TelnyxEvent, refused: RefusedCall, now: datetime) -> Effect | None:
        """Speak a refusal, after which the call is hung up. Without an announcement, hang up immediately."""
        if not refused.announcement:
            await self.hang_up(event.caller_leg)
            return None
        # The caller hears the announcement in any case. The refusal is stored when the event is closed.
        with suppress(Unavailable):
            await self._routing.record_refusal(refused, now)
        await self._speak(event, event.caller_leg, refused.announcement, refused.language, event.command_id("words"))
        call_id = refused.call_id
        if call_id is None:
            return None
        hang_up = self._hang_up_after(call_id, refused.announcement)

        async def store(db: Connection) -> None:
            await save_refusal(db, call_id, refused.reason, now)
            await hang_up(db)

        return store

    @property
    def targets(self) -> ConferenceCalls:
        """Calls to targets of warm transfers. Raises CarrierRefused like the commands."""
        return self._telnyx.targets

    @property
    def _telnyx(self) -> CallControlCarrier:
        """The carrier. Raises CarrierRefused (code not_set_up) without an API key."""
        telnyx = self._carriers.telnyx
        if telnyx is None:
            raise CarrierRefused("telnyx", "not_set_up", "this carrier is not set up")
        return telnyx


async def find_call(db: Connection, event: TelnyxEvent, now: datetime) -> OpenCall | None:
    """Return the call of an event, as `find_open` does."""
    return await find_open(db, "telnyx", event.call_control_id, now, call_id=event.call_id, session_id=event.session_id)


def _leg_command_id(call: OpenCall, command: str) -> str:
    """Return a command id shared by all reports of a stream's end, which may have different event ids."""
    return str(uuid5(NAMESPACE_URL, f"{call.call_id}:{call.leg}:{command}"))


def _log_refusal(event: TelnyxEvent, command: str, refused: CarrierRefused) -> None:
    """Log a refusal. Raise it again if the call has ended, because nothing else needs to be done then."""
    if refused.call_ended:
        raise refused
    log.error("call.command_refused", carrier="telnyx", kind=event.type, command=command, code=refused.code)
