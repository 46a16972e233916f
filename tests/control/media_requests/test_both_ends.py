"""A call asks and an API process answers, in time or not at all; what is forged, copied or another's is refused."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from control.calls.records.running_calls import AdmittedCall
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, join_handlers
from media.tools.remote import CallIdentity
from shared.bus.client import BusUnavailable, bus_client
from shared.bus.requests import (
    GROUP,
    REPLY_PURPOSE,
    STREAM,
    MediaReply,
    MediaRequest,
    RequestRefused,
    RequestStream,
    RequestTimedOut,
)
from shared.errors import Conflict
from shared.ids import new_id
from shared.secrets import Sealer
from tests.control.calls.call_platform import SEALER, CallPlatform
from tests.control.media_requests.ends import (
    NODE,
    PACE,
    Node,
    reference,
    running_api_process,
    running_node,
    wait_until_true,
)

FIELD = b"r"


async def _echo(context: HandlerContext) -> dict[str, Any]:
    return {"arguments": context.arguments, "call": str(context.call.id)}


async def _never(context: HandlerContext) -> None:
    await asyncio.Event().wait()


async def _refuse(context: HandlerContext) -> None:
    raise Conflict("That hour is taken.", code="hour_taken")


async def _crash(context: HandlerContext) -> None:
    raise RuntimeError("with a secret in it")


async def _long(context: HandlerContext) -> str:
    return "x" * 70_000


async def _count_agents(context: HandlerContext) -> int:
    return int(await context.in_transaction(lambda db: db.fetchval("SELECT count(*) FROM agents")))


HANDLERS: Mapping[str, MediaRequestHandler] = {
    name: MediaRequestHandler(answer)
    for name, answer in {
        "echo": _echo, "never": _never, "refuse": _refuse, "crash": _crash, "long": _long, "agents": _count_agents,
    }.items()
}  # fmt: skip


async def test_request_is_answered(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    async with running_api_process(platform, HANDLERS) as api:
        answer = await node.ask(call, "echo", b'{"a": "\xc3\xa9"}')
    assert answer.decode() == f'{{"arguments":"{{\\"a\\": \\"é\\"}}","call":"{call.call_id}"}}'
    assert api.count("requests", name="echo", outcome="answered") == node.count("answered") == 1
    assert await platform.redis.xlen(STREAM) == 0


async def test_handler_sees_its_workspace_only(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    await platform.create_workspace()
    async with running_api_process(platform, HANDLERS):
        assert await node.ask(call, "agents") == b"1"


@pytest.mark.parametrize(
    ("name", "code", "outcome"),
    [
        ("refuse", "hour_taken", "refused"),
        ("crash", "failed", "failed"),
        ("long", "reply_too_large", "refused"),
        ("nonsense", "request_unknown", "refused"),
    ],
)
async def test_refusal_has_a_code(
    platform: CallPlatform, call: AdmittedCall, node: Node, name: str, code: str, outcome: str
) -> None:
    async with running_api_process(platform, HANDLERS) as api:
        with pytest.raises(RequestRefused) as refused:
            await node.ask(call, name)
    assert refused.value.code == code
    assert "secret" not in refused.value.message
    assert node.count("refused") == 1
    label = name if name in HANDLERS else "unknown"
    assert api.count("requests", name=label, outcome=outcome) == 1


async def test_without_an_api_process_a_request_times_out_at_its_deadline(call: AdmittedCall, node: Node) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(RequestTimedOut):
        await node.ask(call, "echo", deadline_s=0.3)
    assert loop.time() - began >= 0.3
    assert node.count("timed_out") == 1


async def test_expired_request_is_dropped_and_not_run(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    with pytest.raises(RequestTimedOut):
        await node.ask(call, "echo", deadline_s=0.1)
    async with running_api_process(platform, HANDLERS) as api:
        await node.ask(call, "echo")
        assert api.count("requests_dropped", reason="expired") == 1
        assert api.count("requests", name="echo", outcome="answered") == 1


async def test_handler_is_cancelled_at_the_deadline(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    async with running_api_process(platform, HANDLERS) as api:
        with pytest.raises((RequestTimedOut, RequestRefused)):
            await node.ask(call, "never", deadline_s=0.2)

        async def is_counted() -> bool:
            return api.count("requests", name="never", outcome="timed_out") == 1

        await wait_until_true(is_counted)


async def test_requests_at_once_are_bounded_at_both_ends(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    running = most = 0

    async def count(context: HandlerContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    handlers = {"count": MediaRequestHandler(count)}
    async with running_api_process(platform, handlers, concurrency=7):
        asked = [node.ask(call, "count") for _ in range(250)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers.count(b"null") == 200
    assert [one.code for one in answers if isinstance(one, RequestRefused)] == ["busy"] * 50
    assert 1 <= most <= 7
    assert node.count("busy") == 50


@pytest.mark.parametrize("changed", ["call_id", "workspace_id", "agent_id"])
@pytest.mark.parametrize("value", ["other", "no uuid"])
async def test_call_is_verified_by_its_row(
    platform: CallPlatform, call: AdmittedCall, node: Node, changed: str, value: str
) -> None:
    other = await platform.admit(await platform.create_workspace())
    ids = {name: getattr(reference(call), name) for name in ("call_id", "workspace_id", "agent_id")}
    ids[changed] = getattr(reference(other), changed) if value == "other" else value
    async with running_api_process(platform, HANDLERS):
        with pytest.raises(RequestRefused, match="call_not_running"):
            await node.client.ask(CallIdentity(**ids), "echo", b"{}", deadline_s=30.0)


async def test_call_that_is_over_is_refused(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    await platform.in_platform(
        lambda db: db.execute("UPDATE calls SET status = 'completed' WHERE id = $1", call.call_id)
    )
    async with running_api_process(platform, HANDLERS):
        with pytest.raises(RequestRefused, match="call_not_running"):
            await node.ask(call, "echo")


async def test_forged_and_copied_requests_are_not_run(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    runs = 0

    async def count(context: HandlerContext) -> None:
        nonlocal runs
        runs += 1

    waiting = asyncio.create_task(node.ask(call, "count"))
    await wait_until_true(lambda: platform.redis.xlen(STREAM))
    entries: Any = await platform.redis.xrange(STREAM)
    ((_, fields),) = entries
    await platform.redis.xadd(STREAM, fields)
    await platform.redis.xadd(STREAM, {FIELD: fields[FIELD][:-1]})
    await platform.redis.xadd(STREAM, {FIELD: bytes(len(fields[FIELD]))})
    async with running_api_process(platform, {"count": MediaRequestHandler(count)}) as api:
        assert await waiting == b"null"

        async def is_empty() -> bool:
            return await platform.redis.xlen(STREAM) == 0

        await wait_until_true(is_empty)
    assert runs == 1
    assert api.count("requests_dropped", reason="replayed") == 1
    assert api.count("requests_dropped", reason="unreadable") == 2


async def test_nodes_with_other_keys_are_not_answered(
    platform: CallPlatform, call: AdmittedCall, valkey_url: str
) -> None:
    async with (
        running_node(valkey_url, sealer=Sealer([b"k" * 32])) as stranger,
        running_api_process(platform, HANDLERS) as api,
    ):
        with pytest.raises(RequestTimedOut):
            await stranger.ask(call, "echo", deadline_s=0.3)
    assert api.count("requests_dropped", reason="unreadable") == 1


async def test_forged_and_foreign_replies_reach_nobody(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    waiting = asyncio.create_task(node.ask(call, "echo"))
    await wait_until_true(lambda: platform.redis.xlen(STREAM))
    forged = Sealer([b"k" * 32]).seal(b'{"request_id":"x"}', REPLY_PURPOSE)
    await platform.redis.xadd(f"vocalized:replies:{{{NODE}}}", {FIELD: forged})
    # A genuine reply, to another request.
    await RequestStream(platform.redis, SEALER).reply("0-1", NODE, MediaReply(new_id(), '"wrong"'))
    async with running_api_process(platform, HANDLERS):
        assert b"wrong" not in await waiting


async def test_late_reply_is_dropped(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    stream = RequestStream(platform.redis, SEALER)
    await stream.create_group()
    with pytest.raises(RequestTimedOut):
        await node.ask(call, "echo", deadline_s=0.1)
    (entry,) = await stream.read("api", 1, 0.1)
    assert entry.request is not None
    await stream.reply(entry.id, NODE, MediaReply(entry.request.id, '"late"'))
    async with running_api_process(platform, HANDLERS):
        assert b"late" not in await node.ask(call, "echo")


async def test_without_redis_a_request_fails_soon(call: AdmittedCall) -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for url in ("redis://127.0.0.1:9", f"redis://127.0.0.1:{silent.getsockname()[1]}"):
            async with running_node(url, timeout_s=0.1) as node:
                began = loop.time()
                with pytest.raises(BusUnavailable):
                    await node.ask(call, "echo")
                assert loop.time() - began < 10, "its deadline is later"
                assert node.count("bus_away") == 1


async def test_request_of_a_process_that_died_is_answered_by_another(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    stream = RequestStream(platform.redis, SEALER)
    await stream.create_group()
    waiting = asyncio.create_task(node.ask(call, "echo"))
    assert await stream.read("dead process", 1, 3.0)
    async with running_api_process(platform, HANDLERS) as api:
        assert str(call.call_id).encode() in await waiting
    assert api.count("requests", name="echo", outcome="answered") == 1


async def test_request_of_a_process_that_ends_is_answered_by_another(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    begun = asyncio.Event()

    async def hang(context: HandlerContext) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with running_api_process(platform, {"echo": MediaRequestHandler(hang)}, drain_s=0.0):
        waiting = asyncio.create_task(node.ask(call, "echo"))
        await begun.wait()
    async with running_api_process(platform, HANDLERS):
        assert str(call.call_id).encode() in await waiting


async def test_running_request_is_answered_before_the_process_ends(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def wait(context: HandlerContext) -> str:
        begun.set()
        await gate.wait()
        return "in time"

    async with running_api_process(platform, {"wait": MediaRequestHandler(wait)}):
        waiting = asyncio.create_task(node.ask(call, "wait"))
        await begun.wait()
        asyncio.get_running_loop().call_later(0.05, gate.set)
    assert await waiting == b'"in time"'


async def test_process_that_ends_keeps_its_requests_until_they_are_answered(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    begun, gate, runs = asyncio.Event(), asyncio.Event(), 0

    async def wait(context: HandlerContext) -> None:
        nonlocal runs
        runs += 1
        begun.set()
        await gate.wait()

    handlers = {"wait": MediaRequestHandler(wait)}
    async with AsyncExitStack() as others:
        async with running_api_process(platform, handlers):
            waiting = asyncio.create_task(node.ask(call, "wait"))
            await begun.wait()
            await others.enter_async_context(running_api_process(platform, handlers))
            # Much later than PACE.idle, after which another process takes over what is not kept.
            asyncio.get_running_loop().call_later(3 * PACE.idle, gate.set)
        assert await waiting == b"null"
    assert runs == 1


async def test_request_whose_reply_cannot_be_sent_is_not_run_again(
    platform: CallPlatform, call: AdmittedCall, node: Node
) -> None:
    runs = 0

    async def refuse(context: HandlerContext) -> None:
        nonlocal runs
        runs += 1
        raise Conflict("half a character: \ud800")

    async with running_api_process(platform, {"refuse": MediaRequestHandler(refuse)}):
        with pytest.raises((RequestTimedOut, RequestRefused)):
            await node.ask(call, "refuse", deadline_s=3 * PACE.idle)
    assert runs == 1
    assert await platform.redis.xlen(STREAM) == 0


async def test_reader_without_redis_starts_and_ends(platform: CallPlatform) -> None:
    nowhere = bus_client("redis://127.0.0.1:9", 1.0)
    async with asyncio.timeout(30), nowhere, running_api_process(platform, HANDLERS, redis=nowhere):
        await asyncio.sleep(0.1)


async def test_reader_survives_a_redis_that_was_emptied(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    async with running_api_process(platform, HANDLERS):
        await node.ask(call, "echo")
        await platform.redis.flushall()
        await node.ask(call, "echo")


async def test_reader_leaves_the_group(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    async with running_api_process(platform, HANDLERS):
        await node.ask(call, "echo")
    assert await platform.redis.xinfo_consumers(STREAM, GROUP) == []


async def test_crowded_stream_refuses(platform: CallPlatform, call: AdmittedCall, node: Node) -> None:
    full = RequestStream(platform.redis, SEALER, most=1)
    request = MediaRequest("1", NODE, "echo", "c", "w", "a", await full.now_ms() + 30_000)
    assert await full.send(request)
    node.client._stream = full
    with pytest.raises(RequestRefused, match="busy"):
        await node.ask(call, "echo")


async def test_arguments_are_bounded(call: AdmittedCall, node: Node) -> None:
    with pytest.raises(RequestRefused, match="too_large"):
        await node.ask(call, "echo", b"x" * 65_537)


def test_two_rooms_cannot_handle_the_same_request() -> None:
    with pytest.raises(ValueError, match="same name"):
        join_handlers([HANDLERS, {"echo": MediaRequestHandler(_echo)}])
