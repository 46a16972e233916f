"""The account's legs: incoming calls, dial, transfer, bridge, hang-up (API reference: Call Commands)."""

import asyncio
import uuid
from collections.abc import Coroutine

from simulator.carrier.network.dtmf_tones import dtmf_tones
from simulator.carrier.network.phone_network import AnsweredPhone, IncomingCall, NotAnswered, PhoneNetwork
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.errors import (
    ended,
    forbidden,
    invalid,
    no_such_call,
    no_such_connection,
    not_answered,
)
from simulator.carrier.network.telnyx.events import TelnyxWebhooks
from simulator.carrier.network.telnyx.fields import Body, choice, client_state, destination, phone, text, web_url
from simulator.carrier.network.telnyx.leg import HangupCause, Leg
from simulator.carrier.network.telnyx.leg_lifecycle import LegLifecycle
from simulator.carrier.network.telnyx.leg_options import LegOptions, read_leg_options
from simulator.carrier.network.telnyx.media_streams import TelnyxMediaStreams
from simulator.carrier.network.telnyx.recordings import Recordings

CARRIER = "telnyx"

_MAX_LEGS = 10_000
_PARKS = ("self", "")

_CANCELLED = HangupCause("originator_cancel", "caller", "487")
_NOT_ANSWERED = {
    "busy": HangupCause("user_busy", "callee", "486"),
    "rejected": HangupCause("call_rejected", "callee", "603"),
    "no_answer": HangupCause("timeout", "unknown", "487"),
    "unknown_number": HangupCause("not_found", "callee", "404"),
    "cancelled": _CANCELLED,
}
_REFUSED_AS = {
    "user_busy": "busy",
    "not_found": "failed",
    "unspecified": "failed",
    "timeout": "no_answer",
    "originator_cancel": "cancelled",
}
_UNREACHABLE = HangupCause("unspecified", "unknown", "503")


class Calls:
    """All active legs, and legs that ended recently."""

    def __init__(
        self,
        network: PhoneNetwork,
        config: TelnyxConfig,
        webhooks: TelnyxWebhooks,
        streams: TelnyxMediaStreams,
        recordings: Recordings,
    ) -> None:
        self.legs: dict[str, Leg] = {}
        self._network, self._config = network, config
        self._lifecycle = LegLifecycle(config, webhooks, streams, recordings)
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialed: dict[str, Leg] = {}

    def leg(self, control_id: str) -> Leg:
        """Return a leg. Raises TelnyxError."""
        found = self.legs.get(control_id)
        if found is None:  # legs are stored under their first id
            found = next((leg for leg in self.legs.values() if control_id == leg.control_id), None)
        if found is None:
            raise no_such_call()
        return found

    async def close(self) -> None:
        """Hang up all legs and wait for their end."""
        for leg in self.legs.values():
            self.hang_up(leg)
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    # --- Incoming calls -------------------------------------------------------------------------------------------

    async def incoming(self, call: IncomingCall) -> None:
        """Handle a call to one of the account's numbers. It rings until a command answers or rejects it."""
        leg = self._add(
            Leg(
                direction="incoming",
                caller=call.caller,
                called=call.called,
                connection_id=self._config.connection_id,
                webhook_url=self._config.webhook_url,
                offered=self._config.codecs_of(call.caller),
            )
        )
        call.ringing(leg.control_id)
        self._lifecycle.initiated(leg)
        try:
            await asyncio.shield(self._start(self._incoming(leg, call)))
        except asyncio.CancelledError:
            call.hung_up.set()
            raise

    async def _incoming(self, leg: Leg, call: IncomingCall) -> None:
        cause = await self._wait_for_command(leg, call)
        if cause is None and leg.options is not None:
            try:
                return await self._lifecycle.run(leg, await call.answer(), leg.options)
            except NotAnswered:
                cause = _CANCELLED
        cause = cause or _CANCELLED
        call.refuse(_REFUSED_AS.get(cause.cause, "rejected"))
        await self._lifecycle.finish(leg, cause)

    async def _wait_for_command(self, leg: Leg, call: IncomingCall) -> HangupCause | None:
        """Wait for a command. Returns why the call is not answered; None if it is answered."""
        waiting = [asyncio.create_task(event.wait()) for event in (leg.commanded, call.hung_up)]
        try:
            await asyncio.wait(waiting, timeout=self._config.park_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if call.hung_up.is_set():
            return _CANCELLED
        if not leg.commanded.is_set():
            return HangupCause("timeout", "unknown")
        return leg.refusal

    # --- Outgoing calls ------------------------------------------------------------------------------------------

    def dial(self, body: Body) -> Leg:
        """Ring a new leg (POST /calls). Raises TelnyxError."""
        command_id = text(body, "command_id")
        known = self._dialed.get(command_id)
        if known is not None and known.repeated(command_id):
            return known
        if text(body, "connection_id") != self._config.connection_id:
            raise no_such_connection()
        called = destination(_single_destination(body), "to")
        self._config.faults.of(called).check("dial")
        leg = Leg(
            direction="outgoing",
            caller=phone(body, "from"),
            called=called,
            offered=self._config.codecs_of(called),
            connection_id=self._config.connection_id,
            webhook_url=web_url(body, "webhook_url", ("http", "https")) or self._config.webhook_url,
            client_state=client_state(body),
        )
        options = read_leg_options(body, self._config, leg.offered, takes_token=True)
        leg.recording_id = str(uuid.uuid4()) if options.record is not None else ""
        self._require_channel(leg)
        self._remember_dial(leg, command_id)
        self._start(self._outgoing(self._add(leg), options))
        self._config.faults.of(called).check_answer("dial")
        return leg

    def _remember_dial(self, leg: Leg, command_id: str) -> None:
        leg.remember(command_id)
        self._dialed = {known: old for known, old in self._dialed.items() if old.repeated(known)}
        if command_id:
            self._dialed[command_id] = leg

    def transfer(self, leg: Leg, body: Body) -> None:
        """Dial a new leg, and bridge it with this leg after the answer. Raises TelnyxError."""
        called = destination(body, "to")
        new = Leg(
            direction="outgoing",
            caller=phone(body, "from") if body.get("from") else leg.called,
            called=called,
            offered=self._config.codecs_of(called),
            transferred_phone=leg.phone,
            connection_id=leg.connection_id,
            webhook_url=web_url(body, "webhook_url", ("http", "https")) or leg.webhook_url,
            client_state=text(body, "target_leg_client_state") or None,
            session_id=leg.session_id,
        )
        digits = text(body, "send_digits_on_answer")
        if not set(digits) <= set("0123456789ABCDwW*#") or len(digits) > 64:
            raise invalid("send_digits_on_answer", "The digits are 0-9, A-D, w, W, * and #, 64 at most.")
        new.answer_digits = digits
        options = read_leg_options(body, self._config, new.offered, takes_token=False)
        self._require_channel(new)
        leg.parks = choice(body, "park_after_unbridge", _PARKS, "") == "self"
        self._start(self._outgoing(self._add(new), options, leg))

    def _require_channel(self, leg: Leg) -> None:
        """Raise TelnyxError for a destination that is not allowed, or if the account has too many outgoing legs."""
        if self._config.countries and not leg.called.startswith(self._config.countries):
            raise forbidden("D13")
        limit = self._config.channel_limit
        if limit and sum(one.direction == "outgoing" and one.state != "hangup" for one in self.legs.values()) >= limit:
            raise forbidden("D1")

    async def _outgoing(self, leg: Leg, options: LegOptions, origin: Leg | None = None) -> None:
        leg.state = "bridging"
        self._lifecycle.initiated(leg)
        try:
            reached = await self._ring(leg, options, origin)
        except NotAnswered as failure:
            return await self._lifecycle.finish(leg, _NOT_ANSWERED.get(failure.reason, _UNREACHABLE))
        if leg.answer_digits:
            await reached.line.play(dtmf_tones(leg.answer_digits))
        if origin is not None:
            leg.spawn(self._lifecycle.bridge(origin, leg), "telnyx bridge")
        await self._lifecycle.run(leg, reached.line, options, reached)

    async def _ring(self, leg: Leg, options: LegOptions, origin: Leg | None) -> AnsweredPhone:
        """Ring until the answer. Raises NotAnswered; with "cancelled" if the leg or the transferred leg hangs up."""
        ringing = asyncio.create_task(
            self._network.ring_phone(
                leg.caller, leg.called, timeout_s=options.ring_s, carrier=CARRIER, call_id=leg.control_id
            )
        )
        hang_ups = [asyncio.create_task(leg.commanded.wait())]
        if origin is not None and origin.line is not None:
            hang_ups.append(asyncio.create_task(origin.line.over.wait()))
        try:
            await asyncio.wait({ringing, *hang_ups}, return_when=asyncio.FIRST_COMPLETED)
            if not ringing.done():
                raise NotAnswered("cancelled")
            return ringing.result()
        finally:
            for task in (ringing, *hang_ups):
                task.cancel()

    # --- Active calls --------------------------------------------------------------------------------------------

    def hang_up(self, leg: Leg) -> None:
        """End a leg, even while it rings."""
        if leg.line is not None:
            leg.line.hang_up()
        elif leg.alive:
            leg.refusal = leg.refusal or HangupCause("call_rejected", "callee")
            leg.commanded.set()

    def bridge(self, leg: Leg, body: Body) -> None:
        """Bridge two answered legs. Raises TelnyxError."""
        other = self.leg(text(body, "call_control_id"))
        if not other.alive:
            raise ended()
        if other.up is None:
            raise not_answered()
        if other is leg or other.bridged:
            raise invalid("call_control_id", "A call can't be bridged with itself, or twice.")
        leg.parks = choice(body, "park_after_unbridge", _PARKS, "") == "self"
        leg.spawn(self._lifecycle.bridge(leg, other), "telnyx bridge")

    def _add(self, leg: Leg) -> Leg:
        self.legs[leg.control_id] = leg
        if len(self.legs) > _MAX_LEGS:
            for control_id in [key for key, old in self.legs.items() if old.state == "hangup"][: _MAX_LEGS // 10]:
                del self.legs[control_id]
        return leg

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="telnyx call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _single_destination(body: Body) -> Body:
    """Return the body with a single `to`, which may be a list with one item."""
    to = body.get("to")
    if not isinstance(to, list):
        return body
    if len(to) != 1:
        raise invalid("to", "This network dials one destination at a time.")
    return {**body, "to": to[0]}
