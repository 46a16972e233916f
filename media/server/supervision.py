"""Serves the WebSockets of people who listen to running calls (docs/use/supervision.md).

A listener cannot delay a call's frames: the call's taps only append to buffers, the listener's own timer sends audio,
and audio that the connection does not accept in time is dropped.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

import msgspec
import structlog
from msgspec import Meta, Struct

from media.call.call import Call
from media.call.listening import ListenedAudio, LiveAudio
from media.call.recording_consent import ConsentState
from media.call.taps import Tap
from media.server.frames import CloseCode, FrameError
from media.server.limits import WorkerLimits
from media.server.metrics import Metrics
from media.server.request_budget import RequestBudget
from media.server.websocket import WebSocket
from shared.bus.tickets import SupervisionGrant
from shared.events import SupervisionBegan, SupervisionEnded
from shared.json_text import decode_json

log = structlog.get_logger()

PERIOD_S: Final = 0.1
# The maximum number of audio messages that wait for a slow listener (two seconds), while the kernel accepts no more.
MOST_WAITING: Final = 20
# No audio is passed to the transport while this many bytes wait in it, so that old audio can still be dropped.
MOST_UNSENT_BYTES: Final = 4_096
# The size of the kernel's buffer, which Linux doubles. A large buffer would hold minutes of audio for a slow listener.
KERNEL_BYTES: Final = 8_192
# The budget of one session for messages with the person's voice or a request. The call itself limits the audio.
MESSAGES_AT_ONCE: Final = 200
MESSAGES_PER_S: Final = 100
MAX_MESSAGE_BYTES: Final = 4_096


class SupervisionRefused(Exception):
    """The token grants nothing here. The message is the reason in the close frame and does not contain the token."""

    def __init__(self, reason: str, close_code: CloseCode = CloseCode.POLICY) -> None:
        super().__init__(reason)
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class SupervisedCall:
    """A running call, and the rights that the token grants in it.

    Attributes:
        wait_revoked: Returns when the session must end. None if the rights need no renewal.
    """

    grant: SupervisionGrant
    call: Call
    wait_revoked: Callable[[], Coroutine[None, None, None]] | None = None


class SupervisionSource(Protocol):
    """Redeems tokens."""

    async def claim(self, token: str) -> SupervisedCall:
        """Return the call of the token and consume the token. Raises SupervisionRefused."""


class Supervisors:
    """All listeners of one worker, including those whose token is still being redeemed."""

    def __init__(self, source: SupervisionSource, limits: WorkerLimits, metrics: Metrics) -> None:
        self._source, self._limits, self._metrics = source, limits, metrics
        self._tasks: set[asyncio.Task[None]] = set()
        # tasks that only wait for the peer to close its socket, which must not use a listener's place
        self._closing = 0

    @property
    def is_full(self) -> bool:
        """Whether no further listener is accepted."""
        return len(self._tasks) - self._closing >= self._limits.max_listeners

    def serve(self, socket: WebSocket, token: str) -> None:
        """Start a task that serves a listener's socket to its end."""
        socket.limit_kernel_buffer(KERNEL_BYTES)
        session = _Session(socket, self._limits, self._metrics)
        socket.receiver = session
        task = asyncio.create_task(self._serve(session, token))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, session: "_Session", token: str) -> None:
        await session.run(self._source, token)
        self._closing += 1
        try:
            await session.wait_closed()
        finally:
            self._closing -= 1


# The right that each request needs.
_NEEDED: Final = {"whisper": "whisper", "pause": "pause", "resume": "pause", "speak": "speak", "stop": "speak"}
# Requests with a rate limit. Requests that let the agent continue have no limit.
_LIMITED: Final = frozenset({"whisper", "pause", "speak"})


class _Request(Struct):
    """A text message from the person. The answer repeats `id`."""

    event: str
    text: Annotated[str, Meta(max_length=1_000)] = ""
    id: Annotated[str, Meta(max_length=100)] = ""


class _Session:
    """A listener's session. Implements `Receiver` for its socket."""

    def __init__(self, socket: WebSocket, limits: WorkerLimits, metrics: Metrics) -> None:
        self._socket, self._limits, self._metrics = socket, limits, metrics
        self._ended: asyncio.Future[tuple[str, CloseCode]] = asyncio.get_running_loop().create_future()
        self._waiting: deque[ListenedAudio] = deque()
        now = asyncio.get_running_loop().time()
        self._messages = RequestBudget(MESSAGES_AT_ONCE, MESSAGES_PER_S, now)
        self._requests = RequestBudget(limits.listener_requests_at_once, limits.listener_requests_per_s, now)
        self._spoken_ms = 0
        self._has_paused = self._is_speaking = False
        self._told = (False, False, False)  # the latest state that was sent
        self._supervised: SupervisedCall | None = None  # set after the token is redeemed
        self._timer: asyncio.TimerHandle | None = None
        self._heard_ms = self._dropped_ms = self._untold_ms = 0.0

    # --- Receiver ---

    def on_message(self, payload: bytes, is_text: bool) -> None:
        """Process a request or the voice of the person."""
        if not self._messages.take(asyncio.get_running_loop().time()):
            return self._end("fault", CloseCode.POLICY)
        self._take_request(payload) if is_text else self._take_voice(payload)

    def _take_voice(self, ulaw: bytes) -> None:
        supervised = self._supervised
        if supervised is None or "speak" not in supervised.grant.rights:
            return self._end("fault", CloseCode.UNSUPPORTED)
        if self._is_speaking:
            supervised.call.speak(ulaw)

    def _take_request(self, payload: bytes) -> None:
        try:
            request = decode_json(payload, type=_Request)
        except msgspec.DecodeError:
            return self._tell({"event": "error", "code": "bad_request"})
        named = {"id": request.id} if request.id else {}
        supervised = self._supervised
        if supervised is None or _NEEDED.get(request.event) not in supervised.grant.rights:
            return self._tell({"event": "error", "code": "not_granted", **named})
        if request.event == "whisper" and not request.text.strip():
            return self._tell({"event": "error", "code": "bad_request", **named})
        if supervised.call.termination.is_final:
            return self._tell({"event": "error", "code": "ending", **named})
        if request.event in _LIMITED and not self._requests.take(asyncio.get_running_loop().time()):
            return self._tell({"event": "error", "code": "too_many_requests", "message": self._limit_text, **named})
        if not self._carry_out(request, supervised.call, supervised.grant.session_id):
            return self._tell({"event": "error", "code": "busy", **named})
        if request.event != "whisper":
            self._tell_state(supervised.call)
        self._tell({"event": "done", **named})

    @property
    def _limit_text(self) -> str:
        at_once, per_s = self._limits.listener_requests_at_once, self._limits.listener_requests_per_s
        return f"whispers, pauses and takings of the line: {at_once} at once and {per_s:g} in each second"

    def _carry_out(self, request: "_Request", call: Call, session_id: str) -> bool:
        """Carry out a request. Return False if another person has the line."""
        match request.event:
            case "whisper":
                call.whisper(session_id, request.text)
            case "speak":
                self._is_speaking = call.take_line(session_id)
                return self._is_speaking
            case "stop":
                self._give_line_back(call, session_id)
            case "pause" if not self._has_paused:
                call.pause_agent(session_id)
                self._has_paused = True
            case "resume" if self._has_paused:
                call.resume_agent(session_id)
                self._has_paused = False
        return True

    def _give_line_back(self, call: Call, session_id: str) -> None:
        if self._is_speaking:
            self._is_speaking = False
            self._spoken_ms += call.give_line_back(session_id)

    def _tell_state(self, call: Call) -> None:
        self._told = paused, speaking, has_person = self._state(call)
        state = {"paused": paused, "speaking": speaking, "has_person": has_person}
        self._tell({"event": "state", "at_ms": round(call.elapsed_ms), **state})

    def _state(self, call: Call) -> tuple[bool, bool, bool]:
        return self._has_paused, self._is_speaking, call.has_person

    def on_fault(self, error: FrameError) -> None:
        """End the session because the listener violated the WebSocket protocol."""
        self._end("fault", error.close_code)

    def on_closed(self, broke: bool) -> None:
        """End the session because the listener has left."""
        self._end("left", CloseCode.NORMAL)

    # --- running ---

    async def run(self, source: SupervisionSource, token: str) -> None:
        """Redeem the token, then send audio until the call or the listener ends."""
        reason, code = "fault", CloseCode.INTERNAL
        try:
            async with asyncio.timeout(self._limits.start_timeout_s):
                supervised = await source.claim(token)
            reason, code = await self._listen(supervised)
        except SupervisionRefused as error:
            self._metrics.refused.labels("supervision").inc()
            reason, code = str(error), error.close_code
        except TimeoutError:
            reason, code = "bus_away", CloseCode.TRY_AGAIN
        except Exception:  # an internal error ends only this listener; the traceback is logged
            log.exception("listener.crashed")
        finally:
            self._socket.close(code, reason)

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        await self._socket.wait_closed(self._limits.send_timeout_s)

    async def _listen(self, supervised: SupervisedCall) -> tuple[str, CloseCode]:
        call, grant = supervised.call, supervised.grant
        if self._ended.done():  # ended while the token was redeemed
            return self._ended.result()
        if "listen" not in grant.rights:
            return "not_granted", CloseCode.POLICY
        audio = LiveAudio(call.elapsed_ms)

        def follow_consent(state: ConsentState, now: float) -> None:
            audio.follow_consent(state, now)
            self._tell(
                {"event": "consent", "at_ms": round(now), "consent": state.consent, "is_paused": state.is_paused}
            )

        # An exception in a tap would end the call, so taps end the session instead. `add_caller` only stores frames.
        tap = Tap(
            caller=audio.add_caller,
            agent=self._guarded(audio.add_agent),
            consent=self._guarded(follow_consent),
            ended=lambda: self._call_ended(call, audio, grant),
        )
        self._tell(
            {
                "event": "began",
                "session_id": grant.session_id,
                "call_id": grant.call_id,
                "at_ms": round(call.elapsed_ms),
                "rights": list(grant.rights),
                "format": {"encoding": "mulaw", "sample_rate": 8000, "channels": ["caller", "agent"]},
            }
        )
        call.add_tap(tap)
        self._supervised = supervised
        call.record_event(SupervisionBegan(round(call.elapsed_ms), grant.session_id, "listen"))
        self._metrics.listeners.inc()
        watch = asyncio.create_task(supervised.wait_revoked()) if supervised.wait_revoked else None
        if watch is not None:
            watch.add_done_callback(lambda _: self._end("revoked", CloseCode.POLICY))
        try:
            self._follow(call, audio, grant)
            await asyncio.wait({self._ended})
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._metrics.listeners.dec()
            if watch is not None:
                watch.cancel()
            self._metrics.listener_seconds_dropped.inc(self._dropped_ms / 1_000)
            reason, code = self._ended.result() if self._ended.done() else ("fault", CloseCode.INTERNAL)
            call.remove_tap(tap)
            if reason != "call_ended":
                self._give_line_back(call, grant.session_id)
                if self._has_paused:
                    call.resume_agent(grant.session_id)
                self._record_end(call, audio, grant, reason)
        return reason, code

    def _follow(self, call: Call, audio: LiveAudio, grant: SupervisionGrant) -> None:
        """Follow the call now and every PERIOD_S, on a timer, because a waiting task costs several times as much."""
        try:
            self._follow_line(call, grant)
            self._tick(call, audio)
        except Exception:
            log.exception("listener.crashed")
            self._end("fault", CloseCode.INTERNAL)
        if not self._ended.done():
            self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._follow, call, audio, grant)

    def _follow_line(self, call: Call, grant: SupervisionGrant) -> None:
        """Return the line when the call ends, because the agent says goodbye, and report changes of the state."""
        if call.termination.is_final:
            self._give_line_back(call, grant.session_id)
        if self._state(call) != self._told:
            self._tell_state(call)

    def _tick(self, call: Call, audio: LiveAudio) -> None:
        if self._socket.stalled_for(asyncio.get_running_loop().time()) > self._limits.listener_stall_s:
            self._socket.abort()
            self._end("stalled", CloseCode.TRY_AGAIN)
            return
        call.settle_heard()
        while (due := audio.take(call.elapsed_ms)) is not None:
            self._waiting.append(due)
        while len(self._waiting) > MOST_WAITING:
            self._drop(self._waiting.popleft())
        while self._waiting and self._socket.unsent_bytes <= MOST_UNSENT_BYTES:
            self._send(self._waiting.popleft())

    def _send(self, due: ListenedAudio) -> None:
        if self._untold_ms:
            self._tell({"event": "dropped", "ms": round(self._untold_ms)})
            self._untold_ms = 0.0
        self._socket.send(due.encode())
        self._heard_ms += 0.0 if due.is_withheld else due.length_ms

    def _drop(self, due: ListenedAudio) -> None:
        self._dropped_ms += due.length_ms
        self._untold_ms += due.length_ms

    def _call_ended(self, call: Call, audio: LiveAudio, grant: SupervisionGrant) -> None:
        """End the session before the call's last event, so that the call's events include the end of the session."""
        if not self._ended.done():
            self._give_line_back(call, grant.session_id)
            self._record_end(call, audio, grant, "call_ended")
            self._end("call_ended", CloseCode.NORMAL)

    def _record_end(self, call: Call, audio: LiveAudio, grant: SupervisionGrant, reason: str) -> None:
        dropped_ms = round(self._dropped_ms + audio.late_ms)
        call.record_event(
            SupervisionEnded(
                round(call.elapsed_ms), grant.session_id, round(self._heard_ms), dropped_ms, reason, self._spoken_ms
            )
        )

    def _guarded(self, read: Callable[[Any, float], None]) -> Callable[[Any, float], None]:
        def guarded(value: Any, at_ms: float) -> None:
            try:
                read(value, at_ms)
            except Exception:
                log.exception("listener.crashed")
                self._end("fault", CloseCode.INTERNAL)

        return guarded

    def _tell(self, message: dict[str, Any]) -> None:
        self._socket.send(json.dumps(message))

    def _end(self, reason: str, code: CloseCode) -> None:
        if not self._ended.done():
            self._ended.set_result((reason, code))
