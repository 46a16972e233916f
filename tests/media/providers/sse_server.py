"""A language model's server on a real socket with scripted responses, failures included."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

OK: Final = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED: Final = OK + "Transfer-Encoding: chunked\r\n\r\n"

Step = (
    bytes | float | None
)  # bytes: sent as one chunk; float: seconds to wait; None: waits until the client disconnects


@dataclass
class Request:
    """One request of the client."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class SseServer:
    """Plays one script per request, and the last one for all further requests."""

    scripts: Sequence[tuple[str, Sequence[Step]]]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # a client disconnected before the end of its answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await _read(reader):
                if _is_probe(request):
                    return
                self.requests.append(request)
                head, steps = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
                if not await self._answer(reader, writer, head, steps):
                    return
        except ConnectionError:
            self.gone.set()
        finally:
            writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str, steps: Sequence[Step]
    ) -> bool:
        """Returns whether the connection can be used again."""
        writer.write(head.encode())
        chunked = "chunked" in head
        for step in steps:
            if step is None:
                await reader.read()
                self.gone.set()
                return False
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                writer.write(b"%x\r\n%b\r\n" % (len(step), step) if chunked else step)
                await writer.drain()
        return chunked and steps[-1:] == [b""]


def _is_probe(request: Request) -> bool:
    """Whether the worker tries the model, which is no request of a call: it gets no answer, and uses up no script."""
    return any(message.get("content") == "Say hello in one word." for message in request.body.get("messages", ()))


@asynccontextmanager
async def sse_server(*scripts: tuple[str, Sequence[Step]]) -> AsyncIterator[SseServer]:
    """Serves the scripts on a free port. A chunked answer whose last step is b"" is complete; else it is cut."""
    sse = SseServer(scripts)
    server = await asyncio.start_server(sse.serve, "127.0.0.1", 0)
    sse.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield sse
    finally:
        server.close()


def event(data: dict[str, Any] | str) -> bytes:
    """One server-sent event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()


def delta(finish: str | None = None, **fields: Any) -> bytes:
    """One chunk of a reply."""
    return event(
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}
    )


def usage(prompt: int, completion: int) -> bytes:
    """The extra last chunk that `include_usage` asks for."""
    return event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


DONE: Final = event("[DONE]")


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first.split()[1], headers, json.loads(body))
