"""Media streams of calls: the socket is dialled, carried, and its end told."""

import uuid

import aiohttp

from simulator.carrier.dial import BadUrl, CannotConnect
from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.events import Webhooks
from simulator.carrier.network.telnyx_side.leg import Leg, tell
from simulator.carrier.network.telnyx_side.shape import CallShape, StreamSettings
from simulator.carrier.stream import StreamEnd
from simulator.carrier.wire import Identity


class Streams:
    """Starts and stops the one stream that a call may have."""

    def __init__(self, config: TelnyxConfig, webhooks: Webhooks, session: aiohttp.ClientSession, user_id: str) -> None:
        self._config, self._webhooks, self._session, self._user_id = config, webhooks, session, user_id

    def start(self, leg: Leg, settings: StreamSettings) -> None:
        """Dials in the background; streaming.started or streaming.failed follows."""
        leg.stream = settings
        leg.spawn(self._run(leg, settings), "telnyx stream")

    def stop(self, leg: Leg) -> None:
        """Takes it off the line; streaming.stopped follows. Nothing happens when there is none."""
        leg.stream = None
        if leg.line is not None:
            leg.line.end_stream()

    async def _run(self, leg: Leg, settings: StreamSettings) -> None:
        """A sound that is on the line is heard first."""
        stream_id = str(uuid.uuid4())
        async with leg.on_line:
            line = leg.up
            if line is None or leg.stream is not settings:
                return
            began: list[bool] = []
            shape = self._shape(leg, settings, stream_id, began)
            outcome = await self._carry(line, settings, shape)
            if leg.stream is settings:
                leg.stream = None
        self._tell_end(leg, settings, stream_id, outcome, bool(began))

    async def _carry(self, line: Line, settings: StreamSettings, shape: CallShape) -> StreamEnd | str:
        """How it ended, or why there was no stream."""
        headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else None
        try:
            return await line.stream(self._session, settings.url, shape, headers=headers)
        except (BadUrl, CannotConnect) as error:
            return str(error)

    def _shape(self, leg: Leg, settings: StreamSettings, stream_id: str, began: list[bool]) -> CallShape:
        identity = Identity(
            self._user_id, leg.control_id, stream_id, caller=leg.caller, called=leg.called, params=settings.parameters
        )

        def start() -> None:
            began.append(True)
            tell(self._webhooks, leg, "streaming.started", stream_url=settings.url)

        def press(digit: str) -> None:
            tell(self._webhooks, leg, "call.dtmf.received", digit=digit)

        return CallShape(identity, settings, leg.session_id, leg.client_state, start, press)

    def _tell_end(
        self, leg: Leg, settings: StreamSettings, stream_id: str, outcome: StreamEnd | str, began: bool
    ) -> None:
        """A socket that was closed in order, by either side, stopped; one that broke failed, unless `broken_stream`
        says that it stopped as well. The documentation names both events and doesn't say which belongs to a broken
        socket; failed is the one that has a reason to tell."""
        if isinstance(outcome, str):
            failure = outcome
        elif not began:
            failure = "the call ended before the stream began"
        elif outcome.by == "broken" and self._config.broken_stream == "failed":
            failure = f"the connection broke (close code {outcome.code})"
        else:
            return tell(self._webhooks, leg, "streaming.stopped", stream_url=settings.url)
        tell(
            self._webhooks,
            leg,
            "streaming.failed",
            failure_reason=failure,
            stream_id=stream_id,
            stream_params={"stream_url": settings.url, "track": settings.track},
            stream_type="websocket",
        )
