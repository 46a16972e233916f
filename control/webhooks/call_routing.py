"""Routes a carrier's call to a media node, or refuses it with an announcement. Common to all carriers."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from control.billing.spend_guard import SpendGuard
from control.billing.spend_snapshot import SpendSnapshot, load_snapshot
from control.calls.announcements import make_busy_refusal, make_refusal
from control.calls.media_assignment import MediaAssignment, NoMediaNode, StreamTarget
from control.calls.model import FINAL, AdmittedCall, OpenCall, RefusedCall
from control.calls.service import Calls
from control.calls.stream_loss import record_loss
from control.carriers.phone import is_valid
from control.db.pool import Connection
from control.http.services import Services
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.transactions import PlatformTransactions
from shared.bus.client import BusUnavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CallRouting:
    """timeout_s: for choosing a media node, and for reading a checkpoint."""

    transactions: PlatformTransactions
    services: Services
    metrics: WebhookMetrics
    timeout_s: float

    async def assign_media(self, call: AdmittedCall, exclude: Collection[str] = ()) -> StreamTarget | RefusedCall:
        """Returns the media node and ticket for the carrier, or a refusal when the spending limit is reached, no node
        has room, or Redis is unavailable or slow. exclude: ids of nodes that lost the call.

        A resumed call is refused as "cut_off" without Redis, because the state of its conversation is unknown then."""
        refused = await self.reserve(call)
        if refused is not None:
            return refused
        reason = "too_slow"
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.services[MediaAssignment].assign(call, exclude)
        except NoMediaNode as error:
            reason = error.reason
        except TimeoutError:
            pass
        log.warning("call.media_not_assigned", reason=reason, call_id=str(call.call_id), leg=call.leg)
        language = call.plan.agent.language
        if call.leg > 0 and reason != "no_node":
            return make_refusal("cut_off", language, call.call_id)
        return make_busy_refusal(language, call.call_id)

    async def reserve(self, call: AdmittedCall) -> RefusedCall | None:
        """Reserves the call's first minute, once, where its workspace has a spending limit. Returns a refusal when the
        limit does not allow it, or Redis is unavailable or slow: nothing begins that nobody has counted."""
        terms = call.spend_terms
        if terms is None:
            return None

        async def read(reserved: frozenset[UUID]) -> SpendSnapshot:
            return await self.transactions.run(lambda db: load_snapshot(db, terms.workspace_id, reserved, terms.at))

        language = call.plan.agent.language
        try:
            async with asyncio.timeout(self.timeout_s):
                if await self.services[SpendGuard].admit(terms, read):
                    return None
        except (BusUnavailable, TimeoutError) as error:
            log.warning("call.not_reserved", reason=type(error).__name__, call_id=str(call.call_id))
            return make_busy_refusal(language, call.call_id)
        log.info("call.over_spend_limit", call_id=str(call.call_id), workspace_id=str(call.workspace_id))
        return make_refusal("spend_limit", language, call.call_id)

    async def resume(
        self, call: OpenCall, now: datetime, language: str | None = None
    ) -> tuple[AdmittedCall | RefusedCall, Collection[str]]:
        """Returns the plan of the call's next leg, made from its last checkpoint, and the ids of nodes to avoid: of a
        call whose stream was lost, or whose transfer led back to the agent.
        language: see `refuse_cut_off`. Raises StreamFollowed."""
        media = self.services[MediaAssignment]
        try:
            async with asyncio.timeout(self.timeout_s):
                checkpoint = await media.get_checkpoint(call.call_id)
                lost_node = await media.find_node_id(call.call_id, call.media_node, call.leg)
        except (BusUnavailable, TimeoutError):
            return await self._refuse_cut_off(call, language), ()

        async def resume(db: Connection) -> AdmittedCall | RefusedCall:
            resumed = await self.services[Calls].resume(db, call, checkpoint, now)
            if call.returned is None:
                await record_loss(db, call.call_id, call.leg, now)
            return resumed

        resumed = await self.transactions.run(resume)
        if call.returned is not None:
            return resumed, ()  # its node was not lost
        if isinstance(resumed, AdmittedCall):
            log.info("call.resumed", carrier=resumed.carrier, call_id=str(resumed.call_id), leg=resumed.leg)
            self.metrics.resumed.labels(resumed.carrier).inc()
        return resumed, (lost_node,) if lost_node else ()

    async def note_loss(self, call: OpenCall, now: datetime) -> None:
        """Stores that the call, which is over, ended with its node, if that is so. While Redis is unavailable nobody
        knows."""
        with suppress(BusUnavailable):
            if await self.services[MediaAssignment].is_lost(call.call_id, call.media_node, call.leg):
                await self.transactions.run(lambda db: record_loss(db, call.call_id, call.leg, now))

    async def refuse_cut_off(self, call: OpenCall | None, language: str | None = None) -> RefusedCall | None:
        """Returns what a caller hears whose stream ended while Redis is unavailable; None for a call that is over and
        was not being transferred.

        Without Redis nobody knows whether the conversation was complete or whom to transfer to, so the call is neither
        resumed nor transferred. Recording this refusal does not end the call: media's event does when Redis is back.

        language: the agent's, where the carrier's request carries it; None loads it from the database."""
        if call is None or (call.status in FINAL and call.end_reason != "transferred"):
            return None
        return await self._refuse_cut_off(call, language)

    async def _refuse_cut_off(self, call: OpenCall, language: str | None) -> RefusedCall:
        log.warning("call.cut_off", carrier=call.carrier, call_id=str(call.call_id), leg=call.leg)
        if language is not None:
            return make_refusal("cut_off", language, call.call_id)
        return await self.transactions.run(lambda db: self.services[Calls].refuse_cut_off(db, call))

    async def record_refusal(self, refused: RefusedCall, now: datetime) -> None:
        """Stores that an admitted call could not be connected; nothing for a call without a row."""
        if refused.call_id is not None:
            call_id = refused.call_id
            await self.transactions.run(lambda db: self.services[Calls].record_refusal(db, call_id, refused, now))


def transfer_caller_id(call: OpenCall, *, caller_allowed: bool) -> str:
    """Returns the number that a transfer shows: the caller's own where the carrier allows it and it is a number, else
    ours. A caller who withholds it comes as "anonymous" or as the letters of that on a keypad, such as +266696687.

    caller_allowed: Twilio's callerId may be the inbound caller's number (docs: TwiML <Dial>); Telnyx shows numbers of
    the account only, unless a number was verified."""
    ours = call.called if call.direction == "inbound" else call.caller
    if caller_allowed and call.direction == "inbound" and is_valid(call.caller):
        return call.caller
    return ours
