"""Hedged requests: when a second model is asked, whose words are used, and what each attempt costs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.llm import LanguageModelChain
from media.providers.cleanup import close_stream
from media.providers.health import HealthBoard, HealthKey
from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    Message,
    ProviderError,
    TextDelta,
    TokenUsage,
    ToolCall,
)
from media.providers.usage import UsageMeter
from media.providers.wait_history import UsualWait
from shared.events import ProviderFailed, UsageRecorded
from shared.providers.chat import estimate_tokens
from tests.media.providers.fakes import FakeLanguageModel, Step, text_deltas
from tests.media.providers.virtual import now, run

REQUEST = ChatRequest("You are a receptionist.", [Message("user", "When are you open?")])
PROMPT_TOKENS = estimate_tokens(REQUEST, "").prompt
CALL = ToolCall("1", "book", "{}")
BROKEN = ProviderError("x", "broken")
SEED = UsualWait(0.5, 0.9)
NAMES = ("a", "b", "c")


class HedgingHarness:
    """A chain over scripted models whose vendors publish a wait, and what it reported. Made in the running loop."""

    def __init__(self, *models: FakeLanguageModel, seed: UsualWait | None = SEED) -> None:
        self.failed: list[ProviderFailed] = []
        self.usage: list[UsageRecorded] = []
        self.board = HealthBoard(now, chance=lambda: 0.0)
        self.keys = [HealthKey("llm", model.name) for model in models]
        self._models, self._seed = models, seed
        self.begin_call()

    def begin_call(self) -> None:
        """Another call, on the same board of health."""
        self.chain = LanguageModelChain(
            self._models,
            self.failed.append,
            meters=[UsageMeter("llm", model.name, self.usage.append) for model in self._models],
            health=ChainHealth(self.board, self.keys, seeds=[self._seed] * len(self._models)),
        )

    async def reply(self) -> list[LanguageModelEvent]:
        return [event async for event in self.chain.stream(REQUEST)]

    async def text(self) -> str:
        return "".join(event.text for event in await self.reply() if isinstance(event, TextDelta))

    def prompts(self) -> Counter[str]:
        """Tokens of the prompt that each model was paid for."""
        paid: Counter[str] = Counter()
        for usage in self.usage:
            if usage.unit == "prompt_tokens":
                paid[usage.provider] += usage.quantity
        return paid


def test_a_late_model_gets_a_rival_and_the_first_unit_decides() -> None:
    async def main() -> None:
        a = FakeLanguageModel("a", [None])
        harness = HedgingHarness(a, FakeLanguageModel("b", [0.3, *text_deltas("Nine to five.")]))
        assert await harness.text() == "Nine to five. "
        assert now() == pytest.approx(1.2)
        assert a.closed == 1
        assert [(failed.provider, failed.next) for failed in harness.failed] == [("a", "b")]
        assert harness.prompts() == {"a": PROMPT_TOKENS, "b": PROMPT_TOKENS}

    run(main())


def test_a_model_that_is_a_little_late_still_wins() -> None:
    async def main() -> None:
        b = FakeLanguageModel("b", [0.5, TextDelta("Never.")])
        harness = HedgingHarness(FakeLanguageModel("a", [1.0, TextDelta("Nine.")]), b)
        assert await harness.text() == "Nine."
        assert (now(), b.closed, harness.failed) == (1.0, 1, [])
        assert harness.prompts() == {"a": PROMPT_TOKENS, "b": PROMPT_TOKENS}

    run(main())


def test_no_rival_is_asked_where_the_model_has_begun() -> None:
    async def main() -> None:
        b = FakeLanguageModel("b", [TextDelta("Never.")])
        calling = HedgingHarness(FakeLanguageModel("a", [0.5, TextDelta(""), 0.8, CALL]), b)
        assert await calling.reply() == [CALL]
        assert b.requests == []

    run(main())


def test_no_rival_is_asked_after_a_tool_call() -> None:
    async def main() -> None:
        b = FakeLanguageModel("b", [CALL])
        harness = HedgingHarness(FakeLanguageModel("a", [CALL, None]), b)
        assert await harness.reply() == [CALL]
        assert (b.requests, [failed.next for failed in harness.failed]) == ([], [""])

    run(main())


def test_two_silent_models_leave_the_third_in_time() -> None:
    async def main() -> None:
        a, b = FakeLanguageModel("a", [None]), FakeLanguageModel("b", [None])
        harness = HedgingHarness(a, b, FakeLanguageModel("c", [0.1, TextDelta("Nine.")]))
        assert await harness.text() == "Nine."
        assert now() == pytest.approx(1.9)
        assert (a.closed, b.closed) == (1, 1)
        assert [(failed.provider, failed.next) for failed in harness.failed] == [("a", "c"), ("b", "c")]

    run(main())


def test_when_the_rival_fails_the_late_model_goes_on() -> None:
    async def main() -> None:
        harness = HedgingHarness(
            FakeLanguageModel("a", [1.5, TextDelta("Nine.")]), FakeLanguageModel("b", [0.1, BROKEN])
        )
        assert await harness.text() == "Nine."
        assert [(failed.provider, failed.next) for failed in harness.failed] == [("b", "a")]

    run(main())


def test_when_the_late_model_fails_the_rival_goes_on() -> None:
    async def main() -> None:
        harness = HedgingHarness(
            FakeLanguageModel("a", [1.0, BROKEN]), FakeLanguageModel("b", [0.5, TextDelta("Nine.")])
        )
        assert await harness.text() == "Nine."
        assert now() == pytest.approx(1.4)
        assert [(failed.provider, failed.next) for failed in harness.failed] == [("a", "b")]

    run(main())


def test_a_reply_that_stalls_in_the_middle_is_continued_within_the_bound() -> None:
    async def main() -> None:
        harness = HedgingHarness(
            FakeLanguageModel("a", [*text_deltas("We are open"), None]),
            FakeLanguageModel("b", [0.2, *text_deltas("from nine.")]),
        )
        assert await harness.text() == "We are open from nine. "
        assert now() == pytest.approx(1.1)

    run(main())


def test_the_deadline_is_learned_and_a_silent_model_is_ejected_for_all_calls() -> None:
    async def main() -> None:
        steady: list[Step] = [0.3, TextDelta("A")]
        a = FakeLanguageModel("a", *[steady] * 40, [None])
        harness = HedgingHarness(a, FakeLanguageModel("b", [0.1, TextDelta("B")]))
        assert {await harness.text() for _ in range(40)} == {"A"}
        usual = harness.board.usual_wait(harness.keys[0])
        assert usual is not None and (usual.median_s, usual.p99_s) == pytest.approx((0.3, 0.3))
        took = [await timed(harness) for _ in range(40)]
        assert took[0] == pytest.approx(0.43)  # a tenth more than usual, and the rival's wait
        assert max(took) == pytest.approx(0.43)  # a dead model does not raise its own deadline
        assert len(a.requests) - 40 <= 10  # its last successes weigh for a while; then it is ejected
        assert took[-1] == pytest.approx(0.1)
        assert not harness.board.is_usable(harness.keys[0])

    async def timed(harness: HedgingHarness) -> float:
        began = now()
        harness.begin_call()
        assert await harness.text() == "B"
        return now() - began

    run(main())


def test_a_model_that_is_slower_than_its_vendor_s_figures_is_learned_and_kept() -> None:
    async def main() -> None:
        b = FakeLanguageModel("b", [0.2, TextDelta("B"), 0.4, TextDelta("B")])
        harness = HedgingHarness(FakeLanguageModel("a", [1.2, TextDelta("A")]), b)
        said = [await harness.text() for _ in range(30)]
        assert said == ["BB"] * 3 + ["A"] * 27
        assert harness.board.is_usable(harness.keys[0])

    run(main())


def test_a_model_that_is_dead_or_much_slower_than_its_vendor_s_figures_is_ejected() -> None:
    async def main(silence: float | None) -> None:
        b = FakeLanguageModel("b", [0.2, TextDelta("B"), 0.6, TextDelta("B")])
        a = FakeLanguageModel("a", [silence, TextDelta("A")])
        harness = HedgingHarness(a, b)
        for _ in range(10):
            harness.begin_call()
            assert await harness.text() == "BB"
        assert len(a.requests) == 3
        assert not harness.board.is_usable(harness.keys[0])

    for silence in (None, 4.0):
        run(main(silence))


@pytest.mark.parametrize(("seed", "slower_s"), [(SEED, 0.7), (None, 2.0)])
def test_a_model_that_became_slower_is_back_after_one_ejection(seed: UsualWait | None, slower_s: float) -> None:
    async def main() -> None:
        fast: list[Step] = [0.3, TextDelta("A")]
        slower: list[Step] = [slower_s, TextDelta("A")]
        models = FakeLanguageModel("a", *[fast] * 40, slower), FakeLanguageModel("b", [0.2, TextDelta("B"), 1.0])
        harness = HedgingHarness(*models, seed=seed)
        for _ in range(40):
            await harness.text()
        said = ""
        for _ in range(100):
            await asyncio.sleep(2.0)
            harness.begin_call()
            said += await harness.text()
        assert said.endswith("A" * 60)
        assert said.count("B") < 40

    run(main())


class LastResortModel(FakeLanguageModel):
    """Answers at once, as rules do."""

    is_last_resort = True


def test_a_last_resort_races_no_model_that_is_only_slow() -> None:
    async def main() -> None:
        fast: list[Step] = [0.3, TextDelta("A")]
        a = FakeLanguageModel("a", *[fast] * 40, [2.5, TextDelta("A")])
        harness = HedgingHarness(a, LastResortModel("rules", [TextDelta("B")]))
        assert {await harness.text() for _ in range(60)} == {"A"}
        assert harness.failed == []

    run(main())


def test_a_last_resort_takes_over_from_models_that_failed() -> None:
    async def main() -> None:
        rules = LastResortModel("rules", [TextDelta("Nine.")])
        harness = HedgingHarness(FakeLanguageModel("a", [None]), FakeLanguageModel("b", [0.1, BROKEN]), rules)
        assert await harness.text() == "Nine."
        assert (now(), len(rules.requests)) == (Deadlines().first_token_s, 1)
        silent = HedgingHarness(FakeLanguageModel("a", [None]), rules)
        assert await silent.text() == "Nine."
        assert now() == 2 * Deadlines().first_token_s

    run(main())


def test_when_a_rival_fails_the_late_model_goes_on_before_a_last_resort() -> None:
    async def main() -> None:
        rules = LastResortModel("rules", [TextDelta("Never.")])
        a = FakeLanguageModel("a", [1.5, TextDelta("Nine.")])
        harness = HedgingHarness(a, FakeLanguageModel("b", [0.1, BROKEN]), rules)
        assert await harness.text() == "Nine."
        assert (rules.requests, [(failed.provider, failed.next) for failed in harness.failed]) == ([], [("b", "a")])

    run(main())


def test_a_model_at_work_is_not_given_up_for_a_third() -> None:
    async def main() -> None:
        c = FakeLanguageModel("c", [0.1, TextDelta("Never.")])
        writing: list[Step] = [0.95, TextDelta(""), 0.7, TextDelta(""), 0.7, CALL]
        harness = HedgingHarness(FakeLanguageModel("a", writing), FakeLanguageModel("b", [None]), c)
        assert await harness.reply() == [CALL]
        assert (c.requests, harness.failed) == ([], [])

    run(main())


def test_a_report_of_tokens_wins_no_race() -> None:
    async def main() -> None:
        a = FakeLanguageModel("a", [0.95, TokenUsage(3, 0), BROKEN])
        b = FakeLanguageModel("b", [0.3, TokenUsage(5, 0), TextDelta("Nine.")])
        harness = HedgingHarness(a, b)
        assert await harness.reply() == [TokenUsage(5, 0), TextDelta("Nine.")]
        assert now() == pytest.approx(1.2)
        assert (len(b.requests), harness.prompts()) == (1, {"a": 3, "b": 5})

    run(main())


def test_a_model_that_lost_continues_when_the_winner_breaks() -> None:
    async def main() -> None:
        a = FakeLanguageModel("a", [1.5, TextDelta("Never.")], [0.2, *text_deltas("from nine.")])
        b = FakeLanguageModel("b", [0.1, *text_deltas("We are open"), BROKEN])
        harness = HedgingHarness(a, b)
        assert await harness.text() == "We are open from nine. "
        assert [(failed.provider, failed.next) for failed in harness.failed] == [("a", "b"), ("b", "a")]

    run(main())


def test_closing_the_stream_ends_both_requests() -> None:
    async def main() -> None:
        a, b = FakeLanguageModel("a", [None]), FakeLanguageModel("b", [None])
        harness = HedgingHarness(a, b)
        task = asyncio.create_task(harness.text())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (a.closed, b.closed, now(), harness.failed) == (1, 1, 1.0, [])
        assert harness.prompts() == {"a": PROMPT_TOKENS, "b": PROMPT_TOKENS}

    run(main())


WORDS = ["one ", "two ", "three ", "four "]
pauses = st.sampled_from([0.0, 0.2, 0.85, 0.95, 1.3, 4.5])


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """A pause, then words with pauses; it may break, stall or end."""
    steps: list[Step] = [draw(pauses)]
    for word in WORDS[: draw(st.integers(0, 4))]:
        steps += [TextDelta(word), draw(st.sampled_from([0.0, 0.0, 0.3]))]
    endings: list[list[Step]] = [[], [], [BROKEN], [None]]
    return [*steps, *draw(st.sampled_from(endings))]


class ScriptedModel(FakeLanguageModel):
    """Continues where it is asked to: it says only the words that are still to come."""

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        said = request.messages[-2].text if len(request.messages) > 1 else ""
        stream = super().stream(request)
        try:
            async for event in stream:
                if not isinstance(event, TextDelta) or event.text not in said:
                    yield event
        finally:
            await close_stream(stream)


# Between two steps of all scripts: an attempt that is stopped in the step that breaks it has reported no failure yet.
stops = st.integers(0, 120).map(lambda step: 0.05 * step + 0.0137)


@settings(max_examples=60, deadline=None)
@given(st.lists(scripts(), min_size=2, max_size=3), st.none() | stops)
def test_words_are_never_doubled_and_every_attempt_is_paid_once(models: list[list[Step]], stop_s: float | None) -> None:
    async def main() -> None:
        used = [ScriptedModel(name, script) for name, script in zip(NAMES, models, strict=False)]
        harness = HedgingHarness(*used)
        stream = harness.chain.stream(REQUEST)
        heard: list[str] = []
        try:
            async with asyncio.timeout(stop_s):
                async for event in stream:
                    heard += [event.text] if isinstance(event, TextDelta) else []
        except (ProviderError, TimeoutError):
            pass
        await close_stream(stream)
        assert "".join(heard) == "".join(WORDS)[: len("".join(heard))]
        # A rival without a result is asked again, and once more after it lost.
        assert all(model.closed == len(model.requests) <= 3 for model in used)
        charged = Counter(usage.provider for usage in harness.usage if usage.unit == "prompt_tokens")
        # One that lost may break unheard, too.
        may_be_free = [one for one in harness.failed if one.reason == "broken" or "another one" in one.reason]
        free = Counter(failed.provider for failed in may_be_free)
        asked = Counter({model.name: len(model.requests) for model in used})
        assert asked - free <= charged <= asked

    run(main())
