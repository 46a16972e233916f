"""A call that is up: from the answer, through streams, recordings and bridges, to call.hangup and call.cost."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.detect import Detector
from simulator.carrier.network.telnyx_side.events import Webhooks, iso
from simulator.carrier.network.telnyx_side.leg import Cause, Leg, tell
from simulator.carrier.network.telnyx_side.plan import Plan
from simulator.carrier.network.telnyx_side.recordings import Recordings
from simulator.carrier.network.telnyx_side.report import cost, quality
from simulator.carrier.network.telnyx_side.streams import Streams
from simulator.carrier.network.world import Reached


class Carriage:
    """Carries legs, and tells of them."""

    def __init__(self, config: TelnyxConfig, webhooks: Webhooks, streams: Streams, recordings: Recordings) -> None:
        self._config, self._webhooks = config, webhooks
        self._streams, self._recordings = streams, recordings
        self._detector = Detector(webhooks, config.detect_s)

    async def bridge(self, leg: Leg, other: Leg) -> None:
        """One thing is on a line at a time here, so a stream or a sound ends when the bridge begins. When one of both
        is over, the other is hung up, unless it parks. A leg that somebody else was bridged with first, as by a second
        transfer, is left alone."""
        if leg.bridged or other.bridged:
            return _put_down(other)
        leg.bridged = other.bridged = True
        both = sorted((leg, other), key=lambda one: one.leg_id)
        for one in both:
            self._clear(one)
        async with both[0].on_line, both[1].on_line:
            if leg.up is not None and other.up is not None:
                for one in (other, leg):
                    tell(self._webhooks, one, "call.bridged")
                await leg.up.bridge(other.up)
        leg.bridged = other.bridged = False
        for one in both:
            _put_down(one)

    def _clear(self, leg: Leg) -> None:
        leg.stream, leg.sounding = None, False
        if leg.line is not None:
            leg.line.interrupt()

    async def carry(self, leg: Leg, line: Line, plan: Plan, reached: Reached | None = None) -> None:
        """From the answer to the end."""
        leg.line, leg.state = line, "answered"
        limited = False
        try:
            self._answered(leg, plan)
            if reached is not None and leg.commanded.is_set():
                line.hang_up()
            if plan.record is not None:
                self._recordings.start(leg, line, plan.record, leg.recording_id)
            if plan.stream.url:
                self._streams.start(leg, plan.stream)
            if reached is not None:
                self._detector.listen(leg, line, reached, plan.detection)
            limited = await self._until_over(line, plan.limit_s)
            await line.closed()
        finally:
            line.hang_up()
            cause = Cause("time_limit", "unknown", "200") if limited else _ended(leg, line)
            await self.finish(leg, cause)

    async def _until_over(self, line: Line, limit_s: float) -> bool:
        """Whether it was the limit that ended it."""
        try:
            async with asyncio.timeout(limit_s):
                await line.over.wait()
        except TimeoutError:
            line.hang_up()
            return True
        return False

    async def finish(self, leg: Leg, cause: Cause) -> None:
        """What was going on ends first, and its events come first."""
        leg.ended_at = datetime.now(UTC)
        if leg.tasks:
            await asyncio.wait(set(leg.tasks))
        leg.state = "hangup"
        tell(
            self._webhooks,
            leg,
            "call.hangup",
            state="hangup",
            start_time=iso(leg.started_at),
            hangup_cause=cause.cause,
            hangup_source=cause.source,
            sip_hangup_cause=cause.sip if leg.direction == "outgoing" else "unspecified",
            call_quality_stats=quality(leg),
            tags=[],
        )
        self._recordings.stop(leg)
        if self._config.cost_webhooks:
            tell(self._webhooks, leg, "call.cost", **cost(leg))
        leg.forget_line()

    # --- What is told at the beginning ----------------------------------------------------------------------------

    def initiated(self, leg: Leg) -> None:
        """call.initiated."""
        said: Mapping[str, object] = {
            "direction": leg.direction,
            "state": "parked" if leg.direction == "incoming" else "bridging",
            "start_time": iso(leg.started_at),
            "caller_id_name": leg.caller,
            "calling_party_type": "pstn",
            "connection_codecs": "PCMU,PCMA,G722",
            "offered_codecs": self._config.codec,
            "tags": [],
        }
        tell(self._webhooks, leg, "call.initiated", **said)

    def _answered(self, leg: Leg, plan: Plan) -> None:
        said: dict[str, object] = {
            "state": "answered",
            "start_time": iso(leg.started_at),
            "codec": self._config.codec,
            "sampling_rate": 8000,
            "calling_party_type": "pstn",
            "tags": [],
        }
        if plan.stream.url:
            said |= {"stream_url": plan.stream.url, "stream_track": plan.stream.track}
        tell(self._webhooks, leg, "call.answered", **said)


def _put_down(leg: Leg) -> None:
    if leg.line is not None and not leg.parks:
        leg.line.hang_up()


def _ended(leg: Leg, line: Line) -> Cause:
    """On an incoming call the party is the caller and the customer the callee; on an outgoing one it's the reverse."""
    party_left = line.by == "caller"
    return Cause("normal_clearing", "caller" if party_left == (leg.direction == "incoming") else "callee", "200")
