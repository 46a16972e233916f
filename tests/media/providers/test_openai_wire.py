"""Requests and replies in the API's shape, without a socket."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.ports import ChatRequest, Message, ProviderError, ProviderSlow, TokenUsage, ToolCall
from shared.providers.chat import NO_RESULT
from tests.media.providers.sse_server import delta
from vendors.openai.wire import StreamedReply, make_http_error, make_messages

CALL = ToolCall("c1", "book", '{"day": "Monday"}')


def test_a_conversation_keeps_its_order_and_its_tools() -> None:
    messages = [
        Message("user", "Book me"),
        Message("user", "for Monday."),
        Message("assistant", "One moment.", (CALL,)),
        Message("tool", "booked", tool_call_id="c1"),
        Message("assistant", "Done."),
        Message("assistant", ""),
    ]
    function = {"name": "book", "arguments": CALL.arguments}
    assert make_messages(ChatRequest("Be kind.", messages)) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Book me"},
        {"role": "user", "content": "for Monday."},
        {
            "role": "assistant",
            "content": "One moment.",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "booked"},
        {"role": "assistant", "content": "Done."},
    ]


def test_every_call_has_a_result_and_every_result_a_call() -> None:
    messages = [
        Message("assistant", "", (CALL,)),
        Message("tool", "whose?", tool_call_id="gone"),
        Message("user", "Hm"),
    ]
    assistant, result, user = make_messages(ChatRequest("", messages))
    assert assistant["content"] is None
    assert result == {"role": "tool", "tool_call_id": "c1", "content": NO_RESULT}
    assert user["content"] == "Hm"


def test_notes_stand_before_what_they_belong_to() -> None:
    messages = [Message("user", "Hello", note="[Now: Monday]"), Message("assistant", "Yes?"), Message("user", "Bye")]
    assert make_messages(ChatRequest("Be kind.", messages, call_note="They phoned you.")) == [
        {"role": "system", "content": "Be kind.\n\nThey phoned you."},
        {"role": "user", "content": "[Now: Monday]\n\nHello"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Bye"},
    ]
    assert make_messages(ChatRequest("", [], call_note="They phoned you.")) == [
        {"role": "system", "content": "They phoned you."}
    ]


def test_usage_is_the_provider_s_count_where_it_sends_one() -> None:
    reply = StreamedReply("x")
    reply.feed(delta(content="Hello")[6:])
    assert reply.usage(ChatRequest("", [])) == TokenUsage(0, 2, estimated=True)
    reply.feed(b'{"choices": [], "x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 6}}}')
    assert reply.usage(ChatRequest("", [])) == TokenUsage(5, 6)


@pytest.mark.parametrize(
    ("details", "prompt", "cached", "written"),
    [
        (b"null", 10, 0, 0),
        (b"{}", 10, 0, 0),
        (b'{"cached_tokens": null, "cache_write_tokens": null}', 10, 0, 0),
        (b'{"cached_tokens": 4}', 6, 4, 0),
        (b'{"cached_tokens": 4, "cache_write_tokens": 5}', 1, 4, 5),
        (b'{"cached_tokens": 99, "cache_write_tokens": 99}', 0, 10, 0),
        (b'{"cache_write_tokens": 99}', 0, 0, 10),
    ],
)
def test_tokens_of_the_cache_are_a_part_of_the_prompt(details: bytes, prompt: int, cached: int, written: int) -> None:
    reply = StreamedReply("x")
    reply.feed(b'{"choices": [], "usage": {"prompt_tokens": 10, "prompt_tokens_details": %b}}' % details)
    assert reply.usage(ChatRequest("", [])) == TokenUsage(prompt, 0, cached=cached, cache_write=written)


CHUNKS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"[DONE]",
            b"null",
            b"[]",
            b'{"choices": [{}]}',
            b'{"choices": [{"delta": null}]}',
            b'{"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}',
            b'{"choices": [{"delta": {"tool_calls": [{"index": 3}]}}]}',
            b'{"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}}]}',
            b'{"error": {"code": 500}}',
            b'{"usage": {}}',
        ]
    ),
)


@given(st.lists(CHUNKS, max_size=8))
def test_any_server_data_gives_events_or_a_provider_error(chunks: list[bytes]) -> None:
    reply = StreamedReply("x")
    with contextlib.suppress(ProviderError):
        for chunk in chunks:
            reply.feed(chunk)
        reply.finish(ChatRequest("", []))
    assert reply.usage(ChatRequest("", [])).completion >= 0


@given(st.integers(201, 599), st.binary(max_size=80))
def test_any_error_response_gives_a_provider_error(status: int, body: bytes) -> None:
    error = make_http_error("x", status, body)
    assert error.reason.startswith(f"HTTP {status}")
    assert not (isinstance(error, ProviderSlow) and error.may_bill)
