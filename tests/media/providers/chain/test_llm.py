"""Fallback between language models."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.chain.llm import LanguageModelChain
from media.providers.cleanup import close_stream
from media.providers.ports import (
    CONTINUE_PROMPT,
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
from shared.events import ProviderFailed
from tests.media.providers.fakes import FakeLanguageModel, Step, text_deltas
from tests.media.providers.virtual import now, run

REQUEST = ChatRequest("You are a receptionist.", [Message("user", "When are you open?")])
SERVER_ERROR = ProviderError("a", "HTTP 502")
CALL = ToolCall("1", "end_call", "{}")


class ChainHarness:
    """A chain over scripted models, and the failures that it reported."""

    def __init__(self, *models: FakeLanguageModel, deadlines: Deadlines | None = None) -> None:
        self.failed: list[ProviderFailed] = []
        self.chain = LanguageModelChain(models, self.failed.append, deadlines)

    async def reply(self) -> list[LanguageModelEvent]:
        return [event async for event in self.chain.stream(REQUEST)]

    async def text(self) -> str:
        return "".join(event.text for event in await self.reply() if isinstance(event, TextDelta))


def test_first_model_s_reply_is_passed_on_unchanged() -> None:
    usage = TokenUsage(3, 4)
    harness = ChainHarness(
        FakeLanguageModel("a", [*text_deltas("Nine to five."), CALL, usage]),
        FakeLanguageModel("b", text_deltas("Never.")),
    )
    assert run(harness.reply()) == [*text_deltas("Nine to five."), CALL, usage]
    assert harness.failed == []


def test_a_failure_before_the_first_word_is_retried_with_the_next_model() -> None:
    b = FakeLanguageModel("b", text_deltas("Nine to five."))
    harness = ChainHarness(FakeLanguageModel("a", [SERVER_ERROR]), b)
    assert run(harness.text()) == "Nine to five. "
    assert b.requests == [REQUEST]
    assert harness.failed == [ProviderFailed("llm", "a", "HTTP 502", "b", "first_unit", "error")]


def test_a_silent_model_is_left_after_the_default_wait() -> None:
    async def main() -> None:
        assert await harness.text() == "Nine."
        assert now() == 1.2

    a = FakeLanguageModel("a", [None])
    harness = ChainHarness(a, FakeLanguageModel("b", [TextDelta("Nine.")]))
    run(main())
    reason = "no data for 1.2 s; another provider was tried"
    assert harness.failed == [ProviderFailed("llm", "a", reason, "b", "first_unit", "late", 1_200)]
    assert a.closed == 1


def test_an_empty_delta_counts_as_the_first_token_and_is_not_passed_on() -> None:
    steps: list[Step] = [1.0, TextDelta(""), 3.9, TextDelta("Nine.")]
    harness = ChainHarness(FakeLanguageModel("a", steps), FakeLanguageModel("b", text_deltas("Never.")))
    assert run(harness.reply()) == [TextDelta("Nine.")]


def test_next_model_continues_a_broken_reply_without_repetition() -> None:
    b = FakeLanguageModel("b", text_deltas("We are open from nine to five."))
    harness = ChainHarness(FakeLanguageModel("a", [*text_deltas("We are open"), SERVER_ERROR]), b)
    assert run(harness.text()) == "We are open from nine to five. "
    messages = [*REQUEST.messages, Message("assistant", "We are open "), Message("user", CONTINUE_PROMPT)]
    assert list(b.requests[0].messages) == messages


def test_a_model_that_stalls_in_mid_reply_is_replaced() -> None:
    async def main() -> None:
        assert await harness.text() == "We are open from nine. "
        assert now() == 0.9
        assert harness.failed == [ProviderFailed("llm", "a", "no data for 0.9 s", "b", "stream", "stalled", 900)]

    harness = ChainHarness(
        FakeLanguageModel("a", [*text_deltas("We are open"), None]), FakeLanguageModel("b", text_deltas("from nine."))
    )
    run(main())


def test_a_third_model_gets_the_text_of_both_models_before_it() -> None:
    c = FakeLanguageModel("c", text_deltas("to five."))
    b = FakeLanguageModel("b", [*text_deltas("from nine"), ProviderError("b", "cut")])
    harness = ChainHarness(FakeLanguageModel("a", [*text_deltas("We are open"), SERVER_ERROR]), b, c)
    assert run(harness.text()) == "We are open from nine to five. "
    assert c.requests[0].messages[-2].text == "We are open from nine "
    assert [failed.next for failed in harness.failed] == ["b", "c"]


def test_when_all_failed_the_last_error_is_raised() -> None:
    harness = ChainHarness(FakeLanguageModel("a", [SERVER_ERROR]), FakeLanguageModel("b", [ProviderBusy("b", "full")]))
    with pytest.raises(ProviderBusy):
        run(harness.text())
    assert [failed.next for failed in harness.failed] == ["b", ""]


def test_an_empty_reply_is_a_failure_but_a_tool_call_without_words_is_not() -> None:
    harness = ChainHarness(FakeLanguageModel("a", [TextDelta(" "), TokenUsage(5, 1)]), FakeLanguageModel("b", [CALL]))
    assert run(harness.reply()) == [TextDelta(" "), TokenUsage(5, 1), CALL]
    assert [failed.reason for failed in harness.failed] == ["an empty reply"]


def test_a_continuation_may_be_empty() -> None:
    harness = ChainHarness(
        FakeLanguageModel("a", [*text_deltas("We are open."), SERVER_ERROR]), FakeLanguageModel("b", [])
    )
    assert run(harness.text()) == "We are open. "
    assert len(harness.failed) == 1


def test_a_tool_is_never_called_twice() -> None:
    b = FakeLanguageModel("b", [CALL])
    harness = ChainHarness(FakeLanguageModel("a", [CALL, SERVER_ERROR]), b)
    assert run(harness.reply()) == [CALL]
    assert b.requests == []
    assert harness.failed == [ProviderFailed("llm", "a", "HTTP 502", "", "stream", "error")]


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (SERVER_ERROR, 2),
        (ProviderError("a", "HTTP 401", retryable=False), 1),
        (ProviderBusy("a", "full"), 1),
        (ProviderSlow("a", "late"), 1),
    ],
)
def test_a_lone_model_is_retried_only_after_retryable_errors(error: ProviderError, attempts: int) -> None:
    a = FakeLanguageModel("a", [error])
    with pytest.raises(ProviderError):
        run(ChainHarness(a).text())
    assert len(a.requests) == attempts


def test_a_lone_model_continues_its_own_reply() -> None:
    a = FakeLanguageModel("a", [*text_deltas("We are open"), SERVER_ERROR], text_deltas("from nine."))
    assert run(ChainHarness(a).text()) == "We are open from nine. "


def test_a_failed_model_is_tried_last_until_its_demotion_ends() -> None:
    async def main() -> list[str]:
        replies = [await harness.text(), await harness.text()]
        await asyncio.sleep(30.0)
        return [*replies, await harness.text(), await harness.text()]

    a = FakeLanguageModel("a", [SERVER_ERROR], [TextDelta("A")])
    harness = ChainHarness(a, FakeLanguageModel("b", [TextDelta("B")]))
    assert run(main()) == ["B", "B", "A", "A"]
    assert len(harness.failed) == 1


def test_a_demoted_model_is_still_tried_last() -> None:
    async def main() -> list[str]:
        return [await harness.text(), await harness.text()]

    a = FakeLanguageModel("a", [SERVER_ERROR], [TextDelta("A")])
    b = FakeLanguageModel("b", [TextDelta("B")], [ProviderError("b", "gone")])
    harness = ChainHarness(a, b)
    assert run(main()) == ["B", "A"]


def test_the_last_model_gets_more_time() -> None:
    async def main() -> None:
        assert await harness.text() == "Nine."
        assert now() == pytest.approx(1.2 + 7.5)

    harness = ChainHarness(FakeLanguageModel("a", [None]), FakeLanguageModel("b", [7.5, TextDelta("Nine.")]))
    run(main())
    with pytest.raises(ProviderSlow, match="no data for 8 s"):
        run(ChainHarness(FakeLanguageModel("a", [None])).text())


def test_closing_the_stream_closes_the_model_at_once() -> None:
    async def main() -> None:
        stream = harness.chain.stream(REQUEST)
        assert await anext(stream) == TextDelta("We ")
        await close_stream(stream)
        assert a.closed == 1
        assert now() == 0.0

    a = FakeLanguageModel("a", [*text_deltas("We are open"), None])
    harness = ChainHarness(a)
    run(main())


def test_cancelling_while_waiting_closes_the_model() -> None:
    async def main() -> None:
        task = asyncio.create_task(harness.text())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert a.closed == 1
        assert now() == 1.0

    a = FakeLanguageModel("a", [None])
    harness = ChainHarness(a, FakeLanguageModel("b", text_deltas("Never.")))
    run(main())
    assert harness.failed == []


def test_a_model_that_does_not_close_delays_the_next_one_by_a_second() -> None:
    class SlowToClose:
        name = "slow to close"

        async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
            try:
                yield TextDelta("We ")
                raise SERVER_ERROR
            finally:
                await asyncio.sleep(60)

    async def main() -> str:
        chain = LanguageModelChain(
            [SlowToClose(), FakeLanguageModel("b", text_deltas("are open."))], lambda failed: None
        )
        stream = chain.stream(REQUEST)
        first = await anext(stream)
        await close_stream(stream)
        assert now() <= 1.0
        assert isinstance(first, TextDelta)
        return first.text

    assert run(main()) == "We "
