"""Sends requests of the node's calls to control, with one client per node."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from media.server.bus.tasks import start_bus_task, stop_task
from media.server.metrics import Metrics
from media.tools.remote import CallIdentity, ToolRequest
from media.tools.tool import MAY_BE_DONE, ToolError
from shared.bus.client import BusUnavailable
from shared.bus.requests import (
    LONGEST_DEADLINE_S,
    MAX_BYTES,
    TOOL_REQUEST,
    MediaReply,
    MediaRequest,
    RequestRefused,
    RequestStream,
    RequestTimedOut,
)
from shared.bus.stream_credentials import StreamCredential
from shared.ids import new_id
from shared.supervised_task import SupervisedTask

MAX_REQUESTS: Final = 400
_BEFORE_LIMIT_S: Final = 0.1
# Refusals by control after which the request may have been carried out.
_UNKNOWN_OUTCOMES: Final = frozenset({"failed", "timed_out", "outcome_unknown"})


class RequestClient:
    """Sends requests and passes each reply to the waiting caller. Must be used on the event loop."""

    def __init__(
        self,
        stream: RequestStream,
        node_id: str,
        metrics: Metrics,
        wait_s: float,
        max_requests: int = MAX_REQUESTS,
        *,
        stream_credentials: Callable[[str], StreamCredential | None] = lambda _: None,
    ) -> None:
        """Create a client.

        Args:
            wait_s: The longest wait of one read. It must be less than the Redis client's timeout.
            max_requests: The maximum number of requests that wait for a reply. One workspace may use at most as many as
                are free at that moment, so that a workspace whose tools hang never uses all (see
                `control/media_requests/service.py`).
            stream_credentials: Returns the stream credential of a running call by its id.
        """
        self._stream, self._node_id, self._metrics = stream, node_id, metrics
        self._wait_s, self._max_requests, self._stream_credentials = wait_s, max_requests, stream_credentials
        self._waiting: dict[str, asyncio.Future[MediaReply]] = {}  # by request id
        self._workspaces: Counter[str] = Counter()  # the number of waiting requests of each workspace
        self._asked = asyncio.Event()
        self.task: SupervisedTask | None = None

    def start(self) -> None:
        """Start the task that reads the replies of all requests."""
        self.task = start_bus_task("requests", self._step, self._metrics)

    async def close(self) -> None:
        """Stop the task. Waiting callers get BusUnavailable."""
        await stop_task(self.task)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(BusUnavailable("the node ends"))

    async def ask(
        self, call: CallIdentity, name: str, arguments: bytes, *, deadline_s: float, run_id: str = ""
    ) -> bytes:
        """Send a request and return control's answer as JSON.

        Args:
            arguments: The arguments as JSON.
            deadline_s: The time limit, at most LONGEST_DEADLINE_S.
            run_id: The idempotency key. A request that has an effect is carried out once for each key.

        Raises:
            RequestRefused: The request was refused.
            RequestTimedOut, BusUnavailable: No answer arrived. The request may have been carried out.
        """
        try:
            answer = await self._ask(call, name, arguments, deadline_s, run_id)
        except RequestRefused as refusal:
            self._count("busy" if refusal.code == "busy" else "refused")
            raise
        except RequestTimedOut:
            self._count("timed_out")
            raise
        except BusUnavailable:
            self._count("bus_away")
            raise
        self._count("answered")
        return answer

    def _count(self, outcome: str) -> None:
        self._metrics.requests.labels(outcome).inc()

    async def _ask(self, call: CallIdentity, name: str, arguments: bytes, deadline_s: float, run_id: str) -> bytes:
        if len(arguments) > MAX_BYTES:
            raise RequestRefused("too_large", f"the arguments have more than {MAX_BYTES} bytes")
        if self._workspaces[call.workspace_id] >= self._max_requests - len(self._waiting):
            self._forget(call.workspace_id)
            raise RequestRefused("busy", "too many requests are waiting for an answer")
        loop = asyncio.get_running_loop()
        until = loop.time() + min(deadline_s, LONGEST_DEADLINE_S)
        waiting: asyncio.Future[MediaReply] = loop.create_future()
        request_id = new_id()
        self._waiting[request_id] = waiting
        self._workspaces[call.workspace_id] += 1
        self._asked.set()
        try:
            async with asyncio.timeout_at(until):
                await self._send(request_id, call, name, arguments, run_id, until=until)
            # A separate limit, because the Redis client may swallow the first cancellation while it connects.
            async with asyncio.timeout_at(until):
                reply = await waiting
        except TimeoutError:
            raise RequestTimedOut(f"{name}: no answer within {deadline_s:g} s") from None
        finally:
            del self._waiting[request_id]
            self._workspaces[call.workspace_id] -= 1
            self._forget(call.workspace_id)
        if reply.code:
            raise RequestRefused(reply.code, reply.message)
        return reply.result.encode()

    def _forget(self, workspace_id: str) -> None:
        """Remove a workspace without requests, because the number of workspaces is unlimited."""
        if not self._workspaces[workspace_id]:
            del self._workspaces[workspace_id]

    async def _send(
        self, request_id: str, call: CallIdentity, name: str, arguments: bytes, run_id: str, *, until: float
    ) -> None:
        """Send a request.

        Args:
            until: The deadline on the loop's clock.
        """
        now_ms = await self._stream.now_ms()
        left_ms = round((until - asyncio.get_running_loop().time()) * 1000)
        request = MediaRequest(
            id=request_id,
            node_id=self._node_id,
            name=name,
            call_id=call.call_id,
            workspace_id=call.workspace_id,
            agent_id=call.agent_id,
            expires_ms=now_ms + left_ms,
            arguments=arguments.decode("utf-8", "replace"),
            run_id=run_id,
        )
        stream_credential = self._stream_credentials(call.call_id)
        if stream_credential is None and not self._stream.takes_unsigned:
            raise RequestRefused("call_over", "the call is over")
        if not await self._stream.send(request, stream_credential):
            raise RequestRefused("busy", "too many requests are waiting for control")

    async def _step(self) -> None:
        if not self._waiting:  # nothing to read from Redis
            self._asked.clear()
            await self._asked.wait()
        ids, replies = await self._stream.read_replies(self._node_id, self._wait_s)
        for reply in replies:
            waiting = self._waiting.get(reply.request_id)
            # No caller waits for a late or repeated reply.
            if waiting is not None and not waiting.done():
                waiting.set_result(reply)
        if ids:
            await self._stream.remove_replies(self._node_id, ids)


class BusRemoteTools:
    """Runs tools in control. Implements the port RemoteTools on the bus."""

    def __init__(self, requests: RequestClient) -> None:
        self._requests = requests

    async def run(self, call: ToolRequest) -> str:
        """Return the result as text for the model. Raises ToolError."""
        identity = CallIdentity(call.call_id, call.workspace_id, call.agent_id)
        name = TOOL_REQUEST + call.name
        try:
            answer = await self._requests.ask(
                identity, name, call.arguments, deadline_s=_deadline_s(call.timeout_s), run_id=call.run_id
            )
        except RequestRefused as refusal:
            hint = f" {MAY_BE_DONE}" if refusal.code in _UNKNOWN_OUTCOMES else ""
            raise ToolError(f"{call.name}: {refusal.message}{hint}") from None
        except RequestTimedOut:
            raise ToolError(f"{call.name} did not answer within {call.timeout_s:g} s. {MAY_BE_DONE}") from None
        except BusUnavailable:
            raise ToolError(f"{call.name} cannot be reached right now. {MAY_BE_DONE}") from None
        return _text(answer)


def _deadline_s(timeout_s: float) -> float:
    """Return a deadline shortly before the tool's limit, at which its runner would cancel the request without a
    reason."""
    return timeout_s - min(_BEFORE_LIMIT_S, timeout_s / 10)


def _text(answer: bytes) -> str:
    """Return a JSON string without its quotes, or any other value as JSON."""
    try:
        return msgspec.json.decode(answer, type=str)
    except msgspec.ValidationError:
        return answer.decode()
