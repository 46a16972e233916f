"""The lifecycle of a leg: call.initiated, call.answered, streams, recordings and bridges, call.hangup, call.cost."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from simulator.carrier.network.line import Line
from simulator.carrier.network.phone_network import AnsweredPhone
from simulator.carrier.network.telnyx.call_charges import call_cost, quality_stats
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.events import TelnyxWebhooks, iso
from simulator.carrier.network.telnyx.leg import HangupCause, Leg, publish_event
from simulator.carrier.network.telnyx.leg_options import LegOptions
from simulator.carrier.network.telnyx.machine_detection import MachineDetector
from simulator.carrier.network.telnyx.media_streams import TelnyxMediaStreams
from simulator.carrier.network.telnyx.recordings import Recordings


class LegLifecycle:
    """Runs legs and publishes their events."""

    def __init__(
        self, config: TelnyxConfig, webhooks: TelnyxWebhooks, streams: TelnyxMediaStreams, recordings: Recordings
    ) -> None:
        self._config, self._webhooks = config, webhooks
        self._streams, self._recordings = streams, recordings
        self._detector = MachineDetector(webhooks, config.detect_s)

    async def bridge(self, leg: Leg, other: Leg) -> None:
        """Bridge two legs. A stream or sound ends when the bridge begins, because a line has one endpoint at a time.

        When one leg ends, the other is hung up unless it parks. If a leg is already bridged (by a second transfer),
        only `other` is hung up.
        """
        if leg.bridged or other.bridged:
            return _hang_up_unless_parked(other)
        leg.bridged = other.bridged = True
        both = sorted((leg, other), key=lambda one: one.leg_id)
        for one in both:
            _end_media(one)
        async with both[0].line_lock, both[1].line_lock:
            if leg.up is not None and other.up is not None:
                for one in (other, leg):
                    publish_event(self._webhooks, one, "call.bridged")
                await leg.up.bridge(other.up)
        leg.bridged = other.bridged = False
        for one in both:
            _hang_up_unless_parked(one)

    async def run(self, leg: Leg, line: Line, options: LegOptions, reached: AnsweredPhone | None = None) -> None:
        """Run a leg from the answer to its end."""
        leg.line, leg.state, leg.codec = line, "answered", options.codec
        if self._config.faults.of(leg.phone).changes_ids:
            leg.change_id()
        limited = False
        try:
            self._publish_answered(leg, options)
            if reached is not None and leg.commanded.is_set():
                line.hang_up()
            if options.record is not None:
                self._recordings.start(leg, line, options.record, leg.recording_id)
            if options.stream.url:
                self._streams.start(leg, options.stream)
            if reached is not None:
                self._detector.start(leg, line, reached, options.detection)
            limited = await self._wait_for_end(line, options.limit_s)
            await line.closed()
        finally:
            line.hang_up()
            cause = HangupCause("time_limit", "unknown", "200") if limited else _hangup_cause(leg, line)
            await self.finish(leg, cause)

    async def _wait_for_end(self, line: Line, limit_s: float) -> bool:
        """Wait for the end of the line. Returns True if the time limit ended it."""
        try:
            async with asyncio.timeout(limit_s):
                await line.over.wait()
        except TimeoutError:
            line.hang_up()
            return True
        return False

    async def finish(self, leg: Leg, cause: HangupCause) -> None:
        """Publish call.hangup and call.cost after the events of the leg's running tasks."""
        leg.ended_at = datetime.now(UTC)
        if leg.tasks:
            await asyncio.wait(set(leg.tasks))
        leg.state = "hangup"
        publish_event(
            self._webhooks,
            leg,
            "call.hangup",
            state="hangup",
            start_time=iso(leg.started_at),
            hangup_cause=cause.cause,
            hangup_source=cause.source,
            sip_hangup_cause=cause.sip if leg.direction == "outgoing" else "unspecified",
            call_quality_stats=quality_stats(leg),
            tags=[],
        )
        self._recordings.stop(leg)
        if self._config.cost_webhooks:
            publish_event(self._webhooks, leg, "call.cost", **call_cost(leg))
        leg.drop_line()

    # --- Events --------------------------------------------------------------------------------------------------

    def initiated(self, leg: Leg) -> None:
        """Publish call.initiated."""
        content: Mapping[str, object] = {
            "direction": leg.direction,
            "state": "parked" if leg.direction == "incoming" else "bridging",
            "start_time": iso(leg.started_at),
            "caller_id_name": leg.caller,
            "calling_party_type": "pstn",
            "connection_codecs": "PCMU,PCMA,G722",
            "offered_codecs": leg.offered,
            "tags": [],
        }
        publish_event(self._webhooks, leg, "call.initiated", **content)

    def _publish_answered(self, leg: Leg, options: LegOptions) -> None:
        content: dict[str, object] = {
            "state": "answered",
            "start_time": iso(leg.started_at),
            "codec": options.codec,
            "sampling_rate": 48000 if options.codec == "OPUS" else 8000,
            "calling_party_type": "pstn",
            "tags": [],
        }
        if options.stream.url:
            content |= {"stream_url": options.stream.url, "stream_track": options.stream.track}
        publish_event(self._webhooks, leg, "call.answered", **content)


def _end_media(leg: Leg) -> None:
    leg.stream, leg.sounding = None, False
    if leg.line is not None:
        leg.line.interrupt()


def _hang_up_unless_parked(leg: Leg) -> None:
    if leg.line is not None and not leg.parks:
        leg.line.hang_up()


def _hangup_cause(leg: Leg, line: Line) -> HangupCause:
    """Return the cause of an ended call. The party is the caller on an incoming call, and the callee on an outgoing
    call.
    """
    party_left = line.by == "caller"
    return HangupCause("normal_clearing", "caller" if party_left == (leg.direction == "incoming") else "callee", "200")
