"""Media streams of legs: opens the socket, runs the stream, and publishes its events."""

import uuid

import aiohttp

from simulator.carrier.media_call import BadUrl, CannotConnect
from simulator.carrier.media_stream import StreamEnd
from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.events import TelnyxWebhooks
from simulator.carrier.network.telnyx.leg import Leg, publish_event
from simulator.carrier.network.telnyx.stream_settings import CallStreamMessages, StreamSettings
from simulator.carrier.stream_messages import CallIdentity


class TelnyxMediaStreams:
    """Starts and stops the single stream that a leg may have."""

    def __init__(
        self, config: TelnyxConfig, webhooks: TelnyxWebhooks, session: aiohttp.ClientSession, user_id: str
    ) -> None:
        self._config, self._webhooks, self._session, self._user_id = config, webhooks, session, user_id

    def start(self, leg: Leg, settings: StreamSettings) -> None:
        """Connect in the background. Publishes streaming.started or streaming.failed."""
        leg.stream = settings
        leg.spawn(self._run(leg, settings), "telnyx stream")

    def stop(self, leg: Leg) -> None:
        """End the stream, if there is one. Publishes streaming.stopped."""
        leg.stream = None
        if leg.line is not None:
            leg.line.end_stream()

    async def _run(self, leg: Leg, settings: StreamSettings) -> None:
        """Run the stream after the current sound, if any."""
        stream_id = str(uuid.uuid4())
        async with leg.line_lock:
            line = leg.up
            if line is None or leg.stream is not settings:
                return
            started: list[bool] = []
            messages = self._make_messages(leg, settings, stream_id, started)
            outcome = await self._connect(line, settings, messages)
            if leg.stream is settings:
                leg.stream = None
        self._publish_end(leg, settings, stream_id, outcome, bool(started))

    async def _connect(self, line: Line, settings: StreamSettings, messages: CallStreamMessages) -> StreamEnd | str:
        """Return how the stream ended, or why it was not opened."""
        headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else None
        try:
            return await line.stream(self._session, settings.url, messages, headers=headers)
        except (BadUrl, CannotConnect) as error:
            return str(error)

    def _make_messages(
        self, leg: Leg, settings: StreamSettings, stream_id: str, started: list[bool]
    ) -> CallStreamMessages:
        identity = CallIdentity(
            self._user_id, leg.control_id, stream_id, caller=leg.caller, called=leg.called, params=settings.parameters
        )

        def start() -> None:
            started.append(True)
            publish_event(self._webhooks, leg, "streaming.started", stream_url=settings.url)

        def press(digit: str) -> None:
            publish_event(self._webhooks, leg, "call.dtmf.received", digit=digit)

        return CallStreamMessages(identity, settings, leg.session_id, leg.client_state, start, press)

    def _publish_end(
        self, leg: Leg, settings: StreamSettings, stream_id: str, outcome: StreamEnd | str, started: bool
    ) -> None:
        """Publish streaming.stopped after an orderly close by either side, streaming.failed after a broken socket.

        The documentation (voice/programmable-voice/media-streaming) names both events, but not the event for a broken
        socket. streaming.failed is the default because it contains a reason; `broken_stream` changes the event.
        """
        silent = self._config.faults.of(leg.phone).silent_closes
        if isinstance(outcome, StreamEnd) and outcome.by == "agent" and silent:
            return
        if isinstance(outcome, str):
            failure = outcome
        elif not started:
            failure = "the call ended before the stream began"
        elif outcome.by == "broken" and self._config.broken_stream == "failed":
            failure = f"the connection broke (close code {outcome.code})"
        else:
            return publish_event(self._webhooks, leg, "streaming.stopped", stream_url=settings.url)
        publish_event(
            self._webhooks,
            leg,
            "streaming.failed",
            failure_reason=failure,
            stream_id=stream_id,
            stream_params={"stream_url": settings.url, "track": settings.track},
            stream_type="websocket",
        )
