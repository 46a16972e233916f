"""gRPC's connections and statuses as our errors, against servers on sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc import aio

from media.providers import grpc_calls
from media.providers.grpc_calls import (
    GrpcServer,
    GrpcStream,
    call_once,
    error_of_status,
)
from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, ProviderSlow
from shared.providers.grpc_methods import GrpcAddress, GrpcMethod

ECHO: GrpcMethod[bytes, bytes] = GrpcMethod("/test.Service/Echo", bytes, bytes)
ONCE: GrpcMethod[bytes, bytes] = GrpcMethod("/test.Service/Once", bytes, bytes)


async def echo(requests: AsyncIterator[bytes], context: aio.ServicerContext[Any, Any]) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


async def once(request: bytes, context: aio.ServicerContext[Any, Any]) -> bytes:
    if request == b"late":
        await asyncio.Event().wait()
    return request


@pytest.fixture
async def server() -> AsyncIterator[GrpcServer]:
    running = aio.server()
    handlers: dict[str, Any] = {
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
        "Once": grpc.unary_unary_rpc_method_handler(once),
    }
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    server = GrpcServer(GrpcAddress(f"127.0.0.1:{port}", is_plain=True))
    yield server
    await server.close()
    await running.stop(None)


async def open_echo(server: GrpcServer) -> GrpcStream[bytes, bytes]:
    return GrpcStream("p", await server.connect("p", 3.0), ECHO, ())


async def test_messages_go_both_ways_until_the_half_close(server: GrpcServer) -> None:
    stream = await open_echo(server)
    await stream.write(b"one")
    assert await stream.read() == b"one"
    await stream.finish()
    assert await stream.read() is None


async def test_a_connection_takes_so_many_streams_and_no_more(
    server: GrpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_calls, "STREAMS_PER_CONNECTION", 2)
    monkeypatch.setattr(grpc_calls, "MAX_CONNECTIONS", 2)
    streams = [await open_echo(server) for _ in range(4)]
    assert server.connection_count == 2
    with pytest.raises(ProviderBusy, match="4 streams are open"):
        await server.connect("p", 3.0)
    streams[0].cancel()
    streams[0].cancel()  # gives one place back, not two
    streams.append(await open_echo(server))
    with pytest.raises(ProviderBusy):
        await server.connect("p", 3.0)
    for stream in streams:
        stream.cancel()


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    server = GrpcServer(GrpcAddress("127.0.0.1:1", is_plain=True))
    with pytest.raises(ProviderError, match="cannot connect") as refused:
        await server.connect("p", 10.0)
    assert refused.value.cause == "refused"
    await server.close()


async def test_a_server_that_answers_nothing_is_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = GrpcServer(GrpcAddress(f"127.0.0.1:{silent.getsockname()[1]}"))
        with pytest.raises(ProviderSlow, match="no connection in time") as late:
            await server.connect("p", 0.1)
        await server.close()
    assert not late.value.may_bill


async def test_a_request_has_a_limit(server: GrpcServer) -> None:
    assert await call_once("p", await server.connect("p", 3.0), ONCE, b"one", (), timeout_s=3.0) == b"one"
    with pytest.raises(ProviderSlow, match="DEADLINE_EXCEEDED"):
        await call_once("p", await server.connect("p", 3.0), ONCE, b"late", (), timeout_s=0.05)


@pytest.mark.parametrize(
    ("name", "details", "kind", "cause", "retryable"),
    [
        ("UNAUTHENTICATED", "", KeyRefused, "unauthorized", False),
        ("PERMISSION_DENIED", "No role.", KeyRefused, "unauthorized", False),
        ("PERMISSION_DENIED", "Requires Billing.", ProviderBusy, "quota", False),
        ("RESOURCE_EXHAUSTED", "", ProviderBusy, "rate_limited", True),
        ("DEADLINE_EXCEEDED", "", ProviderSlow, "late", True),
        ("INVALID_ARGUMENT", "", ProviderError, "refused", False),
        ("UNAVAILABLE", "", ProviderError, "cut", True),
        ("ABORTED", "", ProviderError, "error", True),
    ],
)
def test_statuses_are_told_without_their_details(
    name: str, details: str, kind: type[ProviderError], cause: str, retryable: bool
) -> None:
    error = error_of_status("p", name, details)
    assert type(error) is kind and (error.cause, error.retryable) == (cause, retryable)
    assert str(error) == f"p: gRPC {name}" and error.answer == details.encode()
