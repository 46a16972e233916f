"""Tokens of one attempt: counted, estimated, or none."""

import pytest

from media.providers.chain.request_tokens import RequestTokens
from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    Message,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    TextDelta,
    TokenUsage,
    ToolCall,
)

REQUEST = ChatRequest("s" * 40, [Message("user", "u" * 400)])
PROMPT = 10 + 100 + 2 * 4


def tokens(*events: LanguageModelEvent, error: ProviderError | None = None) -> TokenUsage:
    counted = RequestTokens(REQUEST)
    for event in events:
        counted.add(event)
    if error is not None:
        counted.fail(error)
    return counted.total()


def test_reports_are_added_up() -> None:
    reports = TokenUsage(10, 1, cached=3), TokenUsage(0, 7)
    assert tokens(TextDelta("x" * 99), *reports) == TokenUsage(10, 8, cached=3)


def test_notes_are_part_of_the_estimated_prompt() -> None:
    request = ChatRequest("s" * 40, [Message("user", "u" * 400, note="t" * 20)], call_note="c" * 60)
    assert RequestTokens(request).total() == TokenUsage(PROMPT + 20, 0, estimated=True)


def test_one_estimated_report_makes_an_estimate() -> None:
    assert tokens(TokenUsage(1, 1), TokenUsage(1, 1, estimated=True)) == TokenUsage(2, 2, estimated=True)


def test_attempt_without_a_report_is_estimated() -> None:
    call = ToolCall("1", "look_up", '{"a": 1}')
    assert tokens(TextDelta("x" * 35), call) == TokenUsage(PROMPT, (35 + 7 + 8 + 3) // 4, estimated=True)


@pytest.mark.parametrize(
    "error",
    [ProviderError("a", "HTTP 502"), ProviderBusy("a", "full"), ProviderSlow("a", "no connection", may_bill=False)],
)
def test_refused_request_costs_nothing(error: ProviderError) -> None:
    assert tokens(error=error) == TokenUsage(0, 0)


def test_silent_model_may_bill_the_prompt() -> None:
    assert tokens(error=ProviderSlow("a", "no token")) == TokenUsage(PROMPT, 0, estimated=True)


@pytest.mark.parametrize("began", [TextDelta(""), TextDelta("x")])
def test_model_that_began_bills_the_prompt(began: TextDelta) -> None:
    assert tokens(began, error=ProviderError("a", "cut")) == TokenUsage(PROMPT, len(began.text), estimated=True)


def test_report_before_a_failure_is_the_count() -> None:
    assert tokens(TokenUsage(5, 0), error=ProviderError("a", "cut")) == TokenUsage(5, 0)
