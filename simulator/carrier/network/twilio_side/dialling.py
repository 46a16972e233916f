"""`<Dial>`: a second leg, rung and bridged with the first."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial

from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio_side.flow import Stopped, unless_stopped
from simulator.carrier.network.twilio_side.ledger import REASONS, Ledger
from simulator.carrier.network.twilio_side.model import Call, Callback, Status, fresh_sid
from simulator.carrier.network.twilio_side.recorder import Recorder
from simulator.carrier.network.twilio_side.twiml import Dial
from simulator.carrier.network.twilio_side.webhooks import Webhooks
from simulator.carrier.network.world import NotReached, World

Fields = tuple[tuple[str, str], ...]

E164 = re.compile(r"\+[1-9]\d{6,14}")


class Dialling:
    """Dials for a call and tells how it went, in the fields that its action is asked with."""

    def __init__(self, world: World, ledger: Ledger, webhooks: Webhooks, recorder: Recorder) -> None:
        self._world, self._ledger, self._webhooks, self._recorder = world, ledger, webhooks, recorder

    async def dial(self, call: Call, verb: Dial, answer: Callable[[], Awaitable[Line]]) -> Fields:
        """Returns when the other leg is over or was not reached; cancelled when the first leg is over or moved."""
        callback = Callback(verb.callback, events=tuple(verb.callback_events.split()))
        caller = verb.caller_id or call.caller
        leg = Call(fresh_sid("CA"), "outbound-dial", caller, verb.number, parent_sid=call.sid, callback=callback)
        self._ledger.open(leg)
        call.note("dial", leg.sid)
        try:
            bridged = await self._reach(call, leg, verb, answer)
        except NotReached as failure:
            self._ledger.finish(leg, *REASONS[failure.reason])
            return _fields(leg, leg.status, bridged=False)
        finally:
            self._ledger.finish(leg, "completed" if leg.answered else "canceled", 200 if leg.answered else 487)
        return _fields(leg, "completed", bridged)

    async def _reach(self, call: Call, leg: Call, verb: Dial, answer: Callable[[], Awaitable[Line]]) -> bool:
        if E164.fullmatch(leg.called) is None:
            call.note("error", "the dialled number is no phone number", 13224)
            raise NotReached("failed")
        self._webhooks.progress(leg, "initiated")
        ringing = partial(self._ledger.ringing, leg)
        reaching = self._world.reach(
            leg.caller, leg.called, timeout_s=verb.timeout_s, ringing=ringing, carrier="twilio", call_id=leg.sid
        )
        try:
            reached = await unless_stopped(leg, reaching)
        except Stopped:
            raise NotReached("cancelled") from None
        self._ledger.answered(leg, reached.line)
        line = await answer()
        if verb.record.startswith("record-from"):
            recorded = Callback(verb.recording_callback)
            self._recorder.start(call, "DialVerb", dual=verb.record.endswith("-dual"), callback=recorded)
        await _together(line, reached.line, verb.time_limit_s)
        return True


async def _together(line: Line, other: Line, limit_s: float) -> None:
    """The bridge, until one phone is over or the limit has come."""
    timer = asyncio.get_running_loop().call_later(limit_s, other.hang_up)
    try:
        await line.bridge(other)
    finally:
        timer.cancel()


def _fields(leg: Call, status: Status, bridged: bool) -> Fields:
    fields = [("DialCallStatus", status), ("DialCallSid", leg.sid), ("DialBridged", str(bridged).lower())]
    if leg.answered is not None:
        fields.append(("DialCallDuration", str(leg.duration_s)))
    return tuple(fields)
