"""Fallback between language models."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.chain.think import ThinkChain
from media.providers.closing import close_stream
from media.providers.ports import (
    GO_ON,
    Ask,
    Message,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    ThinkEvent,
    TokenUsage,
    ToolCall,
    Words,
)
from shared.events import ProviderFailed
from tests.media.providers.fakes import FakeThink, Step, words
from tests.media.providers.virtual import now, run

ASK = Ask("You are a receptionist.", [Message("user", "When are you open?")])
DOWN = ProviderError("a", "HTTP 502")
CALL = ToolCall("1", "end_call", "{}")


class Bench:
    """A chain over scripted models and what it told of failures."""

    def __init__(self, *models: FakeThink, deadlines: Deadlines | None = None) -> None:
        self.failed: list[ProviderFailed] = []
        self.chain = ThinkChain(models, self.failed.append, deadlines)

    async def reply(self) -> list[ThinkEvent]:
        return [event async for event in self.chain.stream(ASK)]

    async def text(self) -> str:
        return "".join(event.text for event in await self.reply() if isinstance(event, Words))


def test_the_first_choice_answers_and_nothing_is_added() -> None:
    usage = TokenUsage(3, 4)
    bench = Bench(FakeThink("a", [*words("Nine to five."), CALL, usage]), FakeThink("b", words("Never.")))
    assert run(bench.reply()) == [*words("Nine to five."), CALL, usage]
    assert bench.failed == []


def test_a_failure_before_the_first_word_goes_to_the_next() -> None:
    b = FakeThink("b", words("Nine to five."))
    bench = Bench(FakeThink("a", [DOWN]), b)
    assert run(bench.text()) == "Nine to five. "
    assert b.asked == [ASK]
    assert bench.failed == [ProviderFailed("llm", "a", "HTTP 502", "b")]


def test_silence_counts_as_down_after_the_deadline() -> None:
    async def main() -> None:
        assert await bench.text() == "Nine."
        assert now() == 4.0

    a = FakeThink("a", [None])
    bench = Bench(a, FakeThink("b", [Words("Nine.")]))
    run(main())
    assert bench.failed == [ProviderFailed("llm", "a", "nothing came for 4 s", "b")]
    assert a.closed == 1


def test_a_sign_of_life_counts_as_the_first_token_and_is_not_passed_on() -> None:
    steps: list[Step] = [1.0, Words(""), 3.9, Words("Nine.")]
    bench = Bench(FakeThink("a", steps), FakeThink("b", words("Never.")))
    assert run(bench.reply()) == [Words("Nine.")]


def test_a_failure_in_mid_answer_is_continued_by_the_next_without_repeating() -> None:
    b = FakeThink("b", words("We are open from nine to five."))
    bench = Bench(FakeThink("a", [*words("We are open"), DOWN]), b)
    assert run(bench.text()) == "We are open from nine to five. "
    told = [*ASK.messages, Message("assistant", "We are open "), Message("user", GO_ON)]
    assert list(b.asked[0].messages) == told


def test_a_model_that_stalls_in_mid_answer_is_left() -> None:
    async def main() -> None:
        assert await bench.text() == "We are open from nine. "
        assert now() == 4.0

    bench = Bench(FakeThink("a", [*words("We are open"), None]), FakeThink("b", words("from nine.")))
    run(main())


def test_a_third_model_is_told_all_that_was_said() -> None:
    c = FakeThink("c", words("to five."))
    b = FakeThink("b", [*words("from nine"), ProviderError("b", "cut")])
    bench = Bench(FakeThink("a", [*words("We are open"), DOWN]), b, c)
    assert run(bench.text()) == "We are open from nine to five. "
    assert c.asked[0].messages[-2].text == "We are open from nine "
    assert [failed.next for failed in bench.failed] == ["b", "c"]


def test_when_all_failed_the_last_error_is_raised() -> None:
    bench = Bench(FakeThink("a", [DOWN]), FakeThink("b", [ProviderBusy("b", "full")]))
    with pytest.raises(ProviderBusy):
        run(bench.text())
    assert [failed.next for failed in bench.failed] == ["b", ""]


def test_an_empty_reply_is_a_failure_but_a_tool_call_without_words_is_not() -> None:
    bench = Bench(FakeThink("a", [Words(" "), TokenUsage(5, 1)]), FakeThink("b", [CALL]))
    assert run(bench.reply()) == [Words(" "), TokenUsage(5, 1), CALL]
    assert [failed.reason for failed in bench.failed] == ["an empty reply"]


def test_a_continuation_may_be_empty() -> None:
    bench = Bench(FakeThink("a", [*words("We are open."), DOWN]), FakeThink("b", []))
    assert run(bench.text()) == "We are open. "
    assert len(bench.failed) == 1


def test_a_tool_is_never_called_twice() -> None:
    b = FakeThink("b", [CALL])
    bench = Bench(FakeThink("a", [CALL, DOWN]), b)
    assert run(bench.reply()) == [CALL]
    assert b.asked == []
    assert bench.failed == [ProviderFailed("llm", "a", "HTTP 502", "")]


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (DOWN, 2),
        (ProviderError("a", "HTTP 401", retryable=False), 1),
        (ProviderBusy("a", "full"), 1),
        (ProviderSlow("a", "late"), 1),
    ],
)
def test_a_lone_model_is_asked_again_only_where_that_may_help(error: ProviderError, asked: int) -> None:
    a = FakeThink("a", [error])
    with pytest.raises(ProviderError):
        run(Bench(a).text())
    assert len(a.asked) == asked


def test_a_lone_model_goes_on_itself() -> None:
    a = FakeThink("a", [*words("We are open"), DOWN], words("from nine."))
    assert run(Bench(a).text()) == "We are open from nine. "


def test_a_failed_model_rests_and_then_is_the_first_choice_again() -> None:
    async def main() -> list[str]:
        said = [await bench.text(), await bench.text()]
        await asyncio.sleep(30.0)
        return [*said, await bench.text(), await bench.text()]

    a = FakeThink("a", [DOWN], [Words("A")])
    bench = Bench(a, FakeThink("b", [Words("B")]))
    assert run(main()) == ["B", "B", "A", "A"]
    assert len(bench.failed) == 1


def test_a_resting_model_is_still_the_last_resort() -> None:
    async def main() -> list[str]:
        return [await bench.text(), await bench.text()]

    a = FakeThink("a", [DOWN], [Words("A")])
    b = FakeThink("b", [Words("B")], [ProviderError("b", "gone")])
    bench = Bench(a, b)
    assert run(main()) == ["B", "A"]


def test_the_last_one_left_gets_more_time() -> None:
    async def main() -> None:
        assert await bench.text() == "Nine."
        assert now() == 11.5

    bench = Bench(FakeThink("a", [None]), FakeThink("b", [7.5, Words("Nine.")]))
    run(main())
    with pytest.raises(ProviderSlow, match="nothing came for 8 s"):
        run(Bench(FakeThink("a", [None])).text())


def test_closing_the_stream_closes_the_model_at_once() -> None:
    async def main() -> None:
        stream = bench.chain.stream(ASK)
        assert await anext(stream) == Words("We ")
        await close_stream(stream)
        assert a.closed == 1
        assert now() == 0.0

    a = FakeThink("a", [*words("We are open"), None])
    bench = Bench(a)
    run(main())


def test_cancelling_while_waiting_closes_the_model() -> None:
    async def main() -> None:
        task = asyncio.create_task(bench.text())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert a.closed == 1
        assert now() == 1.0

    a = FakeThink("a", [None])
    bench = Bench(a, FakeThink("b", words("Never.")))
    run(main())
    assert bench.failed == []


def test_a_model_that_cannot_be_closed_holds_nobody_up_for_long() -> None:
    class Sticky:
        name = "sticky"

        async def stream(self, ask: Ask) -> AsyncIterator[ThinkEvent]:
            try:
                yield Words("We ")
                raise DOWN
            finally:
                await asyncio.sleep(60)

    async def main() -> str:
        chain = ThinkChain([Sticky(), FakeThink("b", words("are open."))], lambda failed: None)
        stream = chain.stream(ASK)
        first = await anext(stream)
        await close_stream(stream)
        assert now() <= 1.0
        assert isinstance(first, Words)
        return first.text

    assert run(main()) == "We "
