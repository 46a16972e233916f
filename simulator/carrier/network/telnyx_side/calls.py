"""The calls of the account, from the first ring to call.cost."""

import asyncio
import uuid
from collections.abc import Coroutine

from simulator.carrier.network.telnyx_side.carriage import Carriage
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.events import Webhooks
from simulator.carrier.network.telnyx_side.fields import Body, choice, client_state, phone, text, web_url
from simulator.carrier.network.telnyx_side.leg import Cause, Leg
from simulator.carrier.network.telnyx_side.plan import Plan, read_plan
from simulator.carrier.network.telnyx_side.problems import (
    ended,
    invalid,
    no_such_call,
    no_such_connection,
    not_answered,
)
from simulator.carrier.network.telnyx_side.recordings import Recordings
from simulator.carrier.network.telnyx_side.streams import Streams
from simulator.carrier.network.world import Incoming, NotReached, Reached, World

CARRIER = "telnyx"

_MOST_LEGS = 10_000
_PARKS = ("self", "")

_CANCELLED = Cause("originator_cancel", "caller", "487")
_NOT_REACHED = {
    "busy": Cause("user_busy", "callee", "486"),
    "rejected": Cause("call_rejected", "callee", "603"),
    "no_answer": Cause("timeout", "unknown", "487"),
    "unknown_number": Cause("not_found", "callee", "404"),
    "cancelled": _CANCELLED,
}
_REFUSED_AS = {
    "user_busy": "busy",
    "not_found": "failed",
    "unspecified": "failed",
    "timeout": "no_answer",
    "originator_cancel": "cancelled",
}
_UNREACHABLE = Cause("unspecified", "unknown", "503")


class Calls:
    """Every leg that is up, and those that ended lately."""

    def __init__(
        self, world: World, config: TelnyxConfig, webhooks: Webhooks, streams: Streams, recordings: Recordings
    ) -> None:
        self.legs: dict[str, Leg] = {}
        self._world, self._config = world, config
        self._carriage = Carriage(config, webhooks, streams, recordings)
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialled: dict[str, Leg] = {}

    def leg(self, control_id: str) -> Leg:
        """A leg to be looked at. Raises TelnyxProblem."""
        found = self.legs.get(control_id)
        if found is None:
            raise no_such_call()
        return found

    async def close(self) -> None:
        """Hangs up everything and waits until all legs have ended."""
        for leg in self.legs.values():
            self.hang_up(leg)
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    # --- Calls that come in ---------------------------------------------------------------------------------------

    async def incoming(self, call: Incoming) -> None:
        """Serves a call to one of the account's numbers, to its end. It rings until it's commanded."""
        leg = self._add(
            Leg(
                direction="incoming",
                caller=call.caller,
                called=call.called,
                connection_id=self._config.connection_id,
                webhook_url=self._config.webhook_url,
            )
        )
        call.ringing(leg.control_id)
        self._carriage.initiated(leg)
        try:
            await asyncio.shield(self._start(self._incoming(leg, call)))
        except asyncio.CancelledError:
            call.hung_up.set()
            raise

    async def _incoming(self, leg: Leg, call: Incoming) -> None:
        cause = await self._parked(leg, call)
        if cause is None and leg.plan is not None:
            try:
                return await self._carriage.carry(leg, await call.answer(), leg.plan)
            except NotReached:
                cause = _CANCELLED
        cause = cause or _CANCELLED
        call.refuse(_REFUSED_AS.get(cause.cause, "rejected"))
        await self._carriage.finish(leg, cause)

    async def _parked(self, leg: Leg, call: Incoming) -> Cause | None:
        """Why the call isn't answered; None: it is to be."""
        come = [asyncio.create_task(event.wait()) for event in (leg.commanded, call.hung_up)]
        try:
            await asyncio.wait(come, timeout=self._config.park_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in come:
                task.cancel()
        if call.hung_up.is_set():
            return _CANCELLED
        if not leg.commanded.is_set():
            return Cause("timeout", "unknown")
        return leg.refusal

    # --- Calls that go out ----------------------------------------------------------------------------------------

    def dial(self, body: Body) -> Leg:
        """POST /calls: a new leg, which rings from now on. Raises TelnyxProblem."""
        command_id = text(body, "command_id")
        known = self._dialled.get(command_id)
        if known is not None and known.repeated(command_id):
            return known
        if text(body, "connection_id") != self._config.connection_id:
            raise no_such_connection()
        leg = Leg(
            direction="outgoing",
            caller=phone(body, "from"),
            called=phone(_first(body), "to"),
            connection_id=self._config.connection_id,
            webhook_url=web_url(body, "webhook_url", ("http", "https")) or self._config.webhook_url,
            client_state=client_state(body),
        )
        plan = read_plan(body, self._config, takes_token=True)
        leg.recording_id = str(uuid.uuid4()) if plan.record is not None else ""
        self._note(leg, command_id)
        self._start(self._outgoing(self._add(leg), plan))
        return leg

    def _note(self, leg: Leg, command_id: str) -> None:
        leg.remember(command_id)
        self._dialled = {known: old for known, old in self._dialled.items() if old.repeated(known)}
        if command_id:
            self._dialled[command_id] = leg

    def transfer(self, leg: Leg, body: Body) -> None:
        """The leg is bridged with a new one as soon as that is answered. Raises TelnyxProblem."""
        new = Leg(
            direction="outgoing",
            caller=phone(body, "from") if body.get("from") else leg.called,
            called=phone(body, "to"),
            connection_id=leg.connection_id,
            webhook_url=web_url(body, "webhook_url", ("http", "https")) or leg.webhook_url,
            client_state=text(body, "target_leg_client_state") or None,
            session_id=leg.session_id,
        )
        plan = read_plan(body, self._config, takes_token=False)
        leg.parks = choice(body, "park_after_unbridge", _PARKS, "") == "self"
        self._start(self._outgoing(self._add(new), plan, leg))

    async def _outgoing(self, leg: Leg, plan: Plan, origin: Leg | None = None) -> None:
        leg.state = "bridging"
        self._carriage.initiated(leg)
        try:
            reached = await self._reach(leg, plan, origin)
        except NotReached as failure:
            return await self._carriage.finish(leg, _NOT_REACHED.get(failure.reason, _UNREACHABLE))
        if origin is not None:
            leg.spawn(self._carriage.bridge(origin, leg), "telnyx bridge")
        await self._carriage.carry(leg, reached.line, plan, reached)

    async def _reach(self, leg: Leg, plan: Plan, origin: Leg | None) -> Reached:
        """Rings until there is an answer. Raises NotReached; "cancelled" when the leg, or the one that is to be
        transferred, is hung up before."""
        ringing = asyncio.create_task(
            self._world.reach(leg.caller, leg.called, timeout_s=plan.ring_s, carrier=CARRIER, call_id=leg.control_id)
        )
        gone = [asyncio.create_task(leg.commanded.wait())]
        if origin is not None and origin.line is not None:
            gone.append(asyncio.create_task(origin.line.over.wait()))
        try:
            await asyncio.wait({ringing, *gone}, return_when=asyncio.FIRST_COMPLETED)
            if not ringing.done():
                raise NotReached("cancelled")
            return ringing.result()
        finally:
            for task in (ringing, *gone):
                task.cancel()

    # --- Calls that are up ----------------------------------------------------------------------------------------

    def hang_up(self, leg: Leg) -> None:
        """The customer ends the leg; one that rings, too."""
        if leg.line is not None:
            leg.line.hang_up()
        elif leg.alive:
            leg.refusal = leg.refusal or Cause("call_rejected", "callee")
            leg.commanded.set()

    def bridge(self, leg: Leg, body: Body) -> None:
        """Two legs that are up hear each other. Raises TelnyxProblem."""
        other = self.leg(text(body, "call_control_id"))
        if not other.alive:
            raise ended()
        if other.up is None:
            raise not_answered()
        if other is leg or other.bridged:
            raise invalid("call_control_id", "A call can't be bridged with itself, or twice.")
        leg.parks = choice(body, "park_after_unbridge", _PARKS, "") == "self"
        leg.spawn(self._carriage.bridge(leg, other), "telnyx bridge")

    def _add(self, leg: Leg) -> Leg:
        self.legs[leg.control_id] = leg
        if len(self.legs) > _MOST_LEGS:
            for control_id in [key for key, old in self.legs.items() if old.state == "hangup"][: _MOST_LEGS // 10]:
                del self.legs[control_id]
        return leg

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="telnyx call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _first(body: Body) -> Body:
    """`to` may be a list; this network rings one phone."""
    to = body.get("to")
    if not isinstance(to, list):
        return body
    if len(to) != 1:
        raise invalid("to", "This network dials one destination at a time.")
    return {**body, "to": to[0]}
