"""The API's shapes, without a socket."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from media.providers.openai_wire import NO_RESULT, Reply, chat, refusal
from media.providers.ports import Ask, Message, ProviderError, TokenUsage, ToolCall
from tests.media.providers.sse_server import delta

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
    assert chat(Ask("Be kind.", messages)) == [
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
    assistant, result, user = chat(Ask("", messages))
    assert assistant["content"] is None
    assert result == {"role": "tool", "tool_call_id": "c1", "content": NO_RESULT}
    assert user["content"] == "Hm"


def test_what_was_spent_is_the_provider_s_count_where_there_is_one() -> None:
    reply = Reply("x")
    reply.take(delta(content="Hello")[6:])
    assert reply.spent(Ask("", [])) == TokenUsage(0, 2, estimated=True)
    reply.take(b'{"choices": [], "x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 6}}}')
    assert reply.spent(Ask("", [])) == TokenUsage(5, 6)


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
def test_whatever_a_server_sends_it_is_events_or_a_provider_error(chunks: list[bytes]) -> None:
    reply = Reply("x")
    with contextlib.suppress(ProviderError):
        for chunk in chunks:
            reply.take(chunk)
        reply.finish(Ask("", []))
    assert reply.spent(Ask("", [])).completion >= 0


@given(st.integers(201, 599), st.binary(max_size=80))
def test_whatever_a_server_refuses_with_is_a_provider_error(status: int, body: bytes) -> None:
    assert refusal("x", status, body).reason.startswith(f"HTTP {status}")
