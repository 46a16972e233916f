"""The Messages API and the Gemini API as data: what is sent for any conversation, and what is read of any stream."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.chat_api import ReplyReader
from media.providers.ports import (
    CALL_BEGAN_PROMPT,
    ChatRequest,
    KeyRefused,
    LanguageModelEvent,
    Message,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    ReplyUnusable,
    TextDelta,
    TokenUsage,
    ToolCall,
    ToolSpec,
)
from media.providers.sse import SseParser
from shared.providers.chat import NO_RESULT
from simulator.vendors.chat_reply import ChatReply, ToolUse
from vendors.anthropic import simulator as anthropic_simulator
from vendors.anthropic import wire as anthropic_wire
from vendors.anthropic.facts import AnthropicOptions
from vendors.anthropic.media import AnthropicApi
from vendors.anthropic.simulator import MessageStream
from vendors.anthropic.wire import MessageReader
from vendors.google import simulator as google_simulator
from vendors.google import wire as google_wire
from vendors.google.facts import GoogleOptions
from vendors.google.media import GeminiApi
from vendors.google.simulator import ContentStream
from vendors.google.wire import ContentReader

REQUEST = ChatRequest("You are kind.", [Message("user", "Hello")])
TOOLS = (ToolUse("book", '{"day": "Monday"}'), ToolUse("end_call"))
CLAUDE = AnthropicApi("claude", AnthropicOptions("claude-haiku-4-5"))
TEXTS = st.text(alphabet="ab \n", max_size=4)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Any order of turns, calls with results or without, ids of any characters; the caller speaks last."""
    messages: list[Message] = []
    for number in range(draw(st.integers(0, 5))):
        role: Literal["user", "assistant"] = draw(st.sampled_from(("user", "assistant")))
        calls: tuple[ToolCall, ...] = ()
        if role == "assistant":
            arguments = st.sampled_from(['{"day": 1}', "{}", "", "[1]", "{"])
            calls = tuple(
                ToolCall(f"{number}|{place} ä", "book", draw(arguments)) for place in range(draw(st.integers(0, 2)))
            )
        messages.append(Message(role, draw(TEXTS), calls, note=draw(TEXTS) if role == "user" else ""))
        messages += [Message("tool", draw(TEXTS), tool_call_id=call.id) for call in calls if draw(st.booleans())]
    return [*messages, Message("user", "And now?")]


@settings(max_examples=60, deadline=None)
@given(conversations(), st.sampled_from(["claude-haiku-4-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-new"]))
def test_any_conversation_is_one_that_anthropic_takes(messages: list[Message], model: str) -> None:
    api = AnthropicApi("claude", AnthropicOptions(model))
    request = ChatRequest("You are kind.", messages, [ToolSpec("book", "", {"type": "object"})], call_note="Bonn.")
    anthropic_simulator.check_body(api.make_body(request, set()))


@settings(max_examples=60, deadline=None)
@given(conversations(), st.sampled_from(["gemini-2.5-flash", "gemini-3.5-flash-lite", "gemini-3.1-pro-preview"]))
def test_any_conversation_is_one_that_gemini_takes(messages: list[Message], model: str) -> None:
    api = GeminiApi("gemini", GoogleOptions(model))
    request = ChatRequest("You are kind.", messages, [ToolSpec("book", "", {"type": "object"})], call_note="Bonn.")
    google_simulator.check_body(model, api.make_body(request, set()), ())


def test_the_agent_s_greeting_follows_a_first_turn_of_the_user() -> None:
    request = ChatRequest("", [Message("assistant", "Hello."), Message("user", "Hi.", note="[Nine.]")])
    (first, greeting, said) = anthropic_wire.make_messages(request)
    assert first == {"role": "user", "content": [{"type": "text", "text": CALL_BEGAN_PROMPT}]}
    assert greeting["content"][0]["text"] == "Hello."
    assert said["content"] == [{"type": "text", "text": "[Nine.]\n\nHi."}]
    assert anthropic_wire.make_system(request) == []


def test_a_call_without_a_result_gets_one() -> None:
    request = ChatRequest("", [Message("user", "Hi"), Message("assistant", "", (ToolCall("1", "book", ""),))])
    assert anthropic_wire.make_messages(request)[-1]["content"][0]["content"] == NO_RESULT
    assert google_wire.make_contents(request, None)[-1]["parts"][0]["functionResponse"]["response"] == {
        "output": NO_RESULT
    }


def test_only_the_agent_s_prompt_is_marked_for_the_cache() -> None:
    prompt, note = anthropic_wire.make_system(ChatRequest("You are kind.", [], call_note="A caller from Bonn."))
    assert "cache_control" in prompt
    assert "cache_control" not in note


def read(reader: ReplyReader, chunks: Iterable[bytes]) -> list[LanguageModelEvent]:
    parser = SseParser()
    events = [event for chunk in chunks for data in parser.feed(chunk) for event in reader.feed(data)]
    return [*events, *(event for data in parser.end() for event in reader.feed(data))]


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted({place % (len(whole) + 1) for place in places}), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(ends)]


def streams(text: str) -> list[tuple[ReplyReader, Any]]:
    reply = ChatReply(text, TOOLS)
    body = CLAUDE.make_body(REQUEST, set())
    gemini = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    return [
        (MessageReader("claude"), MessageStream(body, reply, cached=1, written=2)),
        (ContentReader("gemini", {}), ContentStream("gemini-3.5-flash-lite", gemini, reply, cached=1, thoughts=3)),
    ]


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet="ab \nä😀", max_size=12), st.lists(st.integers(0, 5_000), max_size=6))
def test_a_reply_is_read_however_it_is_cut_into_chunks(text: str, places: list[int]) -> None:
    for reader, stream in streams(text):
        whole = b"".join([*stream.head(), *stream.tokens(), *stream.end()])
        events = read(reader, cut(whole, places))
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text
        assert reader.is_complete
        *calls, usage = reader.finish(REQUEST)
        assert [(call.name, json.loads(call.arguments)) for call in calls if isinstance(call, ToolCall)] == [
            (tool.name, json.loads(tool.arguments)) for tool in TOOLS
        ]
        prompt, written = stream.prompt_tokens - 1 - stream.written, stream.written
        assert usage == TokenUsage(prompt, stream.completion_tokens, cached=1, cache_write=written)


def test_a_recorded_message_is_read() -> None:
    """Of claude-sonnet-4; from anthropic-sdk-python, tests/lib/streaming/fixtures (MIT, copyright Anthropic, PBC)."""
    whole = (Path(__file__).parent / "recorded_message.txt").read_bytes()
    reader = MessageReader("claude")
    events = read(reader, [whole])
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert said == "I'll check the current weather in Paris for you."
    assert reader.done
    assert reader.finish(REQUEST) == [
        ToolCall("toolu_01NRLabsLyVHZPKxbKvkfSMn", "get_weather", '{"location": "Paris"}'),
        TokenUsage(377, 65),
    ]


def test_a_stream_that_breaks_costs_what_it_told_and_what_was_written() -> None:
    for reader, stream in streams("One two three four five six."):
        tokens = stream.tokens()
        read(reader, [*stream.head(), *(next(tokens) for _ in range(4))])
        spent = reader.spent(REQUEST)
        assert (spent.prompt + spent.cache_write, spent.cached) == (stream.prompt_tokens - 1, 1)
        assert (spent.cache_write, spent.estimated) == (stream.written, True)
        assert spent.completion >= 4
        with pytest.raises(ProviderError, match="the stream was cut"):
            reader.finish(REQUEST)


def test_reasoning_does_not_count_as_progress() -> None:
    claude, gemini = MessageReader("claude"), ContentReader("gemini", {})
    thinking = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}}
    assert claude.feed(json.dumps(thinking).encode()) == []
    assert claude.feed(b'{"type":"ping"}') == [] == claude.feed(b'{"type":"of_tomorrow","index":3}')
    thought = {"candidates": [{"content": {"parts": [{"text": "Hm.", "thought": True}]}}]}
    assert gemini.feed(json.dumps(thought).encode()) == []
    assert not claude.has_begun and not gemini.has_begun


ANTHROPIC_ERRORS = [
    (401, "authentication_error", KeyRefused, False),
    (402, "billing_error", ProviderBusy, False),
    (403, "permission_error", ProviderError, False),
    (404, "not_found_error", ProviderError, False),
    (413, "request_too_large", ProviderError, False),
    (429, "rate_limit_error", ProviderBusy, True),
    (500, "api_error", ProviderError, True),
    (504, "timeout_error", ProviderSlow, True),
    (529, "overloaded_error", ProviderBusy, True),
]


@pytest.mark.parametrize(("status", "kind", "error_type", "retryable"), ANTHROPIC_ERRORS)
def test_errors_of_anthropic(status: int, kind: str, error_type: type[ProviderError], retryable: bool) -> None:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": "sk-secret said it"}}).encode()
    answered = anthropic_wire.make_http_error("claude", status, body)
    with pytest.raises(ProviderError) as raised:
        MessageReader("claude").feed(body)
    for error, reason in ((answered, f"HTTP {status} {kind}"), (raised.value, f"error in the stream {kind}")):
        assert (type(error), error.retryable, error.reason) == (error_type, retryable, reason)


def test_recognizes_an_account_without_credit_by_its_message() -> None:
    message = "Your credit balance is too low to access the Anthropic API."
    body = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}}).encode()
    error = anthropic_wire.make_http_error("claude", 400, body)
    assert (type(error), error.cause) == (ProviderBusy, "quota")


@pytest.mark.parametrize(
    ("status", "name", "error_type", "retryable"),
    [
        (400, "INVALID_ARGUMENT", ProviderError, False),
        (401, "UNAUTHENTICATED", KeyRefused, False),
        (403, "PERMISSION_DENIED", ProviderError, False),
        (404, "NOT_FOUND", ProviderError, False),
        (429, "RESOURCE_EXHAUSTED", ProviderBusy, True),
        (500, "INTERNAL", ProviderError, True),
        (503, "UNAVAILABLE", ProviderBusy, True),
        (504, "DEADLINE_EXCEEDED", ProviderSlow, True),
    ],
)
def test_errors_of_gemini(status: int, name: str, error_type: type[ProviderError], retryable: bool) -> None:
    fields = {"error": {"code": status, "status": name, "message": "AIza-secret said it"}}
    answered = google_wire.make_http_error("gemini", status, json.dumps([fields]).encode())
    with pytest.raises(ProviderError) as raised:
        ContentReader("gemini", {}).feed(json.dumps(fields).encode())
    for error, reason in ((answered, f"HTTP {status} {name}"), (raised.value, f"error in the stream {name}")):
        assert (type(error), error.retryable, error.reason) == (error_type, retryable, reason)


def test_a_key_and_a_day_s_quota_of_gemini_are_told_by_details() -> None:
    key = google_wire.make_http_error("gemini", 400, json.dumps(google_simulator.wrong_key().body()).encode())
    assert isinstance(key, KeyRefused)
    for period, cause in (("PerDay", "quota"), ("PerMinute", "rate_limited")):
        body = json.dumps(google_simulator.quota_exceeded(period).body()).encode()
        assert google_wire.make_http_error("gemini", 429, body).cause == cause


@pytest.mark.parametrize(
    "reason", ["MALFORMED_FUNCTION_CALL", "SAFETY", "RECITATION", "OTHER", "MISSING_THOUGHT_SIGNATURE"]
)
def test_a_reply_of_gemini_that_is_not_whole_cannot_be_used(reason: str) -> None:
    reader = ContentReader("gemini", {})
    reader.feed(json.dumps({"candidates": [{"finishReason": reason}]}).encode())
    with pytest.raises(ReplyUnusable, match=reason):
        reader.finish(REQUEST)


def test_calls_of_gemini_without_ids_get_different_ones() -> None:
    signatures: dict[str, str] = {}
    reader = ContentReader("gemini", signatures)
    part = {"functionCall": {"name": "book"}, "thoughtSignature": "c2ln"}
    for _ in range(2):
        reader.feed(json.dumps({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}).encode())
    first, second, _ = reader.finish(REQUEST)
    assert isinstance(first, ToolCall) and isinstance(second, ToolCall)
    assert signatures == {first.id: "c2ln", second.id: "c2ln"}
    assert first.id != second.id


def test_does_not_report_a_key_in_the_place_of_a_code() -> None:
    key = "sk-ant-api03-9f8e7d6c5b4a"
    error = {"error": {"type": key, "status": key, "code": 500, "message": key}}
    body = json.dumps(error).encode()
    found = [anthropic_wire.make_http_error("claude", 500, body), google_wire.make_http_error("gemini", 500, body)]
    for reader in (MessageReader("claude"), ContentReader("gemini", {})):
        with pytest.raises(ProviderError) as raised:
            reader.feed(body)
        found.append(raised.value)
    reader = ContentReader("gemini", {})
    reader.feed(json.dumps({"candidates": [{"finishReason": key}]}).encode())
    with pytest.raises(ReplyUnusable) as unusable:
        reader.finish(REQUEST)
    assert not any(key in str(one) for one in (*found, unusable.value))
