"""Executes `<Dial>` (docs: voice/twiml/dial): rings a second leg and bridges it with the first."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial

from simulator.carrier.network.dtmf_tones import dtmf_tones
from simulator.carrier.network.line import Line
from simulator.carrier.network.phone_network import NotAnswered, PhoneNetwork
from simulator.carrier.network.twilio.call_registry import STATUS_BY_REASON, CallRegistry
from simulator.carrier.network.twilio.model import Status, StatusCallback, TwilioCall, fresh_sid
from simulator.carrier.network.twilio.recorder import Recorder
from simulator.carrier.network.twilio.twiml import DialVerb
from simulator.carrier.network.twilio.twiml_executor import CallInterrupted, run_unless_interrupted
from simulator.carrier.network.twilio.webhooks import TwilioWebhooks

Fields = tuple[tuple[str, str], ...]

E164 = re.compile(r"\+[1-9]\d{6,14}")
DESTINATION = re.compile(rf"{E164.pattern}|sips?:[^@\s]+@[^@\s]+", re.IGNORECASE)


class DialExecutor:
    """Executes dial verbs. Returns the fields with which the action URL is requested."""

    def __init__(
        self, network: PhoneNetwork, registry: CallRegistry, webhooks: TwilioWebhooks, recorder: Recorder
    ) -> None:
        self._network, self._registry, self._webhooks, self._recorder = (
            network,
            registry,
            webhooks,
            recorder,
        )

    async def dial(self, call: TwilioCall, verb: DialVerb, answer: Callable[[], Awaitable[Line]]) -> Fields:
        """Dial the second leg. Returns when the leg has ended or was not answered.

        The method is canceled when the first leg ends or is redirected.
        """
        callback = StatusCallback(verb.callback, events=tuple(verb.callback_events.split()))
        caller = verb.caller_id or call.caller
        leg = TwilioCall(fresh_sid("CA"), "outbound-dial", caller, verb.number, parent_sid=call.sid, callback=callback)
        self._registry.open(leg)
        call.write_log("dial", leg.sid)
        try:
            bridged = await self._ring_and_bridge(call, leg, verb, answer)
        except NotAnswered as failure:
            self._registry.finish(leg, *STATUS_BY_REASON[failure.reason])
            return _fields(leg, leg.status, bridged=False)
        finally:
            self._registry.finish(leg, "completed" if leg.answered else "canceled", 200 if leg.answered else 487)
        return _fields(leg, "completed", bridged)

    async def _ring_and_bridge(
        self, call: TwilioCall, leg: TwilioCall, verb: DialVerb, answer: Callable[[], Awaitable[Line]]
    ) -> bool:
        if DESTINATION.fullmatch(leg.called) is None:
            call.write_log("error", "the dialed number is not a phone number", 13224)
            raise NotAnswered("failed")
        self._webhooks.progress(leg, "initiated")
        ringing = partial(self._registry.ringing, leg)
        ringing_phone = self._network.ring_phone(
            leg.caller, leg.called, timeout_s=verb.timeout_s, ringing=ringing, carrier="twilio", call_id=leg.sid
        )
        try:
            reached = await run_unless_interrupted(leg, ringing_phone)
        except CallInterrupted:
            raise NotAnswered("cancelled") from None
        self._registry.answered(leg, reached.line)
        if verb.send_digits:
            await reached.line.play(dtmf_tones(verb.send_digits))
        line = await answer()
        if verb.record.startswith("record-from"):
            recorded = StatusCallback(verb.recording_callback)
            self._recorder.start(call, "DialVerb", dual=verb.record.endswith("-dual"), callback=recorded)
        await _bridge(line, reached.line, verb.time_limit_s)
        return True


async def _bridge(line: Line, other: Line, limit_s: float) -> None:
    """Bridge two lines until either ends or the time limit is reached."""
    timer = asyncio.get_running_loop().call_later(limit_s, other.hang_up)
    try:
        await line.bridge(other)
    finally:
        timer.cancel()


def _fields(leg: TwilioCall, status: Status, bridged: bool) -> Fields:
    fields = [("DialCallStatus", status), ("DialCallSid", leg.sid), ("DialBridged", str(bridged).lower())]
    if leg.answered is not None:
        fields.append(("DialCallDuration", str(leg.duration_s)))
    return tuple(fields)
