"""One event loop's calls: puts streams through, keeps the pulse, drains."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import structlog

from media.audio.transcode import Transcoder
from media.call.call import Call
from media.call.hints import Hints
from media.call.journal import Journal, Sink
from media.call.parts import Parts
from media.call.recording import Recorder
from media.providers.factory import Factory
from media.server.connection import Connection, Refused
from media.server.frames import CloseCode
from media.server.keeper import Keeper, Record
from media.server.limits import Limits
from media.server.lobby import Lobby
from media.server.metrics import Metrics
from media.server.plans import Door, NoPlan, PlanSource
from media.server.pulse import Pulse
from media.telephony.wire import Started
from media.turn.vad import VadEngine
from shared import events
from shared.events import CallEnded, CallResumed, CallStarted, EndReason, Envelope, Usage
from shared.ids import new_id
from shared.plan import CallPlan, PlanError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Resources:
    """What a worker's calls share. `judge` is smart-turn's opinion (slow, runs on `pool`), None when it is off."""

    limits: Limits
    plans: PlanSource
    providers: Factory
    engine: VadEngine
    keeper: Keeper
    disk: Executor
    pool: Executor
    metrics: Metrics
    judge: Callable[[bytes], float] | None = None


class Worker:
    """Implements `Operator` for its connections."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._lobby = Lobby(resources.limits.max_waiting, resources.metrics)
        self._calls: set[Connection] = set()  # those that have claimed a plan
        self._pulse = Pulse(resources.engine.run, self._sweep)
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The sockets that are open now."""
        return tuple(self._connections)

    @property
    def calls(self) -> int:
        """How many of them have a call: this node's load."""
        return len(self._calls)

    @property
    def full(self) -> bool:
        """No room for another call."""
        return len(self._calls) >= self._resources.limits.max_calls

    @property
    def crowded(self) -> bool:
        """No room for another socket, though there may be for a call."""
        return self._lobby.crowded

    def start(self) -> None:
        """Begins to tick; on the running loop."""
        self._pulse.start()

    def serve(self, connection: Connection, door: Door) -> None:
        """Begins to run a socket, to its end."""
        self._lobby.enter(connection)
        self._connections[connection] = asyncio.create_task(self._run(connection, door))
        self._idle.clear()

    async def _run(self, connection: Connection, door: Door) -> None:
        try:
            await connection.run(_Desk(self, door))
        finally:
            self._pulse.remove(connection)
            del self._connections[connection]
            self._lobby.leave(connection)
            if connection in self._calls:
                self._calls.remove(connection)
                self._resources.metrics.calls_active.dec()
            self._resources.metrics.messages.inc(connection.messages)
            if not self._connections:
                self._idle.set()

    async def drain(self) -> None:
        """No new calls; running calls finish, within the limit; then they are ended."""
        self.draining = True
        self._resources.metrics.draining.set(1)
        try:
            async with asyncio.timeout(self._resources.limits.drain_timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("drain.timeout", calls=self.calls)
            self.shut("media_lost", "the server is shutting down")
            await self._last_wait()
        self._pulse.stop()

    def shut(self, reason: EndReason, detail: str) -> None:
        """Ends all calls."""
        for connection in self.connections:
            connection.shut(reason, detail)

    async def connect(self, started: Started, connection: Connection, door: Door) -> Call:
        """Makes the call of a stream. Raises Refused."""
        resources = self._resources
        plan = await self._claim(started, door)
        self._lobby.leave(connection)
        self._calls.add(connection)
        resources.metrics.calls_active.inc()
        call_id = plan.call_id or new_id()
        record = resources.keeper.open(plan, call_id)
        journal = Journal(call_id, _Observed(record, resources.metrics, door.carrier), leg=plan.leg)
        clock = _clock_of(plan)
        journal.emit(_beginning(plan, started, door, clock()))
        try:
            call = self._assemble(plan, started, connection, record, journal, clock)
        except Exception as error:  # whatever it is: a call that was begun in the records must also end there
            _give_up(journal, error, clock())
            if isinstance(error, PlanError):
                resources.metrics.refused.labels("bad_plan").inc()
                raise Refused(str(error)) from error
            raise
        record.joined(call)
        connection.on_left = record.left
        self._pulse.add(connection, connection.tick)
        return call

    def wire_error(self, code: str) -> None:
        """Counts a protocol error."""
        self._resources.metrics.wire_errors.labels(code).inc()

    async def _claim(self, started: Started, door: Door) -> CallPlan:
        """Raises Refused."""
        try:
            if self.full:  # since the socket was opened; the ticket stays good
                raise NoPlan("no plan: no room for another call", "full", again=True)
            return await self._resources.plans.claim(started, door)
        except NoPlan as error:
            self._resources.metrics.refused.labels(error.code).inc()
            log.warning("stream.refused", reason=error.code, carrier=door.carrier)
            raise Refused(str(error), CloseCode.TRY_AGAIN if error.again else CloseCode.POLICY) from error

    def _assemble(
        self,
        plan: CallPlan,
        started: Started,
        connection: Connection,
        record: Record,
        journal: Journal,
        clock: Callable[[], float],
    ) -> Call:
        """The media path of one call, put together in one place."""
        resources = self._resources
        transcoder = Transcoder(started.encoding, started.sample_rate)
        connection.from_ulaw = transcoder.from_ulaw
        providers = resources.providers.build(plan, journal.emit)
        smart = resources.judge is not None and plan.turn.smart_turn
        track = resources.engine.track()
        connection.on_end = lambda: resources.engine.release(track)
        return Call(
            Parts(
                plan=plan,
                line=connection,
                hear=providers.hear,
                think=providers.think,
                speak=providers.speak,
                track=track,
                journal=journal,
                clock=clock,
                transcoder=transcoder,
                recorder=Recorder(record.recording, resources.disk, clock()) if plan.recording else None,
                hints=Hints(resources.judge, resources.pool) if smart and resources.judge else None,
                archive=record.archive,
                heard=record.heard,
            )
        )

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in self.connections:
            connection.sweep(now)

    async def _last_wait(self) -> None:
        """Ended calls get as long as a stuck socket may take, and no longer."""
        try:
            async with asyncio.timeout(2 * self._resources.limits.send_timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.error("drain.stuck", calls=len(self._connections))


@dataclass(frozen=True, slots=True)
class _Desk:
    """The worker, for a socket that came by one path."""

    worker: Worker
    door: Door

    async def connect(self, started: Started, connection: Connection) -> Call:
        return await self.worker.connect(started, connection, self.door)

    def wire_error(self, code: str) -> None:
        self.worker.wire_error(code)


def _clock_of(plan: CallPlan) -> Callable[[], float]:
    """Ms since the call's first stream began."""
    loop = asyncio.get_running_loop()
    before = max(0.0, time.time() * 1000 - plan.resume.began_ms) if plan.resume else 0.0
    began = loop.time() - before / 1000
    return lambda: (loop.time() - began) * 1000.0


def _beginning(plan: CallPlan, started: Started, door: Door, now: float) -> CallStarted | CallResumed:
    if plan.leg:
        lost_ms = max(0, round(time.time() * 1000) - plan.resume.lost_ms) if plan.resume else 0
        return CallResumed(round(now), lost_ms, plan.leg, started.stream_id)
    return CallStarted(
        door.carrier,  # type: ignore[arg-type]  # one of the three names that the routes give
        started.carrier_call_id,
        started.stream_id,
        plan.agent.name,
        started.caller,
        started.called,
    )


def _give_up(journal: Journal, error: Exception, now: float) -> None:
    unusable = isinstance(error, PlanError)
    reason: EndReason = "provider_error" if unusable else "carrier_error"
    detail = str(error) if unusable else f"internal fault: {type(error).__name__}"
    journal.emit(CallEnded("failed", reason, detail, round(now), Usage()))
    journal.close()


class _Observed:
    """A sink that counts on the way what Prometheus wants to know."""

    def __init__(self, sink: Sink, metrics: Metrics, carrier: str) -> None:
        self._sink = sink
        self._metrics = metrics
        self._carrier = carrier

    def write(self, envelope: Envelope) -> None:
        self._count(envelope.call_id, envelope.event)
        self._sink.write(envelope)

    def close(self) -> None:
        self._sink.close()

    def _count(self, call_id: str, event: events.Event) -> None:
        metrics = self._metrics
        match event:
            case events.TurnLatency():
                self._time(event)
            case events.Interrupted():
                metrics.interruptions.inc()
            case events.Resumed():
                metrics.resumed.inc()
            case events.ProviderFailed(kind=kind, provider=provider):
                metrics.failovers.labels(kind, provider).inc()
            case events.CallEnded(end_reason=reason):
                metrics.calls.labels(self._carrier, reason).inc()
                log.info("call.ended", call_id=call_id, end_reason=reason)

    def _time(self, event: events.TurnLatency) -> None:
        stages = {
            "total": event.total_ms,
            "endpoint": event.endpoint_ms,
            "stt": event.stt_ms,
            "llm_first_token": event.llm_first_token_ms,
            "tts_first_byte": event.tts_first_byte_ms,
        }
        for stage, ms in stages.items():
            self._metrics.latency.labels(stage).observe(ms / 1000)
