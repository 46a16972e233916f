"""Claude and Gemini over TLS, through the chain: what is said, what is billed, and what happens when they fail."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from media.providers.ports import ChatRequest, Message, ProviderError, ToolCall, ToolSpec
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.chat_reply import ChatReply, ToolUse
from simulator.vendors.faults import Fault, FaultKind
from tests.media.providers.vendors.model_call import ModelVendor, billed, model_call
from vendors.anthropic.simulator import AnthropicVendor
from vendors.google.simulator import GeminiVendor
from vendors.google.wire import NO_SIGNATURE

TEXT = "We are open from nine to five on weekdays, and on Saturday until noon."
TOOLS = (ToolUse("book", '{"day": "Monday"}'), ToolUse("end_call"))
SPEC = ToolSpec("book", "Books.", {"type": "object", "properties": {"day": {"type": "string"}}})
REQUEST = ChatRequest("You are a receptionist.", [Message("user", "When are you open?")], [SPEC])
VENDORS = (AnthropicVendor, GeminiVendor)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerCertificate]:
    """Trusted by everything that this module opens."""
    made = make_certificate(tmp_path_factory.mktemp("certificate"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "SSL_CERT_FILE", str(made.authority))
        yield made


def speak(body: Mapping[str, Any]) -> ChatReply:
    """Continues where a broken reply stopped, as a model would."""
    said = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    return ChatReply(TEXT.removeprefix(said[-1]) if said else TEXT)


@pytest.mark.parametrize("vendor_type", VENDORS)
async def test_a_reply_is_read_whole_and_metered_as_it_is_billed(
    vendor_type: type[ModelVendor], certificate: ServerCertificate
) -> None:
    vendor = vendor_type(reply=lambda body: ChatReply(TEXT, TOOLS))
    if isinstance(vendor, GeminiVendor):
        vendor.cached_tokens, vendor.thoughts = 4, 7
    async with model_call(certificate, vendor, temperature=0.4, max_tokens=80) as call:
        text, calls = await call.reply(REQUEST)
        await call.reply(REQUEST)
    assert text == TEXT
    assert [(one.name, one.arguments.replace(" ", "")) for one in calls] == [
        (tool.name, tool.arguments.replace(" ", "")) for tool in TOOLS
    ]
    assert call.metered(0) == billed(vendor)
    assert call.metered(0)["cached_tokens"] > 0
    assert not any(usage.estimated for usage in call.usage)
    assert call.failed == []


@pytest.mark.parametrize("vendor_type", VENDORS)
async def test_results_of_tools_go_back_to_the_model(
    vendor_type: type[ModelVendor], certificate: ServerCertificate
) -> None:
    """Gemini's calls go back with its signature, those of another model without one that it would know."""
    vendor = vendor_type(reply=lambda body: ChatReply("One moment.", TOOLS))
    async with model_call(certificate, vendor) as call:
        _, (booking, ending) = await call.reply(REQUEST)
        foreign = ToolCall("call|of another vendor", "book", '{"day": "Tuesday"}')
        messages = [
            Message("assistant", "Good morning, how can I help?"),
            Message("user", "Tuesday, please."),
            Message("assistant", "", (foreign,)),
            Message("tool", "booked", tool_call_id=foreign.id),
            Message("assistant", "Done."),
            Message("user", "And Monday.", note="[It is nine.]"),
            Message("assistant", "One moment.", (booking, ending)),
            Message("tool", "full", tool_call_id=booking.id),
            Message("user", "Hello?"),
        ]
        await call.reply(ChatRequest("You are a receptionist.", messages, [SPEC], call_note="A caller from Bonn."))
    assert call.failed == []
    assert len(vendor.bodies) == 2
    if isinstance(vendor, GeminiVendor):
        parts = [part for content in vendor.bodies[1]["contents"] for part in content["parts"]]
        signed = [part.get("thoughtSignature") for part in parts if "functionCall" in part]
        assert signed[0] == NO_SIGNATURE
        assert signed[1] in vendor.signatures
        assert signed[2] is None
        assert vendor.queries == [{"alt": "sse"}] * 2  # the key is in no address


@pytest.mark.parametrize(
    ("vendor_type", "fault", "reason"),
    [
        (AnthropicVendor, "unauthorized", "HTTP 401 authentication_error"),
        (AnthropicVendor, "no_credit", "HTTP 402 billing_error"),
        (AnthropicVendor, "rate_limited", "HTTP 429 rate_limit_error"),
        (AnthropicVendor, "refuse", "no connection: ServerDisconnectedError"),
        (AnthropicVendor, "garbage", "an unreadable event"),
        (AnthropicVendor, "error", "error in the stream overloaded_error"),
        (AnthropicVendor, "cut", "the stream was cut"),
        (GeminiVendor, "unauthorized", "HTTP 400 INVALID_ARGUMENT"),
        (GeminiVendor, "no_credit", "HTTP 429 RESOURCE_EXHAUSTED"),
        (GeminiVendor, "rate_limited", "HTTP 429 RESOURCE_EXHAUSTED"),
        (GeminiVendor, "garbage", "an unreadable chunk"),
        (GeminiVendor, "error", "error in the stream UNAVAILABLE"),
        (GeminiVendor, "cut", "the stream was cut"),
    ],
)
@pytest.mark.parametrize("after", [0, 4])
async def test_no_word_is_lost_or_doubled_when_a_vendor_fails(
    vendor_type: type[ModelVendor], fault: FaultKind, reason: str, after: int, certificate: ServerCertificate
) -> None:
    first = vendor_type(reply=speak)
    second: ModelVendor = (GeminiVendor if vendor_type is AnthropicVendor else AnthropicVendor)(reply=speak)
    first.state.faults.queue("llm", Fault(fault, after_units=after))
    async with model_call(certificate, first, second) as call:
        text, _ = await call.reply(REQUEST)
    assert text == TEXT
    assert [(failed.reason, failed.next) for failed in call.failed] == [(reason, "model-1")]
    assert call.metered(1) == billed(second)
    assert bool(call.metered(0)) == bool(billed(first)) == (fault in ("garbage", "error", "cut"))
    assert all(usage.estimated for usage in call.usage if usage.provider == "model-0")
    causes = {"unauthorized": "unauthorized", "rate_limited": "rate_limited", "no_credit": "quota"}
    assert call.failed[0].cause == causes.get(fault, call.failed[0].cause)


@pytest.mark.parametrize("vendor_type", VENDORS)
@pytest.mark.parametrize("fault", ["stall", "half_open"])
async def test_a_vendor_that_falls_silent_is_replaced(
    vendor_type: type[ModelVendor], fault: FaultKind, certificate: ServerCertificate
) -> None:
    first, second = vendor_type(reply=speak), vendor_type(reply=speak)
    first.state.faults.queue("llm", Fault(fault, after_units=3 if fault == "stall" else 0))
    async with model_call(certificate, first, second, first_token_s=0.2, idle_s=0.1) as call:
        text, _ = await call.reply(REQUEST)
    assert text == TEXT
    assert [failed.next for failed in call.failed] == ["model-1"]
    assert call.metered(0)  # the vendor may bill it
    assert call.metered(1) == billed(second)


@pytest.mark.parametrize(
    ("vendor", "reason"),
    [
        (AnthropicVendor(reply=lambda body: ChatReply("", finish="refusal")), "the model declined"),
        (GeminiVendor(reply=lambda body: ChatReply("", finish="SAFETY")), "the reply was ended: SAFETY"),
        (GeminiVendor(reply=lambda body: ChatReply("", refusal="PROHIBITED_CONTENT")), "the prompt was blocked"),
        (
            AnthropicVendor(reply=lambda body: ChatReply("", TOOLS[:1], finish="max_tokens")),
            "a tool call was cut at the token limit",
        ),
    ],
)
async def test_a_reply_that_cannot_be_used_is_asked_of_the_next_model(
    vendor: ModelVendor, reason: str, certificate: ServerCertificate
) -> None:
    second = AnthropicVendor(reply=speak)
    async with model_call(certificate, vendor, second) as call:
        assert (await call.reply(REQUEST))[0] == TEXT
    (failed,) = call.failed
    assert failed.reason.startswith(reason)
    assert failed.cause == "empty"
    assert call.metered(0) == billed(vendor)


async def test_sampling_parameters_are_not_sent_to_claude(certificate: ServerCertificate) -> None:
    vendor = AnthropicVendor()
    async with model_call(certificate, vendor, temperature=0.2, extra={"top_p": 0.9, "top_k": 40}) as call:
        assert await call.reply(REQUEST) == await call.reply(REQUEST)
    assert call.failed == []
    assert vendor.state.opened["llm"] == 2
    assert not any({"temperature", "top_p", "top_k"} & set(body) for body in vendor.bodies)


async def test_the_prompt_of_an_agent_is_read_from_claude_s_cache_by_its_next_call(
    certificate: ServerCertificate,
) -> None:
    vendor = AnthropicVendor()
    requests = [
        ChatRequest("You are a receptionist.", [Message("user", text)], [SPEC], call_note=note)
        for text, note in (("Hello", "From Bonn."), ("Hi", "From Ulm."))
    ]
    async with model_call(certificate, vendor) as call:
        for request in requests:
            await call.reply(request)
    assert (call.metered(0), call.failed) == (billed(vendor), [])
    first, second = vendor.state.billed[:3], vendor.state.billed[3:]
    assert [item.unit for item in first] == ["prompt_tokens", "cache_write_tokens", "completion_tokens"]
    assert [item.unit for item in second] == ["prompt_tokens", "cached_tokens", "completion_tokens"]


@pytest.mark.parametrize("vendor_type", VENDORS)
async def test_a_model_that_does_not_exist_is_refused(
    vendor_type: type[ModelVendor], certificate: ServerCertificate
) -> None:
    vendor = vendor_type(models=frozenset({"another"}))
    async with model_call(certificate, vendor) as call:
        with pytest.raises(ProviderError, match="HTTP 404"):
            await call.reply(REQUEST)


@pytest.mark.parametrize("vendor_type", VENDORS)
async def test_a_further_request_uses_the_same_connection(
    vendor_type: type[ModelVendor], certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine gets longer to read the end of an answer.
    monkeypatch.setattr("media.providers.streamed_model.DRAIN_S", 10.0)
    async with model_call(certificate, vendor_type()) as call:
        for _ in range(3):
            await call.reply(REQUEST)
        assert call.connections == 1
