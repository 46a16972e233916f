"""What is asked of Telnyx about a call's line: after the commit of what led to it, and harmless when asked twice."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Final, Literal

import structlog

from control.calls.model import FINAL, Admitted, Open, Refused
from control.calls.policy import TRANSFER_S
from control.calls.words import busy
from control.carriers.book import Steered
from control.carriers.model import CarrierRefused
from control.carriers.telnyx_forms import STREAMS
from control.db.pool import Connection
from control.webhooks.leading import Leading, shown_number
from control.webhooks.telnyx_event import Event, stream_of
from control.webhooks.words import locale, not_reached
from shared.bus.client import BusAway

# What is written down together with the word that the event was handled.
Effect = Callable[[Connection], Awaitable[None]]
# For these the caller hears why; for the others a tone says it, and costs nothing.
_SPOKEN: Final = frozenset({"suspended", "unusable"})
log = structlog.get_logger()


class TelnyxLine:
    """Every method raises CarrierRefused, CarrierAway and Unavailable. over_wait_s: see WebhookOptions."""

    def __init__(self, leading: Leading, over_wait_s: float) -> None:
        self._leading, self._over_wait_s = leading, over_wait_s
        self._rooms = leading.rooms

    async def take(self, event: Event, outcome: Admitted | Refused) -> None:
        """A ringing call is answered, or refused by a tone."""
        if isinstance(outcome, Admitted) or outcome.why in _SPOKEN:
            record = isinstance(outcome, Admitted) and outcome.records_at_carrier
            await self._telnyx.answer(event.call, event.command_id("answer"), record=record)
        else:
            cause: Literal["busy", "rejected"] = "rejected" if outcome.why == "unknown_number" else "busy"
            await self._telnyx.reject(event.call, cause, event.command_id("reject"))

    async def lead(
        self, event: Event, outcome: Admitted | Refused, now: datetime, exclude: Collection[str] = ()
    ) -> Effect | None:
        """An answered call gets its agent, or words."""
        if isinstance(outcome, Refused):
            return await self._excuse(event, outcome, now)
        stream = await self._leading.stream(outcome, exclude)
        if isinstance(stream, Refused):
            return await self._excuse(event, stream, now)
        node_id, url = stream.node_id, f"{stream.url}/media/telnyx/{stream.token}"
        try:
            await self._telnyx.start_stream(event.call, url, event.command_id("stream"))
        except CarrierRefused as refused:
            if refused.over:
                raise
            if refused.code in STREAMS:
                # Another word on the same loss was quicker, and the call has its agent again.
                log.info("webhook.streams_already", call_id=str(outcome.call_id), leg=outcome.leg)
                return None
            log.error("webhook.command_refused", carrier="telnyx", kind=event.type, code=refused.code)
            return await self._excuse(event, busy(outcome.plan.agent.language, outcome.call_id), now)
        return lambda db: self._rooms.calls.connected(db, outcome, node_id, stream_of(url))

    async def after_stream(self, event: Event, open_call: Open | None, now: datetime) -> Effect | None:
        """Telnyx keeps a call up when its stream ends: it is ended, put through, or led to another node."""
        if open_call is None:
            await self.hang_up(event.call)
            return None
        is_final = open_call.status in FINAL
        wait_s = 0 if is_final else self._over_wait_s
        try:
            over = await self._rooms.handover.decide(open_call.call_id, open_call.media_node, wait_s, leg=open_call.leg)
        except BusAway:
            return await self._cut_off(event, open_call, now)
        if over is not None and over.number:
            # Telnyx shows numbers of ours only, unless the caller's was verified.
            shown = shown_number(open_call, caller_may_show=False)
            command = event.command_id("transfer")
            await self._telnyx.transfer(event.call, over.number, shown, command, limit_s=TRANSFER_S)
            return None
        if over is not None or is_final:
            await self.hang_up(event.call)
            return None
        if event.id != open_call.stream and await self._is_carried(open_call):
            # The end of an earlier stream, told once more: the call has gone on since.
            log.info("webhook.old_stream", call_id=str(open_call.call_id), leg=open_call.leg)
            return None
        outcome, lost = await self._leading.resume(open_call, now)
        return await self.lead(event, outcome, now, lost)

    async def end_if_alone(self, event: Event, open_call: Open | None) -> None:
        """Too long after what should have led somewhere: whoever is left on the line is let go, unless it did."""
        if open_call is not None and await self._rooms.handover.live([open_call.call_id]):
            return
        await self.hang_up(event.call)

    async def hang_up(self, call: str) -> None:
        """The end."""
        await self._telnyx.hang_up(call)

    async def tell_not_reached(self, event: Event) -> None:
        """The caller could not be put through and is still on the line."""
        await self._telnyx.speak(event.transfer_of, not_reached("en"), locale("en"), event.command_id("not_reached"))

    async def _is_carried(self, open_call: Open) -> bool:
        """False while Redis is away."""
        try:
            return await self._rooms.handover.is_carried(open_call.call_id, open_call.leg)
        except BusAway:
            return False

    async def _cut_off(self, event: Event, open_call: Open, now: datetime) -> Effect | None:
        outcome = await self._leading.cut_off(open_call)
        if outcome is not None:
            return await self._excuse(event, outcome, now)
        await self.hang_up(event.call)
        return None

    async def _excuse(self, event: Event, refused: Refused, now: datetime) -> Effect | None:
        """Words, after which `call.speak.ended` has us hang up."""
        await self._telnyx.speak(event.call, refused.words, locale(refused.language), event.command_id("words"))
        call_id = refused.call_id
        if call_id is None:
            return None
        return lambda db: self._rooms.calls.refuse(db, call_id, refused, now)

    @property
    def _telnyx(self) -> Steered:
        """Raises CarrierRefused when we have no key for what is asked of it."""
        telnyx = self._rooms.carriers.telnyx
        if telnyx is None:
            raise CarrierRefused("telnyx", "not_set_up", "this carrier is not set up")
        return telnyx
