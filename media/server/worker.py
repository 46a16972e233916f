"""Runs the calls of one event loop: creates, ticks and drains them."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from media.audio.transcode import Transcoder
from media.call.call import Call
from media.call.components import CallComponents, CascadeComponents
from media.call.conversation import make_cascade
from media.call.disk_backlog import DiskBacklog
from media.call.event_emitter import EventEmitter, EventSink
from media.call.person_words import PersonEar
from media.call.phrase_audio import PhraseAudioCache
from media.call.recording import RecordingWriter
from media.call.turn_hints import TurnHints
from media.providers.factory import ProviderFactory
from media.server.call_records import CallRecord, CallRecordStore
from media.server.connection import AttachedCall, StreamConnection, StreamRefused
from media.server.frames import CloseCode
from media.server.limits import WorkerLimits
from media.server.metrics import Metrics
from media.server.pending import PendingSockets
from media.server.plans import PlanRefused, PlanSource, SocketRoute
from media.server.stream_clock import gap_ms, make_stream_clock
from media.server.ticker import CallTicker
from media.telephony.codec import StreamStarted, UnknownMessages
from media.tools.remote import RemoteTools
from media.turn.evidence import CompletenessJudge
from media.turn.second_opinion import SecondJudge
from media.turn.vad import VadEngine
from shared import events
from shared.events import CallEnded, CallResumed, CallStarted, CallUsage, EndReason, EventEnvelope, TransferReturned
from shared.ids import new_id
from shared.plan import CallPlan, PlanError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerResources:
    """The resources that a worker's calls share.

    Attributes:
        disk: A single thread for file work.
        pool: The executor for models.
        smart_turn: Maps 16-bit 8 kHz PCM to 0..1 = finished. Takes about 45 ms of CPU time and runs on `pool`. None if
            it is disabled.
        completeness: Estimates from a caller's words whether the caller has finished, in at most 1 ms on the event
            loop. If it is None, only silence and sound decide.
        second_judge: Also judges the words, but answers later. May be None.
        remote_tools: Runs tools of control. None in stand-alone mode.
        phrases: Cached audio of fixed sentences. May be None.
    """

    limits: WorkerLimits
    plans: PlanSource
    providers: ProviderFactory
    vad: VadEngine
    records: CallRecordStore
    disk: Executor
    pool: Executor
    metrics: Metrics
    smart_turn: Callable[[bytes], float] | None = None
    completeness: CompletenessJudge | None = None
    second_judge: SecondJudge | None = None
    remote_tools: RemoteTools | None = None
    phrases: PhraseAudioCache | None = None


class Worker:
    """Runs the calls of one event loop."""

    def __init__(self, resources: WorkerResources) -> None:
        self._resources = resources
        self._connections: dict[StreamConnection, asyncio.Task[None]] = {}
        self._pending = PendingSockets(resources.limits.max_pending, resources.metrics)
        self._calls: set[StreamConnection] = set()  # sockets that have claimed a plan
        self._ticker = CallTicker(resources.vad.run, self._check_limits)
        self._backlog = DiskBacklog(resources.limits.max_recording_backlog_bytes)
        self._idle = asyncio.Event()
        self._idle.set()
        resources.metrics.calls_max.set(resources.limits.max_calls)
        self.is_draining = False

    @property
    def connections(self) -> tuple[StreamConnection, ...]:
        """All open sockets."""
        return tuple(self._connections)

    @property
    def call_count(self) -> int:
        """The number of sockets with a call, which is this node's load."""
        return len(self._calls)

    @property
    def is_full(self) -> bool:
        """Whether the worker has no room for another call."""
        return len(self._calls) >= self._resources.limits.max_calls

    @property
    def is_pending_full(self) -> bool:
        """Whether the worker has no room for another socket, although it may have room for a call."""
        return self._pending.is_full

    def start(self) -> None:
        """Start the ticker on the running loop."""
        self._ticker.start()

    def serve(self, connection: StreamConnection, route: SocketRoute) -> None:
        """Start a task that runs a socket to its end."""
        self._pending.add(connection)
        self._connections[connection] = asyncio.create_task(self._run(connection, route))
        self._idle.clear()

    async def _run(self, connection: StreamConnection, route: SocketRoute) -> None:
        try:
            await connection.run(_RouteConnector(self, route))
        finally:
            self._ticker.remove(connection)
            del self._connections[connection]
            self._pending.remove(connection)
            if connection in self._calls:
                self._calls.remove(connection)
                self._resources.metrics.calls_active.dec()
            self._resources.metrics.messages.inc(connection.messages)
            self._report_unknown(connection.unknown, route)
            if not self._connections:
                self._idle.set()

    async def drain(self) -> None:
        """Accept no new calls and wait for the running calls, up to the limit. After that, end them."""
        self.is_draining = True
        self._resources.metrics.draining.set(1)
        try:
            async with asyncio.timeout(self._resources.limits.drain_timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("drain.timed_out", calls=self.call_count)
            self.end_calls("media_lost", "the server is shutting down")
            await self._wait_for_ended_calls()
        self._ticker.stop()

    def end_calls(self, reason: EndReason, detail: str) -> None:
        """End all calls."""
        for connection in self.connections:
            connection.end_call(reason, detail)

    async def connect(self, started: StreamStarted, connection: StreamConnection, route: SocketRoute) -> AttachedCall:
        """Claim the plan of a stream and create its call. Raises StreamRefused."""
        resources = self._resources
        plan = await self._claim(started, route)
        self._pending.remove(connection)
        self._calls.add(connection)
        resources.metrics.calls_active.inc()
        call_id = plan.call_id or new_id()
        record = resources.records.open(plan, call_id)
        emitter = EventEmitter(call_id, _CountingSink(record, resources.metrics, route.carrier), leg=plan.leg)
        clock = make_stream_clock(plan.resume)
        emitter.emit(_first_event(plan, started, route, clock()))
        if started.fault:
            await self._refuse_audio(started, record, emitter, clock())
        try:
            attached = self._assemble(plan, started, connection, record, emitter, clock)
        except Exception as error:  # a call whose start was recorded also needs its end
            _emit_failure(emitter, error, clock())
            if isinstance(error, PlanError):
                resources.metrics.refused.labels("bad_plan").inc()
                raise StreamRefused(str(error)) from error
            raise
        self._ticker.add(connection, connection.tick)
        return attached

    async def _refuse_audio(
        self, started: StreamStarted, record: CallRecord, emitter: EventEmitter, now: float
    ) -> None:
        """End the call for good, because no other node could use the audio either. Raises StreamRefused."""
        self.count_protocol_error("bad_format")
        emitter.emit(CallEnded("failed", "carrier_error", started.fault, round(now), CallUsage()))
        emitter.close()
        await record.stream_refused()
        raise StreamRefused(started.fault, CloseCode.PROTOCOL_ERROR)

    def count_protocol_error(self, code: str) -> None:
        """Count a protocol error."""
        self._resources.metrics.wire_errors.labels(code).inc()

    async def _claim(self, started: StreamStarted, route: SocketRoute) -> CallPlan:
        """Claim the plan. Raises StreamRefused."""
        try:
            if self.is_full:  # the worker became full after the socket was opened; the ticket stays valid
                raise PlanRefused("no plan: no room for another call", "full", retryable=True)
            return await self._resources.plans.claim(started, route)
        except PlanRefused as error:
            self._resources.metrics.refused.labels(error.code).inc()
            log.warning("stream.refused", reason=error.code, carrier=route.carrier)
            raise StreamRefused(str(error), CloseCode.TRY_AGAIN if error.retryable else CloseCode.POLICY) from error

    def _assemble(
        self,
        plan: CallPlan,
        started: StreamStarted,
        connection: StreamConnection,
        record: CallRecord,
        emitter: EventEmitter,
        clock: Callable[[], float],
    ) -> AttachedCall:
        """Connect the parts of one call's media path."""
        resources = self._resources
        transcoder = Transcoder(started.encoding, started.sample_rate, started.sent_encoding or "")
        providers = resources.providers.build(plan, emitter.emit, emitter.emit)
        providers.prepare()
        if plan.resume is not None:
            providers.prepare_language(plan.resume.language)
        smart_turn = resources.smart_turn if plan.turn.smart_turn else None
        with ExitStack() as undo:
            track = resources.vad.track()
            undo.callback(resources.vad.release, track)
            cascade = CascadeComponents(
                stt=providers.stt,
                llm=providers.llm,
                tts=providers.tts,
                track=track,
                wall_clock=_utc_now,
                hints=TurnHints(smart_turn, resources.pool) if smart_turn else None,
                completeness=resources.completeness,
                second_judge=self._second_judge(),
                on_prepared_over=resources.metrics.count_prepared_answer,
                remote_tools=resources.remote_tools,
                phrases=resources.phrases,
                on_language_switched=providers.prepare_language,
            )
            call = Call(
                CallComponents(
                    plan=plan,
                    stream=connection,
                    emitter=emitter,
                    clock=clock,
                    transcoder=transcoder,
                    make_responder=make_cascade(cascade),
                    recorder=_recorder(record, resources, self._backlog, clock()) if plan.recording else None,
                    archive=record.archive,
                    on_turn_taken=record.conversation_changed,
                    person_ear=PersonEar(providers.stt, resources.vad.track, resources.vad.release),
                )
            )
            record.attach(call)
            return AttachedCall(call, transcoder.from_ulaw, record.stream_ended, release=undo.pop_all().close)

    def _second_judge(self) -> SecondJudge | None:
        """Return the second judge for a new call, or None if too many calls run."""
        resources = self._resources
        return resources.second_judge if len(self._calls) <= resources.limits.teacher_calls else None

    def _report_unknown(self, unknown: UnknownMessages, route: SocketRoute) -> None:
        """Count the messages that a socket's codec has skipped, with at most one log line per call."""
        if not unknown.events and not unknown.digits and not unknown.malformed:
            return
        self._resources.metrics.unknown_messages.labels("event").inc(unknown.events)
        self._resources.metrics.unknown_messages.labels("digit").inc(unknown.digits)
        self._resources.metrics.unknown_messages.labels("malformed").inc(unknown.malformed)
        log.warning(
            "carrier.messages_unknown",
            carrier=route.carrier,
            events=unknown.events,
            first_event=unknown.first_event,
            digits=unknown.digits,
            malformed=unknown.malformed,
            first_malformed=unknown.first_malformed,
        )

    def _check_limits(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in self.connections:
            connection.check_limits(now)

    async def _wait_for_ended_calls(self) -> None:
        """Wait for ended calls, at most as long as a stuck socket may take."""
        try:
            async with asyncio.timeout(2 * self._resources.limits.send_timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.error("drain.stuck", calls=len(self._connections))


@dataclass(frozen=True, slots=True)
class _RouteConnector:
    """The worker's `CallConnector` for a socket with a given route."""

    worker: Worker
    route: SocketRoute

    async def connect(self, started: StreamStarted, connection: StreamConnection) -> AttachedCall:
        return await self.worker.connect(started, connection, self.route)

    def count_protocol_error(self, code: str) -> None:
        self.worker.count_protocol_error(code)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _first_event(
    plan: CallPlan, started: StreamStarted, route: SocketRoute, now: float
) -> CallStarted | CallResumed | TransferReturned:
    if plan.resume is not None and plan.resume.transfer_failure is not None:
        return TransferReturned(round(now), plan.resume.transfer_failure, plan.leg, started.stream_id)
    if plan.leg:
        lost_ms = round(gap_ms(plan.resume, time.time() * 1000)) if plan.resume else 0
        return CallResumed(round(now), lost_ms, plan.leg, started.stream_id)
    return CallStarted(
        route.carrier,  # type: ignore[arg-type]  # one of the three names that the routes contain
        started.carrier_call_id,
        started.stream_id,
        plan.agent.name,
        started.caller,
        started.called,
    )


def _recorder(record: CallRecord, resources: WorkerResources, backlog: DiskBacklog, start_ms: float) -> RecordingWriter:
    count_lost = resources.metrics.recording_seconds_lost.inc
    return RecordingWriter(record.recording, resources.disk, start_ms, count_lost, backlog)


def _emit_failure(emitter: EventEmitter, error: Exception, now: float) -> None:
    is_bad_plan = isinstance(error, PlanError)
    reason: EndReason = "provider_error" if is_bad_plan else "carrier_error"
    detail = str(error) if is_bad_plan else f"internal fault: {type(error).__name__}"
    emitter.emit(CallEnded("failed", reason, detail, round(now), CallUsage()))
    emitter.close()


class _CountingSink:
    """Counts events for the metrics and passes them on to the sink."""

    def __init__(self, sink: EventSink, metrics: Metrics, carrier: str) -> None:
        self._sink = sink
        self._metrics = metrics
        self._carrier = carrier

    def write(self, envelope: EventEnvelope) -> None:
        self._count(envelope.call_id, envelope.event)
        self._sink.write(envelope)

    def close(self) -> None:
        self._sink.close()

    def _count(self, call_id: str, event: events.Event) -> None:
        metrics = self._metrics
        match event:
            case events.TurnLatency():
                self._observe_latency(event)
            case events.TurnInterrupted():
                metrics.interruptions.inc()
            case events.TurnResumed():
                metrics.false_interruptions.inc()
            case events.ProviderFailed(kind=kind, provider=provider, stage=stage, cost_ms=cost_ms):
                metrics.failovers.labels(kind, provider).inc()
                metrics.failover_cost.labels(kind, stage).observe(cost_ms / 1_000)
            case events.UsageRecorded(resource_type=kind, provider=provider, unit=unit, quantity=quantity):
                metrics.usage_of(kind, provider, unit).inc(quantity)
            case events.CallEnded(end_reason=reason):
                metrics.calls.labels(self._carrier, reason).inc()
                log.info("call.ended", call_id=call_id, end_reason=reason)

    def _observe_latency(self, event: events.TurnLatency) -> None:
        stages = {
            "total": event.total_ms,
            "endpoint": event.endpoint_ms,
            "stt": event.stt_ms,
            "llm_first_token": event.llm_first_token_ms,
            "tts_first_byte": event.tts_first_byte_ms,
            "playback": event.playback_ms,
        }
        for stage, ms in stages.items():
            self._metrics.latency_of(stage).observe(ms / 1000)
