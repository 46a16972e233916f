"""The simulated chat vendors, used by the vendors' own SDKs and by pipecat's own services for them, over TLS."""

import asyncio
from pathlib import Path
from typing import Any, get_args

import groq
import openai
import pytest
from pipecat.frames.frames import LLMTextFrame, MetricsFrame
from pipecat.metrics.metrics import LLMUsageMetricsData
from pipecat.processors.aggregators.llm_context import LLMContext

from simulator.vendors.chat_reply import ChatReply, ToolUse
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.openai_request import Flavour
from tests.simulator.vendors.openai_clients import official_client, pipecat_service, run_model, running_chat
from vendors.openai.simulator import ChatVendor

FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)
TEXT = "We are open from nine to five."
TOOLS = (ToolUse("book", '{"day": "Monday"}'), ToolUse("end_call"))
QUESTION: list[dict[str, Any]] = [{"role": "user", "content": "When are you open?"}]
TOOL = {"type": "function", "function": {"name": "book", "description": "Books.", "parameters": {"type": "object"}}}


async def complete(client: Any, **fields: Any) -> list[Any]:
    fields = {"model": "tiny", "messages": QUESTION, **fields}
    if not isinstance(client, groq.AsyncGroq):  # it has no such argument: the usage always comes, as x_groq
        fields.setdefault("stream_options", {"include_usage": True})
    return [chunk async for chunk in await client.chat.completions.create(stream=True, **fields)]


def content(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_the_vendor_s_own_sdk_reads_words_tools_and_usage(flavour: Flavour, tmp_path: Path) -> None:
    vendor = ChatVendor(flavour, reply=lambda body: ChatReply(TEXT, TOOLS), cached_tokens=3)
    async with official_client(vendor, tmp_path) as client:
        chunks = await complete(client, tools=[TOOL])
    assert content(chunks) == TEXT
    calls: dict[int, list[str]] = {}
    for chunk in chunks:
        for part in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            calls.setdefault(part.index, [part.function.name]).append(part.function.arguments)
    assert {name: "".join(parts) for name, *parts in calls.values()} == {tool.name: tool.arguments for tool in TOOLS}
    usage = chunks[-1].x_groq.usage if flavour == "groq" else chunks[-1].usage
    state = vendor.state
    assert usage.prompt_tokens == state.total("llm", "prompt_tokens") + state.total("llm", "cached_tokens")
    assert state.total("llm", "cached_tokens") == 3
    assert usage.completion_tokens == state.total("llm", "completion_tokens") > 0
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "tool_calls"
    if flavour == "azure":
        assert chunks[0].choices == []


async def test_obfuscation_can_be_turned_off(tmp_path: Path) -> None:
    vendor = ChatVendor()
    async with official_client(vendor, tmp_path) as client:
        padded = await complete(client)
        plain = await complete(client, stream_options={"include_obfuscation": False})
    assert padded[0].obfuscation
    assert not any(getattr(chunk, "obfuscation", "") for chunk in plain)


@pytest.mark.parametrize(
    ("flavour", "fault", "raised"),
    [
        ("openai", "unauthorized", openai.AuthenticationError),
        ("azure", "unauthorized", openai.AuthenticationError),
        ("groq", "unauthorized", groq.AuthenticationError),
        ("openai", "no_credit", openai.RateLimitError),
        ("openrouter", "no_credit", openai.APIStatusError),
        ("groq", "rate_limited", groq.RateLimitError),
        ("openai", "refuse", openai.APIConnectionError),
        ("openai", "error", openai.APIError),
        ("openrouter", "error", openai.APIError),
        ("xai", "unauthorized", openai.BadRequestError),
        ("xai", "no_credit", openai.RateLimitError),
        ("groq", "error", groq.APIError),
        ("openai", "cut", Exception),
    ],
)
async def test_the_vendor_s_own_sdk_knows_each_error(
    flavour: Flavour, fault: FaultKind, raised: type[Exception], tmp_path: Path
) -> None:
    vendor = ChatVendor(flavour)
    vendor.state.faults.queue("llm", Fault(fault, after_units=2))
    async with official_client(vendor, tmp_path) as client:
        with pytest.raises(raised):
            await complete(client)
        assert content(await complete(client))  # the next request has no fault


async def test_a_stalled_reply_is_billed_when_the_client_goes(tmp_path: Path) -> None:
    vendor = ChatVendor()
    vendor.state.faults.queue("llm", Fault("stall", after_units=2))
    async with official_client(vendor, tmp_path) as client:
        stream = await client.chat.completions.create(model="tiny", messages=QUESTION, stream=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                [chunk async for chunk in stream]
        await stream.close()
        async with asyncio.timeout(30):
            while not vendor.state.billed:  # noqa: ASYNC110 - the server sees the closed connection a moment later
                await asyncio.sleep(0.01)
    assert vendor.state.total("llm", "completion_tokens") == 2


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 0.3}, "temperature"),
        ({"max_tokens": 20}, "max_tokens"),
        ({"extra_body": {"thinking": True}}, "thinking"),
        ({"messages": [*QUESTION, {"role": "tool", "tool_call_id": "x", "content": "?"}]}, "messages.[1].role"),
    ],
)
async def test_what_the_model_does_not_take_is_named(fields: dict[str, Any], param: str, tmp_path: Path) -> None:
    vendor = ChatVendor(fixed_temperature=frozenset({"tiny"}))
    async with official_client(vendor, tmp_path) as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await complete(client, **fields)
    assert refused.value.param == param
    assert vendor.state.billed == []


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_pipecat_s_own_service_holds_a_turn(
    flavour: Flavour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = ChatVendor(flavour, reply=lambda body: ChatReply(TEXT))
    async with running_chat(vendor, tmp_path) as (origin, certificate):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        frames = await run_model(pipecat_service(vendor, origin), LLMContext(messages=QUESTION))  # type: ignore[arg-type]
    assert "".join(frame.text for frame in frames if isinstance(frame, LLMTextFrame)) == TEXT
    metrics = [data for frame in frames if isinstance(frame, MetricsFrame) for data in frame.data]
    usage = [data.value for data in metrics if isinstance(data, LLMUsageMetricsData)]
    assert usage[-1].completion_tokens == vendor.state.total("llm", "completion_tokens") == 7
