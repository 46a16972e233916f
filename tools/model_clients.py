"""Tries the simulated Messages API and Gemini API with the official SDKs, or with pipecat's services:

    python -m tools.model_clients sdk|pipecat

Not part of the suite, because pipecat wants an older major version of both SDKs than the ones that the simulators are
written from. Two environments of their own, which see the project's packages besides:

    anthropic==2.15.0 google-genai==3.6.1                  for `sdk`
    pipecat-ai[anthropic,google]==1.14.0                   for `pipecat`

Each check prints what the client understood, and fails where that is not what the simulator sent. Nothing leaves the
machine.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from simulator.vendors.certificate import make_certificate
from simulator.vendors.chat_reply import ChatReply, ToolUse
from simulator.vendors.faults import Fault
from simulator.vendors.server import running_vendor
from vendors.anthropic.simulator import AnthropicVendor
from vendors.google.simulator import GeminiVendor

TEXT: Final = "We are open from nine to five."
TOOL: Final = ToolUse("book", '{"day": "Monday"}')
SCHEMA: Final = {"type": "object", "properties": {"day": {"type": "string"}}, "additionalProperties": False}
CLAUDE: Final = "claude-haiku-4-5"
GEMINI: Final = "gemini-3.5-flash-lite"

Check = Callable[[str, Any], Awaitable[None]]


def reply(body: Any) -> ChatReply:
    """A call of a tool first, then words about its result."""
    is_answered = any(message["role"] == "tool" for message in body["messages"])
    return ChatReply(TEXT) if is_answered else ChatReply("One moment.", (TOOL,))


def require(found: object, wanted: object) -> None:
    """Raises SystemExit."""
    print("  ", found)
    if found != wanted:
        raise SystemExit(f"expected {wanted!r}")


async def anthropic_sdk(origin: str, vendor: AnthropicVendor) -> None:
    """Stream, tools, usage, the whole message, and errors."""
    import anthropic

    client = anthropic.AsyncAnthropic(api_key=vendor.state.key, base_url=origin, max_retries=0)
    tools: Any = [{"name": "book", "description": "Books.", "input_schema": SCHEMA}]
    system: Any = [{"type": "text", "text": "You are kind.", "cache_control": {"type": "ephemeral"}}]
    messages: list[Any] = [{"role": "user", "content": "Monday?"}]

    async def ask(**fields: Any) -> Any:
        asked = {"model": CLAUDE, "max_tokens": 100, "messages": messages, "system": system, "tools": tools}
        async with client.messages.stream(**{**asked, **fields}) as stream:
            return await stream.get_final_message()

    first = await ask()
    require([block.type for block in first.content], ["text", "tool_use"])
    require((first.content[1].name, first.content[1].input), ("book", {"day": "Monday"}))
    require(first.stop_reason, "tool_use")
    require(first.usage.output_tokens, int(vendor.state.total("llm", "completion_tokens")))
    answer = {"type": "tool_result", "tool_use_id": first.content[1].id, "content": "booked"}
    content = [block.model_dump(include={"type", "text", "id", "name", "input"}) for block in first.content]
    messages += [{"role": "assistant", "content": content}, {"role": "user", "content": [answer]}]
    second = await ask()
    require(second.content[0].text, TEXT)
    require(second.usage.cache_read_input_tokens, int(vendor.state.total("llm", "cached_tokens")))
    require(first.usage.cache_creation_input_tokens, int(vendor.state.total("llm", "cache_write_tokens")))
    output: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    whole: Any = await client.messages.create(
        model=CLAUDE, max_tokens=100, messages=messages, tools=tools, output_config=output
    )
    require((whole.content[0].text, whole.stop_reason), (TEXT, "end_turn"))
    kinds: Any = {"unauthorized": anthropic.AuthenticationError, "rate_limited": anthropic.RateLimitError}
    for kind, error in {**kinds, "no_credit": anthropic.APIStatusError, "error": anthropic.APIStatusError}.items():
        vendor.state.faults.queue("llm", Fault(kind))
        await refused(ask(), error)
    await refused(ask(extra_body={"wrong": 1}), anthropic.BadRequestError)


async def google_sdk(origin: str, vendor: GeminiVendor) -> None:
    """Stream, tools with their signatures, usage, the whole reply, and errors."""
    from google import genai
    from google.genai import errors, types

    client = genai.Client(api_key=vendor.state.key, http_options=types.HttpOptions(base_url=origin))
    declared = types.FunctionDeclaration(name="book", description="Books.", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        system_instruction="You are kind.",
        tools=[types.Tool(function_declarations=[declared])],
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text="Monday?")])]

    async def ask(**fields: Any) -> list[Any]:
        asked: Any = {"model": GEMINI, "contents": contents, "config": config, **fields}
        return [chunk async for chunk in await client.aio.models.generate_content_stream(**asked)]

    first = await ask()
    parts = [part for chunk in first for part in chunk.candidates[0].content.parts]
    require("".join(part.text or "" for part in parts), "One moment.")
    (call,) = [part for part in parts if part.function_call]
    require((call.function_call.name, call.function_call.args), ("book", {"day": "Monday"}))
    require(first[-1].candidates[0].finish_reason.name, "STOP")
    require(first[-1].usage_metadata.candidates_token_count, int(vendor.state.total("llm", "completion_tokens")))
    answer = types.Part.from_function_response(name="book", response={"output": "booked"})
    contents += [types.Content(role="model", parts=[call]), types.Content(role="user", parts=[answer])]
    second = await ask()
    require("".join(chunk.text or "" for chunk in second), TEXT)
    strict = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=SCHEMA)
    whole = await client.aio.models.generate_content(model=GEMINI, contents=contents, config=strict)
    require(whole.text, TEXT)
    kinds: Any = {"unauthorized": errors.ClientError, "rate_limited": errors.ClientError, "error": errors.ServerError}
    for kind, error in kinds.items():
        vendor.state.faults.queue("llm", Fault(kind))
        await refused(ask(), error)
    contents[1] = types.Content(role="model", parts=[types.Part(function_call=call.function_call)])
    await refused(ask(), errors.ClientError)  # the call lacks its signature


async def refused(asked: Awaitable[Any], error: type[Exception]) -> None:
    """The client raises this error. Raises SystemExit."""
    try:
        await asked
    except error as found:
        print("  ", type(found).__name__, str(found)[:90])
    else:
        raise SystemExit(f"no {error.__name__}")


async def pipecat_anthropic(origin: str, vendor: AnthropicVendor) -> None:
    """pipecat's service, with its own client at the simulator's address."""
    from anthropic import AsyncAnthropic
    from pipecat.services.anthropic.llm import AnthropicLLMService

    client = AsyncAnthropic(api_key=vendor.state.key, base_url=origin, max_retries=0)
    settings = AnthropicLLMService.Settings(model=CLAUDE, enable_prompt_caching=True, temperature=0.3)
    await _answer(AnthropicLLMService(api_key=vendor.state.key, client=client, settings=settings), vendor)


async def pipecat_google(origin: str, vendor: GeminiVendor) -> None:
    """pipecat's service, with its own client at the simulator's address."""
    from google.genai.types import HttpOptions
    from pipecat.services.google.llm import GoogleLLMService

    options = HttpOptions(base_url=origin)
    settings = GoogleLLMService.Settings(model=GEMINI)
    await _answer(GoogleLLMService(api_key=vendor.state.key, http_options=options, settings=settings), vendor)


async def _answer(service: Any, vendor: Any) -> None:
    """Words and usage, after a tool was called and answered."""
    from pipecat.frames.frames import LLMTextFrame, MetricsFrame
    from pipecat.metrics.metrics import LLMUsageMetricsData
    from pipecat.processors.aggregators.llm_context import LLMContext

    from tests.simulator.vendors.openai_clients import run_model

    call = {"id": "call_1", "type": "function", "function": {"name": "book", "arguments": TOOL.arguments}}
    messages: list[Any] = [
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Monday?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": '"booked"'},
    ]
    frames = await run_model(service, LLMContext(messages))
    require("".join(frame.text for frame in frames if isinstance(frame, LLMTextFrame)), TEXT)
    found = [one for frame in frames if isinstance(frame, MetricsFrame) for one in frame.data]
    (usage,) = [one.value for one in found if isinstance(one, LLMUsageMetricsData)]
    require(usage.completion_tokens, int(vendor.state.total("llm", "completion_tokens")))


CHECKS: Final[dict[str, tuple[Check, Check]]] = {
    "sdk": (anthropic_sdk, google_sdk),
    "pipecat": (pipecat_anthropic, pipecat_google),
}


async def run(claude: Check, gemini: Check) -> None:
    """Both vendors over TLS."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(certificate.authority)
        vendors: tuple[tuple[Check, Any], ...] = (
            (claude, AnthropicVendor(reply=reply)),
            (gemini, GeminiVendor(reply=reply)),
        )
        for check, vendor in vendors:
            print(check.__name__)
            async with running_vendor(vendor.routes(), certificate) as address:
                await check(f"https://{address}", vendor)


if __name__ == "__main__":
    asyncio.run(run(*CHECKS[sys.argv[1]]))
