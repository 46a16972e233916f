"""Control's end of these calls' tools: answers what the nodes ask, and remembers it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from control.media_requests.metrics import MediaRequestMetrics
from control.media_requests.reader import RequestReader
from lab.scenarios.pairings.model_script import RESULTS, SLOW_TOOL
from shared.bus.requests import TOOL_REQUEST, MediaReply, MediaRequest, RequestStream

_AT_ONCE: Final = 50


@dataclass(slots=True)
class CallWithTools:
    """One call. runs: of its tools, with their arguments, in order. is_slow_running: the slow tool runs; it answers
    once `may_answer` is set."""

    runs: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    is_slow_running: bool = False
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class ControlTools:
    """calls: by their ids."""

    calls: dict[str, CallWithTools] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self, stream: RequestStream) -> AsyncIterator[None]:
        """Answers while the block lasts. stream: control's end."""
        reader = RequestReader(stream, self.answer, MediaRequestMetrics(), concurrency=_AT_ONCE)
        async with reader.running():
            yield

    async def answer(self, request: MediaRequest, left_s: float) -> MediaReply:
        """One run; refused for an unknown call or tool."""
        name, call = request.name.removeprefix(TOOL_REQUEST), self.calls.get(request.call_id)
        if call is None or name not in RESULTS:
            return MediaReply(request.id, code="not_found", message="There is no such call, or no such tool.")
        call.runs.append((name, json.loads(request.arguments)))
        if name == SLOW_TOOL and not await _wait(call, left_s):
            return MediaReply(request.id, code="timed_out", message="The kitchen did not answer.")
        return MediaReply(request.id, json.dumps(RESULTS[name]))


async def _wait(call: CallWithTools, left_s: float) -> bool:
    """Whether the slow tool may answer within the time."""
    call.is_slow_running = True
    try:
        async with asyncio.timeout(left_s):
            await call.may_answer.wait()
    except TimeoutError:
        return False
    return True
